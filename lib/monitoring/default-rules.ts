import { Duration } from 'cdk8s';
import { CAPTURE_OUTCOMES, METRICS, type MetricSpec, PUSH_JOBS, PUSHGATEWAY_METRICS } from '../contract';
import { type Model } from '../model/model';
import { type ModelObjectives } from '../model/objectives';
import { AlertAggregation, AlertComparison, matchers } from './alert-condition';
import { AlertRule, AlertSeverity } from './alert-rule';
import { LIVE_ALERTS, liveRules } from './live-rules';

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
const LATENCY = 'ModelLatencyHigh';
const ERRORS = 'ModelErrorRateHigh';
const SHEDDING = 'CaptureShedding';
const BUFFER_FILLING = 'CaptureBufferFilling';
const GATE_FAILED = 'GateFailed';
const GIVEN_UP = 'RolloutGivenUp';
/** For how long it is said that a version was given up. */
const GIVEN_UP_SECONDS = 3600;
const PUSHED_STALE = 'PushedMetricsStale';

/**
 * Names of the alerts that a watched model may have by default: those of performance, latency and errors only where it has an
 * objective, those of its traffic and its capture only where there is one, and those of gates and labels only where there are any.
 */
export const DEFAULT_ALERTS: readonly string[] = [
  ...PERFORMANCE.map(({ alert }) => alert),
  ...[LATENCY, ERRORS, DATA_DRIFT, CHECK_SILENT, SHEDDING, BUFFER_FILLING, GATE_FAILED, GIVEN_UP, PUSHED_STALE],
  ...Object.values(LIVE_ALERTS),
];

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
  /** Whether its candidates pass gates. */
  readonly gated: boolean;
  /** Whether roll-outs bring versions into production. */
  readonly rolledOut: boolean;
  /** Whether labels can come, so that performance is judged by itself. */
  readonly labelled: boolean;
  /** Whether labels are posted to the capture. */
  readonly labelsPosted: boolean;
}

/** The alerts that every watched model has. */
export function defaultRules(options: DefaultRulesOptions): AlertRule[] {
  const { model, driftThreshold, silentAfter, captured, gated, rolledOut, labelled } = options;
  return [
    ...performanceRules(model),
    ...(captured ? requestRules(model.objectives) : []),
    dataDrift(driftThreshold),
    checkSilent(silentAfter),
    ...(captured ? [shedding(), bufferFilling(), ...liveRules(options)] : []),
    ...(gated ? [gateFailed()] : []),
    ...(rolledOut ? [givenUp(options)] : []),
    ...(labelled ? [pushedStale(options)] : []),
  ];
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

/** What the collector sees of requests and their answers. */
function requestRules({ maxLatencyP95, maxErrorRate }: ModelObjectives): AlertRule[] {
  return [
    ...(maxLatencyP95 === undefined ? [] : [latency(maxLatencyP95.toSeconds({ integral: false }))]),
    ...(maxErrorRate === undefined ? [] : [errorRate(maxErrorRate)]),
  ];
}

function latency(threshold: number): AlertRule {
  return AlertRule.quantile({
    alert: LATENCY,
    severity: AlertSeverity.CRITICAL,
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
    alert: ERRORS,
    severity: AlertSeverity.CRITICAL,
    metric: METRICS.inferenceResponses.name,
    of: METRICS.inferenceRequests.name,
    rateOver: Duration.minutes(10),
    minCount: FEW_REQUESTS,
    comparison: AlertComparison.BELOW,
    threshold,
    summary: `{{ $labels.model }} {{ $labels.version }} answers {{ $value | humanizePercentage }} of its requests, less than ${threshold}`,
    description:
      "Requests without an answer exceed the model's objective. A response that the collector lost looks like an error: look at " +
      `${SHEDDING} first, then at the log of the servers.`,
  });
}

function shedding(): AlertRule {
  const outcomes = Object.values(CAPTURE_OUTCOMES).filter((outcome) => outcome.startsWith('shed_'));
  return AlertRule.threshold({
    alert: SHEDDING,
    severity: AlertSeverity.WARNING,
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

function bufferFilling(): AlertRule {
  return AlertRule.ratio({
    alert: BUFFER_FILLING,
    severity: AlertSeverity.WARNING,
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

function gateFailed(): AlertRule {
  return AlertRule.threshold({
    alert: GATE_FAILED,
    severity: AlertSeverity.WARNING,
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

function givenUp({ model, namespace }: DefaultRulesOptions): AlertRule {
  const { name } = METRICS.rolloutGivenUp;
  const latest = `max by (model, namespace, version) (${name}${matchers({ model: model.name, namespace })})`;
  return AlertRule.promql({
    alert: GIVEN_UP,
    severity: AlertSeverity.WARNING,
    expr: `time() - ${latest} < ${GIVEN_UP_SECONDS}`,
    summary: 'Version {{ $labels.version }} of {{ $labels.model }} was given up in its roll-out',
    description:
      'It failed its analysis, could not be judged in time, or a step could not be done, and the version before serves alone. ' +
      "'gate-evaluator why' says which check failed, and by how much.",
  });
}

function pushedStale({ model, namespace, silentAfter }: DefaultRulesOptions): AlertRule {
  const of = matchers({ job: PUSH_JOBS.driftCheckerPerformance, model: model.name, namespace });
  const pushed = `max by (model, namespace) (${PUSHGATEWAY_METRICS.pushTime}${of})`;
  return AlertRule.promql({
    alert: PUSHED_STALE,
    severity: AlertSeverity.WARNING,
    expr: `(time() - ${pushed} > ${silentAfter.toSeconds()}) or absent(${pushed})`,
    summary: 'The performance of {{ $labels.model }} is not measured any more',
    description:
      `Nothing has pushed the model's performance for ${silentAfter.toHumanString()}, or nothing ever has. The Pushgateway goes on ` +
      'showing the last numbers, however old they are. Look at the last Jobs of the performance check.',
  });
}
