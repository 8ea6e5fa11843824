import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_CODES } from 'cdk8s-mlops/contract';
import { type ArtifactFile } from '../../common/artifact-files';
import { Failure } from '../../common/failure';
import { type HttpAnswer, type Patience } from '../../common/http';
import { isUnknownAlias, MlflowClient, type RawVersion, toVersion } from '../../common/mlflow';
import { doesNotExist, exists, type MlflowOptions, MlflowRest } from '../../common/mlflow-rest';
import { proxiedPath, proxyEndpoint, resolveMlflowArtifact } from './mlflow-artifact-files';
import { releaseLock, takeLock } from './mlflow-lock';
import {
  type Dataset,
  type LockAnswer,
  type NewVersion,
  type RegisteredVersion,
  type Registry,
  type RunData,
  type RunEntry,
} from './registry';

interface RawTag {
  readonly key: string;
  readonly value: string;
}

interface RawRun {
  readonly info: { readonly run_id: string; readonly artifact_uri: string };
  readonly data: {
    readonly metrics?: readonly { readonly key: string; readonly value: number | string }[];
    readonly tags?: readonly RawTag[];
  };
}

/** Runs of the loop are found by it: names of runs are not unique in MLflow. */
const RUN_TAG = 'cdk8s-mlops.run';
const PAGE = '1000';
/** How often a version is asked for that may have been created. */
const CREATE_PATIENCE: Patience = { attempts: 5, backoffMs: 500, timeoutMs: 30_000 };
/** Most entries of each kind that MLflow takes in one request. */
const BATCH = { metrics: 1000, params: 100, tags: 100 };

/** MLflow's model registry, which has neither transactions nor compare-and-swap. */
export class MlflowRegistry implements Registry {
  private readonly rest: MlflowRest;
  private readonly client: MlflowClient;
  /** Where runs keep their artifacts, which never changes. */
  private readonly folders = new Map<string, string>();

  /** For the one request that is not named, and so must not be repeated before it was looked what became of it. */
  private readonly once: MlflowRest;
  private readonly patience: Patience;

  constructor(private readonly options: MlflowOptions) {
    this.client = new MlflowClient(options);
    this.rest = new MlflowRest(options);
    this.patience = options.patience ?? CREATE_PATIENCE;
    this.once = new MlflowRest({ ...options, patience: { ...this.patience, attempts: 1 } });
  }

  public get address(): string {
    return this.rest.address;
  }

  public version(model: string, version: string): Promise<RegisteredVersion | undefined> {
    return this.client.version(model, version);
  }

  public versionByAlias(model: string, alias: string): Promise<RegisteredVersion | undefined> {
    // Where permissions are given by name, a server forbids to look at a model that nobody has made yet: whoever makes it owns it.
    return this.client.versionByAlias(model, alias, async () => {
      const created = await this.createModel(model);
      return created.status === 200;
    });
  }

  public async versions(model: string): Promise<RegisteredVersion[]> {
    const found: RegisteredVersion[] = [];
    for (let token = ''; ;) {
      const filter = `name='${model.replaceAll("'", "\\'")}'`;
      const answer = await this.rest.read('model-versions/search', {
        filter,
        max_results: PAGE,
        ...(token && { page_token: token }),
      });
      if (doesNotExist(answer)) return [];
      const page = this.rest.json<{ model_versions?: RawVersion[]; next_page_token?: string }>(
        answer,
        `the versions of '${model}'`,
      );
      found.push(...(page.model_versions ?? []).map(toVersion));
      token = page.next_page_token ?? '';
      if (token === '') return found.sort((a, b) => Number(b.version) - Number(a.version));
    }
  }

  public async runData(runId: string): Promise<RunData> {
    const { data } = await this.rawRun(runId);
    return {
      // NaN and the infinities arrive as text.
      metrics: Object.fromEntries((data.metrics ?? []).map(({ key, value }) => [key, Number(value)])),
      tags: Object.fromEntries((data.tags ?? []).map(({ key, value }) => [key, value])),
    };
  }

