import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, Server } from '../integration/server';
import { binary, type Manifest } from './judges';

/** What the API server answered. */
export interface Answer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- an object of any kind, or a Status
  readonly body: any;
}

/** How an object is applied. */
export interface ApplyOptions {
  readonly fieldManager: string;
  /** Whether fields are taken from other managers. */
  readonly force?: boolean;
}

interface CrdList {
  readonly items: readonly {
    readonly spec: { readonly group: string; readonly names: { readonly kind: string; readonly plural: string } };
  }[];
}

/** The real API server for custom resources, on a real etcd, with the CRDs of a directory. */
export class ApiServer {
  /** Starts both. */
  public static async start(crds: string): Promise<ApiServer> {
    const directory = mkdtempSync(join(tmpdir(), 'etcd-'));
    const [client, peer] = [await freePort(), await freePort()];
    const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
    const listen = [
      '--listen-client-urls',
      clientUrl,
      '--advertise-client-urls',
      clientUrl,
      '--listen-peer-urls',
      peerUrl,
    ];
    const etcd = await Server.start('etcd', ['--data-dir', directory, ...listen], {}, `${clientUrl}/health`);
    const child = spawn(binary('apiserver'), ['--etcd', clientUrl, '--crds', crds], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    try {
      const address = await firstLine(child, () => log);
      return await ApiServer.connect(address, etcd, child, directory);
    } catch (error) {
      child.kill();
      await etcd.stop();
      throw error;
    }
  }

  private static async connect(
    address: string,
    etcd: Server,
    child: ChildProcess,
    directory: string,
  ): Promise<ApiServer> {
    const response = await fetch(`${address}/apis/apiextensions.k8s.io/v1/customresourcedefinitions`);
    const { items } = (await response.json()) as CrdList;
    const plurals = new Map(items.map(({ spec }) => [`${spec.group}/${spec.names.kind}`, spec.names.plural]));
    return new ApiServer(address, plurals, etcd, child, directory);
  }

  private constructor(
    /** Where it listens, without TLS or tokens. */
    public readonly address: string,
    private readonly plurals: ReadonlyMap<string, string>,
    private readonly etcd: Server,
    private readonly child: ChildProcess,
    private readonly directory: string,
  ) {}

  /** Whether a CRD defines the kind of an object. */
  public knows(object: Manifest): boolean {
    return this.plurals.has(kindOf(object));
  }

  /** Applies an object by server-side apply; unknown fields are errors. */
  public apply(object: object, { fieldManager, force = false }: ApplyOptions): Promise<Answer> {
    const manifest = object as Manifest;
    const query = new URLSearchParams({ fieldManager, force: String(force), fieldValidation: 'Strict' });
    return this.send(
      'PATCH',
      `${this.path(manifest)}/${manifest.metadata.name}?${query}`,
      object,
      'application/apply-patch+yaml',
    );
  }

  /** Creates an object; one that exists is refused. */
  public create(object: object, fieldManager: string): Promise<Answer> {
    const query = new URLSearchParams({ fieldManager, fieldValidation: 'Strict' });
    return this.send('POST', `${this.path(object as Manifest)}?${query}`, object, 'application/json');
  }

  /** The object as the server has it. */
  public get(object: object): Promise<Answer> {
    const manifest = object as Manifest;
    return this.send('GET', `${this.path(manifest)}/${manifest.metadata.name}`);
  }

  /** Deletes an object. */
  public delete(object: object): Promise<Answer> {
    const manifest = object as Manifest;
    return this.send('DELETE', `${this.path(manifest)}/${manifest.metadata.name}`);
  }

  /** Ends both servers. */
  public async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin?.end();
    await ended;
    await this.etcd.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private path(object: Manifest): string {
    const plural = this.plurals.get(kindOf(object));
    if (plural === undefined) throw new Error(`no CRD defines ${object.apiVersion} ${object.kind}`);
    const { namespace } = object.metadata;
    return `/apis/${object.apiVersion}/${namespace === undefined ? '' : `namespaces/${namespace}/`}${plural}`;
  }

  private async send(method: string, path: string, body?: object, contentType = 'application/json'): Promise<Answer> {
    const response = await fetch(this.address + path, {
      method,
      headers: { 'Content-Type': contentType },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }
}

function kindOf({ apiVersion, kind }: Manifest): string {
  return `${apiVersion.split('/')[0]}/${kind}`;
}

async function firstLine(child: ChildProcess, log: () => string): Promise<string> {
  if (!child.stdout) throw new Error('the API server has no output');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error(`the API server did not start:\n${log().slice(-4000)}`);
}
