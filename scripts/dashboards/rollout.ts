import { DRIFT_CHECK_DEFAULTS, METRICS, VERSION_ROLES } from 'cdk8s-mlops/contract';
import { modelVariables, newDashboard } from './dashboard';
import { goodFrom, type Limits, NO_LIMITS, worseFrom } from './limits';
import { lines, type PanelSpec, type Query, stat } from './panels';
import { errorRatio, gauge, latency, rate, select, selectPart, VERSION, withRole } from './queries';

/** No version is chosen: the roles choose. */
const FREE = ['version', 'feature'];
const { featureThreshold } = DRIFT_CHECK_DEFAULTS.decision;

/** A query for each role: the same expression, of the versions that have the role. */
function ofRoles(expression: string, legend = '{{version}}'): Query[] {
  return Object.values(VERSION_ROLES).map((role) => [
    `(${expression}) and on (${VERSION}) ${withRole(role)}`,
    `${role} ${legend}`,
  ]);
}

function beside(
  title: string,
  description: string,
  expression: string,
  unit: string,
  limits: Limits,
  more: Pick<PanelSpec, 'alerts' | 'max'> & { readonly width?: number } = {},
): ReturnType<typeof lines> {
  return lines({ title, description, unit, queries: ofRoles(expression), limits, width: 8, min: 0, ...more });
}

const requests = rate(select(METRICS.inferenceRequests, [], FREE));
const classes = rate(select(METRICS.predictionClass, [], FREE), `${VERSION}, class`);
const predictions = rate(select(METRICS.predictionClass, [], FREE));
const values = rate(selectPart(METRICS.predictionValue, '_bucket', [], FREE), `${VERSION}, le`);
const accuracy = gauge(select(METRICS.accuracy, ['estimated="false"'], FREE));
const drift = gauge(select(METRICS.predictionDriftScore, [], FREE));
const allRequests = `on (namespace, model) group_left () (sum by (namespace, model) (${requests}) > 0)`;

/** The candidate beside the stable version. */
export const ROLLOUT = newDashboard({
  name: 'rollout',
  title: 'MLOps / Roll-out',
  description:
    'The candidate beside the stable version of one model, while it is rolled out: what the analysis looks at.',
  from: 'now-6h',
  variables: modelVariables('one'),
  ofModels: true,
  rows: {
    'Who is who': [
      stat({
        title: 'Roles',
        description: 'Which version is stable and which is candidate now. Outside of a roll-out there is no candidate.',
        unit: 'none',
        queries: [[gauge(select(METRICS.versionInfo, [], FREE), `${VERSION}, role`), '{{role}} {{version}}']],
        limits: NO_LIMITS,
        width: 8,
        values: { 1: { text: 'now', index: 0 } },
      }),
      stat({
        title: 'Share of the requests now',
        description: 'Share of the requests that each version gets: the weight of the route as it is lived.',
        unit: 'percentunit',
        queries: ofRoles(`${requests} / ${allRequests}`),
        limits: NO_LIMITS,
        width: 8,
        max: 1,
      }),
      stat({
        title: 'Gates of the last candidate',
        description: 'Whether the version that was evaluated last passed its quality gates.',
        unit: 'none',
        queries: [[gauge(select(METRICS.gatePassed, [], FREE)), '{{version}}']],
        limits: goodFrom(1, 1).filter(({ color }) => color !== 'orange'),
        values: { 0: { text: 'failed', color: 'red', index: 0 }, 1: { text: 'passed', color: 'green', index: 1 } },
        width: 8,
        alerts: ['GateFailed'],
      }),
    ],
    Traffic: [
      beside('Requests', 'Inference requests a second of each role.', requests, 'reqps', NO_LIMITS),
      beside(
        'Errors',
        'Share of the requests without an answer.',
        errorRatio(FREE),
        'percentunit',
        worseFrom(0.01, 0.05),
        {
          alerts: ['ModelErrorRateHigh'],
        },
      ),
      beside(
        'Latency, p95',
        'Answer time that 95 % of the answers did not exceed.',
        latency(0.95, FREE),
        's',
        NO_LIMITS,
        {
          alerts: ['ModelLatencyHigh'],
        },
      ),
    ],
    Predictions: [
      lines({
        title: 'Predicted classes',
        description: 'Share of each class in the predictions of each role: the lines of one class should lie together.',
        unit: 'percentunit',
        queries: ofRoles(`${classes} / on (${VERSION}) group_left () (${predictions} > 0)`, '{{version}} {{class}}'),
        limits: NO_LIMITS,
        width: 12,
        min: 0,
        max: 1,
      }),
      lines({
        title: 'Median of the predicted values',
        description: 'Median of the predicted scores or values of each role.',
        unit: 'short',
        queries: ofRoles(`histogram_quantile(0.5, ${values})`),
        limits: NO_LIMITS,
        width: 12,
      }),
    ],
    'Quality, where labels have come': [
      beside(
        'Accuracy',
        'Share of the labelled predictions that are correct.',
        accuracy,
        'percentunit',
        goodFrom(0.8, 0.9),
        {
          width: 12,
          max: 1,
          alerts: ['ModelAccuracyDegraded'],
        },
      ),
      beside(
        'Drift of the predictions',
        'Drift of the predictions against the reference of the stable version. 0 is no drift.',
        drift,
        'none',
        worseFrom(featureThreshold),
        { width: 12 },
      ),
    ],
  },
});
