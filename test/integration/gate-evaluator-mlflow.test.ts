import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { archiveObjects, restoreObjects } from '../../apps/common/object-lifecycle';
import { type DecisionRecord, nextRecord, serializeRecord } from '../../apps/gate-evaluator/records/decision-record';
import { type Call, type GateStore, GateWorld, startStore } from './gate-evaluator-world';
import { MLFLOW_BIN } from './real-servers';

/*
 * The bundled program with a real MLflow server, where a model is trained, logged and registered by MLflow's own client, and a real S3
 * server.
 */

let world: GateWorld;
let store: GateStore;

beforeAll(async () => {
  [world, store] = await Promise.all([GateWorld.start(), startStore('models')]);
  Object.assign(world.env, store.env);
}, 120_000);
afterAll(async () => {
  await world?.stop();
  store?.s3.destroy();
  await store?.server.stop();
});

const versionOf = (model: string, version: string): string[] => ['--model', model, '--version', version];
const promote = (model: string, version: string, reason = 'better'): Promise<Call> =>
  world.done(['promote', ...versionOf(model, version), '--to', 'production', '--by', 'maria', '--reason', reason]);
const rollback = (model: string, ...args: string[]): Promise<Call> =>
  world.done(['rollback', '--model', model, '--by', 'igor', ...args]);
const why = (model: string, ...args: string[]): Promise<Call> => world.run(['why', model, '--fail-on-no', ...args]);

