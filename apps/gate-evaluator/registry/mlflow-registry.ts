import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../common/failure';
import { type HttpAnswer } from '../../common/http';
import { isUnknownAlias, MlflowClient, type RawVersion, toVersion } from '../../common/mlflow';
import { doesNotExist, type MlflowOptions, MlflowRest } from '../../common/mlflow-rest';
import { type MetricValues } from '../gates/metric-values';
import { LOCK_SECONDS, type LockAnswer, type NewVersion, type RegisteredVersion, type Registry } from './registry';

interface RawTag {
  readonly key: string;
  readonly value: string;
}

interface RawRun {
  readonly info: { readonly run_id: string; readonly artifact_uri: string };
  readonly data: { readonly metrics?: readonly { readonly key: string; readonly value: number | string }[] };
}

/** Runs of the loop are found by it: names of runs are not unique in MLflow. */
const RUN_TAG = 'cdk8s-mlops.run';
/** Who holds a lock. */
const OWNER_TAG = 'cdk8s-mlops.owner';
const PAGE = '1000';

/** MLflow's model registry, which has neither transactions nor compare-and-swap. */
export class MlflowRegistry implements Registry {
  private readonly rest: MlflowRest;
  private readonly client: MlflowClient;

  constructor(options: MlflowOptions) {
    this.client = new MlflowClient(options);
    this.rest = new MlflowRest(options);
  }

  public get address(): string {
    return this.rest.address;
  }

  public version(model: string, version: string): Promise<RegisteredVersion | undefined> {
    return this.client.version(model, version);
  }

  public versionByAlias(model: string, alias: string): Promise<RegisteredVersion | undefined> {
    return this.client.versionByAlias(model, alias);
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

  public async metrics(runId: string): Promise<MetricValues> {
    const { data } = await this.rawRun(runId);
    // NaN and the infinities arrive as text.
    return Object.fromEntries((data.metrics ?? []).map(({ key, value }) => [key, Number(value)]));
  }

  public async createVersion(model: string, { source, runId, tags }: NewVersion): Promise<RegisteredVersion> {
    await this.ensureModel(model);
    // A command that was killed after this request must not make a second version of the same run.
    const existing = (await this.versions(model)).find((each) => each.runId === runId && each.source === source);
    if (existing) return existing;
    const body = { name: model, source, run_id: runId, tags: toTags(tags) };
    const answer = await this.rest.write('POST', 'model-versions/create', body);
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

  public async run(model: string, name: string, tags: Readonly<Record<string, string>>): Promise<string> {
    const experiment = await this.experiment(model);
    const filter = `tags."${RUN_TAG}" = '${name.replaceAll("'", "\\'")}'`;
    const search = await this.rest.write('POST', 'runs/search', {
      experiment_ids: [experiment],
      filter,
      max_results: 1,
    });
    const { runs = [] } = this.rest.json<{ runs?: RawRun[] }>(search, `the runs of '${model}'`);
    const all = { ...tags, [RUN_TAG]: name };
    if (runs[0]) {
      const runId = runs[0].info.run_id;
      const batch = await this.rest.write('POST', 'runs/log-batch', { run_id: runId, tags: toTags(all) });
      this.rest.checked(batch, `tags of run '${name}'`);
      return runId;
    }
    const body = { experiment_id: experiment, run_name: name, start_time: Date.now(), tags: toTags(all) };
    const { run } = this.rest.json<{ run: RawRun }>(
      await this.rest.write('POST', 'runs/create', body),
      `a run '${name}'`,
    );
    return run.info.run_id;
  }

  public async logMetrics(runId: string, metrics: MetricValues): Promise<void> {
    const timestamp = Date.now();
    const values = Object.entries(metrics).map(([key, value]) => ({
      key,
      value: Number.isFinite(value) ? value : String(value),
      timestamp,
      step: 0,
    }));
    this.rest.checked(
      await this.rest.write('POST', 'runs/log-batch', { run_id: runId, metrics: values }),
      `metrics of run ${runId}`,
    );
  }

  public artifact(runId: string, path: string): Promise<string | undefined> {
    return this.client.artifact(runId, path);
  }

  public async putArtifact(runId: string, path: string, content: string): Promise<void> {
    const { info } = await this.rawRun(runId);
    const folder = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(info.artifact_uri)?.[1];
    if (folder === undefined) {
      throw Failure.configuration(
        `the tracking server ${this.address} keeps artifacts at '${info.artifact_uri}', which only a client with access to it can write: start the server with --serve-artifacts and --artifacts-destination`,
      );
    }
    const target = `${folder}/${path}`.split('/').map(encodeURIComponent).join('/');
    const answer = await this.rest.send(`/api/2.0/mlflow-artifacts/artifacts/${target}`, {
      method: 'PUT',
      body: content,
    });
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

  /**
   * The name of a registered model is the one thing that MLflow creates only once, whoever asks at the same time: a model of the
   * lock's name is there while the lock is held.
   */
  public async lock(model: string, owner: string): Promise<LockAnswer> {
    const name = lockName(model);
    for (;;) {
      const created = await this.rest.write('POST', 'registered-models/create', {
        name,
        tags: toTags({ [OWNER_TAG]: owner }),
      });
      if (!exists(created)) {
        this.rest.checked(created, `the lock '${name}'`);
        return { taken: true };
      }
      const answer = await this.rest.read('registered-models/get', { name });
      if (doesNotExist(answer)) continue;
      const { registered_model: held } = this.rest.json<{
        registered_model: { creation_timestamp: string | number; tags?: RawTag[] };
      }>(answer, `the lock '${name}'`);
      const holder = held.tags?.find(({ key }) => key === OWNER_TAG)?.value ?? 'somebody';
      if (holder === owner) return { taken: true };
      const since = new Date(Number(held.creation_timestamp));
      if (Date.now() - since.getTime() < LOCK_SECONDS * 1000) return { taken: false, owner: holder, since };
      await this.remove(name);
    }
  }

  public async unlock(model: string, owner: string): Promise<void> {
    const answer = await this.rest.read('registered-models/get', { name: lockName(model) });
    if (doesNotExist(answer)) return;
    const { registered_model: held } = this.rest.json<{ registered_model: { tags?: RawTag[] } }>(
      answer,
      `the lock of '${model}'`,
    );
    if (held.tags?.some(({ key, value }) => key === OWNER_TAG && value === owner)) await this.remove(lockName(model));
  }

  private async remove(name: string): Promise<void> {
    const answer = await this.rest.write('DELETE', 'registered-models/delete', { name });
    if (!doesNotExist(answer)) this.rest.checked(answer, `the lock '${name}'`);
  }

  private async ensureModel(model: string): Promise<void> {
    const answer = await this.rest.write('POST', 'registered-models/create', { name: model });
    if (!exists(answer)) this.rest.checked(answer, `the model '${model}'`);
  }

  private async experiment(name: string): Promise<string> {
    for (;;) {
      const found = await this.rest.read('experiments/get-by-name', { experiment_name: name });
      if (!doesNotExist(found)) {
        return this.rest.json<{ experiment: { experiment_id: string } }>(found, `the experiment '${name}'`).experiment
          .experiment_id;
      }
      const created = await this.rest.write('POST', 'experiments/create', { name });
      if (!exists(created))
        return this.rest.json<{ experiment_id: string }>(created, `the experiment '${name}'`).experiment_id;
    }
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

/** Stores answer 400 or 409. */
const exists = ({ status, text }: HttpAnswer): boolean =>
  status >= 400 && status < 500 && text.includes('RESOURCE_ALREADY_EXISTS');
