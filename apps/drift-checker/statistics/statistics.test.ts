import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  chiSquareSurvival,
  kolmogorovSurvival,
  logGamma,
  normalQuantile,
} from '../../common/statistics/special-functions';
import { chiSquareTest, cramersV, hellingerDistance, jensenShannonDistance, type ChiSquareTest } from './distances';
import {
  aucInterval,
  differenceInterval,
  meanInterval,
  wilsonInterval,
  type Estimate,
  type Interval,
} from './intervals';
import { isotonicRegression } from './isotonic';
import { benjaminiHochberg } from './multiple-testing';
import { accuracy, areaUnderRoc, f1, f1Interval, precision, recall, type Confusion } from './performance';
import { populationStability, type PopulationStability } from './population-stability';
import { kolmogorovSmirnov, wassersteinDistance } from './two-sample';

interface Case<Input, Expected> {
  readonly name: string;
  readonly input: Input;
  readonly expected: Expected;
}

interface Counts {
  readonly reference: number[];
  readonly current: number[];
}

interface Fixtures {
  readonly versions: { readonly numpy: string; readonly scipy: string };
  readonly cases: Readonly<Record<string, Case<unknown, unknown>[]>>;
}

const fixtures = JSON.parse(readFileSync(join(__dirname, 'fixtures', 'scipy.json'), 'utf8')) as Fixtures;

/** Values that are 0 but for rounding. */
const NEAR_ZERO = 1e-12;
/** For what has no natural scale, or whose smallness is the point: nothing but underflow counts as 0. */
const UNDERFLOW = 1e-300;

function expectClose(actual: number | undefined, expected: number, floor = NEAR_ZERO, relative = 1e-9): void {
  const allowed = Math.max(floor, relative * Math.abs(expected));
  // A plain error: a matcher's diff says less than the two numbers.
  if (actual === undefined || !(Math.abs(actual - expected) <= allowed)) {
    throw new Error(`got ${actual}, expected ${expected} within ${allowed}`);
  }
}

function expectInterval(actual: Interval | undefined, expected: Interval, floor = NEAR_ZERO): void {
  expectClose(actual?.low, expected.low, floor);
  expectClose(actual?.high, expected.high, floor);
}

function expectAllClose(actual: number[], expected: number[], floor: number): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, index) => expectClose(value, expected[index]!, floor));
}

function agrees<Input, Expected>(group: string, check: (input: Input, expected: Expected) => void): void {
  const cases = fixtures.cases[group] as Case<Input, Expected>[];
  describe(`${group} agrees with SciPy ${fixtures.versions.scipy}`, () => {
    test.each(cases.map((entry) => [entry.name, entry] as const))('%s', (_name, { input, expected }) =>
      check(input, expected),
    );
  });
}

agrees<{ x: number }, number>('logGamma', ({ x }, expected) => expectClose(logGamma(x), expected));

agrees<{ x: number; degreesOfFreedom: number }, number>('chiSquareSurvival', ({ x, degreesOfFreedom }, expected) =>
  expectClose(chiSquareSurvival(x, degreesOfFreedom), expected, UNDERFLOW, 1e-10),
);

agrees<{ p: number }, number>('normalQuantile', ({ p }, expected) =>
  expectClose(normalQuantile(p), expected, UNDERFLOW, 1e-12),
);

agrees<{ x: number }, number>('kolmogorovSurvival', ({ x }, expected) =>
  expectClose(kolmogorovSurvival(x), expected, UNDERFLOW, 1e-10),
);

agrees<Counts, PopulationStability>('populationStability', ({ reference, current }, expected) => {
  const actual = populationStability(reference, current);
  expectClose(actual.psi, expected.psi);
  expectClose(actual.score, expected.score);
  expect(actual.degreesOfFreedom).toBe(expected.degreesOfFreedom);
  expectClose(actual.pValue, expected.pValue, UNDERFLOW);
});

agrees<Counts, number>('jensenShannonDistance', ({ reference, current }, expected) =>
  expectClose(jensenShannonDistance(reference, current), expected),
);

agrees<Counts, number>('hellingerDistance', ({ reference, current }, expected) =>
  expectClose(hellingerDistance(reference, current), expected),
);

