import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskProblem, writeFilesAtomically } from '../../common/atomic-files';
import { Failure, messageOf } from '../../common/failure';
import {
  type Dataset,
  LOCK_SECONDS,
  type LockAnswer,
  type NewVersion,
  type RegisteredVersion,
  type Registry,
  type RunData,
  type RunEntry,
} from './registry';

interface ModelFile {
  readonly versions: readonly StoredVersion[];
  readonly aliases: Readonly<Record<string, string>>;
}

interface StoredVersion {
  readonly version: string;
  readonly runId: string;
  readonly source: string;
  readonly createdAt: string;
  readonly tags: Readonly<Record<string, string>>;
}

interface RunFile {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number | string>>;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly datasets?: readonly Dataset[];
}

const EMPTY: ModelFile = { versions: [], aliases: {} };

/** A registry in a directory: for trials, continuous integration and machines without a server. */
export class FileRegistry implements Registry {
  constructor(private readonly directory: string) {}

  public get address(): string {
    return `file://${this.directory}`;
  }

  public async version(model: string, version: string): Promise<RegisteredVersion | undefined> {
    return (await this.versions(model)).find((each) => each.version === version);
  }

  public async versionByAlias(model: string, alias: string): Promise<RegisteredVersion | undefined> {
    const { aliases } = await this.read(model);
    const version = Object.hasOwn(aliases, alias) ? aliases[alias] : undefined;
    return version === undefined ? undefined : this.version(model, version);
  }

  public async versions(model: string): Promise<RegisteredVersion[]> {
    const { versions } = await this.read(model);
    return versions.map(toVersion).reverse();
  }

