import { type k8s } from 'cdk8s-plus-29';
import { type Construct } from 'constructs';
import { CAPTURE_PORT, COMPONENTS } from '../contract';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { egressTo, namespaceNamed, podsOf, ports } from '../platform/network-policies';
import { podSelector, type ServedModelSpec } from './served-model-spec';

/** Where Knative's activator, autoscaler and gateways live. */
const KNATIVE_NAMESPACES = ['knative-serving', 'kourier-system', 'istio-system'];
/** Ports of Knative's queue-proxy: requests (HTTP, h2c), TLS, and the numbers that the autoscaler reads. */
const QUEUE_PROXY_PORTS = [8012, 8013, 8112, 9090];
/** Port of KServe's agent, which stands before the server where requests are logged or batched. */
const KSERVE_AGENT_PORT = 9081;

/** Who may call, besides pods of the namespace. @internal */
export interface ServingCallers {
  readonly platform: MlModelPlatform;
  /** Namespaces whose pods may call. */
  readonly callers: readonly string[];
}

/** Lets callers, Prometheus and what runs the servers in, and the servers out to the object store and the collector. @internal */
export function servingPolicy(scope: Construct, spec: ServedModelSpec, { platform, callers }: ServingCallers): void {
  const { runtime, engine, exposure, batching, capture, name } = spec;
  const gateway = exposure._gateway;
  const from: k8s.NetworkPolicyPeer[] = [
    { podSelector: {} },
    ...[...callers, ...(gateway ? [gateway.proxyNamespace ?? gateway.namespace] : [])].map((each) => ({
      namespaceSelector: namespaceNamed(each),
    })),
  ];
  const knative = engine._deploymentMode === 'Knative';
  // Through Knative every request passes the queue-proxy; KServe's agent has a port of its own.
  const entrance = knative
    ? QUEUE_PROXY_PORTS.slice(0, 3)
    : [(batching || capture) && engine._deploymentMode ? KSERVE_AGENT_PORT : runtime.port];
  const system = KNATIVE_NAMESPACES.map((each) => ({ namespaceSelector: namespaceNamed(each) }));
  const prometheus = { namespaceSelector: namespaceNamed(platform.monitoring.namespace) };
  platform._network.policy(
    name,
    podSelector(name),
    [
      { from, ports: ports(...entrance) },
      { from: [prometheus], ports: ports(knative ? runtime.port : runtime.metrics.port) },
      ...(knative ? [{ from: system, ports: ports(...QUEUE_PROXY_PORTS) }] : []),
    ],
    [
      platform._network.objectStore(),
      platform._network.podIdentity(),
      ...(capture ? [{ to: [podsOf(COMPONENTS.capture, name)], ports: ports(CAPTURE_PORT) }] : []),
      ...spec.egress.map(egressTo),
    ],
    scope,
  );
}
