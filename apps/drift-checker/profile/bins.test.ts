import { repeat, testRandom } from '../../common/testing/test-data';
import { populationStability } from '../statistics/population-stability';
import { categoryBins, finiteSorted, quantileEdges } from './bins';

const sorted = (values: readonly number[]): Float64Array => Float64Array.from(values).sort();

function counts(edges: readonly number[], values: readonly number[]): number[] {
  const result = repeat(edges.length + 1, () => 0);
  for (const value of values) {
    const bin = edges.findIndex((edge) => value <= edge);
    result[bin < 0 ? edges.length : bin]!++;
  }
  return result;
}

/** The score of a change, on the bins of what it changed from. */
function score(reference: readonly number[], current: readonly number[]): number {
  const edges = quantileEdges(sorted(reference));
  return populationStability(counts(edges, reference), counts(edges, current)).score;
}

const { normal, uniform, below } = testRandom(1);
const ROWS = 5000;

describe('quantile edges', () => {
  test('cut a continuous sample into bins of equal shares', () => {
    const values = repeat(10_001, () => Math.exp(2 * normal()));
    for (const bins of [2, 10, 20]) {
      const shares = counts(quantileEdges(sorted(values), bins), values);
      expect(shares).toHaveLength(bins);
      for (const share of shares) expect(Math.abs(share - 10_001 / bins)).toBeLessThanOrEqual(1);
    }
  });

  test.each([
    ['nothing', []],
    ['one value', [3]],
    ['zeros', repeat(ROWS, () => 0)],
    ['few values', repeat(ROWS, () => below(6))],
    ['zero-inflated', repeat(ROWS, () => (uniform() < 0.8 ? 0 : Math.exp(normal())))],
    ['neighbouring doubles', repeat(ROWS, () => 1e15 + below(40) / 8)],
    ['denormals', repeat(ROWS, () => below(4) * Number.MIN_VALUE)],
    ['the whole range', [-Number.MAX_VALUE, Number.MAX_VALUE, ...repeat(100, () => 0)]],
  ])('ascend and are finite: %s', (_, values) => {
    const edges = quantileEdges(sorted(values));
    expect(edges.every(Number.isFinite)).toBe(true);
    expect(edges).toEqual([...new Set(edges)].sort((a, b) => a - b));
  });

  test.each([
    ['small', [0, 1, 2]],
    ['large integers next to each other', [20_240_101, 20_240_102, 20_240_103, 20_240_104]],
    ['neighbouring doubles', [1e15, 1e15 + 0.125, 1e15 + 0.25]],
    ['denormals', [0, Number.MIN_VALUE, 2 * Number.MIN_VALUE]],
    ['both signs', [-1e-3, 1e-3, 1e6]],
  ])('give each of few values a bin of its own: %s', (_, values) => {
    const sample = values.flatMap((value, index) => repeat(100 * (index + 1), () => value));
    const found = counts(quantileEdges(sorted(sample)), sample).filter((count) => count > 0);
    expect(found).toEqual(values.map((__, index) => 100 * (index + 1)));
  });

  test.each([5, -5, 0, 1e-300, 1e300])('see a constant of %p that moves up or down', (constant) => {
    const step = Math.abs(constant) * 0.01 || 1e-9;
    const reference = repeat(1000, () => constant);
    expect(score(reference, reference)).toBe(0);
    for (const moved of [constant + step, constant - step])
      expect(
        score(
          reference,
          repeat(1000, () => moved),
        ),
      ).toBeGreaterThan(5);
  });

  test('see zeros that become small numbers on either side', () => {
    const reference = repeat(ROWS, () => (uniform() < 0.8 ? 0 : 10 * uniform()));
    for (const small of [0.001, -0.001])
      expect(
        score(
          reference,
          reference.map((value) => value || small),
        ),
      ).toBeGreaterThan(1);
  });

  test('see a shift among large integers that lie close together', () => {
    const reference = repeat(ROWS, () => 20_240_101 + below(30));
    expect(
      score(
        reference,
        reference.map((value) => value + 5),
      ),
    ).toBeGreaterThan(0.5);
  });

  test.each([
    ['a constant', repeat(ROWS, () => 0.1)],
    ['few values', repeat(ROWS, () => below(5) / 10)],
    ['prices', repeat(ROWS, () => below(30) / 10)],
    ['one value of nearly a bin', repeat(ROWS, () => (uniform() < 0.09 ? 1.1 : below(60) / 20))],
  ])('take a value stored as a float for the same: %s', (_, values) => {
    expect(score(values, values.map(Math.fround))).toBe(0);
    expect(score(values.map(Math.fround), values)).toBe(0);
  });
});

test('finite values are sorted, and what is no number is left out', () => {
  expect([...finiteSorted([3, null, NaN, -1, Infinity, 2])]).toEqual([-1, 2, 3]);
});

test('categories have a bin from 1 % of the rows on, and 50 have at most', () => {
  const named = (rows: readonly number[]): { value: string; rows: number }[] =>
    rows.map((count, index) => ({ value: `c${index}`, rows: count }));
  expect(categoryBins(named([500, 480, 10, 9]), 999)).toEqual(['c0', 'c1', 'c2']);
  expect(categoryBins(named(repeat(60, () => 2)), 120)).toHaveLength(50);
});
