import { readFile } from 'node:fs/promises';
import { CORE_SCHEMA, load } from 'js-yaml';
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml';
import type * as z from 'zod';
import { suggest } from 'cdk8s-mlops/contract';
import { Failure, messageOf } from './failure';

/**
 * Reads a YAML (or JSON) file and checks it against a schema.
 *
 * @throws Failure with every problem: file, line and column, what was got and expected, and a suggestion for a misspelt key
 */
export async function readYamlFile<T>(path: string, what: string, schema: z.ZodType<T>): Promise<T> {
  return parseYaml(await readYamlText(path, what), path, schema);
}

/** The text of a file. */
export async function readYamlText(path: string, what: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw Failure.configuration(`cannot read ${what} '${path}': ${messageOf(error)}`);
  });
}

/** The same for a text; `path` is only named in problems. */
export function parseYaml<T>(text: string, path: string, schema: z.ZodType<T>): T {
  const value = parseValue(text, path);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw located(
    text,
    path,
    result.error.issues.flatMap((issue) => explain(issue, value, schema)),
  );
}

/** What is wrong in a file. */
export interface FileProblem {
  /** Keys and indexes from the top of the file. */
  readonly keys: readonly PropertyKey[];
  /** The key itself is wrong, not its value. */
  readonly key?: string;
  readonly message: string;
}

/**
 * The value of a YAML or JSON text.
 *
 * @throws Failure for each syntax error, with its line and column
 */
export function parseValue(text: string, path: string): unknown {
  const value = fastValue(text);
  if (value !== undefined) return value;
  const { document, at } = parsePositions(text, path);
  if (document.errors.length > 0) {
    throw Failure.configuration(...document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`));
  }
  return plainValue(document, path);
}

/** Problems of a file, each with the line and column of what it speaks of. */
export function located(text: string, path: string, problems: readonly FileProblem[]): Failure {
  const { document, at } = parsePositions(text, path);
  return Failure.configuration(
    ...problems.map(({ keys, key, message }) => `${at(offsetOf(document, keys, key))}: ${message}`),
  );
}

function parsePositions(text: string, path: string): { document: Document; at: (offset: number) => string } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  return { document, at };
}

/** Anchors, aliases, tags and directives: what few files have, and the parsers do not treat alike. */
const UNUSUAL = /(^|[\s,[{:-])[&*!]\S|^%/m;

/**
 * The value of a plain and faultless text, a fifth of the time that the parser takes which knows the place of everything; that one is left
 * with the rest, and with saying what is wrong.
 */
function fastValue(text: string): unknown {
  const json = plainJson(text);
  if (json !== undefined || UNUSUAL.test(text)) return json;
  try {
    return load(text, { schema: CORE_SCHEMA });
  } catch {
    return undefined;
  }
}

/**
 * JSON is YAML, and its own parser reads it many times as fast. A key that is there twice would be lost by it, so that such a text is
 * left to the other one, which says where.
 */
function plainJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  let keys = 0;
  try {
    const value: unknown = JSON.parse(text, (_, each: unknown) => {
      if (typeof each === 'object' && each !== null && !Array.isArray(each)) keys += Object.keys(each).length;
      return each;
    });
    const written = text.match(/"(?:[^"\\]|\\.)*"\s*:?/g)?.filter((each) => each.endsWith(':')).length ?? 0;
    return written === keys ? value : undefined;
  } catch {
    return undefined;
  }
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

function explain(issue: z.core.$ZodIssue, root: unknown, schema: z.ZodType): FileProblem[] {
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
  const node = nodeAt(document, path);
  const pair = key === undefined ? undefined : pairOf(document, node, key);
  if (pair && isNode(pair.key) && pair.key.range) return pair.key.range[0];
  return isNode(node) && node.range ? node.range[0] : 0;
}

/** The node at a path; the nearest one around it where there is none. */
function nodeAt(document: Document, path: readonly PropertyKey[]): unknown {
  let node: unknown = document.contents;
  for (const key of path) {
    const collection = resolved(document, node);
    const next: unknown = isSeq(collection)
      ? collection.items[Number(key)]
      : pairOf(document, collection, String(key))?.value;
    if (next === undefined || next === null) break;
    node = next;
  }
  return node;
}

/** The pair of a key, which in YAML may be a number, a boolean or nothing. */
function pairOf(document: Document, node: unknown, key: string): Pair | undefined {
  const map = resolved(document, node);
  return isMap(map) ? map.items.find((item) => isScalar(item.key) && String(item.key.value) === key) : undefined;
}

const resolved = (document: Document, node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
