import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { Duration } from 'cdk8s';
import { stringify } from 'yaml';
import {
  DriftAlerting,
  Feature,
  ModelSource,
  ModelTask,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import {
  CAPTURE_DEFAULTS,
  CAPTURE_PATHS,
  type CaptureFile,
  DRIFT_CHECK_DEFAULTS,
  type DriftCheckFile,
  METRICS,
} from 'cdk8s-mlops/contract';
import { type DriftReport } from '../../apps/drift-checker/check/drift-report';
import { type CompactionReport } from '../../apps/drift-checker/compact/compact';
import { type Ended, Program, type Running } from '../support/program';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';
import {
  callsOf,
  type CensusCall,
  censusFile,
  EMPLOYMENT,
  eventHeaders,
  inParallel,
  people,
  type Person,
  post,
  type Sent,
} from './census-traffic';
import { CutLine } from './cut-line';
import { startMlflow, startMoto, storeEnvironment } from './real-servers';
import { freePort, Server } from './server';

/*
 * A day of the census, as a payload logger would have sent it: three collectors, of which one is killed and started again and one loses the
 * store for a while, a real object store, MLflow with the champion's profile, Prometheus with the rendered rules scraping them and a
 * Pushgateway, labels that come a day later. What `check`
 * says of the log must be what it says of the raw data, to the last row, minus what is known to be lost.
 */

const BUCKET = 'census';
const LOG = `s3://${BUCKET}/employment`;
const COLLECTORS = [0, 1, 2] as const;
/** The one that is killed, and the one that loses the store. */
const [KILLED, CUT_OFF] = [1, 2];
const DAY = new Date(Math.floor(Date.now() / 86_400_000 - 1) * 86_400_000);
const UNTIL = ['--until', new Date(DAY.getTime() + 86_400_000).toISOString()];

const directory = mkdtempSync(join(tmpdir(), 'capture-day-'));
const at = (name: string): string => join(directory, name);
const checker = Program.build('drift-checker');
const servers: Server[] = [];
const ports: number[] = [];
const running: Running[] = [];
let line: CutLine;
let s3: S3Client;
let env: Record<string, string>;
let prometheus: string;
let pushgateway: string;
let population: Person[];
let calls: CensusCall[];
/** On the disk; taken, and not on the disk yet when it was answered: a kill may lose it. */
const [STORED, ACCEPTED] = [200, 202];
const TAKEN = [STORED, ACCEPTED];
/** Statuses of what was sent: request and response of each call, by its id. */
const answers = new Map<string, [Sent, Sent]>();

const capture: CaptureFile = {
  ...{ version: 1, model: 'employment', namespace: 'census', schema: at('schema.json'), log: LOG },
  ...{ inferenceServices: ['employment'], ...CAPTURE_DEFAULTS },
  limits: { ...CAPTURE_DEFAULTS.limits, segmentSeconds: 1 },
};

const there = existsSync(censusFile('analysis'));
if (!there)
  console.warn(
    'the census data is not there, so its day is not played: set CDK8S_MLOPS_DATA to the folder of us-census-ma-employment/',
  );
const onTheDay = there ? test : test.skip;

beforeAll(async () => {
  if (!there) return;
  writeFileSync(at('schema.json'), JSON.stringify(EMPLOYMENT));
  // No more than a check samples: statistics of samples do not depend on the order of the rows then.
  population = await people(9_900);
  calls = callsOf(population, DAY);
  const moto = await startMoto();
  const mlflow = await startMlflow(at('mlflow'));
  servers.push(moto.server, mlflow.server);
  env = { ...storeEnvironment(moto.url), MLFLOW_TRACKING_URI: mlflow.url };
  s3 = new S3Client({
    endpoint: moto.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    forcePathStyle: true,
  });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  line = await CutLine.to(moto.url);
  await registerChampion(mlflow.url);
  pushgateway = `http://127.0.0.1:${await freePort()}`;
  const listen = [
    `--web.listen-address=${pushgateway.replace('http://', '')}`,
    `--persistence.file=${at('pushgateway.data')}`,
  ];
  servers.push(await Server.start('prometheus-pushgateway', listen, {}, `${pushgateway}/-/ready`));
  writeFileSync(at('capture.yaml'), stringify({ ...capture, registry: mlflow.url }));
  const config: DriftCheckFile = {
    ...{ version: 1, model: 'employment', namespace: 'census', schema: at('schema.json') },
    ...{ predictions: LOG, capture: at('capture.yaml'), ...DRIFT_CHECK_DEFAULTS },
    ...{ reference: { registry: mlflow.url, alias: 'champion' }, pushgateway },
  };
  writeFileSync(at('drift-check.yaml'), stringify(config));
  for (const collector of COLLECTORS) {
    ports.push(await freePort());
    await startCollector(collector);
  }
  prometheus = await startPrometheus();
}, 180_000);

afterAll(async () => {
  for (const each of running) each.kill('SIGKILL');
  for (const server of servers) await server.stop();
  await line?.stop();
  s3?.destroy();
  checker.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** The model as it was trained in 2015, with its profile, by the gate-evaluator. */
async function registerChampion(url: string): Promise<void> {
  const columns = ['label=employed', 'prediction_score=predicted_probability'].flatMap((column) => [
    '--column',
    column,
  ]);
  const data = ['--data', censusFile('reference'), '--predictions', censusFile('reference')];
  const profile = await check([
    'profile',
    '--schema',
    at('schema.json'),
    ...data,
    ...columns,
    '--output',
    at('profile.json'),
  ]);
  expect(profile.errors).toEqual([]);
  mkdirSync(at('model'));
  writeFileSync(at('model/model.bin'), 'weights');
  const gates = Program.build('gate-evaluator');
  const adopted = await gates.run(
    [
      ...['register', '--adopt', '--model', 'employment', '--run', 'trained-2015', '--artifact', at('model')],
      ...[
        '--schema',
        at('schema.json'),
        '--profile',
        at('profile.json'),
        '--registry',
        url,
        '--reason',
        'runs already',
        '--store',
        `s3://${BUCKET}/models`,
      ],
    ],
    { ...env, OUTPUT_DIR: at('adopted') },
  );
  gates.remove();
  expect(adopted.errors).toEqual([]);
}

function check(args: readonly string[], name = 'outputs'): Promise<Ended> {
  return checker.run(args, { ...env, OUTPUT_DIR: at(name) });
}

async function startCollector(collector: number): Promise<void> {
  const store: Record<string, string> =
    collector === CUT_OFF ? { AWS_ENDPOINT_URL: line.url, AWS_MAX_ATTEMPTS: '1' } : {};
  const args = [
    '--config',
    at('capture.yaml'),
    '--buffer',
    at(`buffer-${collector}`),
    '--port',
    String(ports[collector]),
  ];
  running[collector] = checker.start(['collect', ...args, '--farewell', '0'], { ...env, ...store });
  await until(async () => (await fetch(urlOf(collector, CAPTURE_PATHS.ready)).catch(() => undefined))?.ok === true);
}

const urlOf = (collector: number, path: string): string => `http://127.0.0.1:${ports[collector]}${path}`;

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not happen within a minute');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The rules of the model, evaluated every second. */
function renderedRules(): Rendered[] {
  const chart = newChart();
  const servedModel = new ServedModel(chart, 'serving', {
    platform: newPlatform(chart, { namespace: capture.namespace, storageInitializer: StorageInitializer.restricted() }),
    model: newModel({
      name: capture.model,
      task: ModelTask.binaryClassification({ positiveClass: '1', negativeClass: '0', decisionThreshold: 0.5 }),
      features: EMPLOYMENT.features.map(({ name, type }) =>
        type === 'numeric' ? Feature.numeric(name, { minimum: 0, maximum: 120 }) : Feature.categorical(name),
      ),
      objectives: { maxLatencyP95: Duration.millis(200), maxErrorRate: 0.01 },
      labelDelay: Duration.days(1),
    }),
    source: ModelSource.uri('s3://acme-models/employment/v1', { version: '1' }),
    runtime: ServingRuntime.sklearn(),
  });
  new DriftAlerting(chart, 'drift', { servedModel, recordingRules: true });
  const { groups } = find(rendered(chart), 'PrometheusRule', 'employment-drift-check').spec;
  return groups.map((group: Rendered) => ({ ...group, interval: '1s' }));
}

async function startPrometheus(): Promise<string> {
  const port = await freePort();
  const targets = ports.map((each) => `127.0.0.1:${each}`);
  const common = { scrape_interval: '1s', honor_labels: true };
  const scrape_configs = [
    { ...common, job_name: 'capture', static_configs: [{ targets }] },
    { ...common, job_name: 'pushgateway', static_configs: [{ targets: [pushgateway.replace('http://', '')] }] },
  ];
  writeFileSync(at('rules.yml'), JSON.stringify({ groups: renderedRules() }));
  writeFileSync(at('prometheus.yml'), stringify({ scrape_configs, rule_files: [at('rules.yml')] }));
  const url = `http://127.0.0.1:${port}`;
  const args = [
    `--config.file=${at('prometheus.yml')}`,
    `--storage.tsdb.path=${at('tsdb')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  servers.push(await Server.start('prometheus', args, {}, `${url}/-/ready`));
  return url;
}

async function query(expression: string): Promise<number> {
  const answer = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? 'NaN');
}

/** Both halves of calls, each to a collector of its own, as a Service without affinity would do it. */
async function sendCalls(part: readonly CensusCall[], offset: number): Promise<void> {
  await inParallel(part, 24, async (call, index) => {
    const [first, second] = [(offset + index) % 3, (offset + index * 7 + 1) % 3];
    const request = await post(urlOf(first, '/'), eventHeaders('request', call), call.request);
    const response = await post(urlOf(second, '/'), eventHeaders('response', call), call.response);
    answers.set(call.id, [request, response]);
  });
}

const labelOf = (call: CensusCall, index: number): { request_id: string; label: string } => ({
  request_id: call.people.length > 1 ? `${call.id}#${index}` : call.id,
  label: call.people[index]!.employed,
});

async function sendLabels(part: readonly CensusCall[]): Promise<void> {
  const labels = part.flatMap((call) => call.people.map((_, index) => labelOf(call, index)));
  const batches = Array.from({ length: Math.ceil(labels.length / 100) }, (_, index) =>
    labels.slice(index * 100, index * 100 + 100),
  );
  await inParallel(batches, 8, async (batch, index) => {
    const label_timestamp = new Date().toISOString();
    const body = { labels: batch.map((label) => ({ ...label, label_timestamp })) };
    expect(await post(urlOf(index % 3, CAPTURE_PATHS.labels), {}, JSON.stringify(body))).toBe(200);
  });
}

async function compact(): Promise<
  CompactionReport & { readonly findings: Record<string, { readonly count: number }> }
> {
  const { errors } = await check(['compact', '--config', at('capture.yaml')], 'compacted');
  expect(errors).toEqual([]);
  return JSON.parse(readFileSync(at('compacted/compaction.json'), 'utf8'));
}

async function keys(prefix = 'employment/'): Promise<string[]> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }));
  return Contents.map(({ Key }) => Key!);
}

