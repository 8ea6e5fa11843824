import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalServer, type Received } from '../../common/testing/local-server';
import { failureOf } from '../../common/testing/problems';
import { FileRegistry } from '../registry/file-registry';
import { archiveArtifacts, prepareToServe } from './artifact-objects';
import { rollback } from './rollback';

/*
 * What is asked of an object store, and when: a bucket with one object for each version. Its answers are as short as S3 allows.
 */

const directory = mkdtempSync(join(tmpdir(), 'objects-'));
const MODEL = 'churn';
let bucket: LocalServer;
let registry: FileRegistry;
let archived: Set<string>;
let during: (key: string) => void;
let registries = 0;

const saved = { ...process.env };
beforeAll(async () => {
  bucket = await LocalServer.start((request) => ({ status: 200, body: answer(request) }));
  const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' };
  Object.assign(process.env, { ...credentials, AWS_ENDPOINT_URL_S3: bucket.url, AWS_MAX_ATTEMPTS: '1' });
});
beforeEach(() => {
  registry = new FileRegistry(join(directory, String(registries++)));
  archived = new Set();
  during = () => undefined;
});
afterAll(async () => {
  process.env = saved;
  await bucket.stop();
  rmSync(directory, { recursive: true, force: true });
});

function answer({ method, path, headers }: Received): string {
  const { pathname, searchParams } = new URL(path, 'http://s3');
  const key = pathname.replace(/^\/models\/?/, '');
  if (searchParams.has('list-type')) {
    const prefix = searchParams.get('prefix')!;
    const object = `<Contents><Key>${prefix}/model.bin</Key><Size>7</Size></Contents>`;
    return `<ListBucketResult>${prefix === 'gone' ? '' : object}</ListBucketResult>`;
  }
  if (searchParams.has('tagging') && method === 'GET') {
    const tag = '<Tag><Key>lifecycle</Key><Value>archived</Value></Tag>';
    return `<Tagging><TagSet>${archived.has(key) ? tag : ''}</TagSet></Tagging>`;
  }
  if (searchParams.has('tagging')) archived.delete(key);
  if (headers['x-amz-copy-source']) {
    during(key);
    archived.add(key);
    return '<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>';
  }
  return '';
}

/** Versions of these lifecycles, with their artifacts in the bucket. */
async function versions(...lifecycles: string[]): Promise<void> {
  for (const [index, lifecycle] of lifecycles.entries()) {
    const runId = await registry.run(MODEL, `run-${index + 1}`, {});
    const uri = `s3://models/run-${index + 1}`;
    const tags = { lifecycle, 'artifact.uri': uri, 'gate.verdict': 'pass' };
    await registry.createVersion(MODEL, { source: uri, runId, tags });
  }
}

const lifecycleOf = async (version: string): Promise<string | undefined> =>
  (await registry.version(MODEL, version))?.tags['artifact.lifecycle'];
const prepare = (at: string): Promise<void> =>
  prepareToServe(registry, MODEL, {
    ...{
      version: '7',
      createdAt: new Date(0),
      ready: true,
      source: 'mlflow-artifacts:/x',
      tags: { 'artifact.uri': at },
    },
  });

describe('an artifact that shall serve', () => {
  test.each(['gs://models/x', 'relative/path', '', 'models:/churn/7'])(
    "at '%s', where we cannot look, is taken as it is",
    async (uri) => expect(await prepare(uri)).toBeUndefined(),
  );

  test('is looked for on this machine', async () => {
    const model = join(directory, 'model');
    mkdirSync(model);
    expect(await failureOf(() => prepare(model))).toEqual({
      exitCode: 2,
      problems: [
        `the artifact of version 7 of 'churn' is gone: there is nothing at '${model}', so that nothing could serve it; name another version`,
      ],
    });
    writeFileSync(join(model, 'model.bin'), 'weights');
    await prepare(model);
    await prepare(`file://${model}`);
  });

  test('is looked for in the bucket', async () => {
    expect((await failureOf(() => prepare('s3://models/gone'))).problems[0]).toMatch(/is gone: there is nothing at/);
  });

  test('may not expire any more, and the version does not say so', async () => {
    await versions('archived');
    await registry.setVersionTag(MODEL, '1', 'artifact.lifecycle', 'archived');
    archived.add('run-1/model.bin');
    await prepareToServe(registry, MODEL, (await registry.version(MODEL, '1'))!);
    expect([archived.size, await lifecycleOf('1')]).toEqual([0, '']);
  });
});

