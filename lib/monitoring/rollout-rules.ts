import { Duration } from 'cdk8s';
import { METRICS, type MetricSpec } from '../contract';
import { AlertComparison, matchers } from './alert-condition';
import { ALERTS, TOPICS } from './alert-names';
import { AlertRule, AlertSeverity, AlertTier } from './alert-rule';

/** Seconds after which an analysis without an answer is over: it asks again every minute. */
const STILL_ASKING_SECONDS = 300;
/** For how long it is said that a version was given up. */
const GIVEN_UP_SECONDS = 3600;

/** The alert on candidates that their gates refuse. */
export function gateFailed(): AlertRule {
  return AlertRule.threshold({
    alert: ALERTS.gateFailed,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.MODEL,
    topic: TOPICS.gate,
    metric: METRICS.gatePassed.name,
    comparison: AlertComparison.AT_MOST,
    threshold: 0,
    for: Duration.seconds(0),
    summary: 'The candidate {{ $labels.version }} of {{ $labels.model }} did not pass its quality gates',
    description:
      'The last training ended with a model that its gates refused, so the model in production gets no younger. The decision of ' +
      'the run says which check failed, and by how much.',
  });
}

/** The alerts on roll-outs: one that waits for an answer, and one that was taken back. */
export function rolloutRules(model: string, namespace: string): AlertRule[] {
  const age = ({ name }: MetricSpec): string =>
    `time() - max by (model, namespace, version) (${name}${matchers({ model, namespace })})`;
  return [
    AlertRule.promql({
      alert: ALERTS.rolloutHeld,
      severity: AlertSeverity.WARNING,
      tier: AlertTier.MODEL,
      topic: TOPICS.rollout,
      expr: `${age(METRICS.rolloutInconclusive)} < ${STILL_ASKING_SECONDS}`,
      for: Duration.minutes(5),
      summary: 'The roll-out of version {{ $labels.version }} of {{ $labels.model }} waits: its analysis has no answer',
      description:
        'There are too few requests, no series of the candidate, or no Prometheus. Without an answer in time the version is taken ' +
        'back. The log of the step says what is missing.',
    }),
    AlertRule.promql({
      alert: ALERTS.rolloutGivenUp,
      severity: AlertSeverity.WARNING,
      tier: AlertTier.MODEL,
      topic: TOPICS.rollout,
      expr: `${age(METRICS.rolloutGivenUp)} < ${GIVEN_UP_SECONDS}`,
      summary: 'Version {{ $labels.version }} of {{ $labels.model }} was given up in its roll-out',
      description:
        'It failed its analysis, could not be judged in time, or a step could not be done, and the version before serves alone. ' +
        "'gate-evaluator why' says which check failed, and by how much.",
    }),
  ];
}
