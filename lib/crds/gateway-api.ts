import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s';
import { type Construct } from 'constructs';
import { type KubernetesManifest } from '../contract';
import { plain } from './plain';

/*
 * Thin L1 of the Gateway API 1.x: only the fields that we render.
 * https://gateway-api.sigs.k8s.io/reference/spec/
 */

export interface BackendRef {
  readonly name: string;
  readonly port: number;
  readonly weight: number;
}

export interface HttpRouteProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly parentRefs: readonly {
      readonly group?: string;
      readonly kind?: string;
      readonly port?: number;
      readonly name: string;
      readonly namespace?: string;
      readonly sectionName?: string;
    }[];
    readonly hostnames?: readonly string[];
    readonly rules: readonly {
      readonly matches: readonly { readonly path: { readonly type: string; readonly value: string } }[];
      readonly backendRefs: readonly BackendRef[];
    }[];
  };
}

export interface GatewayClassProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: { readonly controllerName: string };
}

/** Which controller makes the Gateways of a kind. */
export class GatewayClass extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GatewayClass' };

  constructor(scope: Construct, id: string, props: GatewayClassProps) {
    super(scope, id, { ...GatewayClass.GVK, ...props });
  }
}

export interface GatewayProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly gatewayClassName: string;
    readonly infrastructure?: { readonly annotations: Readonly<Record<string, string>> };
    readonly listeners: readonly {
      readonly name: string;
      readonly port: number;
      readonly protocol: 'HTTP' | 'HTTPS';
      readonly hostname?: string;
      readonly tls?: {
        readonly mode: 'Terminate';
        readonly certificateRefs: readonly { readonly kind: 'Secret'; readonly name: string }[];
      };
      readonly allowedRoutes: {
        readonly namespaces: { readonly from: 'Selector'; readonly selector: object };
        readonly kinds: readonly { readonly kind: string }[];
      };
    }[];
  };
}

/** Where requests come into the cluster. */
export class Gateway extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' };

  constructor(scope: Construct, id: string, props: GatewayProps) {
    super(scope, id, { ...Gateway.GVK, ...props });
  }
}

/** Which requests of a Gateway go to which Services. */
export class HttpRoute extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' };

  constructor(scope: Construct, id: string, props: HttpRouteProps) {
    super(scope, id, { ...HttpRoute.GVK, ...props });
  }
}

/** The object as the API server takes it, for whoever writes it at another time. */
export const httpRouteManifest = (props: HttpRouteProps): KubernetesManifest => plain({ ...HttpRoute.GVK, ...props });
