import { type DriftCheckFile, type ModelSchema } from 'cdk8s-mlops/contract';
import { type JoinedLabels } from '../performance/labels';
import {
  isError,
  PERFORMANCE_METRICS,
  type PerformanceEstimates,
  performanceEstimates,
  type PerformanceMetric,
} from '../performance/metrics';
import { type PerformanceFacts } from '../profile/reference-profile';
import { differenceInterval } from '../statistics/intervals';
import { type MetricReport, type PerformanceReport } from './drift-report';

/** What performance is judged by. */
export interface PerformanceRule {
  readonly schema: Pick<ModelSchema, 'task' | 'objectives'>;
  readonly rule: DriftCheckFile['performance'];
}

/** Metrics that decide where the model names no objectives. */
const DEFAULT_JUDGED: Readonly<Record<ModelSchema['task']['type'], readonly PerformanceMetric[]>> = {
  'binary-classification': ['accuracy', 'auc'],
  'multiclass-classification': ['accuracy'],
  regression: ['mae', 'rmse'],
};

/**
 * Performance of labelled predictions beside the reference. A metric has degraded when its loss reaches the floor, so that it
 * matters, and the confidence interval of the change excludes none, so that it is not noise; the confidence is shared by the
 * metrics that decide (Bonferroni).
 */
export function performanceReport(
  joined: JoinedLabels,
  current: PerformanceFacts | undefined,
  reference: PerformanceFacts | undefined,
  { schema, rule }: PerformanceRule,
): PerformanceReport {
  const objectives = objectivesOf(schema);
  const judged = judgedMetrics(schema, objectives);
  const confidence = 1 - (1 - rule.confidence) / Math.max(1, judged.length);
  const now = current ? performanceEstimates(current, confidence) : {};
  const before = reference && reference.type === current?.type ? performanceEstimates(reference, confidence) : {};
  const enough = (current?.labels ?? 0) >= rule.minLabels;
  const metrics = PERFORMANCE_METRICS.flatMap((metric) =>
    now[metric]
      ? [metricReport(metric, now, before, objectives[metric], enough && judged.includes(metric), rule.maxDrop)]
      : [],
  );
  const bad = metrics.some(({ degraded, missesObjective }) => degraded || missesObjective);
  return {
    verdict: enough ? (bad ? 'degraded' : 'steady') : 'inconclusive',
    labels: current?.labels ?? 0,
    coverage: joined.predictions > 0 ? (joined.labelled - joined.strange) / joined.predictions : 0,
    medianLagSeconds: joined.medianLagSeconds,
    metrics,
  };
}

function metricReport(
  metric: PerformanceMetric,
  now: PerformanceEstimates,
  before: PerformanceEstimates,
  objective: number | undefined,
  judged: boolean,
  maxDrop: number,
): MetricReport {
  const [value, reference] = [now[metric]!, before[metric]];
  const change = reference && differenceInterval(reference, value);
  const error = isError(metric);
  // Loss is positive when it got worse; errors have no scale of their own, so theirs is relative.
  const loss = reference
    ? error
      ? (value.estimate - reference.estimate) / reference.estimate
      : reference.estimate - value.estimate
    : 0;
  const proven = change !== undefined && (error ? change.low > 0 : change.high < 0);
  const misses = objective !== undefined && (error ? value.low > objective : value.high < objective);
  return {
    metric,
    value: value.estimate,
    low: value.low,
    high: value.high,
    reference: reference?.estimate,
    change,
    judged,
    degraded: judged && proven && loss >= maxDrop,
    objective,
    missesObjective: judged && misses,
  };
}

function objectivesOf({ objectives: o }: PerformanceRule['schema']): Partial<Record<PerformanceMetric, number>> {
  return {
    accuracy: o.minAccuracy,
    precision: o.minPrecision,
    recall: o.minRecall,
    f1: o.minF1,
    auc: o.minAuc,
    mae: o.maxMae,
    rmse: o.maxRmse,
  };
}

function judgedMetrics(
  { task }: PerformanceRule['schema'],
  objectives: Partial<Record<PerformanceMetric, number>>,
): PerformanceMetric[] {
  return PERFORMANCE_METRICS.filter(
    (metric) => objectives[metric] !== undefined || DEFAULT_JUDGED[task.type].includes(metric),
  );
}
