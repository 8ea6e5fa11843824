import { gzipSync } from 'node:zlib';
import { failureOf } from '../../common/testing/problems';
import { decideAdmission, parseLimits } from './admission';
import { type AdmittedRun, admittedRuns } from './recent-runs';

const NOW = new Date('2026-11-20T12:00:00Z');
const DAY = 86_400;
/** A run that started so many seconds ago. */
const run = (seconds: number, name = `run-${seconds}`): AdmittedRun => ({
  name,
  startedAt: new Date(NOW.getTime() - seconds * 1000),
});

describe('the limits of a ConfigMap', () => {
  const LIMITS = { cooldownSeconds: '3600', maxRunsPerDay: '4' };

  test.each<[Record<string, string>, object]>([
    [LIMITS, { paused: false, cooldownSeconds: 3600, maxRunsPerDay: 4 }],
    [
      { ...LIMITS, paused: 'true' },
      { paused: true, cooldownSeconds: 3600, maxRunsPerDay: 4 },
    ],
    [
      { ...LIMITS, paused: ' TRUE\n' },
      { paused: true, cooldownSeconds: 3600, maxRunsPerDay: 4 },
    ],
    [
      { paused: 'false', cooldownSeconds: '0', maxRunsPerDay: '0' },
      { paused: false, cooldownSeconds: 0, maxRunsPerDay: 0 },
    ],
    [
      { cooldownSeconds: ' 60\n', maxRunsPerDay: '1000000000' },
      { paused: false, cooldownSeconds: 60, maxRunsPerDay: 1e9 },
    ],
  ])('%j', (data, limits) => expect(parseLimits(data, 'loop')).toEqual(limits));

  const number = (key: string, got: string): string =>
    `'${key}' in the ConfigMap 'loop' must be a whole number of at most 1000000000, got ${got}`;
  const paused = (got: string): string => `'paused' in the ConfigMap 'loop' must be 'true' or 'false', got '${got}'`;

  test.each<[Record<string, string>, string[]]>([
    [{}, [number('cooldownSeconds', 'nothing'), number('maxRunsPerDay', 'nothing')]],
    [{ ...LIMITS, cooldownSeconds: '-1' }, [number('cooldownSeconds', "'-1'")]],
    [{ ...LIMITS, cooldownSeconds: '1.5' }, [number('cooldownSeconds', "'1.5'")]],
    [{ ...LIMITS, cooldownSeconds: '1h' }, [number('cooldownSeconds', "'1h'")]],
    [{ ...LIMITS, cooldownSeconds: '' }, [number('cooldownSeconds', "''")]],
    [{ ...LIMITS, cooldownSeconds: '1000000001' }, [number('cooldownSeconds', "'1000000001'")]],
    [{ ...LIMITS, maxRunsPerDay: '9'.repeat(400) }, [number('maxRunsPerDay', `'${'9'.repeat(400)}'`)]],
    [{ ...LIMITS, maxRunsPerDay: '1e3' }, [number('maxRunsPerDay', "'1e3'")]],
    [{ ...LIMITS, maxRunsPerDay: '0x10' }, [number('maxRunsPerDay', "'0x10'")]],
    [{ ...LIMITS, maxRunsPerDay: 'NaN' }, [number('maxRunsPerDay', "'NaN'")]],
    [{ ...LIMITS, paused: 'yes' }, [paused('yes')]],
    [{ ...LIMITS, paused: '' }, [paused('')]],
    [
      { paused: '1', cooldownSeconds: 'x', maxRunsPerDay: 'y' },
      [paused('1'), number('cooldownSeconds', "'x'"), number('maxRunsPerDay', "'y'")],
    ],
  ])('%j is refused, and never taken for "go on"', async (data, problems) => {
    const { exitCode, problems: got } = await failureOf(() => parseLimits(data, 'loop'));
    expect([exitCode, [...got].sort()]).toEqual([2, [...problems].sort()]);
  });
});

