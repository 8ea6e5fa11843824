import { type ModelSchema, SCHEMA_ARTIFACT } from 'cdk8s-mlops/contract';
import { type MlflowClient, type ModelVersion } from '../../common/mlflow';
import { parseYaml } from '../../common/yaml-file';
import { MODEL_SCHEMA_FILE } from '../config/model-schema-file';

/**
 * The schema among the artifacts of a version, with what the schema file says of recording: that holds for every version.
 *
 * @returns undefined when the version has none
 * @throws Failure when it is none
 */
export async function versionSchema(
  registry: Pick<MlflowClient, 'artifact'>,
  schema: ModelSchema,
  { runId, version }: ModelVersion,
): Promise<ModelSchema | undefined> {
  const text = await registry.artifact(runId, SCHEMA_ARTIFACT);
  if (text === undefined) return undefined;
  const own = parseYaml(text, `models:/${schema.model}/${version}/${SCHEMA_ARTIFACT}`, MODEL_SCHEMA_FILE);
  const recorded = new Map(schema.features.map((feature) => [feature.name, feature.recorded]));
  return {
    ...own,
    features: own.features.map((feature) => ({ ...feature, recorded: recorded.get(feature.name) ?? feature.recorded })),
  };
}

/**
 * The schema of a version by its name.
 *
 * @returns undefined when the registry does not know the version, or it has none
 * @throws Failure when it is none, or the registry cannot be asked
 */
export async function schemaOfVersion(
  registry: Pick<MlflowClient, 'artifact' | 'version'>,
  schema: ModelSchema,
  version: string,
): Promise<ModelSchema | undefined> {
  // Registries count versions: what is no number is not one of theirs.
  const found = /^\d+$/.test(version) ? await registry.version(schema.model, version) : undefined;
  return found && versionSchema(registry, schema, found);
}
