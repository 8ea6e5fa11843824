/** Something that a service asks IAM about. */
export interface AccessRequest {
  /** For example `s3:GetObject`. */
  readonly action: string;
  /** ARN of what it is done with. */
  readonly resource: string;
  /** Condition keys and their values; one that is not there fails its condition. */
  readonly context?: Readonly<Record<string, string>>;
}

interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/**
 * Whether a policy allows a request, by IAM's own rules for the elements that our policies have; it throws on any other one, rather than to
 * pass over it.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function isAllowed(policy: string, request: AccessRequest): boolean {
  const { Version, Statement: statements } = JSON.parse(policy) as { Version: string; Statement: Statement[] };
  if (Version !== '2012-10-17') throw new Error(`a policy of the version '${Version}' means something else`);
  return statements.some((statement) => allows(statement, request));
}

function allows(statement: Statement, { action, resource, context = {} }: AccessRequest): boolean {
  const { Effect, Action, Resource, Condition = {}, ...others } = statement;
  const unknown = Object.keys(others).filter((key) => key !== 'Sid');
  if (Effect !== 'Allow' || unknown.length > 0) throw new Error(`not known here: ${JSON.stringify(statement)}`);
  return (
    Action.some((pattern) => like(pattern.toLowerCase(), action.toLowerCase())) &&
    Resource.some((pattern) => like(pattern, resource)) &&
    Object.entries(Condition).every(([operator, keys]) => {
      if (operator !== 'StringLike') throw new Error(`the operator '${operator}' is not known here`);
      return Object.entries(keys).every(([key, patterns]) => {
        const value = context[key];
        return value !== undefined && patterns.some((pattern) => like(pattern, value));
      });
    })
  );
}

/** `*` is any text, `?` any character; a variable would mean something else. */
function like(pattern: string, text: string): boolean {
  if (pattern.includes('${')) throw new Error(`'${pattern}' has a variable`);
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '[^]*').replaceAll('?', '[^]')}$`).test(text);
}
