import { DRIFT_CHECK_DEFAULTS, METRICS, VERSION_ROLES } from 'cdk8s-mlops/contract';
import { modelVariables, newDashboard, versionVariable } from './dashboard';
import { EXPORTER_METRICS } from './exporters';
import { goodFrom, NO_LIMITS, worseFrom } from './limits';
import { lines, stat, table } from './panels';
import { errorRatio, gauge, latency, MODEL, rate, select, VERSION, withRole } from './queries';

const { featureThreshold, driftedShare } = DRIFT_CHECK_DEFAULTS.decision;
const LEGEND = '{{model}} {{version}}';
const firing = select(EXPORTER_METRICS.alerts, ['alertstate="firing"'], ['version']);

/** All models at a glance: which of them needs someone. */
export const MODEL_HEALTH = newDashboard({
  name: 'model-health',
  title: 'MLOps / Model health',
  description:
    'All models at a glance: what is served, how well, how fast, on what data, and which of it needs someone.',
  variables: [...modelVariables('many'), versionVariable()],
  ofModels: true,
  rows: {
    'What needs someone': [
      stat({
        title: 'Alerts firing',
        description:
          'Alerts of the chosen models that fire now, by severity. What to do stands in the runbook of each alert.',
        unit: 'short',
        queries: [[`sum by (severity) (${firing}) or on () vector(0)`, '{{severity}}']],
        limits: worseFrom(1),
        width: 6,
      }),
      stat({
        title: 'Models with drift',
        description: `Stable versions whose data drift score is at or above ${featureThreshold}, the default of the drift check.`,
        unit: 'short',
        queries: [
          [
            `count((${gauge(select(METRICS.dataDriftScore))} >= ${featureThreshold}) and ${withRole(VERSION_ROLES.stable)}) or on () vector(0)`,
            'models',
          ],
        ],
        limits: worseFrom(1),
        width: 6,
        alerts: ['DataDriftDetected'],
      }),
      stat({
        title: 'Oldest drift check',
        description:
          'Time since the drift check of some model last ended with a judgement: until then its silence means nothing.',
        unit: 's',
        queries: [[`max(time() - ${gauge(select(METRICS.driftCheckLastSuccess), MODEL)})`, 'age']],
        limits: worseFrom(2 * 3600, 3 * 3600),
        width: 6,
        alerts: ['DriftCheckSilent'],
      }),
      stat({
        title: 'Versions served',
        description: 'Versions that are stable or candidate now.',
        unit: 'short',
        queries: [[`count by (role) (${gauge(select(METRICS.versionInfo), `${VERSION}, role`)})`, '{{role}}']],
        limits: NO_LIMITS,
        width: 6,
      }),
    ],
    Models: [
      table(
        {
          title: 'Models',
          description:
            'Each version with what is known of it now. The colours are general: the objectives of a model are in its alerts.',
          unit: 'short',
          limits: NO_LIMITS,
          width: 24,
          height: 9,
        },
        [
          { name: 'Requests', expression: rate(select(METRICS.inferenceRequests)), unit: 'reqps', limits: NO_LIMITS },
          { name: 'Errors', expression: errorRatio(), unit: 'percentunit', limits: worseFrom(0.01, 0.05) },
          { name: 'p95', expression: latency(0.95), unit: 's', limits: NO_LIMITS },
          {
            name: 'Data drift',
            expression: gauge(select(METRICS.dataDriftScore)),
            unit: 'none',
            limits: worseFrom(featureThreshold / 2, featureThreshold),
          },
          {
            name: 'Drifted features',
            expression: gauge(select(METRICS.modelDriftScore)),
            unit: 'percentunit',
            limits: worseFrom(driftedShare / 2, driftedShare),
          },
          {
            name: 'Accuracy',
            expression: gauge(select(METRICS.accuracy, ['estimated="false"'])),
            unit: 'percentunit',
            limits: goodFrom(0.8, 0.9),
          },
        ],
      ),
    ],
    Trends: [
      lines({
        title: 'Data drift',
        description: 'Importance-weighted mean of the drift scores of the features. 0 is no drift.',
        unit: 'none',
        queries: [[gauge(select(METRICS.dataDriftScore)), LEGEND]],
        limits: worseFrom(featureThreshold),
        width: 8,
        min: 0,
        alerts: ['DataDriftDetected'],
      }),
      lines({
        title: 'Requests',
        description: 'Inference requests a second.',
        unit: 'reqps',
        queries: [[rate(select(METRICS.inferenceRequests)), LEGEND]],
        limits: NO_LIMITS,
        width: 8,
        min: 0,
        alerts: ['ModelTrafficLow'],
      }),
      lines({
        title: 'Errors',
        description: 'Share of the requests without an answer.',
        unit: 'percentunit',
        queries: [[errorRatio(), LEGEND]],
        limits: worseFrom(0.01, 0.05),
        width: 8,
        min: 0,
        alerts: ['ModelErrorRateHigh'],
      }),
    ],
  },
});