  public async createVersion(model: string, { source, runId, tags }: NewVersion): Promise<RegisteredVersion> {
    await this.ensureModel(model);
    const body = { name: model, source, run_id: runId, tags: toTags(tags) };
    for (let attempt = 1; ; attempt++) {
      // A request whose answer was lost must not make a second version of the same run, nor a command that was killed after it.
      const existing = (await this.versions(model)).find((each) => each.runId === runId && each.source === source);
      if (existing) return this.untilReady(model, existing);
      const last = attempt === this.patience.attempts;
      const answer = await this.once.write('POST', 'model-versions/create', body).catch((error: unknown) => {
        if (last || !(error instanceof Failure) || error.exitCode !== EXIT_CODES.unreachable) throw error;
        return undefined;
      });
      if (answer && (last || (answer.status !== 429 && answer.status < 500)))
        return this.created(model, source, answer);
      await sleep(this.patience.backoffMs * 2 ** (attempt - 1), undefined, { signal: this.options.signal });
    }
  }

  /** @throws Failure when no version was created */
  private async created(model: string, source: string, answer: HttpAnswer): Promise<RegisteredVersion> {
    if (answer.status === 400 && /Invalid model version source/i.test(answer.text) && !/^s3:/.test(source)) {
      throw Failure.configuration(
        `${this.address} takes no version whose artifact lies at '${source}': name a folder of an object store with --store, for example s3://models/${model}`,
      );
    }
    const { model_version: created } = this.rest.json<{ model_version: RawVersion }>(
      answer,
      `a new version of '${model}'`,
    );
    return this.untilReady(model, toVersion(created));
  }

  public async setVersionTag(model: string, version: string, key: string, value: string): Promise<void> {
    const answer = await this.rest.write('POST', 'model-versions/set-tag', { name: model, version, key, value });
    this.rest.checked(answer, `tag '${key}' of version ${version} of '${model}'`);
  }

  public async setAlias(model: string, alias: string, version: string): Promise<void> {
    const answer = await this.rest.write('POST', 'registered-models/alias', { name: model, alias, version });
    this.rest.checked(answer, `alias '${alias}' of '${model}'`);
  }

  public async deleteAlias(model: string, alias: string): Promise<void> {
    const answer = await this.rest.write('DELETE', 'registered-models/alias', { name: model, alias });
    if (isUnknownAlias(answer)) return;
    this.rest.checked(answer, `alias '${alias}' of '${model}'`);
  }

  public async findRun(model: string, name: string): Promise<string | undefined> {
    const experiment = await this.findExperiment(model);
    return experiment === undefined ? undefined : this.runOf(experiment, name);
  }

  public async run(model: string, name: string, tags: Readonly<Record<string, string>>): Promise<string> {
    const experiment = await this.experiment(model);
    const all = { ...tags, [RUN_TAG]: name };
    const found = await this.runOf(experiment, name);
    if (found !== undefined) {
      if (Object.keys(tags).length > 0) await this.logRun(found, { tags });
      return found;
    }
    const body = { experiment_id: experiment, run_name: name, start_time: Date.now(), tags: toTags(all) };
    const { run } = this.rest.json<{ run: RawRun }>(
      await this.rest.write('POST', 'runs/create', body),
      `a run '${name}'`,
    );
    // Nothing of ours keeps it running: what is logged is logged by commands that come and go.
    const update = { run_id: run.info.run_id, status: 'FINISHED', end_time: Date.now() };
    this.rest.checked(await this.rest.write('POST', 'runs/update', update), `run '${name}'`);
    return run.info.run_id;
  }

  public async logRun(runId: string, { metrics = {}, parameters = {}, tags = {} }: RunEntry): Promise<void> {
    const timestamp = Date.now();
    const values = Object.entries(metrics).map(([key, value]) => ({
      key,
      value: Number.isFinite(value) ? value : String(value),
      timestamp,
      step: 0,
    }));
    const all: [keyof typeof BATCH, readonly object[]][] = [
      ['metrics', values],
      ['params', toTags(parameters)],
      ['tags', toTags(tags)],
    ];
    for (const [kind, entries] of all) {
      for (let at = 0; at < entries.length; at += BATCH[kind]) {
        const body = { run_id: runId, [kind]: entries.slice(at, at + BATCH[kind]) };
        this.rest.checked(await this.rest.write('POST', 'runs/log-batch', body), `${kind} of run ${runId}`);
      }
    }
  }

  public async logDataset(runId: string, { name, uri, digest }: Dataset): Promise<void> {
    const source = JSON.stringify({ uri });
    // MLflow's digests have 36 characters at most; the whole one is a tag of the version.
    const dataset = { name, digest: digest.replace(/^sha256:/, '').slice(0, 36), source_type: 'uri', source };
    const tags = [{ key: 'mlflow.data.context', value: 'training' }];
    const answer = await this.rest.write('POST', 'runs/log-inputs', { run_id: runId, datasets: [{ dataset, tags }] });
    this.rest.checked(answer, `the data set of run ${runId}`);
  }

