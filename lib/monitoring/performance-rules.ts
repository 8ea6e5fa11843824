import { Duration } from 'cdk8s';
import { METRICS, type MetricSpec } from '../contract';
import { type Model } from '../model/model';
import { type ModelObjectives } from '../model/objectives';
import { AlertComparison } from './alert-condition';
import { ALERTS, TOPICS } from './alert-names';
import { AlertRule, AlertSeverity, AlertTier } from './alert-rule';

interface PerformanceAlert {
  readonly alert: string;
  readonly objective: Exclude<keyof ModelObjectives, 'maxLatencyP95' | 'maxErrorRate'>;
  readonly metric: MetricSpec;
  /** Whether the objective is an upper limit. */
  readonly upper: boolean;
  /** How people call it. */
  readonly says: string;
}

/** The alert of each objective that the drift check measures. */
const PERFORMANCE: readonly PerformanceAlert[] = [
  {
    alert: ALERTS.accuracy,
    objective: 'minAccuracy',
    metric: METRICS.accuracy,
    upper: false,
    says: 'accuracy',
  },
  {
    alert: ALERTS.precision,
    objective: 'minPrecision',
    metric: METRICS.precision,
    upper: false,
    says: 'precision',
  },
  { alert: ALERTS.recall, objective: 'minRecall', metric: METRICS.recall, upper: false, says: 'recall' },
  { alert: ALERTS.f1, objective: 'minF1', metric: METRICS.f1, upper: false, says: 'F1' },
  {
    alert: ALERTS.auc,
    objective: 'minAuc',
    metric: METRICS.auc,
    upper: false,
    says: 'area under the ROC curve',
  },
  { alert: ALERTS.mae, objective: 'maxMae', metric: METRICS.mae, upper: true, says: 'mean absolute error' },
  {
    alert: ALERTS.rmse,
    objective: 'maxRmse',
    metric: METRICS.rmse,
    upper: true,
    says: 'root mean squared error',
  },
];

/** The alerts of the objectives that the drift check measures. */
export function performanceRules({ objectives, labelDelay }: Model): AlertRule[] {
  // Without labels the only performance there is is the estimated one.
  const estimated = labelDelay === undefined;
  return PERFORMANCE.flatMap(({ alert, objective, metric, upper, says }) => {
    const threshold = objectives[objective];
    if (threshold === undefined) return [];
    return AlertRule.threshold({
      alert,
      severity: AlertSeverity.CRITICAL,
      tier: AlertTier.MODEL,
      topic: TOPICS.performance,
      metric: metric.name,
      where: { estimated: String(estimated) },
      exceptCandidates: true,
      comparison: upper ? AlertComparison.ABOVE : AlertComparison.BELOW,
      threshold,
      for: Duration.minutes(5),
      summary: `{{ $labels.model }} {{ $labels.version }}: ${says} is {{ printf "%.3g" $value }}, ${upper ? 'above' : 'below'} ${threshold}`,
      description:
        `The ${estimated ? 'estimated' : 'measured'} ${says} misses the model's objective. Look at drift and data quality of ` +
        'the same time first: without drift the labels or the world have changed, and a retraining may not help.',
    });
  });
}