describe('admission', () => {
  const limits = (
    cooldownSeconds: number,
    maxRunsPerDay: number,
    paused = false,
  ): Parameters<typeof decideAdmission>[0] => ({
    paused,
    cooldownSeconds,
    maxRunsPerDay,
  });

  test.each<[string, ReturnType<typeof limits>, AdmittedRun[], boolean, string]>([
    ['the first run', limits(3600, 1), [], true, 'no run before; 0 of 1 runs in 24 hours'],
    ['a paused loop', limits(0, 9, true), [], false, "the loop is paused ('paused' is true)"],
    [
      'a second before the cooldown ends',
      limits(3600, 9),
      [run(3599), run(9000)],
      false,
      "'run-3599' started at 2026-11-20T11:00:01.000Z, less than the cooldown of 3600 s ago: none before 2026-11-20T12:00:01.000Z",
    ],
    [
      'the second in which the cooldown ends',
      limits(3600, 9),
      [run(9000), run(3600)],
      true,
      "the last run, 'run-3600' started at 2026-11-20T11:00:00.000Z; 2 of 9 runs in 24 hours",
    ],
    [
      'a second before the cooldown after a long run ends, whose request waited for it',
      limits(3600, 9),
      [{ ...run(40_000), endedAt: new Date(NOW.getTime() - 3_599_000) }, run(9000)],
      false,
      "'run-40000' ended at 2026-11-20T11:00:01.000Z, less than the cooldown of 3600 s ago: none before 2026-11-20T12:00:01.000Z",
    ],
    [
      'the second in which that cooldown ends',
      limits(3600, 9),
      [{ ...run(40_000), endedAt: new Date(NOW.getTime() - 3_600_000) }],
      true,
      expect.stringMatching(/; 1 of 9 runs/) as string,
    ],
    [
      'a run that is still under way, however long ago it started',
      limits(0, 9),
      [{ ...run(50_000), underWay: true }],
      false,
      expect.stringMatching(/^'run-50000' started at .*Z and is still under way$/) as string,
    ],
    ['no cooldown', limits(0, 9), [run(0)], true, expect.stringMatching(/; 1 of 9 runs/) as string],
    [
      'a run in the future, by a clock that differs, and no cooldown',
      limits(0, 9),
      [run(-30)],
      true,
      expect.stringMatching(/; 1 of 9 runs/) as string,
    ],
    [
      'a run in the future, and a cooldown from then on',
      limits(60, 9),
      [run(-30)],
      false,
      expect.stringMatching(/none before 2026-11-20T12:01:30\.000Z$/) as string,
    ],
    [
      'as many runs as are allowed',
      limits(60, 2),
      [run(DAY - 1), run(7200)],
      false,
      '2 runs in 24 hours, 2 are allowed: none before 2026-11-20T12:00:01.000Z',
    ],
    [
      'the oldest of them just a day old',
      limits(60, 2),
      [run(DAY), run(7200)],
      true,
      expect.stringMatching(/; 1 of 2 runs/) as string,
    ],
    [
      'more runs than are allowed since the limit was lowered',
      limits(60, 1),
      [run(DAY - 1), run(7200), run(3600)],
      false,
      '3 runs in 24 hours, 1 are allowed: none before 2026-11-21T11:00:00.000Z',
    ],
    ['no run allowed at all', limits(0, 0), [], false, '0 runs in 24 hours, 0 are allowed'],
    ['no run allowed after one', limits(0, 0), [run(60)], false, '1 runs in 24 hours, 0 are allowed'],
  ])('%s', (_, given, runs, admitted, reason) => {
    expect(decideAdmission(given, runs, NOW)).toEqual({ admitted, reason });
  });
});

/** An API server that knows these pages of a list, and remembers what it was asked. */
class Pages {
  public readonly asked: string[] = [];
  constructor(private readonly pages: readonly (readonly object[])[]) {}

