import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testRandom } from '../../common/testing/test-data';
import { bootstrapDifference, type GainGroup } from './bootstrap';
import { mcnemarWorse, pairedDifference } from './mcnemar';
import { spearman } from './spearman';

interface Case<Input, Expected> {
  readonly name: string;
  readonly input: Input;
  readonly expected: Expected;
}

interface Fixtures {
  readonly versions: { readonly numpy: string; readonly scipy: string };
  readonly cases: Readonly<Record<string, Case<unknown, unknown>[]>>;
}

const fixtures = JSON.parse(readFileSync(join(__dirname, 'fixtures', 'scipy.json'), 'utf8')) as Fixtures;

function expectClose(actual: number | undefined, expected: number, allowed: number): void {
  // A plain error: a matcher's diff says less than the two numbers.
  if (actual === undefined || !(Math.abs(actual - expected) <= allowed)) {
    throw new Error(`got ${actual}, expected ${expected} within ${allowed}`);
  }
}

function agrees<Input, Expected>(group: string, check: (input: Input, expected: Expected) => void): void {
  const cases = fixtures.cases[group] as Case<Input, Expected>[];
  describe(`${group} agrees with SciPy ${fixtures.versions.scipy}`, () => {
    test.each(cases.map((entry) => [entry.name, entry] as const))('%s', (_name, { input, expected }) =>
      check(input, expected),
    );
  });
}

const named = (values: readonly number[]): Record<string, number> =>
  Object.fromEntries(values.map((value, index) => [`feature ${index}`, value]));

agrees<{ candidateOnly: number; baselineOnly: number }, number>(
  'mcnemarWorse',
  // Logarithms of factorials of a million leave eight digits.
  ({ candidateOnly, baselineOnly }, expected) =>
    expectClose(mcnemarWorse(candidateOnly, baselineOnly), expected, 3e-8 * expected),
);

describe('McNemar’s p-value', () => {
  test('of both tails is more than 1 by the chance of a draw', () => {
    // P(X ≤ b) + P(X ≤ c) = 1 + P(X = b) for b + c = 5.
    expectClose(mcnemarWorse(2, 3) + mcnemarWorse(3, 2), 1 + 10 / 32, 1e-12);
  });

  test('falls with every row that only the baseline got right, and is a probability', () => {
    const values = Array.from({ length: 200 }, (_, c) => mcnemarWorse(40, c));
    values.forEach((p, c) => {
      expect(p >= 0 && p <= 1).toBe(true);
      if (c > 0) expect(p).toBeLessThanOrEqual(values[c - 1]!);
    });
  });
});

agrees<
  { candidateOnly: number; baselineOnly: number; rows: number; confidence: number },
  { low: number; high: number }
>('pairedDifference', ({ candidateOnly, baselineOnly, rows, confidence }, expected) => {
  const { low, high } = pairedDifference(candidateOnly, baselineOnly, rows, confidence);
  expectClose(low, expected.low, 1e-12);
  expectClose(high, expected.high, 1e-12);
});

agrees<{ candidate: number[]; baseline: number[] }, number>('spearman', ({ candidate, baseline }, expected) =>
  expectClose(spearman(named(candidate), named(baseline)), expected, 1e-12),
);

describe('Spearman’s correlation', () => {
  test('is over the union of names, and what one side lacks is 0 there', () => {
    expectClose(spearman({ a: 3, b: 2, c: 1 }, { a: 3, b: 2, d: 1 }), 0.8, 1e-12);
    expect(spearman({ a: 3, b: 2, c: 1 }, { a: 3, b: 2, d: 1 })).toBe(
      spearman({ a: 3, b: 2, c: 1, d: 0 }, { a: 3, b: 2, c: 0, d: 1 }),
    );
  });

  test('does not depend on the order of the names', () => {
    expect(spearman({ a: 1, b: 2, c: 5 }, { c: 5, a: 2, b: 1 })).toBe(0.5);
  });

  test.each<[Record<string, number>, Record<string, number>]>([
    [
      { constructor: 5, age: 3, toString: 1 },
      { age: 3, income: 2 },
    ],
    [{ age: 3, income: 2 }, JSON.parse('{"__proto__": 4, "valueOf": 3, "age": 1}') as Record<string, number>],
  ])('takes any name for a feature: %j and %j', (a, b) => {
    const prefixed = (side: Record<string, number>): Record<string, number> =>
      Object.fromEntries(Object.entries(side).map(([name, value]) => [`feature ${name}`, value]));
    expect(spearman(a, b)).toBe(spearman(prefixed(a), prefixed(b)));
    expect(spearman(a, b)).toEqual(expect.any(Number));
  });

  test.each<[Record<string, number>, Record<string, number>]>([
    [{}, {}],
    [{ a: 1 }, { a: 1 }],
    [
      { a: 1, b: 1 },
      { a: 1, b: 2 },
    ],
    [
      { a: 1, b: 2 },
      { a: 0, b: 0 },
    ],
    [{ a: 1, b: 2 }, {}],
    [
      { a: NaN, b: 2, c: 1 },
      { a: 1, b: 2, c: 3 },
    ],
    [
      { a: 1, b: 2, c: 3 },
      { a: 1, b: NaN, c: 3 },
    ],
    [
      { a: 1, b: 2, c: Infinity },
      { a: 1, b: 2, c: 3 },
    ],
  ])('of %p and %p, one of which has no order, is none', (a, b) => expect(spearman(a, b)).toBeUndefined());
});

