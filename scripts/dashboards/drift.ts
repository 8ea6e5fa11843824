import { DRIFT_CHECK_DEFAULTS, METRICS } from 'cdk8s-mlops/contract';
import { labelVariable, modelVariables, newDashboard, versionVariable } from './dashboard';
import { NO_LIMITS, worseFrom } from './limits';
import { BINS, LIVE_DRIFT } from './live-drift';
import { lines, stat, table } from './panels';
import { gauge, MODEL, rate, select, VERSION } from './queries';

const { decision, window } = DRIFT_CHECK_DEFAULTS;
const LEGEND = '{{version}}';
const OF_A_FEATURE = `${VERSION}, feature`;
const FEATURE_LEGEND = '{{version}} {{feature}}';

const FEATURE_SCORES = gauge(select(METRICS.featureDriftScore, [], []), OF_A_FEATURE);
const MISSING = gauge(select(METRICS.featureMissingRatio, [], []), OF_A_FEATURE);

const score = { unit: 'none', limits: worseFrom(decision.featureThreshold / 2, decision.featureThreshold), min: 0 };
const share = { unit: 'percentunit', min: 0, max: 1 };

/** Drift of one model, down to the bins of its features. */
export const DRIFT = newDashboard({
  name: 'drift',
  title: 'MLOps / Drift',
  description:
    "Drift of one model: the scores of the last check, each feature's history, and what lies in its bins now beside the reference.",
  from: 'now-7d',
  variables: [
    ...modelVariables('one'),
    versionVariable(),
    labelVariable('feature', [METRICS.featureDriftScore, METRICS.featureBin], 'many', [
      'namespace=~"$namespace"',
      'model=~"$model"',
    ]),
  ],
  ofModels: true,
  rows: {
    'Last check': [
      stat({
        title: 'Data drift',
        description: `Importance-weighted mean of the drift scores. By default the model has drifted from ${decision.featureThreshold} on.`,
        ...score,
        queries: [[gauge(select(METRICS.dataDriftScore)), LEGEND]],
        width: 5,
        alerts: ['DataDriftDetected'],
      }),
      stat({
        title: 'Drifted features',
        description: `Share of the features that drifted. By default the model has drifted above ${decision.driftedShare}.`,
        ...share,
        queries: [[gauge(select(METRICS.modelDriftScore)), LEGEND]],
        limits: worseFrom(decision.driftedShare / 2, decision.driftedShare),
        width: 5,
        alerts: ['DataDriftDetected'],
      }),
      stat({
        title: 'Number of drifted features',
        description: 'How many features drifted: score at or above its threshold, and a difference that is not noise.',
        unit: 'short',
        queries: [[gauge(select(METRICS.driftedFeatures)), LEGEND]],
        limits: worseFrom(1),
        width: 4,
      }),
      stat({
        title: 'Rows judged',
        description: `Rows of the window that was judged. Below ${window.minRows} it is extended back, and nothing is judged.`,
        unit: 'short',
        queries: [[gauge(select(METRICS.driftCheckSamples)), LEGEND]],
        limits: [
          { value: null, color: 'orange' },
          { value: window.minRows, color: 'green' },
        ],
        width: 5,
      }),
      stat({
        title: 'Time since the last check',
        description: 'Time since a check ended with a judgement.',
        unit: 's',
        queries: [[`time() - ${gauge(select(METRICS.driftCheckLastSuccess), MODEL)}`, '{{model}}']],
        limits: worseFrom(2 * 3600, 3 * 3600),
        width: 5,
        alerts: ['DriftCheckSilent'],
      }),
    ],
    History: [
      lines({
        title: 'Scores of the model',
        description: 'Drift of the inputs, and of the predictions. 0 is no drift, larger is worse.',
        ...score,
        queries: [
          [gauge(select(METRICS.dataDriftScore)), `${LEGEND} inputs`],
          [gauge(select(METRICS.predictionDriftScore)), `${LEGEND} predictions`],
        ],
        width: 12,
        alerts: ['DataDriftDetected', 'PredictionDistributionShift'],
      }),
      lines({
        title: 'Scores of the features',
        description: 'Drift score of each feature, by the statistic that it is judged by.',
        ...score,
        queries: [[FEATURE_SCORES, FEATURE_LEGEND]],
        width: 12,
        alerts: ['DataDriftDetected'],
      }),
    ],
    Features: [
      table(
        {
          title: 'Features',
          description: 'Each feature as the last check saw it: click on a column to sort by it.',
          unit: 'none',
          limits: NO_LIMITS,
          width: 12,
          height: 10,
        },
        [
          { name: 'Drift', expression: FEATURE_SCORES, unit: score.unit, limits: score.limits },
          { name: 'Missing', expression: MISSING, unit: share.unit, limits: worseFrom(0.05, 0.2) },
        ],
      ),
      lines({
        title: 'Missing values',
        description: 'Share of the instances in which the feature was missing or null, counted as they come.',
        ...share,
        queries: [
          [
            `${rate(select(METRICS.featureMissing, [], []), OF_A_FEATURE)} / on (${VERSION}) group_left () (${rate(select(METRICS.predictions))} > 0)`,
            FEATURE_LEGEND,
          ],
        ],
        limits: worseFrom(0.05, 0.2),
        width: 12,
        height: 10,
        alerts: ['HighMissingFeatureRate'],
      }),
    ],
    'Between the checks': LIVE_DRIFT,
    'Bins: choose one feature': BINS,
  },
});
