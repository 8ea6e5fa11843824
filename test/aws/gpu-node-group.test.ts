import { Token } from 'cdktf';
import { GpuNodeImage, NodePool } from 'cdk8s-mlops';
import { GpuNodeGroup, type GpuNodeGroupProps } from 'cdk8s-mlops/aws';
import { SynthesizedStack } from '../support/stack';
import { problemsOf, type Rendered } from '../support/synth';

const POOL = NodePool.gpu('a10g', { gpusPerNode: 1 });
const SPOT = NodePool.gpu('a10g', { gpusPerNode: 1, spot: true, onDemandFallback: true });
const DEFAULTS = {
  clusterName: 'acme',
  subnetIds: ['subnet-1'],
  pool: POOL,
  instanceTypes: ['g5.2xlarge'],
  maxSize: 4,
};

const group = (props: Partial<GpuNodeGroupProps> = {}): SynthesizedStack =>
  SynthesizedStack.of((stack) => new GpuNodeGroup(stack, 'gpu', { ...DEFAULTS, ...props }));

const NODES = 'aws_eks_node_group';

/** What the autoscaler is told of the nodes of a group. */
function templateTags(made: SynthesizedStack, id: RegExp): Record<string, string> {
  const tags = made.all('aws_autoscaling_group_tag').filter((each) => id.test(each.autoscaling_group_name));
  return Object.fromEntries(tags.map(({ tag }: Rendered) => [tag.key.split('node-template/')[1], tag.value]));
}

test('is tainted and labelled as its pool says, and known to the device plugin', () => {
  expect(group().one(NODES)).toMatchObject({
    cluster_name: 'acme',
    node_group_name: 'a10g',
    labels: {
      'cdk8s-mlops.dev/node-pool': 'a10g',
      'k8s.amazonaws.com/accelerator': 'nvidia',
      'nvidia.com/gpu.present': 'true',
    },
    taint: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NO_SCHEDULE' }],
    ami_type: 'AL2023_x86_64_NVIDIA',
    capacity_type: 'ON_DEMAND',
    instance_types: ['g5.2xlarge'],
    subnet_ids: ['subnet-1'],
    update_config: { max_unavailable: 1 },
  });
});

test('scales from zero: the autoscaler knows of the GPUs before there is a node', () => {
  const made = group();
  expect(made.one(NODES).scaling_config).toEqual({ min_size: 0, max_size: 4, desired_size: 0 });
  expect(made.one(NODES).lifecycle).toEqual({ ignore_changes: ['scaling_config[0].desired_size'] });
  expect(templateTags(made, /./)).toEqual({
    'resources/nvidia.com/gpu': '1',
    'label/cdk8s-mlops.dev/node-pool': 'a10g',
    // Until its device plugin is up, such a node does not count as one without GPUs.
    'label/k8s.amazonaws.com/accelerator': 'nvidia',
    'label/nvidia.com/gpu.present': 'true',
    'taint/nvidia.com/gpu': 'present:NoSchedule',
  });
  const tags = made.all('aws_autoscaling_group_tag');
  expect(tags.find(({ tag }: Rendered) => tag.key.includes('resources/')).tag).toEqual({
    key: 'k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu',
    value: '1',
    propagate_at_launch: false,
  });
  expect(tags[0].autoscaling_group_name).toMatch(
    /aws_eks_node_group\.gpu.*resources\[0\]\.autoscaling_groups\[0\]\.name/,
  );
});

test('every prop reaches it', () => {
  const taints = [
    { key: 'team', effect: 'NoExecute' as const },
    { key: 'x', effect: 'PreferNoSchedule' as const },
  ];
  const all: Required<GpuNodeGroupProps> = {
    clusterName: 'acme',
    subnetIds: ['subnet-1', 'subnet-2'],
    securityGroupIds: ['sg-1'],
    pool: NodePool.gpu('spot', { gpusPerNode: 2, spot: true, taints }),
    instanceTypes: ['g5g.16xlarge'],
    image: GpuNodeImage.al2023({ release: '1.36.4-20260923' }),
    kubernetesVersion: '1.36',
    minSize: 1,
    maxSize: 3,
    desiredSize: 2,
    diskSizeGib: 500,
    nodeRoleArn: 'arn:aws:iam::123456789012:role/nodes',
    tags: { team: 'ml' },
  };
  const made = group(all);
  const nodes = made.one(NODES);
  expect(nodes).toMatchObject({
    ...{ capacity_type: 'SPOT', ami_type: 'AL2023_ARM_64_NVIDIA', tags: { team: 'ml' } },
    ...{ version: '1.36', release_version: '1.36.4-20260923', subnet_ids: ['subnet-1', 'subnet-2'] },
    node_role_arn: 'arn:aws:iam::123456789012:role/nodes',
    scaling_config: { min_size: 1, max_size: 3, desired_size: 2 },
  });
  expect(nodes.taint.map(({ effect }: Rendered) => effect)).toEqual([
    'NO_SCHEDULE',
    'NO_EXECUTE',
    'PREFER_NO_SCHEDULE',
  ]);
  expect(templateTags(made, /./)).toMatchObject({ 'resources/nvidia.com/gpu': '2', 'taint/team': ':NoExecute' });
  expect(made.one('aws_launch_template')).toMatchObject({
    vpc_security_group_ids: ['sg-1'],
    block_device_mappings: [
      {
        device_name: '/dev/xvda',
        ebs: { volume_size: 500, volume_type: 'gp3', encrypted: 'true', delete_on_termination: 'true' },
      },
    ],
    tag_specifications: [
      { resource_type: 'instance', tags: { team: 'ml' } },
      { resource_type: 'volume', tags: { team: 'ml' } },
    ],
    tags: { team: 'ml' },
  });
  expect(made.all('aws_iam_role')).toEqual([]);
});

