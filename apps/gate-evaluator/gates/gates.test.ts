import { type GateFile, type MetricGate } from 'cdk8s-mlops/contract';
import { type CheckResult } from './check-result';
import { evaluateGates, type EvaluateOptions, type Evaluation } from './evaluate-gates';

function judge(
  metrics: Readonly<Record<string, MetricGate>>,
  candidate: Readonly<Record<string, number>>,
  baseline?: Readonly<Record<string, number>>,
  more: {
    readonly file?: Partial<GateFile>;
    readonly paired?: EvaluateOptions['paired'];
    readonly digests?: readonly [string, string];
  } = {},
): Evaluation {
  const [mine, theirs] = more.digests ?? [];
  return evaluateGates({
    gates: { ...more.file, metrics },
    candidate: { source: 'candidate', metrics: candidate, dataDigest: mine },
    baseline: baseline && { source: 'baseline', metrics: baseline, dataDigest: theirs },
    paired: more.paired ?? {},
  });
}

const only = ({ checks }: Evaluation): CheckResult => {
  expect(checks).toHaveLength(1);
  return checks[0]!;
};

describe('bounds', () => {
  test.each<[MetricGate, number, string, string]>([
    [{ minimum: 0.92 }, 0.92, 'pass', '0.92 is at least 0.92'],
    [{ minimum: 0.92 }, 0.1 + 0.82, 'pass', '0.92 is at least 0.92'],
    [{ minimum: 0.3 }, 0.1 + 0.2, 'pass', '0.3 is at least 0.3'],
    [{ maximum: 0.3 }, 0.1 + 0.2, 'pass', '0.3 is at most 0.3'],
    [{ minimum: 0.92 }, 0.9199, 'fail', '0.9199 is below the minimum 0.92'],
    [{ maximum: 50 }, 50.01, 'fail', '50.01 is above the maximum 50'],
    [{ minimum: -1, maximum: 1 }, 0, 'pass', '0 is at least -1 and at most 1'],
    [{ minimum: 0 }, 0, 'pass', '0 is at least 0'],
  ])('%j and %p: %s', (gate, value, verdict, reason) => {
    expect(only(judge({ m: gate }, { m: value }))).toMatchObject({ verdict, reason, candidate: value });
  });

  test.each([
    [NaN, "the candidate's 'm' is NaN, which is no measurement"],
    [Infinity, "the candidate's 'm' is infinite, which is no measurement"],
    [1.7976931348623157e308, "the candidate's 'm' is infinite, which is no measurement"],
    [-1.7976931348623157e308, "the candidate's 'm' is infinite, which is no measurement"],
  ])('%p is never within bounds', (value, reason) => {
    expect(only(judge({ m: { minimum: 0 } }, { m: value }))).toMatchObject({ verdict: 'fail', reason });
    expect(only(judge({ m: { maximum: 1e308 } }, { m: value })).verdict).toBe('fail');
  });

  test('what was not measured fails', () => {
    const { verdict, checks } = judge({ m: { maximum: 1 } }, {});
    expect([verdict, checks[0]?.reason]).toEqual(['fail', "the candidate has no metric 'm'"]);
  });

  test('every gate is answered, whatever the others say', () => {
    const { verdict, checks } = judge({ a: { minimum: 1 }, b: { minimum: 1 }, c: { minimum: 1 } }, { a: 0, b: 1 });
    expect(checks.map((check) => check.verdict)).toEqual(['fail', 'pass', 'fail']);
    expect(verdict).toBe('fail');
  });
});

