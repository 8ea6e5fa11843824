import { AutoscalingGroupTagA } from '@cdktf/provider-aws/lib/autoscaling-group-tag';
import { EksNodeGroup } from '@cdktf/provider-aws/lib/eks-node-group';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import { LaunchTemplate } from '@cdktf/provider-aws/lib/launch-template';
import { Token } from 'cdktf';
import { Construct } from 'constructs';
import { GPU_PRESENT_LABEL, type NodePool, type NodeTaint, NVIDIA_GPU } from '../platform/node-pool';
import { Problems } from '../validation/problems';
import { gpuInstanceTypeProblem, isArm } from './gpu-instance-types';

/** A managed group of GPU nodes. */
export interface GpuNodeGroupProps {
  /** Name of the EKS cluster. */
  readonly clusterName: string;

  /** Subnets that nodes are started in. */
  readonly subnetIds: readonly string[];

  /** The pool as pods see it: labels, taints, GPUs of a node, and whether it is spot capacity. */
  readonly pool: NodePool;

  /** Instance types, all with as many GPUs as the pool says; several of them make spot capacity easier to get. */
  readonly instanceTypes: readonly string[];

  /**
   * Fewest nodes.
   *
   * @default 0
   */
  readonly minSize?: number;

  /** Most nodes. */
  readonly maxSize: number;

  /**
   * Size of the root disk in GiB; GPU images and models are large.
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

  /**
   * Tags of every resource.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

// https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
const NODE_POLICIES = ['AmazonEKSWorkerNodePolicy', 'AmazonEC2ContainerRegistryPullOnly', 'AmazonEKS_CNI_Policy'];

const TAINT_EFFECTS: Readonly<Record<NodeTaint['effect'], string>> = {
  NoSchedule: 'NO_SCHEDULE',
  PreferNoSchedule: 'PREFER_NO_SCHEDULE',
  NoExecute: 'NO_EXECUTE',
};

/**
 * An EKS managed node group for a GPU pool: AL2023 with NVIDIA's driver, the pool's taints and labels, IMDSv2 only, an
 * encrypted disk, and the tags by which the cluster autoscaler knows of GPUs, labels and taints while there is no node.
 */
export class GpuNodeGroup extends Construct {
  /** Name of the node group. */
  public readonly nodeGroupName: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: GpuNodeGroupProps) {
    super(scope, id);
    this.check(props);
    const { pool, clusterName, instanceTypes, minSize = 0, maxSize, diskSizeGib = 200 } = props;
    const tags = { ...props.tags };
    this.nodeGroupName = pool.name;

    const template = new LaunchTemplate(this, 'LaunchTemplate', {
      namePrefix: `${pool.name}-`,
      updateDefaultVersion: true,
      // One hop: pods take their identity from the Pod Identity agent, never from the node.
      metadataOptions: { httpTokens: 'required', httpEndpoint: 'enabled', httpPutResponseHopLimit: 1 },
      blockDeviceMappings: [
        {
          deviceName: '/dev/xvda',
          ebs: { volumeSize: diskSizeGib, volumeType: 'gp3', encrypted: 'true', deleteOnTermination: 'true' },
        },
      ],
      tags,
    });
    const role = props.nodeRoleArn === undefined ? this.nodeRole(pool.name, tags) : undefined;
    const group = new EksNodeGroup(this, 'Resource', {
      clusterName,
      nodeGroupName: pool.name,
      nodeRoleArn: props.nodeRoleArn ?? role?.arn ?? '',
      subnetIds: [...props.subnetIds],
      instanceTypes: [...instanceTypes],
      amiType: instanceTypes.some(isArm) ? 'AL2023_ARM_64_NVIDIA' : 'AL2023_x86_64_NVIDIA',
      capacityType: pool.spot ? 'SPOT' : 'ON_DEMAND',
      launchTemplate: { id: template.id, version: Token.asString(template.latestVersion) },
      scalingConfig: { minSize, maxSize, desiredSize: minSize },
      updateConfig: { maxUnavailable: 1 },
      labels: { ...pool.labels, [GPU_PRESENT_LABEL]: 'true' },
      taint: pool.taints.map(({ key, value, effect }) => ({ key, value, effect: TAINT_EFFECTS[effect] })),
      // The autoscaler changes the size; applying again must not take its nodes away.
      lifecycle: { ignoreChanges: ['scaling_config[0].desired_size'] },
      dependsOn: role ? this.node.findAll().filter((each) => each instanceof IamRolePolicyAttachment) : undefined,
      tags,
    });
    const autoscalingGroupName = group.resources.get(0).autoscalingGroups.get(0).name;
    for (const [key, value] of Object.entries(this.nodeTemplate(pool))) {
      new AutoscalingGroupTagA(this, `Tag-${key.replaceAll('/', '-')}`, {
        autoscalingGroupName,
        tag: { key: `k8s.io/cluster-autoscaler/node-template/${key}`, value, propagateAtLaunch: false },
      });
    }
  }