test('what is not said is left to EKS', () => {
  const made = group();
  expect(made.one(NODES)).not.toHaveProperty('version');
  expect(made.one(NODES)).not.toHaveProperty('release_version');
  const template = made.one('aws_launch_template');
  expect(template).not.toHaveProperty('vpc_security_group_ids');
  expect(template).not.toHaveProperty('tag_specifications');
  expect(template.block_device_mappings[0].ebs.volume_size).toBe(200);
});

test('Bottlerocket has its data on a second disk, and brings the device plugin', () => {
  const image = GpuNodeImage.bottlerocket({ release: '1.63.0-5d9ac849' });
  const made = SynthesizedStack.of((stack) => {
    const nodes = new GpuNodeGroup(stack, 'gpu', { ...DEFAULTS, image, diskSizeGib: 300 });
    expect(nodes.bringsDevicePlugin).toBe(true);
  });
  expect(made.one(NODES)).toMatchObject({ ami_type: 'BOTTLEROCKET_x86_64_NVIDIA', release_version: '1.63.0-5d9ac849' });
  const sizes = made
    .one('aws_launch_template')
    .block_device_mappings.map(({ device_name, ebs }: Rendered) => [...[device_name, ebs.volume_size, ebs.encrypted]]);
  expect(sizes).toEqual([
    ['/dev/xvda', 4, 'true'],
    ['/dev/xvdb', 300, 'true'],
  ]);
  // By this label the DaemonSet of the device plugin finds its nodes.
  expect(made.one(NODES).labels).toEqual({
    ...{ 'cdk8s-mlops.dev/node-pool': 'a10g', 'k8s.amazonaws.com/accelerator': 'nvidia' },
  });
  expect(templateTags(made, /./)).not.toHaveProperty('label/nvidia.com/gpu.present');
});

test('Amazon Linux does not bring the device plugin', () => {
  SynthesizedStack.of((stack) => expect(new GpuNodeGroup(stack, 'gpu', DEFAULTS).bringsDevicePlugin).toBe(false));
});

describe('a spot pool with a fallback', () => {
  const both = (): Rendered[] => group({ pool: SPOT, minSize: 1, desiredSize: 2 }).all(NODES);

  test('has a second group of the same nodes on demand, which is empty until it is needed', () => {
    const [spot, fallback] = both();
    expect([spot.node_group_name, spot.capacity_type]).toEqual(['a10g', 'SPOT']);
    expect([fallback.node_group_name, fallback.capacity_type]).toEqual(['a10g-on-demand', 'ON_DEMAND']);
    expect(spot.scaling_config).toEqual({ min_size: 1, max_size: 4, desired_size: 2 });
    expect(fallback.scaling_config).toEqual({ min_size: 0, max_size: 4, desired_size: 0 });
    const same = ['labels', 'taint', 'instance_types', 'ami_type', 'launch_template', 'node_role_arn', 'lifecycle'];
    for (const key of same) expect(fallback[key]).toEqual(spot[key]);
  });

  test('says its names, and tells the autoscaler of the nodes of both', () => {
    SynthesizedStack.of((stack) => {
      const { nodeGroupName, fallbackNodeGroupName } = new GpuNodeGroup(stack, 'gpu', { ...DEFAULTS, pool: SPOT });
      expect([nodeGroupName, fallbackNodeGroupName]).toEqual(['a10g', 'a10g-on-demand']);
    });
    const made = group({ pool: SPOT });
    const [spot, fallback] = [templateTags(made, /\.gpu_[0-9A-F]+\./), templateTags(made, /gpu_OnDemand_/)];
    expect(Object.keys(fallback)).toHaveLength(5);
    expect(fallback).toEqual(spot);
  });

  test('is refused where the second name would be too long', () => {
    const name = 'a'.repeat(54);
    const pool = NodePool.gpu(name, { gpusPerNode: 1, spot: true, onDemandFallback: true });
    expect(problemsOf(() => group({ pool }))).toEqual([
      `'pool' ('${name}') must have at most 63 characters with '-on-demand' for a fallback, has 64`,
    ]);
    expect(() => group({ pool: NodePool.gpu('a'.repeat(63), { gpusPerNode: 1 }) })).not.toThrow();
  });

  test('takes nothing from the group that is there already', () => {
    const [before, after] = [group().ids, group({ pool: SPOT }).ids];
    expect(after).toEqual(expect.arrayContaining(before));
  });
});

