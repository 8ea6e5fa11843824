import { k8s } from 'cdk8s-plus-29';
import { type Construct } from 'constructs';
import { SecretStore, type SecretStoreRef } from '../crds/external-secrets';
import { roleArnProblem } from '../validation/database';
import { dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { objectMetadata } from './object-metadata';

/** Options of {@link ExternalSecretStore.podIdentity}. */
export interface PodIdentityStoreOptions {
  /**
   * ARN of a role that External Secrets takes on before it reads, so that its own identity need not read every secret.
   *
   * @default - it reads with its own identity
   */
  readonly roleArn?: string;
}

/** Options of {@link ExternalSecretStore.serviceAccount}. */
export interface ServiceAccountStoreOptions {
  /** ARN of the role of the service account. It needs to trust the OIDC provider of the cluster. */
  readonly roleArn: string;
}

/** What a store is rendered for. @internal */
export interface StoreTarget {
  /** Name of the store and of its service account. */
  readonly name: string;
  readonly namespace: string;
  /** Value of `app.kubernetes.io/name`. */
  readonly app: string;
  readonly region: string;
}

/** Where External Secrets reads a secret of AWS Secrets Manager, and as whom. Immutable data. */
export class ExternalSecretStore {
  /**
   * A `SecretStore` of the platform's own that is read with the identity of External Secrets itself. EKS Pod Identity has no other
   * way: it knows pods only by their own service account.
   *
   * @see https://external-secrets.io/latest/provider/aws-access/#eks-pod-identity-setup
   * @throws ValidationError when the role is none.
   */
  public static podIdentity(options: PodIdentityStoreOptions = {}): ExternalSecretStore {
    const problems = new Problems('ExternalSecretStore.podIdentity');
    if (options.roleArn !== undefined) problems.check('roleArn', options.roleArn, roleArnProblem(options.roleArn));
    problems.throwIfAny();
    return new ExternalSecretStore(undefined, options.roleArn, undefined);
  }

  /**
   * A `SecretStore` of the platform's own that is read as a service account of its own, `mlflow-database`, by IRSA.
   *
   * @throws ValidationError when the role is none.
   */
  public static serviceAccount(options: ServiceAccountStoreOptions): ExternalSecretStore {
    const problems = new Problems('ExternalSecretStore.serviceAccount');
    problems.check('roleArn', options.roleArn, roleArnProblem(options.roleArn));
    problems.throwIfAny();
    return new ExternalSecretStore(undefined, undefined, options.roleArn);
  }

  /**
   * A `SecretStore` that exists in the namespace of the platform.
   *
   * @throws ValidationError when the name is none.
   */
  public static existing(name: string): ExternalSecretStore {
    return ExternalSecretStore.named('existing', { name, kind: 'SecretStore' });
  }

  /**
   * A `ClusterSecretStore` that exists.
   *
   * @throws ValidationError when the name is none.
   */
  public static existingForCluster(name: string): ExternalSecretStore {
    return ExternalSecretStore.named('existingForCluster', { name, kind: 'ClusterSecretStore' });
  }

  private static named(factory: string, reference: SecretStoreRef): ExternalSecretStore {
    const problems = new Problems(`ExternalSecretStore.${factory}`);
    problems.check('name', reference.name, dnsSubdomainProblem(reference.name));
    problems.throwIfAny();
    return new ExternalSecretStore(reference, undefined, undefined);
  }

  private constructor(
    private readonly reference: SecretStoreRef | undefined,
    private readonly assumedRoleArn: string | undefined,
    private readonly accountRoleArn: string | undefined,
  ) {}

  /** Renders what is not there, and names the store. @internal */
  public _render(scope: Construct, { name, namespace, app, region }: StoreTarget): SecretStoreRef {
    if (this.reference) return this.reference;
    const metadata = objectMetadata({ name, namespace, app });
    const role = this.accountRoleArn;
    if (role !== undefined) {
      new k8s.KubeServiceAccount(scope, 'StoreAccount', {
        metadata: { ...metadata, annotations: { 'eks.amazonaws.com/role-arn': role } },
        automountServiceAccountToken: false,
      });
    }
    new SecretStore(scope, 'Store', {
      metadata,
      spec: {
        provider: {
          aws: {
            service: 'SecretsManager',
            region,
            role: this.assumedRoleArn,
            ...(role === undefined ? {} : { auth: { jwt: { serviceAccountRef: { name } } } }),
          },
        },
      },
    });
    return { name, kind: 'SecretStore' };
  }
}
