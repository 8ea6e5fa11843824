import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Rows of equal or like gains. */
export interface GainGroup {
  /** Mean gain of the rows. */
  readonly gain: number;
  readonly rows: number;
  /** Standard deviation of their gains. @default 0 */
  readonly spread?: number;
}

const RESAMPLES = 2_000;

/**
 * Percentile bootstrap of the mean of paired differences. The rows of a group are drawn together, as one binomial count, so that a million
 * rows cost no more than their groups; within a group, the sum of what is drawn is taken as normal.
 *
 * @see Efron (1979), Bootstrap methods: another look at the jackknife
 */
export function bootstrapDifference(
  gains: readonly GainGroup[],
  confidence: number,
  seed: number,
): { mean: number; low: number; high: number } {
  const n = gains.reduce((sum, { rows }) => sum + rows, 0);
  const mean = gains.reduce((sum, { gain, rows }) => sum + gain * rows, 0) / n;
  const random = xoroshiro128plus(seed);
  const uniform = (): number => uniformFloat64(random) || Number.MIN_VALUE;
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const means = new Float64Array(RESAMPLES);
  for (let resample = 0; resample < RESAMPLES; resample++) {
    let [left, weight, sum] = [n, n, 0];
    for (const { gain, rows, spread = 0 } of gains) {
      if (left === 0) break;
      const drawn = binomial(left, rows / weight, uniform, normal);
      sum += gain * drawn;
      if (spread > 0 && drawn > 0) sum += spread * Math.sqrt(drawn) * normal();
      left -= drawn;
      weight -= rows;
    }
    means[resample] = sum / n;
  }
  means.sort();
  const tail = (1 - confidence) / 2;
  const at = (share: number): number =>
    means[Math.min(RESAMPLES - 1, Math.max(0, Math.round(share * (RESAMPLES - 1))))]!;
  return { mean, low: at(tail), high: at(1 - tail) };
}

/** A binomial count: exact where few are expected, the rounded normal where many are. */
function binomial(n: number, p: number, uniform: () => number, normal: () => number): number {
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(n, 1 - p, uniform, normal);
  const expected = n * p;
  if (expected > 50) return Math.min(n, Math.max(0, Math.round(expected + normal() * Math.sqrt(expected * (1 - p)))));
  // Waiting times between successes are geometric.
  let [count, at] = [0, 0];
  for (;;) {
    at += 1 + Math.floor(Math.log(uniform()) / Math.log1p(-p));
    if (at > n) return count;
    count++;
  }
}