  public artifactAt(uri: string): Promise<readonly ArtifactFile[] | string> {
    return resolveMlflowArtifact(this.rest, uri);
  }

  public artifact(runId: string, path: string): Promise<string | undefined> {
    return this.client.artifact(runId, path);
  }

  public async putArtifact(runId: string, path: string, content: string): Promise<void> {
    const folder = this.folders.get(runId) ?? (await this.artifactFolder(runId));
    const answer = await this.rest.send(proxyEndpoint(`${folder}/${path}`), { method: 'PUT', body: content });
    this.rest.checked(answer, `the artifact '${path}' of run ${runId}`);
  }

  public async artifacts(runId: string, folder: string): Promise<string[]> {
    const answer = await this.rest.read('artifacts/list', { run_id: runId, path: folder });
    const { files = [] } = this.rest.json<{ files?: { path: string; is_dir?: boolean }[] }>(
      answer,
      `the artifacts of run ${runId}`,
    );
    return files
      .filter(({ is_dir: directory }) => !directory)
      .map(({ path }) => path)
      .sort();
  }

  public lock(model: string, owner: string): Promise<LockAnswer> {
    return takeLock(this.rest, lockName(model), owner);
  }

  public unlock(model: string, owner: string): Promise<void> {
    return releaseLock(this.rest, lockName(model), owner);
  }

  private async ensureModel(model: string): Promise<void> {
    const answer = await this.createModel(model);
    if (!exists(answer)) this.rest.checked(answer, `the model '${model}'`);
  }

  private createModel(name: string): Promise<HttpAnswer> {
    return this.rest.write('POST', 'registered-models/create', { name });
  }

  private async runOf(experiment: string, name: string): Promise<string | undefined> {
    const filter = `tags."${RUN_TAG}" = '${name.replaceAll("'", "\\'")}'`;
    const query = { experiment_ids: [experiment], filter, max_results: 1 };
    const search = await this.rest.write('POST', 'runs/search', query);
    const { runs = [] } = this.rest.json<{ runs?: RawRun[] }>(search, `the run '${name}'`);
    return runs[0]?.info.run_id;
  }

  private async findExperiment(name: string): Promise<string | undefined> {
    const answer = await this.rest.read('experiments/get-by-name', { experiment_name: name });
    if (doesNotExist(answer)) return undefined;
    return this.rest.json<{ experiment: { experiment_id: string } }>(answer, `the experiment '${name}'`).experiment
      .experiment_id;
  }

  private async experiment(name: string): Promise<string> {
    for (;;) {
      const found = await this.findExperiment(name);
      if (found !== undefined) return found;
      const created = await this.rest.write('POST', 'experiments/create', { name });
      if (!exists(created))
        return this.rest.json<{ experiment_id: string }>(created, `the experiment '${name}'`).experiment_id;
    }
  }

  private async artifactFolder(runId: string): Promise<string> {
    const { info } = await this.rawRun(runId);
    const folder = proxiedPath(info.artifact_uri);
    if (folder === undefined) {
      throw Failure.configuration(
        `the tracking server ${this.address} keeps artifacts at '${info.artifact_uri}', which only a client with access to it can write: start the server with --serve-artifacts and --artifacts-destination`,
      );
    }
    this.folders.set(runId, folder);
    return folder;
  }

  private async rawRun(runId: string): Promise<RawRun> {
    const answer = await this.rest.read('runs/get', { run_id: runId });
    if (doesNotExist(answer)) throw Failure.configuration(`the tracking server ${this.address} has no run '${runId}'`);
    return this.rest.json<{ run: RawRun }>(answer, `run ${runId}`).run;
  }

  private async untilReady(model: string, created: RegisteredVersion): Promise<RegisteredVersion> {
    for (let attempt = 0; attempt < 60; attempt++) {
      const found = await this.version(model, created.version);
      if (found?.ready) return found;
      await sleep(500);
    }
    throw Failure.unreachable(
      `version ${created.version} of '${model}' is still pending in ${this.address} after 30 s`,
    );
  }
}

const lockName = (model: string): string => `${model}.lock`;

const toTags = (tags: Readonly<Record<string, string>>): RawTag[] =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));
