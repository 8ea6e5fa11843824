import { Fn, TerraformLocal, Token } from 'cdktf';
import { type Construct } from 'constructs';
import { Problems } from '../validation/problems';

/** Options of {@link IdentityProvider.irsa}. */
export interface IrsaOptions {
  /** ARN of the cluster's OIDC provider in IAM. */
  readonly oidcProviderArn: string;

  /** Issuer of the cluster's tokens, with or without `https://`. */
  readonly oidcIssuer: string;
}

/** Whose identity a role takes on. @internal */
export interface IdentitySubject {
  readonly clusterName: string;
  readonly namespace: string;
  readonly serviceAccountName: string;
}

/** How pods of a service account become a role of IAM. Immutable data. */
export class IdentityProvider {
  /**
   * EKS Pod Identity: an association of EKS says which role a service account has; manifests need no annotation. It takes the add-on
   * `eks-pod-identity-agent`, and nodes on EC2 (not Fargate).
   *
   * @see https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
   */
  public static podIdentity(): IdentityProvider {
    return new IdentityProvider(undefined);
  }

  /**
   * IAM roles for service accounts: the cluster's OIDC provider vouches for the account, whose manifest has the annotation
   * `eks.amazonaws.com/role-arn`.
   *
   * @throws ValidationError listing everything that is wrong.
   * @see https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
   */
  public static irsa(options: IrsaOptions): IdentityProvider {
    const { oidcProviderArn, oidcIssuer } = options;
    const problems = new Problems('IdentityProvider.irsa');
    if (!Token.isUnresolved(oidcProviderArn) && !/^arn:[a-z-]+:iam::\d{12}:oidc-provider\/.+/.test(oidcProviderArn)) {
      problems.add('oidcProviderArn', oidcProviderArn, 'must be the ARN of an OIDC provider in IAM');
    }
    if (!Token.isUnresolved(oidcIssuer) && !/^(https:\/\/)?[a-z0-9][^\s?#]*\.[^\s?#]+$/.test(oidcIssuer)) {
      problems.add(
        'oidcIssuer',
        oidcIssuer,
        "must be the cluster's issuer, for example 'oidc.eks.eu-central-1.…/id/…'",
      );
    }
    problems.throwIfAny();
    return new IdentityProvider({ oidcProviderArn, oidcIssuer });
  }

  private constructor(private readonly irsa: IrsaOptions | undefined) {}

  /**
   * Whether an association of EKS, and not an annotation, names the role.
   *
   * @internal
   */
  public get _isPodIdentity(): boolean {
    return this.irsa === undefined;
  }

  /**
   * Who may take the role: the pods of one service account, in one namespace of one cluster, and nobody else.
   *
   * @param scope of what has to be computed at deployment
   * @internal
   */
  public _trustPolicy(scope: Construct, { clusterName, namespace, serviceAccountName }: IdentitySubject): string {
    const issuer = this.irsa && withoutScheme(scope, this.irsa.oidcIssuer);
    const statement = this.irsa
      ? {
          Sid: 'ServiceAccount',
          Effect: 'Allow',
          Principal: { Federated: this.irsa.oidcProviderArn },
          Action: ['sts:AssumeRoleWithWebIdentity'],
          Condition: {
            StringEquals: {
              [`${issuer}:aud`]: 'sts.amazonaws.com',
              [`${issuer}:sub`]: `system:serviceaccount:${namespace}:${serviceAccountName}`,
            },
          },
        }
      : {
          Sid: 'ServiceAccount',
          Effect: 'Allow',
          Principal: { Service: 'pods.eks.amazonaws.com' },
          Action: ['sts:AssumeRole', 'sts:TagSession'],
          // EKS sends these tags with every request; without them any association of the account could name the role.
          Condition: {
            StringEquals: {
              'aws:RequestTag/eks-cluster-name': clusterName,
              'aws:RequestTag/kubernetes-namespace': namespace,
              'aws:RequestTag/kubernetes-service-account': serviceAccountName,
            },
          },
        };
    return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  }
}

/**
 * Condition keys begin with the issuer as tokens name it. What only AWS knows gets a name: within the policy, the quotes of an expression
 * would leave a text that no tool but Terraform can read.
 */
function withoutScheme(scope: Construct, issuer: string): string {
  if (!Token.isUnresolved(issuer)) return issuer.replace(/^https:\/\//, '');
  return new TerraformLocal(scope, 'Issuer', Fn.replace(issuer, 'https://', '')).asString;
}
