import { parseTemplate, written } from './terraform/expressions';
import { FUNCTIONS } from './terraform/functions';
import { type Body, follow, type Item, Items, providerOf, texts } from './terraform/items';
import { checkPolicies } from './terraform/policies';
import { checkArguments } from './terraform/values';

/** What is checked beside the schema. */
export interface CheckStackOptions {
  /**
   * Whether the stack is one that is applied, and not a part of one in a test: it has to have its providers, each of a pinned
   * version, and a backend.
   *
   * @default false
   */
  readonly complete?: boolean;
}

/** https://developer.hashicorp.com/terraform/language/meta-arguments */
const META = ['depends_on', 'count', 'for_each', 'provider', 'lifecycle', 'provisioner', 'connection', '//'];
const LIFECYCLE = [
  ...['create_before_destroy', 'prevent_destroy', 'ignore_changes', 'replace_triggered_by'],
  ...['precondition', 'postcondition'],
];

/**
 * Everything that is wrong with a synthesized stack, as far as the provider's bindings know its schema: types that there are not,
 * arguments that there are not, that are missing or of the wrong type, references to what is not there, circles, tokens that were
 * never resolved, policies that IAM would not read. Empty when all is well.
 *
 * @param json - what `Testing.synth(stack)` returns, or the contents of `cdk.tf.json`
 * @example
 * expect(checkStack(Testing.synth(stack))).toEqual([]);
 */
export function checkStack(json: string, { complete = false }: CheckStackOptions = {}): string[] {
  const stack = JSON.parse(json) as Record<string, unknown>;
  const items = new Items(stack);
  const ofItems = items.all.flatMap((item) =>
    [...checkItem(item, items), ...checkReferences(item, items), ...checkMeta(item), ...checkPolicies(item)].map(
      (problem) => `${item.address}: ${problem}`,
    ),
  );
  const ofStack = [...unresolved(json), ...items.circles(), ...(complete ? checkComplete(stack, items) : [])];
  return [...items.problems, ...ofItems, ...ofStack];
}

function checkItem({ kind, body, schema }: Item, items: Items): string[] {
  if (kind === 'module') return checkModule(body);
  if (!schema) return [];
  const own = Object.entries(body).filter(([name]) => kind === 'provider' || !META.includes(name));
  return checkArguments(schema.args, Object.fromEntries(own), (reference) => items.resolve(reference).type);
}

/** Arguments of a module are not known from any bindings; that it is always the same one is. */
function checkModule({ source, version }: Body): string[] {
  if (typeof source !== 'string') return ["'source' is required and missing"];
  const registry = /^([\w.-]+\/)?[\w-]+\/[\w-]+\/[\w-]+(\/\/.+)?$/.test(source);
  if (registry) return /^\d+\.\d+\.\d+$/.test(String(version)) ? [] : [`'version' (${String(version)}) must be pinned`];
  return source.startsWith('.') || /[?&]ref=[^&]+/.test(source) ? [] : [`'source' (${source}) must be pinned by ref=`];
}

function checkReferences({ kind, body }: Item, items: Items): string[] {
  // What these hold are addresses and no templates.
  const { depends_on: dependsOn = [], provider, lifecycle: _, ...rest } = body;
  const problems: string[] = [];
  const iterators = iteratorsOf(rest);
  for (const text of texts(kind === 'provider' ? body : rest)) {
    const { references, functions, problems: broken } = parseTemplate(text);
    problems.push(...broken.map((each) => `${each} in '${text}'`));
    for (const name of functions) {
      if (!FUNCTIONS.has(name)) problems.push(`Terraform has no function '${name}'`);
    }
    for (const reference of references) {
      const { problem } = iterators.has(reference[0]!) ? {} : items.resolve(reference);
      if (problem !== undefined) problems.push(`${written(reference)} ${problem}`);
    }
  }
  for (const address of dependsOn as string[]) {
    if (!items.has(address)) problems.push(`depends_on: ${address} is not in the stack`);
  }
  if (typeof provider === 'string' && !items.has(`provider.${provider}`)) {
    problems.push(`provider: ${provider} is not in the stack`);
  }
  return problems;
}

function checkMeta({ kind, body, schema }: Item): string[] {
  if (kind === 'provider' || !schema) return [];
  const lifecycle = (body.lifecycle ?? {}) as Body;
  const unknown = Object.keys(lifecycle).filter((name) => !LIFECYCLE.includes(name));
  const problems = unknown.map((name) => `'lifecycle.${name}' is no argument`);
  const ignored = lifecycle.ignore_changes ?? [];
  for (const path of ignored === 'all' ? [] : (ignored as string[])) {
    const { problem } = follow(schema.args, path.split(/\.|(?=\[)/));
    if (problem !== undefined) problems.push(`lifecycle.ignore_changes: ${path} ${problem}`);
  }
  if ('count' in body && 'for_each' in body) problems.push("'count' and 'for_each' exclude each other");
  return problems;
}

function checkComplete({ terraform }: Record<string, unknown>, items: Items): string[] {
  const { backend, required_providers: required = {} } = (terraform ?? {}) as Record<string, Body>;
  const problems = backend ? [] : ['terraform: has no backend: its state would be a file'];
  const used = new Set(items.all.filter(({ schema }) => schema).map(({ type }) => providerOf(type)));
  for (const name of used) {
    if (!items.all.some(({ kind, type }) => kind === 'provider' && type === name)) {
      problems.push(`provider.${name}: is used and not configured`);
    }
    const { version } = (required[name] ?? {}) as { version?: string };
    if (!/^(= ?)?\d+\.\d+\.\d+$|^~> ?\d+\.\d+/.test(version ?? '')) {
      problems.push(`terraform.required_providers.${name}: has no pinned version (${version})`);
    }
  }
  return problems;
}

/** Names by which the content of dynamic blocks refers to what it is made for. */
function iteratorsOf(value: unknown): Set<string> {
  const found = new Set<string>();
  const visit = (each: unknown): void => {
    if (typeof each !== 'object' || each === null) return;
    for (const [key, inner] of Object.entries(each)) {
      if (key === 'dynamic') {
        for (const [name, block] of Object.entries(inner as Record<string, Body>)) {
          found.add(typeof block.iterator === 'string' ? block.iterator : name);
        }
      }
      visit(inner);
    }
  };
  visit(value);
  return found;
}

/** Tokens of cdktf that are still in the JSON: https://developer.hashicorp.com/terraform/cdktf/concepts/tokens */
function unresolved(json: string): string[] {
  const found = json.match(/[$#&]\{TfToken\[[^\]]*\]\}|-1\.8881545897\d*e\+289/g) ?? [];
  return [...new Set(found)].map((token) => `${token} was never resolved`);
}
