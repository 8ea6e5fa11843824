import { text } from 'node:stream/consumers';
import { artifactFiles } from '../../common/artifact-files';
import { isMeasured } from '../gates/metric-values';
import { type Registry } from './registry';

/** What every registry must do, whatever it is made of. `open` gives an empty one. */
export function registrySuite(open: () => Promise<Registry>): void {
  let registry: Registry;
  let model: string;
  let models = 0;
  beforeEach(async () => {
    registry = await open();
    model = `model-${Date.now()}-${models++}`;
  });

  const add = async (name: string, tags: Record<string, string> = {}): ReturnType<Registry['createVersion']> => {
    const runId = await registry.run(model, name, {});
    return registry.createVersion(model, { source: `s3://models/${name}`, runId, tags });
  };

  test('a model that is not there has no versions and no aliases', async () => {
    expect(await registry.versions(model)).toEqual([]);
    expect(await registry.version(model, '1')).toBeUndefined();
    expect(await registry.versionByAlias(model, 'champion')).toBeUndefined();
  });

  test('versions count from 1, the newest first, with what they were made of', async () => {
    const first = await add('run-1', { lifecycle: 'staged' });
    await add('run-2');
    expect(first).toMatchObject({
      version: '1',
      source: 's3://models/run-1',
      ready: true,
      tags: { lifecycle: 'staged' },
    });
    expect(Math.abs(first.createdAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect((await registry.versions(model)).map(({ version }) => version)).toEqual(['2', '1']);
    expect(await registry.version(model, '2')).toMatchObject({ source: 's3://models/run-2', tags: {} });
    expect(await registry.version(model, '3')).toBeUndefined();
  });

  test('a version that was registered already is not registered again', async () => {
    await add('run-1');
    expect(await add('run-1')).toMatchObject({ version: '1' });
    expect(await registry.versions(model)).toHaveLength(1);
  });

  test('an alias names one version, and can be moved and removed, also twice', async () => {
    await add('run-1');
    await add('run-2');
    await registry.setAlias(model, 'champion', '1');
    await registry.setAlias(model, 'champion', '2');
    await registry.setAlias(model, 'champion', '2');
    expect((await registry.versionByAlias(model, 'champion'))?.version).toBe('2');
    expect(await registry.versionByAlias(model, 'previous')).toBeUndefined();
    await registry.deleteAlias(model, 'champion');
    await registry.deleteAlias(model, 'champion');
    expect(await registry.versionByAlias(model, 'champion')).toBeUndefined();
  });

  test('a tag is replaced', async () => {
    await add('run-1', { lifecycle: 'staged', kept: 'yes' });
    await registry.setVersionTag(model, '1', 'lifecycle', 'production');
    expect((await registry.version(model, '1'))?.tags).toMatchObject({ lifecycle: 'production', kept: 'yes' });
  });

  test('tags and aliases of versions that are not there are refused', async () => {
    await add('run-1');
    await expect(registry.setVersionTag(model, '9', 'a', 'b')).rejects.toThrow();
    await expect(registry.setAlias(model, 'champion', '9')).rejects.toThrow();
  });

  test('a run of a name is one run, and its metrics are the last ones', async () => {
    const runId = await registry.run(model, 'run-1', { a: '1' });
    expect(await registry.run(model, 'run-1', { b: '2' })).toBe(runId);
    await registry.logRun(runId, { metrics: { accuracy: 0.8 } });
    await registry.logRun(runId, {
      metrics: { accuracy: 0.9, loss: NaN, worst: -Infinity },
      parameters: { depth: '3' },
      tags: { b: '3' },
    });
    const { metrics, tags } = await registry.runData(runId);
    expect(metrics).toMatchObject({ accuracy: 0.9, loss: NaN });
    expect(isMeasured(metrics.worst)).toBe(false);
    expect(tags).toMatchObject({ a: '1', b: '3' });
    await registry.logDataset(runId, { name: 'data', uri: 's3://data/1', digest: `sha256:${'a'.repeat(64)}` });
    await expect(registry.runData('0'.repeat(32))).rejects.toThrow(/no run/);
  });

  test('more is logged than fits into one request', async () => {
    const runId = await registry.run(model, 'run-1', {});
    const many = Array.from({ length: 1234 }, (_, index): [string, number] => [`m${index}`, index]);
    await registry.logRun(runId, { metrics: Object.fromEntries(many) });
    expect(Object.keys((await registry.runData(runId)).metrics)).toHaveLength(1234);
  });

  test('a run is found by its name, and not made by being looked for', async () => {
    expect(await registry.findRun(model, 'run-1')).toBeUndefined();
    const runId = await registry.run(model, 'run-1', {});
    expect(await registry.findRun(model, 'run-1')).toBe(runId);
    expect(await registry.findRun(model, 'run-2')).toBeUndefined();
  });

  test('an artifact that the registry keeps is read by its address, and other addresses are what they are', async () => {
    const runId = await registry.run(model, 'run-1', {});
    await registry.putArtifact(runId, 'model/a.txt', 'weights');
    await registry.putArtifact(runId, 'model/sub folder/ü.txt', 'more');
    const found = await registry.artifactAt(`runs:/${runId}/model`);
    const files = typeof found === 'string' ? await artifactFiles(found) : found;
    expect(files.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['a.txt', 7],
      ['sub folder/ü.txt', 4],
    ]);
    expect(await text(await files[1]!.open())).toBe('more');
    expect(await registry.artifactAt('s3://models/churn/1')).toBe('s3://models/churn/1');
    expect(await registry.artifactAt('/models/churn')).toBe('/models/churn');
  });

  test('artifacts are read as they were written, and listed in their order', async () => {
    const runId = await registry.run(model, 'run-1', {});
    expect(await registry.artifact(runId, 'monitoring/profile.json')).toBeUndefined();
    await registry.putArtifact(runId, 'decisions/2.json', '{"ü":2}\n');
    await registry.putArtifact(runId, 'decisions/1.json', '{}');
    expect(await registry.artifact(runId, 'decisions/2.json')).toBe('{"ü":2}\n');
    expect(await registry.artifacts(runId, 'decisions')).toEqual(['decisions/1.json', 'decisions/2.json']);
    expect(await registry.artifacts(runId, 'nothing')).toEqual([]);
  });

  test('a lock has one owner, who may take it again', async () => {
    expect(await registry.lock(model, 'a')).toEqual({ taken: true });
    expect(await registry.lock(model, 'a')).toEqual({ taken: true });
    expect(await registry.lock(model, 'b')).toMatchObject({ taken: false, owner: 'a' });
    await registry.unlock(model, 'b');
    expect(await registry.lock(model, 'b')).toMatchObject({ taken: false });
    await registry.unlock(model, 'a');
    expect(await registry.lock(model, 'b')).toEqual({ taken: true });
    await registry.unlock(model, 'b');
    await registry.unlock(model, 'b');
  });

  test('of many who want the lock at once one gets it', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, owner) => registry.lock(model, `owner-${owner}`)));
    expect(answers.filter(({ taken }) => taken)).toHaveLength(1);
  });
}
