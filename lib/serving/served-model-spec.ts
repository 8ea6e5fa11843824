import { k8s } from 'cdk8s-plus-29';
import { COMPONENTS, LABELS } from '../contract';
import { resourceRequirements, type ContainerResources } from '../platform/container-resources';
import { type GpuRequest } from '../platform/gpu-request';
import { type EgressRule } from '../platform/network-policies';
import { type NodePool } from '../platform/node-pool';
import { objectLabels } from '../platform/object-metadata';
import { restrictedContainer } from '../platform/pod-security';
import { type SecretReference } from '../platform/secret-reference';
import { type Exposure } from './exposure';
import { type ModelSource } from './model-source';
import { type BatchingOptions, type ScaleTarget } from './scaling';
import { type ServingEngine } from './serving-engine';
import { type InferenceProtocol, type RuntimeSpec } from './serving-runtime';

/** Where a model's requests and responses are sent. */
export interface CaptureTarget {
  /** Base address of the collector. */
  readonly url: string;
  /** Header of the call that carries the id for labels. */
  readonly requestIdHeader?: string;
}

/** A served model with every default filled in: what the engines render from. */
export interface ServedModelSpec {
  /** Name of the model, of its stable object and under which it answers. */
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly engine: ServingEngine;
  readonly source: ModelSource;
  readonly runtime: RuntimeSpec;
  readonly protocol: InferenceProtocol;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly target?: ScaleTarget;
  readonly batching?: BatchingOptions;
  /** Where requests and responses are sent; undefined when nothing is captured. */
  readonly capture?: CaptureTarget;
  readonly resources: ContainerResources;
  readonly gpu?: GpuRequest;
  readonly pool?: NodePool;
  readonly exposure: Exposure;
  readonly startupSeconds: number;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, SecretReference>>;
  readonly storageSecret?: string;
  readonly egress: readonly EgressRule[];
  readonly imagePullSecrets: readonly string[];
  readonly loaderImage: string;
  readonly predictorOverrides: Readonly<Record<string, unknown>>;
}

/** Labels of the pods that a roll-out never changes; the version's label is its own. */
export function podLabels(
  { name }: ServedModelSpec,
  role: 'stable' | 'candidate' = 'stable',
  app = 'model-server',
): Record<string, string> {
  return { ...objectLabels({ app, component: COMPONENTS.serving, model: name }), [LABELS.role]: role };
}

/** What selects the pods of every version, whoever makes them. */
export function podSelector(name: string): Record<string, string> {
  return { [LABELS.component]: COMPONENTS.serving, [LABELS.model]: name };
}

/** The path that answers success when the model is loaded. */
export function readyPath({ runtime, protocol, name }: ServedModelSpec): string {
  return (runtime.readyPath[protocol] ?? runtime.livePath).replace('{name}', name);
}

/** How the server learns the name under which it has to answer. */
export function nameSetting({ runtime, name }: ServedModelSpec): Pick<k8s.Container, 'args' | 'env'> {
  if (runtime.nameFrom === 'argument') return { args: [`${runtime.nameKey}=${name}`], env: [] };
  return { env: runtime.nameFrom === 'environment' ? [{ name: runtime.nameKey, value: name }] : [] };
}

/** Ports of the server, the metrics' own where it is another. */
export function containerPorts({ runtime }: ServedModelSpec, portName: string): k8s.ContainerPort[] {
  const { port, metrics } = runtime;
  const own = { name: portName, containerPort: port, protocol: 'TCP' };
  return metrics.port !== port ? [own, { name: 'metrics', containerPort: metrics.port, protocol: 'TCP' }] : [own];
}

/** Name of the port that metrics are scraped from. */
export function metricsPort({ runtime }: ServedModelSpec, portName: string): string {
  return runtime.metrics.port !== runtime.port ? 'metrics' : portName;
}

/** The user's environment of the server. */
export function serverEnvironment({ env, secrets }: ServedModelSpec): k8s.EnvVar[] {
  return [
    // Most images' home is not writable for the user that runs here.
    ...Object.entries({ HOME: '/tmp', ...env }).map(([name, value]) => ({ name, value })),
    ...Object.entries(secrets).map(([name, reference]) => reference._toEnvVar(name)),
  ];
}

/** Requests, limits and GPUs of the server. */
export function serverResources({ resources, gpu }: ServedModelSpec): k8s.ResourceRequirements {
  return resourceRequirements(resources, gpu ? { [gpu.resourceName]: String(gpu.count) } : {});
}

/** Each container meets "restricted" by itself: Knative takes no security context of the pod by default. */
export function serverSecurity({ runtime }: ServedModelSpec): k8s.SecurityContext {
  const user = { runAsNonRoot: true, runAsUser: runtime.user, runAsGroup: runtime.user };
  return { ...restrictedContainer(), ...user, seccompProfile: { type: 'RuntimeDefault' } };
}

/** Node selector and tolerations of the pool. */
export function scheduling({ pool }: ServedModelSpec): Pick<k8s.PodSpec, 'nodeSelector' | 'tolerations'> {
  if (!pool) return {};
  const tolerations = pool._tolerations;
  return { nodeSelector: { ...pool.labels }, tolerations: tolerations.length > 0 ? tolerations : undefined };
}

/** A probe of the server's port. */
export function probe(path: string, { runtime }: ServedModelSpec): k8s.Probe {
  return { httpGet: { path, port: k8s.IntOrString.fromNumber(runtime.port) } };
}

/** Seconds between two startup probes; how often it is asked follows from how long loading may take. */
export const STARTUP_PERIOD_SECONDS = 10;

/** The probe that gives the model time to load: until it succeeds the others wait. */
export function startupProbe(spec: ServedModelSpec): k8s.Probe {
  return {
    ...probe(readyPath(spec), spec),
    periodSeconds: STARTUP_PERIOD_SECONDS,
    timeoutSeconds: 5,
    failureThreshold: Math.ceil(spec.startupSeconds / STARTUP_PERIOD_SECONDS),
  };
}
