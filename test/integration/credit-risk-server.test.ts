import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { MlopsApp } from 'cdk8s-mlops';
import { CAPTURE_PATHS, METRICS, type ModelSchema } from 'cdk8s-mlops/contract';
import { environments } from '../../examples/credit-risk/config';
import { creditRiskLoop } from '../../examples/credit-risk/credit-risk';
import { Program, type Running } from '../support/program';
import { envOf, find, type Rendered } from '../support/synth';
import { MLFLOW_BIN } from './real-servers';
import { freePort, Server, untilReady } from './server';

/* The example's own server with a model of two per cent positives, started, probed and captured as the example's manifests say. */

const EXAMPLE = join(__dirname, '../../examples/credit-risk/server');
const directory = mkdtempSync(join(tmpdir(), 'credit-risk-'));
const at = (name: string): string => join(directory, name);
const checker = Program.build('drift-checker');
const THREE = ['app:app', '--port', '8080'];

interface Holdout {
  readonly loans: readonly Readonly<Record<string, number | string | null>>[];
  readonly defaults: readonly number[];
  readonly probabilities: readonly number[];
}

let container: Rendered;
let holdout: Holdout;
let collector: Running;
let server: Server;
let url: string;
let captureUrl: string;

function manifests(): Rendered[] {
  const app = new MlopsApp({ outdir: at('manifests') });
  creditRiskLoop(app, environments[1]!);
  return app.charts.flatMap((chart) => chart.toJson());
}

async function startCollector(objects: readonly Rendered[]): Promise<void> {
  const port = await freePort();
  captureUrl = `http://127.0.0.1:${port}`;
  const rendered = parse(find(objects, 'ConfigMap', 'credit-risk-capture').data['capture.yaml']);
  const [json] = Object.values<string>(find(objects, 'ConfigMap', 'credit-risk-schema').data);
  const schema = JSON.parse(json!) as ModelSchema;
  // No object store, and no tracking server, which would have the bins that features are recorded by: the rest as it is rendered.
  const features = schema.features.map(({ recorded: _recorded, ...feature }) => feature);
  writeFileSync(at('schema.json'), JSON.stringify({ ...schema, features }));
  const { registry: _registry, ...config } = { ...rendered, schema: at('schema.json'), log: at('log') };
  writeFileSync(at('capture.yaml'), stringify(config));
  const args = ['--config', at('capture.yaml'), '--buffer', at('buffer'), '--port', String(port), '--farewell', '0'];
  collector = checker.start(['collect', ...args]);
  const died = collector.ended.then(({ stderr }) => Promise.reject(new Error(stderr)));
  await Promise.race([untilReady(`${captureUrl}${CAPTURE_PATHS.ready}`), died]);
}

async function startServer(): Promise<void> {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const [program, ...args] = container.command as string[];
  expect([program, args.filter((arg) => THREE.includes(arg))]).toEqual(['uvicorn', THREE]);
  const own = args.map((arg) => arg.replace('8080', String(port)).replace('0.0.0.0', '127.0.0.1'));
  const env = {
    MODEL_NAME: envOf(container, 'MODEL_NAME')!,
    DECISION_THRESHOLD: envOf(container, 'DECISION_THRESHOLD')!,
    MODEL_DIR: at('model'),
    CAPTURE_URL: captureUrl,
    CAPTURE_VERSION: '7',
    PYTHONDONTWRITEBYTECODE: '1',
  };
  const { path } = container.startupProbe.httpGet;
  server = await Server.start(join(MLFLOW_BIN, 'uvicorn'), [...own, '--app-dir', EXAMPLE], env, `${url}${path}`);
}

beforeAll(async () => {
  const sample = [join(EXAMPLE, 'sample_model.py'), at('model')];
  execFileSync(join(MLFLOW_BIN, 'python'), sample, { env: { PYTHONDONTWRITEBYTECODE: '1' } });
  holdout = JSON.parse(readFileSync(at('model/holdout.json'), 'utf8'));
  mkdirSync(at('buffer'));
  const objects = manifests();
  container = find(objects, 'Rollout', 'credit-risk').spec.template.spec.containers[0];
  await startCollector(objects);
  await startServer();
}, 120_000);

