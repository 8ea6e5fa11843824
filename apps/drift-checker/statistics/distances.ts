import { pairCounts, type PairedCounts } from '../../common/statistics/checks';
import { chiSquareSurvival } from '../../common/statistics/special-functions';

/** Outcome of a chi-square test. */
export interface ChiSquareTest {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  readonly pValue: number;
}

/**
 * Jensen-Shannon distance of two histograms over the same bins, 0..1: with p and q the relative frequencies and
 * u = (p + q) / 2, the square root of (KL(p || u) + KL(q || u)) / 2, logarithms to base 2.
 *
 * Source: `scipy.spatial.distance.jensenshannon(p, q, base=2)`; Endres & Schindelin 2003.
 *
 * @throws RangeError when the lengths differ, a count is negative or not finite, or a side holds nothing
 */
export function jensenShannonDistance(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let divergence = 0;
  forEachFrequency(pairCounts(reference, current), (p, q) => {
    divergence += ((p + q) / 4) * mixtureExcess(Math.abs(p - q) / (p + q));
  });
  // Rounding may carry disjoint histograms a hair beyond 1.
  return Math.min(1, Math.sqrt(divergence / Math.LN2));
}

/**
 * Hellinger distance of two histograms over the same bins, 0..1: sqrt(sum (sqrt(p_i) - sqrt(q_i))^2 / 2) with p and q
 * the relative frequencies.
 *
 * Source: E. Hellinger 1909; L. Le Cam, "Asymptotic Methods in Statistical Decision Theory", 1986.
 *
 * @throws RangeError when the lengths differ, a count is negative or not finite, or a side holds nothing
 */
export function hellingerDistance(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let sum = 0;
  forEachFrequency(pairCounts(reference, current), (p, q) => {
    sum += (Math.sqrt(p) - Math.sqrt(q)) ** 2;
  });
  return Math.min(1, Math.sqrt(sum / 2));
}

/**
 * Pearson's chi-square test that two histograms over the same k bins come from one distribution:
 * sum (observed - expected)^2 / expected over the 2 x k table, k - 1 degrees of freedom, bins empty on both sides left
 * out. With a single bin there is nothing to test: statistic 0, p value 1.
 *
 * Source: `scipy.stats.chi2_contingency(table, correction=False)`.
 *
 * @throws RangeError when the lengths differ, a count is negative or not finite, or a side holds nothing
 */
export function chiSquareTest(reference: ArrayLike<number>, current: ArrayLike<number>): ChiSquareTest {
  const counts = pairCounts(reference, current);
  const degreesOfFreedom = counts.reference.length - 1;
  if (degreesOfFreedom === 0) return { statistic: 0, degreesOfFreedom, pValue: 1 };
  const statistic = homogeneity(counts);
  return { statistic, degreesOfFreedom, pValue: chiSquareSurvival(statistic, degreesOfFreedom) };
}

/**
 * Cramér's V of two histograms over the same bins, 0..1: sqrt(chi2 / (N min(rows - 1, columns - 1))), which for two
 * rows is sqrt(chi2 / N). A single bin gives 0, for there is no association to be seen.
 *
 * Source: `scipy.stats.contingency.association(table, method='cramer', correction=False)`.
 *
 * @throws RangeError when the lengths differ, a count is negative or not finite, or a side holds nothing
 */
export function cramersV(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  const counts = pairCounts(reference, current);
  return Math.min(1, Math.sqrt(homogeneity(counts) / (counts.referenceTotal + counts.currentTotal)));
}

/**
 * (1 + d) ln(1 + d) + (1 - d) ln(1 - d) for 0 <= d <= 1. Its two terms nearly cancel for small d, where the distance
 * between similar histograms would otherwise be lost to rounding; hence the series sum d^2j / (j (2j - 1)).
 */
function mixtureExcess(d: number): number {
  if (d >= 1) return 2 * Math.LN2;
  if (d > 0.2) return (1 + d) * Math.log1p(d) + (1 - d) * Math.log1p(-d);
  const square = d * d;
  let sum = 0;
  let power = square;
  for (let j = 1; j <= 12; j++) {
    sum += power / (j * (2 * j - 1));
    power *= square;
  }
  return sum;
}

/** Pearson's statistic of the 2 x k table, in the form that needs no expected counts: nm sum (p_i - q_i)^2 / (a + b). */
function homogeneity(counts: PairedCounts): number {
  let sum = 0;
  let bin = 0;
  forEachFrequency(counts, (p, q) => {
    sum += (p - q) ** 2 / (counts.current[bin]! + counts.reference[bin]!);
    bin++;
  });
  return sum * counts.currentTotal * counts.referenceTotal;
}

function forEachFrequency(counts: PairedCounts, visit: (current: number, reference: number) => void): void {
  for (let bin = 0; bin < counts.reference.length; bin++) {
    visit(counts.current[bin]! / counts.currentTotal, counts.reference[bin]! / counts.referenceTotal);
  }
}
