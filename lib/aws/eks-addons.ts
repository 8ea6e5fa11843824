/** Service account of the EBS driver's controller. */
export const EBS_CSI_ACCOUNT = { namespace: 'kube-system', name: 'ebs-csi-controller-sa' } as const;

interface EksAddon {
  /** Whether it is asked for before there are nodes. */
  readonly before_compute?: boolean;
  readonly configuration_values?: string;
  readonly pod_identity_association?: readonly { readonly role_arn: string; readonly service_account: string }[];
  readonly addon_version?: string;
  /** Whether the newest is taken rather than the default of the Kubernetes version. */
  readonly most_recent: boolean;
}

/**
 * The add-ons of a cluster, as the module takes them.
 *
 * @param ebsCsiRoleArn role by which the EBS driver makes volumes
 * @param versions by name of the add-on; of the others EKS has a default
 */
export function clusterAddons(
  ebsCsiRoleArn: string,
  versions: { readonly [addon: string]: string },
  tags: { readonly [key: string]: string },
): Record<string, EksAddon> {
  const addons: Record<string, Omit<EksAddon, 'most_recent'>> = {
    // Without it nodes never become ready, and pods on them have no identity.
    'vpc-cni': {
      before_compute: true,
      // Off by default; then network policies are taken and not enforced.
      configuration_values: JSON.stringify({ enableNetworkPolicy: 'true' }),
    },
    'eks-pod-identity-agent': { before_compute: true },
    'kube-proxy': {},
    coredns: {},
    'aws-ebs-csi-driver': {
      configuration_values: JSON.stringify({
        // New clusters have no default class: claims that name none would wait for ever.
        defaultStorageClass: { enabled: true },
        // Terraform does not know the volumes of claims; by their tags they are found when the cluster is gone.
        controller: { extraVolumeTags: tags },
      }),
      pod_identity_association: [{ role_arn: ebsCsiRoleArn, service_account: EBS_CSI_ACCOUNT.name }],
    },
    'metrics-server': {},
  };
  return Object.fromEntries(
    Object.entries(addons).map(([name, addon]) => {
      const version = versions[name] === undefined ? {} : { addon_version: versions[name] };
      return [name, { ...addon, ...version, most_recent: false }];
    }),
  );
}
