import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RolloutAnalysis, type RolloutFile } from 'cdk8s-mlops/contract';
import { parseCall } from '../../common/command-line';
import { createLog } from '../../common/log';
import { type Answer, LocalServer } from '../../common/testing/local-server';
import { failureOf } from '../../common/testing/problems';
import { type DecisionRecord, isIntact } from '../records/decision-record';
import { analyze, analyzeCommand } from './analyze';

const PATIENCE = { attempts: 2, backoffMs: 1, timeoutMs: 2_000 };
const ANALYSIS: RolloutAnalysis = {
  ...{ windowSeconds: 600, intervalSeconds: 60, holdSeconds: 0 },
  requests: { query: 'requests', atLeast: 100 },
  checks: [
    { name: 'error-rate', query: 'errors', atMost: 0, summary: 'share of requests without an answer' },
    { name: 'accuracy', query: 'accuracy', atLeast: 0.9, summary: 'share of predictions that are correct' },
  ],
};

const directory = mkdtempSync(join(tmpdir(), 'analyze-'));
const at = (name: string): string => join(directory, name);
/** What is answered to a query; the one for the roles has 'group' in it. */
let answers: Record<string, Answer | readonly string[]>;
let server: LocalServer;
let asked: string[];
let outputs: string;
let registry: string;
let counter = 0;

const ROLES = [
  ['7', 'stable'],
  ['8', 'candidate'],
] as const;
const GOOD = { requests: ['100'], errors: ['0'], accuracy: ['0.9'] };
let roles: readonly (readonly [string, string])[];

beforeAll(async () => {
  server = await LocalServer.start(({ body }) => {
    const query = new URLSearchParams(body).get('query')!;
    asked.push(query);
    if (query.startsWith('group'))
      return answerOf(roles.map(([version, role]) => ({ metric: { version, role }, value: [1, '1'] })));
    const said = answers[query]!;
    return Array.isArray(said)
      ? answerOf(said.map((value: string) => ({ metric: {}, value: [1, value] })))
      : (said as Answer);
  });
});
beforeEach(() => {
  [answers, roles, asked] = [GOOD, ROLES, []];
  outputs = at(`outputs-${counter}`);
  registry = at(`registry-${counter++}`);
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

const answerOf = (result: readonly object[]): Answer => ({
  status: 200,
  body: { status: 'success', data: { resultType: 'vector', result } },
});

const fileOf = (more: Partial<RolloutFile> = {}, analysis: Partial<RolloutAnalysis> = {}): RolloutFile => ({
  ...{ version: 1, model: 'churn', namespace: 'ml', engine: 'deployment', registry, prometheus: server.url },
  ...{ steps: [], routes: [], analysis: { ...ANALYSIS, ...analysis } },
  stable: {
    manifest: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'churn', namespace: 'ml' }, spec: {} },
    workload: { kind: 'Deployment', name: 'churn', readySeconds: 60 },
  },
  ...more,
});

interface Ran {
  readonly code: number;
  readonly printed: string;
  readonly record: DecisionRecord;
  readonly slept: readonly number[];
}

/** @param onSleep what happens while it waits for the n-th time */
async function run(
  file: RolloutFile,
  args: readonly string[] = [],
  onSleep?: (count: number) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  writeFileSync(at('rollout.yaml'), JSON.stringify(file));
  const call = parseCall(analyzeCommand, ['--config', at('rollout.yaml'), '--version', '8', ...args]);
  let printed = '';
  let time = 0;
  const slept: number[] = [];
  const sleep = (milliseconds: number): Promise<void> => {
    time += milliseconds;
    slept.push(milliseconds / 1000);
    onSleep?.(slept.length);
    return Promise.resolve();
  };
  const context = {
    ...{ call, env: { OUTPUT_DIR: outputs, ...env }, log: createLog('test', 'silent') },
    ...{ signal: new AbortController().signal, print: (text: string) => void (printed += text) },
  };
  const code = await analyze(context, { clock: { now: () => time, sleep }, patience: PATIENCE });
  return { code, printed, slept, record: JSON.parse(answer('decision.json')) as DecisionRecord };
}

const answer = (name: string): string => readFileSync(join(outputs, name), 'utf8');
const verdictsOf = ({ checks }: DecisionRecord): string[] => checks!.map(({ verdict }) => verdict);
const reasonsOf = ({ checks }: DecisionRecord): string[] => checks!.map(({ reason }) => reason);