  public get<T>(path: string): Promise<T | undefined> {
    const at = Number(new URL(path, 'http://api').searchParams.get('continue') ?? 0);
    this.asked.push(path);
    const next = at + 1 < this.pages.length ? { continue: String(at + 1) } : {};
    return Promise.resolve({ metadata: next, items: this.pages[at] } as T);
  }
}

const CREATED = '2026-11-20T10:00:00Z';
const STARTED = '2026-11-20T10:00:05Z';
const names = (runs: readonly AdmittedRun[]): string[] => runs.map(({ name }) => name).sort();
const ask = (engine: 'argo' | 'cronjob', ...pages: object[][]): Promise<AdmittedRun[]> =>
  admittedRuns(new Pages(pages), engine, { namespace: 'ml', model: 'churn', self: 'me' });

describe('runs of Argo', () => {
  const answered = (value: string | undefined): object => ({
    templateName: 'admit',
    outputs: {
      parameters: [
        { name: 'other', value: 'true' },
        { name: 'passed', value },
      ],
    },
  });
  const NODES = { a: { templateName: 'training' }, b: answered('true'), c: { templateName: 'pipeline' } };
  const pack = (nodes: unknown): string => gzipSync(JSON.stringify(nodes)).toString('base64');
  const workflow = (name: string, status?: object): object => ({
    metadata: { name, creationTimestamp: CREATED },
    status: status && { startedAt: STARTED, ...status },
  });

  test.each<[string, object | undefined, boolean]>([
    ['that was admitted', { nodes: NODES }, true],
    ['that was admitted, of many nodes', { compressedNodes: pack(NODES) }, true],
    ['whose nodes are in a database', { offloadNodeStatusVersion: 'fnv:1' }, true],
    ['whose nodes cannot be read', { compressedNodes: 'H4sIAAAA' }, true],
    ['that was refused', { nodes: { a: answered('false') } }, false],
    ['that was refused, of many nodes', { compressedNodes: pack({ a: answered('false') }) }, false],
    ['that was admitted at its second try', { nodes: { a: answered('false'), b: answered('true') } }, true],
    ['that is being asked', { nodes: { a: { templateName: 'admit' } } }, false],
    ['whose answer is not there yet', { nodes: { a: answered(undefined) } }, false],
    ['that waits', { nodes: {} }, false],
    ['that the controller has not seen', undefined, false],
    ['in which only the gate said yes', { nodes: { a: { ...answered('true'), templateName: 'gate' } } }, false],
  ])('one %s', async (_, status, counts) => {
    expect(await ask('argo', [workflow('other', status)])).toEqual(
      counts ? [{ name: 'other', startedAt: new Date(STARTED) }] : [],
    );
  });

  test('the one that asks is not counted, and one without a start started when it was made', async () => {
    const unstarted = { metadata: { name: 'other', creationTimestamp: CREATED }, status: { nodes: NODES } };
    expect(await ask('argo', [workflow('me', { nodes: NODES }), unstarted])).toEqual([
      { name: 'other', startedAt: new Date(CREATED) },
    ]);
  });

  test('all pages of the trainings of this model are read', async () => {
    const api = new Pages([[workflow('a', { nodes: NODES })], [], [workflow('b', { nodes: NODES })]]);
    const found = await admittedRuns(api, 'argo', { namespace: 'ml', model: 'churn', self: 'me' });
    expect(names(found)).toEqual(['a', 'b']);
    const list = '/apis/argoproj.io/v1alpha1/namespaces/ml/workflows?labelSelector=';
    const labels = encodeURIComponent('cdk8s-mlops.dev/model=churn,app.kubernetes.io/component=training');
    expect(api.asked).toEqual([
      `${list}${labels}&limit=250`,
      `${list}${labels}&limit=250&continue=1`,
      `${list}${labels}&limit=250&continue=2`,
    ]);
  });

  test('without Argo it is said what is missing', async () => {
    const nothing = { get: () => Promise.resolve(undefined) };
    const asked = admittedRuns(nothing, 'argo', { namespace: 'ml', model: 'churn', self: 'me' });
    expect(await failureOf(() => asked)).toEqual({
      exitCode: 2,
      problems: [
        "the API server does not know /apis/argoproj.io/v1alpha1/namespaces/ml/workflows: is the operator's CRD installed?",
      ],
    });
  });

  test('an empty list is no run', async () => {
    const empty = { get: <T>() => Promise.resolve({ items: null } as T) };
    expect(await admittedRuns(empty, 'argo', { namespace: 'ml', model: 'churn', self: 'me' })).toEqual([]);
  });
});

