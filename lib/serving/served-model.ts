import { Duration } from 'cdk8s';
import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { LABELS } from '../contract';
import { HttpRoute, type HttpRouteProps } from '../crds/gateway-api';
import { PodMonitor } from '../crds/prometheus-operator';
import { type Model } from '../model/model';
import { checkResources, type ContainerResources, resolveResources } from '../platform/container-resources';
import { type GpuRequest } from '../platform/gpu-request';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { BootstrapChart } from '../platform/mlops-app';
import { checkEgress, type EgressRule } from '../platform/network-policies';
import { type NodePool } from '../platform/node-pool';
import { type ObjectGrant } from '../platform/object-grant';
import { objectMetadata } from '../platform/object-metadata';
import { type SecretReference } from '../platform/secret-reference';
import { DEFAULT_STORAGE_INITIALIZER_IMAGE } from '../platform/storage-initializer';
import { imageProblem } from '../validation/image';
import { dnsLabelProblem, dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { Capture, type CaptureSettings } from './capture';
import { CaptureCollector } from './capture-collector';
import { checkCapture } from './check-capture';
import { checkRollout } from './check-rollout';
import { checkServedModel } from './check-served-model';
import { DeploymentServing } from './deployment-engine';
import { Exposure } from './exposure';
import { KSERVE_PORT_NAME, KserveServing } from './kserve-engine';
import { ModelRollout } from './model-rollout';
import { type ModelSource } from './model-source';
import { rolloutPlan } from './rollout-plan';
import { type RolloutStrategy } from './rollout-strategy';
import { modelRoutes } from './routes';
import { type BatchingOptions, checkScaling, type ReplicasOptions, ScaleTarget } from './scaling';
import { metricsPort, podSelector, type ServedModelSpec } from './served-model-spec';
import { ServingEngine } from './serving-engine';
import { servingPolicy } from './serving-policy';
import { InferenceProtocol, type ServingRuntime } from './serving-runtime';

/** How a model is served. */
export interface ServedModelProps {
  /** The platform of the model's namespace. */
  readonly platform: MlModelPlatform;

  /** The model that is served. */
  readonly model: Model;

  /** The artifact that is served first; from then on roll-outs decide. */
  readonly source: ModelSource;

  /** The server of the model. */
  readonly runtime: ServingRuntime;

  /**
   * What runs the servers.
   *
   * @default ServingEngine.kserveStandard()
   */
  readonly engine?: ServingEngine;

  /**
   * The protocol that callers speak.
   *
   * @default InferenceProtocol.V2
   */
  readonly protocol?: InferenceProtocol;

  /**
   * How many replicas there are.
   *
   * @default - one
   */
  readonly replicas?: ReplicasOptions;

  /**
   * What each replica asks for.
   *
   * @default - 1 CPU, 2Gi of memory
   */
  readonly resources?: ContainerResources;

  /**
   * GPUs of each replica.
   *
   * @default - none
   */
  readonly gpu?: GpuRequest;

  /**
   * Nodes that the replicas run on.
   *
   * @default - any untainted node
   */
  readonly pool?: NodePool;

  /**
   * Requests that are answered together.
   *
   * @default - none: each is answered alone
   */
  readonly batching?: BatchingOptions;

  /**
   * Whether live requests, responses and labels are recorded.
   *
   * @default Capture.on()
   */
  readonly capture?: Capture;

  /**
   * How new versions come into production. It takes Argo Workflows, and Argo Rollouts for canaries and blue-green of
   * `ServingEngine.deployment()`.
   *
   * @default - no workflows: versions are brought into production by hand
   */
  readonly rollout?: RolloutStrategy;

  /**
   * Who may reach the model from outside the cluster.
   *
   * @default Exposure.clusterLocal()
   */
  readonly exposure?: Exposure;

  /**
   * Namespaces whose pods may call the model, beside its own and that of the Gateway.
   *
   * @default - none
   */
  readonly callers?: readonly string[];

  /**
   * How long downloading and loading the model may take before a replica is given up.
   *
   * @default Duration.minutes(10)
   */
  readonly startupTimeout?: Duration;

  /**
   * Environment of the server in plain text.
   *
   * @default - only what the runtime needs
   */
  readonly env?: { readonly [name: string]: string };

  /**
   * Environment of the server from Secrets.
   *
   * @default - none
   */
  readonly secrets?: { readonly [name: string]: SecretReference };

  /**
   * What the servers do with folders of an object store beside the model's artifacts, which they load: the cloud half makes permissions of
   * it. Artifacts of later versions are looked for in `modelStore` of the platform and of the model's training; where versions are trained
   * elsewhere, say here where they lie.
   *
   * @default - nothing
   */
  readonly access?: readonly ObjectGrant[];

  /**
   * Addresses that the servers may reach beside the object store on 443, for example a store of one's own.
   *
   * @default - none
   */
  readonly egress?: readonly EgressRule[];

  /**
   * Annotations of the service account, for example `eks.amazonaws.com/role-arn`.
   *
   * @default - none: EKS Pod Identity needs none
   */
  readonly serviceAccountAnnotations?: { readonly [key: string]: string };

  /**
   * Name of a Secret with the credentials of the object store, for stores without an identity of the service account. On KServe
   * it has the form that KServe expects; on `ServingEngine.deployment()` its keys are the downloader's environment, for
   * example `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_ENDPOINT_URL`.
   *
   * @default - none
   * @see https://kserve.github.io/website/docs/model-serving/storage/providers/s3
   */
  readonly storageSecret?: string;

  /**
   * Names of Secrets with credentials of registries.
   *
   * @default - none
   */
  readonly imagePullSecrets?: readonly string[];

  /**
   * Image that downloads the artifact on `ServingEngine.deployment()`: KServe's storage initializer.
   *
   * @default docker.io/kserve/storage-initializer:v0.20.0
   */
  readonly loaderImage?: string;

  /**
   * Fields of KServe's predictor that this construct has no prop for. Fields that the engine ignores are refused.
   *
   * @default - none
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- fields of an upstream type, whatever they are
  readonly predictorOverrides?: { readonly [field: string]: any };
}

const DEFAULT_RESOURCES: ContainerResources = { cpu: '1', memory: '2Gi' };

/**
 * One model behind one stable address. What roll-outs change (the artifact, its version, the weights of a route) is written
 * to the bootstrap manifests, created once, and left out of the steady ones, so that applying these never undoes a promotion.
 */
export class ServedModel extends Construct {
  /** The model that is served. */
  public readonly model: Model;
  /** The platform of the model's namespace. */
  public readonly platform: MlModelPlatform;
  /** What runs the servers. */
  public readonly engine: ServingEngine;
  /** The protocol that callers speak. */
  public readonly protocol: InferenceProtocol;
  /** Service account of the servers. */
  public readonly serviceAccountName: string;
  /** Name of the Service within the namespace. */
  public readonly serviceName: string;
  /** Address for callers within the cluster. */
  public readonly url: string;
  /** Folder in the object store with the prediction log; undefined when nothing is captured. */
  public readonly predictionLogUri?: string;
  /** How new versions come into production; undefined when nothing of it is rendered. */
  public readonly rollout?: RolloutStrategy;
  /** Address to which predictions and labels are posted; undefined when nothing is captured. */
  public readonly captureUrl?: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: ServedModelProps) {
    super(scope, id);
    const { platform, model } = props;
    this.platform = platform;
    this.model = model;
    this.engine = props.engine ?? ServingEngine.kserveStandard();
    this.protocol = props.protocol ?? InferenceProtocol.V2;
    this.serviceAccountName = model.objectName('serving');
    this.serviceName = this.engine._deploymentMode ? `${model.name}-predictor` : model.name;
    this.url = `http://${this.serviceName}.${platform.namespace}.svc`;

    const captured = (props.capture ?? Capture.on())._settings;
    if (captured) {
      const { predictionStore } = platform;
      const inStore = predictionStore === undefined ? undefined : `${predictionStore}/${model.name}`;
      this.predictionLogUri = captured.predictionLogUri ?? inStore;
      this.captureUrl = `http://${model.objectName('capture')}.${platform.namespace}.svc`;
    }

    const spec = this.resolve(props, captured);
    this.check(props, spec, captured);
    const strategy = props.rollout;
    this.rollout = strategy;
    const plan = strategy && rolloutPlan(strategy, spec);

    platform._claim('ServedModel', this, model);
    new k8s.KubeServiceAccount(this, 'ServiceAccount', {
      metadata: { ...this.metadata(this.serviceAccountName), annotations: { ...props.serviceAccountAnnotations } },
      automountServiceAccountToken: false,
      secrets: props.storageSecret === undefined ? undefined : [{ name: props.storageSecret }],
    });
    // Policies and the collector come before the pods that they let through and that send to it.
    if (captured && this.predictionLogUri !== undefined) {
      new CaptureCollector(this, 'Capture', { platform, model, settings: captured, log: this.predictionLogUri });
    }
    this.declareAccess(props);
    servingPolicy(this, spec, { platform, callers: props.callers ?? [] });
    if (spec.engine._deploymentMode) new KserveServing(this, 'Kserve', spec);
    else new DeploymentServing(this, 'Deployment', spec, plan?.argo?.strategy);
    this.disruptionBudget();
    this.podMonitor(spec);
    const routes = modelRoutes(spec, this.serviceName, plan);
    if (routes.length > 0) this.routes(routes);
    if (strategy && plan) {
      const { serviceName: service } = this;
      new ModelRollout(this, 'Rollout', { platform, model, spec, strategy, plan, routes, service });
    }
  }

  private metadata(name: string, labels?: Record<string, string>): ReturnType<typeof objectMetadata> {
    const { namespace } = this.platform;
    return objectMetadata({ name, namespace, app: 'model-server', model: this.model.name, labels });
  }

  private resolve(props: ServedModelProps, captured: CaptureSettings | undefined): ServedModelSpec {
    const { min = 1, max = min, target } = props.replicas ?? {};
    return {
      name: this.model.name,
      namespace: this.platform.namespace,
      serviceAccount: this.serviceAccountName,
      engine: this.engine,
      source: props.source,
      runtime: props.runtime._spec,
      protocol: this.protocol,
      minReplicas: min,
      maxReplicas: max,
      target: target ?? (max > min && min > 0 ? ScaleTarget.cpu(80) : undefined),
      batching: props.batching,
      capture:
        this.captureUrl === undefined
          ? undefined
          : { url: this.captureUrl, requestIdHeader: captured?.requestIdHeader },
      resources: resolveResources(props.resources, DEFAULT_RESOURCES),
      gpu: props.gpu,
      pool: props.pool,
      exposure: props.exposure ?? Exposure.clusterLocal(),
      startupSeconds: Math.floor((props.startupTimeout ?? Duration.minutes(10)).toSeconds({ integral: false })),
      env: { ...props.env },
      secrets: { ...props.secrets },
      storageSecret: props.storageSecret,
      egress: [...(props.egress ?? [])],
      imagePullSecrets: [...(props.imagePullSecrets ?? [])],
      loaderImage: props.loaderImage ?? DEFAULT_STORAGE_INITIALIZER_IMAGE,
      predictorOverrides: { ...props.predictorOverrides },
    };
  }

  private check(props: ServedModelProps, spec: ServedModelSpec, captured: CaptureSettings | undefined): void {
    const problems = Problems.of(this);
    checkScaling(props.replicas ?? {}, props.batching, problems);
    checkResources('resources', spec.resources, problems);
    checkEgress(spec.egress, problems);
    checkServedModel(spec, props.runtime, problems);
    if (captured) {
      const { model, predictionLogUri: log } = this;
      checkCapture(captured, { model, spec, runtime: props.runtime, log }, problems);
    }
    if (props.rollout) checkRollout(props.rollout, { model: this.model, spec }, problems);
    problems.checkDuration('startupTimeout', props.startupTimeout, 10);
    if (props.loaderImage !== undefined && this.engine._deploymentMode) {
      problems.add(
        'loaderImage',
        props.loaderImage,
        'has no effect on KServe, which brings its own: StorageInitializer says which',
      );
    }
    problems.check('loaderImage', spec.loaderImage, imageProblem(spec.loaderImage));
    if (props.storageSecret !== undefined) {
      problems.check('storageSecret', props.storageSecret, dnsSubdomainProblem(props.storageSecret));
    }
    for (const namespace of props.callers ?? []) problems.check('callers', namespace, dnsLabelProblem(namespace));
    if (this.engine._deploymentMode && !this.platform.storageInitializer) {
      const choices = 'StorageInitializer.restricted(), .alreadyRestricted() or .asShipped()';
      problems.addText(
        `'platform.storageInitializer' must be decided for ${this.engine.name}, whose storage initializer the profile ` +
          `"restricted" refuses as it is shipped: ${choices}`,
      );
    }
    problems.throwIfAny();
  }

  /** A roll-out brings any version, so the servers must be able to load all of them. */
  private declareAccess({ source, access = [] }: ServedModelProps): void {
    const { platform, model, serviceAccountName } = this;
    platform._access.addArtifacts(model.name, source.modelUri);
    if (platform.modelStore !== undefined)
      platform._access.addArtifacts(model.name, `${platform.modelStore}/${model.name}`);
    const purpose = 'artifacts that are served';
    const loads = { serviceAccountName, reads: true, writes: false, deletes: false, purpose };
    platform._access.addForArtifacts(model.name, loads);
    for (const grant of access) platform._access.add(grant._access(serviceAccountName, "the user's servers"));
  }

  private disruptionBudget(): void {
    new k8s.KubePodDisruptionBudget(this, 'DisruptionBudget', {
      metadata: this.metadata(this.model.name),
      spec: { maxUnavailable: k8s.IntOrString.fromNumber(1), selector: { matchLabels: podSelector(this.model.name) } },
    });
  }

  /** Pods are scraped by their port: KServe's Service leads to its logger, which would take a scrape for a request. */
  private podMonitor(spec: ServedModelSpec): void {
    const mode = spec.engine._deploymentMode;
    // Knative gives the port of the user's container a name of its own.
    const portName = mode === 'Knative' ? 'user-port' : KSERVE_PORT_NAME.Standard;
    new PodMonitor(this, 'Monitor', {
      metadata: this.metadata(this.model.name, this.platform.monitoring.selectionLabels),
      spec: {
        selector: { matchLabels: podSelector(this.model.name) },
        podTargetLabels: [LABELS.model, LABELS.version, LABELS.role],
        podMetricsEndpoints: [
          { port: mode === 'Knative' ? portName : metricsPort(spec, portName), path: spec.runtime.metrics.path },
        ],
      },
    });
  }

  /** Weights and mirrors belong to roll-outs: whole routes are created once, with everything on the stable version. */
  private routes(routes: readonly HttpRouteProps[]): void {
    const bootstrap = BootstrapChart.of(this);
    for (const route of routes)
      new HttpRoute(bootstrap, `HttpRoute-${route.metadata.namespace}-${route.metadata.name}`, route);
  }
}
