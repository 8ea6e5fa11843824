import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiReply, KubernetesFront, notFound } from '../../../test/support/kubernetes-front';
import { Program } from '../../../test/support/program';
import { parseCall } from '../../common/command-line';
import { KubernetesClient } from '../../common/kubernetes';
import { createLog } from '../../common/log';
import { LocalServer } from '../../common/testing/local-server';
import { failureOf } from '../../common/testing/problems';
import { admit, admitCommand } from './admit';

const directory = mkdtempSync(join(tmpdir(), 'admit-'));
const LOOP = '/api/v1/namespaces/ml/configmaps/churn-loop';
const LIMITS = { cooldownSeconds: '3600', maxRunsPerDay: '2' };
const ARGS = ['--model', 'churn', '--namespace', 'ml', '--run', 'churn-training-2', '--loop', 'churn-loop'];
const PATIENCE = { attempts: 2, backoffMs: 5, timeoutMs: 2_000 };

let front: KubernetesFront;
let reply: (path: string) => ApiReply;
let outputs: string;
let counter = 0;

beforeAll(async () => {
  front = await KubernetesFront.start(({ path }) => Promise.resolve(reply(path)));
});
beforeEach(() => (outputs = join(directory, String(counter++))));
afterAll(async () => {
  await front.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** What is answered where the ConfigMap has these data, and these are the runs. */
const cluster =
  (data: object | undefined, ...items: object[]) =>
  (path: string): ApiReply => ({ status: 200, body: path === LOOP ? { data } : { items } });

async function run(args: readonly string[], env = front.env): Promise<{ code: number; printed: string }> {
  const call = parseCall(admitCommand, [...ARGS, ...args]);
  let printed = '';
  const context = { call, env: { OUTPUT_DIR: outputs }, log: createLog('test', 'silent') };
  const options = { env, serviceAccount: front.serviceAccount, patience: PATIENCE };
  const code = await admit({ ...context, print: (text) => (printed += text) }, new KubernetesClient(options));
  return { code, printed };
}

const answer = (name: string): string => readFileSync(join(outputs, name), 'utf8');
const before = (seconds: number, name = 'churn-training-1'): object => ({
  metadata: { name, creationTimestamp: new Date(Date.now() - seconds * 1000).toISOString() },
});

test('the first run goes on, and says why', async () => {
  reply = cluster(LIMITS);
  expect(await run(['--engine', 'argo', '--reason', 'drift'])).toEqual({
    code: 0,
    printed: 'churn-training-2: may go on: no run before; 0 of 2 runs in 24 hours',
  });
  expect(readdirSync(outputs).sort()).toEqual(['decision.json', 'passed']);
  expect(answer('passed')).toBe('true');
  expect(JSON.parse(answer('decision.json'))).toEqual({
    ...{ model: 'churn', run: 'churn-training-2', askedBy: 'drift', admitted: true, runs: [] },
    reason: 'no run before; 0 of 2 runs in 24 hours',
    limits: { paused: false, cooldownSeconds: 3600, maxRunsPerDay: 2 },
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
  });
});

test('a run beside another one ends', async () => {
  reply = cluster(LIMITS, before(7200));
  const { code, printed } = await run(['--engine', 'cronjob']);
  expect([code, answer('passed')]).toEqual([0, 'false']);
  expect(printed).toMatch(/^churn-training-2: ends here: 'churn-training-1' started at \S+ and is still under way/);
});

test('a run in the cooldown ends: code 0 and the answer in a file, or 10 where codes are all there is', async () => {
  const lastTransitionTime = new Date(Date.now() - 30_000).toISOString();
  const conditions = [{ type: 'Complete', status: 'True', lastTransitionTime }];
  reply = cluster(LIMITS, { ...before(60), status: { conditions } });
  const { code, printed } = await run(['--engine', 'cronjob']);
  expect([code, answer('passed')]).toEqual([0, 'false']);
  expect(printed).toMatch(/^churn-training-2: ends here: 'churn-training-1' ended at \S+, less than the cooldown/);
  expect(JSON.parse(answer('decision.json'))).toMatchObject({ admitted: false, runs: [{ name: 'churn-training-1' }] });
  expect((await run(['--engine', 'cronjob', '--fail-on-no'])).code).toBe(10);
  expect(answer('passed')).toBe('false');
  const longAgo = [{ ...conditions[0], lastTransitionTime: new Date(Date.now() - 3_650_000).toISOString() }];
  reply = cluster(LIMITS, { ...before(3700), status: { conditions: longAgo } });
  expect((await run(['--engine', 'cronjob', '--fail-on-no'])).code).toBe(0);
  expect(answer('passed')).toBe('true');
});

test('a paused loop ends every run, without asking for others', async () => {
  reply = cluster({ ...LIMITS, paused: 'true' });
  front.requests.length = 0;
  expect((await run(['--engine', 'argo', '--fail-on-no'])).code).toBe(10);
  expect(front.requests.map(({ path }) => path)).toEqual([LOOP]);
});

describe.each<[string, (path: string) => ApiReply, number, RegExp]>([
  [
    'without the ConfigMap',
    () => notFound('configmaps', 'churn-loop'),
    2,
    /^there is no ConfigMap 'churn-loop' in the namespace 'ml': the training pipeline renders it; apply it$/,
  ],
  ['with an empty ConfigMap', cluster(undefined), 2, /^'cooldownSeconds' .* got nothing$/],
  ['with a switch that nobody understands', cluster({ ...LIMITS, paused: 'on' }), 2, /must be 'true' or 'false'/],
  [
    'without the right to read it',
    () => ({ status: 403, body: { message: 'configmaps is forbidden' } }),
    2,
    /^the service account may not get \/api\/v1\S+ \(403\): configmaps is forbidden; its Role is missing or not bound$/,
  ],
  [
    'without the right to list runs',
    (path) => (path === LOOP ? cluster(LIMITS)(path) : { status: 403, body: { message: 'jobs is forbidden' } }),
    2,
    /^the service account may not get \/apis\/batch\/v1\/namespaces\/ml\/jobs\S* \(403\)/,
  ],
  [
    'where the API server is overloaded',
    () => ({ status: 503, body: { message: 'etcd leader changed' } }),
    3,
    /^the API server answered 503 to get .*: etcd leader changed$/,
  ],
])('%s', (_, replies, exitCode, problem) => {
  test('no answer is left, so that the run does not go on', async () => {
    reply = cluster(LIMITS);
    await run(['--engine', 'cronjob']);
    reply = replies;
    const failure = await failureOf(() => run(['--engine', 'cronjob']));
    expect(failure.exitCode).toBe(exitCode);
    expect(failure.problems[0]).toMatch(problem);
    expect(readdirSync(outputs)).toEqual([]);
  });
});

test('with a token that is not accepted it says so', async () => {
  front.rotateToken('new', 'old');
  const { exitCode, problems } = await failureOf(() => run(['--engine', 'argo']));
  front.rotateToken('new');
  expect([exitCode, problems]).toEqual([
    2,
    ["the API server does not accept the service account's token (401): Unauthorized"],
  ]);
});

test('where the API server is away ends with 3', async () => {
  const gone = await LocalServer.start(() => 'hang-up');
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(gone.port) };
  await gone.stop();
  const { exitCode, problems } = await failureOf(() => run(['--engine', 'argo'], env));
  expect(exitCode).toBe(3);
  expect(problems[0]).toMatch(/^127\.0\.0\.1:\d+ does not answer after 2 attempts: .*ECONNREFUSED/);
  expect(existsSync(outputs)).toBe(false);
});

test('an engine that there is none of is refused', async () => {
  expect(await failureOf(() => run(['--engine', 'airflow']))).toEqual({
    exitCode: 2,
    problems: ["--engine must be argo or cronjob, got 'airflow'"],
  });
});

describe('the program', () => {
  const program = Program.build('gate-evaluator');
  afterAll(() => program.remove());

  test('outside of a pod says what it is for, and leaves no answer', async () => {
    const { code, errors } = await program.run(['admit', ...ARGS, '--engine', 'argo'], { OUTPUT_DIR: outputs });
    expect([code, errors]).toEqual([
      2,
      [
        'KUBERNETES_SERVICE_HOST is not set: only a pod can reach the Kubernetes API; it is the first step of a training run',
      ],
    ]);
  });

  test('without its options names all of them', async () => {
    const { code, errors } = await program.run(['admit'], { OUTPUT_DIR: outputs });
    expect(code).toBe(2);
    expect(errors.map((error) => error.split(' ')[0])).toEqual([
      '--model',
      '--namespace',
      '--engine',
      '--run',
      '--loop',
    ]);
  });
});
