/*
 * The grammar of IAM's policies, for those that a stack holds as JSON.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */

interface Holder {
  readonly type: string;
  readonly body: unknown;
}

type Statement = Record<string, unknown>;

/** Whom a policy is attached to decides on whether it names a principal. */
type Kind = 'identity' | 'trust' | 'resource';

const IDENTITY_TYPES =
  /^aws_(iam_(policy|role_policy|user_policy|group_policy|role)|ssoadmin_permission_set_inline_policy|eks_pod_identity_association)$/;
const KEYS = [
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
];
const OPERATOR =
  /^(ForAllValues:|ForAnyValue:)?(String(Not)?(Equals|Like)(IgnoreCase)?|(Numeric|Date)(NotEquals|Equals|(LessThan|GreaterThan)(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$/;

/**
 * Characters that AWS takes, white space not counted.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
 */
const SIZES: Readonly<Record<string, number>> = {
  'aws_iam_policy.policy': 6_144,
  'aws_iam_role_policy.policy': 10_240,
  'aws_iam_role.assume_role_policy': 2_048,
  'aws_s3_bucket_policy.policy': 20_480,
};

/** What is wrong with the policies, and with other JSON, that a block holds. */
export function checkPolicies({ type, body }: Holder): string[] {
  return documents(body, '').flatMap(({ path, text }) => {
    let document: unknown;
    try {
      document = JSON.parse(withoutTemplates(text));
    } catch (error) {
      return [`'${path}' is no JSON: ${(error as Error).message}`];
    }
    if (typeof document !== 'object' || document === null || !('Statement' in document)) return [];
    const problems = checkPolicy(document, kindOf(type, path));
    const limit = SIZES[`${type}.${path}`];
    const size = text.replaceAll(/\s/g, '').length;
    if (limit !== undefined && size > limit) problems.push(`has ${size} characters, and AWS takes ${limit}`);
    return problems.map((problem) => `'${path}' ${problem}`);
  });
}

/** Every string that has to be JSON: by the name of its argument, or because it begins so. */
function documents(value: unknown, path: string): { path: string; text: string }[] {
  if (typeof value === 'string') {
    const named = /(^|[._])policy$/.test(path) && !/^\s*\$\{|^[\w:/.-]*$/.test(value);
    return named || /^\s*(\{\s*"|\[\s*\{)/.test(value) ? [{ path, text: value }] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key === '//' ? [] : documents(each, path ? `${path}.${key}` : key),
  );
}

/** Templates are known when they are applied; within JSON they stand in strings. */
function withoutTemplates(text: string): string {
  return text.replaceAll(/(?<!\$)\$\{[^}]*\}/g, 'template');
}

function kindOf(type: string, path: string): Kind {
  if (/(^|\.)assume_role_policy$/.test(path)) return 'trust';
  return IDENTITY_TYPES.test(type) ? 'identity' : 'resource';
}

function checkPolicy({ Version, Statement }: { Version?: unknown; Statement: unknown }, kind: Kind): string[] {
  const problems: string[] = [];
  if (Version !== '2012-10-17') problems.push(`has Version ${JSON.stringify(Version)}, and not '2012-10-17'`);
  const statements = [Statement].flat() as Statement[];
  if (statements.length === 0) problems.push('has no statement');
  const ids = statements.flatMap(({ Sid }) => (typeof Sid === 'string' ? [Sid] : []));
  if (new Set(ids).size < ids.length) problems.push(`names a statement twice (${ids.join(', ')})`);
  statements.forEach((statement, index) => {
    const name = typeof statement.Sid === 'string' ? statement.Sid : `Statement[${index}]`;
    problems.push(...checkStatement(statement, kind).map((problem) => `${name}: ${problem}`));
  });
  return problems;
}

function checkStatement(statement: Statement, kind: Kind): string[] {
  const problems = Object.keys(statement)
    .filter((key) => !KEYS.includes(key))
    .map((key) => `'${key}' is no element of a statement`);
  const { Sid, Effect } = statement;
  if (Effect !== 'Allow' && Effect !== 'Deny') problems.push(`Effect is ${JSON.stringify(Effect)}, not Allow or Deny`);
  if (Sid !== undefined && kind !== 'resource' && !(typeof Sid === 'string' && /^[A-Za-z0-9]*$/.test(Sid))) {
    problems.push('Sid takes letters and digits only');
  }
  for (const element of ['Action', ...(kind === 'identity' ? ['Resource'] : [])]) {
    if (element in statement === `Not${element}` in statement)
      problems.push(`needs one of ${element} and Not${element}`);
  }
  if (kind === 'trust' && ('Resource' in statement || 'NotResource' in statement))
    problems.push('a trust takes no Resource');
  const hasPrincipal = 'Principal' in statement || 'NotPrincipal' in statement;
  if (hasPrincipal === (kind === 'identity')) {
    problems.push(kind === 'identity' ? 'a policy of an identity takes no Principal' : 'needs a Principal');
  }
  for (const action of listed(statement.Action ?? statement.NotAction)) {
    if (!/^(\*|[a-z0-9-]+:[A-Za-z0-9*?]+)$/.test(action)) problems.push(`'${action}' is no action`);
  }
  for (const resource of listed(statement.Resource ?? statement.NotResource)) {
    const arn = /^(\*|(arn|template):?[^:]*:[^:]*:[^:]*:[^:]*:.+)$/.test(resource);
    if (!arn && !resource.startsWith('template')) problems.push(`'${resource}' is no ARN`);
  }
  return [...problems, ...checkPrincipal(statement.Principal), ...checkCondition(statement.Condition)];
}

function checkPrincipal(principal: unknown): string[] {
  if (principal === undefined || principal === '*') return [];
  if (typeof principal !== 'object' || principal === null) return [`Principal is ${JSON.stringify(principal)}`];
  return Object.keys(principal)
    .filter((key) => !['AWS', 'Service', 'Federated', 'CanonicalUser'].includes(key))
    .map((key) => `'${key}' is no kind of principal`);
}

function checkCondition(condition: unknown): string[] {
  return Object.entries((condition ?? {}) as Record<string, Record<string, unknown>>).flatMap(([operator, keys]) => [
    ...(OPERATOR.test(operator) ? [] : [`'${operator}' is no operator of a condition`]),
    ...Object.keys(keys)
      .filter((key) => !key.includes(':'))
      .map((key) => `'${key}' is no key of a condition`),
  ]);
}

function listed(value: unknown): string[] {
  return value === undefined ? [] : ([value].flat() as string[]).map(String);
}
