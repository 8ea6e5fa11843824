import { App as ManifestApp, Chart } from 'cdk8s';
import { App, Testing } from 'cdktf';
import {
  AwsEnvironment,
  type AwsEnvironmentProps,
  Capture,
  Feature,
  GpuDevicePlugin,
  GpuNodeImage,
  Mlflow,
  MlflowDatabaseConnection,
  MlModelPlatform,
  Model,
  ModelSource,
  ModelTask,
  NodePool,
  PlatformOutputs,
  ServedModel,
  ServingEngine,
  ServingRuntime,
  TERRAFORM_OUTPUTS,
} from 'cdk8s-mlops';
import {
  Addon,
  EndpointAccess,
  MlflowDatabaseEngine,
  MlPlatformStack,
  type MlPlatformStackProps,
  NodeScaling,
  PlatformCluster,
  TerraformState,
} from 'cdk8s-mlops/aws';
import { type Rendered } from '../support/synth';
import { checkNames } from './name-limits';
import { planChange } from './plan-stability';
import { checkStack } from './provider-schema';

const pool = NodePool.gpu('gpu', { gpusPerNode: 1, maxNodes: 2 });
const gpuNodes = [{ pool, instanceTypes: ['g5.2xlarge'], maxSize: 2 }];

function environmentOf(props: Partial<AwsEnvironmentProps> = {}): AwsEnvironment {
  return new AwsEnvironment({
    ...{ project: 'fraud', environment: 'staging', region: 'eu-central-1', accountId: '123456789012' },
    ...props,
  });
}

/** The manifests of an environment, with some models. */
function manifests(environment: AwsEnvironment, models = ['churn'], gpu?: GpuDevicePlugin): MlModelPlatform {
  const chart = new Chart(new ManifestApp(), 'models');
  const platform = new MlModelPlatform(chart, 'platform', {
    ...{ namespace: environment.namespace, images: environment.images('1.0.0'), gpu },
    modelStore: environment.modelStore,
    predictionStore: environment.predictionStore,
    mlflow: Mlflow.postgres({
      database: MlflowDatabaseConnection.fromOutputs(PlatformOutputs.pending()),
      artifactsDestination: environment.artifactsDestination,
    }),
  });
  for (const name of models) {
    new ServedModel(chart, name, {
      platform,
      model: new Model({ name, task: ModelTask.regression(), features: [Feature.numeric('x')] }),
      source: ModelSource.uri(`${environment.modelStore}/${name}/v1`),
      runtime: ServingRuntime.custom({ image: environment.image(name, '1.0.0') }),
      engine: ServingEngine.deployment(),
    });
  }
  return platform;
}

/** Manifests whose accounts name their roles. */
function annotated(environment: AwsEnvironment): MlModelPlatform {
  const role = (account: string): Record<string, string> => ({
    'eks.amazonaws.com/role-arn': environment.roleArn(account),
  });
  const chart = new Chart(new ManifestApp(), 'models');
  const platform = new MlModelPlatform(chart, 'platform', {
    ...{ namespace: environment.namespace, images: environment.images('1.0.0') },
    predictionStore: environment.predictionStore,
    mlflow: Mlflow.postgres({
      database: MlflowDatabaseConnection.fromOutputs(PlatformOutputs.pending()),
      artifactsDestination: environment.artifactsDestination,
      serviceAccountAnnotations: role('mlflow'),
    }),
  });
  new ServedModel(chart, 'churn', {
    platform,
    model: new Model({ name: 'churn', task: ModelTask.regression(), features: [Feature.numeric('x')] }),
    source: ModelSource.uri(`${environment.modelStore}/churn/v1`),
    runtime: ServingRuntime.custom({ image: environment.image('churn', '1.0.0') }),
    engine: ServingEngine.deployment(),
    serviceAccountAnnotations: role('churn-serving'),
    capture: Capture.on({ serviceAccountAnnotations: role('churn-capture') }),
  });
  return platform;
}

type Props = Partial<MlPlatformStackProps>;

function stackOf(props: Props = {}, app = new App(), id = 'platform'): MlPlatformStack {
  const environment = props.environment ?? environmentOf();
  const platform = props.platform ?? manifests(environment);
  return new MlPlatformStack(app, id, { environment, platform, state: TerraformState.local(), ...props });
}

function synth(props: Props = {}): Rendered {
  return JSON.parse(Testing.synth(stackOf(props)));
}

function problems(build: () => unknown): readonly string[] {
  try {
    build();
  } catch (error) {
    return (error as { problems: readonly string[] }).problems;
  }
  return [];
}

