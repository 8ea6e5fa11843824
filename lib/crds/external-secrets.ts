import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s';
import { type Construct } from 'constructs';

/*
 * Thin L1s of External Secrets 2.x: only the fields that we render.
 * https://external-secrets.io/latest/api/spec/
 */

/** Names a store: one of the namespace, or one of the cluster. */
export interface SecretStoreRef {
  readonly name: string;
  readonly kind: 'SecretStore' | 'ClusterSecretStore';
}

export interface ExternalSecretProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly refreshPolicy: 'Periodic';
    /** As Go writes a duration, for example `60s`. */
    readonly refreshInterval: string;
    readonly secretStoreRef: SecretStoreRef;
    readonly target: {
      readonly name: string;
      readonly creationPolicy: 'Owner';
      readonly deletionPolicy: 'Retain';
      readonly immutable: boolean;
      readonly template: {
        readonly engineVersion: 'v2';
        readonly mergePolicy: 'Replace';
        readonly metadata: { readonly labels: Readonly<Record<string, string>> };
        /** Go templates with Sprig's functions; they see the keys of what was extracted. */
        readonly data: Readonly<Record<string, string>>;
      };
    };
    readonly dataFrom: readonly { readonly extract: { readonly key: string } }[];
  };
}

/** A Secret that is kept like one outside of the cluster. */
export class ExternalSecret extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret' };

  constructor(scope: Construct, id: string, props: ExternalSecretProps) {
    super(scope, id, { ...ExternalSecret.GVK, ...props });
  }
}

export interface SecretStoreProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly provider: {
      readonly aws: {
        readonly service: 'SecretsManager';
        readonly region: string;
        readonly role?: string;
        readonly auth?: { readonly jwt: { readonly serviceAccountRef: { readonly name: string } } };
      };
    };
  };
}

/** Where the ExternalSecrets of a namespace are read, and as whom. */
export class SecretStore extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'external-secrets.io/v1', kind: 'SecretStore' };

  constructor(scope: Construct, id: string, props: SecretStoreProps) {
    super(scope, id, { ...SecretStore.GVK, ...props });
  }
}
