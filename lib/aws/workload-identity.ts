import { EksPodIdentityAssociation } from '@cdktf/provider-aws/lib/eks-pod-identity-association';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { type Duration } from 'cdk8s';
import { Lazy } from 'cdktf';
import { Construct } from 'constructs';
import { workloadRoleName } from '../platform/workload-role';
import { Problems } from '../validation/problems';
import { AccessPolicy, KeyService, type ObjectVerb } from './access-policy';
import { checkGrant, checkWorkloadIdentity } from './check-workload-identity';
import { IdentityProvider } from './identity-provider';

/** The role of one service account. */
export interface WorkloadIdentityProps {
  /** Name of the EKS cluster, chosen by the program. */
  readonly clusterName: string;

  /** Namespace of the service account. */
  readonly namespace: string;

  /** Name of the service account. */
  readonly serviceAccountName: string;

  /**
   * How pods become the role.
   *
   * @default IdentityProvider.podIdentity()
   */
  readonly provider?: IdentityProvider;

  /**
   * ARN of a policy that bounds what the role may do.
   *
   * @default - none
   */
  readonly permissionsBoundaryArn?: string;

  /**
   * Path of the role in IAM, for example `/mlops/`: part of its ARN.
   *
   * @default /
   */
  readonly path?: string;

  /**
   * How long credentials last that are asked for with IRSA, 1 to 12 hours. Those of Pod Identity are renewed by its agent.
   *
   * @default - as IAM has it, an hour
   */
  readonly maxSessionDuration?: Duration;

  /**
   * Partition of AWS, the second part of every ARN: `aws`, `aws-cn` or `aws-us-gov`.
   *
   * @default aws
   */
  readonly partition?: string;

  /**
   * Tags of the role and its association.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/** Options of {@link WorkloadIdentity.grantKeyUse}. */
export interface KeyUseOptions {
  /**
   * Whether the key encrypts what is written, and not only decrypts what is read.
   *
   * @default false
   */
  readonly encrypts?: boolean;

  /**
   * The service that uses the key: other uses of it are not allowed.
   *
   * @default KeyService.S3
   */
  readonly service?: KeyService;
}

/**
 * Characters of all inline policies of a role, spaces not counted.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
const POLICY_LIMIT = 10_240;

/**
 * An identity in AWS for the pods of one service account: a role that only they can take, and that may do nothing until it is granted.
 * All grants are merged into one policy.
 */
export class WorkloadIdentity extends Construct {
  /** Name of the role. */
  public readonly roleName: string;
  /** ARN of the role. */
  public readonly roleArn: string;

  private readonly policy: AccessPolicy;
  private readonly role: IamRole;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: WorkloadIdentityProps) {
    super(scope, id);
    const problems = Problems.of(this);
    checkWorkloadIdentity(props, problems);
    problems.throwIfAny();
    const { clusterName, namespace, serviceAccountName, provider = IdentityProvider.podIdentity(), tags } = props;
    this.policy = new AccessPolicy(props.partition ?? 'aws');
    this.roleName = workloadRoleName(clusterName, namespace, serviceAccountName);
    this.role = new IamRole(this, 'Resource', {
      name: this.roleName,
      description: `Service account ${namespace}/${serviceAccountName} of ${clusterName}`,
      assumeRolePolicy: provider._trustPolicy(this, { clusterName, namespace, serviceAccountName }),
      permissionsBoundary: props.permissionsBoundaryArn,
      path: props.path,
      maxSessionDuration: props.maxSessionDuration?.toSeconds(),
      tags: { ...tags },
    });
    this.roleArn = this.role.arn;
    if (!provider._isPodIdentity) return;
    new EksPodIdentityAssociation(this, 'Association', {
      ...{ clusterName, namespace, serviceAccount: serviceAccountName, roleArn: this.roleArn },
      tags: { ...tags },
    });
  }

  /**
   * Allows to list and read objects.
   *
   * @param prefix name of an object or a folder; without one, the whole bucket
   * @throws ValidationError when the policy becomes longer than IAM takes.
   */
  public grantRead(bucketName: string, prefix = ''): void {
    this.grantObjects('read', bucketName, prefix);
  }

  /**
   * Allows to write objects.
   *
   * @param prefix name of a folder; without one, the whole bucket
   * @throws ValidationError when the policy becomes longer than IAM takes.
   */
  public grantWrite(bucketName: string, prefix = ''): void {
    this.grantObjects('write', bucketName, prefix);
  }

  /**
   * Allows to delete objects: in a bucket with versions, they can be brought back.
   *
   * @param prefix name of a folder; without one, the whole bucket
   * @throws ValidationError when the policy becomes longer than IAM takes.
   */
  public grantDelete(bucketName: string, prefix = ''): void {
    this.grantObjects('delete', bucketName, prefix);
  }

  /**
   * Allows to read, set and remove tags of objects.
   *
   * @param prefix name of an object or a folder; without one, the whole bucket
   * @throws ValidationError when the policy becomes longer than IAM takes.
   */
  public grantTag(bucketName: string, prefix = ''): void {
    this.grantObjects('tag', bucketName, prefix);
  }

  /**
   * Allows a service to use a key on behalf of the role. A key of AWS's own (`aws/s3`) needs no grant.
   *
   * @throws ValidationError when the policy becomes longer than IAM takes.
   */
  public grantKeyUse(keyArn: string, options: KeyUseOptions = {}): void {
    this.policy.addKey(options.service ?? KeyService.S3, keyArn, options.encrypts ?? false);
    this.write();
  }

  /**
   * Allows to read a secret of Secrets Manager; the key that encrypts it takes a `grantKeyUse` of its own, unless it is AWS's.
   *
   * @throws ValidationError when the policy becomes longer than IAM takes.
   */
  public grantSecretRead(secretArn: string): void {
    this.policy.addSecret(secretArn);
    this.write();
  }

  private grantObjects(verb: ObjectVerb, bucketName: string, prefix: string): void {
    const problems = Problems.of(this);
    checkGrant(bucketName, prefix, problems);
    problems.throwIfAny();
    this.policy.addObjects(verb, bucketName, prefix);
    this.write();
  }

  /** A role without a grant has no policy: IAM takes none without a statement. */
  private write(): void {
    const problems = Problems.of(this);
    const { length } = this.policy.toJson();
    if (length > POLICY_LIMIT) {
      const remedy =
        'grant folders that have several of these addresses in them, or use an account of its own for some pods';
      problems.addText(`its policy has ${length} characters, and IAM takes ${POLICY_LIMIT} of a role: ${remedy}`);
    }
    problems.throwIfAny();
    if (this.node.tryFindChild('Policy')) return;
    const policy = Lazy.stringValue({ produce: () => this.policy.toJson() });
    new IamRolePolicy(this, 'Policy', { name: 'access', role: this.role.name, policy });
  }
}
