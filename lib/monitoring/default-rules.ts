import { Duration } from 'cdk8s';
import { METRICS } from '../contract';
import { type Model } from '../model/model';
import { AlertComparison, AlertRule, AlertSeverity } from './alert-rule';

/** Names of the alerts that every watched model has; accuracy's only where the model has an objective for it. */
export const DEFAULT_ALERTS = {
  accuracy: 'ModelAccuracyDegraded',
  dataDrift: 'DataDriftDetected',
  checkSilent: 'DriftCheckSilent',
} as const;

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
  return [...accuracyRules(model), dataDrift(driftThreshold), checkSilent(silentAfter)];
}

function accuracyRules({ objectives, labelDelay }: Model): AlertRule[] {
  const { minAccuracy } = objectives;
  if (minAccuracy === undefined) return [];
  // Without labels the only accuracy there is is the estimated one.
  const estimated = labelDelay === undefined;
  return [
    AlertRule.threshold({
      alert: DEFAULT_ALERTS.accuracy,
      severity: AlertSeverity.CRITICAL,
      metric: METRICS.accuracy.name,
      where: { estimated: String(estimated) },
      comparison: AlertComparison.BELOW,
      threshold: minAccuracy,
      for: Duration.minutes(5),
      summary: `{{ $labels.model }} {{ $labels.version }} answers {{ $value | humanizePercentage }} correctly, below ${minAccuracy * 100}%`,
      description:
        `The ${estimated ? 'estimated' : 'measured'} accuracy is below the model's objective. Look at drift and data quality ` +
        'of the same time first: without drift the labels or the world have changed, and a retraining may not help.',
    }),
  ];
}

function dataDrift(threshold: number): AlertRule {
  return AlertRule.threshold({
    alert: DEFAULT_ALERTS.dataDrift,
    severity: AlertSeverity.WARNING,
    metric: METRICS.dataDriftScore.name,
    comparison: AlertComparison.ABOVE,
    threshold,
    for: Duration.minutes(10),
    summary: `{{ $labels.model }} {{ $labels.version }} sees data that it was not trained on: drift {{ $value | humanize }}`,
    description:
      `The importance-weighted drift score of the features is above ${threshold}. The report of the drift check names the ` +
      'features that drifted, the worst first.',
  });
}

function checkSilent(maxAge: Duration): AlertRule {
  return AlertRule.age({
    alert: DEFAULT_ALERTS.checkSilent,
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
