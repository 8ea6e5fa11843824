import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { Chart } from 'cdk8s';
import {
  Mlflow,
  MlflowDatabaseConnection,
  MlModelPlatform,
  MlopsApp,
  type ObjectAccess,
  QualityGates,
  SecretReference,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { METRICS, REFERENCE_PROFILE_ARTIFACT, SCHEMA_ARTIFACT } from 'cdk8s-mlops/contract';
import { MlflowRegistry } from '../../apps/gate-evaluator/registry/mlflow-registry';
import { environments } from '../../examples/fraud-detection/config';
import { fraudDetector } from '../../examples/fraud-detection/model';
import { type Rendered } from '../support/synth';
import { post } from './census-traffic';
import { FlagshipWorld } from './flagship-world';
import { type PodResult } from './pod';
import { MLFLOW_BIN } from './real-servers';

/*
 * The flagship's loop by its own pods: a candidate is judged, registered and promoted, live data drifts, the check asks for a training,
 * and its candidate is judged against the champion. Only the user's own steps and the roll-out are left out.
 */

const world = new FlagshipWorld();
const [config] = environments;
const { buckets } = config!;
const MODEL = 'fraud-detector';
const registry = new MlflowRegistry({ trackingUri: world.mlflow, env: {} });

beforeAll(() => world.start(), 180_000);
afterAll(() => world.stop());

/** Rows of payments: SQL over `i`, so that every run has the same. */
function payments(rows: number, { scale = 1, country = "['DE', 'FR', 'NL', 'PL'][1 + i % 4]", more = '' }): string {
  const noise = (prime: number): string => `((i * ${prime}) % 9973) / 9973.0`;
  return `SELECT ${scale} * exp(3 + 2 * ${noise(7919)}) AS amount, ${scale} * 3600 * ${noise(6007)} AS seconds_since_last_payment,
      (i * 31) % 9 AS payments_last_24h, ${scale} * 50 * ${noise(4243)} AS distance_from_home_km,
      ['food', 'travel', 'games', 'fuel'][1 + (i * 13) % 4] AS merchant_category,
      ['chip', 'contactless', 'online'][1 + (i * 17) % 3] AS channel, ${country} AS country${more} FROM range(${rows}) t(i)`;
}

/** A run of the training. */
interface Run {
  readonly run: string;
  readonly reason: string;
}

const FIRST: Run = { run: 'run-1', reason: 'manual' };
const DAY_MS = 24 * 3_600_000;
const step = (name: string, run = FIRST): Promise<PodResult> => world.trainingStep(name, run);
const output = ({ tmp }: PodResult, name: string): string => readFileSync(join(tmp, 'outputs', name), 'utf8');
const succeeded = (result: PodResult): PodResult => {
  const { status, stderr } = result;
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  return result;
};
const pushed = async (): Promise<string> => (await fetch(`${world.pushgateway}/metrics`)).text();
const namesUnder = async (Bucket: string, Prefix: string): Promise<string[]> => {
  const { Contents = [] } = await world.store.send(new ListObjectsV2Command({ Bucket, Prefix }));
  return Contents.map(({ Key }) => Key!.split('/').at(-1)!).sort();
};

/** What the user's own steps leave: data, a model and what it was evaluated to. */
async function train({ run }: Run, accuracy: number): Promise<void> {
  const leave = (path: string, content: string | { query: string }): Promise<void> =>
    world.upload(buckets.training, `runs/${run}/${path}`, content);
  const label = ", CASE WHEN i % 20 = 0 THEN 'fraud' ELSE 'legitimate' END AS label";
  await leave('data/part-0.parquet', { query: payments(20_000, { more: label }) });
  const predictions = `${label}, CASE WHEN i % 20 = 0 THEN 'fraud' ELSE 'legitimate' END AS prediction, CASE WHEN i % 20 = 0 THEN 0.9 ELSE 0.1 END AS prediction_score`;
  await leave('evaluation/predictions.parquet', { query: payments(5_000, { more: predictions }) });
  await leave('evaluation/metrics.json', JSON.stringify({ accuracy, latency_p95_ms: 31, model_size_mb: 12.5 }));
  const importance = { amount: 0.5, distance_from_home_km: 0.3, country: 0.1, channel: accuracy / 100 };
  await leave('evaluation/importance.json', JSON.stringify(importance));
  await leave('evaluation/configuration.json', JSON.stringify({ epochs: 20, optimizer: 'adam' }));
  await leave('evaluation/dataset_digest', 'payments-2026-11\n');
  await leave('model/model.joblib', `weights of ${run}`);
}

/** A Workflow as Argo shows it after its first step. */
function admittedWorkflow({ run }: Run, startedAt: Date): void {
  const parameters = [{ name: 'passed', value: 'true' }];
  world.workflows.set(run, {
    metadata: { name: run, creationTimestamp: startedAt.toISOString() },
    status: { startedAt: startedAt.toISOString(), nodes: { a: { templateName: 'admit', outputs: { parameters } } } },
  });
}

test('a first run is admitted, and its data validated and profiled', async () => {
  await train(FIRST, 0.931);
  const admitted = succeeded(await step('admit'));
  expect(output(admitted, 'passed')).toBe('true');
  expect(admitted.stdout).toContain('run-1: may go on: no run before; 0 of 3 runs in 24 hours');
  const validated = succeeded(await step('validate-data'));
  expect(output(validated, 'passed')).toBe('true');
  const report = JSON.parse(await world.read(buckets.training, 'runs/run-1/validation/report.json'));
  expect(report).toMatchObject({ passed: true, rows: 20_000 });
  succeeded(await step('profile'));
});

test('its candidate passes the gates without a champion, and is registered with its lineage', async () => {
  const judged = succeeded(await step('gate'));
  expect([output(judged, 'passed'), output(judged, 'verdict')]).toEqual(['true', 'pass']);
  expect(judged.stdout).toContain("'fraud-detector' has no version with the alias 'champion' yet");
  const registered = succeeded(await step('register'));
  expect(output(registered, 'model_version')).toBe('1');

  const version = await registry.version(MODEL, '1');
  const profile = JSON.parse(await world.read(buckets.training, `runs/run-1/${REFERENCE_PROFILE_ARTIFACT}`));
  expect(version?.tags).toMatchObject({
    'gate.verdict': 'pass',
    'gate.report_sha256': JSON.parse(output(judged, 'decision.json')).hash,
    lifecycle: 'staged',
    'training.run': 'run-1',
    'artifact.uri': `s3://${buckets.models}/fraud-detector/run-1`,
    'dataset.digest': profile.data.digest,
  });
  expect(await world.read(buckets.models, 'fraud-detector/run-1/model.joblib')).toBe('weights of run-1');
  const runId = version!.runId!;
  expect(JSON.parse((await registry.artifact(runId, REFERENCE_PROFILE_ARTIFACT))!)).toEqual(profile);
  expect(JSON.parse((await registry.artifact(runId, SCHEMA_ARTIFACT))!)).toMatchObject({ model: MODEL });
  const { metrics, tags } = await registry.runData(runId);
  expect(metrics).toMatchObject({ accuracy: 0.931, latency_p95_ms: 31, model_size_mb: 12.5 });
  expect(tags).toMatchObject({ 'evaluation.dataset_digest': 'payments-2026-11' });
  expect(await namesUnder(buckets.training, 'runs/run-1/decisions/')).toEqual([
    '00000001-evaluate.json',
    '00000002-register.json',
  ]);
});

test('a pipeline that promotes makes it champion, by exactly the arguments that are rendered', async () => {
  const { objects, access } = promotingPipeline();
  world.guard.allow(access);
  const promoted = succeeded(await world.trainingStep('promote', FIRST, objects));
  world.guard.allow(world.access);
  expect(promoted.stdout).toContain('fraud-detector: version 1 is champion');
  expect((await registry.versionByAlias(MODEL, 'champion'))?.version).toBe('1');
  const exposed = await pushed();
  const series = `instance="",job="gate-evaluator",model="fraud-detector",namespace="fraud"`;
  expect(exposed).toContain(`${METRICS.versionInfo.name}{${series},role="stable",version="1"} 1`);
  expect(exposed).toContain(`${METRICS.gatePassed.name}{${series},version="unregistered"} 1`);
  makeOlder();
});

/** The flagship's pipeline, for a model that no ServedModel serves. */
function promotingPipeline(): { readonly objects: Rendered[]; readonly access: readonly ObjectAccess[] } {
  const chart = new Chart(new MlopsApp({ outdir: join(world.directory, 'promoting') }), 'training');
  const { namespace, images } = config!;
  const database = MlflowDatabaseConnection.uri(SecretReference.of('mlflow-database', 'uri'));
  const platform = new MlModelPlatform(chart, 'platform', {
    ...{ namespace, images, modelStore: `s3://${buckets.models}` },
    mlflow: Mlflow.postgres({ database, artifactsDestination: `s3://${buckets.mlflow}/artifacts` }),
  });
  new TrainingPipeline(chart, 'training', {
    platform,
    model: fraudDetector,
    schedule: '0 2 * * 0',
    workspace: Workspace.objectStore(`s3://${buckets.training}/runs`),
    gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
    steps: { train: { image: 'registry.example/fraud:1', command: ['python'] } },
    trainingDataUri: `s3://${buckets.training}/data`,
    promotes: true,
  });
  return { objects: chart.toJson(), access: platform.objectAccess };
}

/** A week goes by: the version answers, and its training is long over. */
function makeOlder(): void {
  const database = `${world.directory}/mlflow/mlflow.db`;
  const sql = 'UPDATE model_versions SET creation_time = creation_time - 7 * 86400000';
  const program = `import sqlite3; c = sqlite3.connect('${database}'); c.execute('${sql}'); c.commit()`;
  execFileSync(join(MLFLOW_BIN, 'python'), ['-c', program]);
  admittedWorkflow(FIRST, new Date(Date.now() - 7 * DAY_MS));
}

test('live data that drifted starts the training once, and is seen', async () => {
  await uploadLive();
  const first = succeeded(await world.driftCheck());
  expect(['drift_detected', 'retrain_needed', 'severity'].map((name) => output(first, name))).toEqual([
    'true',
    'true',
    'critical',
  ]);
  const started = [...world.workflows.values()].filter(({ kind }) => kind === 'Workflow');
  expect(started.map(({ spec }) => spec)).toEqual([
    {
      workflowTemplateRef: { name: 'fraud-detector-training' },
      arguments: { parameters: [{ name: 'reason', value: 'drift' }] },
    },
  ]);
  const report = JSON.parse(output(first, 'report.json'));
  expect(report).toMatchObject({
    modelVersion: '1',
    window: { rows: 12_000, otherVersions: 500 },
    retraining: { predictionsSinceTraining: 10_000 },
  });
  expect(report.driftedFeatures).toEqual(expect.arrayContaining(['amount', 'distance_from_home_km', 'country']));

  const again = succeeded(await world.driftCheck());
  expect(world.workflows.size).toBe(2);
  expect(output(again, 'report.json')).toBe(output(first, 'report.json'));

  const exposed = await pushed();
  const series = `{instance="",job="drift-checker",model="fraud-detector",namespace="fraud",version="1"}`;
  expect(exposed).toContain(`${METRICS.driftCheckSamples.name}${series} 12000`);
  const events = `{instance="",job="drift-checker-events",model="fraud-detector",namespace="fraud"}`;
  expect(exposed).toMatch(new RegExp(`${METRICS.retrainLastTriggered.name}${events} \\d`));
  expect(await namesUnder(buckets.predictions, 'reports/')).toEqual(['report.html', 'report.json']);
});

test('what is asked and answered now is taken by the collector, and the next check finds it in the log, with its label', async () => {
  const collected = succeeded(
    await world.collector(async (url) => {
      for (const [index, name] of CALLS.entries())
        for (const kind of ['request', 'response'] as const)
          expect(await post(url, eventHeaders(kind, name), eventBody(kind, index))).toBe(200);
      const labels = CALLS.map((name, index) => ({ request_id: name, label: index === 0 ? 'fraud' : 'legitimate' }));
      expect(await post(`${url}/v1/labels`, {}, JSON.stringify({ labels }))).toBe(200);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const of = 'model="fraud-detector",namespace="fraud"';
      for (const metric of [METRICS.inferenceRequests, METRICS.inferenceResponses])
        expect(metrics).toMatch(new RegExp(`^${metric.name}\\{.*version="1".*\\} 3$`, 'm'));
      expect(metrics).toContain(
        `${METRICS.captureBufferLimit.name}{${of}} ${Math.floor(0.9 * (2048 - 112) * 2 ** 20)}`,
      );
    }),
  );
  expect(collected.stderr).toContain('everything is in the store');

  succeeded(await world.driftCheck('performance'));
  const compaction = `{instance="",job="drift-checker-compaction",model="fraud-detector",namespace="fraud"}`;
  expect(await pushed()).toContain(`${METRICS.compactionRows.name}${compaction} 3`);
  const rows = await world.rows(buckets.predictions, 'fraud-detector/dt=', "request_id LIKE 'payment-%'");
  expect(rows).toHaveLength(3);
  expect(rows.find(({ request_id: id }) => id === 'payment-0')).toMatchObject({
    ...{ version: '1', amount: 20, country: 'DE', prediction: 'legitimate', prediction_score: 0.1, label: 'fraud' },
  });
  // Recorded in buckets: one value for each bin of the champion's profile.
  const [distance, ...others] = new Set(rows.map((row) => row.distance_from_home_km as number));
  expect([distance, others]).toEqual([expect.any(Number), []]);
  expect([17, 17.1, 17.2]).not.toContain(distance);
  expect(world.workflows.size).toBe(2);
});

const CALLS = ['payment-0', 'payment-1', 'payment-2'];

/** The headers of KServe's payload logger. */
function eventHeaders(kind: 'request' | 'response', id: string): Record<string, string> {
  return {
    'ce-specversion': '1.0',
    'ce-type': `org.kubeflow.serving.inference.${kind}`,
    'ce-id': id,
    'ce-source': 'fraud-detector-predictor-5d8f-x2kqp',
    'ce-time': new Date(Date.now() - (kind === 'request' ? 20 : 10)).toISOString(),
    'ce-inferenceservicename': 'fraud-detector',
    'ce-namespace': 'fraud',
    'ce-annotations': JSON.stringify({ 'cdk8s-mlops.dev/version': '1', 'cdk8s-mlops.dev/role': 'stable' }),
  };
}

function eventBody(kind: 'request' | 'response', index: number): string {
  const instance = {
    ...{
      amount: 20 + index,
      seconds_since_last_payment: 600,
      payments_last_24h: 2,
      distance_from_home_km: 17 + index / 10,
    },
    ...{ merchant_category: 'food', channel: 'chip', country: 'DE' },
  };
  const tensor = (name: string, value: unknown, datatype: string): object => ({
    ...{ name, datatype, shape: [1], data: [value] },
  });
  const inputs = Object.entries(instance).map(([name, value]) =>
    tensor(name, value, typeof value === 'number' ? 'FP64' : 'BYTES'),
  );
  const outputs = [
    tensor('predict', 'legitimate', 'BYTES'),
    { name: 'predict_proba', datatype: 'FP64', shape: [1, 2], data: [0.9, 0.1] },
  ];
  return JSON.stringify(kind === 'request' ? { inputs } : { model_name: 'fraud-detector', outputs });
}

test('the retraining is admitted, and its better candidate passes against the champion and becomes version 2', async () => {
  const { metadata } = [...world.workflows.values()].find(({ kind }) => kind === 'Workflow')!;
  const run: Run = { run: metadata.name, reason: 'drift' };
  expect(output(succeeded(await step('admit', run)), 'passed')).toBe('true');
  admittedWorkflow(run, new Date());
  await train(run, 0.94);
  for (const name of ['validate-data', 'profile']) succeeded(await step(name, run));
  const judged = succeeded(await step('gate', run));
  expect(output(judged, 'verdict')).toBe('pass');
  const { checks, inputs, by, reason } = JSON.parse(output(judged, 'decision.json'));
  const named = (name: string): Rendered => checks.find(({ check }: Rendered) => check === name);
  expect(named('accuracy.comparison')).toMatchObject({ candidate: 0.94, baseline: 0.931, verdict: 'pass' });
  // The candidate's importances are in its workspace, the champion's in the registry.
  expect(named('feature_importance_stability')).toMatchObject({ candidate: 1, verdict: 'pass' });
  expect({ by, reason, baseline: inputs.baseline }).toEqual({
    by: `run ${run.run}`,
    reason: 'drift',
    baseline: 'models:/fraud-detector/1',
  });
  expect(output(succeeded(await step('register', run)), 'model_version')).toBe('2');
});

test('a run within the cooldown is ended, whoever asks, and a worse candidate is refused', async () => {
  const run: Run = { run: 'run-3', reason: 'manual' };
  const ended = succeeded(await step('admit', run));
  expect(output(ended, 'passed')).toBe('false');
  expect(ended.stdout).toMatch(/run-3: ends here: .* less than the cooldown of 21600 s ago: none before /);
  await train(run, 0.925);
  const judged = succeeded(await step('gate', run));
  expect([output(judged, 'passed'), output(judged, 'verdict')]).toEqual(['false', 'fail']);
  expect(judged.stdout).toContain('accuracy.comparison: 0.925 against 0.931 is worse by 0.006');
});

test('what became of the runs is told, to whoever asks the Pushgateway', async () => {
  const inVain = `ml_training_runs_in_vain{instance="",job="gate-evaluator",model="${MODEL}",namespace="${config!.namespace}"}`;
  const conclude = (run: string, status: string): Promise<PodResult> =>
    world.trainingStep('conclude', { run, reason: 'manual', status });
  const [retraining] = [...world.workflows.values()].filter(({ status }) => status?.nodes);
  retraining.status.phase = 'Running';
  retraining.status.nodes.register = { templateName: 'register', phase: 'Succeeded' };
  const registered = succeeded(await conclude(retraining.metadata.name, 'Succeeded'));
  expect(registered.stdout).toContain('registered; 0 runs in a row registered no version');
  expect(await pushed()).toContain(`${inVain} 0`);
  retraining.status.phase = 'Succeeded';
  // The one whose candidate was refused, as if it had been admitted.
  admittedWorkflow({ run: 'run-3', reason: 'manual' }, new Date(Date.now() + 1000));
  expect(succeeded(await conclude('run-3', 'Succeeded')).stdout).toContain('refused; 1 runs in a row');
  expect(await pushed()).toContain(`${inVain} 1`);
});

test('no pod was denied anything, and those that work with objects used what they may', () => {
  expect(world.guard.denials).toEqual([]);
  const used = [...world.guard.used].map(([account, actions]) => [account, [...actions].sort()]);
  const [encrypt, decrypt] = ['kms:GenerateDataKey', 'kms:Decrypt'];
  const compacts = [decrypt, encrypt, 's3:DeleteObject', 's3:GetObject', 's3:ListBucket', 's3:PutObject'];
  expect(Object.fromEntries(used)).toEqual({
    [`${MODEL}-capture`]: [encrypt, 's3:PutObject'],
    // Also the lock of the compaction is taken away.
    [`${MODEL}-drift-check`]: compacts,
    [`${MODEL}-performance`]: compacts,
    // Also what the one that promotes has done.
    [`${MODEL}-training`]: [
      ...[decrypt, encrypt, 's3:GetObject', 's3:GetObjectTagging', 's3:ListBucket', 's3:PutObject'],
    ],
  });
});

/** A day of payments that are not those of the training: 500 an hour of the champion, and some of a shadow. */
async function uploadLive(): Promise<void> {
  const end = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  for (let hour = 1; hour <= 24; hour++) {
    const start = new Date(end - hour * 3_600_000).toISOString();
    const row = (version: string): string =>
      `, uuid()::VARCHAR AS request_id, TIMESTAMPTZ '${start}' + INTERVAL (i) SECOND AS timestamp, 'fraud-detector' AS model, '${version}' AS version, 'legitimate' AS prediction, 0.2 AS prediction_score, NULL::VARCHAR AS label, NULL::TIMESTAMPTZ AS label_timestamp`;
    const drifted = { scale: 4, country: "['US', 'BR', 'DE'][1 + i % 3]" };
    const live = payments(500, { ...drifted, more: row('1') });
    const shadow = payments(500, { ...drifted, more: row('2') });
    const key = `fraud-detector/dt=${start.slice(0, 10)}/hour=${start.slice(11, 13)}/part-0.parquet`;
    await world.upload(buckets.predictions, key, { query: hour === 1 ? `${live} UNION ALL ${shadow}` : live });
  }
}
