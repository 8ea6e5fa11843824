import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open as openFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { diskProblem } from './atomic-files';
import { Failure, messageOf } from './failure';
import { explained, objectsOf, store } from './object-store';
import { joinUri, type Location, parseLocation } from './uri';

/** A file of a trained artifact. */
export interface ArtifactFile {
  /** Path under the artifact's folder, with `/`; the file's own name where the artifact is one file. */
  readonly name: string;
  readonly bytes: number;
  readonly open: () => Promise<Readable>;
}

/** Every file of an artifact, in the order of their names; none when there is nothing. */
export async function artifactFiles(uri: string): Promise<ArtifactFile[]> {
  const location = parseLocation(uri);
  const files = await (location.kind === 's3' ? storedFiles(location) : localFiles(location.path));
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function storedFiles({ bucket, key }: Location & { kind: 's3' }): Promise<ArtifactFile[]> {
  const folder = key.endsWith('/') ? key : `${key}/`;
  const own = await objectsOf(bucket, key);
  return own.map(({ key: full, bytes }) => ({
    name: full === key ? basename(full) : full.slice(folder.length),
    bytes,
    open: () => openObject(bucket, full),
  }));
}

async function openObject(bucket: string, key: string): Promise<Readable> {
  const { sdk, client } = await store();
  return explained(`read s3://${bucket}/${key}`, async () => {
    const { Body: body } = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key }));
    return body as Readable;
  });
}

async function localFiles(path: string): Promise<ArtifactFile[]> {
  const found = await stat(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw Failure.configuration(`cannot read '${path}': ${diskProblem(error)}`);
  });
  if (!found) return [];
  if (!found.isDirectory()) return [await localFile(basename(path), path)];
  const entries = await readable(path, () => readdir(path, { recursive: true, withFileTypes: true }));
  const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.map((full) => localFile(relative(path, full).split(sep).join('/'), full)));
}

async function localFile(name: string, path: string): Promise<ArtifactFile> {
  const found = await readable(path, () => stat(path));
  // A pipe would never end, and a link to a folder has files that no name stands for.
  if (!found.isFile()) throw Failure.configuration(`'${path}' is no file: only files and their folders can be kept`);
  const open = async (): Promise<Readable> => (await readable(path, () => openFile(path))).createReadStream(CHUNKS);
  return { name, bytes: found.size, open };
}

const CHUNKS = { highWaterMark: 1 << 20 };

async function readable<T>(path: string, work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    throw Failure.configuration(`cannot read '${path}': ${diskProblem(error)}`);
  });
}

/**
 * Reads every file once: hashes it and, where a target is given, writes it there on the way. Nothing is kept on this machine's disk.
 *
 * @returns SHA-256 over names and contents, as `dataDigest` computes it
 */
export async function transferFiles(
  files: readonly ArtifactFile[],
  target: string | undefined,
  progress: (done: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const whole = createHash('sha256');
  for (const [index, { name, bytes, open }] of files.entries()) {
    const content = createHash('sha256');
    const hashing = new Transform({
      transform(chunk: Buffer, _, done) {
        content.update(chunk);
        done(null, chunk);
      },
    });
    const source = chunksOf(name, await open());
    if (target === undefined) await pipeline(source, hashing.resume(), { signal });
    else await write(source, hashing, parseLocation(joinUri(target, name)), bytes, signal);
    whole.update(`${name}\0${content.digest('hex')}\n`);
    progress(index + 1);
  }
  return `sha256:${whole.digest('hex')}`;
}

/** Its errors are told from those of whatever takes the chunks. */
async function* chunksOf(name: string, source: Readable): AsyncGenerator<Buffer> {
  try {
    yield* source as AsyncIterable<Buffer>;
  } catch (error) {
    throw Failure.unreachable(`reading '${name}' broke off: ${messageOf(error)}`);
  }
}

async function write(
  source: AsyncGenerator<Buffer>,
  hashing: Transform,
  target: Location,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (target.kind === 'file') return writeLocal(source, hashing, target.path, signal);
  await Promise.all([pipeline(source, hashing, { signal }), upload(hashing, target, bytes)]);
}

const UNFINISHED = '.part';

/** The file that a copy would have become which was killed. */
export function unfinishedFile(name: string): string | undefined {
  return /^(.+)\.\d+\.part$/s.exec(name)?.[1];
}

async function writeLocal(
  source: AsyncGenerator<Buffer>,
  hashing: Transform,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const temporary = `${path}.${process.pid}${UNFINISHED}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(source, hashing, createWriteStream(temporary), { signal });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (error instanceof Failure) throw error;
    throw Failure.configuration(`cannot write ${path}: ${diskProblem(error)}`);
  }
}

/** Most parts of one upload, and the smallest that S3 takes. */
const MAX_PARTS = 10_000;
const MIN_PART = 5 << 20;

async function upload(body: Readable, { bucket, key }: Location & { kind: 's3' }, bytes: number): Promise<void> {
  const { client } = await store();
  const { Upload } = await import('@aws-sdk/lib-storage');
  const partSize = Math.max(MIN_PART, Math.ceil(bytes / (MAX_PARTS - 1)));
  await explained(`write s3://${bucket}/${key}`, () =>
    new Upload({ client, params: { Bucket: bucket, Key: key, Body: body }, partSize, queueSize: 2 }).done(),
  );
}