  /**
   * What the cluster autoscaler has to know of a node while there is none, so that it starts one for a pod that selects it.
   *
   * @see https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md
   */
  private nodeTemplate({ gpusPerNode, labels, taints }: NodePool): Record<string, string> {
    const all = Object.entries({ ...labels, [GPU_PRESENT_LABEL]: 'true' });
    return {
      [`resources/${NVIDIA_GPU}`]: String(gpusPerNode),
      ...Object.fromEntries(all.map(([key, value]) => [`label/${key}`, value])),
      ...Object.fromEntries(taints.map(({ key, value = '', effect }) => [`taint/${key}`, `${value}:${effect}`])),
    };
  }

  private nodeRole(name: string, tags: Record<string, string>): IamRole {
    const role = new IamRole(this, 'Role', {
      namePrefix: `${name.slice(0, 30)}-node-`,
      assumeRolePolicy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
      }),
      tags,
    });
    for (const policy of NODE_POLICIES) {
      new IamRolePolicyAttachment(this, policy, { role: role.name, policyArn: `arn:aws:iam::aws:policy/${policy}` });
    }
    return role;
  }

  private check(props: GpuNodeGroupProps): void {
    const problems = Problems.of(this);
    const { pool, clusterName, subnetIds, instanceTypes, minSize = 0, maxSize, diskSizeGib, nodeRoleArn } = props;
    if (!/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/.test(clusterName) && !Token.isUnresolved(clusterName)) {
      problems.add('clusterName', clusterName, 'must be the name of a cluster: at most 100 letters, digits, - and _');
    }
    if (subnetIds.length === 0) problems.add('subnetIds', subnetIds, 'must name at least one subnet');
    if (pool.gpusPerNode === 0) problems.add('pool', pool.name, 'has no GPUs: make it with NodePool.gpu');
    if (instanceTypes.length === 0) problems.add('instanceTypes', instanceTypes, 'must name at least one type');
    for (const type of instanceTypes) problems.check('instanceTypes', type, gpuInstanceTypeProblem(type));
    if (new Set(instanceTypes.map(isArm)).size > 1) {
      problems.add('instanceTypes', instanceTypes, 'must not mix x86 and ARM: they need different images');
    }
    if (!Number.isInteger(minSize) || minSize < 0) problems.add('minSize', minSize, 'must be a whole number from 0 on');
    if (!Number.isInteger(maxSize) || maxSize < 1) problems.add('maxSize', maxSize, 'must be a whole number from 1 on');
    if (pool.maxNodes !== undefined && pool.maxNodes !== maxSize) {
      problems.add('maxSize', maxSize, `is not what the pool says, whose maxNodes are ${pool.maxNodes}`);
    }
    if (minSize > maxSize) problems.add('minSize', minSize, `must not be above the maximum (${maxSize})`);
    if (diskSizeGib !== undefined && !(Number.isInteger(diskSizeGib) && diskSizeGib >= 50 && diskSizeGib <= 16_384)) {
      problems.add('diskSizeGib', diskSizeGib, 'must be 50 to 16384: GPU images alone take tens of GiB');
    }
    if (
      nodeRoleArn !== undefined &&
      !Token.isUnresolved(nodeRoleArn) &&
      !/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(nodeRoleArn)
    ) {
      problems.add('nodeRoleArn', nodeRoleArn, 'must be the ARN of a role');
    }
    problems.throwIfAny();
  }
}
