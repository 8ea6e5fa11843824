import { type DriftCheckFile, type DriftStatistic } from 'cdk8s-mlops/contract';
import { finiteSorted } from '../profile/bins';
import { type FeatureProfile } from '../profile/reference-profile';
import { type ColumnCounts } from '../scan/scan';
import { chiSquareTest, cramersV, hellingerDistance, jensenShannonDistance } from '../statistics/distances';
import { benjaminiHochberg } from '../statistics/multiple-testing';
import { populationStability } from '../statistics/population-stability';
import { kolmogorovSmirnov, wassersteinDistance } from '../statistics/two-sample';
import { type BinShares, type FeatureDrift } from './drift-report';

/** One column of the window beside its profile. */
export interface Comparison {
  readonly profile: FeatureProfile;
  readonly current: ColumnCounts;
  /** Rows of the sample that are filled. */
  readonly sampled: number;
  readonly role: FeatureDrift['role'];
  readonly importance: number;
  /** Why the column does not count, where it does not: its data is broken, not drifted. */
  readonly excluded?: string;
}

/** What is judged by, for each column. */
export type DriftRule = Pick<DriftCheckFile, 'decision' | 'features'>;

/** Thresholds of statistics that are chosen without one; the population stability index has the configuration's. */
const THRESHOLDS: Readonly<Record<Exclude<DriftStatistic, 'psi'>, number>> = {
  'kolmogorov-smirnov': 0.1,
  wasserstein: 0.1,
  'jensen-shannon': 0.1,
  hellinger: 0.1,
  'cramers-v': 0.1,
  // 1 is what chance gives, so the p-value alone decides: the classical test.
  'chi-square': 1,
};

/**
 * Scores of all columns. A column has drifted when its score reaches the threshold, so that the difference matters, and when its
 * adjusted p-value says that it is not noise. The p-value is always that of the population stability index on the bins.
 *
 * @see Yurdakul & Naranjo (2020), Statistical properties of the population stability index
 * @see Benjamini & Hochberg (1995), Controlling the false discovery rate
 */
export function featureDrift(comparisons: readonly Comparison[], rule: DriftRule): FeatureDrift[] {
  const stabilities = comparisons.map(({ profile, current }) =>
    populationStability(referenceCounts(profile), currentCounts(current)),
  );
  const judged = comparisons.flatMap(({ excluded }, index) => (excluded === undefined ? [index] : []));
  const family = benjaminiHochberg(judged.map((index) => stabilities[index]!.pValue));
  const adjusted = new Map(judged.map((index, position) => [index, family[position]!]));
  return comparisons.map((comparison, index) => {
    const { profile, current, role, importance, excluded } = comparison;
    const chosen = rule.features?.[profile.name];
    const statistic = chosen?.statistic ?? 'psi';
    const threshold =
      chosen?.threshold ?? (statistic === 'psi' ? rule.decision.featureThreshold : THRESHOLDS[statistic]);
    const statistics = allStatistics(comparison, stabilities[index]!.score);
    const score = statistics[statistic] ?? 0;
    const adjustedPValue = adjusted.get(index) ?? stabilities[index]!.pValue;
    return {
      ...{ name: profile.name, role, type: profile.type, importance, statistic, threshold, score },
      pValue: stabilities[index]!.pValue,
      adjustedPValue,
      drifted: excluded === undefined && score >= threshold && adjustedPValue < rule.decision.significance,
      excluded,
      statistics,
      missingRatio: missingRatio(currentCounts(current)),
      referenceMissingRatio: missingRatio(referenceCounts(profile)),
      ...moments(profile, current),
      bins: binShares(profile, current),
    };
  });
}

/** Counts of the reference's bins; the last one is of missing values. */
export function referenceCounts(profile: FeatureProfile): number[] {
  return profile.type === 'numeric'
    ? [...profile.counts, profile.missing + profile.infinite]
    : [...profile.counts, profile.other, profile.missing];
}

/** The same of the window. */
export function currentCounts(current: ColumnCounts): number[] {
  return current.type === 'numeric'
    ? [...current.counter.counts, current.counter.missing + current.counter.infinite]
    : [...current.counts, current.other, current.missing];
}

export const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
/** Share of the last count, which is that of the missing values. */
export const missingRatio = (counts: readonly number[]): number => counts.at(-1)! / Math.max(1, total(counts));

function allStatistics({ profile, current, sampled }: Comparison, psi: number): FeatureDrift['statistics'] {
  const [reference, counts] = [referenceCounts(profile), currentCounts(current)];
  const { statistic, degreesOfFreedom } = chiSquareTest(reference, counts);
  return {
    psi,
    'jensen-shannon': jensenShannonDistance(reference, counts),
    hellinger: hellingerDistance(reference, counts),
    'cramers-v': cramersV(reference, counts),
    'chi-square': degreesOfFreedom > 0 ? statistic / degreesOfFreedom : 0,
    ...(profile.type === 'numeric' && current.type === 'numeric' && sampleStatistics(profile, current, sampled)),
  };
}

function sampleStatistics(
  profile: FeatureProfile & { type: 'numeric' },
  current: ColumnCounts & { type: 'numeric' },
  sampled: number,
): FeatureDrift['statistics'] {
  const reference = finiteSorted(profile.sample);
  const window = finiteSorted(current.sample.subarray(0, sampled));
  if (reference.length === 0 || window.length === 0) return {};
  // In units of the reference's spread, so that one threshold fits every scale; a constant is measured by itself.
  const unit = profile.standardDeviation || Math.abs(profile.mean) || 1;
  return {
    'kolmogorov-smirnov': kolmogorovSmirnov(reference, window).statistic,
    wasserstein: wassersteinDistance(reference, window) / unit,
  };
}

function moments(profile: FeatureProfile, current: ColumnCounts): Partial<FeatureDrift> {
  if (profile.type !== 'numeric' || current.type !== 'numeric') return {};
  const { counter } = current;
  return {
    ...(counter.values > 0 && { mean: counter.mean, standardDeviation: counter.standardDeviation }),
    ...(profile.values > 0 && { referenceMean: profile.mean, referenceStandardDeviation: profile.standardDeviation }),
  };
}

function binShares(profile: FeatureProfile, current: ColumnCounts): BinShares[] {
  const [reference, counts] = [referenceCounts(profile), currentCounts(current)];
  const [n, m] = [Math.max(1, total(counts)), Math.max(1, total(reference))];
  const labels =
    profile.type === 'numeric'
      ? [...rangeLabels(profile.edges), '(missing)']
      : [...profile.categories, '(other)', '(missing)'];
  // Gaps between the bins of single values hold nothing on either side.
  return labels.flatMap((label, bin) =>
    reference[bin] === 0 && counts[bin] === 0
      ? []
      : [{ label, reference: reference[bin]! / m, current: counts[bin]! / n }],
  );
}

function rangeLabels(edges: readonly number[]): string[] {
  const show = (value: number): string => String(Number(value.toPrecision(4)));
  if (edges.length === 0) return ['any'];
  const between = edges.slice(1).map((edge, index) => {
    const [low, high] = [show(edges[index]!), show(edge)];
    // Bounds on both sides of one value.
    return low === high || Math.abs(edge - edges[index]!) < 1e-6
      ? `= ${show((edges[index]! + edge) / 2)}`
      : `${low} to ${high}`;
  });
  return [`≤ ${show(edges[0]!)}`, ...between, `> ${show(edges.at(-1)!)}`];
}