const all = (stack: Rendered, type: string): Rendered[] => Object.values(stack.resource[type] ?? {});

describe('MlPlatformStack', () => {
  const stack = synth({ gpuNodes, images: ['training'] });

  test('is what the providers take, with names that AWS takes', () => {
    const json = Testing.synth(stackOf({ gpuNodes, images: ['training'] }));
    expect(checkStack(json, { complete: true })).toEqual([]);
    expect(checkNames(json)).toEqual([]);
  });

  test('works in the account and region of the environment only, with pinned providers', () => {
    expect(stack.provider.aws).toEqual([
      {
        region: 'eu-central-1',
        allowed_account_ids: ['123456789012'],
        default_tags: [{ tags: { project: 'fraud', environment: 'staging', 'managed-by': 'cdk8s-mlops' } }],
      },
    ]);
    for (const { version } of Object.values<Rendered>(stack.terraform.required_providers)) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    }
    expect(stack.terraform.required_version).toBe('>= 1.10');
  });

  test('makes what the environment names', () => {
    const environment = environmentOf();
    expect(
      all(stack, 'aws_s3_bucket')
        .map(({ bucket }) => bucket)
        .sort(),
    ).toEqual(Object.values(environment.buckets).sort());
    expect(all(stack, 'aws_db_instance').map(({ identifier }) => identifier)).toEqual(['fraud-staging-mlflow']);
    expect(
      all(stack, 'aws_ecr_repository')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['fraud-staging/drift-checker', 'fraud-staging/gate-evaluator', 'fraud-staging/training']);
    const [cluster] = Object.values<Rendered>(stack.module).filter(({ source }) => source.includes('eks'));
    expect(cluster?.name).toBe('fraud-staging');
  });

  test('says what AWS invents in the outputs that the manifests read, and nothing that is a secret', () => {
    expect(Object.keys(stack.output).sort()).toEqual(Object.values(TERRAFORM_OUTPUTS).sort());
    const [database] = Object.keys(stack.resource.aws_db_instance);
    expect(stack.output[TERRAFORM_OUTPUTS.databaseHost].value).toBe(`\${aws_db_instance.${database}.address}`);
    expect(stack.output[TERRAFORM_OUTPUTS.databaseSecretArn].value).toBe(
      `\${aws_db_instance.${database}.master_user_secret[0].secret_arn}`,
    );
    const text = (name: string, value: unknown): object => ({ [name]: { value, type: 'string', sensitive: false } });
    const read = PlatformOutputs.fromTerraform(
      JSON.stringify({
        ...text(TERRAFORM_OUTPUTS.clusterName, 'fraud-staging'),
        ...text(TERRAFORM_OUTPUTS.databaseHost, 'db.example.com'),
        ...text(TERRAFORM_OUTPUTS.databasePort, stack.output[TERRAFORM_OUTPUTS.databasePort].value),
        ...text(TERRAFORM_OUTPUTS.databaseName, stack.output[TERRAFORM_OUTPUTS.databaseName].value),
        ...text(TERRAFORM_OUTPUTS.databaseSecretArn, 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-a'),
      }),
    );
    expect([read.mlflowDatabase?.port, read.mlflowDatabase?.name]).toEqual([5432, 'mlflow']);
  });

  test('gives each service account that works with objects a role, and lets it use the key of the buckets', () => {
    const roles = all(stack, 'aws_iam_role').map(({ name }) => name);
    for (const account of ['mlflow', 'churn-serving', 'churn-capture']) {
      expect(roles).toContain(`fraud-staging.fraud.${account}`);
    }
    const [key] = Object.keys(stack.resource.aws_kms_key);
    const policies = all(stack, 'aws_iam_role_policy').map(({ policy }) => policy);
    const reading = policies.filter((policy) => policy.includes('s3:GetObject'));
    expect(reading.length).toBeGreaterThan(0);
    for (const policy of reading) expect(policy).toContain(`\${aws_kms_key.${key}.arn}`);
  });

  test('lets External Secrets read the password of the database, and no other secret', () => {
    const [database] = Object.keys(stack.resource.aws_db_instance);
    const secrets = all(stack, 'aws_iam_role_policy').flatMap(({ policy }) =>
      JSON.parse(policy).Statement.filter(({ Action }: Rendered) => Action.includes('secretsmanager:GetSecretValue')),
    );
    expect(secrets.map(({ Resource }) => Resource)).toEqual([
      [`\${aws_db_instance.${database}.master_user_secret[0].secret_arn}`],
    ]);
  });

  test('lets the nodes of the cluster into the database, and nobody else', () => {
    const [cluster] = Object.keys(stack.module).filter((id) => stack.module[id].source.includes('eks'));
    const groups = all(stack, 'aws_security_group').flatMap(({ ingress }) => ingress ?? []);
    expect(groups).toEqual([
      expect.objectContaining({
        ...{ from_port: 5432, to_port: 5432 },
        security_groups: [`\${module.${cluster}.node_security_group_id}`],
      }),
    ]);
  });

  test('makes GPU nodes and what runs on the cluster after it, and ends them before it', () => {
    const [cluster] = Object.keys(stack.module).filter((id) => stack.module[id].source.includes('eks'));
    const [nodes] = all(stack, 'aws_eks_node_group');
    expect(nodes?.node_group_name).toBe('gpu');
    const late = ['aws_eks_node_group', 'helm_release', 'aws_eks_pod_identity_association'];
    for (const each of late.flatMap((type) => all(stack, type))) {
      expect(each.depends_on).toContain(`module.${cluster}`);
    }
  });

  test('installs the device plugin where neither the manifests nor the image of the nodes bring it', () => {
    const plugins = (props: Props): number =>
      all(synth(props), 'helm_release').filter(({ chart }) => chart === 'nvidia-device-plugin').length;
    const environment = environmentOf();
    const image = GpuNodeImage.bottlerocket();
    expect(plugins({ gpuNodes })).toBe(1);
    expect(plugins({ gpuNodes, platform: manifests(environment, ['churn'], GpuDevicePlugin.daemonSet()) })).toBe(0);
    expect(plugins({ gpuNodes: gpuNodes.map((each) => ({ ...each, image })) })).toBe(0);
  });

  test('keeps data when it is destroyed, and takes everything along where the environment is disposable', () => {
    const kept = (found: Rendered): object => ({
      buckets: all(found, 'aws_s3_bucket').map(({ force_destroy }) => force_destroy),
      images: all(found, 'aws_ecr_repository').map(({ force_delete }) => force_delete),
      database: all(found, 'aws_db_instance').map((each) => [each.deletion_protection, each.skip_final_snapshot]),
    });
    expect(kept(synth())).toEqual({
      ...{ buckets: [false, false, false, false], images: [false, false] },
      database: [[true, false]],
    });
    expect(kept(synth({ disposable: true }))).toEqual({
      ...{ buckets: [true, true, true, true], images: [true, true] },
      database: [[false, true]],
    });
    const safer = synth({ disposable: true, database: { deletionProtection: true }, storage: { forceDestroy: false } });
    expect(kept(safer)).toEqual({
      ...{ buckets: [false, false, false, false], images: [true, true] },
      database: [[true, true]],
    });
  });

  test('makes no database where MLflow has another one', () => {
    const without = synth({ makesDatabase: false });
    expect(all(without, 'aws_db_instance')).toEqual([]);
    expect(Object.keys(without.output)).toEqual([TERRAFORM_OUTPUTS.clusterName]);
  });

  test('passes on what is said of a part', () => {
    const found = synth({
      cluster: PlatformCluster.create({
        kubernetesVersion: '1.36',
        endpointAccess: EndpointAccess.publicFrom('198.51.100.0/24'),
      }),
      database: { engine: MlflowDatabaseEngine.auroraServerless({ minCapacity: 0.5, maxCapacity: 4 }) },
      addons: { argoEvents: Addon.leftOut(), nodeScaling: NodeScaling.leftOut() },
      tags: { team: 'risk' },
      permissionsBoundaryArn: 'arn:aws:iam::123456789012:policy/boundary',
    });
    const [cluster] = Object.values<Rendered>(found.module).filter(({ source }) => source.includes('eks'));
    expect([cluster?.kubernetes_version, cluster?.endpoint_public_access_cidrs]).toEqual(['1.36', ['198.51.100.0/24']]);
    expect(all(found, 'aws_rds_cluster')).toHaveLength(1);
    const charts = all(found, 'helm_release').map(({ chart }) => chart);
    expect(charts).toContain('kserve-resources');
    expect(charts).not.toContain('argo-events');
    expect(charts).not.toContain('cluster-autoscaler');
    expect(found.provider.aws[0].default_tags[0].tags.team).toBe('risk');
    expect(all(found, 'aws_s3_bucket')[0].tags.team).toBe('risk');
    const workload = all(found, 'aws_iam_role').find(({ name }) => name === 'fraud-staging.fraud.mlflow');
    expect(workload?.permissions_boundary).toBe('arn:aws:iam::123456789012:policy/boundary');
  });

  test('stands on a cluster that exists', () => {
    const found = synth({ cluster: PlatformCluster.existing({ nodeSecurityGroupId: 'sg-0a1b2c3d' }), gpuNodes });
    expect(found.module).toBeUndefined();
    expect(Object.values<Rendered>(found.data.aws_eks_cluster)[0].name).toBe('fraud-staging');
    expect(checkStack(JSON.stringify(found), { complete: true })).toEqual([]);
  });

  test('starts nodes by Karpenter, with its role and queue', () => {
    const found = synth({ usesKarpenter: true });
    const charts = all(found, 'helm_release').map(({ chart }) => chart);
    expect(charts).toContain('karpenter');
    expect(charts).not.toContain('cluster-autoscaler');
    expect(all(found, 'aws_sqs_queue')).toHaveLength(1);
    expect(checkStack(JSON.stringify(found), { complete: true })).toEqual([]);
  });

  test('tells the cluster autoscaler to try spot capacity first, where a pool has both', () => {
    const autoscaler = (props: Props): string =>
      all(synth(props), 'helm_release')
        .find(({ chart }) => chart === 'cluster-autoscaler')
        .values.join();
    const spot = NodePool.gpu('spot', { gpusPerNode: 1, spot: true, onDemandFallback: true });
    const both = autoscaler({ gpuNodes: [{ pool: spot, instanceTypes: ['g5.2xlarge'], maxSize: 1 }] });
    expect(both).toContain('expander: priority');
    expect(both).toContain('- ^eks-spot-[0-9a-f-]{36}$');
    expect(autoscaler({ gpuNodes })).toContain('expander: least-waste');
  });

  test('gives roles by annotations where it is told to', () => {
    const environment = environmentOf();
    const found = synth({ usesIrsa: true, platform: annotated(environment) });
    expect(all(found, 'aws_eks_pod_identity_association')).toEqual([]);
    const role = all(found, 'aws_iam_role').find(({ name }) => name === 'fraud-staging.fraud.mlflow');
    expect(role?.assume_role_policy).toContain('sts:AssumeRoleWithWebIdentity');
    expect(environment.roleArn('mlflow')).toBe('arn:aws:iam::123456789012:role/fraud-staging.fraud.mlflow');
    expect(checkStack(JSON.stringify(found), { complete: true })).toEqual([]);
    // Of ExternalSecretStore.serviceAccount.
    const reader = all(found, 'aws_iam_role_policy').find(({ role }) => role.includes('mlflow-database'));
    expect(reader?.policy).toContain('secretsmanager:GetSecretValue');
  });

  test('keeps what Prometheus knows on volumes, on a cluster of its own', () => {
    const values = (props: Props): string =>
      all(synth(props), 'helm_release')
        .find(({ chart }) => chart === 'kube-prometheus-stack')
        .values.join();
    expect(values({})).toContain('storage: 50Gi');
    expect(values({ addons: { monitoringStorage: { prometheusGib: 80 } } })).toContain('storage: 80Gi');
    expect(values({ cluster: PlatformCluster.existing() })).not.toContain('storageSpec');
  });

  test('has as many environments as a program has, each in a state of its own', () => {
    const app = new App();
    const state = TerraformState.s3({ bucket: 'acme-state', kmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/1' });
    const stacks = ['staging', 'production'].map((name) =>
      stackOf({ environment: environmentOf({ environment: name }), state }, app, name),
    );
    expect(stacks.map((each) => JSON.parse(Testing.synth(each)).terraform.backend.s3)).toEqual(
      ['staging', 'production'].map((name) => ({
        ...{ bucket: 'acme-state', region: 'eu-central-1', key: `fraud/${name}.tfstate`, encrypt: true },
        ...{ kms_key_id: 'arn:aws:kms:eu-central-1:123456789012:key/1', use_lockfile: true },
      })),
    );
  });

  test('keeps its state in a file for whoever tries something', () => {
    expect(stack.terraform.backend).toEqual({ local: { path: 'terraform.platform.tfstate' } });
  });

  test('takes the longest names that a program can choose', () => {
    const long = (beginning: string): string => beginning.padEnd(63, 'x');
    const names = { project: long('project'), environment: long('environment'), namespace: long('namespace') };
    const json = Testing.synth(stackOf({ environment: environmentOf(names), gpuNodes, images: [long('image')] }));
    expect(checkStack(json)).toEqual([]);
    expect(checkNames(json)).toEqual([]);
  });

  test.each<[string, Props]>([
    ['another model', { platform: manifests(environmentOf(), ['aaa', 'churn']) }],
    ['another image', { images: ['aaa', 'training'] }],
    ['another pool', { gpuNodes: [{ ...gpuNodes[0]!, pool: NodePool.gpu('aaa', { gpusPerNode: 1 }) }, ...gpuNodes] }],
  ])('%s neither ends nor changes anything that is there', (_, change) => {
    const before = { gpuNodes, images: ['training'] };
    const { made, ended, changed } = planChange(
      Testing.synth(stackOf(before)),
      Testing.synth(stackOf({ ...before, ...change })),
    );
    expect(made.length).toBeGreaterThan(0);
    expect({ ended, changed }).toEqual({ ended: [], changed: [] });
  });
});

describe('what MlPlatformStack refuses', () => {
  test('manifests of another namespace, or without models, at once with the rest', () => {
    const environment = environmentOf();
    const other = new MlModelPlatform(new Chart(new ManifestApp(), 'other'), 'platform', {
      ...{ namespace: 'other', images: environment.images('1.0.0'), mlflow: Mlflow.existing('http://mlflow.ml.svc') },
    });
    const wrong: Props = {
      ...{ platform: other, usesKarpenter: true, makesDatabase: false, database: {}, images: ['Train:1'] },
      gpuNodes: [...gpuNodes, ...gpuNodes],
      addons: { nodeScaling: NodeScaling.provided() },
    };
    expect(problems(() => stackOf(wrong))).toEqual([
      expect.stringContaining("'platform.namespace' ('other') is not that of the environment"),
      expect.stringContaining("'platform' has nothing that works with objects"),
      expect.stringContaining('\'gpuNodes\' (["gpu","gpu"]) must not have a pool twice'),
      expect.stringContaining('\'gpuNodes\' (["gpu","gpu"]) would keep their sizes'),
      expect.stringContaining("'addons.nodeScaling' is Karpenter"),
      expect.stringContaining("'database' is given and 'makesDatabase' is false"),
      expect.stringContaining("'images' ('Train:1') must be a name"),
    ]);
  });

  test('two environments of one name, and two of one state', () => {
    const app = new App();
    const state = TerraformState.s3({ bucket: 'acme-state', key: 'state' });
    stackOf({ state }, app, 'one');
    expect(problems(() => stackOf({ state }, app, 'two'))).toEqual([
      expect.stringContaining("'environment' ('staging') is called as 'one'"),
      expect.stringContaining("'state' ('s3://acme-state/state') is the state as 'one' too"),
    ]);
  });

  test('two new clusters of one name, but not two environments on one that exists', () => {
    const clusterName = 'shared';
    const named = (name: string): AwsEnvironment => environmentOf({ environment: name, clusterName });
    const app = new App();
    stackOf({ environment: named('dev') }, app, 'one');
    expect(problems(() => stackOf({ environment: named('staging') }, app, 'two'))).toEqual([
      expect.stringContaining("'environment.clusterName' ('shared') is the cluster as 'one'"),
    ]);
    const cluster = PlatformCluster.existing();
    expect(problems(() => stackOf({ environment: named('test'), cluster }, app, 'three'))).toEqual([]);
  });

  test('IRSA on a cluster whose provider nobody knows', () => {
    const platform = annotated(environmentOf());
    expect(problems(() => stackOf({ usesIrsa: true, platform, cluster: PlatformCluster.existing() }))).toEqual([
      expect.stringContaining("'usesIrsa' (true) needs the provider of the cluster's issuer"),
    ]);
  });

  test('IRSA with accounts whose manifests do not name their roles', () => {
    const role = 'arn:aws:iam::123456789012:role/fraud-staging.fraud.mlflow';
    const wrong = problems(() => stackOf({ usesIrsa: true }));
    expect(wrong.map((each) => each.split("'")[1])).toEqual([
      ...['ServiceAccount churn-capture', 'ServiceAccount churn-serving', 'ServiceAccount mlflow'],
    ]);
    expect(wrong[2]).toContain(`must have the annotation eks.amazonaws.com/role-arn: ${role}; set`);
    const platform = annotated(environmentOf({ environment: 'production' }));
    expect(problems(() => stackOf({ usesIrsa: true, platform }))[2]).toContain(
      "('arn:aws:iam::123456789012:role/fraud-production.fraud.mlflow')",
    );
  });

  test('a bucket that is none, and a key that is none', () => {
    expect(problems(() => TerraformState.s3({ bucket: 'No_Bucket', key: '/x' }))).toEqual([
      expect.stringContaining("'bucket' ('No_Bucket')"),
      expect.stringContaining("'key' ('/x') must be the name of an object"),
    ]);
  });
});
