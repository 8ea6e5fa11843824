import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DriftCheckFile, PUSH_JOBS } from 'cdk8s-mlops/contract';
import { LocalServer } from '../../apps/common/testing/local-server';
import { type DriftReport } from '../../apps/drift-checker/check/drift-report';
import {
  SHOP_SCHEMA,
  shopConfig,
  shopHours,
  shopTraining,
  writeFiles,
} from '../../apps/drift-checker/commands/testing/shop';
import { driftMetrics } from '../../apps/drift-checker/report/drift-metrics';
import { sampleFeature, sampleReport } from '../../apps/drift-checker/report/testing/sample-report';
import { type Ended, Program } from '../support/program';
import { startMlflow, startMoto } from './real-servers';
import { freePort, Server } from './server';

/*
 * The bundled program against the real servers that it talks to: an S3 server, MLflow and a Pushgateway.
 */

const world = mkdtempSync(join(tmpdir(), 'drift-checker-'));
const at = (name: string): string => join(world, name);
const outputs = at('outputs');
const program = Program.build('drift-checker');
const servers: { stop(): Promise<void> }[] = [];
let s3: string;

async function serve<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  servers.push(server);
  return server;
}

const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
  program.run(args, { OUTPUT_DIR: outputs, AWS_ENDPOINT_URL: s3, ...CREDENTIALS, ...env });
const report = (): DriftReport => JSON.parse(readFileSync(join(outputs, 'report.json'), 'utf8')) as DriftReport;
const UNTIL = ['--until', '2026-11-20T00:00:00Z'];

/** An object of the S3 server, which wants to know who asks and believes it. */
async function object(path: string, init?: RequestInit): Promise<string> {
  const scope = 'Credential=test/20261120/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0';
  const response = await fetch(`${s3}/${path}`, { ...init, headers: { authorization: `AWS4-HMAC-SHA256 ${scope}` } });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.text();
}

beforeAll(async () => {
  writeFiles(world, { 'schema.json': SHOP_SCHEMA, 'train.csv': shopTraining() });
  const moto = await startMoto('127.0.0.1', { MOTO_RECORDER_FILEPATH: at('recording') });
  s3 = moto.url;
  await serve(Promise.resolve(moto.server));
  await object('logs', { method: 'PUT' });
  const put = (folder: string, files: Record<string, string>): Promise<unknown> =>
    Promise.all(Object.entries(files).map(([name, body]) => object(`logs/${folder}/${name}`, { method: 'PUT', body })));
  await put('shop', shopHours('2026-11-01', 1));
  await put('shop', shopHours('2026-11-18', 40));
  await put('shop', shopHours('2026-11-19', 40, 0.4));
  await object('logs/train.csv', { method: 'PUT', body: shopTraining() });
  const profile = ['profile', '--schema', at('schema.json'), '--data', 's3://logs/train.csv', '--model-version', '1'];
  const made = await run([...profile, '--output', 's3://logs/profiles/shop.json']);
  expect([made.code, made.stderr]).toEqual([0, '']);
});
afterEach(() => rmSync(outputs, { recursive: true, force: true }));
afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(world, { recursive: true });
  program.remove();
});

