import { Duration } from 'cdk8s';
import { CAPTURE_OUTCOMES, METRICS } from '../contract';
import { type ModelObjectives } from '../model/objectives';
import { AlertAggregation, AlertComparison } from './alert-condition';
import { ALERTS, TOPICS } from './alert-names';
import { AlertRule, AlertSeverity, AlertTier } from './alert-rule';

/** What the collector sees of requests and their answers. */
export function requestRules({ maxLatencyP95, maxErrorRate }: ModelObjectives): AlertRule[] {
  return [
    ...(maxLatencyP95 === undefined ? [] : [latency(maxLatencyP95.toSeconds({ integral: false }))]),
    ...(maxErrorRate === undefined ? [] : [errorRate(maxErrorRate)]),
  ];
}

function latency(threshold: number): AlertRule {
  return AlertRule.quantile({
    alert: ALERTS.latency,
    severity: AlertSeverity.CRITICAL,
    tier: AlertTier.SERVICE,
    topic: TOPICS.latency,
    metric: METRICS.inferenceDuration.name,
    quantile: 0.95,
    comparison: AlertComparison.ABOVE,
    threshold,
    summary: `{{ $labels.model }} {{ $labels.version }} answers slowly: the 95th percentile is {{ printf "%.3g" $value }} s, above ${threshold} s`,
    description:
      "The answer time that the server's payload logger measures misses the model's objective. Look at the load, the replicas and " +
      'their CPU, and at what was rolled out last.',
  });
}

/** Requests of ten minutes below which a share of errors says nothing. */
const FEW_REQUESTS = 20;

function errorRate(maximum: number): AlertRule {
  // Without the noise of binary fractions: 1 - 0.07 is 0.93.
  const threshold = Number((1 - maximum).toPrecision(12));
  return AlertRule.ratio({
    alert: ALERTS.errors,
    severity: AlertSeverity.CRITICAL,
    tier: AlertTier.SERVICE,
    topic: TOPICS.errors,
    metric: METRICS.inferenceResponses.name,
    of: METRICS.inferenceRequests.name,
    rateOver: Duration.minutes(10),
    minCount: FEW_REQUESTS,
    comparison: AlertComparison.BELOW,
    threshold,
    summary: `{{ $labels.model }} {{ $labels.version }} answers {{ $value | humanizePercentage }} of its requests, less than ${threshold}`,
    description:
      "Requests without an answer exceed the model's objective. A response that the collector lost looks like an error: look at " +
      `${ALERTS.shedding} first, then at the log of the servers.`,
  });
}

/** Events that the collectors drop. */
export function shedding(): AlertRule {
  const outcomes = Object.values(CAPTURE_OUTCOMES).filter((outcome) => outcome.startsWith('shed_'));
  return AlertRule.threshold({
    alert: ALERTS.shedding,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.SERVICE,
    topic: TOPICS.capture,
    metric: METRICS.captureEvents.name,
    whereAnyOf: { outcome: outcomes },
    rateOver: Duration.minutes(5),
    aggregation: AlertAggregation.SUM,
    comparison: AlertComparison.ABOVE,
    threshold: 0,
    summary: 'The capture of {{ $labels.model }} drops {{ printf "%.3g" $value }} events a second',
    description:
      'Collectors cannot keep what they are sent, so the prediction log has gaps, and requests may look unanswered. The label ' +
      '`outcome` of the metric says what is short: memory, the buffer (the object store is slow or refuses), or the disk.',
  });
}

/** Events that wait for the object store. */
export function bufferFilling(): AlertRule {
  return AlertRule.ratio({
    alert: ALERTS.bufferFilling,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.SERVICE,
    topic: TOPICS.capture,
    metric: METRICS.captureBufferBytes.name,
    of: METRICS.captureBufferLimit.name,
    comparison: AlertComparison.ABOVE,
    threshold: 0.5,
    for: Duration.minutes(10),
    summary: 'The capture of {{ $labels.model }} has filled {{ $value | humanizePercentage }} of a buffer',
    description:
      'Events come faster than the object store takes them. When the buffer is full they are dropped. Look at the log of the ' +
      "collectors: the store may refuse, or be out of reach. What is in a pod's buffer is lost when the pod is deleted.",
  });
}