describe('comparison with the baseline', () => {
  test.each<[Partial<MetricGate>, number, number, string]>([
    [{ comparison: 'gte' }, 0.9, 0.9, 'pass'],
    [{ comparison: 'gte' }, 0.8999, 0.9, 'fail'],
    [{ comparison: 'gt' }, 0.9, 0.9, 'fail'],
    [{ comparison: 'gt' }, 0.9001, 0.9, 'pass'],
    [{ comparison: 'lte' }, 40, 40, 'pass'],
    [{ comparison: 'lte' }, 41, 40, 'fail'],
    [{ comparison: 'lt' }, 40, 40, 'fail'],
    [{ comparison: 'gte', tolerance: 0.002 }, 0.898, 0.9, 'pass'],
    [{ comparison: 'gte', tolerance: 0.002 }, 0.8979, 0.9, 'fail'],
    [{ comparison: 'lte', tolerance: '10%' }, 44, 40, 'pass'],
    [{ comparison: 'lte', tolerance: '10%' }, 44.1, 40, 'fail'],
    // A percentage is of the absolute value: a negative baseline does not turn it round.
    [{ comparison: 'gte', tolerance: '10%' }, -1.1, -1, 'pass'],
    [{ comparison: 'gte', tolerance: '10%' }, -1.2, -1, 'fail'],
    [{ comparison: 'gte', improveBy: 0.01 }, 0.91, 0.9, 'pass'],
    [{ comparison: 'gte', improveBy: 0.01 }, 0.9099, 0.9, 'fail'],
    [{ comparison: 'lte', improveBy: '50%' }, 20, 40, 'pass'],
    [{ comparison: 'lte', improveBy: '50%' }, 21, 40, 'fail'],
    [{ comparison: 'gte', suspiciousAbove: 0.05 }, 0.95, 0.9, 'pass'],
    [{ comparison: 'gte', suspiciousAbove: 0.05 }, 0.96, 0.9, 'fail'],
    [{ comparison: 'noFarther', ideal: 0 }, 0.1, -0.2, 'pass'],
    [{ comparison: 'noFarther', ideal: 0 }, -0.3, 0.2, 'fail'],
    [{ comparison: 'noFarther', ideal: 0, tolerance: 0.1 }, -0.3, 0.2, 'pass'],
  ])('%j: %p against %p is a %s', (gate, candidate, baseline, verdict) => {
    expect(only(judge({ m: gate }, { m: candidate }, { m: baseline }))).toMatchObject({
      check: 'm.comparison',
      verdict,
      baseline,
    });
  });

  test('a percentage of nothing is said, and passes nothing', () => {
    const { verdict, checks } = judge({ m: { comparison: 'gte', tolerance: '1%' } }, { m: 1 }, { m: 0 });
    expect(verdict).toBe('inconclusive');
    expect(checks[0]?.reason).toMatch(/the baseline is 0, of which a percentage is nothing: give an absolute amount/);
  });

  test('a tiny loss without a tolerance is explained', () => {
    const { checks } = judge({ m: { comparison: 'gte' } }, { m: 0.8999 }, { m: 0.9 });
    expect(checks[0]?.reason).toBe(
      '0.8999 against 0.9 is worse by 0.0001; without a tolerance an equally good model fails half of the time',
    );
  });

  test('a baseline without the metric says nothing of the candidate', () => {
    const { verdict, checks } = judge({ m: { minimum: 0.5, comparison: 'gte' } }, { m: 0.9 }, { other: 1 });
    expect([verdict, checks[1]?.reason]).toEqual(['inconclusive', "the baseline has no metric 'm'"]);
    expect(judge({ m: { comparison: 'gte' } }, { m: NaN }, { m: 0.9 }).verdict).toBe('fail');
  });
});

describe('without a baseline', () => {
  const gate = { m: { minimum: 0.5, comparison: 'gte' as const } };

  test('absolute bounds decide, which is said', () => {
    const { verdict, notes, checks } = judge(gate, { m: 0.9 });
    expect([verdict, checks.length, notes]).toEqual([
      'pass',
      1,
      ['there is no baseline: only absolute bounds were judged'],
    ]);
  });

  test.each(['pass', 'fail'] as const)('whenMissing: %s', (whenMissing) => {
    const { verdict, checks } = judge(gate, { m: 0.9 }, undefined, { file: { baseline: { whenMissing } } });
    expect([verdict, checks[1]?.verdict]).toEqual([whenMissing, whenMissing]);
    expect(checks[1]?.reason).toMatch(/there is no baseline \(alias 'champion'\), and the gate file says/);
  });

  test('a file of comparisons alone asks nothing, and passes nothing', () => {
    expect(judge({ m: { comparison: 'gte' } }, { m: 0.9 }).verdict).toBe('inconclusive');
  });
});

test('a warning is reported and blocks nothing, and warnings alone pass nothing', () => {
  const warn = { maximum: 1, severity: 'warn' as const };
  const { verdict, checks } = judge({ a: warn, b: { minimum: 0 } }, { a: 2, b: 1 });
  expect([verdict, checks.map((check) => [check.verdict, check.severity])]).toEqual([
    'pass',
    [
      ['fail', 'warn'],
      ['pass', 'block'],
    ],
  ]);
  expect(judge({ a: warn }, { a: 0 }).verdict).toBe('inconclusive');
});

test('the distance from an ideal value is bounded', () => {
  const gate = { ideal: 1, maxDistance: 0.2 };
  expect(judge({ m: gate }, { m: 0.8 }).verdict).toBe('pass');
  expect(judge({ m: gate }, { m: 1.21 }).checks[0]?.reason).toBe('1.21 is 0.21 from 1, more than 0.2');
  expect(judge({ m: gate }, {}).verdict).toBe('fail');
});

