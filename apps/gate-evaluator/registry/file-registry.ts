import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFilesAtomically } from '../../common/atomic-files';
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
    const { versions, aliases } = await this.read(model);
    // A command that was killed after this write must not make a second version of the same run.
    const known = versions.find(({ runId, source }) => runId === version.runId && source === version.source);
    if (known) return toVersion(known);
    const number = String(versions.length + 1);
    const created: StoredVersion = { version: number, ...version, createdAt: new Date().toISOString() };
    await this.write(model, { versions: [...versions, created], aliases });
    return toVersion(created);
  }

  public async setVersionTag(model: string, version: string, key: string, value: string): Promise<void> {
    const { versions, aliases } = await this.read(model);
    if (!versions.some((each) => each.version === version)) throw this.unknown(model, version);
    const changed = versions.map((each) =>
      each.version === version ? { ...each, tags: { ...each.tags, [key]: value } } : each,
    );
    await this.write(model, { versions: changed, aliases });
  }

  public async setAlias(model: string, alias: string, version: string): Promise<void> {
    const { versions, aliases } = await this.read(model);
    if (!versions.some((each) => each.version === version)) throw this.unknown(model, version);
    await this.write(model, { versions, aliases: { ...aliases, [alias]: version } });
  }

  public async deleteAlias(model: string, alias: string): Promise<void> {
    const { versions, aliases } = await this.read(model);
    const { [alias]: _, ...rest } = aliases;
    await this.write(model, { versions, aliases: rest });
  }

  public async findRun(model: string, name: string): Promise<string | undefined> {
    const runId = `${model}.${name}`;
    return (await readIfThere(this.path('runs', runId, 'run.json'))) === undefined ? undefined : runId;
  }

  public async run(model: string, name: string, tags: Readonly<Record<string, string>>): Promise<string> {
    const runId = `${model}.${name}`;
    const existing = await readJson<RunFile>(this.path('runs', runId, 'run.json'));
    const run: RunFile = existing ?? { name, tags, metrics: {} };
    await this.writeRun(runId, { ...run, tags: { ...run.tags, ...tags } });
    return runId;
  }

  public async logRun(runId: string, { metrics = {}, parameters = {}, tags = {} }: RunEntry): Promise<void> {
    const run = await this.readRun(runId);
    // JSON has no NaN and no infinities: as text they stay what they are.
    const stored = Object.entries(metrics).map(([name, value]) => [
      name,
      Number.isFinite(value) ? value : String(value),
    ]);
    await this.writeRun(runId, {
      ...run,
      metrics: { ...run.metrics, ...(Object.fromEntries(stored) as RunFile['metrics']) },
      parameters: { ...parameters, ...run.parameters },
      tags: { ...run.tags, ...tags },
    });
  }

  public async logDataset(runId: string, dataset: Dataset): Promise<void> {
    const run = await this.readRun(runId);
    const others = (run.datasets ?? []).filter(({ digest }) => digest !== dataset.digest);
    await this.writeRun(runId, { ...run, datasets: [...others, dataset] });
  }

  public async artifact(runId: string, path: string): Promise<string | undefined> {
    return readIfThere(this.path('runs', runId, 'artifacts', path));
  }

  public async putArtifact(runId: string, path: string, content: string): Promise<void> {
    await writeFilesAtomically(new Map([[this.path('runs', runId, 'artifacts', path), content]]));
  }

  public async artifacts(runId: string, folder: string): Promise<string[]> {
    const names = await readdir(this.path('runs', runId, 'artifacts', folder)).catch(() => []);
    return names
      .filter((name) => !name.endsWith('.part'))
      .sort()
      .map((name) => `${folder}/${name}`);
  }

  /** The file system creates a file once, whoever asks at the same time. */
  public async lock(model: string, owner: string): Promise<LockAnswer> {
    const path = this.path('models', `${model}.lock`);
    await mkdir(this.path('models'), { recursive: true });
    for (;;) {
      try {
        const file = await open(path, 'wx');
        await file.writeFile(owner);
        await file.close();
        return { taken: true };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
          throw Failure.configuration(`cannot lock ${path}: ${messageOf(error)}`);
      }
      const [holder, found] = await Promise.all([readIfThere(path), stat(path).catch(() => undefined)]);
      if (holder === undefined || !found) continue;
      if (holder === owner) return { taken: true };
      if (Date.now() - found.mtimeMs < LOCK_SECONDS * 1000)
        return { taken: false, owner: holder, since: new Date(found.mtimeMs) };
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
    const run = await readJson<RunFile>(this.path('runs', runId, 'run.json'));
    if (!run) throw Failure.configuration(`${this.address} has no run '${runId}'`);
    return run;
  }

  private write(model: string, file: ModelFile): Promise<void> {
    return writeFilesAtomically(new Map([[this.path('models', `${model}.json`), json(file)]]));
  }

  private writeRun(runId: string, run: RunFile): Promise<void> {
    return writeFilesAtomically(new Map([[this.path('runs', runId, 'run.json'), json(run)]]));
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