const ofRows = (gains: readonly number[]): GainGroup[] => gains.map((gain) => ({ gain, rows: 1 }));

/** Rows of like gains as one group, as they are read from a table. */
function grouped(gains: readonly number[], groups: number): GainGroup[] {
  const sorted = [...gains].sort((a, b) => a - b);
  return Array.from({ length: groups }, (_, group) => {
    const part = sorted.slice(
      Math.floor((group * sorted.length) / groups),
      Math.floor(((group + 1) * sorted.length) / groups),
    );
    const gain = part.reduce((sum, value) => sum + value, 0) / part.length;
    const spread = Math.sqrt(part.reduce((sum, value) => sum + (value - gain) ** 2, 0) / part.length);
    return { gain, spread, rows: part.length };
  });
}

/** Monte-Carlo error of a quantile of 2,000 resamples, in standard errors of the mean: five times its standard deviation. */
const SLACK = 5 * 0.04;

agrees<{ gains: number[]; confidence: number }, { mean: number; low: number; high: number; error: number }>(
  'bootstrapDifference',
  ({ gains, confidence }, expected) => {
    const { mean, low, high } = bootstrapDifference(ofRows(gains), confidence, 1);
    expectClose(mean, expected.mean, 1e-12);
    // Means of answers are whole numbers of rows: chance may choose the next one.
    const step = gains.every(Number.isInteger) ? 1 / gains.length : 0;
    expectClose(low, expected.low, SLACK * expected.error + step);
    expectClose(high, expected.high, SLACK * expected.error + step);
  },
);

describe('the bootstrap of the mean gain', () => {
  const random = testRandom(7);
  const gains = Array.from({ length: 400 }, () => 0.02 + random.normal());
  const average = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
  const error = Math.sqrt(gains.reduce((sum, gain) => sum + (gain - average) ** 2, 0)) / gains.length;

  test.each([0.8, 0.9, 0.98])('of many rows is the normal interval at %p', (confidence) => {
    const quantile = { 0.8: 1.2815515655446004, 0.9: 1.6448536269514722, 0.98: 2.3263478740408408 }[confidence]!;
    const { mean, low, high } = bootstrapDifference(grouped(gains, 50), confidence, 1);
    expectClose(low, mean - quantile * error, 1.5 * SLACK * error);
    expectClose(high, mean + quantile * error, 1.5 * SLACK * error);
  });

  const rows = bootstrapDifference(ofRows(gains), 0.9, 1);

  test.each([2, 10, 100])('is not moved by putting its rows into %p groups', (groups) => {
    const less = bootstrapDifference(grouped(gains, groups), 0.9, 1);
    expectClose(less.mean, rows.mean, 1e-12);
    expectClose(less.low, rows.low, SLACK * Math.SQRT2 * error);
    expectClose(less.high, rows.high, SLACK * Math.SQRT2 * error);
  });

  test('of one group is as wide as its spread', () => {
    const { low, high } = bootstrapDifference([{ gain: 1, rows: 10_000, spread: 2 }], 0.9, 1);
    expectClose(high - low, (2 * 1.6448536 * 2) / 100, 2 * SLACK * 0.02);
    expect(bootstrapDifference([{ gain: 1, rows: 10_000 }], 0.9, 1)).toEqual({ mean: 1, low: 1, high: 1 });
  });

  test('of answers is that of counts: a million rows in three groups', () => {
    const groups = [
      { gain: 1, rows: 30_000 },
      { gain: 0, rows: 940_000 },
      { gain: -1, rows: 30_000 },
    ];
    const { mean, low, high } = bootstrapDifference(groups, 0.9, 1);
    const deviation = Math.sqrt(0.06) / 1000;
    expect(mean).toBe(0);
    expectClose(low, -1.6448536 * deviation, SLACK * deviation);
    expectClose(high, 1.6448536 * deviation, SLACK * deviation);
  });

  test('is wide enough: it covers the true mean about as often as it says', () => {
    const covered = Array.from({ length: 50 }, (_, round) => {
      const source = testRandom(round + 1);
      const { low, high } = bootstrapDifference(ofRows(Array.from({ length: 20 }, source.normal)), 0.9, 1);
      return low <= 0 && high >= 0;
    });
    expect(covered.filter(Boolean).length / covered.length).toBeGreaterThan(0.75);
    expect(covered.filter(Boolean).length / covered.length).toBeLessThan(0.99);
  });

  test('is the same for the same seed, and another for another', () => {
    const groups = grouped(gains, 50);
    expect(bootstrapDifference(groups, 0.9, 1)).toEqual(bootstrapDifference(groups, 0.9, 1));
    expect(bootstrapDifference(groups, 0.9, 2)).not.toEqual(bootstrapDifference(groups, 0.9, 1));
  });

  test('lies within the gains, whatever is rare or empty', () => {
    const { low, high } = bootstrapDifference(
      [
        { gain: -1, rows: 1 },
        { gain: 0, rows: 0 },
        { gain: 1, rows: 1 },
        { gain: 0, rows: 0 },
      ],
      0.998,
      1,
    );
    expect([low, high]).toEqual([-1, 1]);
    expect(bootstrapDifference([{ gain: 0.5, rows: 1 }], 0.9, 1)).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
  });
});
