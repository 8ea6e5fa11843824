import { artifactFiles, transferFiles } from '../../common/artifact-files';
import { Failure } from '../../common/failure';
import { type Context } from '../../common/run-app';
import { joinUri } from '../../common/uri';

/** An artifact where a serving runtime finds it. */
export interface KeptArtifact {
  readonly uri: string;
  /** SHA-256 over names and contents. */
  readonly digest: string;
}

/**
 * Copies an artifact into the model store, a folder of its own for each run, and hashes it on the way. Without a store it stays where it
 * is. Doing it twice is doing it once.
 *
 * @throws Failure when there is no artifact, or the folder has other files
 */
export async function keepArtifact(
  { log, signal }: Context,
  artifact: string,
  folder: { readonly store: string; readonly name: string } | undefined,
): Promise<KeptArtifact> {
  const files = await artifactFiles(artifact);
  if (files.length === 0)
    throw Failure.configuration(`there is no artifact at '${artifact}': the train step must leave it there`);
  const uri = folder ? joinUri(folder.store, folder.name) : artifact;
  if (folder) await refuseOthers(uri, new Set(files.map(({ name }) => name)));
  const progress = (done: number): void => {
    if (done % 100 === 0) log.info({ done, of: files.length }, 'artifact');
  };
  const digest = await transferFiles(files, folder && uri, progress, signal);
  if (folder) await checkCopy(uri, files);
  return { uri, digest };
}

/** A runtime would load what an earlier version left. */
async function refuseOthers(uri: string, names: ReadonlySet<string>): Promise<void> {
  const others = (await artifactFiles(uri)).filter(({ name }) => !names.has(name));
  if (others.length === 0) return;
  throw Failure.configuration(
    `'${uri}' has ${others.length} other files, for example '${others[0]!.name}': a folder belongs to one run; give this run a name of its own`,
  );
}

async function checkCopy(uri: string, files: Awaited<ReturnType<typeof artifactFiles>>): Promise<void> {
  const there = new Map((await artifactFiles(uri)).map(({ name, bytes }) => [name, bytes]));
  const wrong = files.filter(({ name, bytes }) => there.get(name) !== bytes);
  if (wrong.length === 0) return;
  throw Failure.unreachable(
    ...wrong.map(
      ({ name, bytes }) => `'${name}' has ${there.get(name) ?? 'no'} bytes at '${uri}', ${bytes} were written`,
    ),
  );
}