describe('the life of a model that was trained, logged and registered with MLflow', () => {
  const MODEL = 'churn';
  /** Versions that become champion, each with the one that it is compared with. */
  const BASELINES = ['-', '1', '2', '3', '4', '4', '6', '7', '8', '9'];
  const BAD = String(BASELINES.length + 1);
  /** A version that nothing is decided about in the story. */
  const FRESH = String(BASELINES.length + 2);
  const GATES = [
    'metrics:',
    '  accuracy:',
    '    { minimum: 0.9, comparison: gte, tolerance: 0.02, significance: { test: mcnemar, margin: 0.03 } }',
    '  latency_p95_ms: { maximum: 1000 }',
    '  feature_importance_stability:',
    '    { minimum: 0.7, derive: { spearman: { candidate: importance.json, baseline: importance.json } } }',
    '',
  ];

  beforeAll(async () => {
    const script = join(__dirname, 'gate-evaluator-train.py');
    const args = [script, world.url, MODEL, world.at('evaluations'), ...BASELINES, 'bad', '9'];
    // Not the synchronous call: the server waits until somebody reads its log.
    await promisify(execFile)(join(MLFLOW_BIN, 'python'), args, {
      env: { PATH: process.env.PATH, HOME: world.directory },
    });
    world.file('gates.yaml', GATES.join('\n'));
  });

  const evaluate = async (version: string): Promise<{ call: Call; record: DecisionRecord }> => {
    const call = await world.done([
      ...['evaluate', '--model', MODEL, '--gates', world.at('gates.yaml'), '--metrics', `models:/${MODEL}/${version}`],
      ...['--evaluation', world.at(`evaluations/${version}`), '--by', 'ci', '--reason', 'new data'],
    ]);
    return { call, record: JSON.parse(call.output('decision.json')) as DecisionRecord };
  };
  const checksOf = ({ checks = [] }: DecisionRecord): Record<string, string> =>
    Object.fromEntries(checks.map(({ check, verdict }) => [check, verdict]));

  test('the first version passes its bounds, and nothing is compared', async () => {
    const { call, record } = await evaluate('1');
    expect([call.output('passed'), call.output('verdict')]).toEqual(['true', 'pass']);
    expect(record).toMatchObject({ sequence: 1, modelVersion: '1', by: 'ci', reason: 'new data', verdict: 'pass' });
    expect(record.inputs).not.toHaveProperty('baseline');
    await promote(MODEL, '1');
    expect((await world.state(MODEL)).aliases).toEqual({ champion: '1' });
  });

  test('a version that learned nothing fails, with the measured numbers, and cannot be promoted', async () => {
    const { call, record } = await evaluate(BAD);
    expect([call.output('passed'), call.output('verdict')]).toEqual(['false', 'fail']);
    const accuracy = record.checks!.filter(({ check }) => check.startsWith('accuracy'));
    expect(accuracy.length).toBe(3);
    for (const { verdict } of accuracy) expect(verdict).toBe('fail');
    const refused = await world.run(['promote', ...versionOf(MODEL, BAD), '--to', 'production']);
    expect([refused.code, refused.errors]).toEqual([
      2,
      [`version ${BAD} of '${MODEL}' has the verdict 'fail': only what passed its quality gates is promoted`],
    ]);
    expect((await world.state(MODEL)).aliases).toEqual({ champion: '1' });
  });

  test('the next one is compared with it: significance on paired predictions, stability of importances', async () => {
    const { record } = await evaluate('2');
    expect(record.inputs).toMatchObject({
      metrics: `models:/${MODEL}/2`,
      baseline: `models:/${MODEL}/1`,
      'metrics.evaluation.dataset_digest': 'held-out-1',
    });
    const verdicts = checksOf(record);
    expect(Object.keys(verdicts).length).toBe(5);
    expect(new Set(Object.values(verdicts))).toEqual(new Set(['pass']));
    const significance = record.checks!.find(({ check }) => /significance|mcnemar/i.test(check))!;
    expect(significance.reason).toMatch(/2000|2,000/);
    const stability = record.checks!.find(({ check }) => check.startsWith('feature_importance_stability'))!;
    expect(stability.candidate).toBeCloseTo(spearmanOf('1', '2'), 12);
    await promote(MODEL, '2');
  });

  test('promoted again, nothing new is decided', async () => {
    const before = [await world.state(MODEL), await world.history(MODEL)];
    await promote(MODEL, '2');
    expect([await world.state(MODEL), await world.history(MODEL)]).toEqual(before);
  });

  test('after ten promotions and two rollbacks `why` tells the true story', async () => {
    for (const version of ['3', '4', '5']) await evaluate(version).then(() => promote(MODEL, version));
    await rollback(MODEL, '--from', '5', '--reason', 'false alarms');
    for (const version of ['6', '7', '8', '9', '10']) {
      const { record } = await evaluate(version);
      expect(record).toMatchObject({
        verdict: 'pass',
        inputs: { baseline: `models:/${MODEL}/${BASELINES[Number(version) - 1]}` },
      });
      await promote(MODEL, version);
    }
    await rollback(MODEL, '--reason', 'slow');

    const { aliases, versions, locks } = await world.state(MODEL);
    expect({ aliases, locks }).toEqual({ aliases: { champion: '9', previous: '8' }, locks: [] });
    expect(Object.entries(versions).map(([version, { lifecycle }]) => [version, lifecycle])).toEqual([
      ...['1', '2', '3', '4', '5', '6', '7', '8'].map((version) => [version, 'archived']),
      ['9', 'production'],
      ['10', 'archived'],
      [BAD, undefined],
      [FRESH, undefined],
    ]);
    expect([versions[5]!.rolled_back, versions[10]!.rolled_back]).toEqual(['false alarms', 'slow']);

    const { records, problems } = await world.history(MODEL);
    expect(problems).toEqual([]);
    const told = records.filter(({ action }) => action !== 'evaluate');
    expect(told.map(({ action, from, modelVersion }) => [action, from, modelVersion])).toEqual([
      ['promote', undefined, '1'],
      ...['2', '3', '4', '5'].map((version) => ['promote', String(Number(version) - 1), version]),
      ['rollback', '5', '4'],
      ['promote', '4', '6'],
      ...['7', '8', '9', '10'].map((version) => ['promote', String(Number(version) - 1), version]),
      ['rollback', '10', '9'],
    ]);
    expect(records).toHaveLength(told.length + BASELINES.length + 1);

    const { code, stdout, errors } = await why(MODEL);
    expect([code, errors]).toEqual([0, []]);
    const story = stdout.split('\n').filter((line) => /^ {2}\d{4}-/.test(line));
    expect(story.map((line) => line.replace(/^.* UTC {2}/, ''))).toEqual([
      'version 9 was judged: pass, 5 of 5 checks passed; asked by ci: new data',
      'version 9 became champion after version 8; asked by maria: better',
      'version 10 was taken back, and version 9 became champion again; asked by igor: slow',
    ]);
    expect(stdout).toMatch(/^churn: version 9 is live, since \d{4}-/);
    expect(stdout).toContain("rollback --model churn --from 9' goes back to version 8.");
    expect(stdout).toMatch(new RegExp(`${records.length} decisions from .* the chain is whole, its head is sha256:`));
  });

  /** Ledger's artifacts on the server's disk. */
  const recordFiles = (): string[] =>
    readdirSync(world.at('mlflow/artifacts'), { recursive: true })
      .map(String)
      .filter((path) => /decisions\/\d{8}\.json$/.test(path))
      .map((path) => world.at(`mlflow/artifacts/${path}`))
      .sort();
  const fileOf = (sequence: number): string => recordFiles().find((path) => path.includes(padded(sequence)))!;
  const padded = (sequence: number): string => String(sequence).padStart(8, '0');
  const viaApi = async (method: 'PUT' | 'DELETE', path: string, body?: string): Promise<void> => {
    const artifact = relative(world.at('mlflow/artifacts'), path);
    const response = await fetch(`${world.url}/api/2.0/mlflow-artifacts/artifacts/${artifact}`, { method, body });
    expect(response.status).toBe(200);
  };
  const read = (path: string): DecisionRecord => JSON.parse(readFileSync(path, 'utf8')) as DecisionRecord;

  test.each<[string, number, (path: string) => Promise<void> | void, RegExp[]]>([
    [
      "a verdict that was changed on the server's disk",
      2,
      (path) => writeFileSync(path, serializeRecord({ ...read(path), reason: 'nothing to see' })),
      [/^record 2 \('promote' of version 1, .*\) was changed after it was written/],
    ],
    [
      "a record that was rewritten with a hash of its own through MLflow's API",
      4,
      async (path) => {
        const { hash: _, ...decision } = read(path);
        const { sequence, previous, ...rest } = decision;
        const forged = nextRecord({ ...rest, reason: 'forged' }, { sequence: sequence - 1, hash: previous! });
        await viaApi('PUT', path, serializeRecord(forged));
      },
      [/^record 5 \(.*\) does not follow the record before it: one of them was replaced/],
    ],
    [
      'a record that was removed',
      3,
      (path) => viaApi('DELETE', path),
      [/^record 4 \(.*\) 1 records before it are missing/],
    ],
    [
      'a last record that was removed',
      23,
      (path) => viaApi('DELETE', path),
      [
        /^record 23 records at the end are missing: the last one had the hash sha256:/,
        /^version 9 is champion, but the last decision \(record 22\) made version 10 champion/,
      ],
    ],
    [
      'a record that is no JSON any more',
      5,
      (path) => writeFileSync(path, 'gone'),
      [
        /^record 6 \(.*\) 1 records before it are missing/,
        /^'decisions\/00000005\.json' is no decision record any more/,
      ],
    ],
  ])('%s is named', async (_, sequence, tamper, expected) => {
    const path = fileOf(sequence);
    const original = readFileSync(path, 'utf8');
    await tamper(path);
    const { code, stdout } = await why(MODEL);
    const { problems } = await world.history(MODEL);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, original);
    expect(problems).toEqual(expected.map((each) => expect.stringMatching(each) as string));
    expect(code).toBe(10);
    expect(stdout).toContain('NOT AS THEY SHOULD BE:');
    for (const problem of problems) expect(stdout).toContain(`! ${problem}`);
    expect((await why(MODEL)).code).toBe(0);
  });

  test('a copy of the records that differs from the chain is named', async () => {
    const { records } = await world.history(MODEL);
    const copies = world.at('copies');
    mkdirSync(copies);
    for (const record of records)
      writeFileSync(join(copies, `${padded(record.sequence)}-${record.action}.json`), serializeRecord(record));
    expect((await why(MODEL, '--decisions', copies)).code).toBe(0);
    const changed = records[6]!;
    const name = `${padded(changed.sequence)}-${changed.action}.json`;
    writeFileSync(join(copies, name), serializeRecord({ ...changed, by: 'nobody' }));
    const { code, stdout } = await why(MODEL, '--decisions', copies);
    expect([code, stdout.split('\n').filter((line) => line.startsWith('  !'))]).toEqual([
      10,
      [`  ! record 7 is not what its copy in '${copies}' is: one of them was changed`],
    ]);
  });

  test.each([
    [
      'moved',
      { version: '3' },
      /version 3 is champion, but the last decision \(record 23\) made version 9 champion: somebody moved the alias/,
    ],
    [
      'removed',
      undefined,
      /no version of 'churn' is champion, though record 23 made version 9 it: the alias was removed/,
    ],
  ])('a champion alias that was %s by hand is named', async (_, to, expected) => {
    const alias = { name: MODEL, alias: 'champion' };
    await (to
      ? world.api('POST', 'registered-models/alias', { ...alias, ...to })
      : world.api('DELETE', 'registered-models/alias', alias));
    const { code, stdout } = await why(MODEL);
    await world.api('POST', 'registered-models/alias', { ...alias, version: '9' });
    expect([code, stdout]).toEqual([10, expect.stringMatching(expected)]);
    expect((await why(MODEL)).code).toBe(0);
  });

  // What is derived is kept as a metric of the run, and then taken for one that the candidate brought.
  test('judged again by the same rules, nothing new is decided', async () => {
    const { record: first } = await evaluate(FRESH);
    const { record: second } = await evaluate(FRESH);
    expect(second).toEqual(first);
  });

  test('judged again after the champion changed, importances are compared with the new one', async () => {
    const stability = ({ checks = [] }: DecisionRecord): number | undefined =>
      checks.find(({ check }) => check.startsWith('feature_importance_stability'))?.candidate;
    const { record } = await evaluate(BAD);
    expect(record.inputs.baseline).toBe(`models:/${MODEL}/9`);
    expect(spearmanOf(BAD, '9')).not.toBeCloseTo(spearmanOf(BAD, '1'), 6);
    expect(stability(record)).toBeCloseTo(spearmanOf(BAD, '9'), 12);
  });

  /** Spearman's correlation of the importances of two versions, which have no ties. */
  function spearmanOf(a: string, b: string): number {
    const ranks = (version: string): Map<string, number> => {
      const values = Object.entries(
        JSON.parse(readFileSync(world.at(`evaluations/${version}/importance.json`), 'utf8')) as Record<string, number>,
      );
      return new Map(values.sort(([, x], [, y]) => x - y).map(([name], rank) => [name, rank]));
    };
    const [left, right] = [ranks(a), ranks(b)];
    const n = left.size;
    const squares = [...left].reduce((sum, [name, rank]) => sum + (rank - right.get(name)!) ** 2, 0);
    return 1 - (6 * squares) / (n * (n * n - 1));
  }
});

