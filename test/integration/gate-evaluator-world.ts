import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type History } from '../../apps/gate-evaluator/why/history';
import { type Ended, Program, type Running } from '../support/program';
import { type MlflowServerOptions, startMlflow, startMoto, storeEnvironment } from './real-servers';
import { type Server } from './server';

/** A call, and what it left for the engine. */
export interface Call extends Ended {
  readonly output: (name: string) => string;
}

/** What a model is in the registry: aliases, the tags of its versions, and the locks that somebody holds. */
export interface ModelState {
  readonly aliases: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly locks: readonly string[];
}

interface Pair {
  readonly key: string;
  readonly value: string;
}

/** An MLflow server, and the bundled program that works with it. */
export class GateWorld {
  public static async start(options: MlflowServerOptions = {}): Promise<GateWorld> {
    const directory = mkdtempSync(join(tmpdir(), 'gate-evaluator-'));
    const program = Program.build('gate-evaluator');
    const { server, url } = await startMlflow(join(directory, 'mlflow'), options);
    return new GateWorld(directory, program, server, url);
  }

  private calls = 0;

  private constructor(
    public readonly directory: string,
    public readonly program: Program,
    private readonly server: Server,
    /** Where MLflow answers. */
    public readonly url: string,
    /** Environment of every call. */
    public readonly env: Record<string, string> = {},
  ) {}

  public at(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file, and says where it is. */
  public file(name: string, text: string | Buffer): string {
    writeFileSync(this.at(name), text);
    return this.at(name);
  }

  /** Starts a call against the server. */
  public start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    return this.program.start(args, { MLFLOW_TRACKING_URI: this.url, OUTPUT_DIR: this.outputs(), ...this.env, ...env });
  }

  public async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Call> {
    const outputs = this.outputs();
    const ended = await this.start(args, { OUTPUT_DIR: outputs, ...env }).ended;
    return { ...ended, output: (name) => readFileSync(join(outputs, name), 'utf8') };
  }

  /** A call that must succeed. */
  public async done(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Call> {
    const call = await this.run(args, env);
    expect({ args, code: call.code, errors: call.errors }).toEqual({ args, code: 0, errors: [] });
    return call;
  }

  /** Asks MLflow's API itself. */
  public async api<T = Record<string, never>>(
    method: 'GET' | 'POST' | 'DELETE',
    endpoint: string,
    body: Readonly<Record<string, unknown>>,
    version = '2.0',
  ): Promise<T> {
    const query = method === 'GET' ? `?${new URLSearchParams(body as Record<string, string>).toString()}` : '';
    const response = await fetch(`${this.url}/api/${version}/mlflow/${endpoint}${query}`, {
      method,
      headers: { 'content-type': 'application/json', ...this.authorization() },
      ...(method !== 'GET' && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${endpoint}: ${response.status} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as T;
  }

  public async state(model: string): Promise<ModelState> {
    const { registered_models: models = [] } = await this.api<{
      registered_models?: { name: string; aliases?: { alias: string; version: string | number }[] }[];
    }>('GET', 'registered-models/search', { max_results: '1000' });
    const { model_versions: versions = [] } = await this.api<{
      model_versions?: { version: string | number; tags?: Pair[] }[];
    }>('GET', 'model-versions/search', { filter: `name='${model}'` });
    const aliases = models.find(({ name }) => name === model)?.aliases ?? [];
    return {
      aliases: Object.fromEntries(aliases.map(({ alias, version }) => [alias, String(version)])),
      versions: Object.fromEntries(
        versions.map(({ version, tags = [] }) => [
          String(version),
          Object.fromEntries(tags.map(({ key, value }) => [key, value])),
        ]),
      ),
      locks: models.map(({ name }) => name).filter((name) => name.startsWith(`${model}.`) && name.endsWith('.lock')),
    };
  }

  /** What `why` found. */
  public async history(model: string): Promise<History> {
    return JSON.parse((await this.run(['why', model, '--json'])).stdout) as History;
  }

  public async stop(): Promise<void> {
    await this.server.stop();
    this.program.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private authorization(): Record<string, string> {
    const { MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: password } = this.env;
    return user ? { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } : {};
  }

  private outputs(): string {
    return this.at(`outputs-${this.calls++}`);
  }
}

/** An object store with an empty bucket. */
export interface GateStore {
  readonly server: Server;
  /** What a client needs to find it. */
  readonly env: Record<string, string>;
  readonly s3: S3Client;
}

export async function startStore(bucket: string): Promise<GateStore> {
  const { server, url } = await startMoto();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  // moto answers with the checksum of the original for a copy of an object that was uploaded in parts.
  const checks = { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' } as const;
  const s3 = new S3Client({ endpoint: url, region: 'us-east-1', credentials, forcePathStyle: true, ...checks });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  return { server, env: storeEnvironment(url), s3 };
}
