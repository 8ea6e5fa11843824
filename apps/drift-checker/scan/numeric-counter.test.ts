import { repeat, testRandom } from '../../common/testing/test-data';
import { quantileEdges } from '../profile/bins';
import { NumericCounter, type NumericPlan } from './numeric-counter';

type Floats = Float32Array | Float64Array;

interface Naive {
  counts: number[];
  missing: number;
  infinite: number;
  outOfRange: number;
  values: number[];
}

/** What the counter computes, by the definition. */
function naive({ edges, minimum = -Infinity, maximum = Infinity }: NumericPlan, all: readonly number[]): Naive {
  const result: Naive = {
    counts: repeat(edges.length + 1, () => 0),
    missing: 0,
    infinite: 0,
    outOfRange: 0,
    values: [],
  };
  for (const value of all) {
    if (Number.isNaN(value)) result.missing++;
    else if (!Number.isFinite(value)) result.infinite++;
    else {
      const bin = edges.findIndex((edge) => value <= edge);
      result.counts[bin < 0 ? edges.length : bin]!++;
      result.values.push(value);
      if (value < minimum || value > maximum) result.outOfRange++;
    }
  }
  return result;
}

function count(
  plan: NumericPlan,
  all: readonly number[],
  chunk = 2048,
  as: 'double' | 'float' = 'double',
): NumericCounter {
  const counter = new NumericCounter(plan);
  for (let start = 0; start < all.length; start += chunk) {
    const part = all.slice(start, start + chunk);
    counter.add(as === 'double' ? Float64Array.from(part) : Float32Array.from(part), null, part.length);
  }
  return counter;
}

function expectSame(counter: NumericCounter, plan: NumericPlan, all: readonly number[]): void {
  const expected = naive(plan, all);
  expect([...counter.counts]).toEqual(expected.counts);
  const { missing, infinite, outOfRange, values } = counter;
  expect({ missing, infinite, outOfRange, values }).toEqual({
    ...expected,
    counts: undefined,
    values: expected.values.length,
  });
  expect([counter.minimum, counter.maximum]).toEqual([
    expected.values.reduce((a, b) => Math.min(a, b), Infinity),
    expected.values.reduce((a, b) => Math.max(a, b), -Infinity),
  ]);
}

function expectMoments(counter: NumericCounter, values: readonly number[]): void {
  // Two passes, around the first value and then around the mean.
  const first = values[0]!;
  const distance = values.reduce((sum, value) => sum + (value - first) / values.length, 0);
  const spread = Math.sqrt(
    values.reduce((sum, value) => sum + (value - first - distance) ** 2 / (values.length - 1), 0),
  );
  expect(Math.abs(counter.mean - first - distance)).toBeLessThanOrEqual(1e-9 * Math.max(Math.abs(first), spread));
  expect(Math.abs(counter.standardDeviation - spread)).toBeLessThanOrEqual(1e-9 * spread);
}

const decilesOf = (values: readonly number[]): number[] => quantileEdges(Float64Array.from(values).sort());
const ROWS = 20_000;

