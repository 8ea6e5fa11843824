import { Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { Ec2NodeClass, KarpenterNodePool, type KarpenterRequirement } from '../crds/karpenter';
import { isEksClusterName } from '../validation/names';
import { Problems } from '../validation/problems';
import { checkGpuPool, DEFAULT_GPU_DISK_GIB } from './check-gpu-pool';
import { isArm } from './gpu-instance-types';
import { type GpuNodeImage } from './gpu-node-image';
import { KARPENTER_DISCOVERY_TAG, karpenterNodeRoleName } from './karpenter-names';
import { GPU_PRESENT_LABEL, type NodePool, NVIDIA_GPU } from './node-pool';
import { objectMetadata } from './object-metadata';

/**
 * Which nodes Karpenter ends to save money.
 *
 * @see https://karpenter.sh/docs/concepts/disruption/#consolidation
 */
export enum KarpenterConsolidation {
  /** Nodes without a pod. */
  WHEN_EMPTY = 'WhenEmpty',
  /** Also nodes whose pods fit elsewhere: the pods are started anew there. */
  WHEN_EMPTY_OR_UNDERUTILIZED = 'WhenEmptyOrUnderutilized',
  /** Also those, where the money saved outweighs the disruption. */
  BALANCED = 'Balanced',
}

/** GPU nodes that Karpenter starts when pods wait for them. */
export interface KarpenterGpuPoolProps {
  /** Name of the EKS cluster. */
  readonly clusterName: string;

  /** The pool as pods see it: labels, taints, GPUs of a node, kinds of capacity. It must say how many nodes it may have. */
  readonly pool: NodePool;

  /** Instance types, all with as many GPUs as the pool says; several of them make capacity easier to get. */
  readonly instanceTypes: readonly string[];

  /** Image of the nodes, with its release: without one, Karpenter would replace all nodes whenever there is a new one. */
  readonly image: GpuNodeImage;

  /**
   * Name of the nodes' role.
   *
   * @default - `<cluster>-karpenter-node`, which `KarpenterAccess` of the cloud half makes
   */
  readonly nodeRoleName?: string;

  /**
   * Tags of the subnets that nodes are started in.
   *
   * @default - `karpenter.sh/discovery: <cluster>`, which `EksCluster` of the cloud half sets on its private subnets
   */
  readonly subnetTags?: { readonly [key: string]: string };

  /**
   * Tags of the security groups of the nodes.
   *
   * @default - `karpenter.sh/discovery: <cluster>`, which `EksCluster` of the cloud half sets on that of its nodes
   */
  readonly securityGroupTags?: { readonly [key: string]: string };

  /**
   * Size of the disk for images and models in GiB.
   *
   * @default 200
   */
  readonly diskSizeGib?: number;

  /**
   * Which nodes are ended to save money. A training run that is started anew begins at its last checkpoint, or at the beginning.
   *
   * @default KarpenterConsolidation.WHEN_EMPTY
   */
  readonly consolidation?: KarpenterConsolidation;

  /**
   * For how long a node must have been such a node.
   *
   * @default Duration.minutes(10)
   */
  readonly consolidateAfter?: Duration;

  /**
   * Age at which a node is replaced, so that none runs an old system for ever. Longer than the longest training run.
   *
   * @default Duration.days(30)
   */
  readonly expireAfter?: Duration;

  /**
   * For how long pods may refuse to leave a node that is to be ended.
   *
   * @default - for ever
   */
  readonly terminationGracePeriod?: Duration;

  /**
   * Tags of the instances and disks.
   *
   * @default - none but Karpenter's own
   */
  readonly tags?: { readonly [key: string]: string };
}

/** Domains of labels that Karpenter keeps for itself. */
const RESERVED_LABELS = /^([^/]+\.)?(karpenter\.sh|karpenter\.k8s\.aws)\/|^kubernetes\.io\/hostname$/;
const RESERVED_TAGS =
  /^(eks:eks-cluster-name|karpenter\.sh\/node(pool|claim)|karpenter\.k8s\.aws\/ec2nodeclass)$|^kubernetes\.io\/cluster/;

/**
 * A GPU pool that Karpenter runs: a NodePool with an EC2NodeClass. Nodes are started when a pod waits for them, at most as many as the
 * pool says; an empty one is ended. Where the pool has spot capacity with a fallback, Karpenter tries spot first by itself and starts
 * nodes on demand while there is none.
 *
 * Karpenter, its role and the role of the nodes are not made by it: see `ClusterAddons` and `KarpenterAccess` of the cloud half. Nodes
 * become ready only where something advertises their GPUs: see `GpuNodeImage.devicePlugin`.
 */
export class KarpenterGpuPool extends Construct {
  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: KarpenterGpuPoolProps) {
    super(scope, id);
    this.check(props);
    const { pool, image, consolidation = KarpenterConsolidation.WHEN_EMPTY } = props;
    const { consolidateAfter = Duration.minutes(10), expireAfter = Duration.days(30), terminationGracePeriod } = props;
    const metadata = objectMetadata({ name: pool.name, app: 'karpenter' });

    new Ec2NodeClass(this, 'NodeClass', { metadata, spec: this.nodeClass(props) });
    new KarpenterNodePool(this, 'Resource', {
      metadata,
      spec: {
        template: {
          metadata: {
            labels: { ...pool.labels, ...(image.bringsDevicePlugin ? {} : { [GPU_PRESENT_LABEL]: 'true' }) },
          },
          spec: {
            nodeClassRef: { group: 'karpenter.k8s.aws', kind: Ec2NodeClass.GVK.kind, name: pool.name },
            requirements: requirements(props),
            // A value that is there must not be empty.
            taints: pool.taints.map(({ key, value, effect }) => ({ key, value: value || undefined, effect })),
            expireAfter: short(expireAfter),
            terminationGracePeriod: terminationGracePeriod && short(terminationGracePeriod),
          },
        },
        disruption: { consolidationPolicy: consolidation, consolidateAfter: short(consolidateAfter) },
        limits: { [NVIDIA_GPU]: (pool.maxNodes ?? 0) * pool.gpusPerNode },
      },
    });
  }

  private nodeClass(props: KarpenterGpuPoolProps): ConstructorParameters<typeof Ec2NodeClass>[2]['spec'] {
    const { clusterName, image, diskSizeGib = DEFAULT_GPU_DISK_GIB, tags } = props;
    const discovery = { [KARPENTER_DISCOVERY_TAG]: clusterName };
    return {
      amiSelectorTerms: [{ alias: image._alias ?? '' }],
      role: props.nodeRoleName ?? karpenterNodeRoleName(clusterName),
      subnetSelectorTerms: [{ tags: { ...(props.subnetTags ?? discovery) } }],
      securityGroupSelectorTerms: [{ tags: { ...(props.securityGroupTags ?? discovery) } }],
      blockDeviceMappings: Object.entries(image._volumes(diskSizeGib)).map(([deviceName, size]) => ({
        deviceName,
        ebs: { volumeSize: `${size}Gi`, volumeType: 'gp3', encrypted: true, deleteOnTermination: true },
      })),
      // One hop: pods take their identity from the Pod Identity agent, never from the node.
      metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 1 },
      ...(tags && { tags: { ...tags } }),
    };
  }

  private check(props: KarpenterGpuPoolProps): void {
    const problems = Problems.of(this);
    const { clusterName, pool, image, nodeRoleName, subnetTags, securityGroupTags, tags = {} } = props;
    if (!isEksClusterName(clusterName)) {
      problems.add('clusterName', clusterName, 'must be the name of a cluster: at most 100 letters, digits, - and _');
    }
    checkGpuPool(props, problems);
    if (pool.maxNodes === undefined) {
      problems.add('pool', pool.name, "must say its 'maxNodes': Karpenter would start as many as pods ask for");
    }
    for (const key of Object.keys(pool.labels).filter((label) => RESERVED_LABELS.test(label))) {
      problems.add('pool.labels', key, 'is a label that Karpenter keeps for itself');
    }
    if (image.release === undefined) {
      problems.add(
        'image',
        image._amiType(false),
        "must have a 'release': Karpenter would replace all nodes at each new one",
      );
    }
    if (nodeRoleName !== undefined && !/^[\w+=,.@-]{1,64}$/.test(nodeRoleName)) {
      problems.add('nodeRoleName', nodeRoleName, 'must be the name of a role, not its ARN: at most 64 characters');
    }
    for (const [name, selector] of Object.entries({ subnetTags, securityGroupTags })) {
      if (selector === undefined) continue;
      const entries = Object.entries(selector);
      if (entries.length === 0 || entries.length > 20) problems.add(name, selector, 'must be 1 to 20 tags');
      if (entries.some((entry) => entry.includes('')))
        problems.add(name, selector, 'must not have an empty key or value');
    }
    for (const key of Object.keys(tags).filter((tag) => tag === '' || RESERVED_TAGS.test(tag))) {
      problems.add('tags', key, 'is no tag that can be set: it is empty, or kept by EKS or Karpenter');
    }
    problems.checkDuration('consolidateAfter', props.consolidateAfter, 0);
    problems.checkDuration('expireAfter', props.expireAfter, 3600);
    problems.checkDuration('terminationGracePeriod', props.terminationGracePeriod, 1);
    problems.throwIfAny();
  }
}

function requirements({ pool, instanceTypes }: KarpenterGpuPoolProps): KarpenterRequirement[] {
  const oneOf = (key: string, values: readonly string[]): KarpenterRequirement => ({ key, operator: 'In', values });
  return [
    oneOf('node.kubernetes.io/instance-type', instanceTypes),
    oneOf('kubernetes.io/arch', [instanceTypes.some(isArm) ? 'arm64' : 'amd64']),
    oneOf('kubernetes.io/os', ['linux']),
    oneOf('karpenter.sh/capacity-type', pool._capacityTypes),
  ];
}

/** A duration in one unit, as Karpenter reads it. */
function short(duration: Duration): string {
  const seconds = duration.toSeconds();
  if (seconds > 0 && seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds > 0 && seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
