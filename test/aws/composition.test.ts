import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { App, TerraformStack, Testing } from 'cdktf';
import { AwsEnvironment, NodePool, type ObjectAccess } from 'cdk8s-mlops';
import {
  ClusterAddons,
  EksCluster,
  eksHelmProvider,
  GpuNodeGroup,
  KarpenterAccess,
  MlflowDatabase,
  ModelImageRepositories,
  ModelStorage,
  PlatformIdentities,
} from 'cdk8s-mlops/aws';
import { checkNames } from './name-limits';
import { planChange } from './plan-stability';
import { checkStack } from './provider-schema';

/** What may differ between two programs. */
interface Program {
  readonly project?: string;
  readonly environment?: string;
  readonly namespace?: string;
  readonly models?: readonly string[];
  readonly images?: readonly string[];
  readonly pools?: readonly string[];
  readonly tags?: Record<string, string>;
}

function access({ namespace, modelStore }: AwsEnvironment, model: string): ObjectAccess {
  return {
    ...{ namespace, serviceAccountName: `${model}-serving`, uri: `${modelStore}/${model}` },
    ...{ reads: true, writes: false, deletes: false, purpose: 'serves' },
  };
}

/** All components of the cloud half in one stack, as a program without `MlPlatformStack` composes them. */
function synth({ models = ['churn'], images = ['training'], pools = ['gpu'], tags, ...names }: Program = {}): string {
  const stack = new TerraformStack(new App(), 'platform');
  const project = names.project ?? 'fraud';
  const environment = new AwsEnvironment({
    ...{ project, environment: names.environment ?? 'staging', namespace: names.namespace },
    ...{ region: 'eu-central-1', accountId: '123456789012' },
  });
  const { region, accountId } = environment;
  new AwsProvider(stack, 'aws', { region, allowedAccountIds: [accountId] });

  const cluster = new EksCluster(stack, 'cluster', { name: environment.clusterName, tags });
  eksHelmProvider(stack, 'helm', { ...cluster, region, clusterName: cluster.clusterName });
  for (const name of pools) {
    new GpuNodeGroup(stack, `gpu-${name}`, {
      ...{ clusterName: cluster.clusterName, subnetIds: cluster.privateSubnetIds, tags },
      ...{ pool: NodePool.gpu(name, { gpusPerNode: 1 }), instanceTypes: ['g5.2xlarge'], maxSize: 2 },
    });
  }
  new KarpenterAccess(stack, 'karpenter', { clusterName: environment.clusterName, tags });
  const storage = new ModelStorage(stack, 'storage', { buckets: environment.buckets, tags });
  new MlflowDatabase(stack, 'database', {
    ...{ identifier: environment.databaseIdentifier, vpcId: cluster.vpcId, subnetIds: cluster.privateSubnetIds, tags },
    clientSecurityGroupIds: [cluster.nodeSecurityGroupId],
  });
  new ModelImageRepositories(stack, 'images', { names: images.map((image) => environment.repository(image)), tags });
  new PlatformIdentities(stack, 'identities', {
    ...{ clusterName: environment.clusterName, access: models.map((model) => access(environment, model)), tags },
    kmsKeyArns: { [environment.buckets.models]: storage.kmsKeyArn },
  });
  const addons = new ClusterAddons(stack, 'addons', { clusterName: environment.clusterName, region, accountId });
  cluster.precede(addons);
  return Testing.synth(stack);
}

/** A name of a DNS label's full length. */
const long = (beginning: string): string => beginning.padEnd(63, 'x');

test('all components together are what the providers take', () => {
  expect(checkStack(synth())).toEqual([]);
  expect(checkNames(synth())).toEqual([]);
});

test('a reference to what is not there is found, wherever it stands', () => {
  const json = synth();
  const references = new Set(json.match(/\b(?:data\.)?(?:aws|helm)_\w+\.[\w-]+\.[a-z_]+(?=[^\w."])/g));
  expect(references.size).toBeGreaterThan(20);
  for (const reference of references) {
    const [address, attribute] = [reference.slice(0, reference.lastIndexOf('.')), reference.split('.').at(-1)];
    const problems = checkStack(json.replaceAll(reference, `${address}.no_${attribute}`)).join('\n');
    expect(problems).toContain(`has no attribute 'no_${attribute}'`);
  }
});

test('the longest names that a program can choose are names that AWS takes', () => {
  const json = synth({
    ...{ project: long('project'), environment: long('environment'), namespace: long('namespace') },
    ...{ models: [long('model').slice(0, 50)], images: [long('image')], pools: [long('pool').slice(0, 40)] },
  });
  expect(checkStack(json)).toEqual([]);
  expect(checkNames(json)).toEqual([]);
});

describe('an unrelated change', () => {
  const before = synth();

  test('to nothing changes nothing', () => {
    expect(planChange(before, synth())).toEqual({ made: [], ended: [], changed: [] });
  });

  test.each<[string, Program]>([
    ['another model, before the one there is', { models: ['aaa', 'churn'] }],
    ['another image, before the one there is', { images: ['aaa', 'training'] }],
    ['another pool of GPUs, before the one there is', { pools: ['aaa', 'gpu'] }],
  ])('%s, neither ends nor changes anything', (_, program) => {
    const { made, ended, changed } = planChange(before, synth(program));
    expect(made.length).toBeGreaterThan(0);
    expect({ ended, changed }).toEqual({ ended: [], changed: [] });
  });

  test('another tag makes and ends nothing', () => {
    const { made, ended, changed } = planChange(before, synth({ tags: { team: 'ml' } }));
    expect({ made, ended }).toEqual({ made: [], ended: [] });
    expect(changed.length).toBeGreaterThan(10);
  });
});
