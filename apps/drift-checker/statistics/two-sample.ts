import { kolmogorovSurvival } from '../../common/statistics/special-functions';

/** Outcome of a two-sample Kolmogorov-Smirnov test. */
export interface KolmogorovSmirnovTest {
  readonly statistic: number;
  readonly pValue: number;
}

/**
 * Two-sided two-sample Kolmogorov-Smirnov test: D = max |F_a(x) - F_b(x)| over all x, exact with ties, and the
 * asymptotic p value K(D sqrt(nm / (n + m))) with K the survival function of Kolmogorov's distribution. With ties and
 * with small samples that p value tends to be too high: the test errs towards silence.
 *
 * Source: `scipy.stats.ks_2samp(a, b).statistic`, `scipy.stats.kstwobign.sf`.
 *
 * @param sortedA finite numbers, ascending
 * @param sortedB finite numbers, ascending
 * @throws RangeError when a sample is empty, unsorted or holds a number that is not finite
 */
export function kolmogorovSmirnov(sortedA: ArrayLike<number>, sortedB: ArrayLike<number>): KolmogorovSmirnovTest {
  let widest = 0;
  forEachStep(sortedA, sortedB, (gap) => {
    if (gap > widest) widest = gap;
  });
  const n = sortedA.length;
  const m = sortedB.length;
  const statistic = widest / (n * m);
  return { statistic, pValue: kolmogorovSurvival(statistic * Math.sqrt((n * m) / (n + m))) };
}

/**
 * First Wasserstein (earth mover's) distance of two samples, in the unit of the data: the integral of
 * |F_a(x) - F_b(x)| over x.
 *
 * Source: `scipy.stats.wasserstein_distance(a, b)`.
 *
 * @param sortedA finite numbers, ascending
 * @param sortedB finite numbers, ascending
 * @throws RangeError when a sample is empty, unsorted or holds a number that is not finite
 */
export function wassersteinDistance(sortedA: ArrayLike<number>, sortedB: ArrayLike<number>): number {
  const scale = sortedA.length * sortedB.length;
  let distance = 0;
  forEachStep(sortedA, sortedB, (gap, width) => {
    distance += (gap / scale) * width;
  });
  return distance;
}

/**
 * Visits the steps of the two empirical distribution functions, one for each distinct value of the pooled sample:
 * `gap` is nm |F_a - F_b| at that value, `width` how far the next value is. Taken times nm the gap is an integer, hence
 * exact: two functions that meet differ by 0 rather than by a rounding error.
 */
function forEachStep(a: ArrayLike<number>, b: ArrayLike<number>, visit: (gap: number, width: number) => void): void {
  requireSorted('first sample', a);
  requireSorted('second sample', b);
  const n = a.length;
  const m = b.length;
  let i = 0;
  let j = 0;
  let value = Math.min(a[0]!, b[0]!);
  while (i < n || j < m) {
    while (i < n && a[i]! === value) i++;
    while (j < m && b[j]! === value) j++;
    const next = Math.min(i < n ? a[i]! : Infinity, j < m ? b[j]! : Infinity);
    visit(Math.abs(i * m - j * n), next === Infinity ? 0 : next - value);
    value = next;
  }
}

function requireSorted(name: string, sample: ArrayLike<number>): void {
  if (sample.length === 0) throw new RangeError(`${name}: got no values, expected at least one`);
  let previous = -Infinity;
  for (let index = 0; index < sample.length; index++) {
    const value = sample[index]!;
    if (!Number.isFinite(value)) {
      throw new RangeError(`${name}: got ${value} at index ${index}, expected finite numbers`);
    }
    if (value < previous) {
      throw new RangeError(`${name}: got ${value} after ${previous} at index ${index}, expected ascending order`);
    }
    previous = value;
  }
}
