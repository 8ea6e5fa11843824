import { CloudwatchEventRule } from '@cdktf/provider-aws/lib/cloudwatch-event-rule';
import { CloudwatchEventTarget } from '@cdktf/provider-aws/lib/cloudwatch-event-target';
import { EksAccessEntry } from '@cdktf/provider-aws/lib/eks-access-entry';
import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import { SqsQueuePolicy } from '@cdktf/provider-aws/lib/sqs-queue-policy';
import { Construct } from 'constructs';
import { karpenterNodeRoleName, karpenterQueueName } from '../platform/karpenter-names';
import { resourceName } from '../platform/resource-name';
import { isEksClusterName } from '../validation/names';
import { Problems } from '../validation/problems';
import { nodeRole } from './node-role';

/** What Karpenter needs of AWS in a cluster. */
export interface KarpenterAccessProps {
  /**
   * Name of the EKS cluster, known at synthesis: where the program makes it, `precede` of the cluster has this wait for it. The cluster
   * must take access entries (`authentication_mode` is `API` or `API_AND_CONFIG_MAP`).
   */
  readonly clusterName: string;

  /**
   * ARN of a policy that bounds what the nodes may do.
   *
   * @default - none
   */
  readonly permissionsBoundaryArn?: string;

  /**
   * Tags of every resource.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/**
 * What Karpenter hears of, by the name of the rule.
 *
 * @see https://karpenter.sh/docs/reference/cloudformation/#rules
 */
const EVENTS = {
  'scheduled-change': { source: 'aws.health', detailType: 'AWS Health Event' },
  'spot-interruption': { source: 'aws.ec2', detailType: 'EC2 Spot Instance Interruption Warning' },
  rebalance: { source: 'aws.ec2', detailType: 'EC2 Instance Rebalance Recommendation' },
  'state-change': { source: 'aws.ec2', detailType: 'EC2 Instance State-change Notification' },
  'capacity-reservation': {
    source: 'aws.ec2',
    detailType: 'EC2 Capacity Reservation Instance Interruption Warning',
  },
} as const;

/** Longest name of a rule. */
const RULE_NAME_LIMIT = 64;

/**
 * What Karpenter needs beside its controller: the role of the nodes that it starts, which the cluster lets in, and a queue by which it
 * hears two minutes ahead that a spot node is reclaimed. The controller, its identity and its policy are the add-on's:
 * `NodeScaling.karpenter({ nodeRoleArn, interruptionQueueName })` of `ClusterAddons`.
 */
export class KarpenterAccess extends Construct {
  /** Name of the nodes' role: `nodeRoleName` of `KarpenterGpuPool`, whose default it is. */
  public readonly nodeRoleName: string;
  /** ARN of the nodes' role, which the controller may hand to nodes. */
  public readonly nodeRoleArn: string;
  /** Name of the queue. */
  public readonly interruptionQueueName: string;
  /** ARN of the queue. */
  public readonly interruptionQueueArn: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: KarpenterAccessProps) {
    super(scope, id);
    this.check(props);
    const { clusterName } = props;
    const tags = { ...props.tags };
    this.nodeRoleName = karpenterNodeRoleName(clusterName);
    this.interruptionQueueName = karpenterQueueName(clusterName);

    const role = nodeRole(this, 'NodeRole', {
      name: this.nodeRoleName,
      description: `Nodes that Karpenter starts in ${clusterName}`,
      permissionsBoundary: props.permissionsBoundaryArn,
      tags,
    });
    this.nodeRoleArn = role.arn;
    new EksAccessEntry(this, 'AccessEntry', { clusterName, principalArn: role.arn, type: 'EC2_LINUX', tags });

    const queue = new SqsQueue(this, 'Resource', {
      name: this.interruptionQueueName,
      // A warning is of no use when the node is gone.
      messageRetentionSeconds: 300,
      sqsManagedSseEnabled: true,
      tags,
    });
    this.interruptionQueueArn = queue.arn;
    new SqsQueuePolicy(this, 'QueuePolicy', { queueUrl: queue.url, policy: JSON.stringify(queuePolicy(queue.arn)) });
    for (const [event, { source, detailType }] of Object.entries(EVENTS)) {
      const rule = new CloudwatchEventRule(this, `Rule-${event}`, {
        name: resourceName(RULE_NAME_LIMIT, clusterName, 'karpenter', event),
        description: `${detailType}, for Karpenter in ${clusterName}`,
        eventPattern: JSON.stringify({ source: [source], 'detail-type': [detailType] }),
        tags,
      });
      new CloudwatchEventTarget(this, `Target-${event}`, { rule: rule.name, targetId: 'karpenter', arn: queue.arn });
    }
  }

  private check({ clusterName, permissionsBoundaryArn }: KarpenterAccessProps): void {
    const problems = Problems.of(this);
    if (!isEksClusterName(clusterName)) {
      const rule = 'must be the name of a cluster, known at synthesis: at most 100 letters, digits, - and _';
      problems.add('clusterName', clusterName, rule);
    }
    if (
      permissionsBoundaryArn !== undefined &&
      !/^(arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/.+|\$\{.+)$/.test(permissionsBoundaryArn)
    ) {
      problems.add('permissionsBoundaryArn', permissionsBoundaryArn, 'must be the ARN of a policy');
    }
    problems.throwIfAny();
  }
}

function queuePolicy(queueArn: string): object {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'Events',
        Effect: 'Allow',
        Principal: { Service: ['events.amazonaws.com', 'sqs.amazonaws.com'] },
        Action: ['sqs:SendMessage'],
        Resource: [queueArn],
      },
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: ['sqs:*'],
        Resource: [queueArn],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  };
}
