import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import { Annotations, TerraformHclModule } from 'cdktf';
import { Construct, type IConstruct } from 'constructs';
import { KARPENTER_DISCOVERY_TAG } from '../platform/karpenter-names';
import { resourceName } from '../platform/resource-name';
import { Problems } from '../validation/problems';
import { checkEksCluster } from './check-eks-cluster';
import { type ICluster, makeWait } from './cluster';
import { clusterAddons, EBS_CSI_ACCOUNT } from './eks-addons';
import { ControlPlaneLog, EndpointAccess, type SystemNodesProps } from './eks-cluster-options';
import { adminEntry, encryption, NODE_RULES, systemNodes } from './eks-cluster-variables';
import { EksVpc, type EksVpcProps } from './eks-vpc';
import { IdentityProvider } from './identity-provider';
import { DEFAULT_KUBERNETES_VERSION, kubernetesVersionWarning } from './kubernetes-versions';

/** What an EKS cluster may be told. */
export interface EksClusterOptions {
  /**
   * Minor version of Kubernetes.
   *
   * @default 1.36, the newest in standard support against whose schemas the manifests are checked
   */
  readonly kubernetesVersion?: string;

  /**
   * Whether a version out of standard support is kept, at six times the price of the control plane. Otherwise AWS upgrades the control
   * plane by itself when standard support ends.
   *
   * @default false
   */
  readonly extendedSupport?: boolean;

  /**
   * The network.
   *
   * @default - 10.0.0.0/16 in three zones, with one NAT gateway
   */
  readonly vpc?: EksVpcProps;

  /**
   * From where the API server can be called.
   *
   * @default EndpointAccess.privateOnly()
   */
  readonly endpointAccess?: EndpointAccess;

  /**
   * ARNs of the roles and users who may do anything in the cluster, exactly as IAM has them, path included.
   *
   * @default - nobody but whoever makes the cluster
   */
  readonly admins?: readonly string[];

  /**
   * Whether whoever makes the cluster may do anything in it. It must be false where that one is among the `admins`: EKS takes each once.
   *
   * @default true
   */
  readonly creatorIsAdmin?: boolean;

  /**
   * Logs of the control plane that CloudWatch gets.
   *
   * @default - API, audit and authenticator
   */
  readonly logs?: readonly ControlPlaneLog[];

  /**
   * Days that logs are kept for.
   *
   * @default 90
   */
  readonly logRetentionDays?: number;

  /**
   * ARN of the KMS key that encrypts Secrets.
   *
   * @default - a key of the cluster's own, which is rotated every year
   */
  readonly secretsKeyArn?: string;

  /**
   * Nodes for what runs the platform itself.
   *
   * @default - two m7i.large or m6i.large
   */
  readonly systemNodes?: SystemNodesProps;

  /**
   * Versions of add-ons of EKS by name, for example `{ 'vpc-cni': 'v1.20.4-eksbuild.2' }`.
   *
   * @default - those that EKS has as default for the Kubernetes version
   */
  readonly addonVersions?: { readonly [addon: string]: string };

  /**
   * Whether EKS refuses to delete the cluster.
   *
   * @default false
   */
  readonly deletionProtection?: boolean;
}

/** An EKS cluster with a network of its own. */
export interface EksClusterProps extends EksClusterOptions {
  /** Name of the cluster, and the beginning of the names of what belongs to it. */
  readonly name: string;

  /**
   * Tags of every resource.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/** The module of the community: the newest version whose provider of AWS is sure to be the bound one or older. */
const MODULE = { source: 'terraform-aws-modules/eks/aws', version: '21.10.1' };

const DEFAULT_LOGS = [ControlPlaneLog.API, ControlPlaneLog.AUDIT, ControlPlaneLog.AUTHENTICATOR];

/** Longest prefix of a role's name, before the hyphen that follows it. */
const ROLE_PREFIX_LIMIT = 37;

/**
 * An EKS cluster for those who have none: network, control plane, add-ons and the nodes of the platform itself, through the modules of
 * the community. Secrets are encrypted, the API is closed to the internet, network policies are enforced, and pods take identities from
 * the Pod Identity agent. GPU nodes come from {@link GpuNodeGroup} or Karpenter.
 *
 * Claims get gp3 volumes. Those are encrypted where the account encrypts all volumes of EBS (`aws_ebs_encryption_by_default`), which is
 * a setting of the account and region, and so none of a cluster.
 */
export class EksCluster extends Construct implements ICluster {
  /** Name as the program says it. */
  public readonly name: string;
  /** Minor version of Kubernetes. */
  public readonly kubernetesVersion: string;
  /** Name as the cluster gives it: what is made with it is made after the cluster. */
  public readonly clusterName: string;
  /** Address of the API server. */
  public readonly clusterEndpoint: string;
  /** Certificate authority of the API server, in Base64. */
  public readonly clusterCertificateAuthority: string;
  /** The network of the cluster. */
  public readonly vpcId: string;
  /** Subnets of nodes and databases. */
  public readonly privateSubnetIds: readonly string[];
  /** Security group of the nodes. */
  public readonly nodeSecurityGroupId: string;
  /** Issuer of the tokens of service accounts, with `https://`. */
  public readonly oidcIssuer: string;
  /** ARN of the issuer's provider in IAM. */
  public readonly oidcProviderArn: string;

