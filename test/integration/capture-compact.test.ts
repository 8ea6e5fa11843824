import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CAPTURE_DEFAULTS } from 'cdk8s-mlops/contract';
import { StoreFolder } from '../../apps/common/store-files';
import { removeTemporaryFiles, temporaryDirectory } from '../../apps/common/temporary-files';
import { writeFiles } from '../../apps/drift-checker/commands/testing/shop';
import { type CompactionReport } from '../../apps/drift-checker/compact/compact';
import { CompactionLock, LEASE, LOCK } from '../../apps/drift-checker/compact/compaction-lock';
import { crashScene, playCrash } from '../../apps/drift-checker/compact/testing/crash-scene';
import { CHANGES, DyingStore, type Moment } from '../../apps/drift-checker/compact/testing/dying-store';
import { DAY, label, request, response, SHOP, TestLog } from '../../apps/drift-checker/compact/testing/test-log';
import { Program } from '../support/program';
import { type RealServer, startMoto, storeEnvironment } from './real-servers';

/*
 * Compaction against a real object store, in this process and as the bundled program.
 */

const world = mkdtempSync(join(tmpdir(), 'capture-compact-'));
const program = Program.build('drift-checker');
const kept = { ...process.env };
let moto: RealServer;
let logs = 0;

beforeAll(async () => {
  moto = await startMoto();
  // The client of this process is made when it is needed first.
  Object.assign(process.env, storeEnvironment(moto.url));
});
afterEach(removeTemporaryFiles);
afterAll(async () => {
  process.env = kept;
  await moto.server.stop();
  program.remove();
  rmSync(world, { recursive: true });
});

/** A log in a bucket of its own, whose segments and rows lie in a directory here before and after. */
class RemoteLog extends TestLog {
  public static async create(prefix: string): Promise<RemoteLog> {
    const bucket = `log-${logs++}`;
    const scope = 'Credential=test/20261120/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0';
    const init = { method: 'PUT', headers: { authorization: `AWS4-HMAC-SHA256 ${scope}` } };
    expect((await fetch(`${moto.url}/${bucket}`, init)).status).toBe(200);
    return new RemoteLog(await temporaryDirectory('remote'), `s3://${bucket}${prefix}`);
  }

  public readonly remote: StoreFolder;

  private constructor(
    directory: string,
    public readonly uri: string,
  ) {
    super(directory);
    this.remote = new StoreFolder(uri);
  }

  /** Puts there what lies here. */
  public async upload(): Promise<void> {
    for (const name of this.files()) await this.remote.put(join(this.directory, name), name);
  }

  public override async compact(options: Parameters<TestLog['compact']>[0] = {}): Promise<CompactionReport> {
    await this.upload();
    return super.compact({ store: this.remote, ...options });
  }

  /** What lies there, here. */
  public async download(): Promise<TestLog> {
    const directory = await temporaryDirectory('copy');
    await this.remote.fetch(await this.names(), directory);
    return new TestLog(directory);
  }

  public async names(): Promise<string[]> {
    return (await this.remote.list('')).map(({ name }) => name);
  }

  public override async rows(columns?: string): Promise<Record<string, unknown>[]> {
    const copy = await this.download();
    return TestLog.prototype.rows.call(copy, columns);
  }
}

describe.each([
  ['at the root of a bucket', ''],
  ['under a prefix', '/models/shop'],
])('a log %s', (_, prefix) => {
  test('is compacted, and labels that come later touch only their part', async () => {
    const log = await RemoteLog.create(prefix);
    log.bring([
      request('a'),
      response('a'),
      request('b', undefined, { time: DAY - 1 }),
      response('b', undefined, { time: DAY - 1 }),
    ]);
    expect(await log.compact()).toMatchObject({ rows: 2, segments: 1 });
    const [first, second] = (await log.names()).filter((name) => name.startsWith('dt='));
    expect(await log.names()).toEqual([`_index/${first}`, `_index/${second}`, '_state/calls.parquet', first, second]);
    log.bring([label('a', 'no')]);
    expect(await log.compact()).toMatchObject({ updated: [second], waitingLabels: 1 });
    expect(await log.rows()).toEqual([
      { request_id: 'a', version: '1', prediction: 'yes', label: 'no' },
      { request_id: 'b', version: '1', prediction: 'yes', label: null },
    ]);
    expect(await log.compact({ config: { retentionDays: 1 }, at: DAY + 10 * 24 * 3_600_000 })).toMatchObject({
      expired: [first, second],
    });
    expect(await log.names()).toEqual(['_state/calls.parquet', '_state/labels.parquet']);
  });
});