agrees<Counts, ChiSquareTest>('chiSquareTest', ({ reference, current }, expected) => {
  const actual = chiSquareTest(reference, current);
  expectClose(actual.statistic, expected.statistic);
  expect(actual.degreesOfFreedom).toBe(expected.degreesOfFreedom);
  expectClose(actual.pValue, expected.pValue, UNDERFLOW);
});

agrees<Counts, number>('cramersV', ({ reference, current }, expected) =>
  expectClose(cramersV(reference, current), expected),
);

agrees<{ a: number[]; b: number[] }, { statistic: number; pValue: number; distance: number }>(
  'twoSample',
  ({ a, b }, expected) => {
    const actual = kolmogorovSmirnov(Float64Array.from(a), Float64Array.from(b));
    expectClose(actual.statistic, expected.statistic);
    expectClose(actual.pValue, expected.pValue, UNDERFLOW);
    expectClose(wassersteinDistance(Float64Array.from(a), Float64Array.from(b)), expected.distance, UNDERFLOW);
  },
);

agrees<{ pValues: number[] }, number[]>('benjaminiHochberg', ({ pValues }, expected) =>
  expectAllClose(benjaminiHochberg(pValues), expected, UNDERFLOW),
);

agrees<{ successes: number; trials: number; confidence: number }, Interval>(
  'wilsonInterval',
  ({ successes, trials, confidence }, expected) =>
    expectInterval(wilsonInterval(successes, trials, confidence), expected),
);

agrees<{ mean: number; variance: number; n: number; confidence: number }, Interval>(
  'meanInterval',
  ({ mean, variance, n, confidence }, expected) =>
    expectInterval(meanInterval(mean, variance, n, confidence), expected, UNDERFLOW),
);

agrees<{ auc: number; positives: number; negatives: number; confidence: number }, Interval>(
  'aucInterval',
  ({ auc, positives, negatives, confidence }, expected) =>
    expectInterval(aucInterval(auc, positives, negatives, confidence), expected),
);

agrees<{ a: Estimate; b: Estimate }, Interval>('differenceInterval', ({ a, b }, expected) =>
  expectInterval(differenceInterval(a, b), expected),
);

interface Performance {
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  readonly accuracy: number | null;
  readonly f1Interval: Interval | null;
}

agrees<Confusion, Performance>('performance', (confusion, expected) => {
  const ratios = [
    [precision(confusion), expected.precision],
    [recall(confusion), expected.recall],
    [f1(confusion), expected.f1],
    [accuracy(confusion), expected.accuracy],
  ] as const;
  for (const [actual, wanted] of ratios) {
    if (wanted === null) expect(actual).toBeUndefined();
    else expectClose(actual, wanted);
  }
  const interval = f1Interval(confusion, 0.95);
  if (expected.f1Interval === null) expect(interval).toBeUndefined();
  else expectInterval(interval, expected.f1Interval);
});

agrees<{ positives: number[]; negatives: number[] }, number>('areaUnderRoc', ({ positives, negatives }, expected) =>
  expectClose(
    areaUnderRoc(positives.map((count, index) => ({ positives: count, negatives: negatives[index]! }))),
    expected,
  ),
);

agrees<{ values: number[]; weights: number[] }, number[]>('isotonicRegression', ({ values, weights }, expected) =>
  expectAllClose(
    isotonicRegression(values, weights),
    expected,
    NEAR_ZERO * values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0),
  ),
);

