import { MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { type RegisteredVersion, type Registry } from '../registry/registry';

/** The version that a training run was registered as; `undefined` when it was not. */
export async function versionOfRun(
  registry: Registry,
  model: string,
  run: string,
): Promise<RegisteredVersion | undefined> {
  return (await registry.versions(model)).find(({ tags }) => tags[MLFLOW_TAGS.trainingRun] === run);
}
