import { k8s } from 'cdk8s-plus-29';
import {
  ANNOTATIONS,
  CAPTURE_URL,
  CAPTURE_VERSION,
  derivedName,
  type KubernetesManifest,
  LABELS,
  ROLLOUT_PLACEHOLDERS,
} from '../contract';
import { plain } from '../crds/plain';
import { objectMetadata, selectorLabels } from '../platform/object-metadata';
import { restrictedPod } from '../platform/pod-security';
import { storageInitializerContainer } from '../platform/storage-initializer';
import { type ModelSource } from './model-source';
import {
  containerPorts,
  nameSetting,
  podLabels,
  probe,
  readyPath,
  scheduling,
  serverEnvironment,
  type ServedModelSpec,
  serverResources,
  serverSecurity,
  startupProbe,
} from './served-model-spec';
import { MODEL_MOUNT } from './serving-runtime';

/** Port of the model's Service. */
export const SERVICE_PORT = 80;
const PORT_NAME = 'http';
const MODEL_URI = 'MODEL_URI';
const SERVER = 'server';
const CANDIDATE = 'model-candidate';
const { version, uri } = ROLLOUT_PLACEHOLDERS;

/** Seconds that bringing up new pods may take. */
export const progressDeadline = ({ startupSeconds }: ServedModelSpec): number => Math.max(600, startupSeconds + 300);

/** A Service in front of the servers. */
export function serviceSpec(selector: Record<string, string>): k8s.ServiceSpec {
  const targetPort = k8s.IntOrString.fromString(PORT_NAME);
  return { selector, ports: [{ name: PORT_NAME, port: SERVICE_PORT, targetPort }] };
}

/** The pods of a model that no KServe runs, and those of its candidate. @internal */
export class DeploymentPods {
  constructor(private readonly spec: ServedModelSpec) {}

  /** What selects the pods of the stable version. */
  public get selector(): Record<string, string> {
    return selectorLabels('model-server', this.spec.name);
  }

  /** What the API server and the namespace want at least, the artifact and its version: see `KserveServing`. */
  public bootstrap({ modelUri, version }: ModelSource): k8s.DeploymentSpec {
    return {
      selector: { matchLabels: this.selector },
      template: {
        metadata: {
          labels: { ...this.selector, [LABELS.version]: version },
          annotations: { [ANNOTATIONS.uri]: modelUri },
        },
        spec: {
          serviceAccountName: this.spec.serviceAccount,
          securityContext: restrictedPod(this.spec.runtime.user),
          containers: [{ name: SERVER, image: this.spec.runtime.image, securityContext: serverSecurity(this.spec) }],
        },
      },
    };
  }

