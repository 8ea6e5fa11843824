import { suggest } from './suggest';

/** Keys and indexes from the top of a file. */
export type FilePath = readonly (string | number)[];
export type Report = (path: FilePath, message: string) => void;
export type Mapping = Readonly<Record<string, unknown>>;

/** What a part of the file must be: as a check that explains, and as JSON Schema for editors. */
export interface Shape {
  readonly schema: object;
  check(value: unknown, path: FilePath, report: Report): void;
}

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON has no NaN, no infinities and no big integers. */
const show = (value: unknown): string =>
  typeof value === 'string' || (typeof value === 'object' && value !== null) ? JSON.stringify(value) : String(value);

/** A shape that is one test of a value. */
function simple(schema: object, fits: (value: unknown) => boolean, expected: string): Shape {
  return {
    schema,
    check(value, path, report) {
      if (!fits(value)) report(path, `must be ${expected}, got ${show(value)}`);
    },
  };
}

const isFinite = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

export const number = simple({ type: 'number' }, isFinite, 'a finite number');

export const within = (low: number, high: number): Shape =>
  simple(
    { type: 'number', exclusiveMinimum: low, exclusiveMaximum: high },
    (value) => isFinite(value) && value > low && value < high,
    `a number between ${low} and ${high}`,
  );

export const atLeast = (low: number): Shape =>
  simple({ type: 'number', minimum: low }, (value) => isFinite(value) && value >= low, `a number of ${low} or more`);

export const text = simple(
  { type: 'string', minLength: 1 },
  (value) => typeof value === 'string' && value !== '',
  'a text',
);

export const exactly = (only: number, why: string): Shape =>
  simple({ const: only }, (value) => value === only, `${only}, ${why}`);

export const oneOf = (...choices: string[]): Shape => ({
  schema: { enum: choices },
  check(value, path, report) {
    if (typeof value === 'string' && choices.includes(value)) return;
    const near = typeof value === 'string' ? suggest(value, choices) : undefined;
    report(path, `must be one of ${choices.join(', ')}, got ${show(value)}${near ? `; did you mean ${near}?` : ''}`);
  },
});

const PERCENTAGE = /^\d+(\.\d+)?%$/;

/** A distance on the metric's scale, or a percentage of the baseline. */
export const amount = simple(
  {
    anyOf: [
      { type: 'number', minimum: 0 },
      { type: 'string', pattern: PERCENTAGE.source },
    ],
  },
  (value) => (isFinite(value) && value >= 0) || (typeof value === 'string' && PERCENTAGE.test(value)),
  'a number of 0 or more or a percentage like "0.5%"',
);

export const mapping = (keys: Readonly<Record<string, Shape>>, required: readonly string[] = []): Shape => ({
  schema: {
    type: 'object',
    properties: Object.fromEntries(Object.entries(keys).map(([key, { schema }]) => [key, schema])),
    required,
    additionalProperties: false,
  },
  check(value, path, report) {
    if (!isMapping(value)) return report(path, `must be a mapping, got ${show(value)}`);
    for (const [key, entry] of Object.entries(value)) {
      const shape = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (shape) {
        if (entry !== undefined) shape.check(entry, [...path, key], report);
        continue;
      }
      const near = suggest(key, Object.keys(keys));
      const known = Object.keys(keys).join(', ');
      report([...path, key], `is not a key of the gate file${near ? `; did you mean ${near}?` : ` here: ${known}`}`);
    }
    for (const key of required) {
      if (value[key] === undefined) report(path, `must have the key ${key}`);
    }
  },
});

export const list = (item: Shape): Shape => ({
  schema: { type: 'array', items: item.schema },
  check(value, path, report) {
    if (!Array.isArray(value)) return report(path, `must be a list, got ${show(value)}`);
    value.forEach((entry, index) => item.check(entry, [...path, index], report));
  },
});

/** A shape with rules between its keys, which JSON Schema gets as far as it can say them. */
export const also = (shape: Shape, more: object, check: Shape['check']): Shape => ({
  schema: { ...shape.schema, ...more },
  check(value, path, report) {
    shape.check(value, path, report);
    check(value, path, report);
  },
});