  private readonly module: TerraformHclModule;
  private readonly vpcAddress: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: EksClusterProps) {
    super(scope, id);
    const { name, kubernetesVersion = DEFAULT_KUBERNETES_VERSION } = props;
    const problems = Problems.of(this);
    checkEksCluster(props, kubernetesVersion, problems);
    problems.throwIfAny();
    const warning = kubernetesVersionWarning(kubernetesVersion);
    if (warning !== undefined) Annotations.of(this).addWarning(warning);
    const tags = { ...props.tags };
    this.name = name;
    this.kubernetesVersion = kubernetesVersion;

    const vpc = new EksVpc(this, 'Vpc', name, props.vpc ?? {}, tags);
    this.vpcAddress = vpc.address;
    const { endpointAccess = EndpointAccess.privateOnly(), admins = [], secretsKeyArn } = props;
    const isPublic = endpointAccess.publicCidrs.length > 0;
    this.module = new TerraformHclModule(this, 'Resource', {
      ...MODULE,
      variables: {
        name,
        kubernetes_version: kubernetesVersion,
        upgrade_policy: { support_type: props.extendedSupport ? 'EXTENDED' : 'STANDARD' },
        deletion_protection: props.deletionProtection ?? false,
        vpc_id: vpc.vpcId,
        subnet_ids: vpc.privateSubnetIds,
        endpoint_private_access: true,
        endpoint_public_access: isPublic,
        ...(isPublic && { endpoint_public_access_cidrs: [...endpointAccess.publicCidrs] }),
        authentication_mode: 'API',
        access_entries: Object.fromEntries(admins.map((arn) => [arn, adminEntry(arn)])),
        enable_cluster_creator_admin_permissions: props.creatorIsAdmin ?? true,
        enabled_log_types: [...(props.logs ?? DEFAULT_LOGS)],
        // Where no log is asked for, there is nothing to keep.
        create_cloudwatch_log_group: props.logs?.length !== 0,
        cloudwatch_log_group_retention_in_days: props.logRetentionDays ?? 90,
        ...encryption(secretsKeyArn, admins),
        enable_irsa: true,
        iam_role_name: resourceName(ROLE_PREFIX_LIMIT, name, 'cluster'),
        node_security_group_tags: { [KARPENTER_DISCOVERY_TAG]: name },
        node_security_group_additional_rules: NODE_RULES,
        addons: clusterAddons(this.ebsCsiRole(tags).arn, props.addonVersions ?? {}, tags),
        eks_managed_node_groups: { system: systemNodes(props.systemNodes ?? {}, tags) },
        tags,
      },
    });
    this.clusterName = this.module.getString('cluster_name');
    this.clusterEndpoint = this.module.getString('cluster_endpoint');
    this.clusterCertificateAuthority = this.module.getString('cluster_certificate_authority_data');
    this.vpcId = vpc.vpcId;
    this.privateSubnetIds = vpc.privateSubnetIds;
    this.nodeSecurityGroupId = this.module.getString('node_security_group_id');
    this.oidcIssuer = this.module.getString('cluster_oidc_issuer_url');
    this.oidcProviderArn = this.module.getString('oidc_provider_arn');
  }

  /** Has everything in `dependent` made after the cluster, its nodes and its add-ons, and ended before them. */
  public precede(dependent: IConstruct): void {
    makeWait(dependent, `module.${this.module.friendlyUniqueId}`, this);
    // Without the way out, nothing on the nodes could end what it has made in AWS.
    makeWait(dependent, this.vpcAddress, this);
  }

  /** The role by which the EBS driver makes volumes. */
  private ebsCsiRole(tags: Record<string, string>): IamRole {
    const { partition } = new DataAwsPartition(this, 'Partition', {});
    const role = new IamRole(this, 'EbsCsiRole', {
      namePrefix: `${resourceName(ROLE_PREFIX_LIMIT, this.name, 'ebs-csi')}-`,
      description: `EBS driver of ${this.name}`,
      assumeRolePolicy: IdentityProvider.podIdentity()._trustPolicy(this, {
        clusterName: this.name,
        namespace: EBS_CSI_ACCOUNT.namespace,
        serviceAccountName: EBS_CSI_ACCOUNT.name,
      }),
      tags,
    });
    const policyArn = `arn:${partition}:iam::aws:policy/AmazonEBSCSIDriverPolicyV2`;
    new IamRolePolicyAttachment(this, 'EbsCsiPolicy', { role: role.name, policyArn });
    return role;
  }
}
