import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readManifests } from './manifests';
import { printSummary } from './print-summary';
import { summarize } from './summary';

const directory = mkdtempSync(join(tmpdir(), 'mlops-cli-'));
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(directory, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const PLATFORM = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: runner, namespace: ml}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: ml}
rules:
  - {apiGroups: [""], resources: [configmaps], resourceNames: [loop], verbs: [get, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: ml}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: runner, namespace: ml}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: given, namespace: ml}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: runner}]
`;
const TRAINING = `
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: t, namespace: ml}
spec:
  templates:
    - container:
        name: main
        image: train:1
        env:
          - {name: A, valueFrom: {secretKeyRef: {name: db, key: uri}}}
          - {name: B, valueFrom: {secretKeyRef: {name: rendered, key: x}}}
---
apiVersion: v1
kind: Secret
metadata: {name: rendered, namespace: ml}
`;

test('sums up files, images, permissions, secrets and custom resources', () => {
  const root = write('all', { 'platform.yaml': PLATFORM, 'sub/training.yaml': TRAINING, 'notes.txt': 'no manifest' });
  const summary = summarize(readManifests(root));
  expect(summary.files.map(({ path, kinds }) => [path, Object.fromEntries(kinds)])).toEqual([
    ['platform.yaml', { ServiceAccount: 1, Role: 1, RoleBinding: 2 }],
    ['sub/training.yaml', { WorkflowTemplate: 1, Secret: 1 }],
  ]);
  expect([...summary.images]).toEqual([['train:1', ['WorkflowTemplate ml/t']]]);
  expect([...summary.permissions]).toEqual([
    ['ml/runner', ['get, patch configmaps named loop', 'ClusterRole view, which is not part of the manifests']],
  ]);
  expect(summary.missingSecrets).toEqual(['ml/db (uri)']);
  expect(summary.customKinds).toEqual(['WorkflowTemplate (argoproj.io/v1alpha1)']);
});

test('the secrets of receivers of alerts are named as those of pods are', () => {
  const config = `
apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata: {name: model-alerts, namespace: ml}
spec:
  receivers:
    - name: all
      slackConfigs: [{apiURL: {name: receivers, key: slack}}]
      pagerdutyConfigs: [{routingKey: {name: receivers, key: pager}}]
      emailConfigs: [{authPassword: {name: receivers, key: smtp}}]
      webhookConfigs: [{urlSecret: {name: receivers, key: hook}}, {httpConfig: {authorization: {credentials: {name: receivers, key: token}}}}]
`;
  const { missingSecrets } = summarize(readManifests(write('receivers', { 'monitoring.yaml': config })));
  expect(missingSecrets).toEqual(['hook', 'pager', 'slack', 'smtp', 'token'].map((key) => `ml/receivers (${key})`));
});

test('the Gateway API is installed beside Kubernetes, whatever its group is called', () => {
  const of = (apiVersion: string, kind: string): string =>
    `{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: x}}`;
  const route = of('gateway.networking.k8s.io/v1', 'HTTPRoute');
  const root = write('gateway', { 'a.yaml': `${route}\n---\n${of('networking.k8s.io/v1', 'NetworkPolicy')}\n` });
  expect(summarize(readManifests(root)).customKinds).toEqual(['HTTPRoute (gateway.networking.k8s.io/v1)']);
});

test('what is left out for now is said before the next commands', () => {
  const text = 'MLflow is left out: apply the cloud half';
  const annotations = `annotations: {cdk8s-mlops.dev/pending: "${text}", other: x}`;
  const root = write('pending', {
    'a.yaml': `{apiVersion: v1, kind: Service, metadata: {name: mlflow, ${annotations}}}\n`,
    'b.yaml': '{apiVersion: v1, kind: Service, metadata: {name: b, annotations: {other: x}}}\n',
  });
  const summary = summarize(readManifests(root));
  expect(summary.pending).toEqual([text]);
  expect(printSummary(summary, root)).toContain(`\n\nNot there yet\n  ${text}\n\nNext\n`);
  expect(printSummary({ ...summary, pending: [] }, root)).not.toContain('Not there yet');
});

describe('command', () => {
  const root = join(__dirname, '../..');
  const run = (...args: string[]): { status: number | null; output: string } => {
    const program = [join(root, 'node_modules/tsx/dist/cli.mjs'), join(__dirname, 'main.ts'), ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, program, { cwd: root, encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };

  test('prints what comes next', () => {
    const path = write('next', { 'a.yaml': PLATFORM });
    const { status, output } = run('summary', path);
    expect(output).toContain('4 objects in 1 files under');
    expect(output).toContain(`kubectl apply --server-side --force-conflicts -f ${path}\n`);
    expect(output).not.toContain('kubectl create');
    expect(status).toBe(0);
  });

  test('creates once what belongs to roll-outs, after the namespace and before the rest', () => {
    const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: ml}\n';
    const path = write('bootstrap', { 'a.yaml': namespace, 'b.yaml': PLATFORM, 'bootstrap/c.yaml': TRAINING });
    const { output } = run('summary', path);
    expect(output.slice(output.indexOf('Next\n')).trim().split('\n').slice(1)).toEqual([
      `  kubectl apply --server-side --force-conflicts -f ${path}/a.yaml`,
      `  kubectl create --field-manager=mlops-rollout -f ${path}/bootstrap   # new models; refuses what exists`,
      `  kubectl apply --server-side --force-conflicts -f ${path}`,
    ]);
  });

  test('prints stacks and the commands of terraform', () => {
    const path = write('both', {
      'k8s/a.yaml': PLATFORM,
      'tf/manifest.json': '{"stacks": {"s": {"name": "s", "workingDirectory": "stacks/s"}}}',
      'tf/stacks/s/cdk.tf.json': '{"resource": {"aws_s3_bucket": {"a": {}, "b": {}}, "aws_iam_role": {"c": {}}}}',
    });
    const { status, output } = run('summary', `${path}/k8s`, '--terraform', `${path}/tf`);
    expect(output).toContain('Stack s: 2 aws_s3_bucket, aws_iam_role');
    expect(output).toContain(`terraform -chdir=${path}/tf/stacks/s init`);
    expect(status).toBe(0);
    expect(run('summary', `${path}/k8s`, '--terraform', path)).toMatchObject({
      status: 2,
      output: expect.stringContaining('is it the output directory of cdktf?'),
    });
  });

  test('teaches its usage', () => {
    for (const args of [[], ['summary'], ['sumary', directory], ['summary', directory, '--teraform', 'x']]) {
      expect(run(...args)).toMatchObject({ status: 2, output: expect.stringContaining('usage: mlops') });
    }
  });

  test.each([
    ['a directory that is not there', '/no/such', 'is not a directory: synthesize first'],
    ['an empty directory', write('empty', { 'readme.txt': '' }), 'has no manifests'],
    ['a file that is no YAML', write('broken', { 'a.yaml': 'a: [' }), 'a.yaml: '],
    ['a document that is no manifest', write('other', { 'a.yaml': 'a: 1' }), 'is it a manifest?'],
  ])('%s', (_, path, reason) => {
    expect(run('summary', path)).toMatchObject({ status: 2, output: expect.stringContaining(reason) });
  });
});
