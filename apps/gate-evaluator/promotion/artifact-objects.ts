import { LIFECYCLE, MLFLOW_ALIASES, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { artifactFiles } from '../../common/artifact-files';
import { Failure } from '../../common/failure';
import { archiveObjects, restoreObjects } from '../../common/object-lifecycle';
import { objectsOf } from '../../common/object-store';
import { type Location, parseLocation } from '../../common/uri';
import { holdingLock } from '../registry/holding-lock';
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
 *
 * @param action what it is done for, which holds the lock: killed here and run again, that command takes it up again
 */
export async function archiveArtifacts(registry: Registry, model: string, action: string): Promise<void> {
  for (const { version } of await expirable(registry, model)) {
    // Nobody may go back to it meanwhile: what was restored for that would be archived while it serves.
    await holdingLock(registry, model, { action, waits: true }, async () => {
      const found = (await expirable(registry, model)).find((each) => each.version === version);
      if (!found) return;
      await archiveObjects(await objectsOf(found.location.bucket, found.location.key));
      await registry.setVersionTag(model, version, MLFLOW_TAGS.artifactLifecycle, LIFECYCLE.archived);
    });
  }
}

type Expirable = { readonly version: string; readonly location: Location & { readonly kind: 's3' } };

async function expirable(registry: Registry, model: string): Promise<Expirable[]> {
  const kept = new Set<string>();
  for (const alias of KEPT_ALIASES) {
    const version = await registry.versionByAlias(model, alias);
    if (version) kept.add(version.version);
  }
  return (await registry.versions(model)).flatMap((each) => {
    const { version, tags } = each;
    const { lifecycle, artifactLifecycle } = MLFLOW_TAGS;
    if (tags[lifecycle] !== LIFECYCLE.archived || kept.has(version) || tags[artifactLifecycle] === LIFECYCLE.archived)
      return [];
    const uri = locationOf(each);
    const location = uri === undefined ? undefined : parseLocation(uri);
    return location?.kind === 's3' ? [{ version, location }] : [];
  });
}
