import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileRegistry } from '../registry/file-registry';
import { type Registry } from '../registry/registry';
import { dying } from '../registry/testing/dying-registry';
import { type Decision, type DecisionRecord, nextRecord, serializeRecord } from './decision-record';
import { type Chain, Ledger, recordName } from './ledger';
import { verifyChain } from './verify-chain';

const directory = mkdtempSync(join(tmpdir(), 'ledger-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const MODEL = 'fraud';
const LEDGER = `${MODEL}._decisions`;
let registries = 0;

interface World {
  readonly registry: FileRegistry;
  readonly ledger: Ledger;
  readonly folder: string;
  /** Path of a record in the ledger. */
  readonly fileOf: (sequence: number) => string;
}

function world(): World {
  const folder = join(directory, String(registries++));
  const registry = new FileRegistry(folder);
  const fileOf = (sequence: number): string =>
    join(folder, 'runs', LEDGER, 'artifacts', 'decisions', `${String(sequence).padStart(8, '0')}.json`);
  return { registry, ledger: new Ledger(registry, MODEL), folder, fileOf };
}

const decision = (version: number, more: Partial<Decision> = {}): Decision => ({
  action: 'promote',
  model: MODEL,
  modelVersion: String(version),
  at: `2026-11-20T07:00:${String(version).padStart(2, '0')}.000Z`,
  by: 'alice',
  reason: 'better',
  to: 'production',
  inputs: {},
  ...more,
});

const never = (): boolean => false;
const same =
  ({ action, modelVersion }: Decision) =>
  (last: DecisionRecord): boolean =>
    last.action === action && last.modelVersion === modelVersion;

const append = (ledger: Ledger, each: Decision): Promise<DecisionRecord> => ledger.append(each, same(each));

async function filled(count: number): Promise<World> {
  const made = world();
  for (let version = 1; version <= count; version++) await append(made.ledger, decision(version));
  return made;
}

const problemsOf = ({ records, head }: Chain): (readonly [number, string])[] =>
  verifyChain(records, head).map(({ sequence, problem }) => [sequence, problem] as const);

const versionsOf = ({ records }: Chain): unknown =>
  records.map(({ sequence, modelVersion }) => [sequence, modelVersion]);

describe('a ledger', () => {
  test('of a model about which nothing was decided is empty, and reading it makes nothing', async () => {
    const { ledger, folder } = world();
    expect(await ledger.chain()).toEqual({ records: [], unreadable: [] });
    await expect(readdir(folder)).rejects.toThrow('ENOENT');
  });

  test('is one chain of all decisions, which the registry remembers the head of', async () => {
    const { ledger, registry } = await filled(12);
    const chain = await ledger.chain();
    expect(versionsOf(chain)).toEqual(Array.from({ length: 12 }, (_, index) => [index + 1, String(index + 1)]));
    expect(chain.records[0]?.previous).toBeUndefined();
    expect(chain.head).toBe(chain.records[11]?.hash);
    expect(problemsOf(chain)).toEqual([]);
    const { tags } = await registry.runData(LEDGER);
    expect(tags).toEqual({ 'decisions.champion': `12 ${chain.head}`, 'decisions.head': `12 ${chain.head}` });
  });

  test('keeps a record with the run that it is about as well', async () => {
    const { ledger, registry } = world();
    const runId = await registry.run(MODEL, 'run-1', {});
    const record = await append(ledger, decision(1, { action: 'evaluate', to: undefined, run: 'run-1', runId }));
    expect(await registry.artifacts(runId, 'decisions')).toEqual(['decisions/00000001-evaluate.json']);
    expect(await registry.artifact(runId, `decisions/${recordName(record)}`)).toBe(serializeRecord(record));
    expect((await registry.runData(runId)).tags).toEqual({ 'decisions.evaluate': `1 ${record.hash}` });
  });

  test('takes a decision that the last one about the same says already for the same', async () => {
    const { ledger, registry } = world();
    const runId = await registry.run(MODEL, 'run-1', {});
    const evaluated = decision(1, { action: 'evaluate', to: undefined, runId });
    const first = await append(ledger, evaluated);
    const canary = await append(ledger, decision(1, { to: 'canary' }));
    const champion = await append(ledger, decision(1));
    expect(await append(ledger, { ...evaluated, at: '2027-01-01T00:00:00.000Z' })).toEqual(first);
    expect(await append(ledger, decision(1, { to: 'canary' }))).toEqual(canary);
    expect(await append(ledger, decision(1, { by: 'bob' }))).toEqual(champion);
    expect((await ledger.chain()).records).toHaveLength(3);
    expect((await ledger.append(decision(1), never)).sequence).toBe(4);
    expect((await append(ledger, decision(2))).sequence).toBe(5);
    expect((await append(ledger, decision(1))).sequence).toBe(6);
  });

  test('tells what is judged of live traffic, and what is given up, from what is champion', async () => {
    const { ledger, registry } = world();
    const runId = await registry.run(MODEL, 'run-2', {});
    const champion = await append(ledger, decision(1));
    const canary = await append(ledger, decision(2, { to: 'canary', runId }));
    await append(ledger, decision(2, { action: 'analyze', to: undefined, runId }));
    expect(await append(ledger, decision(2, { to: 'canary', runId }))).toEqual(canary);
    const given = await append(ledger, decision(2, { action: 'abort', to: 'archived', runId }));
    expect(await append(ledger, decision(2, { action: 'abort', to: 'archived', runId }))).toEqual(given);
    expect(await append(ledger, decision(1))).toEqual(champion);
    expect((await append(ledger, decision(2, { to: 'canary', runId }))).sequence).toBe(5);
  });

  test('does not take a decision about one run for one about another, nor one without a run for any', async () => {
    const { ledger, registry } = world();
    const of = async (name: string): Promise<Decision> =>
      decision(1, { action: 'evaluate', to: undefined, runId: await registry.run(MODEL, name, {}) });
    const about = [await of('a'), await of('b'), decision(1, { action: 'evaluate', to: undefined })];
    const sequences: number[] = [];
    for (const each of [...about, ...about]) sequences.push((await ledger.append(each, () => true)).sequence);
    expect(sequences).toEqual([1, 2, 3, 1, 2, 4]);
  });

  test('does not repeat a record that was tampered with', async () => {
    const { ledger, fileOf } = await filled(2);
    await writeFile(fileOf(2), (await readFile(fileOf(2), 'utf8')).replace('alice', 'mallory'));
    expect((await append(ledger, decision(2))).sequence).toBe(3);
  });

  test('of one model knows nothing of another’s', async () => {
    const { registry } = world();
    const [one, other] = [new Ledger(registry, MODEL), new Ledger(registry, `${MODEL}.eu`)];
    await Promise.all([1, 2, 3].flatMap((n) => [append(one, decision(n)), append(other, decision(n + 10))]));
    for (const [ledger, versions] of [
      [one, ['1', '2', '3']],
      [other, ['11', '12', '13']],
    ] as const) {
      const chain = await ledger.chain();
      expect(chain.records.map(({ modelVersion }) => modelVersion).sort()).toEqual(versions);
      expect(problemsOf(chain)).toEqual([]);
    }
  });

  test('that several write to at the same time is one whole chain', async () => {
    const { registry, ledger } = world();
    const writers = Array.from({ length: 6 }, (_, n) => append(new Ledger(registry, MODEL), decision(n)));
    const records = await Promise.all(writers);
    expect(records.map(({ sequence }) => sequence).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    const chain = await ledger.chain();
    expect(chain.records.map(({ modelVersion }) => modelVersion).sort()).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(problemsOf(chain)).toEqual([]);
  });
});

describe('a ledger that somebody tampered with', () => {
  const edit = async (path: string): Promise<void> =>
    writeFile(path, (await readFile(path, 'utf8')).replace('better', 'bettor'));
  const byHand = async ({ ledger, fileOf }: World, sequence: number, previous?: number): Promise<void> => {
    const { records } = await ledger.chain();
    const before = previous === undefined ? undefined : records.find((record) => record.sequence === previous);
    await writeFile(fileOf(sequence), serializeRecord(nextRecord(decision(9, { reason: 'forged' }), before)));
  };

  test.each<[string, (of: World) => Promise<void>, (readonly [number, RegExp])[]]>([
    ['edited the first', ({ fileOf }) => edit(fileOf(1)), [[1, /was changed after it was written/]]],
    ['edited one', ({ fileOf }) => edit(fileOf(3)), [[3, /was changed after it was written/]]],
    ['edited the last', ({ fileOf }) => edit(fileOf(4)), [[4, /was changed after it was written/]]],
    ['removed the first', ({ fileOf }) => rm(fileOf(1)), [[2, /^1 records before it are missing/]]],
    ['removed one', ({ fileOf }) => rm(fileOf(2)), [[3, /^1 records before it are missing/]]],
    ['removed the last', ({ fileOf }) => rm(fileOf(4)), [[4, /^records at the end are missing: the last one had/]]],
    ['replaced one', (of) => byHand(of, 2, 1), [[3, /does not follow the record before it/]]],
    ['replaced the last', (of) => byHand(of, 4, 3), [[5, /^records at the end are missing/]]],
    ['appended one', (of) => byHand(of, 5, 4), [[5, /was written and not counted: .* or somebody added it/]]],
  ])('who %s, is found out', async (_, tamper, problems) => {
    const made = await filled(4);
    await tamper(made);
    const expected = problems.map(([sequence, problem]) => [sequence, expect.stringMatching(problem) as string]);
    expect(problemsOf(await made.ledger.chain())).toEqual(expected);
  });

  test.each(['', '{', 'null', '[]', '{"sequence":"2"}', '<html>'])(
    'what is no record any more, %j, is named',
    async (text) => {
      const { ledger, fileOf } = await filled(3);
      await writeFile(fileOf(2), text);
      const chain = await ledger.chain();
      expect(chain.unreadable).toEqual(['decisions/00000002.json']);
      expect(problemsOf(chain)).toEqual([[3, '1 records before it are missing']]);
    },
  );

  test('keeps what is in the way of the next record', async () => {
    const { ledger, fileOf } = await filled(2);
    await writeFile(fileOf(3), 'not mine');
    expect((await append(ledger, decision(3))).sequence).toBe(4);
    expect((await append(ledger, decision(4))).sequence).toBe(5);
    expect(await readFile(fileOf(3), 'utf8')).toBe('not mine');
    expect(problemsOf(await ledger.chain())).toEqual([[4, '1 records before it are missing']]);
  });

  const forget = async ({ registry }: World): Promise<void> =>
    registry.logRun(LEDGER, { tags: { 'decisions.head': '', 'decisions.champion': '' } });

  test('finds its head again when that was removed', async () => {
    const made = await filled(3);
    await forget(made);
    expect((await made.ledger.chain()).head).toBeUndefined();
    expect((await append(made.ledger, decision(4))).sequence).toBe(4);
    const chain = await made.ledger.chain();
    expect([problemsOf(chain), chain.head]).toEqual([[], chain.records[3]?.hash]);
  });

  test('loses no evidence when its head was removed and its first record edited', async () => {
    const made = await filled(3);
    await edit(made.fileOf(1));
    await forget(made);
    const before = await Promise.all([1, 2, 3].map((sequence) => readFile(made.fileOf(sequence), 'utf8')));
    expect((await append(made.ledger, decision(4))).sequence).toBe(4);
    expect(await Promise.all([1, 2, 3].map((sequence) => readFile(made.fileOf(sequence), 'utf8')))).toEqual(before);
    expect(problemsOf(await made.ledger.chain())).toEqual([
      [1, expect.stringMatching(/was changed/) as string],
      [4, expect.stringMatching(/does not follow/) as string],
    ]);
  });
});

describe.each<[string, number, Partial<Decision>]>([
  ['the first decision', 0, {}],
  ['a promotion', 2, {}],
  ['an evaluation', 2, { action: 'evaluate', to: undefined, run: 'run-9', runId: `${MODEL}.run-9` }],
  ['an evaluation without a run', 2, { action: 'evaluate', to: undefined }],
])('%s, killed at any call of the registry and run again, is in the chain', (_, before, more) => {
  test.each(['before', 'after'] as const)('%s the call', async (when) => {
    let kills = 0;
    for (let nth = 1; ; nth++) {
      const { registry, ledger } = await filled(before);
      await registry.run(MODEL, 'run-9', {});
      const victim = dying(registry, nth, when);
      const about = decision(9, more);
      await append(new Ledger(victim.registry, MODEL), about).catch(() => undefined);
      if (!victim.died()) break;
      kills++;
      const record = await append(ledger, about);
      const chain = await ledger.chain();
      const times = chain.records.filter(({ modelVersion }) => modelVersion === '9').length;
      // Only a decision without a run has nothing that remembers it.
      expect({ nth, times: more.action && !more.runId ? 1 : times }).toEqual({ nth, times: 1 });
      expect({ nth, problems: problemsOf(chain), head: chain.head }).toEqual({
        nth,
        problems: [],
        head: chain.records.at(-1)?.hash,
      });
      expect(record.hash).toBe(chain.head);
      if (about.runId !== undefined)
        expect(await registry.artifact(about.runId, `decisions/${recordName(record)}`)).toBe(serializeRecord(record));
    }
    expect(kills).toBeGreaterThan(6);
  });
});

test('a decision after one that was written and not counted finds it in the chain', async () => {
  const { registry, ledger } = await filled(1);
  const failing: Registry = Object.assign(Object.create(registry) as Registry, {
    logRun: () => Promise.reject(new Error('gone')),
  });
  await expect(append(new Ledger(failing, MODEL), decision(2))).rejects.toThrow('gone');
  const unsettled = await ledger.chain();
  expect(problemsOf(unsettled)).toEqual([[2, expect.stringMatching(/was written and not counted/) as string]]);
  await append(ledger, decision(3));
  const chain = await ledger.chain();
  expect([versionsOf(chain), problemsOf(chain)]).toEqual([
    [
      [1, '1'],
      [2, '2'],
      [3, '3'],
    ],
    [],
  ]);
});
