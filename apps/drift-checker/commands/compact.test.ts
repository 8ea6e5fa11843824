import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CAPTURE_DEFAULTS, type CaptureFile } from 'cdk8s-mlops/contract';
import { type Ended, Program } from '../../../test/support/program';
import { LocalServer } from '../../common/testing/local-server';
import { CompactionLock } from '../compact/compaction-lock';
import { DAY, request, response, SHOP, TestLog } from '../compact/testing/test-log';
import { writeFiles } from './testing/shop';

const program = Program.build('drift-checker');
const world = mkdtempSync(join(tmpdir(), 'compact-'));
const outputs = join(world, 'outputs');
let log: TestLog;
let runs = 0;
const servers: LocalServer[] = [];

beforeEach(() => (log = new TestLog(join(world, `log-${runs++}`))));
afterEach(async () => {
  rmSync(outputs, { recursive: true, force: true });
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(() => {
  rmSync(world, { recursive: true });
  program.remove();
});

function compact(config: Partial<CaptureFile> = {}, env: Record<string, string> = {}): Promise<Ended> {
  writeFiles(world, {
    'schema.json': SHOP,
    'capture.yaml': {
      ...{ version: 1, model: 'shop', namespace: 'ml', schema: join(world, 'schema.json'), log: log.directory },
      ...{ inferenceServices: ['shop'], ...CAPTURE_DEFAULTS, ...config },
    },
  });
  return program.run(['compact', '--config', join(world, 'capture.yaml')], { OUTPUT_DIR: outputs, ...env });
}

async function serve(...args: Parameters<typeof LocalServer.start>): Promise<LocalServer> {
  const server = await LocalServer.start(...args);
  servers.push(server);
  return server;
}

test('it tells what it did, in words and as a report', async () => {
  log.bring([request('a'), response('a'), request('b'), response('b', 'x')]);
  const { code, errors, stdout } = await compact();
  expect([code, errors]).toEqual([0, []]);
  expect(stdout).toContain('1 segments gave 1 predictions in 1 new files');
  expect(stdout).toMatch(/requests or responses that cannot be read as the model’s +1\n/);
  expect(stdout).toContain(`report: ${outputs}/compaction.json`);
  expect(JSON.parse(readFileSync(join(outputs, 'compaction.json'), 'utf8'))).toEqual({
    ...{ rows: 1, parts: log.parts(), updated: [], expired: [], segments: 1, waitingCalls: 0, waitingLabels: 0 },
    findings: { undecodable: { count: 1, examples: [expect.stringContaining("response 'b'")] } },
  });
  expect(readdirSync(program.temporary)).toEqual([]);
});

test('it pushes what it found, and keeps that while there is nothing to do', async () => {
  const gateway = await serve(() => ({ status: 200 }));
  log.bring([request('a'), response('a'), response('a')]);
  for (let run = 0; run < 2; run++) expect((await compact({}, { PUSHGATEWAY_URL: gateway.url })).errors).toEqual([]);
  const [first, second] = gateway.received;
  expect([first, second]).toMatchObject([{ method: 'PUT' }, { method: 'POST' }]);
  expect(first!.path).toBe(second!.path);
  expect(first!.path).toBe('/metrics/job/drift-checker-compaction/namespace/ml/model/shop');
  const samples = (body: string): string[] => body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(samples(first!.body)).toEqual([
    expect.stringMatching(/^ml_compaction_last_success_timestamp_seconds\{.*\} [\d.]+$/),
    expect.stringMatching(/^ml_compaction_rows\{.*\} 1$/),
    expect.stringMatching(/^ml_compaction_findings\{.*kind="repeated_event".*\} 1$/),
  ]);
  expect(samples(second!.body)).toEqual([expect.stringMatching(/^ml_compaction_last_success_timestamp_seconds/)]);
});

test('a gateway that fails keeps nothing from the log', async () => {
  const gateway = await serve(() => ({ status: 400, body: 'no' }));
  log.bring([request('a'), response('a')]);
  const { code, errors } = await compact({}, { PUSHGATEWAY_URL: gateway.url });
  expect([code, errors.length, await log.ids()]).toEqual([3, 1, ['a']]);
});

test('while another one compacts it does nothing, says so, and pushes nothing', async () => {
  const gateway = await serve(() => ({ status: 200 }));
  log.bring([request('a'), response('a')]);
  await CompactionLock.take(log.store);
  const { code, stdout } = await compact({}, { PUSHGATEWAY_URL: gateway.url });
  expect([code, log.parts(), gateway.received]).toEqual([0, [], []]);
  expect(stdout).toMatch(/^nothing was compacted: .+ does at this moment\n/);
});

test('versions are read by the schemas that the registry has of them', async () => {
  const features = [SHOP.features[1], SHOP.features[0]];
  const registry = await serve(({ path }) => {
    if (path.includes('get-artifact')) return { status: 200, body: JSON.stringify({ ...SHOP, features }) };
    const model_version = { name: 'shop', version: '1', run_id: 'run', tags: [], source: 's', creation_timestamp: 1 };
    return { status: 200, body: { model_version } };
  });
  log.bring([request('a', { instances: [['DE', 2.5]] }), response('a')]);
  log.bring([request('b', { instances: [['FR', 3.5]] }), response('b')], DAY + 1);
  const { code, errors } = await compact({ registry: registry.url });
  expect([code, errors]).toEqual([0, []]);
  expect(await log.rows('request_id, version, amount, country')).toMatchObject([
    { amount: 2.5, country: 'DE' },
    { amount: 3.5, country: 'FR' },
  ]);
  // Once for all calls: of the version, and of its schema.
  expect(registry.received).toHaveLength(2);
});

test('a registry that cannot be asked is waited for: nothing is read by a wrong schema', async () => {
  const registry = await serve(() => ({ status: 400, body: { error_code: 'BAD_REQUEST', message: 'no' } }));
  log.bring([request('a'), response('a')]);
  const { code, errors } = await compact({ registry: registry.url });
  expect([code, errors.length, log.parts(), log.segments().length]).toEqual([2, 1, [], 1]);
});

test('a configuration of another model is refused', async () => {
  const { code, errors } = await compact({ model: 'other' });
  expect([code, errors]).toEqual([
    2,
    [`'${join(world, 'capture.yaml')}' is of model 'other', the schema '${join(world, 'schema.json')}' of 'shop'`],
  ]);
  expect(existsSync(outputs)).toBe(false);
});
