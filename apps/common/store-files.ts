import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { diskProblem } from './atomic-files';
import { Failure } from './failure';
import { explained, objectsOf, store } from './object-store';
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

  /** Moves a file of this machine there. */
  public async put(path: string, name: string): Promise<void> {
    const { location } = this;
    if (location.kind === 'file') return this.putLocal(location.path, path, name);
    const { sdk, client } = await store();
    const { size } = await stat(path);
    await explained(`write ${joinUri(this.uri, name)}`, () =>
      client.send(
        new sdk.PutObjectCommand({
          Bucket: location.bucket,
          Key: keyOf(location, name),
          Body: createReadStream(path, { highWaterMark: 1 << 20 }),
          ContentLength: size,
        }),
      ),
    );
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

  private async listStore(location: Location & { kind: 's3' }, folder: string): Promise<StoreFile[]> {
    const root = location.key === '' ? '' : joinUri(location.key, '');
    const objects = await objectsOf(location.bucket, `${root}${folder}`);
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

const UNFINISHED = '.part';
/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const MOST_DELETED = 1000;

function keyOf({ key }: Location & { kind: 's3' }, name: string): string {
  return key === '' ? name : joinUri(key, name);
}
