import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { failureOf } from './testing/problems';
import { located, parseValue, parseYaml, readYamlFile } from './yaml-file';

const SCHEMA = z.strictObject({
  model: z.string(),
  hours: z.int().positive().optional(),
  action: z.enum(['review', 'retrain']).optional(),
  window: z.strictObject({ rows: z.number(), extendDays: z.number().optional() }).optional(),
  features: z.record(z.string(), z.strictObject({ threshold: z.number().optional() })).optional(),
  steps: z.array(z.strictObject({ name: z.string() })).optional(),
  limit: z.union([z.number(), z.strictObject({ minimum: z.number(), slack: z.number().optional() })]).optional(),
});

const problemsOf = async (text: string): Promise<readonly string[]> => {
  const { exitCode, problems } = await failureOf(() => parseYaml(text, 'check.yaml', SCHEMA));
  expect(exitCode).toBe(2);
  return problems;
};

test('a valid file becomes its value, as YAML or JSON', () => {
  expect(parseYaml('model: churn\nwindow: { rows: 5 }\n', 'x', SCHEMA)).toEqual({
    model: 'churn',
    window: { rows: 5 },
  });
  expect(parseYaml('{"model": "churn"}', 'x', SCHEMA)).toEqual({ model: 'churn' });
});

test('a misspelt key is named where it stands, with the key that was meant', async () => {
  expect(await problemsOf('model: churn\nwindow:\n  rows: 1\n  extenddays: 7\n')).toEqual([
    "check.yaml:4:3: 'window.extenddays' is not a key here; did you mean 'extendDays'?",
  ]);
});

test('a misspelt key is found in records and lists', async () => {
  const text = 'model: churn\nfeatures:\n  age:\n    treshold: 1\nsteps:\n  - name: a\n  - name: b\n    nmae: c\n';
  expect(await problemsOf(text)).toEqual([
    "check.yaml:4:5: 'features.age.treshold' is not a key here; did you mean 'threshold'?",
    "check.yaml:8:5: 'steps.1.nmae' is not a key here; did you mean 'name'?",
  ]);
});

test('a key that is like none has no suggestion', async () => {
  expect(await problemsOf('model: churn\ncolour: red\n')).toEqual(["check.yaml:2:1: 'colour' is not a key here"]);
});

test('a missing key is named where its object begins', async () => {
  expect(await problemsOf('model: churn\nwindow:\n  extendDays: 2\n')).toEqual([
    "check.yaml:3:3: 'window.rows' is missing",
  ]);
});

test.each([
  ['model: 5', "check.yaml:1:8: 'model': expected string, got 5"],
  ['model: churn\nhours: 1.5', "check.yaml:2:8: 'hours': expected int, got 1.5"],
  ['model: churn\nhours: -1', "check.yaml:2:8: 'hours': Too small: expected number to be >0, got -1"],
  ['model: churn\naction: retry', 'check.yaml:2:9: \'action\': expected one of "review"|"retrain", got "retry"'],
  ['model: churn\nwindow: null', "check.yaml:2:9: 'window': expected object, got null"],
  ['model: churn\nsteps:\n  - 5', "check.yaml:3:5: 'steps.0': expected object, got 5"],
  ['- a', 'check.yaml:1:1: the file: expected object, got ["a"]'],
  ['', 'check.yaml:1:1: the file: expected object, got null'],
])('%j is a wrong value', async (text, problem) => {
  expect(await problemsOf(text)).toEqual([problem]);
});

test('a long value is cut', async () => {
  const [problem] = await problemsOf(`model: churn\nhours: ${'x'.repeat(500)}\n`);
  expect(problem).toBe(`check.yaml:2:8: 'hours': expected number, got "${'x'.repeat(78)}…`);
});

test('several problems are all reported, in one failure', async () => {
  expect(await problemsOf('modle: churn\nhours: soon\n')).toEqual([
    "check.yaml:1:1: 'model' is missing",
    'check.yaml:2:8: \'hours\': expected number, got "soon"',
    "check.yaml:1:1: 'modle' is not a key here; did you mean 'model'?",
  ]);
});

test.each([
  ['model: churn\nfeatures:\n  7:\n    treshold: 1\n', "check.yaml:4:5: 'features.7.treshold'"],
  ['model: churn\nfeatures:\n  true: { treshold: 1 }\n', "check.yaml:3:11: 'features.true.treshold'"],
  ['model: churn\nfeatures:\n  a: &a { treshold: 1 }\n', "check.yaml:3:11: 'features.a.treshold'"],
  ['{"model": "churn",\n  "features": {"a": {"treshold": 1}}}', "check.yaml:2:22: 'features.a.treshold'"],
  ['\ufeffmodel: churn\nfeatures: { a: { treshold: 1 } }\n', "check.yaml:2:18: 'features.a.treshold'"],
])('the key of %j is found', async (text, place) => {
  expect(await problemsOf(text)).toEqual([`${place} is not a key here; did you mean 'threshold'?`]);
});

test('what stands behind an alias is found where it was written', async () => {
  const text = 'model: churn\nsteps:\n  - &first\n    nmae: a\n  - *first\n';
  const places = (await problemsOf(text)).map((problem) => problem.replace(/ (is|expected).*/, ''));
  expect(places).toEqual([
    "check.yaml:4:5: 'steps.0.name'",
    "check.yaml:4:5: 'steps.0.nmae'",
    "check.yaml:5:5: 'steps.1.name'",
    "check.yaml:4:5: 'steps.1.nmae'",
  ]);
});

