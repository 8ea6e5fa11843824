import { type k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { LABELS } from '../contract';
import { InferenceService, type KserveModel, type KservePredictor } from '../crds/kserve';
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
  type ServedModelSpec,
  serverResources,
  serverSecurity,
  startupProbe,
} from './served-model-spec';

/** The port's name: Knative derives the protocol from it. @internal */
export const KSERVE_PORT_NAME = { Standard: 'http', Knative: 'http1' } as const;

const STORAGE_URI = 'STORAGE_URI';

/**
 * The model as an InferenceService, twice: the steady one without what roll-outs change (artifact and version), and the
 * whole one that is created once.
 *
 * @internal
 */
export class KserveServing extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly spec: ServedModelSpec,
  ) {
    super(scope, id);
    const { name, namespace } = spec;
    this.inferenceService(this, 'Resource', undefined);
    this.inferenceService(BootstrapChart.of(this), `InferenceService-${namespace}-${name}`, spec.source);
  }

  private inferenceService(scope: Construct, id: string, source: ModelSource | undefined): void {
    const { name, namespace, exposure } = this.spec;
    const local: Record<string, string> =
      exposure._kind === 'kserve' ? {} : { 'networking.kserve.io/visibility': 'cluster-local' };
    new InferenceService(scope, id, {
      metadata: objectMetadata({
        name,
        namespace,
        app: 'model-server',
        model: name,
        labels: local,
        annotations: this.annotations(),
      }),
      spec: { predictor: { ...this.predictor(source), ...this.spec.predictorOverrides } },
    });
  }

  private get mode(): 'Standard' | 'Knative' {
    return this.spec.engine._deploymentMode ?? 'Standard';
  }

  /** The mode is always said: KServe's default differs from one installation to the next, and it cannot be changed. */
  private annotations(): Record<string, string> {
    const { minReplicas, maxReplicas, target } = this.spec;
    const mode = { 'serving.kserve.io/deploymentMode': this.mode };
    if (this.mode === 'Standard') {
      return { ...mode, 'serving.kserve.io/autoscalerClass': maxReplicas > minReplicas ? 'hpa' : 'none' };
    }
    const byResource = target?.metric === 'cpu' || target?.metric === 'memory';
    return byResource ? { ...mode, 'autoscaling.knative.dev/class': 'hpa.autoscaling.knative.dev' } : mode;
  }

  private predictor(source: ModelSource | undefined): KservePredictor {
    const { spec, mode } = this;
    const { target, batching, runtime, imagePullSecrets } = spec;
    const version = source && { [LABELS.version]: source.version };
    return {
      minReplicas: spec.minReplicas,
      maxReplicas: spec.maxReplicas,
      ...(target && { scaleMetric: target.metric, scaleTarget: target.target }),
      serviceAccountName: spec.serviceAccount,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 60,
      // Knative refuses a security context of the pod unless a feature flag allows it.
      ...(mode === 'Standard' && { securityContext: restrictedPod(runtime.user) }),
      labels: { ...podLabels(spec), ...version },
      ...scheduling(spec),
      ...(batching && { batcher: { maxBatchSize: batching.maxBatchSize, maxLatency: batching.maxLatencyMs } }),
      ...(imagePullSecrets.length > 0 && { imagePullSecrets: imagePullSecrets.map((secret) => ({ name: secret })) }),
      volumes: [{ name: 'tmp', emptyDir: {} }],
      ...(runtime.format ? { model: this.model(source) } : { containers: [this.ownContainer(source)] }),
    };
  }

  private model(source: ModelSource | undefined): KserveModel {
    const { runtime, protocol } = this.spec;
    const { args, env } = nameSetting(this.spec);
    return {
      ...this.container(),
      modelFormat: runtime.format ?? { name: '' },
      runtime: runtime.kserveRuntime ?? '',
      protocolVersion: protocol,
      ...(source && { storageUri: source.modelUri }),
      // KServe's runtimes bring their own arguments; these are appended, and the last one wins.
      args,
      env: [...(env ?? []), ...metricsDirectory(runtime.env), ...this.environment()],
    };
  }

  /** An image of the user's own: KServe downloads the artifact for it when it is told to by a variable. */
  private ownContainer(source: ModelSource | undefined): k8s.Container {
    const { runtime } = this.spec;
    const storage = source ? [{ name: STORAGE_URI, value: source.modelUri }] : [];
    return {
      ...this.container(),
      name: 'kserve-container',
      image: runtime.image,
      ...(runtime.args.length > 0 && { command: [...runtime.args] }),
      env: [...(nameSetting(this.spec).env ?? []), ...this.environment(), ...storage],
    };
  }

  private environment(): k8s.EnvVar[] {
    return Object.entries({ HOME: '/tmp', ...this.spec.env }).map(([name, value]) => ({ name, value }));
  }

  private container(): Omit<k8s.Container, 'name'> {
    const { spec, mode } = this;
    return {
      ports: containerPorts(spec, KSERVE_PORT_NAME[mode]).slice(0, mode === 'Knative' ? 1 : undefined),
      resources: serverResources(spec),
      securityContext: serverSecurity(spec),
      readinessProbe: { ...probe(readyPath(spec), spec), periodSeconds: 10, timeoutSeconds: 5 },
      // Knative knows no startup probe; it waits for readiness as long as its progress deadline.
      ...(mode === 'Standard' && {
        startupProbe: startupProbe(spec),
        livenessProbe: { ...probe(spec.runtime.livePath, spec), periodSeconds: 30, timeoutSeconds: 10 },
      }),
      volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
    };
  }
}

/** Of the runtime's variables KServe sets all but the directory of its metrics. */
function metricsDirectory(env: Readonly<Record<string, string>>): k8s.EnvVar[] {
  return Object.entries(env)
    .filter(([name]) => name === 'MLSERVER_METRICS_DIR')
    .map(([name, value]) => ({ name, value }));
}