test('logical ids are stable', () => {
  const made = group({ pool: SPOT });
  expect(Object.keys(made.byId(NODES))).toEqual(['gpu_456E863B', 'gpu_OnDemand_68D371EF']);
});

test('nodes answer metadata by IMDSv2 only, and not to pods', () => {
  expect(group().one('aws_launch_template').metadata_options).toEqual({
    ...{ http_tokens: 'required', http_endpoint: 'enabled', http_put_response_hop_limit: 1 },
  });
});

test('has a role with what EKS nodes need, before there are nodes', () => {
  const made = group({ tags: { team: 'ml' } });
  const policies = made.all('aws_iam_role_policy_attachment').map(({ policy_arn }) => policy_arn.split('/').at(-1));
  expect(policies.sort()).toEqual([
    ...['AmazonEC2ContainerRegistryPullOnly', 'AmazonEKSWorkerNodePolicy', 'AmazonEKS_CNI_Policy'],
  ]);
  const role = made.one('aws_iam_role');
  expect(JSON.parse(role.assume_role_policy).Statement).toEqual([
    { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
  ]);
  expect(role.tags).toEqual({ team: 'ml' });
  expect(made.one(NODES).depends_on).toHaveLength(3);
});

describe('bad input', () => {
  test('every problem is reported at once', () => {
    const build = (): unknown =>
      group({
        ...{
          clusterName: '',
          subnetIds: [],
          securityGroupIds: [],
          pool: NodePool.cpu('batch'),
          minSize: 3,
          maxSize: 2,
        },
        ...{ instanceTypes: ['g5.xlarge', 'm5.large', 'g5g.xlarge', 'big'], nodeRoleArn: 'nodes', diskSizeGib: 20 },
        kubernetesVersion: '1',
      });
    expect(build).toThrow("GpuNodeGroup 'test/gpu' has 11 problems:");
    const found = problemsOf(build).join('\n');
    for (const reason of [
      'has no GPUs: make it with NodePool.gpu',
      "('m5.large') carries no NVIDIA GPU that this version knows; the families are g4dn, g5, ",
      'must not mix x86 and ARM',
      'above the maximum (2)',
      "'securityGroupIds' ([]) must name at least one group",
    ]) {
      expect(found).toContain(reason);
    }
  });

  test.each([
    ['no instance types', { instanceTypes: [] }, "'instanceTypes' ([]) must name at least one type"],
    ['a type twice', { instanceTypes: ['g5.xlarge', 'g5.xlarge'] }, 'must not name a type twice'],
    ['half a node', { minSize: 0.5 }, "'minSize' (0.5) must be a whole number from 0 on"],
    ['less than no node', { minSize: -1 }, "'minSize' (-1) must be a whole number from 0 on"],
    ['no node at all', { maxSize: 0 }, "'maxSize' (0) must be a whole number from 1 on"],
    ['more at first than at most', { desiredSize: 5 }, "'desiredSize' (5) must be a whole number from 0 to 4"],
    ['fewer at first than at least', { minSize: 2, desiredSize: 1 }, 'must be a whole number from 2 to 4'],
    [
      'four GPUs where the pool has one',
      { instanceTypes: ['g5.12xlarge'] },
      'has 4 GPUs, and nodes of the pool have 1',
    ],
    [
      'a size that there is not',
      { instanceTypes: ['g5.3xlarge'] },
      'is of no size of g5 that this version knows; they are xlarge',
    ],
    ['a family of Object', { instanceTypes: ['constructor.xlarge'] }, 'carries no NVIDIA GPU'],
    ['too small a disk', { diskSizeGib: 49 }, "'diskSizeGib' (49) must be 50 to 16384"],
    [
      'a version of a release for another',
      { image: GpuNodeImage.al2023({ release: '1.36.4-20260923' }), kubernetesVersion: '1.37' },
      "is not what the image's release is for, which is 1.36",
    ],
    ['a version that is none', { kubernetesVersion: '1.37.1' }, "must be '1.<minor>', for example '1.36'"],
  ])('%s', (_, props, expected) => {
    const [found, ...more] = problemsOf(() => group(props));
    expect(found).toContain(expected);
    expect(more).toHaveLength('minSize' in props && props.minSize === 0.5 ? more.length : 0);
  });

  test('what is known only when applied is taken', () => {
    const token = Token.asString({ resolve: () => 'later' });
    expect(group({ clusterName: token, nodeRoleArn: token, kubernetesVersion: token }).one(NODES)).toMatchObject({
      ...{ cluster_name: 'later', node_role_arn: 'later', version: 'later' },
    });
  });

  test('has as many nodes as its pool says, where it says so', () => {
    const pool = NodePool.gpu('a10g', { gpusPerNode: 1, maxNodes: 4 });
    expect(group({ pool, maxSize: 4 }).one(NODES).scaling_config.max_size).toBe(4);
    expect(problemsOf(() => group({ pool, maxSize: 5 }))).toEqual([
      "'maxSize' (5) is not what the pool says, whose maxNodes are 4",
    ]);
  });
});
