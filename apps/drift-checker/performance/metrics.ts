import { type PerformanceFacts } from '../profile/reference-profile';
import { aucInterval, type Estimate, meanInterval, wilsonInterval } from '../statistics/intervals';
import { f1, f1Interval, precision, recall } from '../statistics/performance';

/** Performance metrics, by the names that gate files and objectives use. */
export const PERFORMANCE_METRICS = ['accuracy', 'precision', 'recall', 'f1', 'auc', 'mae', 'rmse'] as const;
/** One of {@link PERFORMANCE_METRICS}. */
export type PerformanceMetric = (typeof PERFORMANCE_METRICS)[number];

/** Metrics that could be computed. */
export type PerformanceEstimates = Partial<Record<PerformanceMetric, Estimate>>;

/** Errors get better downwards, ratios upwards. */
export const isError = (metric: PerformanceMetric): boolean => metric === 'mae' || metric === 'rmse';

/** Metrics with their confidence intervals. A metric whose denominator is 0 is absent: it has no value, not the value 0. */
export function performanceEstimates(facts: PerformanceFacts, confidence: number): PerformanceEstimates {
  if (facts.type === 'regression') return regression(facts, confidence);
  const { labels, correct, confusion, auc } = facts;
  const estimates: PerformanceEstimates = { accuracy: ratio(correct, labels, confidence) };
  if (!confusion) return estimates;
  const { truePositive, falsePositive, falseNegative, trueNegative } = confusion;
  if (precision(confusion) !== undefined)
    estimates.precision = ratio(truePositive, truePositive + falsePositive, confidence);
  if (recall(confusion) !== undefined) estimates.recall = ratio(truePositive, truePositive + falseNegative, confidence);
  const [score, interval] = [f1(confusion), f1Interval(confusion, confidence)];
  if (score !== undefined && interval) estimates.f1 = { estimate: score, ...interval };
  const positives = truePositive + falseNegative;
  if (auc !== undefined && positives > 0 && positives < labels) {
    estimates.auc = { estimate: auc, ...aucInterval(auc, positives, falsePositive + trueNegative, confidence) };
  }
  return estimates;
}

function ratio(successes: number, trials: number, confidence: number): Estimate {
  return { estimate: successes / trials, ...wilsonInterval(successes, trials, confidence) };
}

function regression(facts: PerformanceFacts & { type: 'regression' }, confidence: number): PerformanceEstimates {
  const { labels, meanAbsolute, varianceAbsolute, meanSquared, varianceSquared } = facts;
  const absolute = meanInterval(meanAbsolute, varianceAbsolute, labels, confidence);
  const squared = meanInterval(meanSquared, varianceSquared, labels, confidence);
  const root = (value: number): number => Math.sqrt(Math.max(0, value));
  return {
    mae: { estimate: meanAbsolute, low: Math.max(0, absolute.low), high: absolute.high },
    rmse: { estimate: root(meanSquared), low: root(squared.low), high: root(squared.high) },
  };
}