onTheDay(
  'the day is captured, whatever happens to the collectors',
  async () => {
    const third = Math.ceil(calls.length / 3);
    await sendCalls(calls.slice(0, third), 0);
    // Labels of people who are asked for only later.
    await sendLabels(calls.slice(-200));
    const early = await compact();
    expect(early.rows).toBeGreaterThan(0);

    line.cut();
    const rest = sendCalls(calls.slice(third, 2 * third), 1);
    await until(() => Promise.resolve(answers.size > 1.5 * third));
    running[KILLED]!.kill('SIGKILL');
    await running[KILLED]!.ended;
    await startCollector(KILLED);
    await rest;
    await until(async () => /ml_capture_uploads_total\{[^}]*outcome="failed"\} [1-9]/.test(await metricsOf(CUT_OFF)));
    await compact();

    line.mend();
    await sendCalls(calls.slice(2 * third), 2);
    const unanswered = [...answers.values()].flat().filter((status) => status !== STORED);
    expect([...new Set(unanswered)].filter((status) => status !== 0 && status !== ACCEPTED)).toEqual([]);
    expect(unanswered.length).toBeLessThan(0.2 * calls.length);
  },
  240_000,
);

async function metricsOf(collector: number): Promise<string> {
  return (await fetch(urlOf(collector, CAPTURE_PATHS.metrics))).text();
}

