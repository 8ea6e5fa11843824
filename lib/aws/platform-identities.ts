import { Annotations } from 'cdktf';
import { Construct } from 'constructs';
import { type ObjectAccess } from '../platform/object-access';
import { Problems, ValidationError } from '../validation/problems';
import { KeyService } from './access-policy';
import { type IdentityProvider } from './identity-provider';
import { WorkloadIdentity } from './workload-identity';

/** A service account that reads a secret of Secrets Manager, such as the one of External Secrets' store. */
export interface SecretAccess {
  /** Namespace of the service account. */
  readonly namespace: string;

  /** Name of the service account. */
  readonly serviceAccountName: string;

  /** ARN of the secret. */
  readonly secretArn: string;

  /**
   * ARN of the KMS key that encrypts it.
   *
   * @default - AWS's own key
   */
  readonly kmsKeyArn?: string;
}

/** The identities of a platform. */
export interface PlatformIdentitiesProps {
  /** Name of the EKS cluster, chosen by the program. */
  readonly clusterName: string;

  /** What the pods do with objects: `objectAccess` of the platform, when all its constructs are there. */
  readonly access: readonly ObjectAccess[];

  /**
   * Secrets that service accounts read.
   *
   * @default - none
   */
  readonly secrets?: readonly SecretAccess[];

  /**
   * ARNs of the KMS keys by which buckets are encrypted, by name of the bucket.
   *
   * @default - no bucket has a key of one's own
   */
  readonly kmsKeyArns?: { readonly [bucketName: string]: string };

  /**
   * How pods become their roles.
   *
   * @default IdentityProvider.podIdentity()
   */
  readonly provider?: IdentityProvider;

  /**
   * ARN of a policy that bounds what the roles may do.
   *
   * @default - none
   */
  readonly permissionsBoundaryArn?: string;

  /**
   * Path of the roles in IAM.
   *
   * @default /
   */
  readonly path?: string;

  /**
   * Partition of AWS, the second part of every ARN.
   *
   * @default aws
   */
  readonly partition?: string;

  /**
   * Tags of the roles and their associations.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/**
 * One identity for each service account of a platform that works with objects or reads secrets, which may do what its pods do and nothing
 * else.
 *
 * Addresses that are not in S3 are left out, with a warning: who reads them needs an identity of another cloud.
 */
export class PlatformIdentities extends Construct {
  private readonly identities = new Map<string, WorkloadIdentity>();

  /** @throws ValidationError listing everything that is wrong. */
  constructor(
    scope: Construct,
    id: string,
    private readonly props: PlatformIdentitiesProps,
  ) {
    super(scope, id);
    this.check();
    for (const access of props.access) this.grantObjects(access);
    for (const secret of props.secrets ?? []) this.grantSecret(secret);
  }

  /**
   * The identity of a service account.
   *
   * @throws ValidationError when it has none.
   */
  public identity(namespace: string, serviceAccountName: string): WorkloadIdentity {
    const found = this.identities.get(keyOf(namespace, serviceAccountName));
    if (found) return found;
    const known = [...this.identities.keys()].join(', ');
    throw new ValidationError(`PlatformIdentities '${this.node.path}'`, [
      `there is no identity of '${keyOf(namespace, serviceAccountName)}', but of ${known || 'nobody'}`,
    ]);
  }

  /** ARNs of the roles, by `<namespace>/<service account>`. */
  public get roleArns(): { readonly [account: string]: string } {
    return Object.fromEntries([...this.identities].map(([account, { roleArn }]) => [account, roleArn]));
  }

  private grantObjects(access: ObjectAccess): void {
    const { uri, reads, writes, deletes, archives = false } = access;
    const [, bucket = '', prefix = ''] = S3_URI.exec(uri) ?? [];
    if (bucket === '') {
      const who = keyOf(access.namespace, access.serviceAccountName);
      Annotations.of(this).addWarning(
        `'${who}' works with ${uri} (${access.purpose}), which is not in S3: give it an identity there`,
      );
      return;
    }
    const identity = this.identityOf(access);
    if (reads) identity.grantRead(bucket, prefix);
    if (writes) identity.grantWrite(bucket, prefix);
    if (deletes) identity.grantDelete(bucket, prefix);
    if (archives) identity.grantTag(bucket, prefix);
    const keyArn = this.props.kmsKeyArns?.[bucket];
    if (keyArn !== undefined && (reads || writes)) identity.grantKeyUse(keyArn, { encrypts: writes });
  }

  private grantSecret(secret: SecretAccess): void {
    const identity = this.identityOf(secret);
    identity.grantSecretRead(secret.secretArn);
    if (secret.kmsKeyArn !== undefined) {
      identity.grantKeyUse(secret.kmsKeyArn, { service: KeyService.SECRETS_MANAGER });
    }
  }

  private identityOf({
    namespace,
    serviceAccountName,
  }: Pick<ObjectAccess, 'namespace' | 'serviceAccountName'>): WorkloadIdentity {
    const key = keyOf(namespace, serviceAccountName);
    const known = this.identities.get(key);
    if (known) return known;
    const { clusterName, provider, permissionsBoundaryArn, path, partition, tags } = this.props;
    // Names of Kubernetes have no underscore, so this one cannot be that of another account.
    const identity = new WorkloadIdentity(this, `${namespace}_${serviceAccountName}`, {
      ...{ clusterName, namespace, serviceAccountName },
      ...{ provider, permissionsBoundaryArn, path, partition, tags },
    });
    this.identities.set(key, identity);
    return identity;
  }

  private check(): void {
    const { access, secrets = [] } = this.props;
    const problems = Problems.of(this);
    if (access.length === 0 && secrets.length === 0) {
      problems.add('access', access, "has nothing: ask the platform for 'objectAccess' after its constructs were made");
    }
    problems.throwIfAny();
  }
}

const S3_URI = /^s3:\/\/([^/]+)\/?(.*)$/;

const keyOf = (namespace: string, serviceAccountName: string): string => `${namespace}/${serviceAccountName}`;
