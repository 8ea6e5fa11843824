import { requireNonNegative, requirePositive, requireProbability } from '../../common/statistics/checks';
import { normalQuantile } from '../../common/statistics/special-functions';

/** A two-sided confidence interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** An estimate within its confidence interval. */
export interface Estimate extends Interval {
  readonly estimate: number;
}

/**
 * Wilson's score interval of a proportion p = successes / trials, z the normal quantile:
 *
 *     (p + z^2/2n -+ z sqrt(p(1 - p)/n + z^2/4n^2)) / (1 + z^2/n)
 *
 * It never leaves 0..1 and stays sensible at 0 and at n successes. Both counts may be fractional (sums of weights).
 *
 * Source: E. B. Wilson, JASA 22, 1927; `scipy.stats.binomtest(k, n).proportion_ci(method='wilson')`.
 *
 * @throws RangeError when trials is not above 0, successes not in 0..trials, or confidence not between 0 and 1
 */
export function wilsonInterval(successes: number, trials: number, confidence: number): Interval {
  requirePositive('trials', trials);
  if (!(successes >= 0 && successes <= trials)) {
    throw new RangeError(`successes: got ${successes}, expected a number in 0..${trials} (trials)`);
  }
  const z = twoSidedQuantile(confidence);
  const failures = trials - successes;
  const share = successes / trials;
  const centre = successes + (z * z) / 2;
  const spread = z * Math.sqrt((successes * failures) / trials + (z * z) / 4);
  const scale = trials + z * z;
  // At the ends the bound is the end itself; computed, it misses it by a rounding error.
  return {
    low: successes === 0 ? 0 : Math.min(share, Math.max(0, (centre - spread) / scale)),
    high: failures === 0 ? 1 : Math.max(share, Math.min(1, (centre + spread) / scale)),
  };
}

/**
 * Normal interval of a mean: mean -+ z sqrt(variance / n), with the variance of one observation.
 *
 * Source: central limit theorem; `scipy.stats.norm.interval(confidence, mean, sqrt(variance / n))`.
 *
 * @throws RangeError when mean is not finite, variance is negative, n not above 0, or confidence not between 0 and 1
 */
export function meanInterval(mean: number, variance: number, n: number, confidence: number): Interval {
  if (!Number.isFinite(mean)) throw new RangeError(`mean: got ${mean}, expected a finite number`);
  requireNonNegative('variance', variance);
  requirePositive('n', n);
  return around(mean, twoSidedQuantile(confidence) * Math.sqrt(variance / n));
}

/**
 * Normal interval of an area A under the ROC curve, clipped to 0..1, by the standard error
 *
 *     SE^2 = (A(1 - A) + (positives - 1)(A/(2 - A) - A^2) + (negatives - 1)(2A^2/(1 + A) - A^2)) / (positives negatives)
 *
 * At A = 0 or 1 the standard error is 0 and the interval a point, which understates the doubt. A fractional class below
 * 1 counts as one observation in the pair terms, so the variance cannot turn negative.
 *
 * Source: J. A. Hanley and B. J. McNeil, Radiology 143, 1982.
 *
 * @throws RangeError when auc is not in 0..1, a class is not above 0, or confidence not between 0 and 1
 */
export function aucInterval(auc: number, positives: number, negatives: number, confidence: number): Interval {
  requireProbability('auc', auc);
  requirePositive('positives', positives);
  requirePositive('negatives', negatives);
  // A/(2 - A) - A^2 and 2A^2/(1 + A) - A^2 share the factor A(1 - A); taken out, nothing cancels near 0 and 1.
  const pairs = (Math.max(0, positives - 1) * (1 - auc)) / (2 - auc) + (Math.max(0, negatives - 1) * auc) / (1 + auc);
  const variance = (auc * (1 - auc) * (1 + pairs)) / (positives * negatives);
  const { low, high } = around(auc, twoSidedQuantile(confidence) * Math.sqrt(variance));
  return { low: Math.max(0, low), high: Math.min(1, high) };
}

/**
 * Interval of the difference b - a of two independent estimates, recovered from their own intervals (MOVER), which may
 * be asymmetric:
 *
 *     low  = b - a - sqrt((b - b.low)^2 + (a.high - a)^2)
 *     high = b - a + sqrt((b.high - b)^2 + (a - a.low)^2)
 *
 * With two Wilson intervals this is method 10 of R. G. Newcombe, Statistics in Medicine 17, 1998.
 *
 * Source: G. Y. Zou and A. Donner, Statistics in Medicine 27, 2008.
 *
 * @throws RangeError when an estimate lies outside its interval or is not a number
 */
export function differenceInterval(a: Estimate, b: Estimate): Interval {
  requireWithin('first estimate', a);
  requireWithin('second estimate', b);
  const difference = b.estimate - a.estimate;
  return {
    low: difference - Math.hypot(b.estimate - b.low, a.high - a.estimate),
    high: difference + Math.hypot(b.high - b.estimate, a.estimate - a.low),
  };
}

function twoSidedQuantile(confidence: number): number {
  if (!(confidence > 0 && confidence < 1)) {
    throw new RangeError(`confidence: got ${confidence}, expected a number between 0 and 1, both excluded`);
  }
  return -normalQuantile((1 - confidence) / 2);
}

function around(centre: number, halfWidth: number): Interval {
  return { low: centre - halfWidth, high: centre + halfWidth };
}

function requireWithin(name: string, { estimate, low, high }: Estimate): void {
  if (!(low <= estimate && estimate <= high && Number.isFinite(estimate))) {
    throw new RangeError(`${name}: got ${estimate}, expected a finite number within its interval ${low}..${high}`);
  }
}