describe('the lock', () => {
  test('is had by one of many, is taken over when it is over, and kept by who goes on', async () => {
    const { remote } = await RemoteLog.create('');
    let now = DAY;
    const take = (): ReturnType<typeof CompactionLock.take> => CompactionLock.take(remote, () => now);
    const taken = async (): Promise<CompactionLock[]> => {
      const all = await Promise.all(Array.from({ length: 5 }, take));
      return all.filter((lock) => lock instanceof CompactionLock);
    };
    const [first, ...others] = await taken();
    expect(others).toEqual([]);
    now += LEASE / 2;
    await first!.renew();
    now += LEASE - 1;
    expect(await taken()).toEqual([]);
    now += 1;
    const [second, ...more] = await taken();
    expect([second, more]).toEqual([expect.any(CompactionLock), []]);
    await expect(first!.renew()).rejects.toThrow('another compaction has taken over');
    await first!.release();
    expect(await remote.read(LOCK)).toBeDefined();
    await second!.release();
    expect(await remote.read(LOCK)).toBeUndefined();
  });
});

test.each<[Moment]>([['before'], ['half'], ['after']])(
  'killed %s any call and run again, a log ends as if nothing had happened',
  async (moment) => {
    const run = async (nth: number): Promise<{ calls: string[]; played: Awaited<ReturnType<typeof playCrash>> }> => {
      const log = await RemoteLog.create('/shop');
      const scene = await crashScene(log);
      await log.upload();
      const dying = new DyingStore(log.remote, nth, moment);
      const disturbed = log.compact({ ...scene.options, store: dying.store });
      if (nth < Infinity) {
        await expect(disturbed).rejects.toThrow('killed');
        await log.compact({ ...scene.options, at: scene.options.at + LEASE });
      } else await disturbed;
      const played = await playCrash(log, scene);
      return { calls: dying.calls, played };
    };
    const { calls, played: expected } = await run(Infinity);
    for (const [index, call] of calls.entries()) {
      if (!CHANGES.includes(call) || (moment === 'half' && call !== 'remove')) continue;
      expect({ index, call, played: (await run(index + 1)).played }).toEqual({ index, call, played: expected });
    }
  },
  600_000,
);

test('the program, killed again and again, loses and doubles nothing', async () => {
  const log = await RemoteLog.create('/shop');
  const ids = Array.from({ length: 200 }, (_, index) => `call-${String(index).padStart(3, '0')}`);
  ids.forEach((id, index) => log.bring([request(id), response(ids[(index + 7) % 200]!)], DAY + index));
  log.bring(ids.map((id) => label(id, 'yes', DAY, DAY)));
  await log.upload();
  writeFiles(world, {
    'schema.json': SHOP,
    'capture.yaml': {
      ...CAPTURE_DEFAULTS,
      ...{ version: 1, model: 'shop', namespace: 'ml', schema: join(world, 'schema.json'), log: log.uri },
      ...{ inferenceServices: ['shop'], labelDays: 3650 },
    },
  });
  const env = { ...storeEnvironment(moto.url), OUTPUT_DIR: join(world, 'outputs'), PATH: process.env.PATH ?? '' };
  await mkdir(join(world, 'outputs'), { recursive: true });
  const args = ['compact', '--config', join(world, 'capture.yaml')];
  // It has begun, written predictions, and labels.
  for (const sign of [LOCK, 'dt=', '_state/labels.parquet']) {
    const running = program.start(args, env);
    let isOver = false;
    void running.ended.then(() => (isOver = true));
    while (!isOver && !(await log.names()).some((name) => name.startsWith(sign)));
    running.kill('SIGKILL');
    await running.ended;
    // Its lease is not over for ten minutes.
    await log.remote.remove([LOCK]);
  }
  const { code, errors } = await program.run(args, env);
  expect([code, errors]).toEqual([0, []]);
  expect((await log.rows()).map(({ request_id: id, label: value }) => [id, value])).toEqual(
    ids.map((id) => [id, 'yes']),
  );
  expect((await log.names()).filter((name) => name.endsWith('.gz'))).toEqual([]);
  expect(JSON.parse(readFileSync(join(world, 'outputs', 'compaction.json'), 'utf8'))).toMatchObject({
    waitingCalls: 0,
  });
});
