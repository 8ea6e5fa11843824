import { ApiObject, Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  ClusterAutoscalerPriorities,
  GpuNodeImage,
  KarpenterConsolidation,
  karpenterNodeRoleName,
  karpenterQueueName,
  KarpenterGpuPool,
  type KarpenterGpuPoolProps,
  NodePool,
} from 'cdk8s-mlops';
import { find, newChart, problemsOf, type Rendered, rendered } from '../support/synth';

const IMAGE = GpuNodeImage.al2023({ release: '1.37.1-20261005' });
const POOL = NodePool.gpu('a10g', { gpusPerNode: 4, maxNodes: 3 });
const DEFAULTS = { clusterName: 'acme', pool: POOL, instanceTypes: ['g5.12xlarge', 'g6.12xlarge'], image: IMAGE };

function pool(props: Partial<KarpenterGpuPoolProps> = {}): { nodePool: Rendered; nodeClass: Rendered } {
  const chart = newChart();
  const made = { ...DEFAULTS, ...props };
  new KarpenterGpuPool(chart, 'gpu', made);
  const objects = rendered(chart);
  expect(objects).toHaveLength(2);
  const { name } = made.pool;
  return { nodePool: find(objects, 'NodePool', name), nodeClass: find(objects, 'EC2NodeClass', name) };
}

const requirement = ({ nodePool }: { nodePool: Rendered }, key: string): string[] =>
  nodePool.spec.template.spec.requirements.find((each: Rendered) => each.key === key).values;

test('starts the nodes that pods of the pool select and tolerate, and no more than it may have', () => {
  const { nodePool } = pool();
  expect(nodePool).toMatchObject({
    apiVersion: 'karpenter.sh/v1',
    metadata: { name: 'a10g' },
    spec: {
      template: {
        metadata: { labels: { 'cdk8s-mlops.dev/node-pool': 'a10g', 'nvidia.com/gpu.present': 'true' } },
        spec: {
          nodeClassRef: { group: 'karpenter.k8s.aws', kind: 'EC2NodeClass', name: 'a10g' },
          requirements: [
            { key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['g5.12xlarge', 'g6.12xlarge'] },
            { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] },
            { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] },
            { key: 'karpenter.sh/capacity-type', operator: 'In', values: ['on-demand'] },
          ],
          taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
          expireAfter: '720h',
        },
      },
      disruption: { consolidationPolicy: 'WhenEmpty', consolidateAfter: '10m' },
      // 3 nodes of 4 GPUs
      limits: { 'nvidia.com/gpu': 12 },
    },
  });
  expect(nodePool.spec.template.spec).not.toHaveProperty('terminationGracePeriod');
});

test('on a pinned image, with an encrypted disk, IMDSv2 only, found by the tag of the cluster', () => {
  const selector = [{ tags: { 'karpenter.sh/discovery': 'acme' } }];
  expect(pool().nodeClass).toMatchObject({
    apiVersion: 'karpenter.k8s.aws/v1',
    metadata: { name: 'a10g' },
    spec: {
      amiSelectorTerms: [{ alias: 'al2023@v20261005' }],
      role: 'acme-karpenter-node',
      subnetSelectorTerms: selector,
      securityGroupSelectorTerms: selector,
      blockDeviceMappings: [
        {
          deviceName: '/dev/xvda',
          ebs: { volumeSize: '200Gi', volumeType: 'gp3', encrypted: true, deleteOnTermination: true },
        },
      ],
      metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 1 },
    },
  });
  expect(pool().nodeClass.spec).not.toHaveProperty('tags');
});

test('the NodePool is the default child', () => {
  const made = new KarpenterGpuPool(newChart(), 'gpu', DEFAULTS);
  expect(ApiObject.of(made).kind).toBe('NodePool');
});

