import { readFile } from 'node:fs/promises';
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import type * as z from 'zod';
import { suggest } from 'cdk8s-mlops/contract';
import { Failure, messageOf } from './failure';

/**
 * Reads a YAML (or JSON) file and checks it against a schema.
 *
 * @throws Failure with every problem: file, line and column, what was got and expected, and a suggestion for a misspelt key
 */
export async function readYamlFile<T>(path: string, what: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw Failure.configuration(`cannot read ${what} '${path}': ${messageOf(error)}`);
  });
  return parseYaml(text, path, schema);
}

/** The same for a text; `path` is only named in problems. */
export function parseYaml<T>(text: string, path: string, schema: z.ZodType<T>): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw Failure.configuration(...document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`));
  }
  const value = plainValue(document, path);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => explain(issue, value, schema));
  throw Failure.configuration(
    ...problems.map(({ keys, key, message }) => `${at(offsetOf(document, keys, key))}: ${message}`),
  );
}

function plainValue(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Aliases: one of nothing, or so many that they are an attack.
    throw Failure.configuration(`${path}: ${messageOf(error)}`);
  }
}

/** Longest part of a value that a problem shows. */
const SHOWN = 80;

interface Problem {
  readonly keys: readonly PropertyKey[];
  /** The key itself is wrong, not its value. */
  readonly key?: string;
  readonly message: string;
}

function explain(issue: z.core.$ZodIssue, root: unknown, schema: z.ZodType): Problem[] {
  const name = issue.path.length > 0 ? `'${issue.path.join('.')}'` : 'the file';
  const got = valueAt(root, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => {
      const near = suggest(key, known);
      return {
        keys: issue.path,
        key,
        message: `'${[...issue.path, key].join('.')}' is not a key here${near ? `; did you mean '${near}'?` : ''}`,
      };
    });
  }
  if (issue.code === 'invalid_union') {
    // The branch that was meant is the one whose problems are furthest inside; of several, the one with the fewest.
    const depth = (branch: readonly z.core.$ZodIssue[]): number =>
      Math.min(...branch.map(({ path, code }) => path.length + (code === 'unrecognized_keys' ? 1 : 0)));
    const best = [...issue.errors].sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0];
    if (best?.length)
      return best.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, root, schema));
  }
  if (got === undefined) return [{ keys: issue.path.slice(0, -1), message: `${name} is missing` }];
  const shown = JSON.stringify(got);
  const short = shown.length > SHOWN ? `${shown.slice(0, SHOWN - 1)}…` : shown;
  const expected = issue.message.replace(/^Invalid (input|option): /, '').replace(/, received .*$/, '');
  return [{ keys: issue.path, message: `${name}: ${expected}, got ${short}` }];
}

/** Keys that the schema knows at a path. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const { def } = schema._zod as unknown as { def: SchemaDefinition };
  if (def.innerType) return keysAt(def.innerType, path);
  if (def.options) return def.options.flatMap((option) => keysAt(option, path));
  const [key, ...rest] = path;
  if (key === undefined) return Object.keys(def.shape ?? {});
  const next = def.shape?.[String(key)] ?? def.element ?? def.valueType;
  return next ? keysAt(next, rest) : [];
}

/** The parts of zod's definitions that nest: objects, lists, records, unions and optional values. */
interface SchemaDefinition {
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly element?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly innerType?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], root);
}

function offsetOf(document: Document, path: readonly PropertyKey[], key: string | undefined): number {
  const node = document.getIn(path as unknown[], true);
  if (key !== undefined && isMap(node)) {
    const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
    if (pair && isNode(pair.key) && pair.key.range) return pair.key.range[0];
  }
  return isNode(node) && node.range ? node.range[0] : 0;
}
