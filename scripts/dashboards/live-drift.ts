import { DRIFT_CHECK_DEFAULTS, METRICS } from 'cdk8s-mlops/contract';
import { NO_LIMITS, worseFrom } from './limits';
import { lines } from './panels';
import { gauge, rate, select, VERSION } from './queries';

const OF_A_FEATURE = `${VERSION}, feature`;
const LEGEND = '{{version}} {{feature}} {{bin}}';
const IN_BIN = rate(select(METRICS.featureBin, [], []), `${OF_A_FEATURE}, bin`);
const IN_FEATURE = rate(select(METRICS.featureBin, [], []), OF_A_FEATURE);
const LIVE_SHARE = `${IN_BIN} / on (${OF_A_FEATURE}) group_left () (${IN_FEATURE} > 0)`;
const REFERENCE_SHARE = gauge(select(METRICS.featureReferenceRatio, [], []), `${OF_A_FEATURE}, bin`);

/** What lies in the bins of a feature now, beside the reference. */
export const BINS = [
  lines({
    title: 'Live',
    description: 'Share of the instances that fall into each bin now, of all collectors together.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    queries: [[LIVE_SHARE, LEGEND]],
    limits: NO_LIMITS,
    width: 12,
    height: 10,
  }),
  lines({
    title: 'Reference',
    description: 'Share of the reference that falls into each bin: what the live shares are compared with.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    queries: [[REFERENCE_SHARE, LEGEND]],
    limits: NO_LIMITS,
    width: 12,
    height: 10,
  }),
];

const score = { unit: 'none', limits: worseFrom(DRIFT_CHECK_DEFAULTS.decision.featureThreshold), min: 0, width: 12 };

/** Drift between the checks, by the recording rules. */
export const LIVE_DRIFT = [
  lines({
    title: 'Live drift of the model',
    description:
      'Importance-weighted mean of the population stability indices, recorded all the time. It says whether the data moves; the check decides.',
    ...score,
    queries: [[gauge(select(METRICS.dataPsi)), '{{version}}']],
    alerts: ['DataDriftDetected'],
  }),
  lines({
    title: 'Live drift of the features',
    description: 'Population stability index of each feature, recorded all the time, less what sampling alone adds.',
    ...score,
    queries: [[gauge(select(METRICS.featurePsi, [], []), OF_A_FEATURE), '{{version}} {{feature}}']],
    alerts: ['DataDriftDetected'],
  }),
];
