import { METRICS, type MetricSpec } from 'cdk8s-mlops/contract';
import { modelVariables, newDashboard, versionVariable } from './dashboard';
import { goodFrom, type Limits, NO_LIMITS } from './limits';
import { lines, stat } from './panels';
import { gauge, select, VERSION } from './queries';

const LEGEND = '{{version}}';
const COLOURS = "The colours are general: the model's own objectives are in its alerts.";

interface Measure {
  readonly title: string;
  readonly says: string;
  readonly metric: MetricSpec;
  readonly alert: string;
}

const CLASSES: readonly Measure[] = [
  {
    title: 'Accuracy',
    says: 'Share of the labelled predictions that are correct.',
    metric: METRICS.accuracy,
    alert: 'ModelAccuracyDegraded',
  },
  {
    title: 'Precision',
    says: 'Share of the positive predictions that are correct.',
    metric: METRICS.precision,
    alert: 'ModelPrecisionDegraded',
  },
  {
    title: 'Recall',
    says: 'Share of the actual positives that were predicted.',
    metric: METRICS.recall,
    alert: 'ModelRecallDegraded',
  },
  { title: 'F1', says: 'Harmonic mean of precision and recall.', metric: METRICS.f1, alert: 'ModelF1Degraded' },
  {
    title: 'Area under the ROC curve',
    says: '0.5 is as good as chance, 1 is perfect.',
    metric: METRICS.auc,
    alert: 'ModelAucDegraded',
  },
];
const NUMBERS: readonly Measure[] = [
  {
    title: 'Mean absolute error',
    says: 'Mean distance of the predictions from their labels, in the unit of the label.',
    metric: METRICS.mae,
    alert: 'ModelMaeDegraded',
  },
  {
    title: 'Root mean squared error',
    says: 'As the mean absolute error, but large errors count for more; in the unit of the label.',
    metric: METRICS.rmse,
    alert: 'ModelRmseDegraded',
  },
];

/** How a measure moved: measured by labels, and estimated without them. */
function trend(
  { title, says, metric, alert }: Measure,
  unit: string,
  limits: Limits,
  width: number,
): ReturnType<typeof lines> {
  const by = `${VERSION}, estimated`;
  return lines({
    title,
    description:
      `${says} Measured where labels have come, estimated where they have not. ${limits === NO_LIMITS ? '' : COLOURS}`.trim(),
    unit,
    queries: [
      [gauge(select(metric, ['estimated="false"']), by), `${LEGEND} measured`],
      [gauge(select(metric, ['estimated="true"']), by), `${LEGEND} estimated`],
    ],
    limits,
    width,
    ...(unit === 'percentunit' && { min: 0, max: 1 }),
    alerts: [alert],
  });
}

const labelled = `sum by (${VERSION}) (increase(${select(METRICS.labelledPredictions)}[$__range]))`;

/** How good a model's predictions are, by the labels that came. */
export const PERFORMANCE = newDashboard({
  name: 'performance',
  title: 'MLOps / Performance',
  description: "How good one model's predictions are: measured by the labels that came, estimated where none did.",
  from: 'now-30d',
  variables: [...modelVariables('one'), versionVariable()],
  ofModels: true,
  rows: {
    Now: [
      stat({
        title: 'Accuracy now',
        description: `Share of the labelled predictions of the last window that are correct. ${COLOURS}`,
        unit: 'percentunit',
        queries: [[gauge(select(METRICS.accuracy, ['estimated="false"'])), LEGEND]],
        limits: goodFrom(0.8, 0.9),
        width: 8,
        alerts: ['ModelAccuracyDegraded'],
      }),
      stat({
        title: 'Labels that came',
        description:
          'Predictions whose label arrived within the time range. Without labels performance is only estimated.',
        unit: 'short',
        queries: [[labelled, LEGEND]],
        limits: NO_LIMITS,
        width: 8,
        alerts: ['LabelsLate'],
      }),
      stat({
        title: 'Correct of all that came',
        description: 'Share of the predictions that are correct, of those whose label arrived within the time range.',
        unit: 'percentunit',
        queries: [
          [
            `sum by (${VERSION}) (increase(${select(METRICS.correctPredictions)}[$__range])) / (${labelled} > 0)`,
            LEGEND,
          ],
        ],
        limits: goodFrom(0.8, 0.9),
        width: 8,
      }),
    ],
    Classification: CLASSES.map((measure, index) =>
      trend(measure, 'percentunit', goodFrom(0.8, 0.9), index < 3 ? 8 : 12),
    ),
    Regression: NUMBERS.map((measure) => trend(measure, 'short', NO_LIMITS, 12)),
    Confusion: [
      lines({
        title: 'Actual and predicted classes',
        description: 'Labelled predictions a second by their actual and predicted class.',
        unit: 'cps',
        queries: [
          [
            `sum by (${VERSION}, actual, predicted) (rate(${select(METRICS.confusion)}[$__rate_interval]))`,
            `${LEGEND} {{actual}} predicted as {{predicted}}`,
          ],
        ],
        limits: NO_LIMITS,
        width: 24,
        min: 0,
      }),
    ],
  },
});
