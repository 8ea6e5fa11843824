import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { MlopsApp } from 'cdk8s-mlops';
import { METRICS, REFERENCE_PROFILE_ARTIFACT } from 'cdk8s-mlops/contract';
import { environments } from '../../examples/fraud-detection/config';
import { fraudDetection } from '../../examples/fraud-detection/fraud-detection';
import { bundleApp } from '../support/bundle';
import { type ApiReply, type ApiRequest, KubernetesFront, notFound } from '../support/kubernetes-front';
import { find, type Rendered } from '../support/synth';
import { type PodResult, runPod } from './pod';
import { MLFLOW_BIN, startMlflow, startMoto, storeEnvironment } from './real-servers';
import { Server } from './server';

/*
 * The flagship example's own pods, with the real object store, tracking server and Pushgateway where the manifests say that they
 * are: training data is validated and profiled, live data drifts, and the check asks for the training. Only the API server's
 * answers are the test's; test/upstream asks the real one.
 */

/** An address of this machine that nothing else listens on, so that the rendered ports can be taken. */
const HOST = '127.77.0.1';
const [config] = environments;
const directory = mkdtempSync(join(tmpdir(), 'drift-loop-'));
const app = join(directory, 'app');
const dockerfile = readFileSync(join(__dirname, '../../apps/drift-checker/Dockerfile'), 'utf8');
const objects: Rendered[] = synthesize();
const servers: Server[] = [];
const workflows = new Map<string, Rendered>();
let front: KubernetesFront;
let env: Record<string, string>;
let s3: S3Client;

function synthesize(): Rendered[] {
  const synthesized = new MlopsApp({ outdir: join(directory, 'manifests') });
  fraudDetection(synthesized, config!);
  return synthesized.charts.flatMap((chart) => chart.toJson());
}

const serviceHost = (name: string): string => `${name}.${config!.namespace}.svc`;
const hosts = { [serviceHost('mlflow')]: HOST, [serviceHost('pushgateway')]: HOST };
const mlflow = `http://${HOST}:5000`;

beforeAll(async () => {
  bundleApp('drift-checker', app);
  const moto = await startMoto(HOST);
  servers.push(moto.server);
  const rendered = find(objects, 'Deployment', 'mlflow').spec.template.spec.containers[0].command as string[];
  const allowed = rendered[rendered.indexOf('--allowed-hosts') + 1]!;
  const hostCheck = ['--allowed-hosts', `${allowed},${HOST}:5000`];
  servers.push((await startMlflow(join(directory, 'mlflow'), { host: HOST, port: 5000, args: hostCheck })).server);
  const gateway = [`--web.listen-address=${HOST}:9091`, `--persistence.file=${join(directory, 'pushed')}`];
  servers.push(await Server.start('prometheus-pushgateway', gateway, {}, `http://${HOST}:9091/-/ready`));
  front = await KubernetesFront.start(answer, HOST);
  env = {
    ...storeEnvironment(moto.url),
    AWS_REGION: config!.region,
    ...front.env,
  };
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  s3 = new S3Client({ endpoint: env.AWS_ENDPOINT_URL, region: config!.region, credentials, forcePathStyle: true });
  for (const bucket of Object.values(config!.buckets)) {
    await s3.send(
      new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' } }),
    );
  }
}, 180_000);

