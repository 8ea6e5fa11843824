import { pairCounts } from '../../common/statistics/checks';
import { chiSquareSurvival } from '../../common/statistics/special-functions';

/** How far a histogram has moved from its reference, and whether chance alone explains it. */
export interface PopulationStability {
  /** The index itself; never negative. */
  readonly psi: number;
  /** The index less what sampling alone is expected to add; never negative. Compare this with a threshold. */
  readonly score: number;
  /** Bins that hold anything, less one. */
  readonly degreesOfFreedom: number;
  /** Probability of an index at least this high when both samples come from one distribution. */
  readonly pValue: number;
}

/**
 * Population stability index of two histograms over the same k bins (bins empty on both sides are left out):
 *
 *     p_i = (current_i + 1/2) / (n + k/2)      q_i = (reference_i + 1/2) / (m + k/2)
 *     psi = sum (p_i - q_i) ln(p_i / q_i)
 *
 * Without drift, psi / (1/n + 1/m) is asymptotically chi-square with k - 1 degrees of freedom, so psi is expected to
 * be (k - 1)(1/n + 1/m): `score` takes that off, which makes samples of different sizes comparable. The halves keep
 * the index finite when a category is new or gone.
 *
 * Source: B. Yurdakul and J. Naranjo, "Statistical properties of the population stability index",
 * Journal of Risk Model Validation 14(4), 2020.
 *
 * @throws RangeError when the lengths differ, a count is negative or not finite, or a side holds nothing
 */
export function populationStability(reference: ArrayLike<number>, current: ArrayLike<number>): PopulationStability {
  const counts = pairCounts(reference, current);
  const bins = counts.reference.length;
  if (bins <= 1) return { psi: 0, score: 0, degreesOfFreedom: 0, pValue: 1 };
  let psi = 0;
  for (let bin = 0; bin < bins; bin++) {
    const p = (counts.current[bin]! + 0.5) / (counts.currentTotal + bins / 2);
    const q = (counts.reference[bin]! + 0.5) / (counts.referenceTotal + bins / 2);
    psi += (p - q) * Math.log(p / q);
  }
  const degreesOfFreedom = bins - 1;
  const samplingScale = 1 / counts.currentTotal + 1 / counts.referenceTotal;
  return {
    psi,
    score: Math.max(0, psi - degreesOfFreedom * samplingScale),
    degreesOfFreedom,
    pValue: chiSquareSurvival(psi / samplingScale, degreesOfFreedom),
  };
}