describe('slices', () => {
  const gate = { minimum: 0.5, slices: [{ name: 'new', metric: 'm.new', minimum: 0.8, minSamples: 200 }] };

  test.each<[Record<string, number>, string, string]>([
    [{ 'm.new': 0.8, 'm.new.samples': 200 }, 'pass', '0.8 is at least 0.8'],
    [{ 'm.new': 0.7, 'm.new.samples': 200 }, 'fail', '0.7 is below the minimum 0.8'],
    [{ 'm.new': 0.7, 'm.new.samples': 199 }, 'inconclusive', '199 samples are fewer than 200: too few to judge'],
    [{ 'm.new': 0.9, 'm.new.samples': NaN }, 'inconclusive', 'NaN samples are fewer than 200: too few to judge'],
    [{ 'm.new.samples': 500 }, 'fail', "the candidate has no metric 'm.new'"],
  ])('%j: %s', (values, verdict, reason) => {
    const evaluation = judge({ m: gate }, { m: 0.9, ...values });
    expect(evaluation.checks[1]).toMatchObject({ check: 'm.new', verdict, reason });
    expect(evaluation.verdict).toBe(verdict);
  });

  test('without a count of samples cannot be held against a minimum of them', () => {
    expect(judge({ m: gate }, { m: 0.9, 'm.new': 0.9 }).checks[1]?.reason).toMatch(/no metric 'm\.new\.samples'/);
  });
});

describe('significance', () => {
  const pairs = (candidateOnly: number, baselineOnly: number, rows = 1000): EvaluateOptions['paired'] => ({
    m: {
      rows,
      candidateOnly,
      baselineOnly,
      gains: [
        { gain: 1, rows: candidateOnly },
        { gain: -1, rows: baselineOnly },
        { gain: 0, rows: rows - candidateOnly - baselineOnly },
      ],
    },
  });
  const gate = (test: 'mcnemar' | 'bootstrap', margin?: number): MetricGate => ({ significance: { test, margin } });

  test.each<['mcnemar' | 'bootstrap', number | undefined, number, number, string]>([
    ['mcnemar', undefined, 30, 30, 'pass'],
    ['mcnemar', undefined, 20, 45, 'fail'],
    ['mcnemar', undefined, 0, 0, 'pass'],
    ['mcnemar', 0.02, 30, 30, 'pass'],
    ['mcnemar', 0.001, 30, 30, 'fail'],
    ['bootstrap', undefined, 30, 30, 'pass'],
    ['bootstrap', undefined, 20, 45, 'fail'],
    ['bootstrap', 0.02, 30, 30, 'pass'],
    ['bootstrap', 0.001, 30, 30, 'fail'],
  ])('%s with margin %p: %p to %p is a %s', (kind, margin, candidateOnly, baselineOnly, verdict) => {
    const evaluation = judge({ m: gate(kind, margin) }, {}, {}, { paired: pairs(candidateOnly, baselineOnly) });
    expect(only(evaluation)).toMatchObject({ check: 'm.significance', verdict });
  });

  test('without paired predictions is inconclusive, with the reason', () => {
    const { checks } = judge({ m: gate('mcnemar') }, {}, {}, { paired: { m: 'there is no file predictions.parquet' } });
    expect(checks[0]).toMatchObject({ verdict: 'inconclusive', reason: 'there is no file predictions.parquet' });
    expect(judge({ m: gate('mcnemar') }, {}, {}).checks[0]?.reason).toBe('no paired predictions were read');
    expect(judge({ m: gate('mcnemar') }, {}, {}, { paired: pairs(0, 0, 0) }).verdict).toBe('inconclusive');
  });

  test('the same input gives the same answer', () => {
    const once = judge({ m: gate('bootstrap', 0.02) }, {}, {}, { paired: pairs(30, 31) });
    expect(judge({ m: gate('bootstrap', 0.02) }, {}, {}, { paired: pairs(30, 31) })).toEqual(once);
  });
});

describe('other data', () => {
  const compare = (
    sameDataset: 'ignore' | 'warn' | 'fail' | undefined,
    digests: readonly [string, string],
  ): Evaluation =>
    judge({ m: { comparison: 'gte' } }, { m: 1 }, { m: 1 }, { file: { defaults: { sameDataset } }, digests });

  test.each([
    [undefined, 'pass', 1],
    ['warn', 'pass', 1],
    ['ignore', 'pass', 0],
    ['fail', 'fail', 0],
  ] as const)('than the baseline was evaluated on, sameDataset %p: %s', (rule, verdict, notes) => {
    const evaluation = compare(rule, ['sha256:aaaa', 'sha256:bbbb']);
    expect([evaluation.verdict, evaluation.notes.length]).toEqual([verdict, notes]);
    expect(compare(rule, ['sha256:aaaa', 'sha256:aaaa']).notes).toEqual([]);
  });
});
