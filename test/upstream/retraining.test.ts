import { KubernetesClient } from '../../apps/common/kubernetes';
import { type DriftReport } from '../../apps/drift-checker/check/drift-report';
import { startTraining } from '../../apps/drift-checker/retrain/start-training';
import { type ApiReply, type ApiRequest, KubernetesFront, notFound } from '../support/kubernetes-front';
import { ApiServer } from './api-server';
import { schemasDirectory } from './schemas';

/*
 * The drift-checker asks the real API server, with Argo's CustomResourceDefinitions, for a training. The server has no core
 * objects, TLS or tokens: those are in front of it.
 */

let server: ApiServer;
let front: KubernetesFront;
let loop: Record<string, string> | undefined;

async function forward({ method, path, body }: ApiRequest): Promise<ApiReply> {
  if (path.startsWith('/api/v1/')) return loop ? { status: 200, body: { data: loop } } : notFound('configmaps', 'loop');
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(server.address + path, { method, headers, ...(body && { body }) });
  const text = await response.text();
  // Paths that it does not serve are answered in plain text.
  return {
    status: response.status,
    body: text.startsWith('{') ? (JSON.parse(text) as object) : { message: text.trim() },
  };
}

beforeAll(async () => {
  server = await ApiServer.start(schemasDirectory());
  front = await KubernetesFront.start(forward);
}, 120_000);
afterAll(async () => {
  await front?.stop();
  await server?.stop();
});

const RETRAIN = { engine: 'argo', name: 'churn-training', loop: 'churn-loop', minPredictions: 10_000 };
const report = (until: string): DriftReport =>
  ({ model: 'churn', namespace: 'ml', modelVersion: '7', window: { until, selection: until } }) as DriftReport;
const client = (): KubernetesClient =>
  new KubernetesClient({
    env: front.env,
    serviceAccount: front.serviceAccount,
    patience: { attempts: 2, backoffMs: 1, timeoutMs: 10_000 },
  });

const WORKFLOW = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Workflow' };

test('a training is a Workflow of the template, with its reason', async () => {
  const { outcome, run } = await startTraining(client(), RETRAIN, report('2026-11-20T07:00:00.000Z'));
  expect(outcome).toBe('started');
  const { status, body } = await server.get({ ...WORKFLOW, metadata: { name: run, namespace: 'ml' } });
  expect(status).toBe(200);
  expect(body.spec).toEqual({
    workflowTemplateRef: { name: 'churn-training' },
    arguments: { parameters: [{ name: 'reason', value: 'drift' }] },
  });
  expect(body.metadata.labels).toEqual({ 'cdk8s-mlops.dev/model': 'churn' });
});

test('a second checker of the same window meets the run that exists, of another window makes another', async () => {
  const first = await startTraining(client(), RETRAIN, report('2026-11-20T08:00:00.000Z'));
  const again = await startTraining(client(), RETRAIN, report('2026-11-20T08:00:00.000Z'));
  const later = await startTraining(client(), RETRAIN, report('2026-11-20T09:00:00.000Z'));
  expect(first.outcome).toBe('started');
  expect(again).toEqual({ outcome: 'already-started', run: first.run });
  expect(later.outcome).toBe('started');
  expect(later.run).not.toBe(first.run);
});

test('the kill switch of the loop stops it', async () => {
  loop = { paused: 'true' };
  const before = front.requests.length;
  expect(await startTraining(client(), RETRAIN, report('2026-11-20T10:00:00.000Z'))).toEqual({ outcome: 'paused' });
  expect(front.requests.slice(before).map(({ method }) => method)).toEqual(['GET']);
  loop = { paused: 'false' };
  expect((await startTraining(client(), RETRAIN, report('2026-11-20T10:00:00.000Z'))).outcome).toBe('started');
});

test('a rotated token is read again', async () => {
  const same = client();
  front.rotateToken('second-token');
  expect((await startTraining(same, RETRAIN, report('2026-11-20T11:00:00.000Z'))).outcome).toBe('started');
  front.rotateToken('third-token', 'an-old-token');
  await expect(startTraining(same, RETRAIN, report('2026-11-20T12:00:00.000Z'))).rejects.toThrow(
    /does not accept the service account's token \(401\)/,
  );
  front.rotateToken('second-token');
});

test('a cluster without Argo is said', async () => {
  const request = client().create('/apis/argoproj.io/v9/namespaces/ml/workflows', { apiVersion: 'argoproj.io/v9' });
  await expect(request).rejects.toThrow(/not found \(404\).*is the operator's CRD installed/);
});
