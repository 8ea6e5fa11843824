import { readFile } from 'node:fs/promises';
import { Failure, messageOf } from './failure';
import { ask, type HttpAnswer, type Patience } from './http';

/** Where the kubelet mounts a pod's identity. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What the body of a request is; a PATCH is a server-side apply, and JSON is YAML. */
const CONTENT_TYPES = {
  GET: 'application/json',
  POST: 'application/json',
  DELETE: 'application/json',
  PATCH: 'application/apply-patch+yaml',
} as const;

/** How the API server is reached. */
export interface KubernetesOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Directory with `token` and `ca.crt`.
   *
   * @default /var/run/secrets/kubernetes.io/serviceaccount
   */
  readonly serviceAccount?: string;
  /**
   * What to do where there is no pod.
   *
   * @default use --dry-run elsewhere
   */
  readonly elsewhere?: string;
  readonly patience?: Patience;
  readonly signal?: AbortSignal;
}

/** How an object is applied. */
export interface ApplyOptions {
  readonly fieldManager: string;
  /** Whether fields are taken from other managers. */
  readonly force?: boolean;
}

/** The few calls that the loop makes, with the pod's own identity and least privilege. */
export class KubernetesClient {
  constructor(private readonly options: KubernetesOptions) {}

  /** An object; `undefined` when there is none. */
  public async get<T>(path: string): Promise<T | undefined> {
    const answer = await this.request('GET', path);
    if (answer.status === 404 && !isUnknownKind(answer)) return undefined;
    return this.checked<T>(answer, 'get', path);
  }

  /** Creates an object; `false` when one of that name exists already. */
  public async create(path: string, object: object): Promise<boolean> {
    const answer = await this.request('POST', path, object);
    // A conflict may also be one over a quota, which passes.
    if (answer.status === 409 && objectOf<Status>(answer)?.reason === 'AlreadyExists') return false;
    this.checked(answer, 'create', path);
    return true;
  }

  /**
   * Applies an object by server-side apply: what it does not name any more, and no other manager wants, is removed.
   *
   * @returns undefined when somebody changed the object since its `metadata.resourceVersion`
   */
  public async apply<T>(
    path: string,
    object: object,
    { fieldManager, force = false }: ApplyOptions,
  ): Promise<T | undefined> {
    const query = new URLSearchParams({ fieldManager, force: String(force) });
    const answer = await this.request('PATCH', `${path}?${query.toString()}`, object);
    return answer.status === 409 ? undefined : this.checked<T>(answer, 'patch', path);
  }

  /** Deletes an object, and in the background what belongs to it; `false` when there is none. */
  public async delete(path: string): Promise<boolean> {
    const answer = await this.request('DELETE', `${path}?propagationPolicy=Background`);
    if (answer.status === 404 && !isUnknownKind(answer)) return false;
    this.checked(answer, 'delete', path);
    return true;
  }

  private async request(method: keyof typeof CONTENT_TYPES, path: string, body?: object): Promise<HttpAnswer> {
    const { env, patience, signal, elsewhere = 'use --dry-run elsewhere' } = this.options;
    const host = env.KUBERNETES_SERVICE_HOST;
    if (!host) {
      throw Failure.configuration(
        `KUBERNETES_SERVICE_HOST is not set: only a pod can reach the Kubernetes API; ${elsewhere}`,
      );
    }
    const port = env.KUBERNETES_SERVICE_PORT ?? '443';
    // Tokens are short-lived and rotated on disk, so each request reads its own.
    const [token, ca] = await Promise.all([this.mounted('token'), this.mounted('ca.crt')]);
    const address = `https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
    return ask(
      address,
      {
        method,
        ca,
        headers: {
          authorization: `Bearer ${token.trim()}`,
          accept: 'application/json',
          'content-type': CONTENT_TYPES[method],
        },
        body: body && JSON.stringify(body),
        signal,
      },
      patience,
    );
  }

  private mounted(file: string): Promise<string> {
    const path = `${this.options.serviceAccount ?? SERVICE_ACCOUNT}/${file}`;
    return readFile(path, 'utf8').catch((error: unknown) => {
      throw Failure.configuration(
        `cannot read the service account's ${file}: ${messageOf(error)}; the pod needs automountServiceAccountToken`,
      );
    });
  }

  private checked<T>(answer: HttpAnswer, verb: string, path: string): T {
    const { status, text } = answer;
    const said = objectOf<Status>(answer)?.message ?? text.slice(0, 200);
    if (status >= 200 && status < 300) {
      const object = objectOf<T>(answer);
      if (object) return object;
      throw Failure.unreachable(`what answers ${verb} ${path} is not an API server: got '${said.slice(0, 80)}'`);
    }
    if (status === 401)
      throw Failure.configuration(`the API server does not accept the service account's token (401): ${said}`);
    if (status === 403)
      throw Failure.configuration(
        `the service account may not ${verb} ${path} (403): ${said}; its Role is missing or not bound`,
      );
    if (status === 404)
      throw Failure.configuration(
        `${verb} ${path}: not found (404): ${said}; is the operator's CRD installed, and the namespace right?`,
      );
    if (status === 422 || status === 400)
      throw Failure.configuration(`the API server refuses the object (${status}): ${said}`);
    throw Failure.unreachable(`the API server answered ${status} to ${verb} ${path}: ${said}`);
  }
}

/** A 404 for the whole kind carries no name of an object. */
function isUnknownKind(answer: HttpAnswer): boolean {
  return objectOf<Status>(answer)?.details?.name === undefined;
}

/** What the API server says of a request that failed. */
interface Status {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly name?: string };
}

/** The object of an answer; `undefined` when it is none, as a proxy's page. */
function objectOf<T>({ text }: HttpAnswer): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