describe('special functions', () => {
  test('say the ends of their ranges', () => {
    expect(chiSquareSurvival(-1, 3)).toBe(1);
    expect(chiSquareSurvival(Infinity, 3)).toBe(0);
    expect(chiSquareSurvival(1e308, 1e6)).toBe(0);
    expect(normalQuantile(0)).toBe(-Infinity);
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(1)).toBe(Infinity);
    expect(kolmogorovSurvival(0)).toBe(1);
    expect(kolmogorovSurvival(Infinity)).toBe(0);
    expect(logGamma(1)).toBe(0);
    expect(logGamma(2)).toBe(0);
  });

  test('fall with x, also where the method changes', () => {
    for (const degreesOfFreedom of [1, 2, 20, 21, 500]) {
      const seam = degreesOfFreedom + 2;
      expect(chiSquareSurvival(seam * (1 - 1e-9), degreesOfFreedom)).toBeGreaterThan(
        chiSquareSurvival(seam * (1 + 1e-9), degreesOfFreedom),
      );
    }
    expect(kolmogorovSurvival(0.8 - 1e-9)).toBeGreaterThan(kolmogorovSurvival(0.8));
  });

  test('refuse arguments without a meaning', () => {
    for (const x of [0, -1, NaN, Infinity]) expect(() => logGamma(x)).toThrow(RangeError);
    for (const p of [-0.1, 1.1, NaN]) expect(() => normalQuantile(p)).toThrow(RangeError);
    for (const df of [0, -1, NaN, Infinity]) expect(() => chiSquareSurvival(1, df)).toThrow(RangeError);
    expect(() => chiSquareSurvival(NaN, 1)).toThrow(RangeError);
    expect(() => kolmogorovSurvival(NaN)).toThrow(RangeError);
  });
});

const histogramFunctions = { populationStability, jensenShannonDistance, hellingerDistance, chiSquareTest, cramersV };

describe.each(Object.entries(histogramFunctions))('%s', (_name, compare) => {
  test('refuses a side that holds nothing, and says which', () => {
    expect(() => compare([0, 0], [1, 2])).toThrow(/sum of the reference counts: got 0, expected/);
    expect(() => compare([1, 2], [0, 0])).toThrow(/sum of the current counts: got 0, expected/);
    expect(() => compare([], [])).toThrow(RangeError);
  });

  test('refuses bins that do not match', () => {
    expect(() => compare([1, 2], [1, 2, 3])).toThrow('got lengths 2 and 3, expected equal lengths');
  });

  test.each([-1, NaN, Infinity])('refuses the count %p, and says where', (count) => {
    expect(() => compare([1, 2], [1, count])).toThrow(`current count of bin 1: got ${count}, expected`);
    expect(() => compare([count, 2], [1, 1])).toThrow(RangeError);
  });

  test('takes typed arrays', () => {
    expect(compare(Float64Array.of(1, 2, 3), Float64Array.of(3, 2, 1))).toEqual(compare([1, 2, 3], [3, 2, 1]));
  });

  test('does not change with bins that are empty on both sides, nor with their order', () => {
    expect(compare([1, 0, 2, 4], [3, 0, 2, 1])).toEqual(compare([1, 2, 4], [3, 2, 1]));
  });
});

describe('populationStability', () => {
  test('sees nothing in equal or single-bin histograms', () => {
    expect(populationStability([10, 20], [10, 20])).toEqual({ psi: 0, score: 0, degreesOfFreedom: 1, pValue: 1 });
    expect(populationStability([0, 5], [0, 9])).toEqual({ psi: 0, score: 0, degreesOfFreedom: 0, pValue: 1 });
  });

  test('scores what is left beyond chance, so a small sample without drift scores 0', () => {
    const { psi, score } = populationStability([1000, 1000, 1000, 1000], [4, 1, 1, 2]);
    expect(psi).toBeGreaterThan(0.1);
    expect(score).toBe(0);
  });
});

describe('distances', () => {
  test('are 1 for disjoint histograms and 0 for proportional ones', () => {
    for (const distance of [jensenShannonDistance, hellingerDistance, cramersV]) {
      expectClose(distance([3, 7, 0, 0], [0, 0, 5, 6]), 1);
      expect(distance([3, 7, 0, 0], [0, 0, 5, 6])).toBeLessThanOrEqual(1);
      expect(distance([1, 2, 4], [2, 4, 8])).toBe(0);
    }
  });

  test('keep their precision where the histograms hardly differ', () => {
    // For shares (1 -+ e) / 2 against halves, the leading term of the divergence is e^2 / (8 ln 2).
    const e = 1e-6;
    const size = 2 ** 40;
    const moved = [size * (1 + e), size * (1 - e)];
    expectClose(jensenShannonDistance([size, size], moved), e / Math.sqrt(8 * Math.LN2), 0, 1e-8);
    expectClose(hellingerDistance([size, size], moved), e / Math.sqrt(8), 0, 1e-8);
  });

  test('change smoothly where the method changes', () => {
    const at = (d: number): number => jensenShannonDistance([1, 1], [1 + d, 1 - d]);
    for (let d = 0.2; d < 0.7; d += 0.01) expect(at(d + 0.01)).toBeGreaterThan(at(d));
  });

  test('see no association in a single bin', () => {
    expect(cramersV([5], [9])).toBe(0);
    expect(chiSquareTest([5], [9])).toEqual({ statistic: 0, degreesOfFreedom: 0, pValue: 1 });
  });
});

