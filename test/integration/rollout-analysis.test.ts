import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  Exposure,
  ModelSource,
  RolloutStrategy,
  ServedModel,
  ServingEngine,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import { type AnalysisCheck, type RolloutFile, type TaskType } from 'cdk8s-mlops/contract';
import { LocalServer } from '../../apps/common/testing/local-server';
import { type DecisionRecord } from '../../apps/gate-evaluator/records/decision-record';
import {
  errorRateQuery,
  latencyQuery,
  performanceQuery,
  predictionDistanceQuery,
  requestsQuery,
} from '../../lib/serving/rollout-queries';
import { type Ended, Program } from '../support/program';
import { find, newChart, newModel, newPlatform, rendered } from '../support/synth';
import { type RealServer } from './real-servers';
import { prometheusWith, type Scene, startPrometheus, type Traffic } from './rollout-traffic';
import { freePort } from './server';

/* `gate-evaluator analyze` and the queries that are rendered for it, against a real Prometheus that has scraped what collectors count. */

const MODEL = 'churn';
const WINDOW = 600;

/** 10 requests a scrape, 400 in ten minutes: 90 % within 0.1 s, so that the 95th percentile lies in the middle of 0.1 to 0.25 s. */
const traffic = (version: string, more: Partial<Traffic> = {}): Traffic => ({
  version,
  requests: 10,
  durations: { '0.05': 5, '0.1': 9, '0.25': 10, '0.5': 10 },
  classes: { no: 8, yes: 2 },
  ...more,
});
const STABLE = traffic('7', {
  ...{ requests: 90, durations: { '0.05': 45, '0.1': 81, '0.25': 90, '0.5': 90 }, classes: { no: 72, yes: 18 } },
});
const scene = (candidate: Partial<Traffic>, more: Partial<Scene> = {}): Scene => ({
  ...{ stable: ['7'], candidate: ['8'], accuracy: { '7': 0.94, '8': 0.94 } },
  traffic: [STABLE, traffic('8', candidate)],
  ...more,
});
/** Counters that are there, and do not move. */
const NOTHING = { requests: 0, durations: { '0.1': 0 }, classes: { no: 0, yes: 0 } };
/** Cumulative shares of ten predictions. */
const values = (...upTo: readonly number[]): Record<string, number> =>
  Object.fromEntries(upTo.map((count, index) => [String(index + 1), count]));

const SCENES = {
  ml: scene({}),
  good: scene({}),
  slow: scene({ durations: { '0.05': 0, '0.1': 0, '0.25': 9, '0.5': 10 } }),
  failing: scene({ responses: 8, durations: { '0.05': 4, '0.1': 7.2, '0.25': 8, '0.5': 8 } }),
  dead: scene({ responses: 0, durations: { '0.1': 0 }, classes: { no: 0, yes: 0 } }),
  'half-a-minute': scene({ began: 585, mean: 30, durations: { '0.05': 0, '30': 10 } }),
  biased: scene({ classes: { no: 5, yes: 5 } }),
  inaccurate: scene({}, { accuracy: { '7': 0.94, '8': 0.9 } }),
  'no-traffic': scene(NOTHING),
  'no-stable-traffic': scene({}, { traffic: [{ ...NOTHING, version: '7' }, traffic('8')] }),
  'no-series': scene({}, { traffic: [STABLE], accuracy: {} }),
  'late-answers': scene({ responses: 11 }),
  'new-class': scene({ classes: { no: 6, yes: 2, maybe: 2 } }),
  'old-class': scene({ classes: { no: 10 } }),
  'one-class-each': scene({ classes: { maybe: 10 } }),
  'all-to-candidate': scene({}, { traffic: [{ ...STABLE, ended: 900 }, traffic('8')] }),
  'stable-replaced': scene({}, { traffic: [{ ...STABLE, gone: 900 }, traffic('8')] }),
  'biased-at-the-end': scene(
    {},
    { traffic: [{ ...STABLE, ended: 900 }, traffic('8', { classes: { no: 5, yes: 5 } })] },
  ),
  'few-stable': scene(
    {},
    {
      traffic: [
        { ...STABLE, ended: 900 },
        traffic('7', { pod: 'b', began: 585, requests: 2, classes: { no: 0, yes: 2 } }),
        traffic('8'),
      ],
    },
  ),
  young: scene({ began: 300 }),
  replicas: scene(
    {},
    {
      traffic: [
        ...['a', 'b', 'c'].map((pod) => ({ ...STABLE, pod })),
        traffic('8'),
        traffic('8', { pod: 'b', responses: 7, restarted: 300 }),
        traffic('8', { pod: 'c', classes: { no: 2, yes: 8 } }),
      ],
    },
  ),
  'two-candidates': scene({}, { candidate: ['8', '9'], traffic: [STABLE, traffic('8'), traffic('9')] }),
  'both-roles': scene({}, { stable: ['7', '8'] }),
  'no-roles': scene({}, { stable: [], candidate: [] }),
  numbers: scene(
    {},
    {
      traffic: [
        { ...STABLE, requests: 10, values: values(2, 5, 8, 10) },
        traffic('8', { values: values(1, 2, 9, 10) }),
      ],
    },
  ),
  'no-numbers': scene(
    {},
    { traffic: [{ ...STABLE, values: values(18, 45, 72, 90) }, traffic('8', { ...NOTHING, values: values(0, 0, 0) })] },
  ),
} satisfies Record<string, Scene>;

