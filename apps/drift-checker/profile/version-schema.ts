import { MLFLOW_ALIASES, type ModelSchema, SCHEMA_ARTIFACT } from 'cdk8s-mlops/contract';
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

/** Schemas of the versions that may serve now: those with an alias, and the newest. */
export async function servingSchemas(registry: MlflowClient, schema: ModelSchema): Promise<Map<string, ModelSchema>> {
  const named = await Promise.all(
    Object.values(MLFLOW_ALIASES).map((alias) => registry.versionByAlias(schema.model, alias)),
  );
  const found = new Map<string, ModelSchema>();
  for (const version of [...named, await registry.newestVersion(schema.model)]) {
    if (!version || found.has(version.version)) continue;
    const own = await versionSchema(registry, schema, version);
    if (own) found.set(version.version, own);
  }
  return found;
}
