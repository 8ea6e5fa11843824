import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { CAPTURE_DEFAULTS, CAPTURE_PATHS, type CaptureFile, METRICS, type ModelSchema } from 'cdk8s-mlops/contract';
import { Program, type Running } from '../support/program';
import { MLFLOW_BIN } from './real-servers';
import { freePort, Server } from './server';

/* The guide's server of one's own, as it stands there, run by uvicorn, and a collector: what it predicts is counted and recorded. */

const directory = mkdtempSync(join(tmpdir(), 'capture-fastapi-'));
const at = (name: string): string => join(directory, name);
const checker = Program.build('drift-checker');
const schema: ModelSchema = {
  ...{ version: 1, model: 'payments', objectives: {} },
  task: { type: 'binary-classification', classes: ['legitimate', 'fraud'], positiveClass: 'fraud' },
  features: [
    { name: 'amount', type: 'numeric', required: true, importance: 1 },
    { name: 'country', type: 'categorical', required: true, importance: 1 },
  ],
};
const config: CaptureFile = {
  ...{ version: 1, model: 'payments', namespace: 'shop', schema: at('schema.json'), log: at('log') },
  ...{ inferenceServices: ['payments'], ...CAPTURE_DEFAULTS },
};
let collector: Running | undefined;
let server: Server | undefined;
let url: string;
let captureUrl: string;

beforeAll(async () => {
  const guide = readFileSync(join(__dirname, '../../docs/guides/capture.md'), 'utf8');
  writeFileSync(at('payments.py'), /^```python\n([\s\S]*?)^```/m.exec(guide)![1]!);
  writeFileSync(at('schema.json'), JSON.stringify(schema));
  writeFileSync(at('capture.yaml'), stringify(config));
  const [port, capturePort] = [await freePort(), await freePort()];
  [url, captureUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${capturePort}`];
  const args = [
    '--config',
    at('capture.yaml'),
    '--buffer',
    at('buffer'),
    '--port',
    String(capturePort),
    '--farewell',
    '0',
  ];
  collector = checker.start(['collect', ...args]);
  const uvicorn = ['payments:app', '--app-dir', directory, '--port', String(port)];
  const env = { CAPTURE_URL: captureUrl, CAPTURE_VERSION: '3', PYTHONDONTWRITEBYTECODE: '1' };
  server = await Server.start(join(MLFLOW_BIN, 'uvicorn'), uvicorn, env, `${url}/openapi.json`);
}, 120_000);

afterAll(async () => {
  await server?.stop();
  collector?.kill('SIGKILL');
  checker.remove();
  rmSync(directory, { recursive: true, force: true });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not happen within half a minute');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a server of one’s own sends what it predicted, with the id that its caller knows', async () => {
  for (let index = 0; index < 20; index++) {
    const answer = await fetch(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': `payment-${index}` },
      body: JSON.stringify({ amount: index * 50, country: index % 2 === 0 ? 'DE' : null }),
    });
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([200, `payment-${index}`]);
  }
  const own = 'model="payments",namespace="shop",version="3"';
  const wanted = [
    `${METRICS.inferenceResponses.name}{${own}} 20`,
    `${METRICS.predictionClass.name}{${own},class="fraud"} 10`,
    `${METRICS.featureMissing.name}{${own},feature="country"} 10`,
    `${METRICS.inferenceDuration.name}_count{${own}} 20`,
  ];
  await until(async () => {
    const text = await (await fetch(`${captureUrl}${CAPTURE_PATHS.metrics}`)).text();
    return wanted.every((series) => text.includes(`${series}\n`));
  });

  const label = { request_id: 'payment-19', label: 'fraud' };
  const answer = await fetch(`${captureUrl}${CAPTURE_PATHS.labels}`, { method: 'POST', body: JSON.stringify(label) });
  expect(answer.status).toBe(200);
  collector!.kill('SIGTERM');
  expect((await collector!.ended).code).toBe(0);
  const { errors } = await checker.run(['compact', '--config', at('capture.yaml')], { OUTPUT_DIR: at('outputs') });
  expect(errors).toEqual([]);
  expect(JSON.parse(readFileSync(at('outputs/compaction.json'), 'utf8'))).toMatchObject({
    rows: 20,
    waitingCalls: 0,
    findings: {},
  });
});

test('without a collector it answers all the same', async () => {
  const answer = await fetch(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ amount: 900, country: 'FR' }),
  });
  expect(await answer.json()).toEqual({ prediction: 'fraud', score: 0.9 });
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});
