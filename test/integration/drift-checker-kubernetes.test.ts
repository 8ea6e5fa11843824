import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesClient } from '../../apps/common/kubernetes';
import { type Answer, LocalServer, type Received } from '../../apps/common/testing/local-server';
import { failureOf } from '../../apps/common/testing/problems';
import { sampleReport } from '../../apps/drift-checker/report/testing/sample-report';
import { runName, startTraining } from '../../apps/drift-checker/retrain/start-training';

/*
 * The client over real TLS: the cluster's authority, the service account's files and the messages of an API server.
 */

const directory = mkdtempSync(join(tmpdir(), 'kubernetes-'));
const account = join(directory, 'account');
const CONFIG_MAP = '/api/v1/namespaces/ml/configmaps/churn-loop';
let tls: { key: string; cert: string };
let server: LocalServer;

/** A self-signed certificate for the loopback address. */
function certificate(name: string): { key: string; cert: string } {
  const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.crt`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', cert, '-days', '2', '-nodes'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', ...files, ...subject],
    {
      stdio: 'pipe',
    },
  );
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

beforeAll(() => {
  tls = certificate('cluster');
  mkdirSync(account);
});
beforeEach(() => {
  writeFileSync(join(account, 'ca.crt'), tls.cert);
  writeFileSync(join(account, 'token'), 'first\n');
});
afterEach(() => server.stop());
afterAll(() => rmSync(directory, { recursive: true }));

async function client(answer: (request: Received, count: number) => Answer): Promise<KubernetesClient> {
  server = await LocalServer.start(answer, tls);
  return new KubernetesClient({
    env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) },
    serviceAccount: account,
    patience: { attempts: 3, backoffMs: 10, timeoutMs: 2_000 },
  });
}

const status = (code: number, reason: string, message: string, details?: object): Answer => ({
  status: code,
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, details, code },
});

test('an object is read with the token of the moment', async () => {
  const kubernetes = await client(() => ({ status: 200, body: { data: { paused: 'true' } } }));
  expect(await kubernetes.get(CONFIG_MAP)).toEqual({ data: { paused: 'true' } });
  writeFileSync(join(account, 'token'), 'second');
  await kubernetes.get(CONFIG_MAP);
  expect(server.received.map(({ method, path, headers }) => [method, path, headers.authorization])).toEqual([
    ['GET', CONFIG_MAP, 'Bearer first'],
    ['GET', CONFIG_MAP, 'Bearer second'],
  ]);
});

test('a server whose certificate another authority signed is never told the token', async () => {
  const kubernetes = await client(() => ({ status: 200, body: {} }));
  writeFileSync(join(account, 'ca.crt'), certificate('stranger').cert);
  const { exitCode, problems } = await failureOf(() => kubernetes.get(CONFIG_MAP));
  // No second attempt would mend it.
  expect(exitCode).toBe(2);
  expect(problems[0]).toMatch(
    /^the certificate of 127\.0\.0\.1:\d+ is not trusted \(.*self-signed certificate.*\): name its authority/,
  );
  expect(server.received).toEqual([]);
});

test('an object that is not there is nothing', async () => {
  const missing = status(404, 'NotFound', 'configmaps "churn-loop" not found', {
    name: 'churn-loop',
    kind: 'configmaps',
  });
  expect(await (await client(() => missing)).get(CONFIG_MAP)).toBeUndefined();
});

test.each([
  [
    status(401, 'Unauthorized', 'Unauthorized'),
    2,
    "the API server does not accept the service account's token (401): Unauthorized",
  ],
  [
    status(403, 'Forbidden', 'workflows is forbidden'),
    2,
    'the service account may not create /apis/x (403): workflows is forbidden; its Role is missing or not bound',
  ],
  [
    { status: 404, body: '404 page not found\n' },
    2,
    "create /apis/x: not found (404): 404 page not found\n; is the operator's CRD installed, and the namespace right?",
  ],
  [
    status(422, 'Invalid', 'spec.x: Required value'),
    2,
    'the API server refuses the object (422): spec.x: Required value',
  ],
  [
    status(400, 'BadRequest', 'strict decoding error'),
    2,
    'the API server refuses the object (400): strict decoding error',
  ],
  [
    status(409, 'Conflict', 'Operation cannot be fulfilled on resourcequotas "q"'),
    3,
    'the API server answered 409 to create /apis/x: Operation cannot be fulfilled on resourcequotas "q"',
  ],
  [
    status(500, 'InternalError', 'etcdserver: timeout'),
    3,
    'the API server answered 500 to create /apis/x: etcdserver: timeout',
  ],
  [
    { status: 200, body: '<html>Login</html>' },
    3,
    "what answers create /apis/x is not an API server: got '<html>Login</html>'",
  ],
])('%j is explained', async (answer, exitCode, problem) => {
  const kubernetes = await client(() => answer);
  expect(await failureOf(() => kubernetes.create('/apis/x', {}))).toEqual({ exitCode, problems: [problem] });
});

test('a kind that the server does not know is no missing object', async () => {
  const kubernetes = await client(() => ({ status: 404, body: '404 page not found\n' }));
  expect((await failureOf(() => kubernetes.get('/apis/argoproj.io/v1alpha1/x'))).exitCode).toBe(2);
});

test.each([[429], [500], [503]])('%d is asked again', async (code) => {
  const kubernetes = await client((_, count) => (count < 3 ? status(code, 'x', 'x') : { status: 201, body: {} }));
  expect(await kubernetes.create('/apis/x', {})).toBe(true);
  expect(server.received).toHaveLength(3);
});

test('a create whose answer was lost meets its own object', async () => {
  const exists = status(409, 'AlreadyExists', 'workflows "x" already exists');
  const kubernetes = await client((_, count) => (count === 1 ? 'hang-up' : exists));
  expect(await kubernetes.create('/apis/x', {})).toBe(false);
});

describe('a training', () => {
  const RETRAIN = { engine: 'argo', name: 'churn-training', loop: 'churn-loop', minPredictions: 1 };
  const workflows = '/apis/argoproj.io/v1alpha1/namespaces/ml/workflows';
  const noLoop = status(404, 'NotFound', 'not found', { name: 'churn-loop', kind: 'configmaps' });

  test('that two checkers ask for starts once', async () => {
    const created = new Set<string>();
    const kubernetes = await client(({ method, path, body }) => {
      if (method === 'GET') return noLoop;
      expect(path).toBe(workflows);
      const { name } = (JSON.parse(body) as { metadata: { name: string } }).metadata;
      if (created.has(name)) return status(409, 'AlreadyExists', `workflows "${name}" already exists`);
      created.add(name);
      return { status: 201, body: JSON.parse(body) as object };
    });
    const starts = await Promise.all([1, 2].map(() => startTraining(kubernetes, RETRAIN, sampleReport())));
    expect(starts.map(({ outcome }) => outcome).sort()).toEqual(['already-started', 'started']);
    expect([...created]).toEqual([runName('churn-training', sampleReport())]);
  });

  test('is not started when the kill switch cannot be read', async () => {
    const kubernetes = await client(() => status(403, 'Forbidden', 'configmaps is forbidden'));
    expect((await failureOf(() => startTraining(kubernetes, RETRAIN, sampleReport()))).problems[0]).toMatch(
      /may not get .*configmaps\/churn-loop \(403\)/,
    );
    expect(server.received.map(({ method }) => method)).toEqual(['GET']);
  });
});
