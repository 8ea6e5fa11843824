import { AutoscalingGroupTagA } from '@cdktf/provider-aws/lib/autoscaling-group-tag';
import { EksNodeGroup, type EksNodeGroupConfig } from '@cdktf/provider-aws/lib/eks-node-group';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import { LaunchTemplate } from '@cdktf/provider-aws/lib/launch-template';
import { Token } from 'cdktf';
import { Construct } from 'constructs';
import { DEFAULT_GPU_DISK_GIB } from '../platform/check-gpu-pool';
import { isArm } from '../platform/gpu-instance-types';
import { GpuNodeImage } from '../platform/gpu-node-image';
import { GPU_PRESENT_LABEL, type NodePool, type NodeTaint, NVIDIA_GPU } from '../platform/node-pool';
import { Problems } from '../validation/problems';
import { checkGpuNodeGroup, fallbackName } from './check-gpu-node-group';
import { nodeRole } from './node-role';

/** GPU nodes. */
export interface GpuNodeGroupOptions {
  /**
   * The pool as pods see it: labels, taints, GPUs of a node, and whether it is spot capacity. One with a fallback gets a second group
   * of the same nodes on demand, `<pool>-on-demand`.
   */
  readonly pool: NodePool;

  /** Instance types, all with as many GPUs as the pool says; several of them make spot capacity easier to get. */
  readonly instanceTypes: readonly string[];

  /**
   * Image of the nodes.
   *
   * @default GpuNodeImage.al2023()
   */
  readonly image?: GpuNodeImage;

  /**
   * Kubernetes version of the nodes, for example `1.36`.
   *
   * @default - that of the cluster when the group is made
   */
  readonly kubernetesVersion?: string;

  /**
   * Fewest nodes. The on-demand group of a pool with a fallback has none where it is not needed.
   *
   * @default 0
   */
  readonly minSize?: number;

  /** Most nodes, of each group where a pool has two. */
  readonly maxSize: number;

  /**
   * Nodes to begin with; the autoscaler changes it later.
   *
   * @default - the fewest
   */
  readonly desiredSize?: number;

  /**
   * Size of the disk for images and models in GiB.
   *
   * @default 200
   */
  readonly diskSizeGib?: number;

  /**
   * ARN of the nodes' role.
   *
   * @default - a role of its own with the policies that EKS nodes need
   */
  readonly nodeRoleArn?: string;
}

/** A managed group of GPU nodes. */
export interface GpuNodeGroupProps extends GpuNodeGroupOptions {
  /** Name of the EKS cluster. */
  readonly clusterName: string;

  /** Subnets that nodes are started in. */
  readonly subnetIds: readonly string[];

  /**
   * Security groups of the nodes. Nodes of one cluster reach each other only within one group.
   *
   * @default - the cluster's own, which EKS makes
   */
  readonly securityGroupIds?: readonly string[];

