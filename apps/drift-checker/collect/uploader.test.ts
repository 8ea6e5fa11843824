import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { StoreFolder } from '../../common/store-files';
import { repeat, SILENT } from '../../common/testing/test-data';
import { textsIn, until } from './testing/capture-world';
import { type Upload, Uploader, type UploaderOptions } from './uploader';

let world: string;
let buffer: string;
let log: string;
let attempts: boolean[];
const uploaders: Uploader[] = [];

beforeEach(() => {
  world = mkdtempSync(join(tmpdir(), 'uploader-'));
  buffer = mkdtempSync(join(world, 'buffer-'));
  log = join(world, 'log');
  attempts = [];
});
afterEach(async () => {
  await Promise.all(uploaders.splice(0).map((each) => each.drain(0)));
  rmSync(world, { recursive: true, force: true });
});

function start(changes: Partial<UploaderOptions> = {}): Uploader {
  const uploader = new Uploader({
    ...{ store: new StoreFolder(log), log: SILENT, backoffMs: [1, 4] },
    onAttempt: (stored) => attempts.push(stored),
    ...changes,
  });
  uploaders.push(uploader);
  return uploader;
}

function segment(name: string, text = `${name}\n`): Upload {
  const path = join(buffer, `${name}.jsonl`);
  writeFileSync(path, text);
  return { path, bytes: Buffer.byteLength(text), openedAt: Date.parse('2026-11-20T10:59:59.999Z'), folder: '_events' };
}

/** A store that fails as often as it is told to, and hangs while it is told to. */
class UnreliableStore {
  public failures = 0;
  public hangs = false;
  public asked = 0;
  private readonly store = new StoreFolder(log);

  public async put(path: string, name: string, signal?: AbortSignal): Promise<void> {
    this.asked++;
    if (this.hangs) await sleep(600_000, undefined, { signal });
    if (this.failures-- > 0) throw new Error('the store is gone');
    await this.store.put(path, name);
  }
}

test('a segment is in the store, packed, in the folder of its hour, and no longer on the disk', async () => {
  const uploader = start();
  uploader.add(segment('1-a', 'one\ntwo\n'));
  expect([uploader.segments, uploader.bytes]).toEqual([1, 8]);
  await uploader.drain(10_000);
  expect([uploader.segments, uploader.bytes]).toEqual([0, 0]);
  expect(readdirSync(join(log, '_events/dt=2026-11-20/hour=10'))).toEqual(['1-a.jsonl.gz']);
  expect(gunzipSync(readFileSync(join(log, '_events/dt=2026-11-20/hour=10/1-a.jsonl.gz'))).toString()).toBe(
    'one\ntwo\n',
  );
  expect(readdirSync(buffer)).toEqual([]);
  expect(attempts).toEqual([true]);
});

test('only what was acknowledged of it: nothing that a failing disk left behind that', async () => {
  const uploader = start();
  uploader.add({ ...segment('1-a', 'whole\nhal'), bytes: 6 });
  await uploader.drain(10_000);
  expect(textsIn(log)).toBe('whole\n');
});

test('put a second time it replaces itself: a process that was killed in between leaves one', async () => {
  for (let time = 0; time < 2; time++) {
    const uploader = start();
    uploader.add(segment('1-a'));
    await uploader.drain(10_000);
  }
  expect(textsIn(log)).toBe('1-a\n');
});

test('a store that fails and comes back gets everything, and every attempt is counted', async () => {
  const store = new UnreliableStore();
  store.failures = 17;
  const uploader = start({ store });
  for (let name = 0; name < 20; name++) uploader.add(segment(`${name}-a`));
  await until(() => uploader.segments === 0);
  expect(textsIn(log).trim().split('\n').sort()).toEqual(repeat(20, (name) => `${name}-a`).sort());
  expect(attempts.filter((stored) => stored)).toHaveLength(20);
  expect(attempts.filter((stored) => !stored)).toHaveLength(17);
  expect(uploader.bytes).toBe(0);
});

test('what fails leaves no packed file, which a full disk would have no room for', async () => {
  const store = new UnreliableStore();
  store.failures = Infinity;
  const uploader = start({ store });
  uploader.add(segment('1-a'));
  await until(() => attempts.length > 2);
  await uploader.drain(0);
  expect(readdirSync(buffer)).toEqual(['1-a.jsonl']);
  expect([uploader.segments, uploader.bytes]).toEqual([1, 4]);
});

test('segments that cannot be read do not keep others from the store', async () => {
  const uploader = start();
  const gone = repeat(3, (name) => segment(`${name}-gone`));
  for (const { path } of gone) rmSync(path);
  for (const each of gone) uploader.add(each);
  uploader.add(segment('9-a'));
  await until(() => uploader.segments === 3);
  expect(textsIn(log)).toBe('9-a\n');
});

test('draining does not wait out a long pause', async () => {
  const store = new UnreliableStore();
  store.failures = 1;
  const uploader = start({ store, backoffMs: [600_000, 600_000] });
  uploader.add(segment('1-a'));
  await until(() => attempts.length === 1);
  await uploader.drain(10_000);
  expect(uploader.segments).toBe(0);
  expect(textsIn(log)).toBe('1-a\n');
});

test('draining ends at its deadline though a store hangs, and what is left is said and still there', async () => {
  const store = new UnreliableStore();
  store.hangs = true;
  const uploader = start({ store });
  for (let name = 0; name < 3; name++) uploader.add(segment(`${name}-a`));
  const began = performance.now();
  await uploader.drain(50);
  expect(performance.now() - began).toBeLessThan(900);
  expect([uploader.segments, uploader.bytes]).toEqual([3, 12]);
  expect(readdirSync(buffer).sort()).toEqual(['0-a.jsonl', '1-a.jsonl', '2-a.jsonl']);
});

test('a put that hangs keeps no other worker', async () => {
  const store = new UnreliableStore();
  store.hangs = true;
  const uploader = start({ store });
  uploader.add(segment('1-a'));
  await until(() => store.asked === 1);
  store.hangs = false;
  uploader.add(segment('2-a'));
  await until(() => uploader.segments === 1);
  expect(textsIn(log)).toBe('2-a\n');
});

test('draining with nothing to do is done at once', async () => {
  const uploader = start();
  const began = performance.now();
  await uploader.drain(60_000);
  expect(performance.now() - began).toBeLessThan(500);
});
