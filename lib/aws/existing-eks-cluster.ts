import { DataAwsEksCluster } from '@cdktf/provider-aws/lib/data-aws-eks-cluster';
import { Token } from 'cdktf';
import { Construct, type IConstruct } from 'constructs';
import { isEksClusterName } from '../validation/names';
import { Problems } from '../validation/problems';
import { type ICluster } from './cluster';

/** What is said of a cluster that someone else has made. */
export interface ExistingEksClusterOptions {
  /**
   * Private subnets for nodes and databases.
   *
   * @default - the subnets that the cluster was made with
   */
  readonly privateSubnetIds?: readonly string[];

  /**
   * Security group of the nodes.
   *
   * @default - the cluster's own, which EKS made
   */
  readonly nodeSecurityGroupId?: string;

  /**
   * ARN of the provider in IAM for the cluster's OIDC issuer, where identities are IRSA.
   *
   * @default - none is known: identities are Pod Identities
   */
  readonly oidcProviderArn?: string;
}

/** An EKS cluster that someone else has made. */
export interface ExistingEksClusterProps extends ExistingEksClusterOptions {
  /** Name of the cluster. */
  readonly name: string;
}

/**
 * A cluster that exists, by name. What is read of it is public knowledge to whoever may describe it; no token for its API is read, so
 * none gets into the state.
 *
 * It must have the add-ons `eks-pod-identity-agent` and `aws-ebs-csi-driver`, and a network plugin that enforces network policies.
 */
export class ExistingEksCluster extends Construct implements ICluster {
  /** Name as the program says it. */
  public readonly name: string;
  /** Name as the cluster gives it. */
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
  /** ARN of the issuer's provider in IAM, if it is given. */
  public readonly oidcProviderArn?: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: ExistingEksClusterProps) {
    super(scope, id);
    this.check(props);
    const cluster = new DataAwsEksCluster(this, 'Resource', { name: props.name });
    const network = cluster.vpcConfig.get(0);
    this.name = props.name;
    this.clusterName = cluster.name;
    this.clusterEndpoint = cluster.endpoint;
    this.clusterCertificateAuthority = cluster.certificateAuthority.get(0).data;
    this.vpcId = network.vpcId;
    this.privateSubnetIds = props.privateSubnetIds ? [...props.privateSubnetIds] : network.subnetIds;
    this.nodeSecurityGroupId = props.nodeSecurityGroupId ?? network.clusterSecurityGroupId;
    this.oidcIssuer = cluster.identity.get(0).oidc.get(0).issuer;
    this.oidcProviderArn = props.oidcProviderArn;
  }

  /** Nothing has to wait: the cluster is there. */
  public precede(_dependent: IConstruct): void {}

  private check({ name, privateSubnetIds, nodeSecurityGroupId, oidcProviderArn }: ExistingEksClusterProps): void {
    const problems = Problems.of(this);
    if (!isEksClusterName(name)) {
      problems.add('name', name, 'must be the name of a cluster: at most 100 letters, digits, - and _');
    }
    if (privateSubnetIds?.length === 0) problems.add('privateSubnetIds', [], 'must name at least one subnet');
    const shapes: readonly [string, readonly (string | undefined)[], RegExp, string][] = [
      ['privateSubnetIds', privateSubnetIds ?? [], /^subnet-[0-9a-f]+$/, "the id of a subnet, 'subnet-…'"],
      ['nodeSecurityGroupId', [nodeSecurityGroupId], /^sg-[0-9a-f]+$/, "the id of a security group, 'sg-…'"],
      [
        'oidcProviderArn',
        [oidcProviderArn],
        /^arn:[a-z-]+:iam::\d{12}:oidc-provider\/.+/,
        'the ARN of an OIDC provider in IAM',
      ],
    ];
    for (const [prop, values, shape, what] of shapes) {
      for (const value of values) {
        const wrong = value !== undefined && !Token.isUnresolved(value) && !shape.test(value);
        if (wrong) problems.add(prop, value, `must be ${what}`);
      }
    }
    problems.throwIfAny();
  }
}
