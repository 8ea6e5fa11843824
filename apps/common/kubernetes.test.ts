import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesClient } from './kubernetes';
import { failureOf } from './testing/problems';

const directory = mkdtempSync(join(tmpdir(), 'kubernetes-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('outside a pod, it says so and what to do', async () => {
  const client = new KubernetesClient({ env: {}, serviceAccount: directory });
  expect(await failureOf(() => client.get('/api/v1/namespaces/ml/configmaps/loop'))).toEqual({
    exitCode: 2,
    problems: ['KUBERNETES_SERVICE_HOST is not set: only a pod can reach the Kubernetes API; use --dry-run elsewhere'],
  });
});

test('what to do instead is for the caller to say', async () => {
  const client = new KubernetesClient({ env: {}, serviceAccount: directory, elsewhere: 'run it in one' });
  expect((await failureOf(() => client.get('/api'))).problems).toEqual([
    'KUBERNETES_SERVICE_HOST is not set: only a pod can reach the Kubernetes API; run it in one',
  ]);
});

test('a pod without a token is told what it needs', async () => {
  const client = new KubernetesClient({ env: { KUBERNETES_SERVICE_HOST: '127.0.0.1' }, serviceAccount: directory });
  const { exitCode, problems } = await failureOf(() => client.create('/apis', {}));
  expect(exitCode).toBe(2);
  expect(problems[0]).toMatch(
    /^cannot read the service account's (token|ca\.crt): ENOENT.*; the pod needs automountServiceAccountToken$/,
  );
});