const directory = mkdtempSync(join(tmpdir(), 'rollout-analysis-'));
const at = (name: string): string => join(directory, name);
const program = Program.build('gate-evaluator');
let prometheus: RealServer;

beforeAll(async () => {
  prometheus = await prometheusWith(at('prometheus'), MODEL, SCENES);
});
afterAll(async () => {
  await prometheus.server.stop();
  program.remove();
  rmSync(directory, { recursive: true });
});

type SceneName = keyof typeof SCENES;

const taskOf = (name: SceneName): TaskType => (name.endsWith('numbers') ? 'regression' : 'binary-classification');

function checksOf(namespace: SceneName): AnalysisCheck[] {
  const query = { model: MODEL, namespace, windowSeconds: WINDOW, task: taskOf(namespace) };
  const ratio = `(${latencyQuery(query, 'candidate', 0.95)}) / (${latencyQuery(query, 'stable', 0.95)})`;
  return [
    { name: 'error-rate', query: errorRateQuery(query, 'candidate'), atMost: 0.01, summary: 'errors' },
    { name: 'latency', query: latencyQuery(query, 'candidate', 0.95), atMost: 0.2, summary: 'seconds' },
    { name: 'latency-ratio', query: ratio, atMost: 1.5, summary: 'times stable' },
    { name: 'distance', query: predictionDistanceQuery(query), atMost: 0.1, summary: 'distance' },
    { name: 'accuracy', query: performanceQuery(query, 'accuracy'), atLeast: 0.93, summary: 'accuracy' },
  ];
}

