import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CAPTURE_DEFAULTS, type CaptureFile } from 'cdk8s-mlops/contract';
import { type Ended, Program } from '../../../test/support/program';
import { LocalServer } from '../../common/testing/local-server';
import { type DriftReport } from '../check/drift-report';
import { serializeRecord } from '../collect/capture-record';
import { SHOP_SCHEMA, shopConfig, shopHours, shopTraining, writeFiles } from './testing/shop';

/* `check` of a log that collectors write: a day of the shop, as requests and responses of two collectors, with labels that come later. */

const DAY = '2026-11-19';
const UNTIL = ['--until', '2026-11-20T00:00:00Z'];
const program = Program.build('drift-checker');
const world = mkdtempSync(join(tmpdir(), 'captured-'));
const at = (name: string): string => join(world, name);
let gateway: LocalServer;
let pushed: { method: string; path: string; body: string }[];
let outputs = 0;

const CAPTURE: CaptureFile = {
  ...{ version: 1, model: 'shop', namespace: 'ml', inferenceServices: ['shop'], ...CAPTURE_DEFAULTS },
  ...{ schema: at('schema.json'), log: at('log') },
};

beforeAll(async () => {
  gateway = await LocalServer.start(({ method, path, body }) => {
    pushed.push({ method, path, body });
    return { status: 200 };
  });
  const config = {
    schema: at('schema.json'),
    predictions: at('log'),
    capture: at('capture.yaml'),
    pushgateway: gateway.url,
  };
  writeFiles(world, {
    ...{ 'schema.json': SHOP_SCHEMA, 'train.csv': shopTraining(), 'capture.yaml': CAPTURE },
    'drift-check.yaml': shopConfig({ ...config, reference: { registry: gateway.url, alias: 'champion' } }),
  });
  const made = await run([
    'profile',
    '--schema',
    at('schema.json'),
    '--data',
    at('train.csv'),
    '--output',
    at('profile.json'),
  ]);
  expect(made.errors).toEqual([]);
});
beforeEach(() => {
  pushed = [];
  rmSync(at('log'), { recursive: true, force: true });
});
afterAll(async () => {
  await gateway.stop();
  rmSync(world, { recursive: true });
  program.remove();
});

const run = (args: readonly string[]): Promise<Ended> => program.run(args, { OUTPUT_DIR: at(`outputs-${++outputs}`) });
const check = (...args: string[]): Promise<Ended> =>
  run([
    'check',
    '--config',
    at('drift-check.yaml'),
    '--profile',
    at('profile.json'),
    '--model-version',
    '1',
    ...UNTIL,
    ...args,
  ]);
const report = (): DriftReport => JSON.parse(readFileSync(at(`outputs-${outputs}/report.json`), 'utf8')) as DriftReport;

/** The day's rows as their calls were captured: each half of a call by another collector, and the ids of those that lost a half. */
function capture(shift: number, lost: (row: number) => boolean = () => false): string[] {
  const halves: [string[], string[]] = [[], []];
  const ids: string[] = [];
  const rows = Object.values(shopHours(DAY, 50, shift)).flatMap((csv) => csv.trim().split('\n').slice(1));
  rows.forEach((row, index) => {
    const [id = '', timestamp = '', version, amount, country, prediction, score] = row.split(',');
    const time = Date.parse(timestamp) + index;
    const call = { id, version, time, received: time + 1 };
    const request = { instances: [{ amount: Number(amount), country }] };
    const response = { predictions: [{ prediction, score: Number(score) }] };
    halves[index % 2]!.push(serializeRecord({ ...call, kind: 'request', body: JSON.stringify(request) }));
    if (lost(index)) return;
    ids.push(id);
    halves[(index + 1) % 2]!.push(serializeRecord({ ...call, kind: 'response', body: JSON.stringify(response) }));
  });
  halves.forEach((lines, collector) => put(`_events/dt=${DAY}/hour=23/collector-${collector}`, lines));
  return ids;
}

function captureLabels(ids: readonly string[]): void {
  const time = Date.parse(`${DAY}T23:59:00Z`);
  const lines = ids.map((requestId) =>
    serializeRecord({ kind: 'label', requestId, label: 'yes', time, received: time }),
  );
  put(`_labels/dt=${DAY}/hour=23/collector-0`, lines);
}

