import { type Answer, LocalServer, type Received } from '../../common/testing/local-server';
import { failureOf } from '../../common/testing/problems';
import { promote } from '../promotion/promote';
import { rollback } from '../promotion/rollback';
import { MlflowRegistry } from './mlflow-registry';
import { SmallMlflow } from './testing/small-mlflow';

const PASSED = { 'gate.verdict': 'pass', lifecycle: 'staged' };
const MODEL = 'churn';
let server: LocalServer;
let mlflow: SmallMlflow;
afterEach(() => server.stop());

/** A registry of two versions that passed, the first champion; `meddle` may answer instead. */
async function open(
  meddle: (request: Received, count: number) => Answer | undefined = () => undefined,
  unknownAlias?: 400 | 404,
): Promise<MlflowRegistry> {
  mlflow = new SmallMlflow(unknownAlias);
  mlflow.addVersion({ ...PASSED, lifecycle: 'production' });
  mlflow.addVersion(PASSED);
  mlflow.aliases.set('champion', '1');
  server = await LocalServer.start((request, count) => meddle(request, count) ?? mlflow.answer(request));
  return new MlflowRegistry({
    ...{ trackingUri: server.url, env: {} },
    patience: { attempts: 2, backoffMs: 1, timeoutMs: 150 },
  });
}

const toProduction = (registry: MlflowRegistry): ReturnType<typeof promote> =>
  promote({ registry, model: MODEL, version: '2', to: 'production' });
const champion = (): string | undefined => mlflow.aliases.get('champion');

test.each([400, 404] as const)('an alias that nobody set is none, whether it is said by %d', async (status) => {
  const registry = await open(undefined, status);
  const { previous } = await toProduction(registry);
  expect([champion(), previous?.version]).toEqual(['2', '1']);
  expect(Object.fromEntries(mlflow.aliases)).toEqual({ champion: '2', previous: '1' });
  expect([...mlflow.models.keys()]).toEqual([]);
});

