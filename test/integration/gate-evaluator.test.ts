import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MlflowRegistry } from '../../apps/gate-evaluator/registry/mlflow-registry';
import { registrySuite } from '../../apps/gate-evaluator/registry/registry-suite';
import { CACHE } from '../support/cache';
import { freePort, Server } from './server';

/* The registry of gate-evaluator on a real MLflow server. */

const directory = mkdtempSync(join(tmpdir(), 'gate-evaluator-'));
let server: Server;
let trackingUri: string;

beforeAll(async () => {
  const port = await freePort();
  trackingUri = `http://127.0.0.1:${port}`;
  mkdirSync(join(directory, 'artifacts'));
  const store = [
    '--backend-store-uri',
    `sqlite:///${directory}/mlflow.db`,
    '--artifacts-destination',
    join(directory, 'artifacts'),
  ];
  const command = join(CACHE, 'mlflow-3.15.2/bin/mlflow');
  server = await Server.start(
    command,
    ['server', ...store, '--host', '127.0.0.1', '--port', String(port)],
    { HOME: directory },
    `${trackingUri}/health`,
  );
}, 120_000);
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('MLflow', () => {
  registrySuite(() => Promise.resolve(new MlflowRegistry({ trackingUri, env: {} })));
});
