import { type k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import {
  ANNOTATIONS,
  derivedName,
  type KubernetesManifest,
  LABELS,
  ROLLOUT_PLACEHOLDERS,
  type RolloutFile,
  type RolloutWorkload,
} from '../contract';
import {
  InferenceService,
  type InferenceServiceProps,
  inferenceServiceManifest,
  type KserveLogger,
  type KserveModel,
  type KservePredictor,
} from '../crds/kserve';
import { BootstrapChart } from '../platform/mlops-app';
import { objectMetadata } from '../platform/object-metadata';
import { restrictedPod } from '../platform/pod-security';
import { type ModelSource } from './model-source';
import {
  containerPorts,
  nameSetting,
  podLabels,
  probe,
  readyPath,
  scheduling,
  type CaptureTarget,
  serverEnvironment,
  type ServedModelSpec,
  serverResources,
  serverSecurity,
  startupProbe,
} from './served-model-spec';
import { MODEL_MOUNT } from './serving-runtime';

/** The port's name: Knative derives the protocol from it. @internal */
export const KSERVE_PORT_NAME = { Standard: 'http', Knative: 'http1' } as const;

const DEPLOYMENT_MODE = 'serving.kserve.io/deploymentMode';
const OWN_CONTAINER = 'kserve-container';
/** Seconds that replacing the pods takes beside loading the model. */
const REPLACEMENT_SECONDS = 600;
const { version, uri } = ROLLOUT_PLACEHOLDERS;

/**
 * The model as an InferenceService, twice: the steady one without what roll-outs change (artifact and version), and one with
 * little more than that, which is created once. Its creator goes on owning what it names, so it names no field that a later
 * version of the program might want to remove.
 *
 * @internal
 */
export class KserveServing extends Construct {
  constructor(scope: Construct, id: string, spec: ServedModelSpec) {
    super(scope, id);
    const { name, namespace } = spec;
    const objects = new KserveObjects(spec);
    new InferenceService(this, 'Resource', objects.steady());
    new InferenceService(BootstrapChart.of(this), `InferenceService-${namespace}-${name}`, objects.bootstrap());
  }
}

/** What a roll-out of this engine writes. @internal */
export function kserveRollout(spec: ServedModelSpec, hasCandidate: boolean): Pick<RolloutFile, 'stable' | 'candidate'> {
  const objects = new KserveObjects(spec);
  const isKnative = spec.engine._deploymentMode === 'Knative';
  const readySeconds = spec.startupSeconds + REPLACEMENT_SECONDS;
  const predictor = (name: string): RolloutWorkload =>
    isKnative
      ? { kind: 'InferenceService', name, readySeconds }
      : { kind: 'Deployment', name: `${name}-predictor`, readySeconds };
  const candidate = derivedName(spec.name, 'candidate');
  return {
    stable: { manifest: objects.rolledOut(), workload: predictor(spec.name) },
    ...(hasCandidate && { candidate: { manifests: [objects.candidate()], workload: predictor(candidate) } }),
  };
}

class KserveObjects {
  constructor(private readonly spec: ServedModelSpec) {}

  /** All but artifact and version. */
  public steady(): InferenceServiceProps {
    return { metadata: this.metadata(this.annotations()), spec: { predictor: this.predictor() } };
  }

  /** KServe looks at mode and visibility when the object is created, and never again. */
  public bootstrap(): InferenceServiceProps {
    const metadata = this.metadata({ [DEPLOYMENT_MODE]: this.mode });
    return { metadata, spec: { predictor: this.bootstrapPredictor(this.spec.source) } };
  }

  /** Artifact and version, with placeholders. */
  public rolledOut(): KubernetesManifest {
    const { name, namespace, runtime } = this.spec;
    const artifact = runtime.format
      ? { model: { storageUri: uri } }
      : { storageUris: [{ uri, mountPath: MODEL_MOUNT }] };
    const named = { [ANNOTATIONS.version]: version };
    return {
      ...InferenceService.GVK,
      metadata: { name, namespace },
      spec: { predictor: { labels: { [LABELS.version]: version }, annotations: named, ...artifact } },
    };
  }

  /** The same server beside the stable one, under the same name of the model, with placeholders. */
  public candidate(): KubernetesManifest {
    const { spec } = this;
    const predictor = this.predictor('candidate');
    const artifact = predictor.model
      ? { model: { ...predictor.model, storageUri: uri } }
      : { storageUris: [{ uri, mountPath: MODEL_MOUNT }] };
    return inferenceServiceManifest({
      metadata: {
        ...this.metadata(this.annotations(), { 'networking.kserve.io/visibility': 'cluster-local' }),
        name: derivedName(spec.name, 'candidate'),
      },
      spec: {
        predictor: {
          ...predictor,
          labels: { ...predictor.labels, [LABELS.version]: version },
          annotations: { ...predictor.annotations, [ANNOTATIONS.version]: version },
          ...artifact,
        },
      },
    });
  }

  private metadata(
    annotations: Record<string, string>,
    labels: Record<string, string> = this.visibility(),
  ): ReturnType<typeof objectMetadata> {
    const { name, namespace } = this.spec;
    return objectMetadata({ name, namespace, app: 'model-server', model: name, labels, annotations });
  }

  private visibility(): Record<string, string> {
    return this.spec.exposure._kind === 'kserve' ? {} : { 'networking.kserve.io/visibility': 'cluster-local' };
  }

  private get mode(): 'Standard' | 'Knative' {
    return this.spec.engine._deploymentMode ?? 'Standard';
  }

  /** The mode is always said: KServe's default differs from one installation to the next, and it cannot be changed. */
  private annotations(): Record<string, string> {
    const { minReplicas, maxReplicas, target, startupSeconds } = this.spec;
    const mode = { [DEPLOYMENT_MODE]: this.mode };
    if (this.mode === 'Standard') {
      return { ...mode, 'serving.kserve.io/autoscalerClass': maxReplicas > minReplicas ? 'hpa' : 'none' };
    }
    // Knative knows no startup probe; it waits for readiness until this deadline.
    const knative = { ...mode, 'serving.knative.dev/progress-deadline': `${startupSeconds}s` };
    const byResource = target?.metric === 'cpu' || target?.metric === 'memory';
    return byResource ? { ...knative, 'autoscaling.knative.dev/class': 'hpa.autoscaling.knative.dev' } : knative;
  }

  private predictor(role: 'stable' | 'candidate' = 'stable'): KservePredictor {
    const { spec, mode } = this;
    const { target, batching, runtime, imagePullSecrets } = spec;
    const {
      volumes = [],
      annotations,
      ...overrides
    } = spec.predictorOverrides as {
      volumes?: k8s.Volume[];
      annotations?: Record<string, string>;
    };
    return {
      minReplicas: spec.minReplicas,
      maxReplicas: spec.maxReplicas,
      ...(target && { scaleMetric: target.metric, scaleTarget: target.target }),
      serviceAccountName: spec.serviceAccount,
      automountServiceAccountToken: false,
      // Knative has no such field, and takes a security context of the pod only behind a feature flag.
      ...(mode === 'Standard' && { terminationGracePeriodSeconds: 60, securityContext: restrictedPod(runtime.user) }),
      labels: podLabels(spec, role),
      // Labels select pods, annotations tell the logger's events whose they are.
      annotations: { ...annotations, [ANNOTATIONS.role]: role },
      ...scheduling(spec),
      ...(batching && { batcher: { maxBatchSize: batching.maxBatchSize, maxLatency: batching.maxLatencyMs } }),
      ...(spec.capture && { logger: logger(spec.capture) }),
      ...(imagePullSecrets.length > 0 && { imagePullSecrets: imagePullSecrets.map((secret) => ({ name: secret })) }),
      volumes: [{ name: 'tmp', emptyDir: {} }, ...volumes],
      ...(runtime.format ? { model: this.model() } : { containers: [this.ownContainer()] }),
      ...overrides,
    };
  }

  /** What the API server and the namespace want at least, the artifact and its version. */
  private bootstrapPredictor({ modelUri, version }: ModelSource): KservePredictor {
    const { runtime, protocol, serviceAccount } = this.spec;
    const securityContext = serverSecurity(this.spec);
    const common = {
      serviceAccountName: serviceAccount,
      labels: { [LABELS.version]: version },
      annotations: { [ANNOTATIONS.version]: version },
      ...(this.mode === 'Standard' && { securityContext: restrictedPod(runtime.user) }),
    };
    if (runtime.format) {
      const { format: modelFormat, kserveRuntime = '' } = runtime;
      const model = {
        modelFormat,
        runtime: kserveRuntime,
        protocolVersion: protocol,
        storageUri: modelUri,
        securityContext,
      };
      return { ...common, model };
    }
    // Lists of containers are replaced as a whole, so the address has to stand beside them.
    const storageUris = [{ uri: modelUri, mountPath: MODEL_MOUNT }];
    return { ...common, storageUris, containers: [{ name: OWN_CONTAINER, image: runtime.image, securityContext }] };
  }

  private model(): KserveModel {
    const { runtime, protocol } = this.spec;
    const { args, env } = nameSetting(this.spec);
    return {
      ...this.container(),
      modelFormat: runtime.format ?? { name: '' },
      runtime: runtime.kserveRuntime ?? '',
      protocolVersion: protocol,
      // KServe's runtimes bring their own arguments; these are appended, and the last one wins.
      args,
      env: [...(env ?? []), ...metricsDirectory(runtime.env), ...serverEnvironment(this.spec)],
    };
  }

  private ownContainer(): k8s.Container {
    const { runtime } = this.spec;
    return {
      ...this.container(),
      name: OWN_CONTAINER,
      image: runtime.image,
      ...(runtime.args.length > 0 && { command: [...runtime.args] }),
      env: [...(nameSetting(this.spec).env ?? []), ...serverEnvironment(this.spec)],
    };
  }

  private container(): Omit<k8s.Container, 'name'> {
    const { spec, mode } = this;
    return {
      ports: containerPorts(spec, KSERVE_PORT_NAME[mode]).slice(0, mode === 'Knative' ? 1 : undefined),
      resources: serverResources(spec),
      securityContext: serverSecurity(spec),
      readinessProbe: { ...probe(readyPath(spec), spec), periodSeconds: 10, timeoutSeconds: 5 },
      ...(mode === 'Standard' && {
        startupProbe: startupProbe(spec),
        livenessProbe: { ...probe(spec.runtime.livePath, spec), periodSeconds: 30, timeoutSeconds: 10 },
      }),
      volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
    };
  }
}

/** Every request and response, with whose it is. */
function logger({ url, requestIdHeader }: CaptureTarget): KserveLogger {
  return {
    url,
    mode: 'all',
    metadataAnnotations: [ANNOTATIONS.version, ANNOTATIONS.role],
    ...(requestIdHeader !== undefined && { metadataHeaders: [requestIdHeader] }),
  };
}

/** Of the runtime's variables KServe sets all but the directory of its metrics. */
function metricsDirectory(env: Readonly<Record<string, string>>): k8s.EnvVar[] {
  return Object.entries(env)
    .filter(([name]) => name === 'MLSERVER_METRICS_DIR')
    .map(([name, value]) => ({ name, value }));
}
