import { createHash } from 'node:crypto';
import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { stringify } from 'yaml';
import {
  ANNOTATIONS,
  CAPTURE_DEFAULTS,
  CAPTURE_FILE_VERSION,
  CAPTURE_FOLDERS,
  CAPTURE_HASH_KEY,
  CAPTURE_PATHS,
  CAPTURE_PORT,
  CAPTURE_SERVICE_PORT,
  type CaptureFile,
  COMMANDS,
  COMPONENTS,
  CONFIG_FILES,
  CONTAINER_ENTRYPOINT,
  CONTAINER_USER,
  LABELS,
  renderArguments,
  STEP_ENVIRONMENT,
} from '../contract';
import { PodMonitor } from '../crds/prometheus-operator';
import { type Model } from '../model/model';
import { resourceRequirements } from '../platform/container-resources';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { namespaceNamed, ports } from '../platform/network-policies';
import { objectLabels, objectMetadata, selectorLabels, serviceSelector } from '../platform/object-metadata';
import { restrictedContainer, restrictedPod } from '../platform/pod-security';
import { type CaptureSettings } from './capture';

const APP = 'capture';
const PORT_NAME = 'http';
const BUFFER = '/var/lib/capture';
const CPU_PERCENT = 70;
/** What was acknowledged is brought to the store before a pod ends. */
const GRACE_SECONDS = 90;

/** @internal */
export interface CaptureCollectorProps {
  readonly platform: MlModelPlatform;
  readonly model: Model;
  readonly settings: CaptureSettings;
  /** URI of the prediction log. */
  readonly log: string;
}

/**
 * What takes a model's requests, responses and labels: workload, Service, autoscaler, budget, policy and monitor. KServe's logger
 * is in the path of requests and waits for it, so it is there, and let in, before the servers are.
 *
 * @internal
 */
