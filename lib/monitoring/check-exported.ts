import { METRICS, type MetricSpec } from '../contract';
import { type Problems } from '../validation/problems';
import { type AlertRule } from './alert-rule';
import { type DriftAlertingProps } from './drift-alerting';
import { metricOf } from './known-series';

const CLASSIFICATION: readonly MetricSpec[] = [METRICS.accuracy, METRICS.precision, METRICS.recall, METRICS.f1];
const REGRESSION: readonly MetricSpec[] = [METRICS.mae, METRICS.rmse];
const GATES: readonly MetricSpec[] = [METRICS.gatePassed, METRICS.gateCheckPassed];
const RUNS: readonly MetricSpec[] = [METRICS.trainingRunFailed, METRICS.trainingRunsInVain];
const ROLLOUTS: readonly MetricSpec[] = [METRICS.rolloutGivenUp, METRICS.rolloutInconclusive];

/** Why a metric of the contract is not exported for this model, and what would change that. */
function notExported(metric: MetricSpec, props: DriftAlertingProps): string | undefined {
  const { servedModel, retrains, recordingRules } = props;
  const { type } = servedModel.model.schema.task;
  const captures = servedModel.captureUrl !== undefined;
  if (metric.from === METRICS.predictions.from && !captures) return 'serve the model with Capture.on()';
  if (metric.from === METRICS.dataPsi.from && !recordingRules) return "set 'recordingRules'";
  if (CLASSIFICATION.includes(metric) && type === 'regression') return 'a regression has mae and rmse';
  if (REGRESSION.includes(metric) && type !== 'regression')
    return 'a classification has accuracy, precision and recall';
  if (metric === METRICS.auc && type !== 'binary-classification') return 'only a binary classification has it';
  if (GATES.includes(metric) && !retrains) return "name the training under 'retrains'";
  if (RUNS.includes(metric) && retrains?.engine.name !== 'argo') return "'retrains' must be a training on Argo";
  if (ROLLOUTS.includes(metric) && !servedModel.rollout) return "serve the model with a 'rollout'";
  return undefined;
}

/** Reports rules on metrics that nothing exports for the model. */
export function checkExported(rules: readonly AlertRule[], props: DriftAlertingProps, problems: Problems): void {
  for (const { alert, _metrics } of rules) {
    for (const name of new Set(_metrics)) {
      const metric = metricOf(name);
      const fix = metric && notExported(metric, props);
      if (fix !== undefined) problems.add(`rules.${alert}`, name, `is exported by nothing for this model: ${fix}`);
    }
  }
}