describe.each([
  ['kolmogorovSmirnov', kolmogorovSmirnov],
  ['wassersteinDistance', wassersteinDistance],
])('%s', (_name, compare) => {
  test('refuses an empty sample', () => {
    expect(() => compare([], [1])).toThrow('first sample: got no values, expected at least one');
    expect(() => compare([1], [])).toThrow('second sample: got no values');
  });

  test('refuses an unsorted sample, and says where', () => {
    expect(() => compare([1, 2], [1, 3, 2])).toThrow(
      'second sample: got 2 after 3 at index 2, expected ascending order',
    );
  });

  test.each([NaN, Infinity, -Infinity])('refuses %p', (value) => {
    expect(() => compare([value], [1])).toThrow(RangeError);
    expect(() => compare([1], [0, value])).toThrow(RangeError);
  });

  test('is symmetric, and does not tell 0 from -0', () => {
    expect(compare([1, 2, 2, 8], [0, 2, 3])).toEqual(compare([0, 2, 3], [1, 2, 2, 8]));
    expect(compare([-0, 1], [0, 1])).toEqual(compare([0, 1], [0, 1]));
  });
});

describe('two samples', () => {
  test('repeated whole are the same sample: exactly no distance', () => {
    const once = [0.1, 0.2, 0.3];
    const thrice = once.flatMap((value) => [value, value, value]);
    expect(kolmogorovSmirnov(once, thrice)).toEqual({ statistic: 0, pValue: 1 });
    expect(wassersteinDistance(once, thrice)).toBe(0);
  });
});

describe('benjaminiHochberg', () => {
  test('refuses what is no probability, and says which', () => {
    for (const value of [-0.1, 1.5, NaN]) {
      expect(() => benjaminiHochberg([0.5, value])).toThrow(`p value 1: got ${value}, expected`);
    }
  });

  test('leaves its input alone', () => {
    const values = Object.freeze([0.9, 0.1]);
    expect(benjaminiHochberg(values)).toEqual([0.9, 0.2]);
  });
});

describe('intervals', () => {
  test('refuse a confidence outside 0..1', () => {
    for (const confidence of [0, 1, -1, 95, NaN]) {
      const message = `confidence: got ${confidence}, expected`;
      expect(() => wilsonInterval(1, 2, confidence)).toThrow(message);
      expect(() => meanInterval(1, 1, 2, confidence)).toThrow(message);
      expect(() => aucInterval(0.5, 1, 1, confidence)).toThrow(message);
    }
  });

  test('refuse senseless data', () => {
    for (const [successes, trials] of [
      [-1, 2],
      [3, 2],
      [NaN, 2],
      [0, 0],
      [0, NaN],
      [1, Infinity],
    ] as const) {
      expect(() => wilsonInterval(successes, trials, 0.95)).toThrow(RangeError);
    }
    expect(() => meanInterval(NaN, 1, 1, 0.95)).toThrow(RangeError);
    expect(() => meanInterval(0, -1, 1, 0.95)).toThrow(RangeError);
    expect(() => meanInterval(0, 1, 0, 0.95)).toThrow(RangeError);
    expect(() => aucInterval(1.1, 1, 1, 0.95)).toThrow(RangeError);
    expect(() => aucInterval(0.5, 0, 1, 0.95)).toThrow(RangeError);
    expect(() => aucInterval(0.5, 1, 0, 0.95)).toThrow(RangeError);
    const sound = { estimate: 0.5, low: 0.4, high: 0.6 };
    expect(() => differenceInterval({ ...sound, estimate: 0.7 }, sound)).toThrow(/^first estimate: got 0.7/);
    expect(() => differenceInterval(sound, { ...sound, low: NaN })).toThrow(/^second estimate/);
  });

  test('always hold the proportion they are about, so a difference can be taken', () => {
    for (const trials of [1, 3, 7, 1e3, 1e9, 1e15]) {
      for (const share of [0, 1e-9, 0.1, 1 / 3, 0.5, 0.9, 1]) {
        const estimate = { estimate: (share * trials) / trials, ...wilsonInterval(share * trials, trials, 0.95) };
        expect(() => differenceInterval(estimate, estimate)).not.toThrow();
      }
    }
  });

  test('keep to 0..1 for proportions', () => {
    expect(wilsonInterval(0, 5, 0.95).low).toBe(0);
    expect(wilsonInterval(5, 5, 0.95).high).toBe(1);
    expect(aucInterval(0.95, 3, 3, 0.99).high).toBe(1);
    expect(aucInterval(0.05, 3, 3, 0.99).low).toBe(0);
  });

  test('of an area bear classes that weigh less than one', () => {
    const { low, high } = aucInterval(0.9, 0.2, 40, 0.95);
    expect(low).toBeGreaterThanOrEqual(0);
    expect(high).toBe(1);
  });

  test("give Newcombe's published difference of 56/70 and 48/80", () => {
    // Newcombe 1998, table II, example (a), method 10.
    const larger = { estimate: 56 / 70, ...wilsonInterval(56, 70, 0.95) };
    const smaller = { estimate: 48 / 80, ...wilsonInterval(48, 80, 0.95) };
    const { low, high } = differenceInterval(smaller, larger);
    expect(low).toBeCloseTo(0.0524, 4);
    expect(high).toBeCloseTo(0.3339, 4);
  });
});

