import { logGamma, normalQuantile } from '../../common/statistics/special-functions';

/**
 * One-sided exact p-value of McNemar's test that the candidate is worse: the chance of as few or fewer rows that only it got right,
 * if both were equally good. P(X ≤ b), X ~ Binomial(b + c, ½).
 *
 * @see McNemar (1947); `scipy.stats.binom.cdf(b, b + c, 0.5)`
 * @param candidateOnly b, rows that only the candidate got right
 * @param baselineOnly c, rows that only the baseline got right
 */
export function mcnemarWorse(candidateOnly: number, baselineOnly: number): number {
  const n = candidateOnly + baselineOnly;
  if (n === 0) return 1;
  // Summed from the largest term of the shorter tail down, in logarithms: each term is a ratio of the one before.
  const upper = candidateOnly > n / 2;
  const k = upper ? n - candidateOnly - 1 : candidateOnly;
  if (k < 0) return 1;
  const first = Math.exp(logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1) - n * Math.LN2);
  let [term, sum] = [1, 1];
  for (let i = k; i > 0 && term > 1e-18 * sum; i--) {
    term *= i / (n - i + 1);
    sum += term;
  }
  const tail = first * sum;
  return upper ? 1 - tail : Math.min(1, tail);
}

/**
 * Confidence interval of the difference (b − c)/n of two paired proportions: Wald's with one row added to each discordant cell.
 *
 * @see Bonett & Price (2012), Adjusted Wald confidence interval for a difference of binomial proportions based on paired data
 */
export function pairedDifference(
  candidateOnly: number,
  baselineOnly: number,
  rows: number,
  confidence: number,
): { low: number; high: number } {
  const n = rows + 2;
  const [b, c] = [(candidateOnly + 1) / n, (baselineOnly + 1) / n];
  const z = normalQuantile((1 + confidence) / 2);
  const width = z * Math.sqrt((b + c - (b - c) ** 2) / n);
  return { low: b - c - width, high: b - c + width };
}