test('every prop reaches it', () => {
  const all: Required<KarpenterGpuPoolProps> = {
    clusterName: 'acme',
    pool: NodePool.gpu('l4', {
      gpusPerNode: 1,
      maxNodes: 2,
      taints: [{ key: 'team', value: '', effect: 'NoExecute' }],
    }),
    instanceTypes: ['g5g.xlarge'],
    image: GpuNodeImage.bottlerocket({ release: '1.63.0-5d9ac849' }),
    nodeRoleName: 'nodes',
    subnetTags: { tier: 'gpu' },
    securityGroupTags: { tier: 'nodes' },
    diskSizeGib: 500,
    consolidation: KarpenterConsolidation.BALANCED,
    consolidateAfter: Duration.seconds(90),
    expireAfter: Duration.minutes(90),
    terminationGracePeriod: Duration.hours(2),
    tags: { team: 'ml' },
  };
  const { nodePool, nodeClass } = pool(all);
  expect(nodePool.spec.disruption).toEqual({ consolidationPolicy: 'Balanced', consolidateAfter: '90s' });
  expect(nodePool.spec.limits).toEqual({ 'nvidia.com/gpu': 2 });
  expect(nodePool.spec.template.metadata.labels).toEqual({ 'cdk8s-mlops.dev/node-pool': 'l4' });
  expect(nodePool.spec.template.spec).toMatchObject({ expireAfter: '90m', terminationGracePeriod: '2h' });
  expect(nodePool.spec.template.spec.taints[1]).toEqual({ key: 'team', effect: 'NoExecute' });
  expect(requirement({ nodePool }, 'kubernetes.io/arch')).toEqual(['arm64']);
  expect(nodeClass.spec).toMatchObject({
    amiSelectorTerms: [{ alias: 'bottlerocket@v1.63.0' }],
    role: 'nodes',
    subnetSelectorTerms: [{ tags: { tier: 'gpu' } }],
    securityGroupSelectorTerms: [{ tags: { tier: 'nodes' } }],
    tags: { team: 'ml' },
  });
  const sizes = nodeClass.spec.blockDeviceMappings.map(({ deviceName, ebs }: Rendered) => [deviceName, ebs.volumeSize]);
  expect(sizes).toEqual([
    ['/dev/xvda', '4Gi'],
    ['/dev/xvdb', '500Gi'],
  ]);
});

test.each([
  [{}, ['on-demand']],
  [{ spot: true }, ['spot']],
  [{ spot: true, onDemandFallback: true }, ['spot', 'on-demand']],
])('capacity of %j', (options, expected) => {
  const made = pool({ pool: NodePool.gpu('a10g', { gpusPerNode: 4, maxNodes: 1, ...options }) });
  expect(requirement(made, 'karpenter.sh/capacity-type')).toEqual(expected);
});

test('nothing is waited for where nothing is to be', () => {
  expect(pool({ consolidateAfter: Duration.seconds(0) }).nodePool.spec.disruption.consolidateAfter).toBe('0s');
});

