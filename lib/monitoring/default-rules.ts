import { Duration } from 'cdk8s';
import { METRICS, PUSH_JOBS, PUSHGATEWAY_METRICS } from '../contract';
import { type Model } from '../model/model';
import { AlertComparison, matchers } from './alert-condition';
import { ALERTS, TOPICS } from './alert-names';
import { AlertRule, AlertSeverity, AlertTier } from './alert-rule';
import { liveRules } from './live-rules';
import { performanceRules } from './performance-rules';
import { bufferFilling, requestRules, shedding } from './request-rules';
import { gateFailed, rolloutRules } from './rollout-rules';
import { trainingRules, type WatchedTraining } from './training-rules';

/** What the default rules are made from. */
export interface DefaultRulesOptions {
  readonly model: Model;
  readonly namespace: string;
  /** Score above which the data has drifted. */
  readonly driftThreshold: number;
  /** Longest time between two checks that succeeded. */
  readonly silentAfter: Duration;
  /** Whether its requests are captured. */
  readonly captured: boolean;
  /** The training that drift starts, whose candidates pass gates. */
  readonly training?: WatchedTraining;
  /** Whether roll-outs bring versions into production. */
  readonly rolledOut: boolean;
  /** Whether labels can come, so that performance is judged by itself. */
  readonly labelled: boolean;
  /** Whether labels are posted to the capture. */
  readonly labelsPosted: boolean;
}

/** The alerts that every watched model has. */
export function defaultRules(options: DefaultRulesOptions): AlertRule[] {
  const { model, namespace, driftThreshold, silentAfter, captured, training, rolledOut, labelled } = options;
  return [
    ...performanceRules(model),
    ...(captured ? requestRules(model.objectives) : []),
    dataDrift(driftThreshold),
    checkSilent(silentAfter),
    ...(captured ? [shedding(), bufferFilling(), ...liveRules(options)] : []),
    ...(training ? [gateFailed(), ...trainingRules(training, model.name, namespace)] : []),
    ...(rolledOut ? rolloutRules(model.name, namespace) : []),
    ...(labelled ? [pushedStale(options)] : []),
  ];
}

function dataDrift(threshold: number): AlertRule {
  return AlertRule.threshold({
    alert: ALERTS.dataDrift,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.DATA,
    topic: TOPICS.drift,
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
    alert: ALERTS.checkSilent,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.DATA,
    topic: TOPICS.check,
    metric: METRICS.driftCheckLastSuccess.name,
    maxAge,
    for: Duration.minutes(5),
    summary: 'The drift check of {{ $labels.model }} has not judged anything for too long',
    description:
      `No drift check has ended with a judgement for ${maxAge.toHumanString()}, or none has ever. Until it does, silence of the ` +
      'other alerts means nothing. Look at the last Jobs of the drift check.',
  });
}

function pushedStale({ model, namespace, silentAfter }: DefaultRulesOptions): AlertRule {
  const of = matchers({ job: PUSH_JOBS.driftCheckerPerformance, model: model.name, namespace });
  const pushed = `max by (model, namespace) (${PUSHGATEWAY_METRICS.pushTime}${of})`;
  return AlertRule.promql({
    alert: ALERTS.pushedStale,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.DATA,
    topic: TOPICS.check,
    // Of a selector, and not of an aggregation, so that it has the labels that it was asked for.
    expr:
      `(time() - ${pushed} > ${silentAfter.toSeconds()}) ` +
      `or max by (model, namespace) (absent(${PUSHGATEWAY_METRICS.pushTime}${of}))`,
    summary: 'The performance of {{ $labels.model }} is not measured any more',
    description:
      `Nothing has pushed the model's performance for ${silentAfter.toHumanString()}, or nothing ever has. The Pushgateway goes on ` +
      'showing the last numbers, however old they are. Look at the last Jobs of the performance check.',
  });
}
