import { createHash, randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { diskProblem } from './atomic-files';
import { Failure } from './failure';
import { download, explained, listObjects, objectsOf, store } from './object-store';
import { joinUri, type Location, parseLocation } from './uri';

/** A file in a folder of a store. */
export interface StoreFile {
  /** Path under the folder, with `/`. */
  readonly name: string;
  readonly bytes: number;
}

/** A folder in an object store or on this machine, whose files appear whole or not at all. */
export class StoreFolder {
  private readonly location: Location;

  constructor(public readonly uri: string) {
    this.location = parseLocation(uri);
  }

  /** The files under a folder of it, in the order of their names; none when there is no such folder. */
  public async list(folder: string): Promise<StoreFile[]> {
    const { location } = this;
    const files = await (location.kind === 's3' ? this.listStore(location, folder) : this.listLocal(location, folder));
    return files.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Moves a file of this machine there; what a signal ends is not there. */
  public async put(path: string, name: string, signal?: AbortSignal): Promise<void> {
    const { location } = this;
    if (location.kind === 'file') return this.putLocal(location.path, path, name);
    const { sdk, client } = await store();
    // Opened before it is handed on: nobody would hear of it if it could not be.
    const file = await open(path);
    try {
      const { size: ContentLength } = await file.stat();
      // What is in memory is sent again when the store hangs up; a stream is used up then.
      const Body =
        ContentLength <= LARGEST_WHOLE
          ? await file.readFile()
          : file.createReadStream({ highWaterMark: 1 << 20, autoClose: false });
      const command = new sdk.PutObjectCommand({
        ...{ Bucket: location.bucket, Key: keyOf(location, name), Body, ContentLength },
      });
      await explained(`write ${joinUri(this.uri, name)}`, () => client.send(command, { abortSignal: signal }));
    } finally {
      // A store that cannot be reached reads none of it.
      await file.close();
    }
    await rm(path, { force: true });
  }

  /** Deletes files; those that are not there are deleted already. */
  public async remove(names: readonly string[]): Promise<void> {
    const { location } = this;
    if (location.kind === 'file') {
      await Promise.all(names.map((name) => rm(join(location.path, name), { force: true })));
      return;
    }
    const { sdk, client } = await store();
    for (let start = 0; start < names.length; start += MOST_DELETED) {
      const Objects = names.slice(start, start + MOST_DELETED).map((name) => ({ Key: keyOf(location, name) }));
      const command = new sdk.DeleteObjectsCommand({ Bucket: location.bucket, Delete: { Objects, Quiet: true } });
      const { Errors: errors = [] } = await explained(`delete files in ${this.uri}`, () => client.send(command));
      if (errors.length > 0)
        throw Failure.unreachable(
          `cannot delete ${errors.length} files in ${this.uri}, for example '${errors[0]!.Key}': ${errors[0]!.Message}`,
        );
    }
  }

  /** Paths on this machine of files; those of an object store are downloaded into a directory. */
  public async fetch(names: readonly string[], directory: string): Promise<string[]> {
    const { location } = this;
    if (location.kind === 'file') return names.map((name) => join(location.path, name));
    const queue = names.values();
    const worker = async (): Promise<void> => {
      for (const name of queue)
        await download({ bucket: location.bucket, key: keyOf(location, name) }, join(directory, name));
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    return names.map((name) => join(directory, name));
  }

  /** Forgets what was fetched. */
  public async forget(names: readonly string[], directory: string): Promise<void> {
    if (this.location.kind === 'file') return;
    await Promise.all(names.map((name) => rm(join(directory, name), { force: true })));
  }

  /** A small text, and a tag that changes with it; `undefined` when there is none. */
  public async read(name: string): Promise<{ readonly text: string; readonly tag: string } | undefined> {
    const { location } = this;
    if (location.kind === 'file') {
      const text = await readFile(join(location.path, name), 'utf8').catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw Failure.configuration(`cannot read '${join(location.path, name)}': ${diskProblem(error)}`);
      });
      return text === undefined ? undefined : { text, tag: tagOf(text) };
    }
    const { sdk, client } = await store();
    return explained(`read ${joinUri(this.uri, name)}`, async () => {
      try {
        const command = new sdk.GetObjectCommand({ Bucket: location.bucket, Key: keyOf(location, name) });
        const { Body: body, ETag: tag = '' } = await client.send(command);
        return { text: (await body?.transformToString('utf8')) ?? '', tag };
      } catch (error) {
        if ((error as Error).name === 'NoSuchKey') return undefined;
        throw error;
      }
    });
  }

  /** Writes a small text where there is none. @returns whether there was none */
  public async create(name: string, text: string): Promise<boolean> {
    const { location } = this;
    if (location.kind === 's3') return this.putIf(location, name, text, { IfNoneMatch: '*' });
    const target = join(location.path, name);
    const temporary = await this.stage(target, text);
    try {
      // Unlike a rename, a link never replaces.
      await link(temporary, target);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw Failure.configuration(`cannot write ${target}: ${diskProblem(error)}`);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Replaces a small text that still has a tag. @returns whether it had */
  public async replace(name: string, text: string, tag: string): Promise<boolean> {
    const { location } = this;
    if (location.kind === 's3') return this.putIf(location, name, text, { IfMatch: tag });
    if ((await this.read(name))?.tag !== tag) return false;
    await rename(await this.stage(join(location.path, name), text), join(location.path, name));
    return true;
  }

  private async stage(target: string, text: string): Promise<string> {
    const temporary = `${target}.${randomUUID()}${UNFINISHED}`;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(temporary, text);
    return temporary;
  }

  private async putIf(
    location: Location & { kind: 's3' },
    name: string,
    text: string,
    condition: { readonly IfNoneMatch: string } | { readonly IfMatch: string },
  ): Promise<boolean> {
    const { sdk, client } = await store();
    const target = { Bucket: location.bucket, Key: keyOf(location, name) };
    return explained(`write ${joinUri(this.uri, name)}`, async () => {
      try {
        await client.send(new sdk.PutObjectCommand({ ...target, Body: text, ...condition }));
        return true;
      } catch (error) {
        // 409: somebody else is writing it at this moment; 404: it is gone.
        const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? 0;
        if ([404, 409, 412].includes(status)) return false;
        throw error;
      }
    });
  }

  private async listStore(location: Location & { kind: 's3' }, folder: string): Promise<StoreFile[]> {
    const root = location.key === '' ? '' : joinUri(location.key, '');
    const prefix = `${root}${folder}`;
    // Of the bucket as a whole there is no folder.
    const objects = await (prefix === '' ? listObjects(location.bucket, '') : objectsOf(location.bucket, prefix));
    return objects.map(({ key, bytes }) => ({ name: key.slice(root.length), bytes }));
  }

  private async listLocal({ path }: Location & { kind: 'file' }, folder: string): Promise<StoreFile[]> {
    const entries = await readdir(join(path, folder), { recursive: true, withFileTypes: true }).catch(
      (error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw Failure.configuration(`cannot list '${join(path, folder)}': ${diskProblem(error)}`);
      },
    );
    const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(UNFINISHED));
    const found = await Promise.all(
      files.map(async (entry) => {
        const full = join(entry.parentPath, entry.name);
        // Gone since it was listed: whoever works beside us has dealt with it.
        const size = await stat(full).then(
          (each) => each.size,
          () => undefined,
        );
        return size === undefined ? [] : [{ name: relative(path, full).split(sep).join('/'), bytes: size }];
      }),
    );
    return found.flat();
  }

  private async putLocal(root: string, path: string, name: string): Promise<void> {
    const target = join(root, name);
    const temporary = `${target}.${process.pid}${UNFINISHED}`;
    try {
      await mkdir(dirname(target), { recursive: true });
      await copyFile(path, temporary);
      await rename(temporary, target);
      await rm(path, { force: true });
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw Failure.configuration(`cannot write ${target}: ${diskProblem(error)}`);
    }
  }
}

function tagOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Larger files are not held in memory. */
const LARGEST_WHOLE = 16 * 1024 ** 2;
const PARALLEL = 8;
const UNFINISHED = '.part';
/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const MOST_DELETED = 1000;

function keyOf({ key }: Location & { kind: 's3' }, name: string): string {
  return key === '' ? name : joinUri(key, name);
}
