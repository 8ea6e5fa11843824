import { type MetricSpec } from './metrics';

const OF_A_VERSION = ['model', 'version', 'namespace'] as const;
const RECORDED = 'Prometheus, by recording rules';

/**
 * Series that Prometheus records from what the capture counts, named by level, metric and operations.
 *
 * @see https://prometheus.io/docs/practices/rules/
 */
export const RECORDED_METRICS = {
  featureBinIncrease: {
    name: 'version_feature_bin:ml_feature_bin:increase',
    type: 'gauge',
    unit: 'instances',
    labels: [...OF_A_VERSION, 'feature', 'bin'],
    help: 'Instances of the window by bin, of all collectors.',
    from: RECORDED,
  },
  featureReferenceBinCount: {
    name: 'version_feature_bin:ml_feature_reference:count',
    type: 'gauge',
    unit: 'instances',
    labels: [...OF_A_VERSION, 'feature', 'bin'],
    help: 'Rows of the reference profile by bin.',
    from: RECORDED,
  },
  featureRowsIncrease: {
    name: 'version_feature:ml_feature_bin:increase',
    type: 'gauge',
    unit: 'instances',
    labels: [...OF_A_VERSION, 'feature'],
    help: 'Instances of the window, of all collectors.',
    from: RECORDED,
  },
  featureBinCount: {
    name: 'version_feature:ml_feature_bin:count',
    type: 'gauge',
    unit: 'bins',
    labels: [...OF_A_VERSION, 'feature'],
    help: 'Bins that hold anything, in the window or in the reference.',
    from: RECORDED,
  },
  featurePsi: {
    name: 'version_feature:ml_feature_bin:psi',
    type: 'gauge',
    unit: 'score',
    labels: [...OF_A_VERSION, 'feature'],
    help: 'Population stability index of the feature in the window, less what sampling alone adds.',
    from: RECORDED,
  },
  dataPsi: {
    name: 'version:ml_feature_bin:psi_mean',
    type: 'gauge',
    unit: 'score',
    labels: OF_A_VERSION,
    help: 'Importance-weighted mean of the indices of the features.',
    from: RECORDED,
  },
} as const satisfies Record<string, MetricSpec>;
