import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { ANNOTATIONS, CAPTURE_URL, CAPTURE_VERSION, LABELS } from '../contract';
import { BootstrapChart } from '../platform/mlops-app';
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

/**
 * The model as a plain Deployment, with an init container that downloads the artifact. Its address is an annotation of the
 * pod template, read through the downward API: a roll-out changes that one entry, and nothing else.
 *
 * @internal
 */
export class DeploymentServing extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly spec: ServedModelSpec,
  ) {
    super(scope, id);
    const { name, namespace } = spec;
    new k8s.KubeDeployment(this, 'Resource', { metadata: this.metadata, spec: this.deployment() });
    new k8s.KubeDeployment(BootstrapChart.of(this), `Deployment-${namespace}-${name}`, {
      metadata: this.metadata,
      spec: this.bootstrapDeployment(spec.source),
    });
    new k8s.KubeService(this, 'Service', {
      metadata: this.metadata,
      spec: {
        selector: this.selector,
        ports: [{ name: PORT_NAME, port: SERVICE_PORT, targetPort: k8s.IntOrString.fromString(PORT_NAME) }],
      },
    });
    this.autoscaler();
  }

  private get metadata(): ReturnType<typeof objectMetadata> {
    const { name, namespace } = this.spec;
    return objectMetadata({ name, namespace, app: 'model-server', model: name });
  }

  private get selector(): Record<string, string> {
    return selectorLabels('model-server', this.spec.name);
  }

  /** What the API server and the namespace want at least, the artifact and its version: see `KserveServing`. */
  private bootstrapDeployment({ modelUri, version }: ModelSource): k8s.DeploymentSpec {
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

  private deployment(): k8s.DeploymentSpec {
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
      progressDeadlineSeconds: Math.max(600, spec.startupSeconds + 300),
      template: {
        metadata: { labels: podLabels(spec) },
        spec: {
          serviceAccountName: spec.serviceAccount,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 60,
          securityContext: restrictedPod(spec.runtime.user),
          imagePullSecrets:
            spec.imagePullSecrets.length > 0 ? spec.imagePullSecrets.map((name) => ({ name })) : undefined,
          ...scheduling(spec),
          initContainers: [this.loader()],
          containers: [this.server()],
          volumes: [
            { name: 'tmp', emptyDir: {} },
            { name: 'model', emptyDir: {} },
          ],
        },
      },
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

  private autoscaler(): void {
    const { name, minReplicas, maxReplicas, target } = this.spec;
    if (!target || maxReplicas === minReplicas) return;
    new k8s.KubeHorizontalPodAutoscalerV2(this, 'Autoscaler', {
      metadata: this.metadata,
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas,
        maxReplicas,
        metrics: [
          {
            type: 'Resource',
            resource: { name: target.metric, target: { type: 'Utilization', averageUtilization: target.target } },
          },
        ],
      },
    });
  }
}

function artifactAddress(): k8s.EnvVar {
  return { name: MODEL_URI, valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${ANNOTATIONS.uri}']` } } };
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