afterAll(async () => {
  s3?.destroy();
  await front?.stop();
  for (const server of servers) await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The API server's part: the loop is not paused, and a name is taken once. */
function answer({ method, path, body }: ApiRequest): Promise<ApiReply> {
  if (method === 'GET') return Promise.resolve(notFound('configmaps', path.split('/').at(-1)!));
  const workflow = JSON.parse(body);
  if (workflows.has(workflow.metadata.name))
    return Promise.resolve({ status: 409, body: { reason: 'AlreadyExists', message: 'already exists' } });
  workflows.set(workflow.metadata.name, workflow);
  return Promise.resolve({ status: 201, body: workflow });
}

/** Rows of payments: SQL over `i`, so that every run has the same. */
function payments(rows: number, { scale = 1, country = "['DE', 'FR', 'NL', 'PL'][1 + i % 4]", more = '' }): string {
  const noise = (prime: number): string => `((i * ${prime}) % 9973) / 9973.0`;
  return `SELECT ${scale} * exp(3 + 2 * ${noise(7919)}) AS amount, ${scale} * 3600 * ${noise(6007)} AS seconds_since_last_payment,
      (i * 31) % 9 AS payments_last_24h, ${scale} * 50 * ${noise(4243)} AS distance_from_home_km,
      ['food', 'travel', 'games', 'fuel'][1 + (i * 13) % 4] AS merchant_category,
      ['chip', 'contactless', 'online'][1 + (i * 17) % 3] AS channel, ${country} AS country${more} FROM range(${rows}) t(i)`;
}

async function upload(bucket: string, key: string, query: string): Promise<void> {
  const file = join(directory, 'upload.parquet');
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run(`COPY (${query}) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: readFileSync(file) }));
}

/** A container of the training's template, in the run `run-1`. */
function trainingStep(name: string): Promise<PodResult> {
  const { templates } = find(objects, 'WorkflowTemplate', 'fraud-detector-training').spec;
  const text = JSON.stringify(templates.find((template: Rendered) => template.name === name));
  const template = JSON.parse(
    text.replaceAll('{{workflow.name}}', 'run-1').replaceAll(/\{\{workflow\.parameters\.reason\}\}/g, 'manual'),
  );
  return runPod({ app, dockerfile, objects, hosts, env, pod: template, container: template.container });
}

function check(): Promise<PodResult> {
  const { spec } = find(objects, 'CronJob', 'fraud-detector-drift-check').spec.jobTemplate.spec.template;
  return runPod({
    app,
    dockerfile,
    objects,
    hosts,
    env,
    pod: spec,
    container: spec.containers[0],
    serviceAccount: front.serviceAccount,
  });
}

const output = ({ tmp }: PodResult, name: string): string => readFileSync(join(tmp, 'outputs', name), 'utf8');
const succeeded = ({ status, stderr }: PodResult): void =>
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });

async function read(bucket: string, key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return Body!.transformToString();
}

async function call<T>(path: string, body: object): Promise<T> {
  const response = await fetch(`${mlflow}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect({ path, status: response.status, text: response.ok ? '' : await response.text() }).toEqual({
    path,
    status: 200,
    text: '',
  });
  return (await response.json()) as T;
}

/** Where the run `run-1` works, below the bucket. */
const workspace = 'runs/run-1';

test('the training validates its data and profiles it', async () => {
  const label = ", CASE WHEN i % 20 = 0 THEN 'fraud' ELSE 'legitimate' END AS label";
  await upload(config!.buckets.training, `${workspace}/data/part-0.parquet`, payments(20_000, { more: label }));
  const predictions = `${label}, CASE WHEN i % 20 = 0 THEN 'fraud' ELSE 'legitimate' END AS prediction, CASE WHEN i % 20 = 0 THEN 0.9 ELSE 0.1 END AS prediction_score`;
  await upload(
    config!.buckets.training,
    `${workspace}/evaluation/predictions.parquet`,
    payments(5_000, { more: predictions }),
  );
  const validated = await trainingStep('validate-data');
  succeeded(validated);
  expect(output(validated, 'passed')).toBe('true');
  expect(JSON.parse(await read(config!.buckets.training, `${workspace}/validation/report.json`))).toMatchObject({
    passed: true,
    rows: 20_000,
  });
  succeeded(await trainingStep('profile'));
});

test('live data that drifted starts the training once, and is seen', async () => {
  const profile = await read(config!.buckets.training, `${workspace}/${REFERENCE_PROFILE_ARTIFACT}`);
  await register(profile);
  await uploadLive();
  const first = await check();
  succeeded(first);
  expect(['drift_detected', 'retrain_needed', 'severity'].map((name) => output(first, name))).toEqual([
    'true',
    'true',
    'critical',
  ]);
  expect([...workflows.values()]).toEqual([
    expect.objectContaining({
      kind: 'Workflow',
      spec: {
        workflowTemplateRef: { name: 'fraud-detector-training' },
        arguments: { parameters: [{ name: 'reason', value: 'drift' }] },
      },
    }),
  ]);
  const report = JSON.parse(output(first, 'report.json'));
  expect(report).toMatchObject({
    modelVersion: '1',
    window: { rows: 12_000, otherVersions: 500 },
    retraining: { predictionsSinceTraining: 10_000 },
  });
  expect(report.driftedFeatures).toEqual(expect.arrayContaining(['amount', 'distance_from_home_km', 'country']));

  const again = await check();
  succeeded(again);
  expect(workflows.size).toBe(1);
  expect(output(again, 'report.json')).toBe(output(first, 'report.json'));

  const exposed = await (await fetch(`http://${HOST}:9091/metrics`)).text();
  const series = `{instance="",job="drift-checker",model="fraud-detector",namespace="fraud",version="1"}`;
  expect(exposed).toContain(`${METRICS.driftCheckSamples.name}${series} 12000`);
  expect(exposed).toMatch(
    new RegExp(
      `${METRICS.retrainLastTriggered.name}{instance="",job="drift-checker-events",model="fraud-detector",namespace="fraud"} \\d`,
    ),
  );
  const { Contents: kept = [] } = await s3.send(
    new ListObjectsV2Command({ Bucket: config!.buckets.predictions, Prefix: 'reports/' }),
  );
  expect(kept.map(({ Key }) => Key!.split('/').at(-1)).sort()).toEqual(['report.html', 'report.json']);
});

/** What `gate-evaluator register` will do: a version with its profile, trained a week ago, which answers. */
async function register(profile: string): Promise<void> {
  const { run } = await call<Rendered>('runs/create', { experiment_id: '0' });
  const { run_id: runId, artifact_uri: artifacts } = run.info;
  const path = String(artifacts).replace('mlflow-artifacts:/', '');
  const put = await fetch(`${mlflow}/api/2.0/mlflow-artifacts/artifacts/${path}/${REFERENCE_PROFILE_ARTIFACT}`, {
    method: 'PUT',
    body: profile,
  });
  expect(put.status).toBe(200);
  const name = 'fraud-detector';
  await call('registered-models/create', { name });
  await call('model-versions/create', { name, source: artifacts, run_id: runId });
  await call('registered-models/alias', { name, alias: 'champion', version: '1' });
  const backdate = `import sqlite3; c = sqlite3.connect('${directory}/mlflow/mlflow.db'); c.execute('UPDATE model_versions SET creation_time = creation_time - 7 * 86400000'); c.commit()`;
  execFileSync(join(MLFLOW_BIN, 'python'), ['-c', backdate]);
}

/** A day of payments that are not those of the training: 500 an hour of the champion, and some of a shadow. */
async function uploadLive(): Promise<void> {
  const end = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  for (let hour = 1; hour <= 24; hour++) {
    const start = new Date(end - hour * 3_600_000).toISOString();
    const row = (version: string): string =>
      `, uuid()::VARCHAR AS request_id, TIMESTAMPTZ '${start}' + INTERVAL (i) SECOND AS timestamp, 'fraud-detector' AS model, '${version}' AS version, 'legitimate' AS prediction, 0.2 AS prediction_score`;
    const drifted = { scale: 4, country: "['US', 'BR', 'DE'][1 + i % 3]" };
    const live = payments(500, { ...drifted, more: row('1') });
    const shadow = payments(500, { ...drifted, more: row('2') });
    const key = `fraud-detector/dt=${start.slice(0, 10)}/hour=${start.slice(11, 13)}/part-0.parquet`;
    await upload(config!.buckets.predictions, key, hour === 1 ? `${live} UNION ALL ${shadow}` : live);
  }
}