function rolloutFile(namespace: SceneName, more: Partial<RolloutFile> = {}): RolloutFile {
  const query = { model: MODEL, namespace, windowSeconds: WINDOW, task: taskOf(namespace) };
  const metadata = { name: 'churn', namespace };
  return {
    ...{ version: 1, model: MODEL, namespace, engine: 'argo-rollouts' },
    ...{ registry: at(`registry-${namespace}`), prometheus: prometheus.url, steps: [], routes: [] },
    stable: {
      manifest: { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', metadata, spec: {} },
      workload: { kind: 'Rollout', name: 'churn', readySeconds: 60 },
    },
    analysis: {
      ...{ windowSeconds: WINDOW, intervalSeconds: 1, holdSeconds: 0 },
      requests: { query: requestsQuery(query), atLeast: 100 },
      checks: checksOf(namespace),
    },
    ...more,
  };
}

interface Analyzed extends Ended {
  readonly record: DecisionRecord;
  readonly outputs: string;
}

async function analyze(namespace: SceneName, more: Partial<RolloutFile> = {}, ...args: string[]): Promise<Analyzed> {
  const outputs = at(`outputs-${namespace}`);
  const config = at(`${namespace}.yaml`);
  writeFileSync(config, JSON.stringify(rolloutFile(namespace, more)));
  const call = ['analyze', '--config', config, '--version', '8', '--step', 'canary 10 %', '--by', 'churn-rollout-x7'];
  const ended = await program.run([...call, ...args], { OUTPUT_DIR: outputs, LOG_LEVEL: 'warn' });
  const record = JSON.parse(readFileSync(join(outputs, 'decision.json'), 'utf8')) as DecisionRecord;
  return { ...ended, record, outputs };
}

/** Value and answer of each check; values to nine digits, since Prometheus adds up fractions. */
function answersOf({ checks }: DecisionRecord): Record<string, [number | undefined, string]> {
  const rounded = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : Number(value.toFixed(9));
  return Object.fromEntries(checks!.map(({ check, candidate, verdict }) => [check, [rounded(candidate), verdict]]));
}

const PASSES: Record<string, [number | undefined, string]> = {
  requests: [400, 'pass'],
  'error-rate': [0, 'pass'],
  latency: [0.175, 'pass'],
  'latency-ratio': [1, 'pass'],
  distance: [0, 'pass'],
  accuracy: [0.94, 'pass'],
};
const fails = (answers: Record<string, [number | undefined, string]>): typeof PASSES => ({ ...PASSES, ...answers });
/** Everything is inconclusive, with these values. */
const inconclusive = (found: Record<string, number | undefined>): typeof PASSES =>
  Object.fromEntries(Object.keys(PASSES).map((check) => [check, [found[check], 'inconclusive']]));

test.each<[SceneName, 'pass' | 'fail', typeof PASSES]>([
  ['good', 'pass', PASSES],
  ['slow', 'fail', fails({ latency: [0.375, 'fail'], 'latency-ratio': [2.142857143, 'fail'] })],
  ['failing', 'fail', fails({ 'error-rate': [0.1999, 'fail'] })],
  ['biased', 'fail', fails({ distance: [0.3, 'fail'] })],
  ['inaccurate', 'fail', fails({ accuracy: [0.9, 'fail'] })],
  ['late-answers', 'pass', PASSES],
  ['all-to-candidate', 'pass', PASSES],
  ['stable-replaced', 'pass', PASSES],
  ['biased-at-the-end', 'fail', fails({ distance: [0.3, 'fail'] })],
  ['new-class', 'fail', fails({ distance: [0.2, 'fail'] })],
  ['old-class', 'fail', fails({ distance: [0.2, 'fail'] })],
  ['replicas', 'fail', fails({ requests: [1200, 'pass'], 'error-rate': [0.0999, 'fail'], distance: [0.2, 'fail'] })],
  ['numbers', 'fail', fails({ distance: [0.3, 'fail'] })],
])('%s: %s', async (name, verdict, answers) => {
  const { code, record, outputs } = await analyze(name);
  expect(answersOf(record)).toEqual(answers);
  expect([code, record.verdict, readFileSync(join(outputs, 'verdict'), 'utf8')]).toEqual([0, verdict, verdict]);
  expect(readFileSync(join(outputs, 'passed'), 'utf8')).toBe(String(verdict === 'pass'));
});

test.each<[SceneName, Record<string, [number | undefined, string]>, RegExp]>([
  ['no-stable-traffic', { 'latency-ratio': [undefined, 'inconclusive'], distance: [undefined, 'inconclusive'] }, /NaN/],
  ['one-class-each', { distance: [undefined, 'inconclusive'] }, /^the query has no value/],
])('%s: nothing to compare with is inconclusive', async (name, answers, reason) => {
  const { code, record } = await analyze(name);
  expect(answersOf(record)).toEqual({ ...PASSES, ...answers });
  expect([code, record.verdict]).toEqual([0, 'inconclusive']);
  expect(record.checks!.find(({ verdict }) => verdict === 'inconclusive')!.reason).toMatch(reason);
});

test('who answers nothing fails, though nothing else can be measured', async () => {
  const { code, record } = await analyze('dead');
  const nothing = [undefined, 'inconclusive'];
  expect(answersOf(record)).toEqual({
    ...{ ...PASSES, 'error-rate': [1, 'fail'], distance: nothing, latency: nothing, 'latency-ratio': nothing },
  });
  expect([code, record.verdict]).toEqual([0, 'fail']);
});

test('requests that are being answered are no errors, though many are when answers take long', async () => {
  const { record } = await analyze('half-a-minute');
  // Two scrapes of 39 have no answer yet: 5 %.
  expect(answersOf(record)['error-rate']).toEqual([expect.closeTo(0, 2), 'pass']);
});

test('a stable version that gets hardly anything is compared with by what it did before', async () => {
  const { record } = await analyze('few-stable');
  const { distance, ...others } = answersOf(record);
  // A few of its last answers are among them: alone they are at 0.8.
  expect(distance![0]).toBeGreaterThan(0);
  expect(distance![0]).toBeLessThan(0.02);
  expect(others).toEqual({ ...PASSES, 'latency-ratio': [expect.closeTo(1, 1), 'pass'], distance: undefined });
});

test('a candidate that is there for less than the window is judged by what there is', async () => {
  const { record } = await analyze('young');
  const { requests, ...others } = answersOf(record);
  // Up to one scrape more or less.
  expect(Math.abs(requests![0]! - 200)).toBeLessThan(11);
  expect(others).toEqual({ ...PASSES, requests: undefined });
});

test.each<[SceneName, Record<string, number | undefined>, RegExp]>([
  ['no-traffic', { requests: 0, accuracy: 0.94 }, /^0 is below 100/],
  ['no-numbers', { requests: 0, accuracy: 0.94 }, /^0 is below 100/],
  ['no-series', {}, /^the query has no value: its series are not there/],
  [
    'two-candidates',
    {},
    /^ml_model_version_info\{model="churn", namespace="two-candidates"\} names several candidates: 8, 9$/,
  ],
  ['both-roles', {}, / names version 8 as stable, too$/],
  ['no-roles', {}, / names no candidate: is the Pushgateway scraped\?$/],
])('%s: inconclusive, which is no pass', async (name, found, reason) => {
  const { code, record, outputs } = await analyze(name, {}, '--fail-on-no');
  expect(answersOf(record)).toEqual(inconclusive(found));
  expect(record.checks![0]!.reason).toMatch(reason);
  expect([code, record.verdict, readFileSync(join(outputs, 'passed'), 'utf8')]).toEqual([10, 'inconclusive', 'false']);
});

test('what ServedModel renders asks for what is there', async () => {
  const chart = newChart();
  new ServedModel(chart, 'serving', {
    platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted() }),
    model: newModel({ objectives: { maxErrorRate: 0.02, maxLatencyP95: Duration.millis(200) } }),
    ...{ source: ModelSource.uri('s3://acme-models/churn/v7'), runtime: ServingRuntime.sklearn() },
    ...{ engine: ServingEngine.kserveKnative(), exposure: Exposure.byKserve(), rollout: RolloutStrategy.canary() },
  });
  const file = parse(find(rendered(chart), 'ConfigMap', 'churn-rollout').data['rollout.yaml']) as RolloutFile;
  const { record } = await analyze('ml', { ...file, registry: at('registry-rendered'), prometheus: prometheus.url });
  expect(answersOf(record)).toEqual({
    ...{ requests: [400, 'pass'], 'error-rate': [0, 'pass'], 'prediction-distance': [0, 'pass'] },
    ...{ 'latency-p95': [0.175, 'pass'], 'latency-p95-ratio': [1, 'pass'] },
  });
  expect(record.checks!.map(({ limit }) => limit)).toEqual([300, 0.02, 1.5, 0.2, 0.1]);
});

