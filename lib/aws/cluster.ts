import { TerraformResource } from 'cdktf';
import { type IConstruct } from 'constructs';

/** An EKS cluster, made by the program or by someone else. */
export interface ICluster {
  /** Name as the program says it: known at synthesis, for names and policies that are computed from it. */
  readonly name: string;

  /** Name as the cluster gives it: what is made with it is made after the cluster. */
  readonly clusterName: string;

  /** Address of the API server. */
  readonly clusterEndpoint: string;

  /** Certificate authority of the API server, in Base64. */
  readonly clusterCertificateAuthority: string;

  /** The network of the cluster. */
  readonly vpcId: string;

  /** Subnets of nodes and databases. */
  readonly privateSubnetIds: readonly string[];

  /** Security group of the nodes: who is in it reaches them, and is let into the database. */
  readonly nodeSecurityGroupId: string;

  /** Issuer of the tokens of service accounts, with `https://`. */
  readonly oidcIssuer: string;

  /** ARN of the issuer's provider in IAM, which IRSA takes; undefined where none is known. */
  readonly oidcProviderArn?: string;

  /**
   * Has everything in `dependent` made after the cluster, its nodes and its add-ons, and ended before them. For whatever names the
   * cluster by {@link name}, or needs nodes to run on.
   */
  precede(dependent: IConstruct): void;
}

/**
 * Makes all resources within a construct wait for what has an address in Terraform, such as `module.cluster`; those within `own`, which
 * it is made of, cannot.
 *
 * @internal
 */
export function makeWait(dependent: IConstruct, address: string, own: IConstruct): void {
  for (const each of dependent.node.findAll()) {
    if (!(each instanceof TerraformResource) || each.node.scopes.includes(own)) continue;
    each.dependsOn = [...new Set([...(each.dependsOn ?? []), address])];
  }
}
