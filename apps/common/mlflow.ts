import { MLFLOW_ALIASES } from 'cdk8s-mlops/contract';
import { type HttpAnswer } from './http';
import { doesNotExist, isForbidden, type MlflowOptions, MlflowRest } from './mlflow-rest';

/** A version of a registered model. */
export interface ModelVersion {
  /** A number, as text. */
  readonly version: string;
  readonly runId?: string;
  /** Address that the version was registered with. */
  readonly source?: string;
  /** When it was registered. */
  readonly createdAt: Date;
  /** A version that is still being written can be neither judged nor promoted. */
  readonly ready: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** A version as MLflow's API has it. */
export interface RawVersion {
  readonly version: string | number;
  readonly run_id?: string;
  readonly source?: string;
  readonly status?: string;
  /** 64-bit numbers may arrive as text. */
  readonly creation_timestamp: string | number;
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
}

/**
 * The parts of MLflow's REST API that the loop reads.
 *
 * @see https://mlflow.org/docs/latest/api_reference/rest-api.html
 */
export class MlflowClient {
  private readonly rest: MlflowRest;

  constructor(options: MlflowOptions) {
    this.rest = new MlflowRest(options);
  }

  /**
   * The version that an alias names; `undefined` when there is no such alias, or no such model yet.
   *
   * @param isNew asked where the server forbids to look: whether the model is one that nobody has made yet
   */
  public async versionByAlias(
    model: string,
    alias: string = MLFLOW_ALIASES.champion,
    isNew?: () => Promise<boolean>,
  ): Promise<ModelVersion | undefined> {
    const answer = await this.rest.read('registered-models/alias', { name: model, alias });
    if (isUnknownAlias(answer) || (isForbidden(answer) && (await isNew?.()))) return undefined;
    return this.modelVersion(answer, `the version '${model}@${alias}'`);
  }

  /** A version by its number; `undefined` when there is none. */
  public async version(model: string, version: string): Promise<ModelVersion | undefined> {
    const answer = await this.rest.read('model-versions/get', { name: model, version });
    if (doesNotExist(answer)) return undefined;
    return this.modelVersion(answer, `version ${version} of '${model}'`);
  }

  /** The version that was registered last; `undefined` when there is none. */
  public async newestVersion(model: string): Promise<ModelVersion | undefined> {
    const filter = `name='${model.replaceAll("'", "\\'")}'`;
    const query = { filter, max_results: '1', order_by: 'creation_timestamp DESC' };
    const answer = await this.rest.read('model-versions/search', query);
    if (doesNotExist(answer)) return undefined;
    const { model_versions: found = [] } = this.rest.json<{ model_versions?: RawVersion[] }>(
      answer,
      `the versions of '${model}'`,
    );
    return found[0] && toVersion(found[0]);
  }

  /** A text among the artifacts of a run; `undefined` when it has no such artifact. */
  public async artifact(runId: string | undefined, path: string): Promise<string | undefined> {
    if (runId === undefined) return undefined;
    const query = new URLSearchParams({ run_uuid: runId, path });
    const answer = await this.rest.send(`/get-artifact?${query.toString()}`, {});
    // Servers on a file store answer 500 for a file that is not there; proxying ones 404.
    if (answer.status === 404 || (answer.status === 500 && /no such file|not found|does not exist/i.test(answer.text)))
      return undefined;
    return this.rest.checked(answer, `the artifact '${path}' of run ${runId}`).text;
  }

  private modelVersion(answer: HttpAnswer, what: string): ModelVersion {
    const { model_version: version } = this.rest.json<{ model_version?: RawVersion }>(answer, what);
    if (!version) throw this.rest.stranger(answer, what);
    return toVersion(version);
  }
}

/** Stores differ: an unknown alias is INVALID_PARAMETER_VALUE (400) in most, RESOURCE_DOES_NOT_EXIST (404) in others. */
export function isUnknownAlias(answer: HttpAnswer): boolean {
  return doesNotExist(answer) || (answer.status === 400 && /not found/i.test(answer.text));
}

/** What the loop takes of a version. */
export function toVersion(raw: RawVersion): ModelVersion {
  return {
    version: String(raw.version),
    runId: raw.run_id === '' ? undefined : raw.run_id,
    source: raw.source,
    createdAt: new Date(Number(raw.creation_timestamp)),
    ready: (raw.status ?? 'READY') === 'READY',
    tags: Object.fromEntries((raw.tags ?? []).map(({ key, value }) => [key, value])),
  };
}