describe('while there is no answer', () => {
  const FEW = { ...GOOD, requests: ['5'] };
  const HOLD = { intervalSeconds: 60, holdSeconds: 300 };

  test('it is told at every attempt that the roll-out waits, and no longer when there is one', async () => {
    const gateway = await LocalServer.start(() => ({ status: 200 }));
    try {
      answers = FEW;
      const later = (count: number): void => void (count === 2 && (answers = GOOD));
      const { code } = await run(fileOf({}, HOLD), [], later, { PUSHGATEWAY_URL: gateway.url });
      expect([code, answer('verdict')]).toEqual([0, 'pass']);
      expect(gateway.received.map(({ method, path }) => `${method} ${path}`)).toEqual(
        Array(2).fill('POST /metrics/job/gate-evaluator/namespace/ml/model/churn'),
      );
      const said = /^ml_rollout_inconclusive_timestamp_seconds\{model="churn",version="8",namespace="ml"\} (\S+)$/m;
      const [, seconds] = said.exec(gateway.received[0]!.body)!;
      expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(60);
    } finally {
      await gateway.stop();
    }
  });

  test('a Pushgateway that is away changes nothing about the answer', async () => {
    const gone = await LocalServer.start(() => 'hang-up');
    const { url } = gone;
    await gone.stop();
    answers = FEW;
    const later = (count: number): void => void (count === 1 && (answers = GOOD));
    expect((await run(fileOf({}, HOLD), [], later, { PUSHGATEWAY_URL: url })).code).toBe(0);
    expect(answer('verdict')).toBe('pass');
  });
});

test('everything that is exactly at its limit passes, and is recorded', async () => {
  const { code, printed, record } = await run(fileOf(), ['--step', 'canary 10 %', '--by', 'churn-rollout-x7']);
  expect([code, answer('passed'), answer('verdict')]).toEqual([0, 'true', 'pass']);
  expect(readdirSync(outputs).sort()).toEqual(['decision.json', 'passed', 'verdict']);
  expect(record).toMatchObject({
    ...{ action: 'analyze', model: 'churn', modelVersion: '8', verdict: 'pass', sequence: 1, notes: [] },
    ...{ by: 'churn-rollout-x7', reason: 'canary 10 %' },
    inputs: {
      ...{ prometheus: server.url, windowSeconds: '600' },
      ...{ 'query.requests': 'requests', 'query.error-rate': 'errors', 'query.accuracy': 'accuracy' },
    },
  });
  expect(record).not.toHaveProperty('to');
  expect(isIntact(record)).toBe(true);
  expect(reasonsOf(record)).toEqual(['100 is at least 100', '0 is at most 0', '0.9 is at least 0.9']);
  expect(printed.split('\n')).toEqual([
    'churn: version 8, canary 10 %: PASS, 3 of 3 checks passed',
    `prometheus: ${server.url}; the last 600 seconds`,
    '',
    expect.stringMatching(/^check +value +limit +answer$/),
    expect.stringMatching(/^─/),
    expect.stringMatching(/^requests +100 +at least 100 +pass$/),
    expect.stringMatching(/^error-rate +0 +at most 0 +pass$/),
    expect.stringMatching(/^accuracy +0.9 +at least 0.9 +pass$/),
    '',
    `record: ${record.hash}`,
    '',
  ]);
  expect(asked).toEqual([
    'group by (version, role) (ml_model_version_info{model="churn", namespace="ml"})',
    ...['requests', 'errors', 'accuracy'],
  ]);
});

test('every answer is a record of its own in the chain of the model', async () => {
  const first = await run(fileOf());
  const { record } = await run(fileOf());
  expect([record.sequence, record.previous]).toEqual([2, first.record.hash]);
});

test('one clear no ends it at once, whatever else is not known', async () => {
  answers = { ...GOOD, errors: ['0.001'], accuracy: [] };
  const { code, record, slept } = await run(fileOf({}, { holdSeconds: 600 }));
  expect([code, answer('passed'), answer('verdict'), slept]).toEqual([0, 'false', 'fail', []]);
  expect(verdictsOf(record)).toEqual(['pass', 'fail', 'inconclusive']);
  expect((await run(fileOf(), ['--fail-on-no'])).code).toBe(10);
});

