import { Duration } from 'cdk8s';
import { METRICS, type MetricSpec } from '../contract';
import { type Model } from '../model/model';
import { type ModelObjectives } from '../model/objectives';
import { AlertComparison, AlertRule, AlertSeverity } from './alert-rule';

interface PerformanceAlert {
  readonly alert: string;
  readonly objective: Exclude<keyof ModelObjectives, 'maxLatencyP95'>;
  readonly metric: MetricSpec;
  /** Whether the objective is an upper limit. */
  readonly upper: boolean;
  /** How people call it. */
  readonly says: string;
}

/** The alert of each objective that the drift check measures. */
const PERFORMANCE: readonly PerformanceAlert[] = [
  {
    alert: 'ModelAccuracyDegraded',
    objective: 'minAccuracy',
    metric: METRICS.accuracy,
    upper: false,
    says: 'accuracy',
  },
  {
    alert: 'ModelPrecisionDegraded',
    objective: 'minPrecision',
    metric: METRICS.precision,
    upper: false,
    says: 'precision',
  },
  { alert: 'ModelRecallDegraded', objective: 'minRecall', metric: METRICS.recall, upper: false, says: 'recall' },
  { alert: 'ModelF1Degraded', objective: 'minF1', metric: METRICS.f1, upper: false, says: 'F1' },
  {
    alert: 'ModelAucDegraded',
    objective: 'minAuc',
    metric: METRICS.auc,
    upper: false,
    says: 'area under the ROC curve',
  },
  { alert: 'ModelMaeDegraded', objective: 'maxMae', metric: METRICS.mae, upper: true, says: 'mean absolute error' },
  {
    alert: 'ModelRmseDegraded',
    objective: 'maxRmse',
    metric: METRICS.rmse,
    upper: true,
    says: 'root mean squared error',
  },
];

const DATA_DRIFT = 'DataDriftDetected';
const CHECK_SILENT = 'DriftCheckSilent';

/** Names of the alerts that a watched model may have by default: performance only where it has an objective. */
export const DEFAULT_ALERTS: readonly string[] = [...PERFORMANCE.map(({ alert }) => alert), DATA_DRIFT, CHECK_SILENT];

/** What the default rules are made from. */
export interface DefaultRulesOptions {
  readonly model: Model;
  /** Score above which the data has drifted. */
  readonly driftThreshold: number;
  /** Longest time between two checks that succeeded. */
  readonly silentAfter: Duration;
}

/** The alerts that every watched model has. */
export function defaultRules({ model, driftThreshold, silentAfter }: DefaultRulesOptions): AlertRule[] {
  return [...performanceRules(model), dataDrift(driftThreshold), checkSilent(silentAfter)];
}

function performanceRules({ objectives, labelDelay }: Model): AlertRule[] {
  // Without labels the only performance there is is the estimated one.
  const estimated = labelDelay === undefined;
  return PERFORMANCE.flatMap(({ alert, objective, metric, upper, says }) => {
    const threshold = objectives[objective];
    if (threshold === undefined) return [];
    return AlertRule.threshold({
      alert,
      severity: AlertSeverity.CRITICAL,
      metric: metric.name,
      where: { estimated: String(estimated) },
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

function dataDrift(threshold: number): AlertRule {
  return AlertRule.threshold({
    alert: DATA_DRIFT,
    severity: AlertSeverity.WARNING,
    metric: METRICS.dataDriftScore.name,
    comparison: AlertComparison.ABOVE,
    threshold,
    for: Duration.minutes(10),
    summary: `{{ $labels.model }} {{ $labels.version }} sees data that it was not trained on: drift {{ printf "%.3g" $value }}`,
    description:
      `The importance-weighted drift score of the features is above ${threshold}. The report of the drift check names the ` +
      'features that drifted, the worst first.',
  });
}

function checkSilent(maxAge: Duration): AlertRule {
  return AlertRule.age({
    alert: CHECK_SILENT,
    severity: AlertSeverity.WARNING,
    metric: METRICS.driftCheckLastSuccess.name,
    maxAge,
    for: Duration.minutes(5),
    summary: 'The drift check of {{ $labels.model }} has not judged anything for too long',
    description:
      `No drift check has ended with a judgement for ${maxAge.toHumanString()}, or none has ever. Until it does, silence of the ` +
      'other alerts means nothing. Look at the last Jobs of the drift check.',
  });
}