afterAll(async () => {
  await server?.stop();
  collector?.kill('SIGKILL');
  checker.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** A call of the protocol: one tensor for each feature. */
function call(loans: Holdout['loans'], id?: string): Rendered {
  const inputs = Object.entries(loans[0]!).map(([name, value]) => ({
    ...{ name, shape: [loans.length], datatype: typeof value === 'string' ? 'BYTES' : 'FP64' },
    data: loans.map((loan) => loan[name]),
  }));
  return { id, inputs };
}

async function infer(body: unknown, { model = 'credit-risk', headers = {} } = {}): Promise<Rendered> {
  const answer = await fetch(`${url}/v2/models/${model}/infer`, {
    ...{ method: 'POST', body: JSON.stringify(body) },
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: answer.status, id: answer.headers.get('x-request-id'), body: await answer.json() };
}

const output = ({ body }: Rendered, name: string): Rendered[] =>
  body.outputs.find((each: Rendered) => each.name === name).data;

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not happen within half a minute');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('answers at every path that its probes and its PodMonitor ask', async () => {
  const { startupProbe, readinessProbe, livenessProbe } = container;
  const paths = [startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet.path);
  expect(paths).toEqual(['/v2/models/credit-risk/ready', '/v2/models/credit-risk/ready', '/v2/health/live']);
  for (const path of [...paths, '/metrics']) expect((await fetch(`${url}${path}`)).status).toBe(200);
  const model = (await (await fetch(`${url}/v2/models/credit-risk`)).json()) as Rendered;
  expect(model).toMatchObject({ name: 'credit-risk', versions: ['7'] });
  expect(model.inputs.map(({ name }: Rendered) => name)).toEqual(Object.keys(holdout.loans[0]!));
});

test('finds most of the two per cent that default, by the threshold of the model and not by one half', async () => {
  const answer = await infer(call(holdout.loans, 'all'));
  expect(answer).toMatchObject({ status: 200, id: 'all' });
  expect(answer.body).toMatchObject({ model_name: 'credit-risk', model_version: '7', id: 'all' });
  expect(output(answer, 'probability')).toEqual(holdout.probabilities.map((each) => expect.closeTo(each, 12)));
  const answers = output(answer, 'prediction');
  expect(answers).toEqual(holdout.probabilities.map((each) => (each >= 0.1 ? 'default' : 'repaid')));

  const count = (condition: (said: string, defaulted: boolean) => boolean): number =>
    holdout.defaults.filter((defaulted, row) => condition(answers[row], defaulted === 1)).length;
  const defaults = count((_, defaulted) => defaulted);
  const found = count((said, defaulted) => said === 'default' && defaulted);
  expect(defaults / answers.length).toBeCloseTo(0.02, 2);
  // Who never says so is right 98 times of 100, and finds nobody.
  expect(found / defaults).toBeGreaterThan(0.6);
  expect(found / count((said) => said === 'default')).toBeGreaterThan(0.15);
  const half = holdout.probabilities.filter((each, row) => each >= 0.5 && holdout.defaults[row] === 1).length;
  expect(half / defaults).toBeLessThan(0.6);
});

test('says what is wrong with a call, in the words of the protocol', async () => {
  const [loan] = holdout.loans;
  const { inputs } = call([loan!]);
  const wrong = { ...inputs[0], data: ['old'] };
  expect(await infer({ inputs }, { model: 'fraud' })).toMatchObject({
    ...{ status: 404, body: { error: "there is no model 'fraud' here, only 'credit-risk'" } },
  });
  expect(await infer({ inputs: inputs.slice(1) })).toMatchObject({
    ...{ status: 400, body: { error: expect.stringContaining("missing: ['age'], unknown: []") } },
  });
  expect(await infer({ inputs: [...inputs, { ...inputs[0], name: 'name' }] })).toMatchObject({
    ...{ status: 400, body: { error: expect.stringContaining("missing: [], unknown: ['name']") } },
  });
  expect(await infer({ inputs: [wrong, ...inputs.slice(1)] })).toMatchObject({
    ...{ status: 400, body: { error: "input 'age' must have values of FP64 or null, got 'old'" } },
  });
  expect(await infer({ inputs: [{ ...inputs[0], data: [30, 40] }, ...inputs.slice(1)] })).toMatchObject({
    ...{ status: 400, body: { error: 'inputs must have as many values each, at least one; they have [1, 2]' } },
  });
  expect(await infer({ inputs: [{ name: 'age' }] })).toMatchObject({
    ...{ status: 400, body: { error: expect.stringContaining('body.inputs.0.data: Field required') } },
  });
});

test('what it answered reaches the collector, with ids that labels find', async () => {
  const one = await infer(call([holdout.loans[0]!]), { headers: { 'x-request-id': 'loan-1' } });
  const nameless = await infer(call([holdout.loans[1]!]));
  expect([one.id, one.body.id]).toEqual(['loan-1', 'loan-1']);
  expect(nameless.id).toMatch(/^[0-9a-f-]{36}$/);

  const count = holdout.loans.length + 2;
  const refused = holdout.probabilities.filter((each) => each >= 0.1).length;
  const own = 'model="credit-risk",namespace="credit",version="7"';
  const wanted = [
    `${METRICS.inferenceResponses.name}{${own}} ${count}`,
    `${METRICS.inferenceDuration.name}_count{${own}} ${count}`,
  ];
  let text = '';
  await until(async () => {
    text = await (await fetch(`${captureUrl}${CAPTURE_PATHS.metrics}`)).text();
    return wanted.every((series) => text.includes(`${series}\n`));
  });
  const extra = holdout.probabilities.slice(0, 2).filter((each) => each >= 0.1).length;
  expect(text).toContain(`${METRICS.predictionClass.name}{${own},class="default"} ${refused + extra}\n`);
  const unknown = [...holdout.loans, ...holdout.loans.slice(0, 2)].filter(({ late_payments: late }) => late === null);
  expect(text).toContain(`${METRICS.featureMissing.name}{${own},feature="late_payments"} ${unknown.length}\n`);

  const labels = [
    ...[one.id, nameless.id].map((request_id: string) => ({ request_id, label: 'repaid' })),
    ...holdout.defaults.map((each, row) => ({ request_id: `all#${row}`, label: each === 1 ? 'default' : 'repaid' })),
  ];
  const body = JSON.stringify({ labels });
  expect((await fetch(`${captureUrl}${CAPTURE_PATHS.labels}`, { method: 'POST', body })).status).toBe(200);
  // Ended as Kubernetes ends it: the server first sends what waits.
  const last = await infer(call([holdout.loans[2]!], 'last'));
  expect(last.status).toBe(200);
  await server.stop();
  collector.kill('SIGTERM');
  expect((await collector.ended).code).toBe(0);
  const { errors } = await checker.run(['compact', '--config', at('capture.yaml')], { OUTPUT_DIR: at('outputs') });
  expect(errors).toEqual([]);
  expect(JSON.parse(readFileSync(at('outputs/compaction.json'), 'utf8'))).toMatchObject({
    ...{ rows: count + 1, waitingCalls: 0, findings: {} },
  });
});