  /** All but artifact and version. */
  public steady(): k8s.DeploymentSpec {
    const { spec } = this;
    const fixed = spec.maxReplicas === spec.minReplicas;
    return {
      // The autoscaler owns the number where there is one.
      replicas: fixed ? spec.minReplicas : undefined,
      selector: { matchLabels: this.selector },
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: k8s.IntOrString.fromNumber(1), maxUnavailable: k8s.IntOrString.fromNumber(0) },
      },
      progressDeadlineSeconds: progressDeadline(spec),
      template: { metadata: { labels: podLabels(spec) }, spec: this.pod() },
    };
  }

  /** The same server beside the stable one, with a Service of its own, with placeholders for artifact and version. */
  public candidate(): KubernetesManifest[] {
    const { spec } = this;
    const name = derivedName(spec.name, 'candidate');
    // An app of its own: what selects the pods of the stable version must not select these.
    const identity = { name, namespace: spec.namespace, app: CANDIDATE, model: spec.name };
    const metadata = objectMetadata(identity);
    const labels = { ...podLabels(spec, 'candidate', CANDIDATE), [LABELS.version]: version };
    const { strategy, progressDeadlineSeconds } = this.steady();
    const deployment: k8s.DeploymentSpec = {
      ...{ replicas: spec.minReplicas, strategy, progressDeadlineSeconds },
      selector: { matchLabels: selectorLabels(CANDIDATE, spec.name) },
      template: { metadata: { labels, annotations: { [ANNOTATIONS.uri]: uri } }, spec: this.pod() },
    };
    const service = serviceSpec(selectorLabels(CANDIDATE, spec.name));
    return [
      plain({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: k8s.toJson_DeploymentSpec(deployment) }),
      plain({ apiVersion: 'v1', kind: 'Service', metadata, spec: k8s.toJson_ServiceSpec(service) }),
    ];
  }

  private pod(): k8s.PodSpec {
    const { spec } = this;
    return {
      serviceAccountName: spec.serviceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 60,
      securityContext: restrictedPod(spec.runtime.user),
      imagePullSecrets: spec.imagePullSecrets.length > 0 ? spec.imagePullSecrets.map((name) => ({ name })) : undefined,
      ...scheduling(spec),
      initContainers: [this.loader()],
      containers: [this.server()],
      volumes: [
        { name: 'tmp', emptyDir: {} },
        { name: 'model', emptyDir: {} },
      ],
    };
  }

  /** Downloads the artifact with KServe's storage initializer, which is a program of its own. */
  private loader(): k8s.Container {
    const container = storageInitializerContainer(this.spec.loaderImage);
    const { securityContext } = container;
    const { storageSecret } = this.spec;
    const { user } = this.spec.runtime;
    return {
      ...container,
      name: 'model-loader',
      args: [`$(${MODEL_URI})`, MODEL_MOUNT],
      env: [artifactAddress(), { name: 'HOME', value: '/tmp' }],
      envFrom: storageSecret === undefined ? undefined : [{ secretRef: { name: storageSecret } }],
      securityContext: { ...securityContext, runAsUser: user, readOnlyRootFilesystem: true },
      volumeMounts: [
        { name: 'tmp', mountPath: '/tmp' },
        { name: 'model', mountPath: MODEL_MOUNT },
      ],
    };
  }

  private server(): k8s.Container {
    const { spec } = this;
    const { args = [], env = [] } = nameSetting(spec);
    const { runtime } = spec;
    const own = runtime.format === undefined;
    const settings = { ...runtime.env, ...batchingVariables(spec) };
    const startUp = [...runtime.args, ...args];
    return {
      name: SERVER,
      image: runtime.image,
      // An image of the user's own is started by its command, a known one by its arguments.
      ...(startUp.length > 0 && (own ? { command: startUp } : { args: startUp })),
      env: [
        ...env,
        ...Object.entries(settings).map(([name, value]) => ({ name, value })),
        ...serverEnvironment(spec),
        artifactAddress(),
        ...captureVariables(spec),
      ],
      ports: containerPorts(spec, PORT_NAME),
      resources: serverResources(spec),
      securityContext: serverSecurity(spec),
      startupProbe: startupProbe(spec),
      readinessProbe: { ...probe(readyPath(spec), spec), periodSeconds: 10, timeoutSeconds: 5 },
      livenessProbe: { ...probe(runtime.livePath, spec), periodSeconds: 30, timeoutSeconds: 10 },
      volumeMounts: [
        { name: 'tmp', mountPath: '/tmp' },
        { name: 'model', mountPath: MODEL_MOUNT, readOnly: true },
      ],
    };
  }
}

/** What a server needs to send its predictions by itself. */
function captureVariables({ capture }: ServedModelSpec): k8s.EnvVar[] {
  if (!capture) return [];
  const version = { fieldRef: { fieldPath: `metadata.labels['${LABELS.version}']` } };
  return [
    { name: CAPTURE_URL, value: capture.url },
    { name: CAPTURE_VERSION, valueFrom: version },
  ];
}

/** How a server is told to batch: MLServer by its own variables, a server of one's own by ours. */
function batchingVariables({ batching, runtime }: ServedModelSpec): Record<string, string> {
  if (!batching) return {};
  const { maxBatchSize, maxLatencyMs } = batching;
  return runtime.format?.name === 'mlflow'
    ? {
        MLSERVER_MODEL_MAX_BATCH_SIZE: String(maxBatchSize),
        MLSERVER_MODEL_MAX_BATCH_TIME: String(maxLatencyMs / 1000),
      }
    : { MAX_BATCH_SIZE: String(maxBatchSize), MAX_BATCH_LATENCY_MS: String(maxLatencyMs) };
}

function artifactAddress(): k8s.EnvVar {
  return { name: MODEL_URI, valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${ANNOTATIONS.uri}']` } } };
}
