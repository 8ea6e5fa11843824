import { Duration } from 'cdk8s';
import { CAPTURE_OUTCOMES, METRICS, type MetricSpec, MISSING_BIN } from '../contract';
import { type Model } from '../model/model';
import { matchers } from './alert-condition';
import { ALERTS, TOPICS } from './alert-names';
import { AlertRule, AlertSeverity, AlertTier } from './alert-rule';

/*
 * What the collectors count, against the same hour of last week: as growth, which survives restarts, and only where there is enough of it.
 * A week ago another version may have answered, so every version is compared with what the model did then.
 */

/** Distance between two distributions from which on they are not the same: 0 is equal, 1 has nothing in common. */
const SHIFTED = 0.2;
/** Predictions of an hour below which their distribution is not compared. */
const FEW_PREDICTIONS = 500;
/** Share of last week's traffic below which something keeps requests away, and requests then below which nothing is said. */
const LOW_TRAFFIC = { share: 0.1, minRequests: 100 };
/** Rise of the share of missing values over the reference's, as the drift check warns of it. */
const MISSING_RISE = { share: 0.05, minPredictions: 100 };
/** Predictions of a day without which nobody waits for labels. */
const LABELLED_DAY = 100;

const OF_MODEL = 'model, namespace';
const OF_VERSION = `${OF_MODEL}, version`;

/** What the rules of live traffic are made from. */
export interface LiveRulesOptions {
  readonly model: Model;
  readonly namespace: string;
  /** Whether labels are posted to the capture. */
  readonly labelsPosted: boolean;
}

/** The alerts on what a captured model is asked and answers. */
export function liveRules({ model, namespace, labelsPosted }: LiveRulesOptions): AlertRule[] {
  const series = ({ name }: MetricSpec, more: Readonly<Record<string, string>> = {}, suffix = ''): string =>
    `${name}${suffix}${matchers({ model: model.name, namespace, ...more })}`;
  const { labelDelay } = model;
  return [
    predictionShift(model, series),
    lowTraffic(series),
    missingFeatures(series),
    ...(labelsPosted && labelDelay ? [labelsLate(labelDelay, series)] : []),
  ];
}

type Series = (metric: MetricSpec, more?: Readonly<Record<string, string>>, suffix?: string) => string;

const hour = (of: string): string => `increase(${of}[1h])`;
const hourLastWeek = (of: string): string => `increase(${of}[1h] offset 1w)`;

function predictionShift({ schema }: Model, series: Series): AlertRule {
  const numbers = schema.task.type === 'regression';
  const [label, parts, all] = numbers
    ? ['le', series(METRICS.predictionValue, {}, '_bucket'), series(METRICS.predictionValue, {}, '_count')]
    : ['class', series(METRICS.predictionClass), series(METRICS.predictionClass)];
  const total = `sum by (${OF_VERSION}) (${hour(all)})`;
  const totalThen = `sum by (${OF_MODEL}) (${hourLastWeek(all)})`;
  const now = `sum by (${OF_VERSION}, ${label}) (${hour(parts)}) / on (${OF_VERSION}) group_left () ${total}`;
  // A class that was not there is one that nothing was predicted as.
  const partsThen =
    `(sum by (${OF_MODEL}, ${label}) (${hourLastWeek(parts)}) ` +
    `or 0 * sum by (${OF_MODEL}, ${label}) (${hour(parts)}))`;
  const then = `${partsThen} / on (${OF_MODEL}) group_left () ${totalThen}`;
  const differences = `abs(${now} - on (${OF_MODEL}, ${label}) group_left () (${then}))`;
  // Of classes half the sum of the differences, of numbers the largest difference of their distribution functions.
  const distance = numbers
    ? `max by (${OF_VERSION}) (${differences})`
    : `0.5 * sum by (${OF_VERSION}) (${differences})`;
  return AlertRule.promql({
    alert: ALERTS.predictionShift,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.MODEL,
    topic: TOPICS.drift,
    expr:
      `${distance} > ${SHIFTED} and ${total} >= ${FEW_PREDICTIONS} ` +
      `and on (${OF_MODEL}) ${totalThen} >= ${FEW_PREDICTIONS}`,
    for: Duration.minutes(10),
    summary: `{{ $labels.model }} {{ $labels.version }} predicts otherwise than a week ago: distance {{ printf "%.3g" $value }}`,
    description:
      'What was predicted in the last hour is distributed otherwise than in the same hour of last week. Look at the drift of the ' +
      'features and at what was rolled out since.',
  });
}

function lowTraffic(series: Series): AlertRule {
  const requests = series(METRICS.inferenceRequests);
  const then = `sum by (${OF_MODEL}) (${hourLastWeek(requests)})`;
  // Collectors that are gone count nothing, which is not nothing to say.
  const now = `(sum by (${OF_MODEL}) (${hour(requests)}) or 0 * ${then})`;
  return AlertRule.promql({
    alert: ALERTS.traffic,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.SERVICE,
    topic: TOPICS.traffic,
    expr: `${now} / ${then} < ${LOW_TRAFFIC.share} and ${then} >= ${LOW_TRAFFIC.minRequests}`,
    for: Duration.minutes(10),
    summary: '{{ $labels.model }} gets {{ $value | humanizePercentage }} of the requests of a week ago',
    description:
      'In the last hour the model was asked far less than in the same hour of last week. Its callers or the way to it may be ' +
      'broken, or its capture: what is not captured is not counted.',
  });
}

function missingFeatures(series: Series): AlertRule {
  const feature = `${OF_VERSION}, feature`;
  const predictions = `sum by (${OF_VERSION}) (${hour(series(METRICS.predictions))})`;
  const share =
    `sum by (${feature}) (${hour(series(METRICS.featureMissing))}) ` +
    `/ on (${OF_VERSION}) group_left () (${predictions} >= ${MISSING_RISE.minPredictions})`;
  const reference = `max by (${feature}) (${series(METRICS.featureReferenceRatio, { bin: MISSING_BIN })})`;
  return AlertRule.promql({
    alert: ALERTS.missingFeatures,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.DATA,
    topic: TOPICS.dataQuality,
    expr: `${share} - (${reference} or 0 * ${share}) > ${MISSING_RISE.share}`,
    for: Duration.minutes(10),
    summary:
      '{{ $labels.model }} {{ $labels.version }}: {{ $labels.feature }} is missing in {{ $value | humanizePercentage }} more than it should be',
    description:
      'A feature lacks a value far more often in the last hour than in the reference of the version. That is broken data and not ' +
      'drift: look at the source of the feature, and do not retrain on it.',
  });
}

function labelsLate(labelDelay: Duration, series: Series): AlertRule {
  const delay = Math.max(labelDelay.toSeconds(), 86_400);
  const due = `sum by (${OF_MODEL}) (increase(${series(METRICS.predictions)}[1d] offset ${delay}s))`;
  const labels = series(METRICS.captureEvents, { kind: 'label', outcome: CAPTURE_OUTCOMES.stored });
  return AlertRule.promql({
    alert: ALERTS.labelsLate,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.DATA,
    topic: TOPICS.labels,
    expr: `${due} >= ${LABELLED_DAY} unless sum by (${OF_MODEL}) (increase(${labels}[${delay}s])) > 0`,
    for: Duration.hours(1),
    summary: 'No labels have come for {{ $labels.model }}, and those of {{ printf "%.0f" $value }} predictions are due',
    description:
      `Predictions that are older than the label delay (${labelDelay.toHumanString()}) wait for labels, and none was stored since. ` +
      'Until they come accuracy is only estimated. Look at what posts them.',
  });
}
