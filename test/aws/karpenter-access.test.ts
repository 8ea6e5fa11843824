import { TerraformOutput } from 'cdktf';
import { karpenterNodeRoleName, karpenterQueueName } from 'cdk8s-mlops';
import { KarpenterAccess, type KarpenterAccessProps } from 'cdk8s-mlops/aws';
import { SynthesizedStack } from '../support/stack';
import { problemsOf } from '../support/synth';

const access = (props: Partial<KarpenterAccessProps> = {}): SynthesizedStack =>
  SynthesizedStack.of((stack) => new KarpenterAccess(stack, 'karpenter', { clusterName: 'acme', ...props }));

test('nodes have a role of the name that the manifests compute, and the cluster lets them in', () => {
  const made = access();
  const role = made.one('aws_iam_role');
  expect(role.name).toBe(karpenterNodeRoleName('acme'));
  expect(JSON.parse(role.assume_role_policy).Statement).toEqual([
    { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
  ]);
  const policies = made.all('aws_iam_role_policy_attachment').map(({ policy_arn }) => policy_arn.split('/').at(-1));
  expect(policies.sort()).toEqual([
    ...['AmazonEC2ContainerRegistryPullOnly', 'AmazonEKSWorkerNodePolicy', 'AmazonEKS_CNI_Policy'],
  ]);
  expect(made.one('aws_eks_access_entry')).toMatchObject({
    ...{ cluster_name: 'acme', type: 'EC2_LINUX' },
    principal_arn: expect.stringMatching(/^\$\{aws_iam_role\.karpenter_NodeRole_[0-9A-F]{8}\.arn\}$/),
  });
});

test('warnings reach a queue of the name that the chart is told', () => {
  const made = access();
  expect(made.one('aws_sqs_queue')).toMatchObject({
    ...{ name: karpenterQueueName('acme'), message_retention_seconds: 300, sqs_managed_sse_enabled: true },
  });
  const rules = made.all('aws_cloudwatch_event_rule');
  expect(rules.map(({ name }) => name)).toEqual([
    ...['acme-karpenter-capacity-reservation', 'acme-karpenter-rebalance', 'acme-karpenter-scheduled-change'],
    ...['acme-karpenter-spot-interruption', 'acme-karpenter-state-change'],
  ]);
  expect(rules.map(({ event_pattern }) => JSON.parse(event_pattern))).toEqual([
    { source: ['aws.ec2'], 'detail-type': ['EC2 Capacity Reservation Instance Interruption Warning'] },
    { source: ['aws.ec2'], 'detail-type': ['EC2 Instance Rebalance Recommendation'] },
    { source: ['aws.health'], 'detail-type': ['AWS Health Event'] },
    { source: ['aws.ec2'], 'detail-type': ['EC2 Spot Instance Interruption Warning'] },
    { source: ['aws.ec2'], 'detail-type': ['EC2 Instance State-change Notification'] },
  ]);
  const targets = made.all('aws_cloudwatch_event_target');
  expect(targets).toHaveLength(5);
  expect(new Set(targets.map(({ rule }) => rule)).size).toBe(5);
  for (const { arn } of targets) expect(arn).toMatch(/^\$\{aws_sqs_queue\.karpenter_[0-9A-F]{8}\.arn\}$/);
});

test('only services of AWS write to the queue, by TLS only', () => {
  const { policy } = access().one('aws_sqs_queue_policy');
  const Resource = [expect.stringMatching(/^\$\{aws_sqs_queue\..*\.arn\}$/)];
  expect(JSON.parse(policy).Statement).toEqual([
    {
      ...{ Sid: 'Events', Effect: 'Allow', Action: ['sqs:SendMessage'], Resource },
      Principal: { Service: ['events.amazonaws.com', 'sqs.amazonaws.com'] },
    },
    {
      ...{ Sid: 'TlsOnly', Effect: 'Deny', Principal: '*', Action: ['sqs:*'], Resource },
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    },
  ]);
});

test('every prop reaches it', () => {
  const all: Required<KarpenterAccessProps> = {
    clusterName: 'acme',
    permissionsBoundaryArn: 'arn:aws:iam::123456789012:policy/boundary',
    tags: { team: 'ml' },
  };
  const made = access(all);
  expect(made.one('aws_iam_role').permissions_boundary).toBe(all.permissionsBoundaryArn);
  const tagged = ['aws_iam_role', 'aws_eks_access_entry', 'aws_sqs_queue', 'aws_cloudwatch_event_rule'];
  for (const type of tagged) {
    for (const { tags } of made.all(type)) expect(tags).toEqual({ team: 'ml' });
  }
  expect(access().one('aws_iam_role')).not.toHaveProperty('permissions_boundary');
});

test('what the add-on and the manifests need is there', () => {
  const made = SynthesizedStack.of((stack) => {
    const { nodeRoleName, nodeRoleArn, interruptionQueueName, interruptionQueueArn } = new KarpenterAccess(
      stack,
      'karpenter',
      { clusterName: 'acme' },
    );
    expect([nodeRoleName, interruptionQueueName]).toEqual(['acme-karpenter-node', 'acme-karpenter']);
    new TerraformOutput(stack, 'role', { value: nodeRoleArn });
    new TerraformOutput(stack, 'queue', { value: interruptionQueueArn });
  });
  expect(made.output('role')).toMatch(/^\$\{aws_iam_role\..*\.arn\}$/);
  expect(made.output('queue')).toMatch(/^\$\{aws_sqs_queue\..*\.arn\}$/);
});

test('names fit, however long that of the cluster is', () => {
  const made = access({ clusterName: 'a'.repeat(100) });
  expect(made.one('aws_iam_role').name).toHaveLength(64);
  expect(made.one('aws_sqs_queue').name).toHaveLength(80);
  const names = made.all('aws_cloudwatch_event_rule').map(({ name }) => name);
  expect(names.every((name: string) => name.length === 64)).toBe(true);
  expect(new Set(names).size).toBe(5);
});

test('every problem is reported at once', () => {
  expect(problemsOf(() => access({ clusterName: '', permissionsBoundaryArn: 'boundary' }))).toEqual([
    "'clusterName' ('') must be the name of a cluster, known at synthesis: at most 100 letters, digits, - and _",
    "'permissionsBoundaryArn' ('boundary') must be the ARN of a policy",
  ]);
});