describe('an object store', () => {
  const CHECK = ['check', '--schema', at('schema.json'), '--profile', 's3://logs/profiles/shop.json', '--predictions'];
  const SHOP = [...CHECK, 's3://logs/shop'];

  test('keeps the profile, which is the one that the same data gives here', async () => {
    const local = ['profile', '--schema', at('schema.json'), '--data', at('train.csv'), '--model-version', '1'];
    await run([...local, '--output', at('profile.json')]);
    expect(await object('logs/profiles/shop.json')).toBe(readFileSync(at('profile.json'), 'utf8'));
  });

  test('is read by partitions: only the hours of the window, and the next one for late rows', async () => {
    await object('moto-api/recorder/reset-recording', { method: 'POST' });
    await object('moto-api/recorder/start-recording', { method: 'POST' });
    const { code, errors } = await run([...SHOP, '--until', '2026-11-19T00:00:00Z', '--hours', '24']);
    await object('moto-api/recorder/stop-recording', { method: 'POST' });
    const recording = await object('moto-api/recorder/download-recording');
    const read = [...recording.matchAll(/\/logs\/shop\/dt(?:=|%3D)([\d-]+)\/hour(?:=|%3D)(\d+)\/part\.csv/g)];
    const hours = [...new Set(read.map(([, day, hour]) => `${day}/${hour}`))].sort();
    expect([hours.length, hours[0], hours.at(-1)]).toEqual([25, '2026-11-18/00', '2026-11-19/00']);
    expect([code, errors]).toEqual([0, []]);
    expect(report()).toMatchObject({ verdict: 'no-drift', window: { rows: 960, extended: false } });
    const drifted = await run([...SHOP, ...UNTIL, '--hours', '13']);
    expect([drifted.code, drifted.errors]).toEqual([0, []]);
    expect(report()).toMatchObject({ verdict: 'drift', window: { rows: 520, from: '2026-11-19T11:00:00.000Z' } });
  });

  test('that has no such bucket is a wrong call', async () => {
    const { code, errors } = await run([...CHECK, 's3://no-such-bucket/shop', '--all']);
    expect([code, errors]).toEqual([
      2,
      ['cannot list s3://no-such-bucket/shop: there is no such bucket: check the name and the region'],
    ]);
    expect(existsSync(outputs)).toBe(false);
  });

  test('that has nothing under the prefix is told', async () => {
    const { code, errors } = await run([...CHECK, 's3://logs/nothing', '--all']);
    expect(code).toBe(2);
    expect(errors[0]).toContain("'s3://logs/nothing' has no data");
  });

  test('that has no profile is told', async () => {
    const args = ['check', '--schema', at('schema.json'), '--predictions', 's3://logs/shop', '--all'];
    const { code, errors } = await run([...args, '--profile', 's3://logs/profiles/other.json']);
    expect([code, errors]).toEqual([
      2,
      ["there is no reference profile at 's3://logs/profiles/other.json': make it with 'drift-checker profile'"],
    ]);
  });

  test('is not asked without credentials', async () => {
    const empty = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', HOME: world };
    const { code, errors } = await run([...SHOP, '--all'], empty);
    expect([code, errors]).toEqual([3, [expect.stringContaining('no credentials: give the pod an identity')]]);
  });

  test('that knows no such key, or refuses, says what to mend', async () => {
    const refusal = (name: string): string =>
      `<?xml version="1.0"?><Error><Code>${name}</Code><Message>x</Message></Error>`;
    let name = 'InvalidAccessKeyId';
    const strict = await serve(LocalServer.start(() => ({ status: 403, body: refusal(name) })));
    const answers: unknown[] = [];
    for (name of ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied']) {
      const { code, errors } = await run([...SHOP, '--all'], { AWS_ENDPOINT_URL: strict.url });
      answers.push([code, ...errors]);
    }
    expect(answers).toEqual([
      [2, 'cannot read s3://logs/profiles/shop.json: the access key is not known to the store'],
      [2, 'cannot read s3://logs/profiles/shop.json: the secret key does not fit the access key'],
      [2, expect.stringContaining("access denied: the pod's identity needs s3:GetObject")],
    ]);
  });

  test('that does not listen is unreachable', async () => {
    const { code, errors } = await run([...SHOP, '--all'], {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${await freePort()}`,
    });
    expect([code, errors]).toEqual([
      3,
      [expect.stringMatching(/^cannot read s3:\/\/logs\/profiles\/shop\.json: .*ECONNREFUSED/)],
    ]);
    expect(existsSync(outputs)).toBe(false);
  });

  test('that never answers is given up', async () => {
    const silent = await serve(LocalServer.start(() => 'silence'));
    const { code, errors } = await run([...SHOP, '--all'], { AWS_ENDPOINT_URL: silent.url, AWS_MAX_ATTEMPTS: '1' });
    expect([code, errors]).toEqual([3, ['cannot read s3://logs/profiles/shop.json: the store did not answer in time']]);
    expect(silent.received).toHaveLength(1);
  });

  test('takes the report of a check by a configuration', async () => {
    const gateway = await serve(LocalServer.start(() => ({ status: 200 })));
    writeFiles(world, {
      'kept.yaml': shopConfig({
        ...{ schema: at('schema.json'), predictions: 's3://logs/shop', pushgateway: gateway.url },
        reports: 's3://logs/reports',
      }),
    });
    const args = ['check', '--config', at('kept.yaml'), ...UNTIL, '--profile', 's3://logs/profiles/shop.json'];
    const { code, errors } = await run(args);
    expect([code, errors]).toEqual([0, []]);
    const folder = 'logs/reports/shop/2026-11-20T00-00-00.000Z-24-h-version-1';
    expect(await object(`${folder}/report.json`)).toBe(readFileSync(join(outputs, 'report.json'), 'utf8'));
    const page = await fetch(`${s3}/${folder}/report.html`);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  });
});

describe('MLflow and the Pushgateway', () => {
  let mlflow: string;
  let gateway: string;
  let config: (changes?: Partial<DriftCheckFile>) => string;

  const api = async (path: string, body: object): Promise<Record<string, Record<string, unknown>>> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${mlflow}/api/2.0/mlflow/${path}`, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, Record<string, unknown>>;
  };

  /** Registers a version whose run has the given profile, and makes it the champion. */
  async function promote(profile: string | undefined): Promise<string> {
    const { run: created } = await api('runs/create', { experiment_id: '0' });
    const { run_id: runId, artifact_uri: artifacts } = created!['info'] as { run_id: string; artifact_uri: string };
    if (profile !== undefined) {
      const folder = artifacts.replace(/^mlflow-artifacts:\/*/, '');
      const url = `${mlflow}/api/2.0/mlflow-artifacts/artifacts/${folder}/monitoring/reference_profile.json`;
      expect((await fetch(url, { method: 'PUT', body: profile })).status).toBe(200);
    }
    const { model_version: made } = await api('model-versions/create', {
      ...{ name: 'shop', source: 's3://models/shop', run_id: runId },
    });
    const version = made!['version'] as string;
    await api('registered-models/alias', { name: 'shop', alias: 'champion', version });
    return version;
  }

  /** The reference profile of data that looks like this, for a version. */
  async function profile(version: string, rows = 3000): Promise<string> {
    writeFiles(world, { 'training.csv': shopTraining(rows) });
    const args = ['profile', '--schema', at('schema.json'), '--data', at('training.csv'), '--model-version', version];
    await run([...args, '--output', at('made.json')]);
    return readFileSync(at('made.json'), 'utf8');
  }

  beforeAll(async () => {
    const registry = await startMlflow(at('registry'));
    mlflow = registry.url;
    await serve(Promise.resolve(registry.server));
    const gatewayPort = await freePort();
    gateway = `http://127.0.0.1:${gatewayPort}`;
    // Without a file of its own it would go on with what an earlier one was told.
    const kept = [`--web.listen-address=127.0.0.1:${gatewayPort}`, `--persistence.file=${at('pushgateway.data')}`];
    await serve(Server.start('prometheus-pushgateway', kept, {}, `${gateway}/-/ready`));
    await api('registered-models/create', { name: 'shop' });
    config = (changes = {}) => {
      const reference = { registry: mlflow, alias: 'champion' };
      const base = { schema: at('schema.json'), predictions: 's3://logs/shop', reference, pushgateway: gateway };
      writeFiles(world, { 'check.yaml': shopConfig({ ...base, ...changes }) });
      return at('check.yaml');
    };
  });

  /** Lines of the gateway's metrics of a writer, without what the gateway adds itself. */
  const pushed = async (job: string): Promise<string[]> =>
    (await (await fetch(`${gateway}/metrics`)).text())
      .split('\n')
      .filter((line) => line.startsWith('ml_') && line.includes(`job="${job}"`));

  test('without a champion the check says so', async () => {
    const { code, errors } = await run(['check', '--config', config(), ...UNTIL]);
    expect(code).toBe(2);
    expect(errors).toEqual([expect.stringMatching(/^model 'shop' has no version with the alias 'champion'/)]);
    const validated = await run([
      'validate',
      '--schema',
      at('schema.json'),
      '--data',
      at('train.csv'),
      '--registry',
      mlflow,
    ]);
    expect(validated.stderr).toContain('no champion yet: nothing to compare with');
  });

  test('a champion without a profile is told, with what to do', async () => {
    const version = await promote(undefined);
    const { code, errors } = await run(['check', '--config', config(), ...UNTIL]);
    expect([code, errors]).toEqual([
      2,
      [
        `version ${version} of 'shop' has no artifact 'monitoring/reference_profile.json': make it with 'drift-checker profile', or name a profile with --profile`,
      ],
    ]);
  });

  test('the champion is the reference, and a promotion changes it', async () => {
    const first = await promote(await profile('2'));
    expect(first).toBe('2');
    const args = ['check', '--config', config(), '--until', '2026-11-19T00:00:00Z'];
    const checked = await run(args);
    expect([checked.code, checked.errors]).toEqual([0, []]);
    expect(report()).toMatchObject({
      modelVersion: '2',
      reference: { source: 'models:/shop/2/monitoring/reference_profile.json', rows: 3000 },
      // The log says which version answered: it was the one before.
      ...{ verdict: 'inconclusive', window: { rows: 0, otherVersions: 960 } },
    });
    await promote(await profile('3', 2000));
    await run(args);
    expect(report()).toMatchObject({ modelVersion: '3', reference: { rows: 2000 } });
  });

  test('each check replaces what the last one said, and keeps when things happened', async () => {
    const own = ['--profile', 's3://logs/profiles/shop.json'];
    const judged = await run(['check', '--config', config(), ...UNTIL, ...own]);
    expect([judged.code, judged.errors]).toEqual([0, []]);
    const before = await pushed(PUSH_JOBS.driftChecker);
    const events = await pushed(PUSH_JOBS.driftCheckerEvents);
    expect(before.some((line) => line.startsWith('ml_feature_drift_score{'))).toBe(true);
    expect(events).toEqual([
      expect.stringMatching(/^ml_drift_check_last_success_timestamp_seconds\{.*model="shop".*\} 1/),
    ]);
    const inconclusive = await run(['check', '--config', config(), ...UNTIL, ...own, '--min-rows', '50000']);
    expect([inconclusive.code, inconclusive.errors]).toEqual([0, []]);
    const after = await pushed(PUSH_JOBS.driftChecker);
    expect(after.some((line) => line.startsWith('ml_drift_check_samples{'))).toBe(true);
    expect(after.some((line) => /^ml_\w*drift_score\{/.test(line))).toBe(false);
    expect(await pushed(PUSH_JOBS.driftCheckerEvents)).toEqual(events);
  });
});

describe('Prometheus', () => {
  test('accepts the metrics, whatever features are called', async () => {
    const features = ['amount', 'a "b" \\ c', 'zwei\nZeilen', '名'].map((name) => sampleFeature({ name }));
    const metrics = await driftMetrics(
      sampleReport({
        ...{ features, predictions: [sampleFeature({ name: 'prediction', role: 'prediction' })] },
        estimatedPerformance: { estimated: true, metrics: { accuracy: 0.9, auc: 0.8 } },
      }),
    );
    expect(execFileSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' })).toBe('');
  });
});