function put(prefix: string, lines: readonly string[]): void {
  const path = at(`log/${prefix}-1763600000000-00000000000${outputs % 10}.jsonl.gz`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, gzipSync(lines.join('')));
}

test('what was collected is compacted first, and judged', async () => {
  capture(0.4, (row) => row % 100 === 7);
  const { code, errors, stdout } = await check();
  expect([code, errors]).toEqual([0, []]);
  expect(report()).toMatchObject({ verdict: 'drift', window: { rows: 1188 }, driftedFeatures: ['amount', 'country'] });
  expect(report().quality).toContainEqual({
    ...{ kind: 'capture', severity: 'warning' },
    message: '12 requests whose response did not come in time: the call failed, or its event was lost',
  });
  expect(stdout).toContain('12 requests whose response did not come in time');
  expect(pushed.map(({ path }) => path)).toEqual(
    ['compaction', '', '-performance', '-events'].map((job) =>
      job === 'compaction'
        ? '/metrics/job/drift-checker-compaction/namespace/ml/model/shop'
        : `/metrics/job/drift-checker${job}/namespace/ml/model/shop`,
    ),
  );
  expect(pushed[0]?.body).toContain('ml_compaction_rows{model="shop",namespace="ml"} 1188');
  expect(pushed[0]?.body).toContain(
    'ml_compaction_findings{model="shop",namespace="ml",kind="request_without_response"} 12',
  );
});

test('a check of performance alone takes in new labels, and pushes nothing else', async () => {
  const ids = capture(0);
  expect((await check('--only', 'performance')).errors).toEqual([]);
  expect(report()).toMatchObject({ window: { rows: 1200 }, performance: { labels: 0, verdict: 'inconclusive' } });
  captureLabels(ids.slice(0, 600));
  const { errors, stdout } = await check('--only', 'performance');
  expect(errors).toEqual([]);
  expect(report()).toMatchObject({ performance: { labels: 600, coverage: 0.5 } });
  expect(Object.keys(report())).not.toContain('features');
  const accuracy = report().performance!.metrics.find(({ metric }) => metric === 'accuracy')!.value;
  expect(stdout).toContain('600 labels (50.0 % of the window)');
  const { method, path, body } = pushed.at(-1)!;
  expect([method, path]).toEqual(['PUT', '/metrics/job/drift-checker-performance/namespace/ml/model/shop']);
  const series = body
    .split('\n')
    .find((line) => line.startsWith('ml_model_accuracy{') && line.includes('estimated="false"'));
  expect(Number(series?.split(' ').at(-1))).toBeCloseTo(accuracy, 10);
  expect(readdirSync(at(`outputs-${outputs}`)).sort()).toEqual(['metrics.prom', 'report.json']);
});

test('with --dry-run it is compacted, and nothing is pushed', async () => {
  capture(0);
  await check('--dry-run');
  await check('--dry-run', '--only', 'performance');
  expect([report().window.rows, pushed]).toEqual([1200, []]);
});

test('nothing that was collected yet is no failure', async () => {
  const { code, errors } = await check();
  expect([code, errors]).toEqual([0, []]);
  expect(report()).toMatchObject({ verdict: 'inconclusive', window: { rows: 0 } });
  expect((await check('--only', 'performance')).code).toBe(0);
});

test('features that are hashed or not recorded are not judged', async () => {
  const [amount, country] = SHOP_SCHEMA.features;
  const schema = { ...SHOP_SCHEMA, features: [amount, { ...country!, recorded: 'dropped' }] };
  writeFiles(world, { 'schema.json': schema });
  capture(0.4);
  expect((await check()).errors).toEqual([]);
  writeFiles(world, { 'schema.json': SHOP_SCHEMA });
  expect(report()).toMatchObject({ countedFeatures: 1, driftedFeatures: ['amount'] });
});

test('--only knows nothing else', async () => {
  const { code, errors } = await check('--only', 'drift');
  expect([code, errors]).toEqual([2, ["--only must be performance, got 'drift'"]]);
});

test('a capture configuration of another model is refused', async () => {
  writeFiles(world, { 'capture.yaml': { ...CAPTURE, model: 'shoes' } });
  const { code, errors } = await check();
  writeFiles(world, { 'capture.yaml': CAPTURE });
  expect([code, errors]).toEqual([
    2,
    [`'${at('capture.yaml')}' is of model 'shoes', the schema '${at('schema.json')}' of 'shop'`],
  ]);
});