describe('inconclusive, and no pass', () => {
  test.each<[string, typeof answers, readonly string[], RegExp]>([
    [
      'too few requests',
      { requests: ['99.4'], errors: ['0.5'] },
      ['inconclusive', 'inconclusive', 'inconclusive'],
      /^99.4 is below 100/,
    ],
    ['requests that are not there', { requests: [] }, ['inconclusive', 'inconclusive', 'inconclusive'], /has no value/],
    ['requests that are no number', { requests: ['NaN'] }, ['inconclusive', 'inconclusive', 'inconclusive'], /is NaN/],
    ['an empty answer', { accuracy: [] }, ['pass', 'pass', 'inconclusive'], /has no value/],
    ['not a number', { accuracy: ['NaN'] }, ['pass', 'pass', 'inconclusive'], /is NaN/],
    ['several values', { accuracy: ['1', '1'] }, ['pass', 'pass', 'inconclusive'], /has 2 values, expected one/],
    [
      'an error',
      { errors: { status: 422, body: { error: 'many-to-many' } } },
      ['pass', 'inconclusive', 'pass'],
      /422: many-to-many$/,
    ],
    ['no answer to one of them', { errors: 'hang-up' }, ['pass', 'inconclusive', 'inconclusive'], /does not answer/],
  ])('%s', async (_name, more, verdicts, reason) => {
    answers = { ...GOOD, ...more };
    const { code, record } = await run(fileOf(), ['--fail-on-no']);
    expect([code, answer('passed'), answer('verdict')]).toEqual([10, 'false', 'inconclusive']);
    expect(verdictsOf(record)).toEqual(verdicts);
    expect(reasonsOf(record).find((_, index) => verdicts[index] === 'inconclusive')).toMatch(reason);
  });

  test('what too few requests had to say is kept, and judges nothing', async () => {
    answers = { ...GOOD, requests: ['3'], errors: ['0.3333'] };
    const { record } = await run(fileOf());
    expect(record.checks![1]).toMatchObject({ candidate: 0.3333, reason: '3 requests of the 100 that it takes' });
  });

  test.each<[string, typeof ROLES | readonly (readonly [string, string])[], RegExp]>([
    [
      'another candidate',
      [
        ['7', 'stable'],
        ['9', 'candidate'],
      ],
      /names version 9 as candidate, expected 8$/,
    ],
    ['no candidate', [['7', 'stable']], /names no candidate: is the Pushgateway scraped\?$/],
    [
      'two candidates',
      [
        ['8', 'candidate'],
        ['9', 'candidate'],
      ],
      /names several candidates: 8, 9$/,
    ],
    [
      'a candidate that is stable, too',
      [
        ['8', 'stable'],
        ['8', 'candidate'],
      ],
      /names version 8 as stable, too$/,
    ],
  ])('%s: the queries would be about something else', async (_, given, reason) => {
    roles = given;
    const { record } = await run(fileOf());
    expect(record.verdict).toBe('inconclusive');
    for (const each of reasonsOf(record)) expect(each).toMatch(reason);
    expect(asked).toHaveLength(1);
  });

  test('no Prometheus: it is asked no more than it takes to know', async () => {
    const gone = await LocalServer.start(() => 'hang-up');
    const { record } = await run(fileOf({ prometheus: gone.url }));
    await gone.stop();
    expect(verdictsOf(record)).toEqual(['inconclusive', 'inconclusive', 'inconclusive']);
    expect(reasonsOf(record)[2]).toMatch(/^127.0.0.1:\d+ does not answer after 2 attempts/);
    expect(gone.received).toHaveLength(2);
  });
});

test('it holds while there is no answer, and passes when there is', async () => {
  answers = { ...GOOD, requests: ['40'] };
  const { code, record, slept } = await run(fileOf({}, { holdSeconds: 600 }), [], (count) => {
    if (count === 3) answers = GOOD;
  });
  expect([code, answer('passed'), slept]).toEqual([0, 'true', [60, 60, 60]]);
  expect(record.notes).toEqual(['it was asked 4 times in 180 s']);
});

test('it holds no longer than it may', async () => {
  answers = { ...GOOD, requests: ['40'] };
  const { record, slept } = await run(fileOf({}, { holdSeconds: 90 }));
  expect([answer('verdict'), slept]).toEqual(['inconclusive', [60, 30]]);
  expect(record.notes).toEqual(['it was asked 3 times in 90 s']);
});

test('a registry that refuses the record leaves no answer: nobody would know why', async () => {
  await run(fileOf());
  const gone = await LocalServer.start(() => ({ status: 401, body: {} }));
  const { exitCode, problems } = await failureOf(() => run(fileOf({ registry: gone.url })));
  await gone.stop();
  expect([exitCode, problems]).toEqual([2, [expect.stringMatching(/401/)]]);
  expect(existsSync(join(outputs, 'passed'))).toBe(false);
});

test('nothing to judge is no pass', async () => {
  const { exitCode, problems } = await failureOf(() => run(fileOf({}, { checks: [] })));
  expect([exitCode, problems]).toEqual([
    2,
    [`${at('rollout.yaml')}: 'analysis.checks' is empty: there is nothing that could be judged`],
  ]);
});
