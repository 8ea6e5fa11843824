import { gzipSync } from 'node:zlib';
import { type ApiReply, KubernetesFront } from '../../../test/support/kubernetes-front';
import { parseCall } from '../../common/command-line';
import { KubernetesClient } from '../../common/kubernetes';
import { createLog } from '../../common/log';
import { LocalServer } from '../../common/testing/local-server';
import { failureOf } from '../../common/testing/problems';
import { conclude, concludeCommand } from './conclude';

const PATIENCE = { attempts: 2, backoffMs: 5, timeoutMs: 2_000 };
const SELF = 'churn-training-self';
const HOUR = 3600_000;
const NOW = Date.now();

let front: KubernetesFront;
let gateway: LocalServer;
let items: object[];
let counter = 0;
/** Pushes of the tests before. */
let seen = 0;

beforeAll(async () => {
  front = await KubernetesFront.start(() => Promise.resolve<ApiReply>({ status: 200, body: { items } }));
  gateway = await LocalServer.start(() => ({ status: 200 }));
});
beforeEach(() => (seen = gateway.received.length));
afterAll(async () => {
  await front.stop();
  await gateway.stop();
});

interface Nodes {
  /** The answer of the admission; undefined when there was none. */
  readonly admitted?: boolean;
  readonly registered?: boolean;
}

function nodesOf({ admitted, registered }: Nodes): object {
  return {
    a: {
      ...{ templateName: 'admit', phase: 'Succeeded' },
      outputs: { parameters: admitted === undefined ? [] : [{ name: 'passed', value: String(admitted) }] },
    },
    b: { templateName: 'register', phase: registered ? 'Succeeded' : 'Omitted' },
  };
}

/** A run that started so many hours ago. */
function workflow(hours: number, phase: string, nodes: Nodes, name = `churn-training-${counter++}`): object {
  const startedAt = new Date(NOW - hours * HOUR).toISOString();
  return {
    metadata: { name, creationTimestamp: startedAt },
    status: { phase, startedAt, nodes: nodesOf(nodes) },
  };
}

const self = (nodes: Nodes): object => workflow(0, 'Running', nodes, SELF);
const GOOD = { admitted: true, registered: true };
const REFUSED = { admitted: true };

async function run(status: string, ...runs: object[]): Promise<{ printed: string; pushed?: string; path?: string }> {
  items = runs;
  const args = ['--model', 'churn', '--namespace', 'ml', '--run', SELF, '--status', status];
  let printed = '';
  const context = {
    ...{ call: parseCall(concludeCommand, args), env: { PUSHGATEWAY_URL: gateway.url } },
    ...{ log: createLog('test', 'silent'), signal: new AbortController().signal },
    print: (text: string) => void (printed += text),
  };
  const options = { env: front.env, serviceAccount: front.serviceAccount, patience: PATIENCE };
  expect(await conclude(context, new KubernetesClient(options))).toBe(0);
  const push = gateway.received.slice(seen).at(-1);
  return { printed, pushed: push?.body, path: push && `${push.method} ${push.path}` };
}

const gauges = (text = ''): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/^(ml_\w+)\{.*\} (\S+)$/gm)].map(([, name, value]) => [name, value]));
const told = (failed: number, inVain: number): Record<string, string> => ({
  ml_training_run_failed: String(failed),
  ml_training_runs_in_vain: String(inVain),
});

test('a run that registered a version ends every row, and is told to the group of the evaluator', async () => {
  const { printed, pushed, path } = await run(
    'Succeeded',
    self(GOOD),
    workflow(5, 'Failed', {}),
    workflow(9, 'Failed', {}),
  );
  expect(printed).toBe(`${SELF}: registered; 0 runs in a row registered no version`);
  expect(path).toBe('POST /metrics/job/gate-evaluator/namespace/ml/model/churn');
  expect(pushed).toContain('ml_training_runs_in_vain{model="churn",namespace="ml"} 0');
  expect(gauges(pushed)).toEqual(told(0, 0));
});

test.each<[string, string, object[], Record<string, string>]>([
  ['the first that fails', 'Failed', [self(REFUSED)], told(1, 1)],
  ['one that ended in an error before it was admitted', 'Error', [self({})], told(1, 1)],
  ['a refused candidate after a failed run', 'Succeeded', [self(REFUSED), workflow(5, 'Failed', REFUSED)], told(0, 2)],
  [
    'a third, where one that was not let run lies between',
    'Failed',
    [
      ...[self(REFUSED), workflow(3, 'Succeeded', REFUSED), workflow(4, 'Succeeded', { admitted: false })],
      ...[workflow(5, 'Error', REFUSED), workflow(6, 'Succeeded', GOOD), workflow(7, 'Failed', REFUSED)],
    ],
    told(1, 3),
  ],
  ['one whose roll-out could not be started', 'Failed', [self(GOOD), workflow(5, 'Failed', REFUSED)], told(1, 0)],
  [
    'one beside those that wait, and one that started later',
    'Failed',
    [self(REFUSED), workflow(1, 'Pending', {}), workflow(2, 'Running', {}), workflow(-1, 'Failed', REFUSED)],
    told(1, 1),
  ],
])('%s', async (_, status, runs, expected) => {
  expect(gauges((await run(status, ...runs)).pushed)).toEqual(expected);
});

test('one that was not let run changes nothing', async () => {
  const { printed, pushed } = await run('Succeeded', self({ admitted: false }), workflow(5, 'Failed', REFUSED));
  expect(printed).toBe(`${SELF}: was not let run, which changes nothing`);
  expect(pushed).toBeUndefined();
});

test('steps that are packed are unpacked; where they lie elsewhere, nobody knows, and the row ends', async () => {
  const packed = (nodes: object): object => ({
    metadata: { name: 'churn-training-packed', creationTimestamp: new Date(NOW - HOUR).toISOString() },
    status: { phase: 'Succeeded', compressedNodes: gzipSync(JSON.stringify(nodes)).toString('base64') },
  });
  expect(gauges((await run('Failed', self(REFUSED), packed(nodesOf(REFUSED)))).pushed)).toEqual(told(1, 2));
  expect(gauges((await run('Failed', self(REFUSED), packed(nodesOf(GOOD)))).pushed)).toEqual(told(1, 1));
  const elsewhere = {
    metadata: { name: 'churn-training-far', creationTimestamp: new Date(NOW - HOUR).toISOString() },
    status: { phase: 'Succeeded', offloadNodeStatusVersion: 'fnv:1' },
  };
  const before = workflow(5, 'Failed', REFUSED);
  expect(gauges((await run('Failed', self(REFUSED), elsewhere, before)).pushed)).toEqual(told(1, 1));
});

test('a run that is not there, and a status that is none', async () => {
  expect(await failureOf(() => run('Failed'))).toEqual({
    exitCode: 2,
    problems: [`there is no Workflow '${SELF}' of the training of 'churn' in the namespace 'ml'`],
  });
  expect(await failureOf(() => run('{{workflow.status}}', self(GOOD)))).toEqual({
    exitCode: 2,
    problems: ["--status must be how the run ended: Succeeded, Failed or Error, got '{{workflow.status}}'"],
  });
});
