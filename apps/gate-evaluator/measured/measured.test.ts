import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GateFile, type MetricGate } from 'cdk8s-mlops/contract';
import { failureOf } from '../../common/testing/problems';
import { FileRegistry } from '../registry/file-registry';
import { type RegisteredVersion, type Registry } from '../registry/registry';
import { openBaseline } from './baseline';
import { deriveMetrics, type Derived, importanceArtifact } from './derived-metrics';
import { type MeasuredSource, metricsOfVersion, openMetrics } from './metrics-source';
import { parseNumbers, readNumberFile } from './number-file';

const directory = mkdtempSync(join(tmpdir(), 'measured-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const MODEL = 'fraud';
let folders = 0;

function newFolder(files: Readonly<Record<string, string>> = {}): string {
  const folder = join(directory, String(folders++));
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** A registry with two versions, the first of which is champion. */
async function withChampion(): Promise<FileRegistry> {
  const registry = new FileRegistry(newFolder());
  for (const [index, auc] of [0.9, 0.95].entries()) {
    const runId = await registry.run(MODEL, `run-${index + 1}`, {});
    const tags: Record<string, string> = index === 0 ? { 'evaluation.dataset_digest': 'sha256:data' } : {};
    await registry.logRun(runId, { metrics: { auc }, tags });
    await registry.createVersion(MODEL, { source: `s3://models/${index + 1}`, runId, tags: {} });
  }
  await registry.setAlias(MODEL, 'champion', '1');
  return registry;
}

const changed = (registry: Registry, change: Partial<RegisteredVersion>): Registry =>
  Object.assign(Object.create(registry) as Registry, {
    version: async (model: string, version: string) => ({ ...(await registry.version(model, version))!, ...change }),
    versionByAlias: async (model: string, alias: string) => ({
      ...(await registry.versionByAlias(model, alias))!,
      ...change,
    }),
  });

describe('a file of numbers', () => {
  test.each<[string, Record<string, number>]>([
    ['{"auc": 0.93, "latency": 0, "loss": -1e-7}', { auc: 0.93, latency: 0, loss: -1e-7 }],
    ['{}', {}],
    ['{"a": NaN, "b": Infinity, "c": -Infinity}', { a: NaN, b: Infinity, c: -Infinity }],
    ['{\n\t"a": NaN\n}', { a: NaN }],
    [
      '{"a": "NaN", "b": "nan", "c": "Infinity", "d": "-Infinity", "e": "inf", "f": "-inf"}',
      {
        a: NaN,
        b: NaN,
        c: Infinity,
        d: -Infinity,
        e: Infinity,
        f: -Infinity,
      },
    ],
    ['{"a": 1e400}', { a: Infinity }],
    ['\ufeff{"a": 1}', { a: 1 }],
    ['\ufeff{"a": NaN}', { a: NaN }],
    ['a: 1\nb: .nan\n', { a: 1, b: NaN }],
    ['{"a.b/c d": 1, "constructor": 2}', { 'a.b/c d': 1, constructor: 2 }],
  ])('%j is read', (text, values) => expect(parseNumbers(text, 'm.json', 'the metrics')).toEqual(values));

  test.each<[string, string[]]>([
    ['{"a": "0.93"}', ['m.json:1:2: \'a\' must be a number, got "0.93"; write it without quotes']],
    ['{"a": ""}', ['m.json:1:2: \'a\' must be a number, got ""; write it without quotes']],
    ['{"a": "constructor"}', ['m.json:1:2: \'a\' must be a number, got "constructor"; write it without quotes']],
    ['{"a": null}', ["m.json:1:2: 'a' must be a number, got null"]],
    ['{"a": true}', ["m.json:1:2: 'a' must be a number, got true"]],
    ['{"a": [1]}', ["m.json:1:2: 'a' must be a number, got [1]; write its parts as 'a.<part>'"]],
    ['{"a": {"b": 1}}', ["m.json:1:2: 'a' must be a number, got {\"b\":1}; write its parts as 'a.<part>'"]],
    [
      '{\n  "a": 1,\n  "b": "x",\n  "c": NaN,\n  "d": null\n}',
      [
        'm.json:3:3: \'b\' must be a number, got "x"; write it without quotes',
        "m.json:5:3: 'd' must be a number, got null",
      ],
    ],
    ['{"a": 1,\n "a": 2}', ['m.json:2:2: Map keys must be unique']],
    ['{"a": 1', ['m.json:1:8: Flow map must end with a }']],
    ['{"a": 1} trailing', ['m.json:1:10: Unexpected scalar at node end']],
  ])('%j is refused with its place', async (text, problems) => {
    const failure = await failureOf(() => parseNumbers(text, 'm.json', 'the metrics'));
    expect([failure.exitCode, failure.problems]).toEqual([2, problems]);
  });

  test.each([
    ['', 'null'],
    ['null', 'null'],
    ['3', '3'],
    ['[{"auc": 1}]', '[{"auc":1}]'],
    ['<html><body>Not found</body></html>', '"<html><body>Not found</body></html>"'],
    [`"${'x'.repeat(500)}"`, `"${'x'.repeat(59)}`],
  ])('%j is no object', async (text, got) => {
    const { problems } = await failureOf(() => parseNumbers(text, 'm.json', 'the metrics'));
    const expected = 'the metrics must be a flat JSON object of names and numbers, for example {"accuracy": 0.93}';
    expect(problems).toEqual([`m.json: ${expected}, got ${got}`]);
  });

  test('that is not there is none; one that is there has a digest of its text', async () => {
    const folder = newFolder({ 'm.json': '{"a": 1}\n' });
    expect(await readNumberFile(join(folder, 'no.json'), 'the metrics')).toBeUndefined();
    expect(await readNumberFile(join(folder, 'm.json'), 'the metrics')).toEqual({
      values: { a: 1 },
      digest: 'sha256:e8c628edc9968ef0c668f54e0ba2636b35503357eb1aca0ddc828aeace432f67',
    });
  });
});

describe('metrics by their address', () => {
  test.each<[string, Partial<MeasuredSource>]>([
    ['models:/fraud/2', { source: 'models:/fraud/2', metrics: { auc: 0.95 }, runId: 'fraud.run-2' }],
    [
      'models:/fraud@champion',
      { source: 'models:/fraud/1', metrics: { auc: 0.9 }, runId: 'fraud.run-1', dataDigest: 'sha256:data' },
    ],
    ['runs:/fraud.run-1', { source: 'runs:/fraud.run-1', metrics: { auc: 0.9 }, dataDigest: 'sha256:data' }],
    ['runs://fraud.run-2/', { source: 'runs:/fraud.run-2', metrics: { auc: 0.95 }, dataDigest: undefined }],
  ])('%s', async (uri, expected) => {
    expect(await openMetrics(uri, { model: MODEL, registry: await withChampion() })).toMatchObject(expected);
  });

  test.each([(path: string) => path, (path: string) => `file://${path}`])(
    'a file needs no registry',
    async (address) => {
      const uri = address(join(newFolder({ 'm.json': '{"auc": NaN}' }), 'm.json'));
      const { source, metrics, fileDigest, runId } = await openMetrics(uri, { model: MODEL });
      expect([source, metrics, runId]).toEqual([uri, { auc: NaN }, undefined]);
      expect(fileDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
    },
  );

  test.each([
    ['models:/fraud', /is not an address: expected runs:\/ID, models:\/NAME\/VERSION or models:\/NAME@ALIAS/],
    ['models:/fraud/latest', /is not an address/],
    ['models:/fraud/1/2', /is not an address/],
    ['models:/fraud@', /is not an address/],
    ['runs:/', /is not an address/],
    ['runs:/a/metrics.json', /is not an address/],
    ['models:/other/1', /'models:\/other\/1' is a version of 'other', not of 'fraud'/],
    ['models:/fraud/9', /^there is no 'models:\/fraud\/9' in file:/],
    ['models:/fraud@challenger', /^there is no 'models:\/fraud@challenger' in file:/],
    ['runs:/gone', /has no run 'gone'/],
    ['/nowhere/m.json', /^there are no metrics at '\/nowhere\/m\.json': the evaluate step must write them there/],
    ['gs://bucket/m.json', /'gs:\/\/' is not supported/],
  ])('%s is refused', async (uri, message) => {
    const { exitCode, problems } = await failureOf(async () =>
      openMetrics(uri, { model: MODEL, registry: await withChampion() }),
    );
    expect([exitCode, problems[0]]).toEqual([2, expect.stringMatching(message)]);
  });

  test.each(['models:/fraud/1', 'models:/fraud@champion', 'runs:/x'])('%s needs a registry', async (uri) => {
    const { problems } = await failureOf(() => openMetrics(uri, { model: MODEL }));
    expect(problems).toEqual([`'${uri}' is in a registry: name it with --registry or MLFLOW_TRACKING_URI`]);
  });

  test.each(['models:/fraud/1', 'models:/fraud@champion'])('%s that is still pending is refused', async (uri) => {
    const registry = changed(await withChampion(), { ready: false });
    const { problems } = await failureOf(() => openMetrics(uri, { model: MODEL, registry }));
    expect(problems[0]).toMatch(/^version 1 of 'fraud' is still pending in file:.*: try again when it is registered$/);
  });

  test('of a version without a run are none', async () => {
    const registry = await withChampion();
    const version = { ...(await registry.version(MODEL, '1'))!, runId: undefined };
    expect(await metricsOfVersion(registry, MODEL, version)).toEqual({
      source: 'models:/fraud/1',
      metrics: {},
      version,
    });
  });
});

describe('the baseline', () => {
  const gates = (baseline?: GateFile['baseline']): GateFile => ({ metrics: { auc: { minimum: 0.5 } }, baseline });

  test.each<[GateFile['baseline'], string, number]>([
    [undefined, 'models:/fraud/1', 0.9],
    [{ whenMissing: 'fail' }, 'models:/fraud/1', 0.9],
    [{ from: { alias: 'champion' } }, 'models:/fraud/1', 0.9],
    [{ from: { version: '2' } }, 'models:/fraud/2', 0.95],
    [{ from: { run: 'fraud.run-2' } }, 'runs:/fraud.run-2', 0.95],
  ])('%j', async (baseline, source, auc) => {
    const registry = await withChampion();
    const { found } = await openBaseline({ model: MODEL, registry, gates: gates(baseline), gatesPath: 'gates.yaml' });
    expect(found).toMatchObject({ source, metrics: { auc } });
  });

  test('of a file lies beside the gate file, and needs no registry', async () => {
    const folder = newFolder({ 'old.json': '{"auc": 0.8}' });
    const other = join(newFolder({ 'x.json': '{"auc": 0.7}' }), 'x.json');
    for (const [file, source, auc] of [
      ['old.json', join(folder, 'old.json'), 0.8],
      [other, other, 0.7],
      [`file://${other}`, `file://${other}`, 0.7],
    ] as const) {
      const options = { model: MODEL, gates: gates({ from: { file } }), gatesPath: join(folder, 'gates.yaml') };
      expect((await openBaseline(options)).found).toMatchObject({ source, metrics: { auc } });
    }
  });

  test('that the call names wins over the gate file', async () => {
    const registry = await withChampion();
    const options = { model: MODEL, registry, gates: gates({ from: { file: 'no.json' } }), gatesPath: 'gates.yaml' };
    const { found } = await openBaseline({ ...options, uri: 'models:/fraud/2' });
    expect(found?.source).toBe('models:/fraud/2');
    const gone = await failureOf(() => openBaseline({ ...options, uri: '/nowhere/m.json' }));
    expect(gone.problems[0]).toMatch(/^there are no metrics at '\/nowhere\/m\.json'/);
  });

  test.each<[GateFile['baseline'], string]>([
    [{ from: { alias: 'golden' } }, "'fraud' has no version with the alias 'golden' yet"],
    [{ from: { alias: 'golden' }, whenMissing: 'fail' }, "'fraud' has no version with the alias 'golden' yet"],
    [{ from: { file: '/nowhere.json' }, whenMissing: 'pass' }, "there is no baseline file '/nowhere.json'"],
    [{ from: { file: '/nowhere.json' }, whenMissing: 'absoluteOnly' }, "there is no baseline file '/nowhere.json'"],
  ])('%j that is not there yet is said', async (baseline, why) => {
    const registry = await withChampion();
    expect(await openBaseline({ model: MODEL, registry, gates: gates(baseline), gatesPath: 'g.yaml' })).toEqual({
      why,
    });
  });

  test('of a model that has no version is not there yet', async () => {
    const registry = new FileRegistry(newFolder());
    expect(await openBaseline({ model: MODEL, registry, gates: gates(), gatesPath: 'g.yaml' })).toEqual({
      why: "'fraud' has no version with the alias 'champion' yet",
    });
  });

  test('without a registry is none, unless the gate file names one', async () => {
    const options = { model: MODEL, gatesPath: 'g.yaml' };
    expect(await openBaseline({ ...options, gates: gates({ whenMissing: 'pass' }) })).toEqual({
      why: 'no registry was named, so there is no champion to compare with',
    });
    for (const from of [{ alias: 'champion' }, { version: '1' }, { run: 'x' }]) {
      const { problems } = await failureOf(() => openBaseline({ ...options, gates: gates({ from }) }));
      expect(problems[0]).toBe(
        `the gate file's baseline is in a registry (${JSON.stringify(from)}): name it with --registry or MLFLOW_TRACKING_URI`,
      );
    }
  });

  test.each<[GateFile['baseline'], RegExp]>([
    [{ from: { version: '9' } }, /^there is no 'models:\/fraud\/9' in file:/],
    [{ from: { version: '9' }, whenMissing: 'pass' }, /^there is no 'models:\/fraud\/9' in file:/],
    [{ from: { version: 'seven' } }, /'models:\/fraud\/seven' is not an address/],
    [{ from: { run: 'gone' }, whenMissing: 'pass' }, /has no run 'gone'/],
    [
      { from: { file: '/nowhere.json' } },
      /^there is no baseline file '\/nowhere\.json': write it, or say in the gate file/,
    ],
  ])('%j that is not there is refused', async (baseline, message) => {
    const { exitCode, problems } = await failureOf(async () =>
      openBaseline({ model: MODEL, registry: await withChampion(), gates: gates(baseline), gatesPath: 'g.yaml' }),
    );
    expect([exitCode, problems[0]]).toEqual([2, expect.stringMatching(message)]);
  });

  test.each([undefined, { from: { version: '1' } }])('that is still pending is refused: %j', async (baseline) => {
    const registry = changed(await withChampion(), { ready: false });
    const { problems } = await failureOf(() =>
      openBaseline({ model: MODEL, registry, gates: gates(baseline), gatesPath: 'g.yaml' }),
    );
    expect(problems[0]).toMatch(/is still pending/);
  });
});

describe('the stability of importances', () => {
  const GATE: MetricGate = {
    minimum: 0.85,
    derive: { spearman: { candidate: 'importance.json', baseline: 'kept/importance.json' } },
  };
  const ABC = '{"a": 3, "b": 2, "c": 1}';

  interface World {
    readonly own?: string;
    readonly theirs?: string;
    readonly metrics?: Record<string, number>;
    readonly baseline?: 'file' | 'registry' | 'none';
    readonly file?: GateFile['baseline'];
  }

  async function derive({
    own,
    theirs,
    metrics = {},
    baseline = 'registry',
    file,
  }: World): Promise<Derived & { own: string }> {
    const folder = newFolder(own === undefined ? {} : { 'importance.json': own });
    const registry = await withChampion();
    const champion = await openMetrics('models:/fraud/1', { model: MODEL, registry });
    const beside = newFolder({ 'old.json': '{}' });
    mkdirSync(join(beside, 'kept'));
    if (theirs !== undefined) {
      await registry.putArtifact(champion.runId!, importanceArtifact('kept/importance.json'), theirs);
      writeFileSync(join(beside, 'kept', 'importance.json'), theirs);
    }
    const sources = { file: { source: join(beside, 'old.json'), metrics: {} }, registry: champion, none: undefined };
    const derived = await deriveMetrics({
      gates: { metrics: { stability: GATE, auc: { minimum: 0.5 } }, baseline: file },
      candidate: { source: 'candidate', metrics },
      baseline: sources[baseline],
      ...(baseline === 'registry' && { registry }),
      evaluationFile: (path) => join(folder, path),
    });
    return { ...derived, own: join(folder, 'importance.json') };
  }

  test.each<[string, string, number]>([
    [ABC, ABC, 1],
    [ABC, '{"a": 1, "b": 2, "c": 3}', -1],
    [ABC, '{"a": 30, "b": 20, "c": 10}', 1],
    ['{"a": 3, "b": 2, "c": 1}', '{"a": 3, "b": 2, "d": 1}', 0.8],
  ])('of %s and %s is %p, from the registry and from a file', async (own, theirs, value) => {
    for (const baseline of ['registry', 'file'] as const) {
      const derived = await derive({ own, theirs, baseline });
      expect([Object.keys(derived.metrics), derived.underived]).toEqual([['stability'], {}]);
      expect(derived.metrics.stability).toBeCloseTo(value, 12);
      expect(derived.inputs).toEqual({ [derived.own]: expect.stringMatching(/^sha256:/) as string });
    }
  });

  test('is not computed where the candidate brings it, whatever it is', async () => {
    for (const stability of [0.5, 0, NaN])
      expect(await derive({ metrics: { stability } })).toMatchObject({ metrics: {}, underived: {}, inputs: {} });
  });

  test('without the candidate’s fails, whatever the baseline', async () => {
    for (const baseline of ['registry', 'file', 'none'] as const) {
      const { underived, own } = await derive({ theirs: ABC, baseline, file: { whenMissing: 'pass' } });
      const reason = `the candidate has neither the metric 'stability' nor feature importances at '${own}'`;
      expect(underived).toEqual({ stability: { verdict: 'fail', reason } });
    }
  });

  test.each(['registry', 'file'] as const)('without the baseline’s in a %s is inconclusive', async (baseline) => {
    const { metrics, underived } = await derive({ own: ABC, baseline });
    expect(metrics).toEqual({});
    expect(underived.stability?.verdict).toBe('inconclusive');
    expect(underived.stability?.reason).toMatch(
      baseline === 'file'
        ? /^the baseline .*old\.json has no feature importances \(.*\/kept\/importance\.json\)/
        : /^the baseline models:\/fraud\/1 has no feature importances \(artifact 'evaluation\/importance\.json'\)/,
    );
  });

  test.each([
    [undefined, 'absoluteOnly'],
    [{}, 'absoluteOnly'],
    [{ whenMissing: 'absoluteOnly' }, 'absoluteOnly'],
    [{ whenMissing: 'pass' }, 'pass'],
    [{ whenMissing: 'fail' }, 'fail'],
  ] as const)('without a baseline is what the gate file says: %j', async (file, verdict) => {
    const { underived } = await derive({ own: ABC, baseline: 'none', file });
    expect(underived.stability).toEqual({
      verdict,
      reason: 'there is no baseline whose importances it could be compared with',
    });
  });

  test.each([
    ['{"a": 1, "b": 1}', '{"a": 1, "b": 2}'],
    [ABC, '{"a": 1, "b": 1, "c": 1}'],
    ['{}', '{}'],
    ['{"a": 1}', '{"a": 2}'],
    ['{"a": NaN, "b": 2, "c": 1}', ABC],
    [ABC, '{"a": 3, "b": Infinity, "c": 1}'],
  ])('of %s and %s, which have no order, fails', async (own, theirs) => {
    const { metrics, underived } = await derive({ own, theirs });
    expect([metrics, underived.stability?.verdict]).toEqual([{}, 'fail']);
    expect(underived.stability?.reason).toMatch(/have no order: all are equal, or one is not finite$/);
  });

  test.each<[World, RegExp]>([
    [{ own: '{"a": "3"}', theirs: ABC }, /importance\.json:1:2: 'a' must be a number, got "3"/],
    [{ own: ABC, theirs: '{"a": null}' }, /^models:\/fraud\/1\/evaluation\/importance\.json:1:2: 'a' must be a number/],
    [{ own: ABC, theirs: '[]' }, /the baseline's feature importances must be a flat JSON object/],
    [{ own: '<html>', theirs: ABC }, /the feature importances must be a flat JSON object/],
  ])('of broken files is refused: %j', async (world, message) => {
    const { exitCode, problems } = await failureOf(() => derive(world));
    expect([exitCode, problems[0]]).toEqual([2, expect.stringMatching(message)]);
  });
});