describe('artifacts of archived versions', () => {
  test('may expire, but not of what an alias names, or of what was never archived', async () => {
    await versions('archived', 'archived', 'production', 'canary', 'staged');
    await registry.setAlias(MODEL, 'previous', '2');
    await registry.setAlias(MODEL, 'champion', '3');
    await archiveArtifacts(registry, MODEL, 'promote');
    expect([...archived]).toEqual(['run-1/model.bin']);
    expect(await Promise.all(['1', '2', '3', '4', '5'].map(lifecycleOf))).toEqual([
      'archived',
      ...[undefined, undefined, undefined, undefined],
    ]);
    const asked = bucket.received.length;
    await archiveArtifacts(registry, MODEL, 'promote');
    expect(bucket.received.length).toBe(asked);
  });

  test('of the version that is gone back to next are kept again, even where they are gone', async () => {
    await versions('archived', 'production', 'archived');
    for (const version of ['1', '3']) await registry.setVersionTag(MODEL, version, 'artifact.lifecycle', 'archived');
    await registry.setAlias(MODEL, 'champion', '2');
    await registry.setAlias(MODEL, 'previous', '1');
    archived = new Set(['run-1/model.bin', 'run-3/model.bin']);
    await archiveArtifacts(registry, MODEL, 'roll back version 3');
    expect([[...archived], await lifecycleOf('1'), await lifecycleOf('3')]).toEqual([
      ['run-3/model.bin'],
      '',
      'archived',
    ]);
    const runId = await registry.run(MODEL, 'run-4', {});
    const tags = { lifecycle: 'archived', 'artifact.uri': 's3://models/gone', 'artifact.lifecycle': 'archived' };
    await registry.createVersion(MODEL, { source: 's3://models/gone', runId, tags });
    await registry.setAlias(MODEL, 'previous', '4');
    await archiveArtifacts(registry, MODEL, 'roll back version 2');
    expect(await lifecycleOf('4')).toBe('archived');
  });

  test('nobody goes back to a version while it is being archived', async () => {
    await versions('archived', 'production');
    await registry.setAlias(MODEL, 'champion', '2');
    let back: Promise<unknown> | undefined;
    during = (): void => {
      back ??= failureOf(() => rollback({ registry, model: MODEL, to: '1', reason: 'slow' }));
    };
    await archiveArtifacts(registry, MODEL, 'promote version 2 to production');
    expect(await back).toMatchObject({
      exitCode: 2,
      problems: [
        expect.stringMatching(/^cannot roll back the champion of 'churn': since .* wants to promote version 2/),
      ],
    });
    expect((await registry.versionByAlias(MODEL, 'champion'))?.version).toBe('2');
  });

  test('what became champion since it was looked at keeps its objects', async () => {
    await versions('archived', 'production');
    await registry.setAlias(MODEL, 'champion', '2');
    await registry.lock(MODEL, 'roll back version 2');
    const archiving = archiveArtifacts(registry, MODEL, 'promote version 2 to production');
    await registry.setAlias(MODEL, 'champion', '1');
    await registry.unlock(MODEL, 'roll back version 2');
    await archiving;
    expect([archived.size, await lifecycleOf('1')]).toEqual([0, undefined]);
  });

  test('on this machine are left alone', async () => {
    const runId = await registry.run(MODEL, 'run', {});
    await registry.createVersion(MODEL, { source: directory, runId, tags: { lifecycle: 'archived' } });
    await archiveArtifacts(registry, MODEL, 'promote');
    expect(await lifecycleOf('1')).toBeUndefined();
  });
});
