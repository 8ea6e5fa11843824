import { Token } from 'cdktf';
import { spotFirst } from '../../platform/cluster-autoscaler-priorities';
import { type NodePool } from '../../platform/node-pool';
import { Problems } from '../../validation/problems';
import { type PolicyStatement } from '../access-policy';
import { Addon, type AddonOptions } from './addon';
import { type AddonContext, type AddonSpec } from './addon-spec';
import { karpenterStatements } from './karpenter-policy';

/** What the cluster autoscaler is told beside its add-on. */
export interface ClusterAutoscalerOptions extends AddonOptions {
  /**
   * Pools whose nodes are managed node groups: of one with a fallback, spot capacity is tried first.
   *
   * @default - none: of groups that would do, the one that leaves the least idle is taken
   */
  readonly pools?: readonly NodePool[];
}

/** What Karpenter needs beside its add-on. */
export interface KarpenterOptions extends AddonOptions {
  /** ARN of the role of the nodes that it starts, the one that its EC2NodeClasses name. */
  readonly nodeRoleArn: string;

  /**
   * Name of the SQS queue that warnings of interruptions come through. Without one, spot nodes end without their pods being moved first.
   *
   * @default - none
   */
  readonly interruptionQueueName?: string;
}

/** Who adds nodes for pods that find none, and takes them away again: one of them, for two would undo each other's work. Immutable data. */
export class NodeScaling {
  /**
   * The cluster autoscaler: it changes the sizes of managed node groups, from zero on. EKS tags their groups as it looks for them, and
   * `GpuNodeGroup` says there what their nodes will be. The autoscaler is to be of the minor version of the cluster: where there is one,
   * say it as `values.image.tag`.
   *
   * @throws ValidationError when the version is not pinned.
   * @see https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md
   */
  public static clusterAutoscaler(options: ClusterAutoscalerOptions = {}): NodeScaling {
    return new NodeScaling(Addon.install(options), undefined, spotFirst(options.pools ?? []));
  }

  /**
   * Karpenter: it starts instances for what is rendered as `KarpenterGpuPool`. It runs as two pods on nodes that it has not started
   * itself, in different zones.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static karpenter(options: KarpenterOptions): NodeScaling {
    const { nodeRoleArn, interruptionQueueName } = options;
    const problems = new Problems('NodeScaling.karpenter');
    if (!Token.isUnresolved(nodeRoleArn) && !/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(nodeRoleArn)) {
      problems.add('nodeRoleArn', nodeRoleArn, 'must be the ARN of a role');
    }
    if (
      interruptionQueueName !== undefined &&
      !Token.isUnresolved(interruptionQueueName) &&
      !/^[A-Za-z0-9_-]{1,80}$/.test(interruptionQueueName)
    ) {
      problems.add('interruptionQueueName', interruptionQueueName, 'must be the name of a queue, not its address');
    }
    problems.throwIfAny();
    return new NodeScaling(Addon.install(options), { nodeRoleArn, interruptionQueueName });
  }

  /** The cluster does it already: EKS Auto Mode, or someone else's autoscaler. */
  public static provided(): NodeScaling {
    return new NodeScaling(Addon.provided(), undefined);
  }

  /** Nobody does: node groups keep the sizes that they are given. */
  public static leftOut(): NodeScaling {
    return new NodeScaling(Addon.leftOut(), undefined);
  }

  private constructor(
    /** @internal */
    public readonly _addon: Addon,
    private readonly karpenter: Pick<KarpenterOptions, 'nodeRoleArn' | 'interruptionQueueName'> | undefined,
    private readonly priorities?: string,
  ) {}

  /**
   * It comes before all others, whose pods may need the nodes, and so before the kinds that Prometheus' operator brings: its chart makes
   * no monitor.
   *
   * @internal
   */
  public _spec(context: AddonContext): AddonSpec {
    return this.karpenter ? karpenter(context, this.karpenter) : clusterAutoscaler(context, this.priorities);
  }
}

/** Karpenter asks for the flow control that leader elections have in this namespace. */
const NAMESPACE = 'kube-system';
// Knows Kubernetes up to 1.37.
const KARPENTER = { repository: 'oci://public.ecr.aws/karpenter', namespace: NAMESPACE, version: '1.15.1' };

