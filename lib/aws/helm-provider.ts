import { HelmProvider } from '@cdktf/provider-helm/lib/provider';
import { Fn } from 'cdktf';
import { type Construct } from 'constructs';
import { Problems } from '../validation/problems';

/** The cluster that Helm releases go to. */
export interface EksHelmProviderProps {
  /** Name of the EKS cluster. */
  readonly clusterName: string;

  /** Address of its API server. */
  readonly clusterEndpoint: string;

  /** Its certificate authority as EKS gives it, in Base64. */
  readonly clusterCertificateAuthority: string;

  /** Region of the cluster. */
  readonly region: string;

  /**
   * ARN of a role that is taken on to talk to the cluster. It must be let in there by an access entry.
   *
   * @default - the identity that Terraform runs with
   */
  readonly roleArn?: string;

  /**
   * Name of the provider where a stack has several.
   *
   * @default - the stack's only one
   */
  readonly alias?: string;
}

/**
 * The Helm provider for an EKS cluster. It asks the AWS command line for a token with every use, so none is in the state and none is too
 * old: `aws` (2.x) must be where Terraform runs. It may be made in the same apply as its cluster.
 *
 * @see https://registry.terraform.io/providers/hashicorp/helm/latest/docs#exec-plugins
 * @throws ValidationError listing everything that is wrong.
 */
export function eksHelmProvider(scope: Construct, id: string, props: EksHelmProviderProps): HelmProvider {
  const { clusterName, clusterEndpoint, clusterCertificateAuthority, region, roleArn, alias } = props;
  const problems = new Problems('eksHelmProvider');
  for (const [prop, value] of Object.entries({ clusterName, clusterEndpoint, clusterCertificateAuthority, region })) {
    if (value.trim() === '') problems.add(prop, value, 'must not be empty');
  }
  problems.throwIfAny();
  const token = ['eks', 'get-token', '--cluster-name', clusterName, '--region', region, '--output', 'json'];
  return new HelmProvider(scope, id, {
    alias,
    kubernetes: {
      host: clusterEndpoint,
      clusterCaCertificate: Fn.base64decode(clusterCertificateAuthority),
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1beta1',
        command: 'aws',
        args: [...token, ...(roleArn === undefined ? [] : ['--role-arn', roleArn])],
      },
    },
  });
}
