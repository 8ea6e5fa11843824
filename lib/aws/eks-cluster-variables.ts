import { NODE_POOL_LABEL } from '../platform/node-pool';
import { type SystemNodesProps } from './eks-cluster-options';

/*
 * Variables of the module for EKS, as it takes them.
 * https://github.com/terraform-aws-modules/terraform-aws-eks/blob/v21.10.1/variables.tf
 */

/** Nodes reach each other on all ports, also below 1025, which the module leaves out: network policies say who may call whom. */
export const NODE_RULES = {
  ingress_self_all: {
    description: 'Node to node all ports/protocols',
    type: 'ingress',
    protocol: '-1',
    from_port: 0,
    to_port: 0,
    self: true,
  },
};

/** A principal who may do anything in the cluster. */
export function adminEntry(principalArn: string): object {
  const partition = principalArn.split(':')[1];
  return {
    principal_arn: principalArn,
    policy_associations: {
      admin: {
        policy_arn: `arn:${partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy`,
        access_scope: { type: 'cluster' },
      },
    },
  };
}

/** What encrypts Secrets. */
export function encryption(keyArn: string | undefined, admins: readonly string[]): object {
  if (keyArn !== undefined) {
    return { create_kms_key: false, encryption_config: { provider_key_arn: keyArn, resources: ['secrets'] } };
  }
  // Without administrators, the module names whoever applies: the key's policy would change with who that is.
  const administrators = admins.length > 0 ? { kms_key_administrators: [...admins] } : {};
  return { create_kms_key: true, enable_kms_key_rotation: true, ...administrators };
}

/** The nodes of the platform itself. */
export function systemNodes(props: SystemNodesProps, tags: Record<string, string>): object {
  const { instanceTypes = ['m7i.large', 'm6i.large'], minSize = 2, maxSize = 4, diskSizeGib = 50, release } = props;
  return {
    ami_type: 'AL2023_x86_64_STANDARD',
    ...(release === undefined
      ? { use_latest_ami_release_version: true }
      : { ami_release_version: release, use_latest_ami_release_version: false }),
    capacity_type: 'ON_DEMAND',
    instance_types: [...instanceTypes],
    min_size: minSize,
    max_size: maxSize,
    desired_size: props.desiredSize ?? minSize,
    labels: { [NODE_POOL_LABEL]: 'system' },
    update_config: { max_unavailable: 1 },
    metadata_options: { http_endpoint: 'enabled', http_tokens: 'required', http_put_response_hop_limit: 1 },
    // `disk_size` has no effect beside the module's own launch template.
    block_device_mappings: {
      root: {
        device_name: '/dev/xvda',
        ebs: { volume_size: diskSizeGib, volume_type: 'gp3', encrypted: true, delete_on_termination: true },
      },
    },
    tags,
  };
}
