import { type Chart, Duration } from 'cdk8s';
import {
  DriftAlerting,
  type DriftAlertingProps,
  type MlModelPlatform,
  type Model,
  ModelSource,
  QualityGates,
  RetrainTrigger,
  SecretReference,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
  type TrainingEngine,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';

/** The token that Alertmanager sends. */
export const TOKEN = SecretReference.of('retraining-token', 'token');

/** How a test's model is watched. */
export interface WatchOptions {
  readonly model?: Model;
  /** What runs the training; `none` for no training. */
  readonly engine?: TrainingEngine | 'none';
}

/** A platform on which everything can be served. */
export function platformOf(chart: Chart): MlModelPlatform {
  return newPlatform(chart, { storageInitializer: StorageInitializer.restricted() });
}

/** Adds a model that is served, trained, watched and trained again by its alerts, unless `props` say otherwise. */
export function watch(
  chart: Chart,
  platform: MlModelPlatform,
  props: Partial<DriftAlertingProps> = {},
  { model = newModel({ labelDelay: Duration.days(1) }), engine }: WatchOptions = {},
): DriftAlerting {
  const servedModel = new ServedModel(chart, `serving-${model.name}`, {
    ...{ platform, model, runtime: ServingRuntime.sklearn() },
    source: ModelSource.uri(`s3://acme-models/${model.name}/v1`),
  });
  const retrains =
    engine === 'none'
      ? undefined
      : new TrainingPipeline(chart, `training-${model.name}`, {
          ...{ platform, model, engine, schedule: '0 2 * * 0', trainingDataUri: 's3://acme/data' },
          workspace: Workspace.objectStore('s3://acme/runs'),
          gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
          steps: { train: { image: 'train:1', command: ['train'] } },
        });
  const retrainTrigger = RetrainTrigger.alertmanager({ token: TOKEN });
  return new DriftAlerting(chart, `drift-${model.name}`, { servedModel, retrains, retrainTrigger, ...props });
}

/** The objects of one model `churn` that is watched like that. */
export function synthesize(props: Partial<DriftAlertingProps> = {}, options: WatchOptions = {}): Rendered[] {
  const chart = newChart();
  watch(chart, platformOf(chart), props, options);
  return rendered(chart);
}
