import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { QualityGates } from 'cdk8s-mlops';
import { type GateFile } from 'cdk8s-mlops/contract';
import { problemsOf } from '../support/synth';

const directory = mkdtempSync(join(tmpdir(), 'gates-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
  const path = join(directory, 'gates.yaml');
  writeFileSync(path, text);
  return path;
}

const PLAIN = `metrics:
  accuracy: {minimum: 0.92, comparison: gte}
  latency_p95_ms: {maximum: 50, comparison: lte}
  model_size_mb: {maximum: 500}
  feature_importance_stability: {minimum: 0.85}
`;

const EVERYTHING: Required<GateFile> = {
  version: 1,
  baseline: { from: { alias: 'champion' }, whenMissing: 'fail' },
  defaults: { sameDataset: 'fail' },
  metrics: {
    accuracy: {
      minimum: 0,
      maximum: 1,
      comparison: 'gte',
      tolerance: '0.5%',
      improveBy: 0,
      suspiciousAbove: 0.05,
      significance: { test: 'mcnemar', alpha: 0.05, margin: 0, predictions: 'p.parquet' },
      slices: [{ name: 'new', metric: 'accuracy.new', minimum: 0.8, maximum: 1, minSamples: 200 }],
      severity: 'warn',
    },
    tpr_gap: { ideal: 0, maxDistance: 0.1, comparison: 'noFarther' },
    stability: { minimum: 0.85, derive: { spearman: { candidate: 'a.json', baseline: 'b.json' } } },
  },
};

test('the plain form is valid as it stands', () => {
  const gates = QualityGates.fromFile(file(PLAIN));
  expect(gates.metricNames).toEqual(['accuracy', 'latency_p95_ms', 'model_size_mb', 'feature_importance_stability']);
  expect(parse(gates.toYaml())).toEqual(parse(PLAIN));
});

test('every key of the format is taken and rendered', () => {
  expect(parse(QualityGates.fromObject(EVERYTHING).toYaml())).toEqual(EVERYTHING);
});

test("does not change with the caller's object", () => {
  const metrics: Record<string, { minimum: number }> = { accuracy: { minimum: 0.9 } };
  const gates = QualityGates.fromObject({ metrics });
  metrics['recall'] = { minimum: 0.5 };
  expect(gates.metricNames).toEqual(['accuracy']);
});

describe('bad files', () => {
  test('problems name file, line and column, all at once', () => {
    const path = file('metrics:\n  accuracy:\n    minimun: 0.92\n    tolerance: -1\n  size: {}\nonpass: x\n');
    expect(problemsOf(() => QualityGates.fromFile(path))).toEqual([
      `${path}:3:5 'metrics.accuracy.minimun' is not a key of the gate file; did you mean minimum?`,
      `${path}:4:5 'metrics.accuracy.tolerance' must be a number of 0 or more or a percentage like "0.5%", got -1`,
      expect.stringContaining(`${path}:2:3 'metrics.accuracy' has no rule`),
      expect.stringContaining(`${path}:4:5 'metrics.accuracy.tolerance' has no effect without a comparison`),
      expect.stringContaining(`${path}:5:3 'metrics.size' has no rule`),
      `${path}:6:1 'onpass' is not a key of the gate file here: version, baseline, defaults, metrics`,
    ]);
  });

  test('a syntax error has a place too', () => {
    const path = file('metrics:\n  accuracy: {minimum: 0.9\n');
    expect(problemsOf(() => QualityGates.fromFile(path))[0]).toMatch(/gates\.yaml:\d+:\d+ /);
  });

  test('a key given twice is an error, not a silent last one', () => {
    const path = file('metrics:\n  a: {minimum: 1}\n  a: {minimum: 0}\n');
    expect(problemsOf(() => QualityGates.fromFile(path))[0]).toMatch(/gates\.yaml:3:3 .*unique/);
  });

  test('a file that is not there', () => {
    expect(problemsOf(() => QualityGates.fromFile('no/such.yaml'))[0]).toMatch(
      /'no\/such.yaml' cannot be read: ENOENT/,
    );
  });

  test('an alias without its anchor', () => {
    expect(problemsOf(() => QualityGates.fromFile(file('metrics: *nope\n')))[0]).toMatch(/nope/);
  });

  test('an empty file', () => {
    expect(problemsOf(() => QualityGates.fromFile(file('')))[0]).toMatch(/the gate file must be a mapping, got null/);
  });
});

describe('bad gates', () => {
  const metric = (gate: object): GateFile => ({ metrics: { m: gate } });

  test.each<[string, unknown, string]>([
    ['no metrics', {}, 'must have the key metrics'],
    ['an empty mapping of metrics', { metrics: {} }, 'at least one metric'],
    ['a list of metrics', { metrics: [] }, 'must be a mapping of metric names'],
    ['another version', { version: 2, metrics: { m: { minimum: 1 } } }, 'must be 1, the only version'],
    ['a bound that is a text', metric({ minimum: '0.9' }), 'must be a finite number, got "0.9"'],
    ['a bound that is NaN', metric({ minimum: NaN }), 'must be a finite number, got NaN'],
    ['a minimum above the maximum', metric({ minimum: 2, maximum: 1 }), 'minimum (2) above its maximum (1)'],
    ['an unknown comparison', metric({ comparison: 'gt e' }), 'did you mean gte?'],
    ['a minimum with lte', metric({ minimum: 1, comparison: 'lte' }), 'higher is better'],
    ['a maximum with gt', metric({ maximum: 1, comparison: 'gt' }), 'lower is better'],
    ['a percentage that is none', metric({ comparison: 'gte', tolerance: '5 %' }), 'a percentage like "0.5%"'],
    ['a distance without ideal', metric({ maxDistance: 1 }), 'must have an ideal value'],
    ['noFarther without ideal', metric({ comparison: 'noFarther' }), 'must have an ideal value'],
    ['an ideal without distance', metric({ minimum: 1, ideal: 0 }), 'has no effect without maxDistance'],
    ['an alpha of 0', metric({ significance: { test: 'mcnemar', alpha: 0 } }), 'between 0 and 0.5'],
    ['an alpha of one half', metric({ significance: { test: 'mcnemar', alpha: 0.5 } }), 'between 0 and 0.5'],
    [
      'a slice with the name of a check',
      metric({ slices: [{ name: 'comparison', metric: 'a.b', minimum: 0 }] }),
      'has a slice with the name "comparison", which is that of a check',
    ],
    ['a test without name', metric({ significance: {} }), 'must have the key test'],
    ['a slice without metric', metric({ slices: [{ name: 'x', minimum: 1 }] }), 'must have the key metric'],
    [
      'a slice that nothing passes',
      metric({ slices: [{ name: 'x', metric: 'm.x', minimum: 1, maximum: 0 }] }),
      'minimum (1) above its maximum (0)',
    ],
    ['two baselines', { baseline: { from: { alias: 'a', run: 'b' } }, ...metric({ minimum: 1 }) }, 'exactly one of'],
    ['an unknown severity', metric({ minimum: 1, severity: 'warning' }), 'did you mean warn?'],
    ['a key of the prototype', metric({ minimum: 1, constructor: 1 }), 'is not a key of the gate file'],
  ])('%s', (_, content, reason) => {
    const problems = problemsOf(() => QualityGates.fromObject(content as GateFile));
    expect(problems.join('\n')).toContain(reason);
  });
});