onTheDay('Prometheus has every event that was acknowledged', async () => {
  const stored = `${METRICS.captureEvents.name}{instance="127.0.0.1:${ports[0]}", outcome="stored", kind=~"request|response"}`;
  const own = (collector: number): number =>
    calls.reduce(
      (sum, { id }, index) =>
        sum + halvesAt(index, collector).filter((half) => TAKEN.includes(answers.get(id)![half])).length,
      0,
    );
  await until(async () => (await query(`sum(${stored})`)) === own(0));
  const requests = `sum(${METRICS.inferenceRequests.name}{instance="127.0.0.1:${ports[0]}", version="1"})`;
  const bins = `sum(${METRICS.featureBin.name}{instance="127.0.0.1:${ports[0]}", feature="SEX"})`;
  const [asked, binned] = [await query(requests), await query(bins)];
  expect(asked).toBe(calls.reduce((sum, _, index) => sum + halvesAt(index, 0).filter((half) => half === 0).length, 0));
  const instances = calls.reduce(
    (sum, call, index) => sum + (halvesAt(index, 0).includes(0) ? call.people.length : 0),
    0,
  );
  expect(binned).toBe(instances);
  expect(await query(`${METRICS.featureReferenceCount.name}{instance="127.0.0.1:${ports[0]}", feature="SEX"}`)).toBe(
    68_785,
  );
});

