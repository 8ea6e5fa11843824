import {
  CONFIG_FILES,
  DRIFT_CHECK_DEFAULTS,
  DRIFT_CHECK_FILE_VERSION,
  type DriftCheckFile,
  MLFLOW_ALIASES,
} from '../contract';
import { type DriftAlertingProps } from './drift-alerting';

/** Whether the log that is checked is the one that the model's capture writes. */
export function checksCapturedLog({ servedModel, predictionLogUri }: DriftAlertingProps): boolean {
  const captured = servedModel.predictionLogUri;
  return captured !== undefined && (predictionLogUri ?? captured) === captured;
}

/** The configuration of the drift check; of props that were checked. */
export function driftCheckConfiguration(props: DriftAlertingProps): DriftCheckFile {
  const { servedModel, retrains } = props;
  const { platform, model } = servedModel;
  const { window, decision, performance } = DRIFT_CHECK_DEFAULTS;
  const { schema, capture } = CONFIG_FILES;
  return {
    version: DRIFT_CHECK_FILE_VERSION,
    model: model.name,
    namespace: platform.namespace,
    schema: `${schema.directory}/${schema.file}`,
    predictions: props.predictionLogUri ?? servedModel.predictionLogUri ?? '',
    ...(checksCapturedLog(props) && { capture: `${capture.directory}/${capture.file}` }),
    ...(props.labelsUri !== undefined && { labels: props.labelsUri }),
    reference: { registry: platform.mlflowTrackingUri, alias: MLFLOW_ALIASES.champion },
    window: { ...window, hours: props.window?.toHours() ?? window.hours },
    decision: {
      featureThreshold: props.driftThreshold ?? decision.featureThreshold,
      driftedShare: props.driftedShare ?? decision.driftedShare,
      significance: decision.significance,
      consecutiveWindows: props.consecutiveWindows ?? decision.consecutiveWindows,
    },
    ...(props.statistics && {
      features: Object.fromEntries(Object.entries(props.statistics).map(([name, each]) => [name, each._toRule()])),
    }),
    performance: {
      minLabels: props.minLabels ?? performance.minLabels,
      maxDrop: performance.maxDrop,
      confidence: performance.confidence,
      onDegraded: props.retrainsOnDegradedPerformance ? 'retrain' : performance.onDegraded,
    },
    ...(retrains && {
      retrain: {
        engine: retrains.engine.name,
        name: retrains.name,
        loop: model.objectName('loop'),
        minPredictions: props.minPredictions ?? 10_000,
        ...(props.retrainTrigger?._alertmanager && { trigger: props.retrainTrigger.name }),
      },
    }),
    ...(props.reportsUri !== undefined && { reports: props.reportsUri }),
    pushgateway: platform.pushgatewayUrl,
  };
}
