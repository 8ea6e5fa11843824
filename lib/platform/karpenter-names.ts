import { resourceName } from './resource-name';

/** The tag by which Karpenter finds subnets and security groups; its value is the name of the cluster. */
export const KARPENTER_DISCOVERY_TAG = 'karpenter.sh/discovery';

/** Namespace and service account of Karpenter's controller, as its chart is installed. */
export const KARPENTER_SERVICE_ACCOUNT = { namespace: 'kube-system', name: 'karpenter' } as const;

/**
 * Name of the role of the nodes that Karpenter starts in a cluster: the cloud half makes it, the manifests name it.
 *
 * @param clusterName name of the cluster, known at synthesis
 */
export const karpenterNodeRoleName = (clusterName: string): string => resourceName(64, clusterName, 'karpenter-node');

/**
 * Name of the queue by which Karpenter hears of nodes that are about to be reclaimed: the cloud half makes it, Karpenter's chart wants
 * it as `settings.interruptionQueue`.
 *
 * @param clusterName name of the cluster, known at synthesis
 */
export const karpenterQueueName = (clusterName: string): string => resourceName(80, clusterName, 'karpenter');