  /**
   * Tags of every resource, instances and disks included.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

const TAINT_EFFECTS: Readonly<Record<NodeTaint['effect'], string>> = {
  NoSchedule: 'NO_SCHEDULE',
  PreferNoSchedule: 'PREFER_NO_SCHEDULE',
  NoExecute: 'NO_EXECUTE',
};

/**
 * By this label the cluster autoscaler knows that a node will have GPUs when its device plugin is up. Without it the node would count as
 * ready with none, and the pod that waits for it would start another one.
 *
 * @see https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md#gpu-node-groups
 */
const ACCELERATOR_LABEL = 'k8s.amazonaws.com/accelerator';

/**
 * EKS managed node groups for a GPU pool: an image with NVIDIA's driver, the pool's taints and labels, IMDSv2 only, an encrypted disk,
 * and the tags by which the cluster autoscaler knows of GPUs, labels and taints while there is no node.
 *
 * The groups do not grow by themselves: that takes the cluster autoscaler (`ClusterAutoscalerPriorities` tells it to try spot first).
 * For Karpenter there is `KarpenterGpuPool` instead.
 */
export class GpuNodeGroup extends Construct {
  /** Name of the node group, of a pool with a fallback that with the spot capacity. */
  public readonly nodeGroupName: string;
  /** Name of the on-demand group, where the pool has a fallback. */
  public readonly fallbackNodeGroupName?: string;
  /** Whether the nodes' image brings NVIDIA's device plugin, so that none may be installed for them. */
  public readonly bringsDevicePlugin: boolean;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: GpuNodeGroupProps) {
    super(scope, id);
    const problems = Problems.of(this);
    checkGpuNodeGroup(props, problems);
    problems.throwIfAny();
    const { pool, instanceTypes, minSize = 0, maxSize, desiredSize = minSize } = props;
    const image = props.image ?? GpuNodeImage.al2023();
    this.nodeGroupName = pool.name;
    this.bringsDevicePlugin = image.bringsDevicePlugin;

    const template = this.launchTemplate(props, image);
    const role =
      props.nodeRoleArn === undefined
        ? nodeRole(this, 'Role', { namePrefix: `${pool.name.slice(0, 30)}-node-`, tags: { ...props.tags } })
        : undefined;
    const labels = {
      ...pool.labels,
      [ACCELERATOR_LABEL]: 'nvidia',
      ...(image.bringsDevicePlugin ? {} : { [GPU_PRESENT_LABEL]: 'true' }),
    };
    const common: Omit<EksNodeGroupConfig, 'nodeGroupName' | 'scalingConfig'> = {
      clusterName: props.clusterName,
      nodeRoleArn: props.nodeRoleArn ?? role?.arn ?? '',
      subnetIds: [...props.subnetIds],
      instanceTypes: [...instanceTypes],
      amiType: image._amiType(instanceTypes.some(isArm)),
      version: props.kubernetesVersion,
      releaseVersion: image.release,
      launchTemplate: { id: template.id, version: Token.asString(template.latestVersion) },
      updateConfig: { maxUnavailable: 1 },
      labels,
      taint: pool.taints.map(({ key, value, effect }) => ({ key, value, effect: TAINT_EFFECTS[effect] })),
      // The autoscaler changes the size; applying again must not take its nodes away.
      lifecycle: { ignoreChanges: ['scaling_config[0].desired_size'] },
      dependsOn: role ? this.node.findAll().filter((each) => each instanceof IamRolePolicyAttachment) : undefined,
      tags: { ...props.tags },
    };
    const group = new EksNodeGroup(this, 'Resource', {
      ...common,
      nodeGroupName: this.nodeGroupName,
      capacityType: pool.spot ? 'SPOT' : 'ON_DEMAND',
      scalingConfig: { minSize, maxSize, desiredSize },
    });
    this.tagForAutoscaler('Tag', group, pool, labels);
    if (!pool.onDemandFallback) return;
    this.fallbackNodeGroupName = fallbackName(pool);
    const fallback = new EksNodeGroup(this, 'OnDemand', {
      ...common,
      nodeGroupName: this.fallbackNodeGroupName,
      capacityType: 'ON_DEMAND',
      scalingConfig: { minSize: 0, maxSize, desiredSize: 0 },
    });
    this.tagForAutoscaler('OnDemandTag', fallback, pool, labels);
  }

  private launchTemplate(props: GpuNodeGroupProps, image: GpuNodeImage): LaunchTemplate {
    const { pool, securityGroupIds, diskSizeGib = DEFAULT_GPU_DISK_GIB } = props;
    const tags = { ...props.tags };
    return new LaunchTemplate(this, 'LaunchTemplate', {
      namePrefix: `${pool.name}-`,
      updateDefaultVersion: true,
      // One hop: pods take their identity from the Pod Identity agent, never from the node.
      metadataOptions: { httpTokens: 'required', httpEndpoint: 'enabled', httpPutResponseHopLimit: 1 },
      vpcSecurityGroupIds: securityGroupIds && [...securityGroupIds],
      blockDeviceMappings: Object.entries(image._volumes(diskSizeGib)).map(([deviceName, volumeSize]) => ({
        deviceName,
        ebs: { volumeSize, volumeType: 'gp3', encrypted: 'true', deleteOnTermination: 'true' },
      })),
      // Tags of the provider reach the template, not what is started from it.
      tagSpecifications:
        Object.keys(tags).length === 0
          ? undefined
          : ['instance', 'volume'].map((resourceType) => ({ resourceType, tags })),
      tags,
    });
  }

  /**
   * What the cluster autoscaler has to know of a node while there is none, so that it starts one for a pod that selects it.
   *
   * @see https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md
   */
  private tagForAutoscaler(id: string, group: EksNodeGroup, pool: NodePool, labels: Record<string, string>): void {
    const template = {
      [`resources/${NVIDIA_GPU}`]: String(pool.gpusPerNode),
      ...Object.fromEntries(Object.entries(labels).map(([key, value]) => [`label/${key}`, value])),
      ...Object.fromEntries(pool.taints.map(({ key, value = '', effect }) => [`taint/${key}`, `${value}:${effect}`])),
    };
    for (const [key, value] of Object.entries(template)) {
      new AutoscalingGroupTagA(this, `${id}-${key.replaceAll('/', '-')}`, {
        autoscalingGroupName: group.resources.get(0).autoscalingGroups.get(0).name,
        tag: { key: `k8s.io/cluster-autoscaler/node-template/${key}`, value, propagateAtLaunch: false },
      });
    }
  }
}
