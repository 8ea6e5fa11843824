import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../common/data-digest';
import { failureOf } from '../../common/testing/problems';
import { readGateFile, type ReadGateFile } from './read-gate-file';

const directory = mkdtempSync(join(tmpdir(), 'gate-file-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const path = join(directory, 'gates.yaml');

function read(text: string): Promise<ReadGateFile> {
  writeFileSync(path, text);
  return readGateFile(path);
}

async function problemsOf(text: string): Promise<string[]> {
  const { exitCode, problems } = await failureOf(() => read(text));
  expect(exitCode).toBe(2);
  return problems.map((problem) => problem.replace(`${path}:`, ''));
}

const PLAIN = `metrics:
  accuracy: {minimum: 0.92, comparison: gte}
  latency_p95_ms: {maximum: 50, comparison: lte}
  model_size_mb: {maximum: 500}
`;

const FULL = `# What must hold.
version: 1
baseline:
  from: {alias: champion}
  whenMissing: absoluteOnly
defaults: {sameDataset: fail}
metrics:
  accuracy:
    minimum: 0.92
    comparison: gte
    tolerance: 0.5%
    improveBy: 0
    suspiciousAbove: 0.05
    significance: {test: mcnemar, alpha: 0.05, margin: 0.005, predictions: eval/predictions.parquet}
    slices:
      - {name: new, metric: accuracy.new, minimum: 0.88, minSamples: 200}
      - {name: old, metric: accuracy.old, minimum: 0.5, maximum: 0.99}
    disparity: {maxDifference: 0.1, minRatio: 0.8}
  feature_importance_stability:
    minimum: 0.85
    derive: {spearman: {candidate: importance.json, baseline: importance.json}}
  tpr_gap: {ideal: 0, maxDistance: 0.1, comparison: noFarther}
  drift: {maximum: 0.25, severity: warn}
`;

test.each([
  ['the plain form', PLAIN, ['accuracy', 'latency_p95_ms', 'model_size_mb']],
  ['everything', FULL, ['accuracy', 'feature_importance_stability', 'tpr_gap', 'drift']],
  ['JSON', '{"metrics": {"auc": {"minimum": 0}}}', ['auc']],
  ['a byte order mark', '\ufeffmetrics: {auc: {minimum: 0}}', ['auc']],
  ['carriage returns', 'metrics:\r\n  auc:\r\n    minimum: 0\r\n', ['auc']],
  ['an anchor', 'metrics:\n  a: &a {minimum: 0}\n  b: *a\n', ['a', 'b']],
  ['names of any kind', 'metrics:\n  constructor: {minimum: 0}\n  7: {minimum: 0}\n', ['7', 'constructor']],
])('%s is a gate file', async (_, text, metrics) => {
  const { gates, path: of, text: same, digest } = await read(text);
  expect([Object.keys(gates.metrics), of, same, digest]).toEqual([metrics, path, text, sha256(text)]);
});

const RULES = 'minimum, maximum, comparison, maxDistance, significance, slices';
const NO_RULE = `has no rule and would pass anything: give one of ${RULES}`;
const NOT_DISTANCE = 'must have an ideal value: maxDistance and noFarther measure the distance from it';

test.each<[string, string[]]>([
  ['', ['1:1: the gate file must be a mapping, got null']],
  ['# only a comment\n', ['1:1: the gate file must be a mapping, got null']],
  ['[]', ['1:1: the gate file must be a mapping, got []']],
  ['<html></html>', ['1:1: the gate file must be a mapping, got "<html></html>"']],
  ['version: 1\n', ['1:1: the gate file must have the key metrics']],
  ['version: 2\nmetrics: {a: {minimum: 1}}', ["1:1: 'version' must be 1, the only version of the format, got 2"]],
  ['metrics: {}', ["1:1: 'metrics' must name at least one metric: a file without checks passes nothing"]],
  ['metrics:\n', ["1:1: 'metrics' must be a mapping of metric names, got null"]],
  ['metrics: [a]', ['1:1: \'metrics\' must be a mapping of metric names, got ["a"]']],
  ['metrics:\n  a:\n', ["2:3: 'metrics.a' must be a mapping, got null"]],
  ['metrics:\n  a: {}\n', [`2:3: 'metrics.a' ${NO_RULE}`]],
  ['metrics:\n  a: {severity: warn}\n', [`2:3: 'metrics.a' ${NO_RULE}`]],
  ['metrics:\n  a: {minimum: "0.9"}', ['2:7: \'metrics.a.minimum\' must be a finite number, got "0.9"']],
  ['metrics:\n  a: {minimum: .nan}', ["2:7: 'metrics.a.minimum' must be a finite number, got NaN"]],
  ['metrics:\n  a: {maximum: -.inf}', ["2:7: 'metrics.a.maximum' must be a finite number, got -Infinity"]],
  ['{"metrics":\n  {"a": {"minimum": 1e400}}}', ["2:10: 'metrics.a.minimum' must be a finite number, got Infinity"]],
  [
    'metrics:\n  a:\n    minimum: 2\n    maximum: 1\n',
    ["2:3: 'metrics.a' has a minimum (2) above its maximum (1): nothing could pass"],
  ],
  [
    'metrics:\n  a: {minimum: 1, comparison: lte}',
    ["2:19: 'metrics.a.comparison' (lte) asks for lower values but minimum says that higher is better"],
  ],
  [
    'metrics:\n  a: {maximum: 1, comparison: gt}',
    ["2:19: 'metrics.a.comparison' (gt) asks for higher values but maximum says that lower is better"],
  ],
  [
    'metrics:\n  a: {comparison: get}',
    ['2:7: \'metrics.a.comparison\' must be one of gt, gte, lt, lte, noFarther, got "get"; did you mean gt?'],
  ],
  ...['tolerance', 'improveBy', 'suspiciousAbove'].map((key): [string, string[]] => [
    `metrics:\n  a: {minimum: 1, ${key}: 0.1}`,
    [`2:19: 'metrics.a.${key}' has no effect without a comparison: add one, for example \`comparison: gte\``],
  ]),
  ...['-0.1', '1 %', '-1%', 'much', 'true'].map((amount): [string, string[]] => [
    `metrics:\n  a: {comparison: gte, tolerance: ${amount}}`,
    [
      `2:24: 'metrics.a.tolerance' must be a number of 0 or more or a percentage like "0.5%", got ${amount === 'true' || amount === '-0.1' ? amount : `"${amount}"`}`,
    ],
  ]),
  ['metrics:\n  a: {maxDistance: 1}', [`2:3: 'metrics.a' ${NOT_DISTANCE}`]],
  ['metrics:\n  a: {comparison: noFarther}', [`2:3: 'metrics.a' ${NOT_DISTANCE}`]],
  [
    'metrics:\n  a: {minimum: 1, ideal: 0}',
    ["2:19: 'metrics.a.ideal' has no effect without maxDistance or `comparison: noFarther`"],
  ],
  [
    'metrics:\n  a: {significance: {test: bootstrap, alpha: 0, margin: -1}}',
    [
      "2:39: 'metrics.a.significance.alpha' must be a number between 0 and 0.5, got 0",
      "2:49: 'metrics.a.significance.margin' must be a number of 0 or more, got -1",
    ],
  ],
  [
    'metrics:\n  a:\n    slices:\n      - {name: x, metric: b, minimum: 2, maximum: 1, minSamples: 0}\n      - {name: x}\n',
    [
      "4:54: 'metrics.a.slices.0.minSamples' must be a number of 1 or more, got 0",
      "5:9: 'metrics.a.slices.1' must have the key metric",
      "4:9: 'metrics.a.slices.0' has a minimum (2) above its maximum (1): nothing could pass",
      '3:5: \'metrics.a.slices\' has two slices with the name "x"',
    ],
  ],
  [
    'metrics:\n  a: {slices: [{name: x, metric: b}], disparity: {}}',
    [
      "2:39: 'metrics.a.disparity' must have maxDifference, minRatio or both: it would pass anything",
      "2:39: 'metrics.a.disparity' needs at least two slices to lie between",
    ],
  ],
  [
    'metrics: {a: {minimum: 1}}\nbaseline: {from: {alias: x, version: "1"}}',
    ['2:12: \'baseline.from\' must name exactly one of alias, version, run and file, got {"alias":"x","version":"1"}'],
  ],
  [
    'metrics: {a: {minimum: 1}}\nbaseline: {from: {version: 7}}',
    ["2:19: 'baseline.from.version' must be a text, got 7"],
  ],
  [
    'metrics:\n  a: {minimum: 1, derive: {spearman: {candidate: x}}}',
    ["2:28: 'metrics.a.derive.spearman' must have the key baseline"],
  ],
])('%j is refused with its places', async (text, problems) => expect(await problemsOf(text)).toEqual(problems));

test.each([
  ['metrics:\n  a: {minimun: 1, maximum: 2}', "2:7: 'metrics.a.minimun'", 'minimum'],
  ['metrics:\n  a: {minimum: 1, comparision: gte}', "2:19: 'metrics.a.comparision'", 'comparison'],
  ['metrics:\n  7: {minimum: 1, severty: warn}', "2:19: 'metrics.7.severty'", 'severity'],
  ['metrics: {a: {minimum: 1}}\nbaselin: {}', "2:1: 'baselin'", 'baseline'],
  [
    '{\n  "metrics": {"a": {"minimum": 1}},\n  "defaults": {"samedataset": "warn"}\n}',
    "3:16: 'defaults.samedataset'",
    'sameDataset',
  ],
  [
    'metrics:\n  a:\n    slices: [{name: x, metric: b, minsamples: 5}]',
    "3:35: 'metrics.a.slices.0.minsamples'",
    'minSamples',
  ],
])('a misspelt key of %j is found, with the one that was meant', async (text, place, meant) => {
  expect(await problemsOf(text)).toEqual([`${place} is not a key of the gate file; did you mean ${meant}?`]);
});

test('a key that is like none is told which there are', async () => {
  expect(await problemsOf('metrics: {a: {minimum: 1}}\ndefaults: {colour: red}')).toEqual([
    "2:12: 'defaults.colour' is not a key of the gate file here: sameDataset",
  ]);
});

test.each<[string, RegExp]>([
  ['metrics:\n  a: {minimum: 1}\n  a: {minimum: 0}\n', /^3:3: Map keys must be unique$/],
  ['{"metrics": {"a": {"minimum": 1,\n "minimum": 0}}}', /^2:2: Map keys must be unique$/],
  ['metrics:\n\ta: {minimum: 1}\n', /^2:1: Tabs are not allowed as indentation/],
  ['{"metrics": {"a": {"minimum": 1}}', /^1:\d+: Flow map must end with a \}/],
  ['metrics: {a: {minimum: 1}}\n---\nmetrics: {}\n', /^2:1: Source contains multiple documents/],
])('broken text is refused with its place: %j', async (text, problem) => {
  expect((await problemsOf(text))[0]).toMatch(problem);
});

test('every problem of a file is named at once', async () => {
  const text =
    'version: 3\nmetrics:\n  a: {minimun: 1}\n  b: {minimum: 2, maximum: 1}\n  c: 5\nbaseline: {whenMissing: ask}\n';
  expect((await problemsOf(text)).map((problem) => problem.replace(/^(\d+:\d+: \S+) .*/, '$1'))).toEqual([
    "1:1: 'version'",
    "3:7: 'metrics.a.minimun'",
    "3:3: 'metrics.a'",
    "4:3: 'metrics.b'",
    "5:3: 'metrics.c'",
    "6:12: 'baseline.whenMissing'",
  ]);
});

test('a file that is not there, or is a folder, is said', async () => {
  const missing = await failureOf(() => readGateFile(join(directory, 'no.yaml')));
  expect([missing.exitCode, missing.problems[0]]).toEqual([
    2,
    expect.stringMatching(/^cannot read the gate file '.*no\.yaml': ENOENT/),
  ]);
  mkdirSync(join(directory, 'folder.yaml'));
  const folder = await failureOf(() => readGateFile(join(directory, 'folder.yaml')));
  expect([folder.exitCode, folder.problems[0]]).toEqual([
    2,
    expect.stringMatching(/^cannot read the gate file '.*folder\.yaml': EISDIR/),
  ]);
});
