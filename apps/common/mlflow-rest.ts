import { readFile } from 'node:fs/promises';
import { type Readable } from 'node:stream';
import { Failure, messageOf } from './failure';
import { ask, askForStream, type HttpAnswer, type HttpRequest, type Patience } from './http';

/** How the tracking server is reached; names of the variables are MLflow's own. */
export interface MlflowOptions {
  readonly trackingUri: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly patience?: Patience;
  readonly signal?: AbortSignal;
}

const API = '/api/2.0/mlflow';
const HOST_CHECK = /Invalid Host header/i;

/**
 * Requests to MLflow's REST API, with what its answers mean.
 *
 * @see https://mlflow.org/docs/latest/api_reference/rest-api.html
 */
export class MlflowRest {
  private authority: Promise<string> | undefined;

  constructor(private readonly options: MlflowOptions) {}

  /** The server's address, without a slash at its end. */
  public get address(): string {
    return this.options.trackingUri.replace(/\/+$/, '');
  }

  /** A GET of the API. */
  public read(endpoint: string, query: Readonly<Record<string, string>>): Promise<HttpAnswer> {
    return this.send(`${API}/${endpoint}?${new URLSearchParams(query).toString()}`, {});
  }

  /** A request with a JSON body. */
  public async write(method: 'POST' | 'PATCH' | 'DELETE', endpoint: string, body: object): Promise<HttpAnswer> {
    const request = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await this.send(`${API}/${endpoint}`, request);
    // Two that write the same row at the same time: the second finds it there when it asks again.
    return isCollision(answer) ? this.send(`${API}/${endpoint}`, request) : answer;
  }

  /** Any other request, by its path. */
  public async send(path: string, request: HttpRequest): Promise<HttpAnswer> {
    const { signal, patience } = this.options;
    const headers = { ...this.authorization(), ...request.headers };
    const ca = await this.certificates();
    return ask(`${this.address}${path}`, { ...request, headers, ca, signal }, patience);
  }

  /** A GET whose answer may be large. */
  public async stream(path: string, what: string): Promise<Readable> {
    const { signal, patience } = this.options;
    const request = { headers: this.authorization(), ca: await this.certificates(), signal };
    const { status, body } = await askForStream(`${this.address}${path}`, request, patience);
    if (status === 200) return body;
    body.setEncoding('utf8');
    let text = '';
    for await (const chunk of body) text += String(chunk).slice(0, 1_000);
    this.checked({ status, text }, what);
    return body;
  }

  /**
   * The answer's JSON.
   *
   * @throws Failure that says what was refused, or that this is no tracking server
   */
  public json<T extends object>(answer: HttpAnswer, what: string): T {
    const { text } = this.checked(answer, what);
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as T;
    } catch {
      // The answer is some page.
    }
    throw this.stranger(answer, what);
  }

  /** What is thrown at an answer that MLflow would not give. */
  public stranger({ text }: HttpAnswer, what: string): Failure {
    return Failure.unreachable(
      `${this.options.trackingUri} is not a tracking server: got '${text.slice(0, 80)}' for ${what}`,
    );
  }

  /** Authorities that are trusted instead of the system's, where MLflow's own variable names a file. */
  private async certificates(): Promise<string | undefined> {
    const path = this.options.env.MLFLOW_TRACKING_SERVER_CERT_PATH;
    if (!path) return undefined;
    return (this.authority ??= readFile(path, 'utf8').catch((error: unknown) => {
      throw Failure.configuration(`cannot read MLFLOW_TRACKING_SERVER_CERT_PATH: ${messageOf(error)}`);
    }));
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

  /** @throws Failure unless the answer is a success */
  public checked(answer: HttpAnswer, what: string): HttpAnswer {
    const { status, text } = answer;
    if (status === 200) return answer;
    const at = `the tracking server ${this.options.trackingUri}`;
    if (status === 403 && !isForbidden(answer)) {
      throw Failure.configuration(
        `${at} refuses its own name (Invalid Host header): add the name, with port, to its --allowed-hosts`,
      );
    }
    if (status === 401 || status === 403) {
      throw Failure.configuration(
        `${at} refuses to tell ${what} (${status}): check MLFLOW_TRACKING_TOKEN (or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD) and the permissions that come with it`,
      );
    }
    const message = `${at} answered ${status} for ${what}: ${text.slice(0, 200)}`;
    throw status >= 500 || status === 429 ? Failure.unreachable(message) : Failure.configuration(message);
  }
}

/** Not any 404: one of another server, or of another path, says nothing of models. */
export function doesNotExist({ status, text }: HttpAnswer): boolean {
  return status === 404 && text.includes('RESOURCE_DOES_NOT_EXIST');
}

/** Permissions are missing; a server that does not like the name that it is called by also says 403. */
export function isForbidden({ status, text }: HttpAnswer): boolean {
  return status === 403 && !HOST_CHECK.test(text);
}

const isCollision = ({ status, text }: HttpAnswer): boolean =>
  status === 400 && /IntegrityError|UNIQUE constraint/.test(text);

/** What was to be created is there already: stores answer 400 or 409. */
export function exists({ status, text }: HttpAnswer): boolean {
  return status >= 400 && status < 500 && text.includes('RESOURCE_ALREADY_EXISTS');
}
