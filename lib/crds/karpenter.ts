import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s';
import { type Construct } from 'constructs';

/*
 * Thin L1s of Karpenter 1.x and its provider for AWS: only the fields that we render.
 * https://karpenter.sh/docs/concepts/nodepools/ and https://karpenter.sh/docs/concepts/nodeclasses/
 */

/** Which values of a label a node may have. */
export interface KarpenterRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt' | 'Gte' | 'Lte';
  readonly values?: readonly string[];
}

export interface KarpenterNodePoolProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: { readonly [key: string]: string } };
      readonly spec: {
        readonly nodeClassRef: { readonly group: string; readonly kind: string; readonly name: string };
        readonly requirements: readonly KarpenterRequirement[];
        readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
        readonly expireAfter: string;
        readonly terminationGracePeriod?: string;
      };
    };
    readonly disruption: { readonly consolidationPolicy: string; readonly consolidateAfter: string };
    readonly limits: { readonly [resource: string]: number | string };
  };
}

/** Which nodes Karpenter may start, and when it ends them. */
export class KarpenterNodePool extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'karpenter.sh/v1', kind: 'NodePool' };

  constructor(scope: Construct, id: string, props: KarpenterNodePoolProps) {
    super(scope, id, { ...KarpenterNodePool.GVK, ...props });
  }
}

/** Subnets or security groups with all of the tags. */
export interface KarpenterSelectorTerm {
  readonly tags: { readonly [key: string]: string };
}

export interface Ec2NodeClassProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly amiSelectorTerms: readonly { readonly alias: string }[];
    readonly role: string;
    readonly subnetSelectorTerms: readonly KarpenterSelectorTerm[];
    readonly securityGroupSelectorTerms: readonly KarpenterSelectorTerm[];
    readonly blockDeviceMappings: readonly {
      readonly deviceName: string;
      readonly ebs: {
        readonly volumeSize: string;
        readonly volumeType: string;
        readonly encrypted: boolean;
        readonly deleteOnTermination: boolean;
      };
    }[];
    readonly metadataOptions: {
      readonly httpEndpoint: string;
      readonly httpTokens: string;
      readonly httpPutResponseHopLimit: number;
    };
    readonly tags?: { readonly [key: string]: string };
  };
}

/** How Karpenter starts nodes on EC2. */
export class Ec2NodeClass extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'karpenter.k8s.aws/v1', kind: 'EC2NodeClass' };

  constructor(scope: Construct, id: string, props: Ec2NodeClassProps) {
    super(scope, id, { ...Ec2NodeClass.GVK, ...props });
  }
}
