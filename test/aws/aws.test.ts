import { App, TerraformStack, Testing } from 'cdktf';
import { NodePool } from 'cdk8s-mlops';
import {
  BucketExpiry,
  GpuNodeGroup,
  type GpuNodeGroupProps,
  ModelBucket,
  type ModelBucketProps,
} from 'cdk8s-mlops/aws';
import { problemsOf, type Rendered } from '../support/synth';

const POOL = NodePool.gpu('a10g', { gpusPerNode: 1 });

function resources(build: (stack: TerraformStack) => void): Record<string, Rendered> {
  const stack = new TerraformStack(new App(), 'test');
  build(stack);
  const { resource } = JSON.parse(Testing.synth(stack));
  return Object.fromEntries(Object.entries(resource).map(([type, each]) => [type, Object.values(each as object)]));
}

function group(props: Partial<GpuNodeGroupProps> = {}): Record<string, Rendered> {
  return resources(
    (stack) =>
      new GpuNodeGroup(stack, 'gpu', {
        ...{ clusterName: 'acme', subnetIds: ['subnet-1'], pool: POOL, instanceTypes: ['g5.2xlarge'], maxSize: 4 },
        ...props,
      }),
  );
}

function bucket(props: Partial<ModelBucketProps> = {}): Record<string, Rendered> {
  const defaults = { bucketName: 'acme-models', expiry: BucketExpiry.archivedOnly() };
  return resources((stack) => new ModelBucket(stack, 'models', { ...defaults, ...props }));
}

