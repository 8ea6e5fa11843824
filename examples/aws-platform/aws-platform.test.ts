import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { TERRAFORM_OUTPUTS } from 'cdk8s-mlops';
import { danglingReferences } from '../../test/support/references';
import { envOf, find, identities, type Rendered } from '../../test/support/synth';

interface Written {
  /** Objects of each environment, what is created once among them. */
  readonly objects: Record<string, Rendered[]>;
  readonly stacks: Record<string, Rendered>;
}

/** Runs the program, as `npm run start:aws-platform` does, elsewhere. */
function run(): Written {
  const out = mkdtempSync(join(tmpdir(), 'aws-platform-'));
  try {
    const root = join(__dirname, '../..');
    const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
    const env = { ...process.env, CDK8S_OUTDIR: join(out, 'manifests'), CDKTF_OUTDIR: join(out, 'cloud') };
    execFileSync(process.execPath, [tsx, 'examples/aws-platform/main.ts'], { cwd: root, env, stdio: 'pipe' });
    const stacks = readdirSync(join(out, 'cloud/stacks'));
    return {
      objects: Object.fromEntries(
        ['dev', 'staging', 'production'].map((name) => [name, read(join(out, 'manifests', name))]),
      ),
      stacks: Object.fromEntries(
        stacks.map((stack) => [
          ...[stack, JSON.parse(readFileSync(join(out, 'cloud/stacks', stack, 'cdk.tf.json'), 'utf8'))],
        ]),
      ),
    };
  } finally {
    rmSync(out, { recursive: true });
  }
}

function read(folder: string): Rendered[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));
  return files.flatMap((file) => loadAll(readFileSync(join(folder, file), 'utf8')) as Rendered[]);
}

const { objects, stacks } = run();
const { dev = [], production = [] } = objects;
const cloud = stacks['demand-production']!;
const all = (type: string): Rendered[] => Object.values(cloud.resource[type] ?? {});

test('one program writes both halves of three environments', () => {
  expect(Object.keys(stacks).sort()).toEqual(['demand-dev', 'demand-production', 'demand-staging']);
  for (const [name, stack] of Object.entries(stacks)) {
    const environment = name.replace('demand-', '');
    expect(stack.terraform.backend.s3.key).toBe(`demand/${environment}.tfstate`);
    expect(identities(objects[environment]!)).toContain('InferenceService demand-forecast');
  }
});

test('the manifests and the cloud name the same buckets, images and accounts', () => {
  const text = JSON.stringify(production);
  for (const { bucket } of all('aws_s3_bucket')) expect(text).toContain(`s3://${bucket}/`);
  for (const { name } of all('aws_ecr_repository')) expect(text).toContain(`.amazonaws.com/${name}:`);
  const accounts = all('aws_eks_pod_identity_association')
    .filter(({ namespace }) => namespace === 'demand')
    .map(({ service_account }) => `ServiceAccount ${service_account}`);
  expect(accounts).toHaveLength(7);
  expect(identities(production)).toEqual(expect.arrayContaining(accounts));
});

test('training finds the nodes that the cloud makes for it', () => {
  const { templates } = find(production, 'WorkflowTemplate', 'demand-forecast-training').spec;
  const train = templates.find(({ name }: Rendered) => name === 'train');
  const [nodes] = all('aws_eks_node_group');
  expect(nodes?.labels).toMatchObject(train.nodeSelector);
  const tolerated = train.tolerations.map(({ key }: Rendered) => key);
  for (const { key } of nodes?.taint ?? []) expect(tolerated).toContain(key);
  expect(find(production, 'ResourceQuota', 'mlops').spec.hard['requests.nvidia.com/gpu']).toBe('4');
  expect(nodes?.scaling_config.max_size).toBe(4);
});

