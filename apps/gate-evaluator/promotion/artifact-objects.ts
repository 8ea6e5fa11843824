import { LIFECYCLE, MLFLOW_ALIASES, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { artifactFiles } from '../../common/artifact-files';
import { Failure } from '../../common/failure';
import { archiveObjects, restoreObjects } from '../../common/object-lifecycle';
import { objectsOf } from '../../common/object-store';
import { parseLocation } from '../../common/uri';
import { type RegisteredVersion, type Registry } from '../registry/registry';

/** Aliases of versions that serve, are about to, or are gone back to when they must. */
const KEPT_ALIASES = Object.values(MLFLOW_ALIASES);

/** Where a version's artifact lies; `undefined` where that is not known, or no place that we can look into. */
function locationOf({ tags, source }: RegisteredVersion): string | undefined {
  const uri = tags[MLFLOW_TAGS.artifactUri] || source;
  return uri !== undefined && /^(s3:\/\/|file:\/\/|\/)/.test(uri) ? uri : undefined;
}

/**
 * Makes sure that a version can be served before anything points to it: its artifact is there, and none of its objects may expire.
 *
 * @throws Failure when the artifact is gone
 */
export async function prepareToServe(registry: Registry, model: string, version: RegisteredVersion): Promise<void> {
  const uri = locationOf(version);
  if (uri === undefined) return;
  const location = parseLocation(uri);
  if (location.kind === 'file') {
    if ((await artifactFiles(uri)).length === 0) throw gone(model, version, uri);
    return;
  }
  const objects = await objectsOf(location.bucket, location.key);
  if (objects.length === 0) throw gone(model, version, uri);
  await restoreObjects(objects);
  if (version.tags[MLFLOW_TAGS.artifactLifecycle])
    await registry.setVersionTag(model, version.version, MLFLOW_TAGS.artifactLifecycle, '');
}

function gone(model: string, { version }: RegisteredVersion, uri: string): Failure {
  return Failure.configuration(
    `the artifact of version ${version} of '${model}' is gone: there is nothing at '${uri}', so that nothing could serve it; name another version`,
  );
}

/**
 * Lets the objects of archived versions expire, by the tag that rules of the bucket act on. The one before the champion is what is gone
 * back to, and keeps its objects, whatever its age; each version is tagged once.
 */
export async function archiveArtifacts(registry: Registry, model: string): Promise<void> {
  const kept = new Set<string>();
  for (const alias of KEPT_ALIASES) {
    const version = await registry.versionByAlias(model, alias);
    if (version) kept.add(version.version);
  }
  for (const version of await registry.versions(model)) {
    const { lifecycle, artifactLifecycle } = MLFLOW_TAGS;
    const archived = version.tags[lifecycle] === LIFECYCLE.archived && !kept.has(version.version);
    if (!archived || version.tags[artifactLifecycle] === LIFECYCLE.archived) continue;
    const uri = locationOf(version);
    const location = uri === undefined ? undefined : parseLocation(uri);
    if (location?.kind !== 's3') continue;
    await archiveObjects(await objectsOf(location.bucket, location.key));
    await registry.setVersionTag(model, version.version, artifactLifecycle, LIFECYCLE.archived);
  }
}