function karpenter(
  context: AddonContext,
  { nodeRoleArn, interruptionQueueName }: Pick<KarpenterOptions, 'nodeRoleArn' | 'interruptionQueueName'>,
): AddonSpec {
  const { clusterName, region, partition, accountId } = context;
  const interruptionQueueArn =
    interruptionQueueName === undefined
      ? undefined
      : `arn:${partition}:sqs:${region}:${accountId}:${interruptionQueueName}`;
  return {
    key: 'nodeScaling',
    releases: [
      { ...KARPENTER, name: 'karpenter-crd', chart: 'karpenter-crd', relied: {}, onlyCrds: true },
      {
        ...KARPENTER,
        name: 'karpenter',
        chart: 'karpenter',
        // Helm would install those of this chart once and never again.
        skipCrds: true,
        relied: {
          serviceAccount: { create: true, name: 'karpenter' },
          settings: { clusterName, interruptionQueue: interruptionQueueName ?? '' },
        },
        defaults: {
          controller: { resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '1Gi' } } },
        },
      },
    ],
    identity: {
      namespace: NAMESPACE,
      serviceAccountName: 'karpenter',
      statements: karpenterStatements({ ...context, nodeRoleArn, interruptionQueueArn }),
      annotations: (annotations) => ({ serviceAccount: { annotations } }),
    },
  };
}

/** Newer than what the chart names: it should be of the cluster's minor version, and otherwise as near to it as there is. */
const CLUSTER_AUTOSCALER_TAG = 'v1.36.1';

function clusterAutoscaler({ clusterName, region }: AddonContext, priorities: string | undefined): AddonSpec {
  return {
    key: 'nodeScaling',
    releases: [
      {
        name: 'cluster-autoscaler',
        namespace: NAMESPACE,
        repository: 'https://kubernetes.github.io/autoscaler',
        chart: 'cluster-autoscaler',
        version: '9.59.0',
        relied: {
          cloudProvider: 'aws',
          awsRegion: region,
          autoDiscovery: { clusterName },
          rbac: { create: true, serviceAccount: { create: true, name: 'cluster-autoscaler' } },
        },
        defaults: {
          image: { tag: CLUSTER_AUTOSCALER_TAG },
          extraArgs: {
            // By priority only where they are said: without its ConfigMap that expander finds no group at all.
            expander: priorities === undefined ? 'least-waste' : 'priority',
            'balance-similar-node-groups': true,
          },
          ...(priorities !== undefined && { expanderPriorities: priorities }),
        },
      },
    ],
    identity: {
      namespace: NAMESPACE,
      serviceAccountName: 'cluster-autoscaler',
      statements: clusterAutoscalerStatements(clusterName),
      annotations: (annotations) => ({ rbac: { serviceAccount: { annotations } } }),
    },
  };
}

/** @see https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md#iam-policy */
function clusterAutoscalerStatements(clusterName: string): PolicyStatement[] {
  const tag = 'aws:ResourceTag/k8s.io/cluster-autoscaler';
  return [
    {
      Sid: 'ReadGroups',
      Effect: 'Allow',
      Action: [
        ...['AutoScalingGroups', 'AutoScalingInstances', 'LaunchConfigurations', 'ScalingActivities', 'Tags'].map(
          (what) => `autoscaling:Describe${what}`,
        ),
        ...['Images', 'InstanceTypes', 'LaunchTemplateVersions'].map((what) => `ec2:Describe${what}`),
        ...['ec2:GetInstanceTypesFromInstanceRequirements', 'eks:DescribeNodegroup'],
      ],
      Resource: ['*'],
    },
    {
      Sid: 'ScaleGroups',
      Effect: 'Allow',
      Action: ['autoscaling:SetDesiredCapacity', 'autoscaling:TerminateInstanceInAutoScalingGroup'],
      Resource: ['*'],
      Condition: { StringEquals: { [`${tag}/enabled`]: ['true'], [`${tag}/${clusterName}`]: ['owned'] } },
    },
  ];
}