/** What Prometheus says of the rules. */
async function rulesNow(): Promise<Rendered[]> {
  const answer = await fetch(`${prometheus}/api/v1/rules`);
  const { data } = (await answer.json()) as { data: Rendered };
  return data.groups.flatMap(({ rules }: Rendered) => rules);
}

onTheDay('the rendered rules are evaluated on what the collectors export', async () => {
  const psi = (feature: string): string => `version_feature:ml_feature_bin:psi{feature="${feature}", version="1"}`;
  // The second group takes what the first records a moment later.
  const recorded = 'count(version_feature:ml_feature_bin:psi)';
  await until(async () => (await query(recorded)) === EMPLOYMENT.features.length);
  await until(async () => (await rulesNow()).every(({ health }) => health !== 'unknown'));
  // The day is of three years after the profile: states of employment moved, sexes did not.
  expect(await query(psi('SEX'))).toBeLessThan(0.05);
  const rules = await rulesNow();
  expect(rules.length).toBeGreaterThan(15);
  expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
  // Nobody has checked yet, and that is said.
  expect(rules.find(({ name }) => name === 'DriftCheckSilent').state).toBe('pending');
});

/** Which halves of a call went to a collector: 0 its request, 1 its response. */
function halvesAt(index: number, collector: number): (0 | 1)[] {
  const third = Math.ceil(calls.length / 3);
  const part = Math.floor(index / third);
  const inPart = index - part * third;
  return ([(part + inPart) % 3, (part + inPart * 7 + 1) % 3] as const).flatMap((each, half) =>
    each === collector ? [half as 0 | 1] : [],
  );
}

onTheDay(
  'ended collectors leave nothing behind',
  async () => {
    await sendLabels(calls.slice(0, -200).filter((_, index) => index % 10 !== 0));
    for (const each of running) each.kill('SIGTERM');
    for (const { ended } of running) {
      const { code, errors } = await ended;
      expect([code, errors]).toEqual([0, []]);
    }
  },
  60_000,
);