describe('runs of a CronJob', () => {
  const job = (name: string, startTime: string | undefined, conditions?: object[]): object => ({
    metadata: { name, creationTimestamp: CREATED },
    status: { startTime, conditions },
  });
  const failed = (message: string, reason = 'PodFailurePolicy'): object => ({ type: 'Failed', reason, message });
  const at = (second: number): string => `2026-11-20T10:00:${String(second).padStart(2, '0')}Z`;
  const ME = job('me', at(30));
  const refusal = (container: string, code: number): string =>
    `Container ${container} for pod ml/churn-training-1-abcde failed with exit code ${code} matching FailJob rule at index 1`;

  test.each<[string, object[], boolean]>([
    ['that ended', [{ type: 'Complete' }], true],
    ['that runs', [], true],
    ['that its own limits refused', [failed(refusal('admit', 10))], false],
    ['that is about to fail for that', [{ ...failed(refusal('admit', 10)), type: 'FailureTarget' }], false],
    ['whose admission failed', [failed(refusal('admit', 2))], true],
    ['whose admission ended with a code that begins like it', [failed(refusal('admit', 103))], true],
    ['whose gate said no', [failed(refusal('gate', 10))], true],
    ['that failed for another reason', [failed(refusal('admit', 10), 'BackoffLimitExceeded')], true],
    ['whose condition has no message', [{ type: 'Failed', reason: 'PodFailurePolicy' }], true],
  ])('one %s', async (_, conditions, counts) => {
    expect(names(await ask('cronjob', [ME, job('other', at(1), conditions)]))).toEqual(counts ? ['other'] : []);
  });

  test('of two that ask at the same time each sees what makes exactly one of them win', async () => {
    const [a, b] = [job('a', at(30)), job('b', at(30))];
    const seenBy = async (self: string): Promise<string[]> =>
      names(await admittedRuns(new Pages([[b, a]]), 'cronjob', { namespace: 'ml', model: 'churn', self }));
    expect([await seenBy('a'), await seenBy('b')]).toEqual([[], ['a']]);
  });

  test('what started later is not counted, and what has not started yet is as old as it is', async () => {
    expect(await ask('cronjob', [job('later', at(31)), ME], [job('waits', undefined), job('before', at(29))])).toEqual([
      { name: 'waits', startedAt: new Date(CREATED), underWay: true },
      { name: 'before', startedAt: new Date(at(29)), underWay: true },
    ]);
  });

  test.each(['Complete', 'Failed'])('one that is %s has ended then, and one that is about to has not', async (type) => {
    const ended = { type, status: 'True', lastTransitionTime: '2026-11-20T11:30:00Z' };
    const notYet = { ...ended, status: 'False' };
    const [over, works] = await ask('cronjob', [ME, job('over', at(1), [ended]), job('works', at(2), [notYet])]);
    expect(over).toEqual({ name: 'over', startedAt: new Date(at(1)), endedAt: new Date('2026-11-20T11:30:00Z') });
    expect(works).toEqual({ name: 'works', startedAt: new Date(at(2)), underWay: true });
  });

  test('one that is not among them counts all of them', async () => {
    expect(names(await ask('cronjob', [job('a', at(1)), job('b', at(59))]))).toEqual(['a', 'b']);
  });
});
