import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreFolder } from './store-files';
import { LocalServer } from './testing/local-server';
import { failureOf } from './testing/problems';

let world: string;
let file: string;
beforeEach(() => {
  world = mkdtempSync(join(tmpdir(), 'store-'));
  file = join(world, 'file');
  writeFileSync(file, 'text');
});
afterEach(() => rmSync(world, { recursive: true, force: true }));

/** How often a file is open in this process. */
function timesOpen(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}

describe('on this machine', () => {
  test('a file is moved, replaces the one of its name, and is whole or absent', async () => {
    const store = new StoreFolder(join(world, 'log'));
    await store.put(file, 'a/b');
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, 'again');
    await store.put(file, 'a/b');
    expect(readFileSync(join(world, 'log/a/b'), 'utf8')).toBe('again');
    writeFileSync(join(world, 'log/a/c.7.part'), 'half');
    expect(await store.list('a')).toEqual([{ name: 'a/b', bytes: 5 }]);
  });

  test('a file that cannot be moved stays, and leaves nothing of itself', async () => {
    writeFileSync(join(world, 'log'), 'in the way');
    const { exitCode, problems } = await failureOf(() => new StoreFolder(join(world, 'log')).put(file, 'a/b'));
    expect(exitCode).toBe(2);
    expect(problems[0]).toContain(`cannot write ${join(world, 'log/a/b')}: `);
    expect(readFileSync(file, 'utf8')).toBe('text');
    expect(readdirSync(world).sort()).toEqual(['file', 'log']);
  });

  test('a small text is created once, and replaced by who read it last', async () => {
    const store = new StoreFolder(join(world, 'log'));
    expect(await store.read('state')).toBeUndefined();
    expect(await store.create('state', '1')).toBe(true);
    expect(await store.create('state', '2')).toBe(false);
    const { text, tag } = (await store.read('state'))!;
    expect(text).toBe('1');
    expect(await store.replace('state', '2', tag)).toBe(true);
    expect(await store.replace('state', '3', tag)).toBe(false);
    expect((await store.read('state'))?.text).toBe('2');
    expect(readdirSync(join(world, 'log'))).toEqual(['state']);
  });

  test('what is removed is gone, and so is what was', async () => {
    const store = new StoreFolder(world);
    await store.remove(['file', 'none']);
    expect(await store.list('')).toEqual([]);
    expect(await store.list('none')).toEqual([]);
  });
});

describe('in an object store', () => {
  const previous = { ...process.env };
  let server: LocalServer;
  let status: number | 'silence' = 503;
  beforeAll(async () => {
    server = await LocalServer.start(() => (status === 'silence' ? status : { status }));
    // The SDK says that a stream cannot be sent twice.
    jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    // The process has one client, made when it is needed first.
    Object.assign(process.env, {
      ...{ AWS_ENDPOINT_URL_S3: server.url, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_MAX_ATTEMPTS: '1' },
    });
  });
  afterAll(async () => {
    process.env = previous;
    jest.restoreAllMocks();
    await server.stop();
  });

  test('that fails, a file stays and is not kept open', async () => {
    status = 503;
    for (let attempt = 0; attempt < 3; attempt++) {
      const { exitCode, problems } = await failureOf(() => new StoreFolder('s3://bucket/log').put(file, 'a/b'));
      expect(exitCode).toBe(3);
      expect(problems[0]).toContain('s3://bucket/log/a/b');
    }
    expect(existsSync(file)).toBe(true);
    await expectClosed();
  });

  test('that does not answer, it can be broken off', async () => {
    status = 'silence';
    const ended = new AbortController();
    const before = server.received.length;
    const put = new StoreFolder('s3://bucket/log').put(file, 'a/b', ended.signal);
    const failed = expect(put).rejects.toThrow();
    while (server.received.length === before) await new Promise(setImmediate);
    ended.abort();
    await failed;
    expect(existsSync(file)).toBe(true);
    await expectClosed();
  });

  test('that is not even asked, because it is over, it can be deleted at once', async () => {
    await expect(new StoreFolder('s3://bucket/log').put(file, 'a/b', AbortSignal.abort())).rejects.toThrow();
    rmSync(file);
    await expectClosed();
  });

  test('that takes it, it is gone from here', async () => {
    status = 200;
    await new StoreFolder('s3://bucket/log').put(file, 'a/b');
    expect(existsSync(file)).toBe(false);
  });

  async function expectClosed(): Promise<void> {
    for (let turn = 0; turn < 1000 && timesOpen(file) > 0; turn++) await new Promise(setImmediate);
    expect(timesOpen(file)).toBe(0);
  }
});
