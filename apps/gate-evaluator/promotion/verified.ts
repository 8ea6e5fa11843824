import { MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type RegisteredVersion, type Registry } from '../registry/registry';

/**
 * Reads back what was written: aliases (to versions) and the lifecycle of versions.
 *
 * @returns the version of the first alias
 * @throws Failure naming everything that is not as it was written: somebody else writes to the registry
 */
export async function verified(
  registry: Registry,
  model: string,
  aliases: Readonly<Record<string, string>>,
  lifecycles: Readonly<Record<string, string>>,
): Promise<RegisteredVersion> {
  const problems: string[] = [];
  let first: RegisteredVersion | undefined;
  for (const [alias, version] of Object.entries(aliases)) {
    const found = await registry.versionByAlias(model, alias);
    first ??= found;
    if (found?.version !== version)
      problems.push(`alias '${alias}' of '${model}' names ${found?.version ?? 'nothing'}, ${version} was written`);
  }
  for (const [version, lifecycle] of Object.entries(lifecycles)) {
    const found = (await registry.version(model, version))?.tags[MLFLOW_TAGS.lifecycle];
    if (found !== lifecycle)
      problems.push(`version ${version} of '${model}' is tagged '${found}', '${lifecycle}' was written`);
  }
  if (problems.length > 0 || !first) {
    throw Failure.unreachable(
      ...problems,
      `somebody else changes ${registry.address} at the same time: run the command again`,
    );
  }
  return first;
}