describe('GpuNodeGroup', () => {
  test('is tainted and labelled as its pool says, and known to the device plugin', () => {
    const [nodes] = group().aws_eks_node_group;
    expect(nodes).toMatchObject({
      cluster_name: 'acme',
      node_group_name: 'a10g',
      labels: { 'cdk8s-mlops.dev/node-pool': 'a10g', 'nvidia.com/gpu.present': 'true' },
      taint: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NO_SCHEDULE' }],
      ami_type: 'AL2023_x86_64_NVIDIA',
      capacity_type: 'ON_DEMAND',
      instance_types: ['g5.2xlarge'],
      subnet_ids: ['subnet-1'],
    });
  });

  test('scales from zero: the autoscaler knows of the GPUs before there is a node', () => {
    const { aws_eks_node_group: nodes, aws_autoscaling_group_tag: tags } = group();
    expect(nodes[0].scaling_config).toEqual({ min_size: 0, max_size: 4, desired_size: 0 });
    expect(nodes[0].lifecycle).toEqual({ ignore_changes: ['scaling_config[0].desired_size'] });
    expect(tags.map(({ tag }: Rendered) => [tag.key.split('node-template/')[1], tag.value])).toEqual(
      expect.arrayContaining([
        ['resources/nvidia.com/gpu', '1'],
        ['label/cdk8s-mlops.dev/node-pool', 'a10g'],
        ['label/nvidia.com/gpu.present', 'true'],
        ['taint/nvidia.com/gpu', 'present:NoSchedule'],
      ]),
    );
    const gpus = tags.find(({ tag }: Rendered) => tag.key.includes('resources/'));
    expect(gpus.tag).toEqual({
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
    const pool = NodePool.gpu('spot', { gpusPerNode: 8, spot: true, taints });
    const made = group({
      ...{ pool, instanceTypes: ['g5g.xlarge'], minSize: 1, maxSize: 2, diskSizeGib: 500, tags: { team: 'ml' } },
      nodeRoleArn: 'arn:aws:iam::123456789012:role/nodes',
    });
    const [nodes] = made.aws_eks_node_group;
    expect(nodes).toMatchObject({
      ...{ capacity_type: 'SPOT', ami_type: 'AL2023_ARM_64_NVIDIA', tags: { team: 'ml' } },
      node_role_arn: 'arn:aws:iam::123456789012:role/nodes',
      scaling_config: { min_size: 1, max_size: 2, desired_size: 1 },
    });
    expect(nodes.taint.map(({ effect }: Rendered) => effect)).toEqual([
      'NO_SCHEDULE',
      'NO_EXECUTE',
      'PREFER_NO_SCHEDULE',
    ]);
    const gpus = made.aws_autoscaling_group_tag.find(({ tag }: Rendered) => tag.key.includes('resources/'));
    expect(gpus.tag.value).toBe('8');
    expect(made.aws_launch_template[0].block_device_mappings[0].ebs).toMatchObject({
      volume_size: 500,
      encrypted: 'true',
    });
    expect(made).not.toHaveProperty('aws_iam_role');
  });

  test('nodes answer metadata by IMDSv2 only, and not to pods', () => {
    expect(group().aws_launch_template[0].metadata_options).toEqual({
      ...{ http_tokens: 'required', http_endpoint: 'enabled', http_put_response_hop_limit: 1 },
    });
  });

  test('has a role with what EKS nodes need, before there are nodes', () => {
    const made = group();
    expect(
      made.aws_iam_role_policy_attachment.map(({ policy_arn }: Rendered) => policy_arn.split('/').at(-1)).sort(),
    ).toEqual([...['AmazonEC2ContainerRegistryPullOnly', 'AmazonEKSWorkerNodePolicy', 'AmazonEKS_CNI_Policy']]);
    expect(JSON.parse(made.aws_iam_role[0].assume_role_policy).Statement[0].Principal.Service).toBe(
      'ec2.amazonaws.com',
    );
    expect(made.aws_eks_node_group[0].depends_on).toHaveLength(3);
  });

  test('every problem is reported at once', () => {
    const build = (): unknown =>
      group({
        ...{ clusterName: '', subnetIds: [], pool: NodePool.cpu('batch'), minSize: 3, maxSize: 2, diskSizeGib: 20 },
        ...{ instanceTypes: ['g5.xlarge', 'm5.large', 'g5g.xlarge', 'big'], nodeRoleArn: 'nodes' },
      });
    expect(build).toThrow("GpuNodeGroup 'test/gpu' has 9 problems:");
    const found = problemsOf(build).join('\n');
    for (const reason of [
      'has no GPUs',
      "('m5.large') carries no NVIDIA GPU",
      'must not mix x86 and ARM',
      'above the maximum (2)',
    ]) {
      expect(found).toContain(reason);
    }
  });

  test('no instance types, half a node, no node at all', () => {
    expect(problemsOf(() => group({ instanceTypes: [] }))).toHaveLength(1);
    expect(problemsOf(() => group({ minSize: -1, maxSize: 0 }))).toHaveLength(2);
    expect(problemsOf(() => group({ minSize: 0.5 }))).toHaveLength(1);
  });

  test('has as many nodes as its pool says, where it says so', () => {
    const pool = NodePool.gpu('a10g', { gpusPerNode: 1, maxNodes: 4 });
    expect(group({ pool, maxSize: 4 }).aws_eks_node_group[0].scaling_config.max_size).toBe(4);
    expect(problemsOf(() => group({ pool, maxSize: 5 }))).toEqual([
      "'maxSize' (5) is not what the pool says, whose maxNodes are 4",
    ]);
  });
});

describe('ModelBucket', () => {
  test('expires only what was archived, so that nothing that may serve is deleted', () => {
    const [{ rule }] = bucket().aws_s3_bucket_lifecycle_configuration;
    expect(rule[0]).toMatchObject({
      ...{ id: 'expire', status: 'Enabled', expiration: [{ days: 90 }] },
      filter: [{ tag: [{ key: 'lifecycle', value: 'archived' }] }],
    });
    const withExpiration = rule.filter(({ expiration }: Rendered) => expiration);
    expect(withExpiration).toHaveLength(1);
  });

  test('or everything, where it holds runs and logs', () => {
    const [{ rule }] = bucket({ expiry: BucketExpiry.all(30) }).aws_s3_bucket_lifecycle_configuration;
    expect(rule[0]).toMatchObject({ filter: [{ prefix: '' }], expiration: [{ days: 30 }] });
  });

  test('cleans up overwritten objects and broken uploads', () => {
    const [{ rule }] = bucket().aws_s3_bucket_lifecycle_configuration;
    expect(rule[1]).toMatchObject({
      noncurrent_version_expiration: [{ noncurrent_days: 30 }],
      abort_incomplete_multipart_upload: [{ days_after_initiation: 7 }],
    });
  });

  test('is versioned, encrypted, never public, and reached by TLS only', () => {
    const made = bucket();
    expect(made.aws_s3_bucket_versioning[0].versioning_configuration).toEqual({ status: 'Enabled' });
    expect(made.aws_s3_bucket_server_side_encryption_configuration[0].rule[0]).toMatchObject({
      apply_server_side_encryption_by_default: { sse_algorithm: 'AES256' },
    });
    expect(made.aws_s3_bucket_public_access_block[0]).toMatchObject({
      ...{
        block_public_acls: true,
        block_public_policy: true,
        ignore_public_acls: true,
        restrict_public_buckets: true,
      },
    });
    const [statement] = JSON.parse(made.aws_s3_bucket_policy[0].policy).Statement;
    expect(statement).toMatchObject({
      ...{
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: ['arn:aws:s3:::acme-models', 'arn:aws:s3:::acme-models/*'],
      },
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
  });

  test('takes a key and tags', () => {
    const made = bucket({ kmsKeyArn: 'arn:aws:kms:eu-central-1:1:key/x', tags: { team: 'ml' } });
    expect(made.aws_s3_bucket_server_side_encryption_configuration[0].rule[0]).toMatchObject({
      apply_server_side_encryption_by_default: {
        sse_algorithm: 'aws:kms',
        kms_master_key_id: 'arn:aws:kms:eu-central-1:1:key/x',
      },
      bucket_key_enabled: true,
    });
    expect(made.aws_s3_bucket[0].tags).toEqual({ team: 'ml' });
  });

  test('has the address that the manifests name', () => {
    resources((stack) => {
      const made = new ModelBucket(stack, 'models', { bucketName: 'acme-models', expiry: BucketExpiry.all() });
      expect(made.uri).toBe('s3://acme-models');
    });
  });

  test.each(['', 'ab', 'a'.repeat(64), 'Acme', 'acme.models', '-acme', 'acme-', 'xn--acme', 'acme--ol-s3'])(
    '%j is no name',
    (name) => {
      expect(problemsOf(() => bucket({ bucketName: name })).join()).toContain('bucketName');
    },
  );

  test('days and keys that are none', () => {
    expect(problemsOf(() => BucketExpiry.all(0))).toHaveLength(1);
    expect(problemsOf(() => BucketExpiry.archivedOnly(1.5))).toHaveLength(1);
    expect(problemsOf(() => bucket({ kmsKeyArn: ' ' }))).toHaveLength(1);
  });
});