describe('a column is counted as by the definition', () => {
  const { normal, uniform, below } = testRandom(1);
  const columns: Record<string, number[]> = {
    normal: repeat(ROWS, normal),
    'far from zero': repeat(ROWS, () => 1e9 + normal()),
    'tails so heavy that most of the range is empty': repeat(ROWS, () => normal() / (uniform() + 1e-9)),
    lognormal: repeat(ROWS, () => Math.exp(3 * normal())),
    integers: repeat(ROWS, () => below(1000)),
    'few integers': repeat(ROWS, () => below(5)),
    'large integers next to each other': repeat(ROWS, () => 20_240_101 + below(5)),
    'one value': repeat(ROWS, () => 7.25),
    zeros: repeat(ROWS, () => 0),
    negative: repeat(ROWS, () => -1e6 * uniform()),
    'medium huge': repeat(ROWS, () => 1e100 * normal()),
    small: repeat(ROWS, () => 1e-100 * normal()),
  };

  test.each(Object.entries(columns))('%s, in doubles', (_, values) => {
    const plan = { edges: decilesOf(values), minimum: -1, maximum: 500 };
    const counter = count(plan, values);
    expectSame(counter, plan, values);
    expectMoments(counter, values);
  });

  test.each(Object.entries(columns))('%s, in floats', (_, values) => {
    const floats = [...Float32Array.from(values)];
    const plan = { edges: decilesOf(values), minimum: -1, maximum: 500 };
    const counter = count(plan, values, 999, 'float');
    expectSame(counter, plan, floats);
  });

  test.each([
    ['neighbouring doubles', repeat(2000, () => 1e15 + below(40) / 8)],
    ['denormals', repeat(2000, () => below(100) * Number.MIN_VALUE)],
    ['1e-300', repeat(2000, () => 1e-300 * normal())],
    ['1e300', repeat(2000, () => 1e300 * normal())],
    ['the whole range of doubles', repeat(2000, (row) => (row % 2 ? 1 : -1) * Number.MAX_VALUE * uniform())],
  ])('%s', (_, values) => {
    const plan = { edges: decilesOf(values), minimum: 0, maximum: 1e-310 };
    const counter = count(plan, values, 100);
    expectSame(counter, plan, values);
    expect(Number.isFinite(counter.mean) && Number.isFinite(counter.standardDeviation)).toBe(true);
  });

  test.each([
    ['no edges', []],
    ['one edge', [0.5]],
    ['edges at 0 only a denormal apart', [-Number.MIN_VALUE, Number.MIN_VALUE]],
    ['edges of very different widths', [-1e300, -1, 0, 1e-300, 1, 1e300]],
    ['an edge at the largest double', [0, Number.MAX_VALUE]],
  ])('with %s', (_, edges) => {
    const values = [
      ...repeat(1000, normal),
      0,
      -0,
      0.5,
      1e-300,
      -1e300,
      1e300,
      Number.MAX_VALUE,
      ...edges,
      NaN,
      Infinity,
      -Infinity,
    ];
    expectSame(count({ edges }, values, 64), { edges }, values);
  });

  test('a value exactly on an edge is below it', () => {
    const edges = repeat(19, () => normal()).sort((a, b) => a - b);
    const next = (value: number): number => value + Math.max(Number.MIN_VALUE, Math.abs(value) * 2 ** -52);
    const values = edges.flatMap((edge) => [edge, next(edge), -next(-edge)]);
    expectSame(count({ edges }, values), { edges }, values);
  });
});

describe('what is no measurement', () => {
  test('NaN is missing, an infinity is counted apart, and neither touches the moments', () => {
    const plan = { edges: [1, 2], minimum: 0, maximum: 2 };
    const counter = count(plan, [NaN, 1, Infinity, 2, -Infinity, 3, NaN], 3);
    expectSame(counter, plan, [NaN, 1, Infinity, 2, -Infinity, 3, NaN]);
    expectMoments(counter, [1, 2, 3]);
  });

  test('nulls are missing whatever their slots hold', () => {
    const items = Float64Array.of(1, 1e308, 2, NaN, Infinity, 3, -5, 4, 99, 5);
    const valid = [0, 2, 5, 7, 9];
    const bits = new Uint8Array(2);
    for (const row of valid) bits[row >> 3]! |= 1 << (row & 7);
    const counter = new NumericCounter({ edges: [2], minimum: 0, maximum: 10 });
    counter.add(items, bits, items.length);
    const { missing, infinite, outOfRange, values, mean, minimum, maximum } = counter;
    expect({ missing, infinite, outOfRange, values, mean, minimum, maximum }).toEqual({
      ...{ missing: 5, infinite: 0, outOfRange: 0, values: 5, mean: 3, minimum: 1, maximum: 5 },
    });
    expect([...counter.counts]).toEqual([2, 3]);
  });

  test('a column without a value has counts of 0 and finite moments', () => {
    const counter = count({ edges: [0] }, [NaN, NaN]);
    expect([...counter.counts]).toEqual([0, 0]);
    expect([counter.mean, counter.standardDeviation, counter.missing]).toEqual([0, 0, 2]);
  });

  test.each([
    ['first', (values: number[], outlier: number) => [outlier, ...values]],
    ['last', (values: number[], outlier: number) => [...values, outlier]],
  ])('a value too large to be squared leaves the moments of the others alone: %s', (_, place) => {
    const { normal } = testRandom(2);
    const values = repeat(1000, normal);
    for (const outlier of [1e200, -1e308]) {
      const plan = { edges: decilesOf(values), minimum: -10, maximum: 10 };
      const counter = count(plan, place(values, outlier), 100);
      expectSame(counter, plan, place(values, outlier));
      expectMoments(counter, values);
    }
  });
});

test('moments do not depend on how the rows come in chunks', () => {
  const { normal } = testRandom(3);
  const values = repeat(5000, () => 1e6 + normal());
  for (const chunk of [1, 7, 2048, 5000]) expectMoments(count({ edges: [] }, values, chunk), values);
});

test('only the first rows of a buffer are read', () => {
  const counter = new NumericCounter({ edges: [] });
  const items: Floats = Float32Array.of(1, 2, 99);
  counter.add(items, null, 2);
  expect([counter.values, counter.maximum]).toEqual([2, 2]);
});