describe('a registered artifact', () => {
  const MODEL = 'fraud';
  const COMMIT = '4f1c8a0d5b1e4a6f8c2d3e4b5a69788796a5b4c3';
  const DATA_DIGEST = `sha256:${'ab'.repeat(32)}`;
  const large = randomBytes(12 * 2 ** 20);

  beforeAll(() => {
    world.file('fraud-gates.yaml', 'metrics: { accuracy: { minimum: 0.8 } }');
    world.file('metrics.json', '{ "accuracy": 0.93, "latency_p95_ms": 12.5 }');
    world.file('configuration.json', '{ "depth": 6, "features": ["amount", "country"], "objective": "logloss" }');
    world.file('schema.json', JSON.stringify({ version: 1, model: MODEL, features: [] }));
    world.file('profile.json', JSON.stringify({ model: MODEL, data: { digest: DATA_DIGEST } }));
    world.file('fraud-importance.json', '{ "amount": 0.7, "country": 0.3 }');
  });

  const filesOf = (run: string): Record<string, Buffer> => ({
    'model.bin': large,
    'config/a name, and ümlauts+.json': Buffer.from(`{"run":"${run}"}`),
    'empty.txt': Buffer.alloc(0),
  });
  const write = (run: string, files = filesOf(run)): string => {
    const folder = world.at(`artifacts-${run}`);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return folder;
  };
  const register = (run: string, ...more: string[]): Promise<Call> =>
    world.run([
      ...['register', '--model', MODEL, '--run', run, '--artifact', write(run), '--store', 's3://models/fraud'],
      ...['--metrics', world.at('metrics.json'), '--configuration', world.at('configuration.json')],
      ...['--schema', world.at('schema.json'), '--profile', world.at('profile.json'), '--data', 's3://data/2026-11'],
      ...['--data-version', 'november', '--git-commit', COMMIT, '--reason', 'release', '--by', 'ci', ...more],
    ]);
  const evaluate = (run: string): Promise<Call> =>
    world.done([
      ...['evaluate', '--model', MODEL, '--run', run, '--gates', world.at('fraud-gates.yaml')],
      ...['--metrics', world.at('metrics.json'), '--by', 'ci', '--reason', 'release'],
    ]);

  const objectsOf = async (prefix: string): Promise<{ key: string; modified: number }[]> => {
    const { Contents = [] } = await store.s3.send(new ListObjectsV2Command({ Bucket: 'models', Prefix: prefix }));
    return Contents.map(({ Key = '', LastModified }) => ({ key: Key, modified: LastModified!.getTime() }));
  };
  const contentOf = async (key: string): Promise<Buffer> => {
    const { Body } = await store.s3.send(new GetObjectCommand({ Bucket: 'models', Key: key }));
    return Buffer.from(await Body!.transformToByteArray());
  };
  const tagsOf = async (key: string): Promise<Record<string, string>> => {
    const { TagSet = [] } = await store.s3.send(new GetObjectTaggingCommand({ Bucket: 'models', Key: key }));
    return Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
  };
  /** Object tags of a run's folder, by name. */
  const objectTags = async (run: string): Promise<Record<string, Record<string, string>>> => {
    const objects = await objectsOf(`fraud/${run}/`);
    const entries = objects.map(async ({ key }) => [key.slice(`fraud/${run}/`.length), await tagsOf(key)] as const);
    return Object.fromEntries(await Promise.all(entries));
  };
  /** A tag that is not ours. */
  const TEAM = { Key: 'team', Value: 'payments = risk' };
  const NAMES = Object.keys(filesOf(''));
  const everyObject = (tags: Record<string, string>): Record<string, Record<string, string>> =>
    Object.fromEntries(NAMES.map((name) => [name, tags]));
  const sha256 = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');

  test('lies in the object store, byte by byte, with the digest that anybody can compute', async () => {
    await evaluate('run-1');
    const { code, errors, output } = await register('run-1');
    expect([code, errors, output('model_version')]).toEqual([0, [], '1']);
    const files = filesOf('run-1');
    const keys = (await objectsOf('fraud/run-1/')).map(({ key }) => key);
    expect(keys.sort()).toEqual(NAMES.map((name) => `fraud/run-1/${name}`).sort());
    for (const [name, content] of Object.entries(files))
      expect({ name, sha256: sha256(await contentOf(`fraud/run-1/${name}`)) }).toEqual({
        name,
        sha256: sha256(content),
      });
    const head = await store.s3.send(new HeadObjectCommand({ Bucket: 'models', Key: 'fraud/run-1/model.bin' }));
    expect(head.ETag).toMatch(/-3"$/);

    const lines = Object.entries(files).map(([name, content]) => `${name}\0${sha256(content)}\n`);
    const { versions, aliases } = await world.state(MODEL);
    const { 'gate.report_sha256': report, ...tags } = versions[1]!;
    expect(tags).toEqual({
      lifecycle: 'staged',
      'gate.verdict': 'pass',
      'dataset.digest': DATA_DIGEST,
      'git.commit': COMMIT,
      'training.run': 'run-1',
      'artifact.uri': 's3://models/fraud/run-1',
      'artifact.sha256': `sha256:${sha256(lines.sort().join(''))}`,
    });
    const [judged, registered] = (await world.history(MODEL)).records;
    expect(report).toBe(judged!.hash);
    expect(registered).toMatchObject({ action: 'register', modelVersion: '1', previous: report, by: 'ci' });
    expect(aliases).toEqual({});
  });

  test('has its whole lineage with its run', async () => {
    const { model_version: version } = await world.api<{ model_version: { run_id: string; source: string } }>(
      ...(['GET', 'model-versions/get', { name: MODEL, version: '1' }] as const),
    );
    expect(version.source).toBe('s3://models/fraud/run-1');
    type Entries = { key: string; value: unknown }[];
    const { run } = await world.api<{
      run: {
        info: { run_name: string; status: string };
        data: { tags: Entries; params: Entries; metrics: Entries };
        inputs: { dataset_inputs: { dataset: object; tags: Entries }[] };
      };
    }>('GET', 'runs/get', { run_id: version.run_id });
    const byKey = (entries: Entries): object => Object.fromEntries(entries.map(({ key, value }) => [key, value]));
    expect(run.info).toMatchObject({ run_name: 'run-1', status: 'FINISHED' });
    expect(byKey(run.data.params)).toEqual({ depth: '6', features: '["amount","country"]', objective: 'logloss' });
    expect(byKey(run.data.metrics)).toEqual({ accuracy: 0.93, latency_p95_ms: 12.5 });
    expect(byKey(run.data.tags)).toMatchObject({
      'mlflow.source.git.commit': COMMIT,
      'dataset.uri': 's3://data/2026-11',
      'dataset.version': 'november',
    });
    expect(run.inputs.dataset_inputs).toEqual([
      {
        dataset: {
          ...{ name: 'november', digest: 'ab'.repeat(18), source_type: 'uri' },
          source: '{"uri":"s3://data/2026-11"}',
        },
        tags: [{ key: 'mlflow.data.context', value: 'training' }],
      },
    ]);
    for (const name of ['schema', 'reference_profile']) {
      const query = new URLSearchParams({ run_uuid: version.run_id, path: `monitoring/${name}.json` });
      const text = await (await fetch(`${world.url}/get-artifact?${query.toString()}`)).text();
      expect(text).toBe(readFileSync(world.at(name === 'schema' ? 'schema.json' : 'profile.json'), 'utf8'));
    }
  });

  test('is registered once, however often it is asked for, and not replaced', async () => {
    const before = [await world.state(MODEL), await objectsOf('fraud/'), (await world.history(MODEL)).records];
    const again = await register('run-1');
    expect([again.code, again.output('model_version')]).toEqual([0, '1']);
    writeFileSync(join(write('run-1'), 'empty.txt'), 'not any more');
    const changed = await world.run([
      ...['register', '--model', MODEL, '--run', 'run-1', '--artifact', world.at('artifacts-run-1')],
      ...['--store', 's3://models/fraud'],
    ]);
    expect([changed.code, changed.errors]).toEqual([
      2,
      [expect.stringMatching(/^the run 'run-1' is version 1 already, with another artifact \(sha256:/)],
    ]);
    expect([await world.state(MODEL), await objectsOf('fraud/'), (await world.history(MODEL)).records]).toEqual(before);
  });

  test('must not lie beside what another one left', async () => {
    await store.s3.send(new PutObjectCommand({ Bucket: 'models', Key: 'fraud/taken/old.bin', Body: 'old' }));
    const { code, errors } = await register('taken');
    expect([code, errors]).toEqual([
      2,
      [expect.stringMatching(/'s3:\/\/models\/fraud\/taken' has 1 other files.*'old\.bin'/)],
    ]);
    expect(Object.keys((await world.state(MODEL)).versions)).toEqual(['1']);
  });

  test('may only expire when its version is neither champion nor what is gone back to', async () => {
    for (const { key } of await objectsOf('fraud/run-1/'))
      await store.s3.send(new PutObjectTaggingCommand({ Bucket: 'models', Key: key, Tagging: { TagSet: [TEAM] } }));
    const promoteRun = (run: string): Promise<Call> =>
      world.done(['promote', '--model', MODEL, '--run', run, '--to', 'production', '--reason', 'release']);
    await promoteRun('run-1');
    for (const run of ['run-2', 'run-3']) {
      await evaluate(run);
      expect((await register(run)).code).toBe(0);
    }
    await promoteRun('run-2');
    const before = await objectsOf('fraud/run-1/');
    expect(await objectTags('run-1')).toEqual(everyObject({ team: TEAM.Value }));
    await promoteRun('run-3');
    expect(await objectTags('run-1')).toEqual(everyObject({ team: TEAM.Value, lifecycle: 'archived' }));
    const after = await objectsOf('fraud/run-1/');
    expect(after.map((each) => each.key)).toEqual(before.map((each) => each.key));
    after.forEach(({ modified }, index) => expect(modified).toBeGreaterThan(before[index]!.modified));
    expect(sha256(await contentOf('fraud/run-1/model.bin'))).toBe(sha256(large));
    expect([await objectTags('run-2'), await objectTags('run-3')]).toEqual([everyObject({}), everyObject({})]);
    const { versions } = await world.state(MODEL);
    expect(Object.values(versions).map((tags) => tags['artifact.lifecycle'])).toEqual([
      'archived',
      undefined,
      undefined,
    ]);
  });

  test('is kept again as soon as a rollback may need it', async () => {
    await rollback(MODEL, '--from', '3', '--reason', 'the newest one is wrong');
    const { aliases, versions } = await world.state(MODEL);
    expect([aliases, versions[1]!['artifact.lifecycle']]).toEqual([{ champion: '2', previous: '1' }, '']);
    expect(await objectTags('run-1')).toEqual(everyObject({ team: TEAM.Value }));
    expect(await objectTags('run-3')).toEqual(everyObject({ lifecycle: 'archived' }));
    await world.done(['promote', '--model', MODEL, '--run', 'run-3', '--to', 'production', '--reason', 'it was right']);
    expect(await objectTags('run-1')).toEqual(everyObject({ team: TEAM.Value, lifecycle: 'archived' }));
    expect(await objectTags('run-3')).toEqual(everyObject({}));
  });

  test('is kept again before its version serves again', async () => {
    await rollback(MODEL, '--to', '1', '--reason', 'both newer ones are wrong');
    const { aliases, versions } = await world.state(MODEL);
    expect([aliases.champion, versions[1]!['artifact.lifecycle']]).toEqual(['1', '']);
    expect(await objectTags('run-1')).toEqual(everyObject({ team: TEAM.Value }));
    expect((await world.history(MODEL)).problems).toEqual([]);
  });

  test('that is gone is not gone back to, and nothing changes', async () => {
    for (const { key } of await objectsOf('fraud/run-2/'))
      await store.s3.send(new DeleteObjectCommand({ Bucket: 'models', Key: key }));
    const before = [await world.state(MODEL), (await world.history(MODEL)).records];
    const uri = 's3://models/fraud/run-2';
    const { code, errors } = await world.run(['rollback', '--model', MODEL, '--to', '2', '--reason', 'x']);
    expect([code, errors]).toEqual([
      2,
      [
        `the artifact of version 2 of '${MODEL}' is gone: there is nothing at '${uri}', so that nothing could serve it; name another version`,
      ],
    ]);
    expect([await world.state(MODEL), (await world.history(MODEL)).records]).toEqual(before);
  });

  test('of a model that runs already is taken in where it lies, and candidates are compared with it', async () => {
    await store.s3.send(new PutObjectCommand({ Bucket: 'models', Key: 'live/model.bin', Body: 'weights' }));
    const adopt = (run: string): Promise<Call> =>
      world.run([
        ...['register', '--adopt', '--model', 'adopted', '--run', run, '--artifact', 's3://models/live'],
        ...['--metrics', world.at('metrics.json'), '--importances', world.at('fraud-importance.json')],
        ...['--reason', 'runs since May', '--by', 'maria'],
      ]);
    expect((await adopt('live')).code).toBe(0);
    const state = await world.state('adopted');
    expect(state).toMatchObject({
      aliases: { champion: '1' },
      versions: {
        1: {
          lifecycle: 'production',
          'artifact.uri': 's3://models/live',
          'artifact.sha256': `sha256:${sha256(`model.bin\0${sha256('weights')}\n`)}`,
        },
      },
    });
    expect(state.versions[1]).not.toHaveProperty(['gate.verdict']);
    expect((await adopt('live')).code).toBe(0);
    const second = await adopt('other');
    expect([second.code, second.errors]).toEqual([
      2,
      [expect.stringMatching(/^'adopted' has a champion already, version 1: --adopt is for a model that has none/)],
    ]);
    expect(await world.state('adopted')).toEqual(state);
    const { code, stdout } = await why('adopted');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/version 1, which ran already, was taken in as champion; asked by maria: runs since May/),
    ]);

    world.file('candidate-metrics.json', '{ "accuracy": 0.9 }');
    world.file(
      'adopted-gates.yaml',
      'metrics: { accuracy: { comparison: gte }, stability: { minimum: 0.8, derive: { spearman: { candidate: fraud-importance.json, baseline: fraud-importance.json } } } }',
    );
    const { output } = await world.done([
      ...['evaluate', '--model', 'adopted', '--run', 'next', '--gates', world.at('adopted-gates.yaml')],
      ...['--metrics', world.at('candidate-metrics.json')],
    ]);
    const { checks = [] } = JSON.parse(output('decision.json')) as DecisionRecord;
    expect(checks.map(({ candidate, baseline, verdict }) => [candidate, baseline, verdict])).toEqual([
      [0.9, 0.93, 'fail'],
      [1, undefined, 'pass'],
    ]);
  });

  // The store answers 500 to an empty set of tags.
  test('that had no other tags is kept again as well', async () => {
    Object.assign(process.env, store.env, { AWS_MAX_ATTEMPTS: '1' });
    await store.s3.send(new PutObjectCommand({ Bucket: 'models', Key: 'untagged.bin', Body: 'weights' }));
    const object = { bucket: 'models', key: 'untagged.bin', bytes: 7 };
    await archiveObjects([object]);
    await restoreObjects([object]);
    expect(await tagsOf(object.key)).toEqual({});
  });

  test('above the size of one copy is archived in parts, with its metadata', async () => {
    Object.assign(process.env, store.env);
    const name = { Bucket: 'models', Key: 'parts/a b.bin' };
    const Metadata = { origin: 'test' };
    await store.s3.send(
      new PutObjectCommand({
        ...name,
        Body: large,
        ContentType: 'application/x-model',
        Metadata,
        Tagging: 'team=risk',
      }),
    );
    const object = { bucket: 'models', key: name.Key, bytes: large.length };
    const part = 5 * 2 ** 20;
    await archiveObjects([object], { whole: part, part });
    const head = await store.s3.send(new HeadObjectCommand(name));
    expect(head).toMatchObject({ ContentType: 'application/x-model', Metadata, ContentLength: large.length });
    expect(head.ETag).toMatch(/-3"$/);
    expect(sha256(await contentOf(name.Key))).toBe(sha256(large));
    expect(await tagsOf(name.Key)).toEqual({ team: 'risk', lifecycle: 'archived' });
    await restoreObjects([object]);
    expect(await tagsOf(name.Key)).toEqual({ team: 'risk' });
  });
});