  public async runData(runId: string): Promise<RunData> {
    const { metrics, tags } = await this.readRun(runId);
    return { metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, Number(value)])), tags };
  }

  public async createVersion(model: string, version: NewVersion): Promise<RegisteredVersion> {
    const isSame = ({ runId, source }: StoredVersion): boolean => runId === version.runId && source === version.source;
    const { versions } = await this.change(model, (file) => {
      // A command that was killed after this write must not make a second version of the same run.
      if (file.versions.some(isSame)) return file;
      const number = String(file.versions.length + 1);
      const created: StoredVersion = { version: number, ...version, createdAt: new Date().toISOString() };
      return { ...file, versions: [...file.versions, created] };
    });
    return toVersion(versions.find(isSame)!);
  }

  public async setVersionTag(model: string, version: string, key: string, value: string): Promise<void> {
    await this.change(model, ({ versions, aliases }) => {
      if (!versions.some((each) => each.version === version)) throw this.unknown(model, version);
      const changed = versions.map((each) =>
        each.version === version ? { ...each, tags: { ...each.tags, [key]: value } } : each,
      );
      return { versions: changed, aliases };
    });
  }

  public async setAlias(model: string, alias: string, version: string): Promise<void> {
    await this.change(model, ({ versions, aliases }) => {
      if (!versions.some((each) => each.version === version)) throw this.unknown(model, version);
      return { versions, aliases: { ...aliases, [alias]: version } };
    });
  }

  public async deleteAlias(model: string, alias: string): Promise<void> {
    await this.change(model, ({ versions, aliases: { [alias]: _, ...aliases } }) => ({ versions, aliases }));
  }

  public async findRun(model: string, name: string): Promise<string | undefined> {
    const runId = `${model}.${name}`;
    return (await readIfThere(this.path('runs', runId, 'run.json'))) === undefined ? undefined : runId;
  }

  public async run(model: string, name: string, tags: Readonly<Record<string, string>>): Promise<string> {
    const runId = `${model}.${name}`;
    await this.changeRun(runId, (existing = { name, tags, metrics: {} }) => ({
      ...existing,
      tags: { ...existing.tags, ...tags },
    }));
    return runId;
  }

  public async logRun(runId: string, { metrics = {}, parameters = {}, tags = {} }: RunEntry): Promise<void> {
    // JSON has no NaN and no infinities: as text they stay what they are.
    const stored = Object.entries(metrics).map(([name, value]) => [
      name,
      Number.isFinite(value) ? value : String(value),
    ]);
    await this.changeRun(runId, (run = this.noRun(runId)) => ({
      ...run,
      metrics: { ...run.metrics, ...(Object.fromEntries(stored) as RunFile['metrics']) },
      parameters: { ...parameters, ...run.parameters },
      tags: { ...run.tags, ...tags },
    }));
  }

  public async logDataset(runId: string, dataset: Dataset): Promise<void> {
    await this.changeRun(runId, (run = this.noRun(runId)) => {
      const others = (run.datasets ?? []).filter(({ digest }) => digest !== dataset.digest);
      return { ...run, datasets: [...others, dataset] };
    });
  }

  public artifactAt(uri: string): Promise<string> {
    const [, runId, path] = /^runs:\/+([^/]+)\/(.+)$/.exec(uri) ?? [];
    return Promise.resolve(runId === undefined ? uri : this.path('runs', runId, 'artifacts', path!));
  }

  public async artifact(runId: string, path: string): Promise<string | undefined> {
    return readIfThere(this.path('runs', runId, 'artifacts', path));
  }

  public async putArtifact(runId: string, path: string, content: string): Promise<void> {
    await writeFilesAtomically(new Map([[this.path('runs', runId, 'artifacts', path), content]]));
  }

  public async artifacts(runId: string, folder: string): Promise<string[]> {
    const path = this.path('runs', runId, 'artifacts', folder);
    const names = await readdir(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw Failure.configuration(`cannot read ${path}: ${messageOf(error)}`);
    });
    return names
      .filter((name) => !name.endsWith('.part'))
      .sort()
      .map((name) => `${folder}/${name}`);
  }

  public async lock(model: string, owner: string): Promise<LockAnswer> {
    const path = this.path('models', `${model}.lock`);
    await makeFolder(this.path('models'));
    for (;;) {
      if (await create(path, owner)) return { taken: true };
      const [holder, found] = await Promise.all([readIfThere(path), stat(path).catch(() => undefined)]);
      if (holder === undefined || !found) continue;
      if (holder === owner) return { taken: true };
      const age = Date.now() - found.mtimeMs;
      // Created, and not written yet.
      if (holder === '' && age < 1000) continue;
      if (age < LOCK_SECONDS * 1000)
        return { taken: false, owner: holder || 'do something', since: new Date(found.mtimeMs) };
      await rm(path, { force: true });
    }
  }

  public async unlock(model: string, owner: string): Promise<void> {
    const path = this.path('models', `${model}.lock`);
    if ((await readIfThere(path)) === owner) await rm(path, { force: true });
  }

  private path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  private async read(model: string): Promise<ModelFile> {
    return (await readJson<ModelFile>(this.path('models', `${model}.json`))) ?? EMPTY;
  }

  private async readRun(runId: string): Promise<RunFile> {
    return (await readJson<RunFile>(this.path('runs', runId, 'run.json'))) ?? this.noRun(runId);
  }

  private noRun(runId: string): never {
    throw Failure.configuration(`${this.address} has no run '${runId}'`);
  }

  private change(model: string, change: (file: ModelFile) => ModelFile): Promise<ModelFile> {
    return changeFile<ModelFile>(this.path('models', `${model}.json`), (file = EMPTY) => change(file));
  }

  private changeRun(runId: string, change: (run: RunFile | undefined) => RunFile): Promise<RunFile> {
    return changeFile<RunFile>(this.path('runs', runId, 'run.json'), change);
  }

  private unknown(model: string, version: string): Failure {
    return Failure.configuration(`model '${model}' has no version ${version} in ${this.address}`);
  }
}

const toVersion = (stored: StoredVersion): RegisteredVersion => ({
  ...stored,
  createdAt: new Date(stored.createdAt),
  ready: true,
});

const json = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** How long a change of one file may take: after that whoever made it was killed. */
const CHANGE_MS = 5_000;

/** Reads a file, and writes what it becomes, while no other process does: a change that was made between the two would be lost. */
async function changeFile<T>(path: string, change: (value: T | undefined) => T): Promise<T> {
  const busy = `${path}.busy`;
  await makeFolder(dirname(path));
  while (!(await create(busy, ''))) {
    const found = await stat(busy).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > CHANGE_MS) await rm(busy, { force: true });
    await sleep(5);
  }
  try {
    const changed = change(await readJson<T>(path));
    await writeFilesAtomically(new Map([[path, json(changed as object)]]));
    return changed;
  } finally {
    await rm(busy, { force: true });
  }
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw Failure.configuration(`cannot write ${path}: ${diskProblem(error)}`);
  });
}

/** Creates a file, which the file system does once, whoever asks at the same time. */
async function create(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw Failure.configuration(`cannot lock ${path}: ${diskProblem(error)}`);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw Failure.configuration(`cannot read ${path}: ${messageOf(error)}`);
  });
}

async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw Failure.configuration(`${path} is not JSON: ${messageOf(error)}`);
  }
}