test.each<[string, Answer, number, RegExp]>([
  ['hangs', 'silence', 3, /^127\.0\.0\.1:\d+ does not answer after 2 attempts: no answer within 0\.15 s$/],
  ['hangs up', 'hang-up', 3, /does not answer after 2 attempts: socket hang up/],
  ['answers a page', { status: 200, body: '<html>Sign in</html>' }, 3, /is not a tracking server: got '<html>Sign in/],
  ['answers nothing', { status: 200, body: '' }, 3, /is not a tracking server: got ''/],
  ['is busy', { status: 503, body: 'no healthy upstream' }, 3, /answered 503 for .*: no healthy upstream$/],
  ['says to wait, without end', { status: 429, body: 'slow down' }, 3, /answered 429 for .*: slow down$/],
  [
    'does not know its own name',
    { status: 403, body: 'Invalid Host header - possible DNS rebinding attack detected' },
    2,
    /refuses its own name \(Invalid Host header\): add the name, with port, to its --allowed-hosts$/,
  ],
  ['wants to know who asks', { status: 401, body: 'no' }, 2, /\(401\): check MLFLOW_TRACKING_TOKEN/],
  ['forbids it', { status: 403, body: 'no' }, 2, /\(403\): check MLFLOW_TRACKING_TOKEN/],
  ['is another server', { status: 404, body: '<html>nothing</html>' }, 2, /answered 404 for .*<html>nothing/],
])('where the server %s nothing is promoted, and it is said what to do', async (_, answer, exitCode, problem) => {
  const registry = await open(() => answer);
  const failure = await failureOf(() => toProduction(registry));
  expect(failure.exitCode).toBe(exitCode);
  expect(failure.problems[0]).toMatch(problem);
  expect([champion(), mlflow.versions.map(({ tags }) => tags.length)]).toEqual(['1', [2, 2]]);
});

test('a server that says to wait, once at every request, is waited for', async () => {
  const registry = await open((_, count) => (count % 2 === 1 ? { status: 429, body: 'slow down' } : undefined));
  await toProduction(registry);
  expect([champion(), mlflow.models.size]).toEqual(['2', 0]);
});

test('a version that is still pending is not promoted', async () => {
  const registry = await open();
  mlflow.versions[1]!.status = 'PENDING_REGISTRATION';
  const { exitCode, problems } = await failureOf(() => toProduction(registry));
  expect([exitCode, problems, champion()]).toEqual([
    2,
    ["version 2 of 'churn' is still pending: try again when it is registered"],
    '1',
  ]);
});

describe.each<[string, (registry: MlflowRegistry) => Promise<unknown>, string]>([
  ['promote', toProduction, '2'],
  ['rollback', (registry) => rollback({ registry, model: MODEL, from: '2', reason: 'slow' }), '1'],
])('%s', (command, work, ends) => {
  const prepared = async (meddle?: Parameters<typeof open>[0]): Promise<MlflowRegistry> => {
    const registry = await open(meddle);
    if (command === 'rollback') await toProduction(registry);
    return registry;
  };
  const state = (): unknown => ({
    aliases: Object.fromEntries(mlflow.aliases),
    versions: mlflow.versions.map(({ tags }) => Object.fromEntries(tags.map(({ key, value }) => [key, value]))),
    locks: [...mlflow.models.keys()],
  });

  test('of a server that goes away between any two calls says so, and does the rest when it is back', async () => {
    const undisturbed = await prepared();
    await work(undisturbed);
    const expected = state();
    await server.stop();
    let cuts = 0;
    for (let left = 0; ; left++) {
      let served = Infinity;
      const registry = await prepared(() => (served-- > 0 ? undefined : 'hang-up'));
      served = left;
      const failure = await failureOf(() => work(registry)).catch(() => undefined);
      served = Infinity;
      if (!failure) break;
      cuts++;
      expect(failure).toMatchObject({ exitCode: 3, problems: [expect.stringMatching(/does not answer after 2/)] });
      expect(['1', '2']).toContain(champion());
      await work(registry);
      expect({ left, state: state() }).toEqual({ left, state: expected });
      await server.stop();
    }
    expect([champion(), cuts > 8]).toEqual([ends, true]);
  });
});

describe('a new version', () => {
  const VERSION = { source: 's3://models/run-3', runId: 'r3', tags: { lifecycle: 'staged' } };
  const creations = (): number => server.received.filter(({ path }) => path.endsWith('model-versions/create')).length;

  test('whose answer was lost is not registered a second time', async () => {
    let lost = false;
    const registry = await open((request) => {
      if (lost || !request.path.endsWith('model-versions/create')) return undefined;
      lost = true;
      mlflow.answer(request);
      return 'hang-up';
    });
    expect(await registry.createVersion(MODEL, VERSION)).toMatchObject({ version: '3', runId: 'r3', ready: true });
    expect([mlflow.versions.length, creations()]).toEqual([3, 1]);
  });

  test('that the server was too busy for is asked for again', async () => {
    let busy = true;
    const registry = await open(({ path }) => {
      if (!busy || !path.endsWith('model-versions/create')) return undefined;
      busy = false;
      return { status: 503, body: 'busy' };
    });
    expect((await registry.createVersion(MODEL, VERSION)).version).toBe('3');
    expect([mlflow.versions.length, creations()]).toEqual([3, 2]);
  });

  test.each<[Answer, number, RegExp]>([
    ['hang-up', 3, /does not answer after 1 attempts/],
    [{ status: 500, body: 'database is locked' }, 3, /answered 500 for a new version of 'churn': database is locked/],
    [{ status: 400, body: { message: 'bad tag' } }, 2, /answered 400 for a new version of 'churn'/],
  ])('that is refused every time (%j) is said', async (answer, exitCode, problem) => {
    const registry = await open(({ path }) => (path.endsWith('model-versions/create') ? answer : undefined));
    const failure = await failureOf(() => registry.createVersion(MODEL, VERSION));
    expect([failure.exitCode, failure.problems]).toEqual([exitCode, [expect.stringMatching(problem)]]);
    expect(creations()).toBe(exitCode === 2 ? 1 : 2);
  });

  test('at an address that the server does not take names what to do', async () => {
    const registry = await open(({ path }) =>
      path.endsWith('model-versions/create') ? { status: 400, body: 'Invalid model version source: /m' } : undefined,
    );
    expect((await failureOf(() => registry.createVersion(MODEL, { ...VERSION, source: '/m' }))).problems).toEqual([
      expect.stringMatching(
        /takes no version whose artifact lies at '\/m': name a folder of an object store with --store/,
      ),
    ]);
  });
});
