import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MlflowRegistry } from '../../apps/gate-evaluator/registry/mlflow-registry';
import { registrySuite } from '../../apps/gate-evaluator/registry/registry-suite';
import { startMlflow } from './real-servers';
import { type Server } from './server';

/* The registry of gate-evaluator on a real MLflow server. */

const directory = mkdtempSync(join(tmpdir(), 'gate-evaluator-'));
let server: Server;
let trackingUri: string;

beforeAll(async () => {
  ({ server, url: trackingUri } = await startMlflow(directory));
}, 120_000);
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('MLflow', () => {
  registrySuite(() => Promise.resolve(new MlflowRegistry({ trackingUri, env: {} })));
});