describe('bad input', () => {
  test('every problem is reported at once', () => {
    const build = (): unknown =>
      pool({
        ...{
          clusterName: 'a b',
          pool: NodePool.cpu('batch'),
          instanceTypes: ['m5.large'],
          image: GpuNodeImage.al2023(),
        },
        ...{ nodeRoleName: 'arn:aws:iam::123456789012:role/nodes', subnetTags: {}, securityGroupTags: { '': 'x' } },
        ...{ diskSizeGib: 1, tags: { 'karpenter.sh/nodepool': 'x', '': 'y', 'kubernetes.io/cluster/acme': 'owned' } },
        ...{ consolidateAfter: Duration.millis(500), expireAfter: Duration.minutes(59) },
        terminationGracePeriod: Duration.seconds(0),
      });
    expect(problemsOf(build)).toEqual([
      "'clusterName' ('a b') must be the name of a cluster: at most 100 letters, digits, - and _",
      "'pool' ('batch') has no GPUs: make it with NodePool.gpu",
      expect.stringContaining("'instanceTypes' ('m5.large') carries no NVIDIA GPU"),
      "'diskSizeGib' (1) must be 50 to 16384: GPU images alone take tens of GiB",
      "'pool' ('batch') must say its 'maxNodes': Karpenter would start as many as pods ask for",
      "'image' ('AL2023_x86_64_NVIDIA') must have a 'release': Karpenter would replace all nodes at each new one",
      "'nodeRoleName' ('arn:aws:iam::123456789012:role/nodes') must be the name of a role, not its ARN: at most 64 characters",
      "'subnetTags' ({}) must be 1 to 20 tags",
      `'securityGroupTags' ({"":"x"}) must not have an empty key or value`,
      "'tags' ('karpenter.sh/nodepool') is no tag that can be set: it is empty, or kept by EKS or Karpenter",
      "'tags' ('') is no tag that can be set: it is empty, or kept by EKS or Karpenter",
      "'tags' ('kubernetes.io/cluster/acme') is no tag that can be set: it is empty, or kept by EKS or Karpenter",
      expect.stringContaining("'consolidateAfter'"),
      "'expireAfter' ('59 minutes') must be at least 3600 seconds",
      expect.stringContaining("'terminationGracePeriod'"),
    ]);
  });

  test.each(['karpenter.sh/capacity-type', 'x.karpenter.k8s.aws/y', 'kubernetes.io/hostname'])('label %s', (key) => {
    const labelled = NodePool.gpu('a10g', { gpusPerNode: 4, maxNodes: 1, labels: { [key]: 'x' } });
    expect(problemsOf(() => pool({ pool: labelled }))).toEqual([
      `'pool.labels' ('${key}') is a label that Karpenter keeps for itself`,
    ]);
  });
});

test('role and queue are named alike on both sides, within the limits of AWS', () => {
  expect([karpenterNodeRoleName('acme'), karpenterQueueName('acme')]).toEqual([
    'acme-karpenter-node',
    'acme-karpenter',
  ]);
  expect(karpenterNodeRoleName('a'.repeat(100))).toHaveLength(64);
  expect(karpenterQueueName('a'.repeat(100))).toHaveLength(80);
});

describe('ClusterAutoscalerPriorities', () => {
  const SPOT = NodePool.gpu('spot', { gpusPerNode: 1, spot: true, onDemandFallback: true });

  test('spot comes first, and no group is left out', () => {
    const chart = newChart();
    new ClusterAutoscalerPriorities(chart, 'order', { pools: [SPOT, POOL] });
    const { metadata, data } = find(rendered(chart), 'ConfigMap', 'cluster-autoscaler-priority-expander');
    expect(metadata.namespace).toBe('kube-system');
    const priorities = parse(data.priorities) as Record<string, string[]>;
    expect(priorities).toEqual({ '50': ['^eks-spot-[0-9a-f-]{36}$'], '10': ['.*'] });
    const spotGroup = new RegExp(priorities['50']![0]!);
    expect(spotGroup.test('eks-spot-00000000-1111-2222-3333-444444444444')).toBe(true);
    expect(spotGroup.test('eks-spot-on-demand-00000000-1111-2222-3333-444444444444')).toBe(false);
  });

  test('in the namespace that is asked for', () => {
    const chart = newChart();
    new ClusterAutoscalerPriorities(chart, 'order', { pools: [SPOT], namespace: 'scaling' });
    expect(rendered(chart)[0].metadata.namespace).toBe('scaling');
  });

  test('without a fallback there is nothing to order', () => {
    const build = (): unknown =>
      new ClusterAutoscalerPriorities(newChart(), 'order', { pools: [POOL], namespace: 'A' });
    expect(problemsOf(build)).toEqual([
      expect.stringContaining("'namespace' ('A')"),
      `'pools' (["a10g"]) must have one with an on-demand fallback: the others need no order`,
    ]);
  });
});
