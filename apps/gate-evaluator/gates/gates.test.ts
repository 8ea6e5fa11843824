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
    [{ minimum: 0.92 }, 0.9199999, 'fail', '0.9199999 is below the minimum 0.92'],
    [{ maximum: 50 }, 50.0000001, 'fail', '50.0000001 is above the maximum 50'],
    [{ minimum: 1e6 }, 999999.75, 'fail', '999999.8 is below the minimum 1000000'],
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

  test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('a metric may be called %s', (name) => {
    const gates = Object.fromEntries([
      [name, { minimum: 0.5, comparison: 'gte', significance: { test: 'bootstrap' } }],
    ]);
    const { verdict, checks } = judge(gates as Record<string, MetricGate>, {}, {});
    expect([verdict, checks.map((check) => check.verdict)]).toEqual(['fail', ['fail', 'fail', 'inconclusive']]);
    expect(checks[0]).toMatchObject({ candidate: undefined, reason: `the candidate has no metric '${name}'` });
    const values = Object.fromEntries([[name, 0.9]]);
    const bounds = Object.fromEntries([[name, { minimum: 0.5 }]]);
    expect(only(judge(bounds, values))).toMatchObject({ verdict: 'pass', candidate: 0.9 });
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

  test.each<[Partial<MetricGate>, number, number]>([
    [{ comparison: 'gte', tolerance: 0.1 }, 0.5, 0.4],
    [{ comparison: 'gt', improveBy: 0.1 }, 0.5, 0.6],
    [{ comparison: 'lte', tolerance: '10%' }, 40, 44],
    [{ comparison: 'lt', improveBy: 5 }, 40, 35],
    [{ comparison: 'noFarther', ideal: 0, tolerance: 0.1 }, 0.2, 0.3],
    [{ comparison: 'noFarther', ideal: 0, tolerance: 0.1 }, -0.2, -0.3],
    [{ comparison: 'noFarther', ideal: 1, improveBy: 0.1 }, 1.3, 1.2],
    [{ comparison: 'noFarther', ideal: 1 }, 1, 1],
  ])('%j against %p has the limit %p', (gate, baseline, limit) => {
    const { candidate, limit: got, verdict } = only(judge({ m: gate }, { m: limit }, { m: baseline }));
    expect(got).toBeCloseTo(limit, 12);
    expect([candidate, verdict]).toEqual([
      limit,
      gate.comparison === 'gt' || gate.comparison === 'lt' ? 'fail' : 'pass',
    ]);
  });

  test.each(['tolerance', 'improveBy', 'suspiciousAbove'] as const)('a percentage of 0 as %s passes nothing', (key) => {
    for (const comparison of ['gte', 'lte', 'gt', 'lt'] as const)
      expect(judge({ m: { comparison, [key]: '5%' } }, { m: 0 }, { m: 0 }).verdict).toBe('inconclusive');
    const absolute = judge({ m: { comparison: 'gte', [key]: 0 } }, { m: 0 }, { m: 0 });
    expect(absolute.verdict).toBe('pass');
  });

  test.each([NaN, Infinity, -Infinity, 1.7976931348623157e308])('a %p on either side passes nothing', (value) => {
    for (const comparison of ['gt', 'gte', 'lt', 'lte'] as const) {
      expect(judge({ m: { comparison } }, { m: value }, { m: 0.9 }).verdict).toBe('fail');
      expect(judge({ m: { comparison } }, { m: 0.9 }, { m: value }).verdict).toBe('inconclusive');
    }
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

  test.each([
    [undefined, 'only absolute bounds were judged'],
    ['absoluteOnly', 'only absolute bounds were judged (whenMissing: absoluteOnly)'],
    ['pass', 'what compares passes (whenMissing: pass)'],
    ['fail', 'what compares fails (whenMissing: fail)'],
  ] as const)('whenMissing %p is noted with why there is none', (whenMissing, meaning) => {
    const { notes } = evaluateGates({
      gates: { metrics: gate, baseline: { whenMissing } },
      candidate: { source: 'candidate', metrics: { m: 0.9 } },
      paired: {},
      whyNoBaseline: "'fraud' has no champion yet",
    });
    expect(notes).toEqual([`'fraud' has no champion yet: ${meaning}`]);
  });

  test.each([
    [{ from: { version: '7' } }, "version '7'"],
    [{ from: { file: 'old.json' } }, "file 'old.json'"],
  ])('of %j, its name is in the answer', (from, name) => {
    const file = { baseline: { ...from, whenMissing: 'fail' as const } };
    const warned = { m: { ...gate.m, significance: { test: 'mcnemar' as const }, severity: 'warn' as const } };
    const { checks } = judge(warned, { m: 0.9 }, undefined, { file });
    expect(checks.map(({ check, verdict, severity }) => [check, verdict, severity])).toEqual([
      ['m', 'pass', 'warn'],
      ['m.comparison', 'fail', 'warn'],
      ['m.significance', 'fail', 'warn'],
    ]);
    expect(checks[1]?.reason).toContain(name);
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
    [
      { 'm.new': 0.9, 'm.new.samples': NaN },
      'inconclusive',
      "the candidate's 'm.new.samples' is NaN, which is no measurement",
    ],
    [{ 'm.new.samples': 500 }, 'fail', "the candidate has no metric 'm.new'"],
  ])('%j: %s', (values, verdict, reason) => {
    const evaluation = judge({ m: gate }, { m: 0.9, ...values });
    expect(evaluation.checks[1]).toMatchObject({ check: 'm.new', verdict, reason });
    expect(evaluation.verdict).toBe(verdict);
  });

  test.each<[MetricGate, Record<string, number>, string, string]>([
    [gate, { 'm.new.samples': Infinity }, 'inconclusive', "'m.new.samples' is infinite, which is no measurement"],
    [gate, { 'm.new.samples': 0 }, 'inconclusive', '0 samples are fewer than 200: too few to judge'],
    [
      { slices: [{ name: 'new', metric: 'm.new', minimum: 0.8 }] },
      { 'm.new.samples': 0 },
      'inconclusive',
      '0 samples are fewer than 1: too few to judge',
    ],
    [
      { slices: [{ name: 'new', metric: 'm.new', minimum: 0.8 }] },
      { 'm.new.samples': 1 },
      'pass',
      '0.9 is at least 0.8',
    ],
    [{ slices: [{ name: 'new', metric: 'm.new', maximum: 0.8 }] }, {}, 'fail', '0.9 is above the maximum 0.8'],
    [{ slices: [{ name: 'new', metric: 'm.new' }] }, {}, 'pass', '0.9 has no bounds'],
  ])('of %j with %j: %s', (of, values, verdict, reason) => {
    const { checks } = judge({ m: of }, { m: 0.9, 'm.new': 0.9, ...values });
    expect(checks.at(-1)).toMatchObject({ check: 'm.new', verdict });
    expect(checks.at(-1)?.reason).toContain(reason);
  });

  test('of a gate that only warns only warn', () => {
    const { verdict, checks } = judge({ m: { ...gate, severity: 'warn' }, n: { minimum: 0 } }, { m: 1, n: 1 });
    expect([verdict, checks.map(({ severity }) => severity)]).toEqual(['pass', ['warn', 'warn', 'block']]);
  });

  test('without a count of samples cannot be held against a minimum of them', () => {
    expect(judge({ m: gate }, { m: 0.9, 'm.new': 0.9 }).checks[1]?.reason).toMatch(/no metric 'm\.new\.samples'/);
  });
});

describe('disparity', () => {
  const slices = ['a', 'b', 'c'].map((name) => ({ name, metric: `m.${name}`, minSamples: 50 }));
  const samples = { 'm.a.samples': 50, 'm.b.samples': 50, 'm.c.samples': 50 };
  const answers = (
    disparity: MetricGate['disparity'],
    values: Readonly<Record<string, number>>,
  ): (readonly [string, string, number | undefined, string])[] =>
    judge({ m: { slices, disparity } }, { ...samples, ...values })
      .checks.slice(3)
      .map(({ check, verdict, candidate, reason }) => [check, verdict, candidate, reason]);

  test.each<[number, number[], string, number, string]>([
    [0.1, [0.9, 0.85, 0.8], 'pass', 0.1, "'a' (0.9) and 'c' (0.8) are 0.1 apart"],
    [0.1, [0.9, 0.85, 0.79], 'fail', 0.11, "'a' (0.9) and 'c' (0.79) are 0.11 apart"],
    [0, [0.5, 0.5, 0.5], 'pass', 0, 'are 0 apart'],
    [0.3, [-0.1, 0.2, 0.1], 'pass', 0.3, "'b' (0.2) and 'a' (-0.1) are 0.3 apart"],
    [0.3, [-0.3, -0.1, -0.5], 'fail', 0.4, "'b' (-0.1) and 'c' (-0.5) are 0.4 apart"],
  ])('of at most %p between %j: %s', (maxDifference, [a, b, c], verdict, difference, reason) => {
    const [got, ...others] = answers({ maxDifference }, { 'm.a': a!, 'm.b': b!, 'm.c': c! });
    expect(others).toEqual([]);
    expect(got?.slice(0, 2)).toEqual(['m.disparity.difference', verdict]);
    expect(got?.[2]).toBeCloseTo(difference, 12);
    expect(got?.[3]).toContain(reason);
  });

  test.each<[number, number[], string, number | undefined, string]>([
    [0.8, [0.5, 0.45, 0.4], 'pass', 0.8, "the ratio of 'a' (0.5) and 'c' (0.4) is 0.8"],
    [0.8, [0.5, 0.45, 0.39], 'fail', 0.78, "the ratio of 'a' (0.5) and 'c' (0.39) is 0.78"],
    [0.8, [0.5, 0.45, 0], 'fail', 0, "the ratio of 'a' (0.5) and 'c' (0) is 0"],
    [0.8, [0, 0, 0], 'inconclusive', undefined, 'have no ratio: use maxDifference'],
    [0.8, [-0.1, 0.2, 0.3], 'inconclusive', undefined, 'have no ratio: use maxDifference'],
    [0.8, [-0.1, -0.2, -0.3], 'inconclusive', undefined, 'have no ratio: use maxDifference'],
  ])('of a ratio of at least %p between %j: %s', (minRatio, [a, b, c], verdict, ratio, reason) => {
    const [got, ...others] = answers({ minRatio }, { 'm.a': a!, 'm.b': b!, 'm.c': c! });
    expect(others).toEqual([]);
    expect(got?.slice(0, 3)).toEqual(['m.disparity.ratio', verdict, ratio]);
    expect(got?.[3]).toContain(reason);
  });

  test('leaves out slices with too few samples or without a value, and needs two', () => {
    const both = { maxDifference: 0.1, minRatio: 0.8 };
    const left = answers(both, { 'm.a': 0.9, 'm.b': 0.85, 'm.c': 0.1, 'm.c.samples': 49 });
    expect(left.map(([, verdict]) => verdict)).toEqual(['pass', 'pass']);
    const all: Record<string, number>[] = [{ 'm.a': 0.9, 'm.b': NaN }, { 'm.a': 0.9 }, {}];
    for (const values of all) {
      const few = answers(both, { ...values, 'm.c': 0.1, 'm.c.samples': NaN });
      const count = Object.values(values).filter(Number.isFinite).length;
      const reason = `only ${count} of 3 slices can be judged: nothing to lie between`;
      expect(few.map(([, verdict, , why]) => [verdict, why])).toEqual([
        ['inconclusive', reason],
        ['inconclusive', reason],
      ]);
    }
  });

  test('is not judged where it is not asked for', () => expect(answers(undefined, { 'm.a': 1 })).toEqual([]));
});

describe('a metric that could not be derived', () => {
  const gate = { minimum: 0.85, comparison: 'gte' as const };
  const underived = (verdict: 'pass' | 'fail' | 'inconclusive' | 'absoluteOnly', severity?: 'warn'): Evaluation =>
    evaluateGates({
      gates: { metrics: { m: { ...gate, severity }, n: { minimum: 0 } } },
      candidate: { source: 'candidate', metrics: { n: 1 } },
      baseline: { source: 'baseline', metrics: {} },
      paired: {},
      underived: { m: { verdict, reason: 'there are no importances' } },
    });

  test.each(['pass', 'fail', 'inconclusive'] as const)('has one check: %s', (verdict) => {
    const evaluation = underived(verdict);
    expect(evaluation.checks.map(({ check }) => check)).toEqual(['m', 'n']);
    expect(evaluation.checks[0]).toMatchObject({ verdict, severity: 'block', reason: 'there are no importances' });
    expect([evaluation.verdict, evaluation.notes]).toEqual([verdict, []]);
    expect(underived(verdict, 'warn').verdict).toBe('pass');
  });

  test('without a baseline is not judged, which is said', () => {
    const { verdict, checks, notes } = underived('absoluteOnly');
    expect([verdict, checks.map(({ check }) => check)]).toEqual(['pass', ['n']]);
    expect(notes).toEqual(["'m' was not judged: there are no importances"]);
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

  test('what was left out is said', () => {
    const paired = { m: { rows: 10, gains: [{ gain: 0.1, rows: 10 }], leftOut: 3 } };
    expect(judge({ m: gate('bootstrap') }, {}, {}, { paired }).checks[0]?.reason).toBe(
      'the mean gain is 0.1, between 0.1 and 0.1 with confidence 0.9; 3 rows without a label or an answer were left out',
    );
  });

  test('McNemar’s test of numbers is inconclusive', () => {
    const paired = { m: { rows: 10, gains: [{ gain: 0.1, rows: 10 }] } };
    const { verdict, checks } = judge({ m: gate('mcnemar', 0.1) }, {}, {}, { paired });
    expect([verdict, checks[0]?.reason]).toEqual([
      'inconclusive',
      'McNemar’s test needs predictions that are right or wrong; use `test: bootstrap` for numbers',
    ]);
  });

  test.each([NaN, Infinity, -Infinity])('gains of %p pass nothing', (gain) => {
    for (const margin of [undefined, 0.5]) {
      const paired = {
        m: {
          rows: 20,
          gains: [
            { gain, rows: 10 },
            { gain: 1, rows: 10 },
          ],
        },
      };
      expect(judge({ m: gate('bootstrap', margin) }, {}, {}, { paired }).verdict).toBe('inconclusive');
    }
  });

  test.each<[number, number, string]>([
    [0.05, 39, 'pass'],
    [0.05, 40, 'fail'],
    [0.2, 32, 'pass'],
    [0.2, 33, 'fail'],
    [0.001, 53, 'pass'],
    [0.001, 54, 'fail'],
  ])('the chance of a false verdict is %p: 25 to %p is a %s', (alpha, baselineOnly, verdict) => {
    const mcnemar = { significance: { test: 'mcnemar' as const, alpha } };
    expect(judge({ m: mcnemar }, {}, {}, { paired: pairs(25, baselineOnly) }).verdict).toBe(verdict);
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

  const digests = ['sha256:aaaa', undefined] as const;
  test.each([
    ['candidate', undefined, 'sha256:aaaa', 'fail', 'inconclusive', 0],
    ['baseline', 'sha256:aaaa', undefined, 'fail', 'inconclusive', 0],
    ['candidate', undefined, undefined, 'fail', 'inconclusive', 0],
    ['candidate', ...digests, 'warn', 'pass', 0],
    ['candidate', ...digests, 'ignore', 'pass', 0],
  ] as const)(
    'of which that of the %s is not known: %p, %p, sameDataset %s',
    (whose, own, theirs, rule, verdict, notes) => {
      const evaluation = evaluateGates({
        gates: { defaults: { sameDataset: rule }, metrics: { m: { comparison: 'gte' } } },
        candidate: { source: 'candidate', metrics: { m: 1 }, dataDigest: own },
        baseline: { source: 'baseline', metrics: { m: 1 }, dataDigest: theirs },
        paired: {},
      });
      expect([evaluation.verdict, evaluation.notes.length]).toEqual([verdict, notes]);
      if (rule === 'fail')
        expect(evaluation.checks.at(-1)).toMatchObject({
          check: 'sameDataset',
          severity: 'block',
          reason: `on what data the ${whose} was evaluated is not known: let the evaluation leave the file dataset_digest`,
        });
    },
  );

  test('is named by its digests', () => {
    const { checks } = compare('fail', ['sha256:aaaaaaaaaaaaaaaaaaaa', 'sha256:bbbbbbbbbbbbbbbbbbbb']);
    expect(checks.at(-1)?.reason).toBe(
      'candidate and baseline were evaluated on different data (sha256:aaaaaaaaaaaa and sha256:bbbbbbbbbbbb)',
    );
  });
});
