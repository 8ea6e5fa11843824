import { MLFLOW_ALIASES } from 'cdk8s-mlops/contract';
import { Failure } from './failure';
import { ask, type HttpAnswer, type Patience } from './http';

/** A version of a registered model. */
export interface ModelVersion {
  /** A number, as text. */
  readonly version: string;
  readonly runId?: string;
  /** Address that the version was registered with. */
  readonly source?: string;
  /** When it was registered. */
  readonly createdAt: Date;
  readonly tags: Readonly<Record<string, string>>;
}

/** How the tracking server is reached; names of the variables are MLflow's own. */
export interface MlflowOptions {
  readonly trackingUri: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly patience?: Patience;
  readonly signal?: AbortSignal;
}

interface RawVersion {
  readonly version: string | number;
  readonly run_id?: string;
  readonly source?: string;
  /** 64-bit numbers may arrive as text. */
  readonly creation_timestamp: string | number;
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
}

const API = '/api/2.0/mlflow';
const HOST_CHECK = /Invalid Host header/i;

/**
 * The parts of MLflow's REST API that the loop reads.
 *
 * @see https://mlflow.org/docs/latest/api_reference/rest-api.html
 */
export class MlflowClient {
  constructor(private readonly options: MlflowOptions) {}

  /** The version that an alias names; `undefined` when there is no such alias, or no such model yet. */
  public async versionByAlias(
    model: string,
    alias: string = MLFLOW_ALIASES.champion,
  ): Promise<ModelVersion | undefined> {
    const query = new URLSearchParams({ name: model, alias });
    const answer = await this.get(`${API}/registered-models/alias?${query.toString()}`);
    // Stores differ: an unknown alias is INVALID_PARAMETER_VALUE (400) in most, RESOURCE_DOES_NOT_EXIST (404) in others.
    if (doesNotExist(answer) || (answer.status === 400 && /not found/i.test(answer.text))) return undefined;
    return this.modelVersion(answer, `the version '${model}@${alias}'`);
  }

  /** A version by its number; `undefined` when there is none. */
  public async version(model: string, version: string): Promise<ModelVersion | undefined> {
    const query = new URLSearchParams({ name: model, version });
    const answer = await this.get(`${API}/model-versions/get?${query.toString()}`);
    if (doesNotExist(answer)) return undefined;
    return this.modelVersion(answer, `version ${version} of '${model}'`);
  }

  /** The version that was registered last; `undefined` when there is none. */
  public async newestVersion(model: string): Promise<ModelVersion | undefined> {
    const filter = `name='${model}'`;
    const query = new URLSearchParams({ filter, max_results: '1', order_by: 'creation_timestamp DESC' });
    const answer = await this.get(`${API}/model-versions/search?${query.toString()}`);
    if (doesNotExist(answer)) return undefined;
    const { model_versions: found = [] } = this.json<{ model_versions?: RawVersion[] }>(
      answer,
      `the versions of '${model}'`,
    );
    return found[0] && toVersion(found[0]);
  }

  /** A text among the artifacts of a version's run; `undefined` when the run has no such artifact. */
  public async artifact(version: ModelVersion, path: string): Promise<string | undefined> {
    if (version.runId === undefined) return undefined;
    const query = new URLSearchParams({ run_uuid: version.runId, path });
    const answer = await this.get(`/get-artifact?${query.toString()}`);
    // Servers on a file store answer 500 for a file that is not there; proxying ones 404.
    if (answer.status === 404 || (answer.status === 500 && /no such file|not found|does not exist/i.test(answer.text)))
      return undefined;
    return this.checked(answer, `the artifact '${path}' of run ${version.runId}`).text;
  }

  private get(path: string): Promise<HttpAnswer> {
    const { trackingUri, patience, signal } = this.options;
    return ask(`${trackingUri.replace(/\/+$/, '')}${path}`, { headers: this.authorization(), signal }, patience);
  }

  /** As MLflow's own clients: a token wins over a user and password. */
  private authorization(): Record<string, string> {
    const {
      MLFLOW_TRACKING_TOKEN: token,
      MLFLOW_TRACKING_USERNAME: user,
      MLFLOW_TRACKING_PASSWORD: password,
    } = this.options.env;
    if (token) return { authorization: `Bearer ${token}` };
    if (user) return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` };
    return {};
  }

  private modelVersion(answer: HttpAnswer, what: string): ModelVersion {
    const { model_version: version } = this.json<{ model_version?: RawVersion }>(answer, what);
    if (!version) throw this.stranger(answer, what);
    return toVersion(version);
  }

  private json<T extends object>(answer: HttpAnswer, what: string): T {
    const { text } = this.checked(answer, what);
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as T;
    } catch {
      // The answer is some page.
    }
    throw this.stranger(answer, what);
  }

  private stranger({ text }: HttpAnswer, what: string): Failure {
    return Failure.unreachable(
      `${this.options.trackingUri} is not a tracking server: got '${text.slice(0, 80)}' for ${what}`,
    );
  }

  private checked(answer: HttpAnswer, what: string): HttpAnswer {
    const { status, text } = answer;
    if (status === 200) return answer;
    const at = `the tracking server ${this.options.trackingUri}`;
    if (status === 403 && HOST_CHECK.test(text)) {
      throw Failure.configuration(
        `${at} refuses its own name (Invalid Host header): add the name, with port, to its --allowed-hosts`,
      );
    }
    if (status === 401 || status === 403) {
      throw Failure.configuration(
        `${at} refuses to tell ${what} (${status}): check MLFLOW_TRACKING_TOKEN and its permissions`,
      );
    }
    const message = `${at} answered ${status} for ${what}: ${text.slice(0, 200)}`;
    throw status >= 500 || status === 429 ? Failure.unreachable(message) : Failure.configuration(message);
  }
}

/** Not any 404: one of another server, or of another path, says nothing of models. */
function doesNotExist({ status, text }: HttpAnswer): boolean {
  return status === 404 && text.includes('RESOURCE_DOES_NOT_EXIST');
}

function toVersion(raw: RawVersion): ModelVersion {
  return {
    version: String(raw.version),
    runId: raw.run_id === '' ? undefined : raw.run_id,
    source: raw.source,
    createdAt: new Date(Number(raw.creation_timestamp)),
    tags: Object.fromEntries((raw.tags ?? []).map(({ key, value }) => [key, value])),
  };
}
