import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type ArtifactFile, artifactFiles, transferFiles, unfinishedFile } from '../../common/artifact-files';
import { Failure } from '../../common/failure';
import { type Context } from '../../common/run-app';
import { joinUri, parseLocation } from '../../common/uri';

/** An artifact where a serving runtime finds it. */
export interface KeptArtifact {
  readonly uri: string;
  /** SHA-256 over names and contents. */
  readonly digest: string;
}

/** An artifact that the registry keeps itself, where no serving runtime finds it. */
export interface RegistryArtifact {
  readonly uri: string;
  readonly files: readonly ArtifactFile[];
}

/**
 * Copies an artifact into the model store, a folder of its own for each run, and hashes it on the way. Without a store it stays where it
 * is. Doing it twice is doing it once.
 *
 * @throws Failure when there is no artifact, or the folder has other files
 */
export async function keepArtifact(
  { log, signal }: Context,
  artifact: string | RegistryArtifact,
  folder: { readonly store: string; readonly name: string } | undefined,
): Promise<KeptArtifact> {
  const { uri: source, files } =
    typeof artifact === 'string' ? { uri: artifact, files: await artifactFiles(artifact) } : artifact;
  if (files.length === 0)
    throw Failure.configuration(`there is no artifact at '${source}': the train step must leave it there`);
  const uri = absolute(folder ? joinUri(folder.store, folder.name) : source);
  if (folder) await refuseOthers(uri, new Set(files.map(({ name }) => name)));
  const progress = (done: number): void => {
    if (done % 100 === 0) log.info({ done, of: files.length }, 'artifact');
  };
  const digest = await transferFiles(files, folder && uri, progress, signal);
  if (folder) await checkCopy(uri, files);
  return { uri, digest };
}

/** Who reads the address later is somewhere else. */
function absolute(uri: string): string {
  return /^[a-z][a-z0-9+.-]*:/i.test(uri) ? uri : resolve(uri);
}

/** A runtime would load what an earlier version left; what an earlier try of this one did not finish is removed. */
async function refuseOthers(uri: string, names: ReadonlySet<string>): Promise<void> {
  const others: ArtifactFile[] = [];
  for (const file of await artifactFiles(uri)) {
    const target = unfinishedFile(file.name);
    const location = parseLocation(joinUri(uri, file.name));
    if (names.has(file.name)) continue;
    if (target !== undefined && names.has(target) && location.kind === 'file') await rm(location.path, { force: true });
    else others.push(file);
  }
  if (others.length === 0) return;
  throw Failure.configuration(
    `'${uri}' has ${others.length} other files, for example '${others[0]!.name}': a folder belongs to one run; give this run a name of its own`,
  );
}

async function checkCopy(uri: string, files: readonly ArtifactFile[]): Promise<void> {
  const there = new Map((await artifactFiles(uri)).map(({ name, bytes }) => [name, bytes]));
  const wrong = files.filter(({ name, bytes }) => there.get(name) !== bytes);
  if (wrong.length === 0) return;
  throw Failure.unreachable(
    ...wrong.map(
      ({ name, bytes }) => `'${name}' has ${there.get(name) ?? 'no'} bytes at '${uri}', ${bytes} were written`,
    ),
  );
}
