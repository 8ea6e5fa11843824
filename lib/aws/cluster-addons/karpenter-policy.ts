import { type PolicyStatement } from '../access-policy';

/** What Karpenter's policy is about. */
export interface KarpenterPolicyProps {
  readonly clusterName: string;
  readonly region: string;
  readonly accountId: string;
  readonly partition: string;
  /** Role of the nodes that it starts. */
  readonly nodeRoleArn: string;
  /** Queue with warnings of interruptions, if there is one. */
  readonly interruptionQueueArn?: string;
}

type Condition = NonNullable<PolicyStatement['Condition']>;

const allow = (
  Sid: string,
  Action: readonly string[],
  Resource: readonly string[],
  condition?: Condition,
): PolicyStatement => ({ Sid, Effect: 'Allow', Action, Resource, ...(condition && { Condition: condition }) });

/**
 * What Karpenter 1.15 may do, with its features that are off by default left off: start and end nodes of this cluster that it tags as those of a NodePool, and nothing with others.
 *
 * @see https://karpenter.sh/docs/reference/cloudformation/#karpentercontrollerpolicy
 */
export function karpenterStatements(props: KarpenterPolicyProps): PolicyStatement[] {
  return [...instanceStatements(props), ...readStatements(props), ...profileStatements(props)];
}

function instanceStatements({ clusterName, region, partition }: KarpenterPolicyProps): PolicyStatement[] {
  const owner = `kubernetes.io/cluster/${clusterName}`;
  const ec2 = (...types: string[]): string[] => types.map((type) => `arn:${partition}:ec2:${region}:*:${type}/*`);
  const publicEc2 = (...types: string[]): string[] => types.map((type) => `arn:${partition}:ec2:${region}::${type}/*`);
  const made = ec2('fleet', 'instance', 'volume', 'network-interface', 'launch-template', 'spot-instances-request');
  const ours = {
    StringEquals: { [`aws:ResourceTag/${owner}`]: ['owned'] },
    StringLike: { 'aws:ResourceTag/karpenter.sh/nodepool': ['*'] },
  };
  const asked = { [`aws:RequestTag/${owner}`]: ['owned'], 'aws:RequestTag/eks:eks-cluster-name': [clusterName] };
  const ofPool = { StringLike: { 'aws:RequestTag/karpenter.sh/nodepool': ['*'] } };
  const actions = ['CreateFleet', 'CreateLaunchTemplate', 'RunInstances'];
  return [
    allow(
      'AllowScopedEC2InstanceAccessActions',
      ['ec2:RunInstances', 'ec2:CreateFleet'],
      [...publicEc2('image', 'snapshot'), ...ec2('security-group', 'subnet', 'capacity-reservation')],
    ),
    allow(
      'AllowScopedEC2LaunchTemplateAccessActions',
      ['ec2:RunInstances', 'ec2:CreateFleet'],
      ec2('launch-template'),
      ours,
    ),
    allow(
      'AllowScopedEC2InstanceActionsWithTags',
      ['ec2:RunInstances', 'ec2:CreateFleet', 'ec2:CreateLaunchTemplate'],
      made,
      { StringEquals: asked, ...ofPool },
    ),
    allow('AllowScopedResourceCreationTagging', ['ec2:CreateTags'], made, {
      StringEquals: { ...asked, 'ec2:CreateAction': actions },
      ...ofPool,
    }),
    allow('AllowScopedResourceTagging', ['ec2:CreateTags'], ec2('instance'), {
      ...ours,
      StringEqualsIfExists: { 'aws:RequestTag/eks:eks-cluster-name': [clusterName] },
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['eks:eks-cluster-name', 'karpenter.sh/nodeclaim', 'Name'] },
    }),
    allow(
      'AllowScopedDeletion',
      ['ec2:TerminateInstances', 'ec2:DeleteLaunchTemplate'],
      ec2('instance', 'launch-template'),
      ours,
    ),
  ];
}

/** What EC2 is asked of, none of which can be narrowed by resource. */
const DESCRIBED = [
  ...['CapacityReservations', 'Images', 'InstanceStatus', 'InstanceTypeOfferings', 'InstanceTypes', 'Instances'],
  ...['LaunchTemplates', 'PlacementGroups', 'SecurityGroups', 'SpotPriceHistory', 'Subnets'],
];

function readStatements(props: KarpenterPolicyProps): PolicyStatement[] {
  const { clusterName, region, partition, accountId, interruptionQueueArn } = props;
  const cluster = `arn:${partition}:eks:${region}:${accountId}:cluster/${clusterName}`;
  return [
    allow(
      'AllowRegionalReadActions',
      DESCRIBED.map((what) => `ec2:Describe${what}`),
      ['*'],
      { StringEquals: { 'aws:RequestedRegion': [region] } },
    ),
    allow('AllowSSMReadActions', ['ssm:GetParameter'], [`arn:${partition}:ssm:${region}::parameter/aws/service/*`]),
    allow('AllowPricingReadActions', ['pricing:GetProducts'], ['*']),
    allow('AllowAPIServerEndpointDiscovery', ['eks:DescribeCluster'], [cluster]),
    ...(interruptionQueueArn === undefined
      ? []
      : [
          allow(
            'AllowInterruptionQueueActions',
            ['sqs:DeleteMessage', 'sqs:GetQueueUrl', 'sqs:ReceiveMessage'],
            [interruptionQueueArn],
          ),
        ]),
  ];
}

function profileStatements(props: KarpenterPolicyProps): PolicyStatement[] {
  const { clusterName, region, partition, accountId, nodeRoleArn } = props;
  const profiles = [`arn:${partition}:iam::${accountId}:instance-profile/*`];
  const owned = (prefix: string): Record<string, readonly string[]> => ({
    [`aws:${prefix}Tag/kubernetes.io/cluster/${clusterName}`]: ['owned'],
    [`aws:${prefix}Tag/topology.kubernetes.io/region`]: [region],
  });
  const asked = { ...owned('Request'), 'aws:RequestTag/eks:eks-cluster-name': [clusterName] };
  const askedClass = { 'aws:RequestTag/karpenter.k8s.aws/ec2nodeclass': ['*'] };
  const itsClass = { 'aws:ResourceTag/karpenter.k8s.aws/ec2nodeclass': ['*'] };
  return [
    allow('AllowPassingInstanceRole', ['iam:PassRole'], [nodeRoleArn], {
      StringEquals: { 'iam:PassedToService': ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn'] },
    }),
    allow('AllowScopedInstanceProfileCreationActions', ['iam:CreateInstanceProfile'], profiles, {
      StringEquals: asked,
      StringLike: askedClass,
    }),
    allow('AllowScopedInstanceProfileTagActions', ['iam:TagInstanceProfile'], profiles, {
      StringEquals: { ...owned('Resource'), ...asked },
      StringLike: { ...itsClass, ...askedClass },
    }),
    allow(
      'AllowScopedInstanceProfileActions',
      ['iam:AddRoleToInstanceProfile', 'iam:RemoveRoleFromInstanceProfile', 'iam:DeleteInstanceProfile'],
      profiles,
      { StringEquals: owned('Resource'), StringLike: itsClass },
    ),
    allow('AllowInstanceProfileReadActions', ['iam:GetInstanceProfile'], profiles),
    allow('AllowUnscopedInstanceProfileListAction', ['iam:ListInstanceProfiles'], ['*']),
  ];
}
