import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A request that carried the right token. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly contentType: string;
}

/** What is answered. */
export interface ApiReply {
  readonly status: number;
  readonly body: object;
}

/**
 * What stands between a pod and the API server: TLS by the cluster's own authority, and a bearer token. What it answers is for the
 * test to say, for example by asking a real API server that has neither.
 */
export class KubernetesFront {
  /** Starts it with fresh certificates; needs `openssl`. */
  public static async start(
    answer: (request: ApiRequest) => Promise<ApiReply>,
    host = '127.0.0.1',
  ): Promise<KubernetesFront> {
    const directory = mkdtempSync(join(tmpdir(), 'service-account-'));
    const file = (name: string): string => join(directory, name);
    const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
    const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '1'];
    openssl('req', '-x509', ...key, '-subj', '/CN=cluster', '-keyout', 'ca.key', '-out', 'ca.pem');
    openssl('req', ...key.slice(0, 3), '-subj', '/CN=kubernetes', '-keyout', 'tls.key', '-out', 'tls.csr');
    writeFileSync(file('san'), `subjectAltName=IP:${host}\n`);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'san'];
    openssl('x509', '-req', '-in', 'tls.csr', ...signed, '-out', 'tls.pem');
    mkdirSync(file('mount'), { mode: 0o755 });
    writeFileSync(file('mount/ca.crt'), readFileSync(file('ca.pem')));
    const front = new KubernetesFront(directory, answer, host);
    front.rotateToken('first-token');
    await front.listen();
    return front;
  }

  /** Every request that was let in. */
  public readonly requests: ApiRequest[] = [];

  private readonly server: Server;
  private token = '';

  private constructor(
    private readonly directory: string,
    answer: (request: ApiRequest) => Promise<ApiReply>,
    private readonly host: string,
  ) {
    const tls = { key: readFileSync(join(directory, 'tls.key')), cert: readFileSync(join(directory, 'tls.pem')) };
    this.server = createServer(tls, (incoming, outgoing) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
      incoming.on('end', () => {
        const reply = ({ status, body: content }: ApiReply): void => {
          outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
        };
        if (incoming.headers.authorization !== `Bearer ${this.token}`) {
          reply({ status: 401, body: { kind: 'Status', message: 'Unauthorized' } });
          return;
        }
        const { method = '', url: path = '', headers } = incoming;
        const request = { method, path, body, contentType: headers['content-type'] ?? '' };
        this.requests.push(request);
        answer(request).then(reply, (error: unknown) => reply({ status: 500, body: { message: String(error) } }));
      });
    });
  }

  /** What the kubelet would mount at `/var/run/secrets/kubernetes.io/serviceaccount`. */
  public get serviceAccount(): string {
    return join(this.directory, 'mount');
  }

  /** What the kubelet would set. */
  public get env(): Record<string, string> {
    const { port } = this.server.address() as AddressInfo;
    return { KUBERNETES_SERVICE_HOST: this.host, KUBERNETES_SERVICE_PORT: String(port) };
  }

  /** Replaces the token, on disk and in the server, as the kubelet does. */
  public rotateToken(token: string, mounted = token): void {
    this.token = token;
    writeFileSync(join(this.serviceAccount, 'token'), `${mounted}\n`);
  }

  public async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    rmSync(this.directory, { recursive: true, force: true });
  }

  private listen(): Promise<void> {
    return new Promise((resolve) => this.server.listen(0, this.host, resolve));
  }
}

/** A 404 for an object, as the API server says it. */
export function notFound(resource: string, name: string): ApiReply {
  const message = `${resource} "${name}" not found`;
  return { status: 404, body: { kind: 'Status', code: 404, message, details: { name, kind: resource } } };
}