test.each<[readonly PropertyKey[], string | undefined, string]>([
  [[], undefined, 'x:1:1: wrong'],
  [['a', 'b'], undefined, 'x:3:6: wrong'],
  [['a'], 'b', 'x:3:3: wrong'],
  [['a', 'b', 1], undefined, 'x:3:10: wrong'],
  [['a', 'gone', 'deeper'], undefined, 'x:3:3: wrong'],
  [['a', 'b', 9], undefined, 'x:3:6: wrong'],
  [['a'], 'gone', 'x:3:3: wrong'],
])('a problem at %j %p is placed', (keys, key, expected) => {
  expect(located('z: 1\na:\n  b: [1, 2]\n', 'x', [{ keys, key, message: 'wrong' }]).problems).toEqual([expected]);
});

test.each<[string, unknown]>([
  ['{"a": [1, {"b": "\\" : \\\\"}], "c": ":"}', { a: [1, { b: '" : \\' }], c: ':' }],
  ['\ufeff{"a": 1}', { a: 1 }],
  [' \n[1, 2]', [1, 2]],
  ['{"a": 1, # but one of YAML\n}', { a: 1 }],
  ['[]', []],
  ['null', null],
  ['', null],
])('the value of %j', (text, value) => expect(parseValue(text, 'x')).toEqual(value));

test.each(['{"a": 1,\n "a": 2}', '{"b": {"a": 1,\n "a": 2}}', '[{"a": 1,\n "a": "b\\": "}]'])(
  'a key that is in %j twice is refused with its place',
  async (text) => {
    const { problems } = await failureOf(() => parseValue(text, 'x.json'));
    expect(problems).toEqual(['x.json:2:2: Map keys must be unique']);
  },
);

describe('of a value that may be of several kinds', () => {
  test('the kind that was meant is explained', async () => {
    expect(await problemsOf('model: churn\nlimit:\n  minimum: high\n  slakc: 1\n')).toEqual([
      'check.yaml:3:12: \'limit.minimum\': expected number, got "high"',
      "check.yaml:4:3: 'limit.slakc' is not a key here; did you mean 'slack'?",
    ]);
  });

  test('any kind is named when none was', async () => {
    expect(await problemsOf('model: churn\nlimit: high\n')).toEqual([
      'check.yaml:2:8: \'limit\': expected number, got "high"',
    ]);
  });
});

describe('broken YAML', () => {
  test.each([
    ['model: "churn\n', /^check\.yaml:\d+:\d+: Missing closing "quote/],
    ['model: a\nmodel: b\n', /^check\.yaml:2:1: Map keys must be unique$/],
    ['model: [a\n', /^check\.yaml:2:1: Flow sequence in block collection/],
    ['a: 1\n---\nb: 2\n', /^check\.yaml:2:1: Source contains multiple documents/],
    ['model: *nothing\n', /^check\.yaml: Unresolved alias/],
  ])('%j is refused with its place', async (text, expected) => {
    expect((await problemsOf(text))[0]).toMatch(expected);
  });

  test('an alias that grows without end is refused', async () => {
    const levels = Array.from({ length: 12 }, (_, i) => `l${i}: &l${i} [${`*l${i - 1}, `.repeat(9)}]`).slice(1);
    const [problem] = await problemsOf(`l0: &l0 [a]\n${levels.join('\n')}\n`);
    expect(problem).toMatch(/^check\.yaml: Excessive alias count/);
  });
});

describe('a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'yaml-file-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  test('is named in its problems', async () => {
    const path = join(directory, 'check.yaml');
    writeFileSync(path, 'model: 1\n');
    const { problems } = await failureOf(() => readYamlFile(path, 'the configuration', SCHEMA));
    expect(problems).toEqual([`${path}:1:8: 'model': expected string, got 1`]);
  });

  test('that is not there, or is a folder, is named with what it should be', async () => {
    const missing = await failureOf(() => readYamlFile(join(directory, 'no.yaml'), 'the configuration', SCHEMA));
    expect(missing.problems[0]).toMatch(/^cannot read the configuration '.*no\.yaml': ENOENT/);
    const folder = await failureOf(() => readYamlFile(directory, 'the configuration', SCHEMA));
    expect(folder.problems[0]).toMatch(/^cannot read the configuration '.*': EISDIR/);
  });
});

describe('a value is what YAML 1.2 says, whichever parser reads it', () => {
  test.each([
    ...['a: yes', 'a: 2020-01-01', 'a: 012', 'a: 0o14', 'a: .5', 'a: 1e3', 'a: .nan', 'a: NaN', 'a: ~', 'a: 1_000'],
    ...['<<: {b: 1}', 'a: +1', 'a: 0x1F', 'a: -.inf', 'a: True', 'a: Null', '1: 2', '{a: 1, b}', 'a: -0', 'a: 12e03'],
    ...['a: |\n  x\n  y\n', 'a: >-\n  x\n  y\n', '? a\n: 1', '- 1\n- [2, "3"]', 'a: R&D * 2', '# only a comment'],
    ...['a: &x 1\nb: *x', '%YAML 1.1\n---\na: yes', 'a: !!str 1', "\"quoted\": 'it''s'", '', '5', 'text'],
    ...[
      '{"a": [1, 2.5, -1e-7, null, true], "b": {"c": "x\\u00e9\\n"}}',
      '{"a:": "b\\":", "c": {}}',
      '[]',
      '{"__proto__": 1}',
    ],
  ])('%j', (text) => {
    expect(parseValue(text, 'file')).toEqual(parseDocument(text).toJS());
  });

  test.each([
    ['{"a": 1, "b": {"c": 1, "c": 2}}', 'file:1:24: Map keys must be unique'],
    ['{"a": 1,\n "a": 2}', 'file:2:2: Map keys must be unique'],
  ])('a key that is there twice is lost in no format: %j', async (text, problem) => {
    const { problems } = await failureOf(() => parseValue(text, 'file'));
    expect(problems).toEqual([problem]);
  });
});