test('MLflow gets its password from the secret of the outputs, and waits for them before the first apply', () => {
  const file = JSON.parse(readFileSync(join(__dirname, 'outputs/production.json'), 'utf8'));
  const secret = find(production, 'ExternalSecret', 'mlflow-database').spec;
  expect(JSON.stringify(secret)).toContain(file[TERRAFORM_OUTPUTS.databaseSecretArn].value);
  expect(JSON.stringify(secret)).toContain(`host=${file[TERRAFORM_OUTPUTS.databaseHost].value}`);
  expect(identities(production)).toContain('Deployment mlflow');
  expect(identities(dev)).not.toContain('Deployment mlflow');
  const { annotations } = find(dev, 'Service', 'mlflow').metadata;
  expect(annotations['cdk8s-mlops.dev/pending']).toContain('terraform output -json > outputs/dev.json');
  expect(Object.keys(cloud.output).sort()).toEqual(Object.keys(file).sort());
});

test('External Secrets may read that secret, and the password is in no state but that of RDS', () => {
  const [database] = all('aws_db_instance');
  expect(database).toMatchObject({ manage_master_user_password: true, multi_az: true, deletion_protection: true });
  expect(database).not.toHaveProperty('password');
  const reading = all('aws_iam_role_policy').filter(({ policy }) => policy.includes('secretsmanager:GetSecretValue'));
  expect(reading).toHaveLength(1);
});

test('what comes and goes may be destroyed with everything in it, and production may not', () => {
  const kept = (name: string): unknown => {
    const { aws_s3_bucket, aws_db_instance } = stacks[name]!.resource;
    return [...Object.values<Rendered>(aws_s3_bucket), ...Object.values<Rendered>(aws_db_instance)].map(
      ({ force_destroy, deletion_protection }) => force_destroy === false || deletion_protection === true,
    );
  };
  expect(kept('demand-production')).toEqual([true, true, true, true, true]);
  expect(kept('demand-dev')).toEqual([false, false, false, false, false]);
});

test('a version first gets copies of the requests at the Gateway that the manifests make', () => {
  const { parentRefs, hostnames } = find(production, 'HTTPRoute', 'demand-forecast-route').spec;
  expect(parentRefs).toEqual([expect.objectContaining({ name: 'models', namespace: 'model-gateway' })]);
  expect(hostnames).toEqual(['demand.production.acme.example']);
  expect(identities(production)).toEqual(expect.arrayContaining(['Gateway models', 'GatewayClass envoy']));
  const { steps } = load(find(production, 'ConfigMap', 'demand-forecast-rollout').data['rollout.yaml']) as Rendered;
  expect(steps[0]).toMatchObject({ kind: 'shadow', percent: 10 });
});

test('an alert starts the training, and the drift check itself may not', () => {
  expect(identities(production)).toEqual(
    expect.arrayContaining(['EventBus default', 'EventSource retraining', 'Sensor demand-forecast-retrain']),
  );
  expect(identities(production)).not.toContain('Role demand-forecast-drift-check');
  const [trigger] = find(production, 'Sensor', 'demand-forecast-retrain').spec.triggers;
  const started = trigger.template.k8s.source.resource.spec.workflowTemplateRef.name;
  expect(identities(production)).toContain(`WorkflowTemplate ${started}`);
});

test('the operators that the manifests need are installed, and the device plugin once', () => {
  const charts = all('helm_release').map(({ chart }) => chart);
  expect(charts).toEqual(
    expect.arrayContaining([
      ...['kserve-resources', 'argo-workflows', 'kube-prometheus-stack', 'gateway-helm', 'external-secrets'],
    ]),
  );
  expect(charts.filter((chart) => chart === 'nvidia-device-plugin')).toHaveLength(1);
  expect(identities(production).filter((each) => each.startsWith('DaemonSet'))).toEqual([]);
});

test('the trainer knows where its workspace is', () => {
  const { templates } = find(production, 'WorkflowTemplate', 'demand-forecast-training').spec;
  const train = templates.find(({ name }: Rendered) => name === 'train');
  expect(envOf(train.container, 'WORKSPACE_URI')).toMatch(/^s3:\/\/demand-production-123456789012-training\/runs\//);
});

test('every name that one object says of another exists, or is a secret that the user brings', () => {
  expect(danglingReferences(production)).toEqual(['Secret demand/retraining', 'Secret demand/slack']);
});