describe('performance', () => {
  test('refuses counts that are none', () => {
    const sound = { truePositive: 1, falsePositive: 1, falseNegative: 1, trueNegative: 1 };
    for (const value of [-1, NaN, Infinity]) {
      for (const metric of [precision, recall, f1, accuracy, (c: Confusion) => f1Interval(c, 0.95)]) {
        expect(() => metric({ ...sound, falseNegative: value })).toThrow(`falseNegative: got ${value}, expected`);
      }
      expect(() => areaUnderRoc([{ positives: value, negatives: 1 }])).toThrow(RangeError);
      expect(() => areaUnderRoc([{ positives: 1, negatives: value }])).toThrow(RangeError);
    }
  });

  test('is undefined where nothing can be measured', () => {
    const none = { truePositive: 0, falsePositive: 0, falseNegative: 0, trueNegative: 0 };
    for (const metric of [precision, recall, f1, accuracy]) expect(metric(none)).toBeUndefined();
    expect(f1Interval(none, 0.95)).toBeUndefined();
    expect(areaUnderRoc([])).toBeUndefined();
    expect(areaUnderRoc([{ positives: 3, negatives: 0 }])).toBeUndefined();
    expect(areaUnderRoc([{ positives: 0, negatives: 3 }])).toBeUndefined();
  });

  test('takes the groups of a curve from any iterable', () => {
    const groups = new Map([
      [0.1, { positives: 0, negatives: 1 }],
      [0.9, { positives: 1, negatives: 0 }],
    ]);
    expect(areaUnderRoc(groups.values())).toBe(1);
  });
});

describe('isotonicRegression', () => {
  test('of nothing is nothing', () => {
    expect(isotonicRegression([], [])).toEqual([]);
  });

  test('refuses weights and values without a meaning', () => {
    expect(() => isotonicRegression([1, 2], [1])).toThrow('got lengths 2 and 1, expected equal lengths');
    expect(() => isotonicRegression([1, NaN], [1, 1])).toThrow('value 1: got NaN, expected a finite number');
    for (const weight of [0, -1, NaN])
      expect(() => isotonicRegression([1], [weight])).toThrow(`weight 0: got ${weight}`);
  });

  test('is fast on the worst order', () => {
    const size = 200_000;
    const falling = Float64Array.from({ length: size }, (_, index) => size - index);
    const fitted = isotonicRegression(falling, new Float64Array(size).fill(1));
    expectClose(fitted[0], (size + 1) / 2);
    expect(fitted.at(-1)).toBe(fitted[0]);
  });
});
