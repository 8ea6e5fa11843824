import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { Gateway, GatewayClass } from '../crds/gateway-api';
import { objectMetadata } from '../platform/object-metadata';
import { dnsLabelProblem, dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { Exposure } from './exposure';

/** What Envoy Gateway is installed as; the cloud half installs it so. @internal */
export const ENVOY_GATEWAY = {
  /** Namespace of its controller, and of the pods that carry the traffic of all its Gateways. */
  namespace: 'envoy-gateway-system',
  controllerName: 'gateway.envoyproxy.io/gatewayclass-controller',
} as const;

/** A Gateway for the models of some namespaces. */
export interface ModelGatewayProps {
  /** Namespaces whose routes it takes: those of the platforms. */
  readonly routeNamespaces: readonly string[];

  /**
   * Name of the Gateway.
   *
   * @default models
   */
  readonly name?: string;

  /**
   * Namespace of the Gateway and of its certificate.
   *
   * @default model-gateway
   */
  readonly namespace?: string;

  /**
   * Whether the namespace is rendered.
   *
   * @default true
   */
  readonly createNamespace?: boolean;

  /**
   * The host, or all hosts under one name, that it answers for, for example `*.models.example.com`.
   *
   * @default - every host
   */
  readonly hostname?: string;

  /**
   * Name of a Secret of the kind `kubernetes.io/tls` in its namespace, for example one that cert-manager keeps.
   *
   * @default - no TLS: requests come in plain text, on port 80
   */
  readonly certificateSecret?: string;

  /**
   * Whether the load balancer has addresses that the internet reaches. Without TLS it may not.
   *
   * @default false
   */
  readonly isPublic?: boolean;

  /**
   * A GatewayClass that exists. Two Gateways of one cluster share one.
   *
   * @default - one for Envoy Gateway is rendered, `envoy`
   */
  readonly existingClass?: string;

  /**
   * Annotations of the Service whose load balancer it is, beside our own.
   *
   * @default - those by which AWS makes a network load balancer
   */
  readonly annotations?: { readonly [key: string]: string };
}

const CLASS = 'envoy';
const LOAD_BALANCER = 'service.beta.kubernetes.io/aws-load-balancer';

/**
 * A Gateway of Envoy Gateway, with its GatewayClass: what models are exposed on. On EKS its load balancer is a network load balancer, and an
 * internal one unless it is said to be public.
 */
export class ModelGateway extends Construct {
  /** Name of the Gateway. */
  public readonly name: string;
  /** Namespace of the Gateway. */
  public readonly namespace: string;

  private readonly listener: string;
  private readonly hostname?: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: ModelGatewayProps) {
    super(scope, id);
    this.check(props);
    this.name = props.name ?? 'models';
    this.namespace = props.namespace ?? 'model-gateway';
    this.hostname = props.hostname;
    const { certificateSecret, existingClass } = props;
    const tls = certificateSecret !== undefined;
    this.listener = tls ? 'https' : 'http';
    const identity = { app: 'model-gateway' };

    if (props.createNamespace ?? true) {
      new k8s.KubeNamespace(this, 'Namespace', { metadata: objectMetadata({ name: this.namespace, ...identity }) });
    }
    if (existingClass === undefined) {
      new GatewayClass(this, 'Class', {
        metadata: objectMetadata({ name: CLASS, ...identity }),
        spec: { controllerName: ENVOY_GATEWAY.controllerName },
      });
    }
    new Gateway(this, 'Resource', {
      metadata: objectMetadata({ name: this.name, namespace: this.namespace, ...identity }),
      spec: {
        gatewayClassName: existingClass ?? CLASS,
        infrastructure: {
          annotations: {
            [`${LOAD_BALANCER}-type`]: 'nlb',
            ...props.annotations,
            [`${LOAD_BALANCER}-internal`]: props.isPublic === true ? 'false' : 'true',
          },
        },
        listeners: [
          {
            name: this.listener,
            ...(tls ? { port: 443, protocol: 'HTTPS' } : { port: 80, protocol: 'HTTP' }),
            hostname: props.hostname,
            ...(tls && { tls: { mode: 'Terminate', certificateRefs: [{ kind: 'Secret', name: certificateSecret }] } }),
            allowedRoutes: {
              namespaces: { from: 'Selector', selector: namespacesNamed(props.routeNamespaces) },
              kinds: [{ kind: 'HTTPRoute' }],
            },
          },
        ],
      },
    });
  }

  /**
   * Exposes a model on this Gateway.
   *
   * @param hostnames host names under which the model is called, at least one
   * @throws ValidationError when a host name is none, or not the Gateway's.
   */
  public exposure(...hostnames: string[]): Exposure {
    const problems = Problems.of(this);
    const { hostname } = this;
    for (const host of hostnames) {
      if (hostname !== undefined && !answersFor(hostname, host)) {
        problems.add('hostnames', host, `is not among those that the Gateway answers for: ${hostname}`);
      }
    }
    problems.throwIfAny();
    const { name, namespace, listener } = this;
    return Exposure.gateway({ name, namespace, hostnames, listener, proxyNamespace: ENVOY_GATEWAY.namespace });
  }

  private check(props: ModelGatewayProps): void {
    const { routeNamespaces, name, namespace, hostname, certificateSecret, existingClass, isPublic } = props;
    const problems = Problems.of(this);
    if (routeNamespaces.length === 0)
      problems.add('routeNamespaces', routeNamespaces, 'must name at least one namespace');
    for (const each of routeNamespaces) problems.check('routeNamespaces', each, dnsLabelProblem(each));
    // Envoy Gateway's objects have the name and the namespace as the values of labels.
    if (name !== undefined) problems.check('name', name, dnsLabelProblem(name));
    if (namespace !== undefined) problems.check('namespace', namespace, dnsLabelProblem(namespace));
    if (hostname !== undefined)
      problems.check('hostname', hostname, dnsSubdomainProblem(hostname.replace(/^\*\./, '')));
    for (const [prop, value] of Object.entries({ certificateSecret, existingClass })) {
      if (value !== undefined) problems.check(prop, value, dnsSubdomainProblem(value));
    }
    if (isPublic === true && certificateSecret === undefined) {
      problems.add('isPublic', isPublic, "needs TLS: name the Secret of a certificate, 'certificateSecret'");
    }
    problems.throwIfAny();
  }
}

function namespacesNamed(names: readonly string[]): object {
  return { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [...names] }] };
}

/** @see https://gateway-api.sigs.k8s.io/reference/spec/#hostname */
function answersFor(hostname: string, host: string): boolean {
  if (!hostname.startsWith('*.')) return host === hostname;
  const suffix = hostname.slice(1);
  return host.endsWith(suffix) && host.length > suffix.length;
}