export class CaptureCollector extends Construct {
  private readonly name: string;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: CaptureCollectorProps,
  ) {
    super(scope, id);
    const { model, platform, settings } = props;
    this.name = model.objectName('capture');
    const config = stringify(this.configuration());
    new k8s.KubeConfigMap(this, 'Config', {
      metadata: this.metadata(),
      data: { [CONFIG_FILES.capture.file]: config },
    });
    new k8s.KubeServiceAccount(this, 'ServiceAccount', {
      metadata: { ...this.metadata(), annotations: { ...settings.serviceAccountAnnotations } },
      automountServiceAccountToken: false,
    });
    this.declareAccess();
    this.networkPolicy();
    new k8s.KubeDeployment(this, 'Resource', { metadata: this.metadata(), spec: this.deployment(config) });
    new k8s.KubeService(this, 'Service', {
      metadata: this.metadata(),
      spec: {
        selector: serviceSelector(COMPONENTS.capture, APP, model.name),
        // Request and response of one server reach the same replica, which so knows how long the answer took.
        sessionAffinity: 'ClientIP',
        // A number: a name is looked up in pods, and without any, policies of Amazon EKS drop what should be refused at once.
        ports: [{ name: PORT_NAME, port: CAPTURE_SERVICE_PORT, targetPort: k8s.IntOrString.fromNumber(CAPTURE_PORT) }],
      },
    });
    new k8s.KubePodDisruptionBudget(this, 'DisruptionBudget', {
      metadata: this.metadata(),
      spec: { maxUnavailable: k8s.IntOrString.fromNumber(1), selector: { matchLabels: this.selector } },
    });
    this.autoscaler();
    new PodMonitor(this, 'Monitor', {
      metadata: this.metadata(platform.monitoring.selectionLabels),
      spec: {
        selector: { matchLabels: this.selector },
        // The series say themselves of which model, version and namespace they are.
        podMetricsEndpoints: [{ port: PORT_NAME, path: CAPTURE_PATHS.metrics, honorLabels: true }],
      },
    });
  }

  /** What came is put there as it came, and nobody else writes there; it is never looked at again from here. */
  private declareAccess(): void {
    const { platform, log } = this.props;
    const { events, labels } = CAPTURE_FOLDERS;
    for (const [folder, purpose] of [
      [events, 'events of calls'],
      [labels, 'labels that come later'],
    ] as const) {
      const may = { reads: false, writes: true, deletes: false, purpose };
      platform._access.add({ serviceAccountName: this.name, uri: `${log}/${folder}`, ...may });
    }
  }

  private get selector(): Record<string, string> {
    return selectorLabels(APP, this.props.model.name);
  }

  private metadata(labels?: Record<string, string>): ReturnType<typeof objectMetadata> {
    const { platform, model } = this.props;
    return objectMetadata({
      ...{ name: this.name, namespace: platform.namespace, labels },
      ...{ app: APP, component: COMPONENTS.capture, model: model.name },
    });
  }

  private configuration(): CaptureFile {
    const { model, platform, settings, log } = this.props;
    const { requestIdHeader, retention, labelWindow } = settings;
    const { schema } = CONFIG_FILES;
    const twiceTheDelay = Math.ceil(2 * (model.labelDelay?.toDays({ integral: false }) ?? 0));
    return {
      version: CAPTURE_FILE_VERSION,
      model: model.name,
      namespace: platform.namespace,
      schema: `${schema.directory}/${schema.file}`,
      log,
      inferenceServices: [model.name, model.objectName('candidate')],
      registry: platform.mlflowTrackingUri,
      ...(requestIdHeader !== undefined && { requestIdHeader }),
      sampling: settings.sampling,
      ...(retention && { retentionDays: retention.toDays() }),
      pairingHours: settings.pairingHours,
      labelDays: labelWindow?.toDays() ?? Math.max(CAPTURE_DEFAULTS.labelDays, twiceTheDelay),
      limits: { ...CAPTURE_DEFAULTS.limits, bufferBytes: settings.bufferBytes },
    };
  }

  private networkPolicy(): void {
    const { platform, model, settings } = this.props;
    const callers = [...settings.labelCallers, platform.monitoring.namespace];
    platform._network.policy(
      this.name,
      { [LABELS.component]: COMPONENTS.capture, [LABELS.model]: model.name },
      [
        {
          from: [{ podSelector: {} }, ...callers.map((each) => ({ namespaceSelector: namespaceNamed(each) }))],
          ports: ports(CAPTURE_PORT),
        },
      ],
      [platform._network.toMlflow(), platform._network.objectStore(), platform._network.podIdentity()],
      this,
    );
  }

  private deployment(config: string): k8s.DeploymentSpec {
    const { model, settings } = this.props;
    const { minReplicas, maxReplicas } = settings;
    const hash = createHash('sha256').update(config).update(model.toSchemaJson()).digest('hex');
    return {
      // The autoscaler owns the number where there is one.
      replicas: minReplicas === maxReplicas ? minReplicas : undefined,
      selector: { matchLabels: this.selector },
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: k8s.IntOrString.fromNumber(1), maxUnavailable: k8s.IntOrString.fromNumber(0) },
      },
      template: {
        metadata: {
          labels: objectLabels({ app: APP, component: COMPONENTS.capture, model: model.name }),
          annotations: {
            // The program reads its files when it starts.
            [ANNOTATIONS.configHash]: hash,
            // It brings away what it holds when it is told to end: a node need not stay for it.
            'cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes': 'tmp,buffer',
          },
        },
        spec: this.pod(),
      },
    };
  }

  private pod(): k8s.PodSpec {
    const { model, settings } = this.props;
    const { imagePullSecrets, bufferSize } = settings;
    return {
      serviceAccountName: this.name,
      automountServiceAccountToken: false,
      imagePullSecrets: imagePullSecrets.length > 0 ? imagePullSecrets.map((name) => ({ name })) : undefined,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      securityContext: restrictedPod(CONTAINER_USER),
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: this.selector },
        },
      ],
      containers: [this.container()],
      volumes: [
        { name: 'tmp', emptyDir: {} },
        { name: 'schema', configMap: { name: model.objectName('schema') } },
        { name: 'config', configMap: { name: this.name } },
        { name: 'buffer', emptyDir: { sizeLimit: k8s.Quantity.fromString(bufferSize) } },
      ],
    };
  }

  private container(): k8s.Container {
    const { platform, settings } = this.props;
    const { schema, capture } = CONFIG_FILES;
    const token = platform.mlflowToken;
    const probe = (path: string): k8s.Probe => ({ httpGet: { path, port: k8s.IntOrString.fromString(PORT_NAME) } });
    return {
      name: 'collect',
      image: platform.images.driftChecker,
      command: [...CONTAINER_ENTRYPOINT],
      args: renderArguments(COMMANDS.collect, {
        config: `${capture.directory}/${capture.file}`,
        buffer: BUFFER,
        port: String(CAPTURE_PORT),
      }),
      env: [
        ...(token ? [token._toEnvVar(STEP_ENVIRONMENT.mlflowTrackingToken)] : []),
        ...(settings.hashKey ? [settings.hashKey._toEnvVar(CAPTURE_HASH_KEY)] : []),
      ],
      ports: [{ name: PORT_NAME, containerPort: CAPTURE_PORT }],
      resources: resourceRequirements(settings.resources),
      securityContext: restrictedContainer(),
      readinessProbe: { ...probe(CAPTURE_PATHS.ready), periodSeconds: 5 },
      livenessProbe: { ...probe(CAPTURE_PATHS.live), periodSeconds: 10, timeoutSeconds: 5 },
      volumeMounts: [
        { name: 'tmp', mountPath: '/tmp' },
        { name: 'schema', mountPath: schema.directory, readOnly: true },
        { name: 'config', mountPath: capture.directory, readOnly: true },
        { name: 'buffer', mountPath: BUFFER },
      ],
    };
  }

  private autoscaler(): void {
    const { minReplicas, maxReplicas } = this.props.settings;
    if (minReplicas === maxReplicas) return;
    const target = { type: 'Utilization', averageUtilization: CPU_PERCENT };
    new k8s.KubeHorizontalPodAutoscalerV2(this, 'Autoscaler', {
      metadata: this.metadata(),
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: this.name },
        minReplicas,
        maxReplicas,
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
      },
    });
  }
}
