import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failureOf } from '../../common/testing/problems';
import { FileRegistry } from './file-registry';
import { LOCK_SECONDS } from './registry';
import { registrySuite } from './registry-suite';

const directory = mkdtempSync(join(tmpdir(), 'registry-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a registry in a directory', () => {
  registrySuite(() => Promise.resolve(new FileRegistry(directory)));

  test('a lock whose owner never came back is taken over in the end', async () => {
    const registry = new FileRegistry(directory);
    await registry.lock('stale', 'a');
    const long = new Date(Date.now() - (LOCK_SECONDS + 1) * 1000);
    utimesSync(join(directory, 'models/stale.lock'), long, long);
    expect(await registry.lock('stale', 'b')).toEqual({ taken: true });
    expect(await registry.lock('stale', 'a')).toMatchObject({ taken: false, owner: 'b' });
  });

  test('changes that are made at the same time are all kept', async () => {
    const [a, b] = [new FileRegistry(directory), new FileRegistry(directory)];
    const runId = await a.run('busy', 'run', {});
    await a.createVersion('busy', { source: 's3://a', runId, tags: {} });
    const keys = Array.from({ length: 20 }, (_, index) => `tag-${index}`);
    await Promise.all([
      ...keys.map((key, index) => (index % 2 ? a : b).setVersionTag('busy', '1', key, 'set')),
      ...keys.map((key, index) => (index % 2 ? a : b).logRun(runId, { metrics: { [key]: index } })),
      a.setAlias('busy', 'champion', '1'),
    ]);
    expect(Object.keys((await a.version('busy', '1'))!.tags).sort()).toEqual([...keys].sort());
    expect(Object.keys((await a.runData(runId)).metrics).sort()).toEqual([...keys].sort());
    expect((await b.versionByAlias('busy', 'champion'))?.version).toBe('1');
  });

  test('a change whose maker was killed keeps nobody away', async () => {
    const registry = new FileRegistry(directory);
    const runId = await registry.run('killed', 'run', {});
    const busy = join(directory, 'runs', runId, 'run.json.busy');
    writeFileSync(busy, '');
    const long = new Date(Date.now() - 10_000);
    utimesSync(busy, long, long);
    await registry.logRun(runId, { tags: { a: 'b' } });
    expect((await registry.runData(runId)).tags).toEqual({ a: 'b' });
    expect(existsSync(busy)).toBe(false);
  });

  test('a lock that was made and never written names nobody', async () => {
    const path = join(directory, 'models/empty.lock');
    writeFileSync(path, '');
    const past = new Date(Math.floor(Date.now() / 1000 - 2) * 1000);
    utimesSync(path, past, past);
    expect(await new FileRegistry(directory).lock('empty', 'a')).toEqual({
      taken: false,
      owner: 'do something',
      since: past,
    });
  });

  test.each<[string, (registry: FileRegistry) => Promise<unknown>]>([
    ['a run', (registry) => registry.run('m', 'r', {})],
    ['a lock', (registry) => registry.lock('m', 'a')],
    ['an artifact', (registry) => registry.putArtifact('m.r', 'a/b', 'c')],
    ['the artifacts', (registry) => registry.artifacts('m.r', 'a')],
    ['the versions', (registry) => registry.versions('m')],
  ])('in a file: %s is said to be impossible, with the path', async (_, work) => {
    const file = join(directory, 'file');
    writeFileSync(file, 'text');
    const { exitCode, problems } = await failureOf(() => work(new FileRegistry(file)));
    expect(exitCode).toBe(2);
    expect(problems).toEqual([expect.stringMatching(/^cannot (read|write|lock) .*\/file\/.*(ENOTDIR|EEXIST)/)]);
  });

  test('a file that is cut off is said, with its path', async () => {
    writeFileSync(join(directory, 'models/cut.json'), '{"versions": [');
    await expect(new FileRegistry(directory).versions('cut')).rejects.toThrow(/models\/cut\.json is not JSON/);
  });
});
