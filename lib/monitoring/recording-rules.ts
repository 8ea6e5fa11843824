import { type Duration } from 'cdk8s';
import { METRICS, type MetricSpec } from '../contract';
import { type PrometheusRecordingRule } from '../crds/prometheus-operator';
import { FeatureRecording } from '../model/feature';
import { type Model } from '../model/model';
import { matchers } from './alert-condition';

/** How often drift is recorded: well below the five minutes after which Prometheus takes a series for gone. */
export const RECORDING_INTERVAL = '180s';

/** What the recording rules are made from. */
export interface DriftRecordingOptions {
  readonly model: Model;
  readonly namespace: string;
  /** Live data that is compared with the reference. */
  readonly window: Duration;
}

const VERSION = ['model', 'namespace', 'version'];
const FEATURE = [...VERSION, 'feature'];
const BIN = [...FEATURE, 'bin'];
const by = (labels: readonly string[]): string => `by (${labels.join(', ')})`;

/**
 * The drift of a model in PromQL, from what its collectors count, summed over all of them: the population stability index of each
 * feature and its mean by importance, for every version by itself. It is the number of the drift check, for the same counts:
 * smoothed by halves, less what sampling alone adds, over the bins that hold anything on either side, the missing one among them.
 *
 * A feature without traffic or reference, or whose counts are not numbers, has no index. In the mean it counts as one that did not
 * drift, as a feature without a column does in the check: a source that loses columns must not look like drift. What the check
 * leaves out because its data is broken is known to the check alone.
 *
 * @see https://prometheus.io/docs/practices/rules/
 */
export function driftRecordingRules({ model, namespace, window }: DriftRecordingOptions): PrometheusRecordingRule[] {
  const ofModel = { model: model.name, namespace };
  const series = ({ name }: MetricSpec): string => `${name}${matchers(ofModel)}`;
  const record = ({ name }: MetricSpec, expr: string): PrometheusRecordingRule => ({ record: name, expr });

  const counts = series(METRICS.featureBinIncrease);
  const references = series(METRICS.featureReferenceBinCount);
  const rows = `(${series(METRICS.featureRowsIncrease)} > 0)`;
  const referenceRows = `(max ${by(FEATURE)} (${series(METRICS.featureReferenceCount)}) > 0)`;
  const bins = series(METRICS.featureBinCount);
  // The sum over bins of (p - q) ln(p / q), divided by the sums at last: there are few features and many bins. In the logarithms the
  // sums cancel out, because p and q both sum to 1. A bin that holds nothing on either side adds nothing.
  const logarithm = `ln((${counts} + 0.5) / (${references} + 0.5))`;
  const divergence = (of: string, all: string): string =>
    `sum ${by(FEATURE)} ((${of} + 0.5) * ${logarithm}) / (${all} + ${bins} / 2)`;
  const psi = `${divergence(counts, rows)} - ${divergence(references, referenceRows)}`;
  const expected = `(${bins} - 1) * (1 / ${rows} + 1 / ${referenceRows})`;
  const { terms, weight } = weighted(model, (features) => {
    return `${METRICS.featurePsi.name}${matchers(ofModel, { feature: features })}`;
  });
  return [
    record(
      METRICS.featureBinIncrease,
      `sum ${by(BIN)} (increase(${series(METRICS.featureBin)}[${window.toSeconds()}s]))`,
    ),
    record(
      METRICS.featureReferenceBinCount,
      `max ${by(BIN)} (${series(METRICS.featureReferenceRatio)}) * on (${FEATURE.join(', ')}) group_left () ${referenceRows}`,
    ),
    record(METRICS.featureRowsIncrease, `sum ${by(FEATURE)} (${counts})`),
    record(METRICS.featureBinCount, `count ${by(FEATURE)} (${counts} + ${references} > 0)`),
    // The comparison drops what is not a number.
    record(METRICS.featurePsi, `clamp_min(${psi} - ${expected}, 0) >= 0`),
    ...(weight > 0 ? [record(METRICS.dataPsi, `sum ${by(VERSION)} (${terms}) / ${weight}`)] : []),
  ];
}

/** The scores of the features that count, each by its importance: one term for all of the same. */
function weighted(model: Model, scores: (features: string[]) => string): { terms: string; weight: number } {
  const features = model.schema.features.filter(
    ({ importance, recorded }) =>
      importance > 0 && recorded !== FeatureRecording.HASHED && recorded !== FeatureRecording.DROPPED,
  );
  const importances = [...new Set(features.map(({ importance }) => importance))];
  const terms = importances.map((each) => {
    const names = features.filter(({ importance }) => importance === each).map(({ name }) => name);
    return `${each} * ${scores(names)}`;
  });
  return { terms: terms.join(' or '), weight: features.reduce((sum, { importance }) => sum + importance, 0) };
}
