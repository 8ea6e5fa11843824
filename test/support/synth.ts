import { Chart, Testing } from 'cdk8s';
import { type k8s } from 'cdk8s-plus-29';
import {
  ContainerImages,
  Feature,
  Mlflow,
  MlModelPlatform,
  type MlModelPlatformProps,
  Model,
  ModelTask,
  type ModelProps,
  ValidationError,
} from 'cdk8s-mlops';

/** A rendered object, loosely typed: tests look at what they name. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Rendered = any;

/** A chart of an app of its own, whose path is `test`. */
export function newChart(): Chart {
  return new Chart(Testing.app(), 'test');
}

/** The objects of a chart as they would be written. */
export function rendered(chart: Chart): Rendered[] {
  return Testing.synth(chart);
}

/** The one object of a kind and name. */
export function find(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  if (found.length !== 1) {
    const all = objects.map((object) => `${object.kind} ${object.metadata.name}`).join(', ');
    throw new Error(`${found.length} objects are ${kind} ${name}; there are ${all}`);
  }
  return found[0];
}

/** Kind and name of every object. */
export function identities(objects: readonly Rendered[]): string[] {
  return objects.map((object) => `${object.kind} ${object.metadata.name}`);
}

/** What `action` reports as wrong; fails when it reports nothing. */
export function problemsOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof ValidationError) return error.problems;
    throw error;
  }
  throw new Error('expected a ValidationError, got none');
}

export const IMAGES = ContainerImages.fromRegistry('registry.example/mlops', { tag: '1.2.3' });

/** A platform with what most tests do not care about filled in. */
export function newPlatform(chart: Chart, props: Partial<MlModelPlatformProps> = {}): MlModelPlatform {
  return new MlModelPlatform(chart, 'platform', {
    namespace: 'ml',
    images: IMAGES,
    mlflow: Mlflow.sqlite(),
    modelStore: 's3://acme-models',
    predictionStore: 's3://acme-predictions',
    ...props,
  });
}

/** A model with what most tests do not care about filled in. */
export function newModel(props: Partial<ModelProps> = {}): Model {
  return new Model({
    name: 'churn',
    task: ModelTask.binaryClassification({ positiveClass: 'leaves', negativeClass: 'stays' }),
    features: [Feature.numeric('age')],
    ...props,
  });
}

/** The value of an environment variable of a container. */
export function envOf(container: k8s.Container, name: string): string | undefined {
  return container.env?.find((variable) => variable.name === name)?.value;
}
