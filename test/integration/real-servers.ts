import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../support/cache';
import { freePort, Server } from './server';

/** Programs that `setup.sh` installs. */
export const MLFLOW_BIN = join(CACHE, 'mlflow-3.15.2/bin');
export const MLFLOW = join(MLFLOW_BIN, 'mlflow');
const MOTO = join(CACHE, 'moto-5.2.5/bin/moto_server');

/** A server, and where it answers. */
export interface RealServer {
  readonly server: Server;
  readonly url: string;
}

/** Options of {@link startMlflow}. */
export interface MlflowServerOptions {
  /** @default 127.0.0.1 */
  readonly host?: string;
  /** @default - a free one */
  readonly port?: number;
  /** Further arguments. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** MLflow with a database and artifacts under a directory, which is made. */
export async function startMlflow(directory: string, options: MlflowServerOptions = {}): Promise<RealServer> {
  const { host = '127.0.0.1', args = [], env = {} } = options;
  const port = options.port ?? (await freePort());
  const url = `http://${host}:${port}`;
  mkdirSync(join(directory, 'artifacts'), { recursive: true });
  const store = ['--backend-store-uri', `sqlite:///${directory}/mlflow.db`];
  const artifacts = ['--artifacts-destination', join(directory, 'artifacts')];
  // One worker: it is there sooner, and a test asks one thing at a time.
  const listen = ['--host', host, '--port', String(port), '--workers', '1'];
  const all = ['server', ...store, ...artifacts, ...listen, ...args];
  return { server: await Server.start(MLFLOW, all, { HOME: directory, ...env }, `${url}/health`), url };
}

/** moto's S3, empty. */
export async function startMoto(host = '127.0.0.1', env: Readonly<Record<string, string>> = {}): Promise<RealServer> {
  const port = await freePort();
  const url = `http://${host}:${port}`;
  return { server: await Server.start(MOTO, ['-H', host, '-p', String(port)], { ...env }, `${url}/moto-api/`), url };
}

/** What clients of a test's S3 find in their environment. */
export function storeEnvironment(url: string): Record<string, string> {
  const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' };
  return { AWS_ENDPOINT_URL: url, AWS_EC2_METADATA_DISABLED: 'true', ...keys };
}
