/*
 * Variables and outputs of the modules of the community that we set and read: names only. The modules are not installed here, so this
 * table is what a misspelled name is found by.
 */

/** What of a module is known. */
export interface ModuleInterface {
  readonly version: string;
  readonly variables: readonly string[];
  readonly outputs: readonly string[];
}

/** https://github.com/terraform-aws-modules/terraform-aws-eks/tree/v21.10.1: variables.tf and outputs.tf */
export const EKS_MODULE: ModuleInterface = {
  version: '21.10.1',
  variables: [
    ...['create', 'prefix_separator', 'region', 'tags', 'name', 'kubernetes_version', 'enabled_log_types'],
    ...['deletion_protection', 'force_update_version', 'authentication_mode', 'compute_config', 'upgrade_policy'],
    ...['control_plane_scaling_config', 'remote_network_config', 'zonal_shift_config', 'additional_security_group_ids'],
    ...['control_plane_subnet_ids', 'subnet_ids', 'endpoint_private_access', 'endpoint_public_access'],
    ...['endpoint_public_access_cidrs', 'ip_family', 'service_ipv4_cidr', 'service_ipv6_cidr', 'outpost_config'],
    ...[
      'encryption_config',
      'attach_encryption_policy',
      'cluster_tags',
      'create_primary_security_group_tags',
      'timeouts',
    ],
    ...['access_entries', 'enable_cluster_creator_admin_permissions', 'create_kms_key', 'kms_key_description'],
    ...[
      'kms_key_deletion_window_in_days',
      'enable_kms_key_rotation',
      'kms_key_enable_default_policy',
      'kms_key_owners',
    ],
    ...['kms_key_administrators', 'kms_key_users', 'kms_key_service_users', 'kms_key_source_policy_documents'],
    ...['kms_key_override_policy_documents', 'kms_key_aliases', 'create_cloudwatch_log_group'],
    ...['cloudwatch_log_group_retention_in_days', 'cloudwatch_log_group_kms_key_id', 'cloudwatch_log_group_class'],
    ...['cloudwatch_log_group_tags', 'create_security_group', 'security_group_id', 'vpc_id', 'security_group_name'],
    ...['security_group_use_name_prefix', 'security_group_description', 'security_group_additional_rules'],
    ...['security_group_tags', 'create_cni_ipv6_iam_policy', 'create_node_security_group', 'node_security_group_id'],
    ...['node_security_group_name', 'node_security_group_use_name_prefix', 'node_security_group_description'],
    ...['node_security_group_additional_rules', 'node_security_group_enable_recommended_rules'],
    ...['node_security_group_tags', 'enable_irsa', 'openid_connect_audiences', 'include_oidc_root_ca_thumbprint'],
    ...['custom_oidc_thumbprints', 'create_iam_role', 'iam_role_arn', 'iam_role_name', 'iam_role_use_name_prefix'],
    ...['iam_role_path', 'iam_role_description', 'iam_role_permissions_boundary', 'iam_role_additional_policies'],
    ...['iam_role_tags', 'dataplane_wait_duration', 'addons', 'addons_timeouts', 'identity_providers'],
    ...['fargate_profiles', 'self_managed_node_groups', 'eks_managed_node_groups'],
  ],
  outputs: [
    ...['cluster_arn', 'cluster_certificate_authority_data', 'cluster_endpoint', 'cluster_id', 'cluster_name'],
    ...['cluster_oidc_issuer_url', 'cluster_dualstack_oidc_issuer_url', 'cluster_version', 'cluster_platform_version'],
    ...['cluster_primary_security_group_id', 'cluster_security_group_id', 'node_security_group_arn'],
    ...['node_security_group_id', 'oidc_provider', 'oidc_provider_arn', 'kms_key_arn', 'cluster_iam_role_arn'],
  ],
};

/** Keys of an entry of `addons`. */
export const EKS_ADDON = [
  ...['name', 'before_compute', 'most_recent', 'addon_version', 'configuration_values', 'pod_identity_association'],
  ...['preserve', 'resolve_conflicts_on_create', 'resolve_conflicts_on_update', 'service_account_role_arn'],
  ...['timeouts', 'tags'],
];

/** Keys of an entry of `eks_managed_node_groups`, as far as they are of use here. */
export const EKS_NODE_GROUP = [
  ...['create', 'kubernetes_version', 'name', 'use_name_prefix', 'subnet_ids', 'min_size', 'max_size', 'desired_size'],
  ...['ami_id', 'ami_type', 'ami_release_version', 'use_latest_ami_release_version', 'capacity_type', 'disk_size'],
  ...['force_update_version', 'instance_types', 'labels', 'node_repair_config', 'remote_access', 'taints'],
  ...['update_config', 'timeouts', 'block_device_mappings', 'metadata_options', 'iam_role_additional_policies'],
  ...['iam_role_attach_cni_policy', 'vpc_security_group_ids', 'attach_cluster_primary_security_group', 'tags'],
];

/** Keys of a rule of `node_security_group_additional_rules`. */
export const EKS_NODE_RULE = [
  ...['protocol', 'from_port', 'to_port', 'type', 'description', 'cidr_blocks', 'ipv6_cidr_blocks', 'prefix_list_ids'],
  ...['self', 'source_cluster_security_group', 'source_security_group_id'],
];

/** https://github.com/terraform-aws-modules/terraform-aws-vpc/tree/v6.0.1: variables.tf and outputs.tf, those of the network itself */
export const VPC_MODULE: ModuleInterface = {
  version: '6.0.1',
  variables: [
    ...['create_vpc', 'name', 'cidr', 'secondary_cidr_blocks', 'instance_tenancy', 'azs', 'enable_dns_hostnames'],
    ...['enable_dns_support', 'vpc_tags', 'tags', 'public_subnets', 'map_public_ip_on_launch', 'public_subnet_names'],
    ...['public_subnet_suffix', 'public_subnet_tags', 'public_subnet_tags_per_az', 'public_route_table_tags'],
    ...['private_subnets', 'private_subnet_names', 'private_subnet_suffix', 'private_subnet_tags'],
    ...['private_subnet_tags_per_az', 'private_route_table_tags', 'enable_nat_gateway', 'single_nat_gateway'],
    ...['one_nat_gateway_per_az', 'nat_gateway_tags', 'enable_flow_log'],
  ],
  outputs: [
    ...['vpc_id', 'vpc_arn', 'vpc_cidr_block', 'private_subnets', 'private_subnet_arns', 'public_subnets'],
    ...['private_route_table_ids', 'public_route_table_ids', 'nat_public_ips', 'azs'],
  ],
};
