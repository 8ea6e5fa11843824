import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import picomatch from 'picomatch';
import { Failure, messageOf } from '../failure';
import { type Log } from '../log';
import { download, listObjects } from '../object-store';
import { temporaryDirectory } from '../temporary-files';
import { type Location, parseLocation } from '../uri';

/** How the rows of a file are written. */
export type Format = 'parquet' | 'csv' | 'json';

/** One file of a data set, not read yet. */
export interface DataFile {
  /** Path under the data set's folder, with `/`. */
  readonly name: string;
  readonly bytes: number;
  /** Hive partitions of its path: `dt=2026-11-20/hour=07` is `{dt: '2026-11-20', hour: '07'}`. */
  readonly partitions: Readonly<Record<string, string>>;
}

const EXTENSIONS: readonly (readonly [RegExp, Format])[] = [
  [/\.(parquet|pq)$/i, 'parquet'],
  [/\.csv(\.gz|\.zst)?$/i, 'csv'],
  [/\.(json|jsonl|ndjson)(\.gz|\.zst)?$/i, 'json'],
];

const PARALLEL_DOWNLOADS = 8;

/** Options of {@link DataSource.open}. */
export interface DataSourceOptions {
  readonly log: Log;
  readonly signal?: AbortSignal;
  /** An empty folder is a data set without files, and not an error. */
  readonly mayBeEmpty?: boolean;
}

/**
 * A data set: a file, a folder with Hive partitions or a glob, here or in an object store. Objects are downloaded when they are
 * needed, and once.
 */
export class DataSource {
  /** @throws Failure when there is nothing, a file is of an unknown kind, or kinds are mixed. */
  public static async open(uri: string, options: DataSourceOptions): Promise<DataSource> {
    const location = parseLocation(uri);
    const found = await (location.kind === 's3' ? listS3(location) : listLocal(location));
    const formats = new Map(found.files.map(({ name }) => [formatOf(name), name]));
    formats.delete(undefined);
    const [format, second] = [...formats.keys()];
    if (second) {
      const examples = [...formats.entries()].map(([kind, name]) => `${kind} ('${name}')`).join(' and ');
      throw Failure.configuration(`'${uri}' mixes ${examples}: a data set has files of one kind`);
    }
    if (!format && !options.mayBeEmpty) {
      throw Failure.configuration(
        `'${uri}' has no data: expected .parquet, .csv, .json, .jsonl or .ndjson files${found.files[0] ? `, got '${found.files[0].name}'` : ''}`,
      );
    }
    const files = found.files
      .filter(({ name }) => formatOf(name) !== undefined)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return new DataSource(uri, format ?? 'parquet', files, found.root, location, options);
  }

  private staging: Promise<string> | undefined;
  private readonly staged = new Map<string, string>();

  private constructor(
    public readonly uri: string,
    public readonly format: Format,
    public readonly files: readonly DataFile[],
    private readonly root: string,
    private readonly location: Location,
    private readonly options: DataSourceOptions,
  ) {}

  /** Paths on this machine of the given files, downloaded first where needed. */
  public async fetch(files: readonly DataFile[] = this.files): Promise<string[]> {
    const empty = files.filter(({ bytes }) => bytes === 0);
    if (empty.length > 0)
      throw Failure.configuration(...empty.map(({ name }) => `'${name}' of '${this.uri}' is empty (0 bytes)`));
    const patterns = files.filter(({ name }) => /[*?[\]]/.test(name));
    if (patterns.length > 0)
      throw Failure.configuration(
        ...patterns.map(({ name }) => `'${name}' of '${this.uri}' has a wildcard in its name: rename it`),
      );
    if (this.location.kind === 'file') return files.map(({ name }) => join(this.root, name));
    const { bucket } = this.location;
    const directory = await (this.staging ??= temporaryDirectory('data'));
    const missing = files.filter(({ name }) => !this.staged.has(name));
    const queue = missing.values();
    let done = 0;
    const worker = async (): Promise<void> => {
      for (const { name } of queue) {
        const path = join(directory, name);
        await download({ bucket, key: `${this.root}${name}` }, path, this.options.signal);
        this.staged.set(name, path);
        if (++done % 100 === 0) this.options.log.info({ done, of: missing.length }, 'downloading');
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_DOWNLOADS }, worker));
    return files.map(({ name }) => this.staged.get(name)!);
  }
}

interface Listing {
  readonly root: string;
  readonly files: DataFile[];
}

function formatOf(name: string): Format | undefined {
  return EXTENSIONS.find(([extension]) => extension.test(name))?.[1];
}

/** Writers mark files that are not data, or not complete, by a leading `_` or `.`. */
export const isHidden = (name: string): boolean =>
  name.split('/').some((part) => part.startsWith('_') || part.startsWith('.'));

function dataFile(name: string, bytes: number): DataFile {
  const pairs = name
    .split('/')
    .slice(0, -1)
    .map((part) => /^([^=]+)=(.*)$/.exec(part));
  return {
    name,
    bytes,
    partitions: Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1]!, decoded(pair[2]!)]] : []))),
  };
}

/** A partition's value; one that is not percent-encoded stands for itself. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The part of a path before its first wildcard, up to a `/`, and the pattern after it. */
function splitGlob(path: string): { base: string; pattern: string | undefined } {
  const at = path.search(/[*?[{]/);
  if (at < 0) return { base: path, pattern: undefined };
  const slash = path.lastIndexOf('/', at);
  return { base: path.slice(0, slash + 1), pattern: path.slice(slash + 1) };
}

async function listS3(location: Location & { kind: 's3' }): Promise<Listing> {
  const { base, pattern } = splitGlob(location.key);
  const objects = await listObjects(location.bucket, base);
  const exact = pattern === undefined && objects.find(({ key }) => key === base);
  const folder = base === '' || base.endsWith('/') ? base : `${base}/`;
  const root = exact ? base.slice(0, base.lastIndexOf('/') + 1) : folder;
  const matches = pattern === undefined ? undefined : picomatch(pattern);
  const files = (exact ? [exact] : objects)
    .filter(({ key }) => key.startsWith(root))
    .map(({ key, bytes }) => dataFile(key.slice(root.length), bytes))
    .filter(({ name }) => !isHidden(name) && (!matches || matches(name)));
  return { root, files };
}

async function listLocal(location: Location & { kind: 'file' }): Promise<Listing> {
  const { base, pattern } = splitGlob(location.path);
  const root = pattern === undefined ? base : base || '.';
  const found = await stat(root).catch((error: unknown) => {
    throw Failure.configuration(
      `'${location.uri}' cannot be read: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? `there is no '${root}'` : messageOf(error)}`,
    );
  });
  if (found.isFile()) return { root: join(root, '..'), files: [dataFile(basename(root), found.size)] };
  const matches = pattern === undefined ? undefined : picomatch(pattern);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((name) => !isHidden(name) && (!matches || matches(name)));
  const files = await Promise.all(
    names.map(async (name) => {
      const { size } = await stat(join(root, name)).catch((error: unknown) => {
        throw Failure.configuration(`'${name}' of '${location.uri}' cannot be read: ${messageOf(error)}`);
      });
      return dataFile(name, size);
    }),
  );
  return { root, files };
}
