import { dnsLabelProblem, dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';

/** Options of {@link Exposure.gateway}. */
export interface GatewayExposureOptions {
  /** Name of the Gateway. */
  readonly name: string;
  /** Namespace of the Gateway. */
  readonly namespace: string;
  /** Host names under which the model is called. */
  readonly hostnames: readonly string[];

  /**
   * Namespace of the pods that carry the Gateway's traffic, which are let in. Envoy Gateway runs them in
   * `envoy-gateway-system`, wherever the Gateway is.
   *
   * @default - that of the Gateway
   */
  readonly proxyNamespace?: string;

  /**
   * The Gateway's listener.
   *
   * @default - every listener that allows the route
   */
  readonly listener?: string;

  /**
   * Whether a mesh that takes routes of Services (GAMMA: Istio, Linkerd, Cilium) also steers the calls of pods to the model's Service.
   * Without one, routes hold for calls through the Gateway only: pods that call the Service get no share of a candidate beside it, and their
   * calls are not copied.
   *
   * @default false
   * @see https://gateway-api.sigs.k8s.io/mesh/
   */
  readonly mesh?: boolean;
}

/** Who may reach a model from outside its namespace. Immutable data. */
export class Exposure {
  /** Nobody but pods of the cluster whose namespaces are let in. */
  public static clusterLocal(): Exposure {
    return new Exposure('cluster-local', undefined);
  }

  /**
   * A route of our own on a Gateway (Gateway API); what shadow and canary roll-outs steer traffic by.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static gateway(options: GatewayExposureOptions): Exposure {
    const problems = new Problems('Exposure.gateway');
    problems.check('name', options.name, dnsSubdomainProblem(options.name));
    problems.check('namespace', options.namespace, dnsLabelProblem(options.namespace));
    const { proxyNamespace, listener } = options;
    if (proxyNamespace !== undefined) problems.check('proxyNamespace', proxyNamespace, dnsLabelProblem(proxyNamespace));
    if (listener !== undefined) problems.check('listener', listener, dnsSubdomainProblem(listener));
    if (options.hostnames.length === 0) problems.add('hostnames', options.hostnames, 'must name at least one host');
    for (const host of options.hostnames) {
      problems.check('hostnames', host, dnsSubdomainProblem(host.replace(/^\*\./, '')));
    }
    problems.throwIfAny();
    return new Exposure('gateway', { ...options, hostnames: [...options.hostnames] });
  }

  /** The ingress that KServe or Knative makes by itself. */
  public static byKserve(): Exposure {
    return new Exposure('kserve', undefined);
  }

  private constructor(
    /** @internal */
    public readonly _kind: 'cluster-local' | 'gateway' | 'kserve',
    /** @internal */
    public readonly _gateway: GatewayExposureOptions | undefined,
  ) {}
}