onTheDay(
  'the check of the log says what a check of the raw data says',
  async () => {
    const { errors } = await check(['check', '--config', at('drift-check.yaml'), ...UNTIL], 'captured');
    expect(errors).toEqual([]);
    const captured = reportOf('captured');
    const log = await logRows();
    const ids = new Set(log.map(({ request_id: id }) => id));
    expect(ids.size).toBe(log.length);

    // A call is in the log if both halves were acknowledged; one that nobody acknowledged may be.
    const lost = calls.filter((call) => !ids.has(labelOf(call, 0).request_id));
    for (const { id } of lost) expect(answers.get(id)!.filter((status) => status !== STORED)).not.toEqual([]);
    const state = await compact();
    const halves = lost.filter(({ id }) => answers.get(id)!.includes(STORED)).length;
    expect(state.waitingCalls).toBeGreaterThanOrEqual(halves);
    expect(state.waitingCalls).toBeLessThanOrEqual(lost.length);
    expect(state.findings).toEqual({});
    expect((await keys('employment/_events/')).concat(await keys('employment/_labels/'))).toEqual([]);

    await writeRaw(calls.filter((call) => !lost.includes(call)));
    const raw = [
      '--profile',
      at('profile.json'),
      '--schema',
      at('schema.json'),
      '--predictions',
      at('raw'),
      '--labels',
      at('labels.parquet'),
    ];
    expect((await check(['check', ...raw, '--model-version', '1', ...UNTIL, '--dry-run'], 'direct')).errors).toEqual(
      [],
    );
    const direct = reportOf('direct');
    expect(captured.window.rows).toBe(log.length);
    for (const key of [
      'verdict',
      'dataDriftScore',
      'driftedFeatures',
      'features',
      'predictions',
      'estimatedPerformance',
    ] as const)
      expect([key, captured[key]]).toEqual([key, direct[key]]);
    expect(captured.performance).toEqual({
      ...direct.performance,
      medianLagSeconds: captured.performance?.medianLagSeconds,
    });
    expect(captured.performance!.labels).toBeGreaterThan(0.85 * log.length);
  },
  120_000,
);

onTheDay('what the check pushed is scraped, and ends the alert on its silence', async () => {
  const drift = `${METRICS.dataDriftScore.name}{model="employment", namespace="census", version="1"}`;
  // Reports are rounded.
  await until(async () => Math.abs((await query(drift)) - reportOf('captured').dataDriftScore) < 1e-9);
  await until(async () => (await rulesNow()).find(({ name }) => name === 'DriftCheckSilent').state === 'inactive');
  expect((await rulesNow()).filter(({ health }) => health !== 'ok')).toEqual([]);
});

function reportOf(name: string): DriftReport {
  return JSON.parse(readFileSync(at(`${name}/report.json`), 'utf8')) as DriftReport;
}

async function logRows(): Promise<{ readonly request_id: string }[]> {
  mkdirSync(at('log'), { recursive: true });
  const parts = (await keys()).filter((key) => key.startsWith('employment/dt='));
  for (const [index, Key] of parts.entries()) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
    writeFileSync(at(`log/${index}.parquet`), await Body!.transformToByteArray());
  }
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const rows = await connection.runAndReadAll(`SELECT request_id FROM read_parquet('${at('log/*.parquet')}')`);
  connection.closeSync();
  return rows.getRowObjectsJson() as { request_id: string }[];
}

/** The calls as rows, and the labels that were sent, without any collector. */
async function writeRaw(kept: readonly CensusCall[]): Promise<void> {
  const rows = kept.flatMap((call) =>
    call.people.map(({ features, prediction, score }, index) => ({
      ...{ ...features, prediction, prediction_score: score, version: '1' },
      ...{ request_id: labelOf(call, index).request_id, timestamp: call.at.toISOString() },
    })),
  );
  const labelled = [...calls.slice(-200), ...calls.slice(0, -200).filter((_, index) => index % 10 !== 0)];
  const labels = labelled.flatMap((call) => call.people.map((_, index) => labelOf(call, index)));
  writeFileSync(at('raw.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
  writeFileSync(at('labels.jsonl'), labels.map((label) => JSON.stringify(label)).join('\n'));
  mkdirSync(at('raw'), { recursive: true });
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const text = CODES_AS_TEXT.map((name) => `"${name}"::VARCHAR AS "${name}"`).join(', ');
  await connection.run(
    `COPY (SELECT * REPLACE (${text}) FROM read_json('${at('raw.jsonl')}', format = 'newline_delimited', sample_size = -1)) TO '${at('raw/part.parquet')}' (FORMAT parquet)`,
  );
  await connection.run(
    `COPY (SELECT * FROM read_json('${at('labels.jsonl')}', format = 'newline_delimited')) TO '${at('labels.parquet')}' (FORMAT parquet)`,
  );
  connection.closeSync();
}

const CODES_AS_TEXT = EMPLOYMENT.features.filter(({ type }) => type === 'categorical').map(({ name }) => name);
