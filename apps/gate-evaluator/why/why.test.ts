import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CheckResult } from '../gates/check-result';
import { type Decision, type DecisionRecord, nextRecord, serializeRecord } from '../records/decision-record';
import { type Chain, recordName } from '../records/ledger';
import { FileRegistry } from '../registry/file-registry';
import { explainModel } from './explain-model';
import { type History, readHistory } from './history';

const directory = mkdtempSync(join(tmpdir(), 'why-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const MODEL = 'fraud';
let folders = 0;
const newFolder = (): string => join(directory, String(folders++));

async function withVersions(count: number, tags: Readonly<Record<string, string>> = {}): Promise<FileRegistry> {
  const registry = new FileRegistry(newFolder());
  for (let version = 1; version <= count; version++) {
    const runId = await registry.run(MODEL, `run-${version}`, {});
    await registry.createVersion(MODEL, { source: `s3://models/${version}`, runId, tags });
  }
  return registry;
}

type Told = Partial<Decision> & Pick<Decision, 'action'>;

function chainOf(...decisions: readonly Told[]): Chain & { readonly records: readonly DecisionRecord[] } {
  const records: DecisionRecord[] = [];
  for (const [index, decision] of decisions.entries()) {
    const at = `2026-11-20T07:0${index}:00.000Z`;
    records.push(
      nextRecord({ model: MODEL, at, by: 'alice', reason: 'better', inputs: {}, ...decision }, records.at(-1)),
    );
  }
  return { records, unreadable: [], head: records.at(-1)?.hash };
}

const promoted = (version: number, from?: number): Told => ({
  action: 'promote',
  modelVersion: String(version),
  to: 'production',
  ...(from !== undefined && { from: String(from) }),
});

const check = (name: string, verdict: CheckResult['verdict']): CheckResult => ({
  check: name,
  metric: name,
  rule: 'at least 0.9',
  verdict,
  severity: 'block',
  reason: `${name} is what it is`,
});

const none: Chain = { records: [], unreadable: [] };

describe('the history of a model', () => {
  const read = async (
    chain: Chain,
    aliases: { readonly champion?: string; readonly previous?: string } = {},
    more: { readonly tags?: Record<string, string>; readonly copies?: string } = {},
  ): Promise<History> => {
    const registry = await withVersions(3, more.tags);
    for (const [alias, version] of Object.entries(aliases)) await registry.setAlias(MODEL, alias, version);
    return readHistory(registry, MODEL, chain, more.copies);
  };

  test('that fits has no problems', async () => {
    const chain = chainOf(promoted(1), promoted(2, 1));
    const { problems, live, previous, records, head } = await read(chain, { champion: '2', previous: '1' });
    expect([problems, live?.version, previous?.version]).toEqual([[], '2', '1']);
    expect([records, head]).toEqual([chain.records, chain.head]);
  });

  test('of which nothing is known has none either', async () => {
    expect(await read(none)).toEqual({ model: MODEL, records: [], problems: [], head: undefined });
  });

  test.each<[string, Chain, Record<string, string>, string]>([
    [
      'a champion without a decision',
      none,
      { champion: '1' },
      "version 1 is champion, and no decision made it so: take it in with 'register --adopt'",
    ],
    [
      'a champion of which only the evaluation is known',
      chainOf({ action: 'evaluate', modelVersion: '1', verdict: 'pass' }, { ...promoted(1), to: 'canary' }),
      { champion: '1' },
      "version 1 is champion, and no decision made it so: take it in with 'register --adopt'",
    ],
    [
      'an alias that was moved',
      chainOf(promoted(1), promoted(2, 1)),
      { champion: '3' },
      'version 3 is champion, but the last decision (record 2) made version 2 champion: somebody moved the alias',
    ],
    [
      'an alias that was moved back without a rollback',
      chainOf(promoted(1), promoted(2, 1)),
      { champion: '1' },
      'version 1 is champion, but the last decision (record 2) made version 2 champion: somebody moved the alias',
    ],
    [
      'an alias that was removed',
      chainOf(promoted(1)),
      {},
      "no version of 'fraud' is champion, though record 1 made version 1 it: the alias was removed",
    ],
    [
      'a head that was removed',
      { ...chainOf(promoted(1), promoted(2, 1)), head: undefined },
      { champion: '2' },
      'the registry does not remember the last record, so that later ones may be missing after record 2: the next decision notes it again',
    ],
    [
      'a file that is no record',
      { ...chainOf(promoted(1)), unreadable: ['decisions/00000002.json'] },
      { champion: '1' },
      "'decisions/00000002.json' is no decision record any more",
    ],
  ])('names %s', async (_, chain, aliases, problem) => {
    expect((await read(chain, aliases)).problems).toEqual([problem]);
  });

  test('names records that were tampered with by what they are about', async () => {
    const chain = chainOf({ action: 'evaluate', run: 'run-1', verdict: 'fail' }, promoted(1), promoted(2, 1));
    const records = chain.records.map((record, index) => (index === 2 ? record : { ...record, reason: 'forged' }));
    const { problems } = await read({ ...chain, records }, { champion: '2' });
    expect(problems).toEqual([
      "record 1 ('evaluate', 2026-11-20T07:00:00.000Z) was changed after it was written: its content does not have its hash",
      "record 2 ('promote' of version 1, 2026-11-20T07:01:00.000Z) was changed after it was written: its content does not have its hash",
    ]);
    const cut = await read({ ...chain, records: chain.records.slice(0, 2) }, { champion: '1' });
    expect(cut.problems).toEqual([`record 3 records at the end are missing: the last one had the hash ${chain.head}`]);
  });

  test('names a verdict whose record is not there', async () => {
    const chain = chainOf(promoted(1));
    const tags = { 'gate.report_sha256': 'sha256:gone' };
    expect((await read(chain, { champion: '1' }, { tags })).problems).toEqual([
      'version 1 says that the record sha256:gone judged it, which is not among its records',
    ]);
    const there = { 'gate.report_sha256': chain.records[0]!.hash };
    expect((await read(chain, { champion: '1' }, { tags: there })).problems).toEqual([]);
  });

  test('names records that are not what their copies are, and misses no copy', async () => {
    const chain = chainOf(promoted(1), promoted(2, 1), promoted(3, 2));
    const copies = newFolder();
    mkdirSync(copies);
    const copy = (index: number, text: string): void =>
      writeFileSync(join(copies, recordName(chain.records[index]!)), text);
    copy(0, serializeRecord(chain.records[0]!));
    copy(1, serializeRecord({ ...chain.records[1]!, reason: 'another' }));
    expect((await read(chain, { champion: '3' }, { copies })).problems).toEqual([
      `record 2 is not what its copy in '${copies}' is: one of them was changed`,
    ]);
  });
});

describe('the story of a model', () => {
  const tell = async (
    decisions: readonly Told[],
    aliases: { readonly champion?: string; readonly previous?: string },
    all = false,
    tags: Record<string, string> = {},
  ): Promise<string[]> => {
    const registry = await withVersions(3, tags);
    for (const [alias, version] of Object.entries(aliases)) await registry.setAlias(MODEL, alias, version);
    return explainModel(await readHistory(registry, MODEL, chainOf(...decisions), undefined), all).split('\n');
  };

  const whole = (count: number, last: number): RegExp =>
    new RegExp(
      `^${count} decisions from 2026-11-20 07:00 UTC to 2026-11-20 07:0${last} UTC: the chain is whole, its head is sha256:[0-9a-f]{64}\\.$`,
    );

  test('of which nothing is known', async () => {
    expect(await tell([], {})).toEqual(['fraud: no version is champion, and nothing was ever decided about it.']);
  });

  test('that has no champion', async () => {
    const lines = await tell([{ action: 'evaluate', run: 'run-1', verdict: 'fail' }], {});
    expect(lines).toEqual(['fraud: no version is champion.', '', expect.stringMatching(whole(1, 0)) as string]);
  });

  test('with its first champion, from the run to production', async () => {
    const run = 'run-1';
    const decisions: Told[] = [
      { action: 'evaluate', run, verdict: 'pass', checks: [check('auc', 'pass')], notes: ['there is no baseline'] },
      { action: 'evaluate', run: 'run-of-another', verdict: 'fail' },
      { action: 'register', run, modelVersion: '1' },
      { action: 'promote', run, modelVersion: '1', to: 'canary' },
      { ...promoted(1), run },
    ];
    const tags = {
      'artifact.uri': 's3://models/1',
      'dataset.digest': 'sha256:aa',
      'git.commit': 'abc',
      'training.run': run,
    };
    expect(await tell(decisions, { champion: '1' }, false, tags)).toEqual([
      'fraud: version 1 is live, since 2026-11-20 07:04 UTC.',
      '  artifact: s3://models/1',
      '  training data: sha256:aa',
      '  commit: abc',
      '  run: run-1',
      '',
      '  2026-11-20 07:00 UTC  the candidate of run run-1 was judged: pass, 1 of 1 checks passed; asked by alice: better',
      '      auc: pass, auc is what it is',
      '      there is no baseline',
      '  2026-11-20 07:02 UTC  run run-1 was registered as version 1; asked by alice: better',
      '  2026-11-20 07:03 UTC  version 1 became canary; asked by alice: better',
      '  2026-11-20 07:04 UTC  version 1 became champion, the first; asked by alice: better',
      '',
      'There is no version before it to go back to.',
      '',
      expect.stringMatching(whole(5, 4)) as string,
    ]);
  });

  test('after a promotion names the version before', async () => {
    const lines = await tell([promoted(1), promoted(2, 1)], { champion: '2', previous: '1' });
    expect(lines).toEqual([
      'fraud: version 2 is live, since 2026-11-20 07:01 UTC.',
      '  artifact: s3://models/2',
      '',
      '  2026-11-20 07:01 UTC  version 2 became champion after version 1; asked by alice: better',
      '',
      "If it must go: 'gate-evaluator rollback --model fraud --from 2' goes back to version 1.",
      '',
      expect.stringMatching(whole(2, 1)) as string,
    ]);
  });

  test('after a rollback says since when, and what was taken back', async () => {
    const back: Told = { action: 'rollback', modelVersion: '1', from: '2', to: 'production', reason: 'false alarms' };
    const lines = await tell([promoted(1), promoted(2, 1), back], { champion: '1' });
    expect(lines[0]).toBe('fraud: version 1 is live, since 2026-11-20 07:02 UTC.');
    expect(lines.slice(3, 5)).toEqual([
      '  2026-11-20 07:00 UTC  version 1 became champion, the first; asked by alice: better',
      '  2026-11-20 07:02 UTC  version 2 was taken back, and version 1 became champion again; asked by alice: false alarms',
    ]);
  });

  test('that includes a canary that was given up tells it among all decisions', async () => {
    const canary: Told = { action: 'promote', modelVersion: '2', to: 'canary' };
    const given: Told = { action: 'abort', modelVersion: '2', from: '2', to: 'archived', reason: 'errors' };
    const lines = await tell([promoted(1), canary, given], { champion: '1' }, true);
    expect(lines[0]).toBe('fraud: version 1 is live, since 2026-11-20 07:00 UTC.');
    expect(lines).toContain('  2026-11-20 07:02 UTC  version 2 was given up as canary; asked by alice: errors');
  });

  test('of a roll-out says what each step was judged by', async () => {
    const error = { check: 'error-rate', verdict: 'fail', reason: '0.2 is above 0.01 (errors)' } as CheckResult;
    const judged: Told = { action: 'analyze', modelVersion: '1', by: 'churn-rollout-x7', reason: 'canary 10 %' };
    const decisions: Told[] = [
      { ...judged, verdict: 'fail', checks: [error], notes: ['it was asked 2 times in 60 s'] },
      promoted(1),
    ];
    expect((await tell(decisions, { champion: '1' })).slice(3, 6)).toEqual([
      '  2026-11-20 07:00 UTC  version 1 was judged by its live traffic: fail, 0 of 1 checks passed; asked by churn-rollout-x7: canary 10 %',
      '      error-rate: fail, 0.2 is above 0.01 (errors)',
      '      it was asked 2 times in 60 s',
    ]);
  });

  test('of a model that was taken in', async () => {
    const lines = await tell([{ action: 'adopt', modelVersion: '1', to: 'production' }], { champion: '1' });
    expect(lines[0]).toBe('fraud: version 1 is live, since 2026-11-20 07:00 UTC.');
    expect(lines[3]).toBe(
      '  2026-11-20 07:00 UTC  version 1, which ran already, was taken in as champion; asked by alice: better',
    );
  });

  test('whose champion was moved by hand does not say since when, and ends with the problem', async () => {
    const lines = await tell([promoted(1), promoted(2, 1)], { champion: '3' });
    expect(lines[0]).toBe('fraud: version 3 is live.');
    expect(lines.slice(-2)).toEqual([
      '2 decisions from 2026-11-20 07:00 UTC to 2026-11-20 07:01 UTC: NOT AS THEY SHOULD BE:',
      '  ! version 3 is champion, but the last decision (record 2) made version 2 champion: somebody moved the alias',
    ]);
  });

  test('without a decision ends with the problem as well', async () => {
    const lines = await tell([], { champion: '1' });
    expect(lines.slice(-2)).toEqual([
      'NOT AS IT SHOULD BE:',
      "  ! version 1 is champion, and no decision made it so: take it in with 'register --adopt'",
    ]);
  });

  test('shows the checks that did not pass first, and of many only some', async () => {
    const checks = [
      ...Array.from({ length: 9 }, (_, n) => check(`m${n}`, 'pass')),
      check('late', 'fail'),
      check('x', 'inconclusive'),
    ];
    const lines = await tell([{ action: 'evaluate', modelVersion: '1', verdict: 'fail', checks }, promoted(1)], {
      champion: '1',
    });
    expect(lines.slice(3, 7)).toEqual([
      '  2026-11-20 07:00 UTC  version 1 was judged: fail, 9 of 11 checks passed; asked by alice: better',
      '      late: fail, late is what it is',
      '      x: inconclusive, x is what it is',
      '      m0: pass, m0 is what it is',
    ]);
    expect(lines[12]).toBe('      and 3 more checks');
  });

  test('tells every decision when all are asked for', async () => {
    const decisions = [promoted(1), promoted(2, 1), { action: 'evaluate', run: 'run-3', verdict: 'fail' } as const];
    expect((await tell(decisions, { champion: '2' })).some((line) => line.includes('run-3'))).toBe(false);
    const lines = await tell(decisions, { champion: '2' }, true);
    const from = lines.indexOf('All decisions:');
    expect(lines.slice(from + 1, from + 4)).toEqual([
      '  2026-11-20 07:00 UTC  version 1 became champion, the first; asked by alice: better',
      '  2026-11-20 07:01 UTC  version 2 became champion after version 1; asked by alice: better',
      '  2026-11-20 07:02 UTC  the candidate of run run-3 was judged: fail, 0 of 0 checks passed; asked by alice: better',
    ]);
  });

  test('keeps what somebody wrote on its line', async () => {
    const forged = { ...promoted(1), reason: 'x\n  ! version 9 is champion\r\nfraud: version 9 is live.' };
    const lines = await tell([{ ...forged, checks: [check('a\nb', 'fail')], notes: ['c\n\nd'] }], { champion: '1' });
    expect(lines.slice(3, 6)).toEqual([
      '  2026-11-20 07:00 UTC  version 1 became champion, the first; asked by alice: x ! version 9 is champion fraud: version 9 is live.',
      '      a b: fail, a b is what it is',
      '      c d',
    ]);
  });
});
