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
  if (!(await keepObjects(registry, model, version, location))) throw gone(model, version, uri);
}

/** Whether there were objects that could be kept from expiring. */
async function keepObjects(
  registry: Registry,
  model: string,
  { version, tags }: RegisteredVersion,
  { bucket, key }: S3Location,
): Promise<boolean> {
  const objects = await objectsOf(bucket, key);
  if (objects.length === 0) return false;
  await restoreObjects(objects);
  if (tags[MLFLOW_TAGS.artifactLifecycle])
    await registry.setVersionTag(model, version, MLFLOW_TAGS.artifactLifecycle, '');
  return true;
}

function gone(model: string, { version }: RegisteredVersion, uri: string): Failure {
  return Failure.configuration(
    `the artifact of version ${version} of '${model}' is gone: there is nothing at '${uri}', so that nothing could serve it; name another version`,
  );
}

/**
 * Lets the objects of archived versions expire, by the tag that rules of the bucket act on. The one before the champion is what is gone
 * back to, and keeps its objects, whatever its age: also one that a rollback made so after they had been let go. Each version is tagged once.
 *
 * @param action what it is done for, which holds the lock: killed here and run again, that command takes it up again
 */
export async function archiveArtifacts(registry: Registry, model: string, action: string): Promise<void> {
  for (const { version } of await misplaced(registry, model)) {
    // Nobody may go back to it meanwhile: what was restored for that would be archived while it serves.
    await holdingLock(registry, model, { action, waits: true }, async () => {
      const found = (await misplaced(registry, model)).find((each) => each.version.version === version.version);
      if (!found) return;
      const { bucket, key } = found.location;
      if (found.kept) return void (await keepObjects(registry, model, found.version, found.location));
      await archiveObjects(await objectsOf(bucket, key));
      await registry.setVersionTag(model, version.version, MLFLOW_TAGS.artifactLifecycle, LIFECYCLE.archived);
    });
  }
}

type S3Location = Location & { readonly kind: 's3' };

interface Misplaced {
  readonly version: RegisteredVersion;
  readonly location: S3Location;
  /** Whether its objects must stay. */
  readonly kept: boolean;
}

/** Versions whose objects may expire and must not, or the reverse. */
async function misplaced(registry: Registry, model: string): Promise<Misplaced[]> {
  const named = new Set<string>();
  for (const alias of KEPT_ALIASES) {
    const version = await registry.versionByAlias(model, alias);
    if (version) named.add(version.version);
  }
  return (await registry.versions(model)).flatMap((version) => {
    const { lifecycle, artifactLifecycle } = MLFLOW_TAGS;
    const kept = named.has(version.version);
    const mayExpire = version.tags[artifactLifecycle] === LIFECYCLE.archived;
    if (kept ? !mayExpire : mayExpire || version.tags[lifecycle] !== LIFECYCLE.archived) return [];
    const uri = locationOf(version);
    const location = uri === undefined ? undefined : parseLocation(uri);
    return location?.kind === 's3' ? [{ version, location, kept }] : [];
  });
}