test('the record says who asked, what was asked and what was answered', async () => {
  const { record, stdout } = await analyze('biased');
  expect(record).toMatchObject({
    ...{ action: 'analyze', model: MODEL, modelVersion: '8', by: 'churn-rollout-x7', reason: 'canary 10 %', notes: [] },
    inputs: { prometheus: prometheus.url, windowSeconds: '600', 'query.distance': checksOf('biased')[3]!.query },
  });
  expect(stdout).toContain('churn: version 8, canary 10 %: FAIL, 5 of 6 checks passed');
  expect(stdout).toContain('distance: 0.3 is above 0.1 (distance)');
  const history = await program.run(['why', MODEL, '--all', '--registry', at('registry-biased')]);
  expect(history.stdout).toContain(
    'version 8 was judged by its live traffic: fail, 5 of 6 checks passed; asked by churn-rollout-x7: canary 10 %',
  );
});

test('without a Prometheus there is no pass, and the reason is said', async () => {
  const port = await freePort();
  const { code, record, errors } = await analyze('good', { prometheus: `http://127.0.0.1:${port}` }, '--fail-on-no');
  expect([code, record.verdict, errors]).toEqual([10, 'inconclusive', []]);
  for (const { reason } of record.checks!) expect(reason).toMatch(/^127.0.0.1:\d+ does not answer after 3 attempts: /);
});

/** What stands where Prometheus is expected, until it was asked as often. */
async function askedOf(port: LocalServer, times: number): Promise<void> {
  while (port.received.length < times) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('a Prometheus that starts while it is waited for answers', async () => {
  const before = await LocalServer.start(() => 'hang-up');
  const { port } = before;
  const later = at('later');
  cpSync(at('prometheus'), later, { recursive: true, filter: (path) => !path.endsWith('/lock') });
  const analysis = { ...rolloutFile('good').analysis, holdSeconds: 90 };
  const analyzed = analyze('good', { prometheus: before.url, analysis });
  // All that one attempt asks: it is another one that finds it.
  await askedOf(before, 3);
  await before.stop();
  const { server } = await startPrometheus(later, port);
  const { record } = await analyzed;
  await server.stop();
  expect(answersOf(record)).toEqual(PASSES);
  expect(record.notes).toEqual([expect.stringMatching(/^it was asked \d+ times in \d+ s$/)]);
});

test('ended while it waits, it leaves no answer and no record', async () => {
  const answer = { status: 200, body: { status: 'success', data: { resultType: 'vector', result: [] } } };
  const empty = await LocalServer.start(() => answer);
  const [config, registry, outputs] = [at('ended.yaml'), at('registry-ended'), at('outputs-ended')];
  const analysis = { ...rolloutFile('good').analysis, holdSeconds: 600, intervalSeconds: 600 };
  writeFileSync(config, JSON.stringify(rolloutFile('good', { registry, analysis, prometheus: empty.url })));
  const running = program.start(['analyze', '--config', config, '--version', '8'], { OUTPUT_DIR: outputs });
  await askedOf(empty, 1);
  running.kill('SIGTERM');
  const { code, stdout } = await running.ended;
  await empty.stop();
  expect([code, stdout, existsSync(outputs), existsSync(registry)]).toEqual([143, '', false, false]);
});
