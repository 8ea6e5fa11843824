import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { DERIVED_NAMES } from '../contract';
import { type Model } from '../model/model';
import { dnsLabelProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { objectStoreUriProblem } from '../validation/uri';
import { type ContainerImages } from './container-images';
import { type ContainerResources } from './container-resources';
import { GpuDevicePlugin, GpuDevicePluginDaemonSet } from './gpu-device-plugin';
import { type Mlflow } from './mlflow';
import { MLFLOW_ACCOUNT, MlflowServer } from './mlflow-server';
import { Monitoring } from './monitoring';
import { checkLimits, NamespaceLimits, type NamespaceQuota } from './namespace-limits';
import { checkNetwork, NetworkPolicies, type NetworkOptions } from './network-policies';
import { type ObjectAccess, ObjectAccessList } from './object-access';
import { objectMetadata } from './object-metadata';
import { Pushgateway, PushgatewayServer } from './pushgateway';
import { type SecretReference } from './secret-reference';
import { renderStorageContainer, type StorageInitializer } from './storage-initializer';
import { WorkflowExecutor } from './workflow-executor';

/** Names of the platform's own objects, beside which a model's of that name would stand. */
const RESERVED_NAMES = [
  ...['mlflow', 'mlflow-database', 'pushgateway', 'training', 'mlops', 'workflow-executor'],
  ...['default-deny', 'allow-dns', 'retraining', 'eventbus'],
];

/** What the platform of a namespace consists of. */
export interface MlModelPlatformProps {
  /** Namespace of the platform and of its models. */
  readonly namespace: string;

  /** Where the two containers of the loop come from. */
  readonly images: ContainerImages;

  /** The tracking server and model registry. */
  readonly mlflow: Mlflow;

  /**
   * Whether the namespace is rendered, with the labels of the Pod Security profile.
   *
   * @default true
   */
  readonly createNamespace?: boolean;

  /**
   * Folder in the object store under which artifacts of registered versions are kept for serving, one folder a model,
   * for example `s3://acme-models`.
   *
   * @default - every pipeline names its own
   */
  readonly modelStore?: string;

  /**
   * Folder in the object store under which the prediction logs of served models lie, one folder a model, for example
   * `s3://acme-predictions`.
   *
   * @default - every served model names its own
   */
  readonly predictionStore?: string;

  /**
   * Where short-lived jobs push their metrics.
   *
   * @default Pushgateway.managed()
   */
  readonly pushgateway?: Pushgateway;

  /**
   * How the platform is watched.
   *
   * @default Monitoring.kubePrometheusStack()
   */
  readonly monitoring?: Monitoring;

  /**
   * Who tells Kubernetes of the nodes' GPUs.
   *
   * @default GpuDevicePlugin.providedByNodes()
   */
  readonly gpu?: GpuDevicePlugin;

  /**
   * What is done about KServe's storage initializer, which does not meet the Pod Security profile "restricted" as shipped.
   *
   * @default - not decided: models on KServe are refused, and the namespace enforces "restricted"
   */
  readonly storageInitializer?: StorageInitializer;

  /**
   * Addresses outside the namespace that the loop's pods may reach.
   *
   * @default - any address, on the ports that the loop needs
   */
  readonly network?: NetworkOptions;

  /**
   * What all pods of the namespace together may ask for.
   *
   * @default - no quota
   */
  readonly quota?: NamespaceQuota;

  /**
   * What containers get that ask for nothing.
   *
   * @default - nothing
   */
  readonly containerDefaults?: ContainerResources;
}

/**
 * What a namespace of models needs once: the namespace itself, tracking and registry, a Pushgateway, the GPU device
 * plugin, the account of Argo's executor, network policies and limits.
 *
 * Operators (Argo Workflows, KServe, the Prometheus operator) are not installed by it.
 */
export class MlModelPlatform extends Construct {
  /** Namespace of the platform and of its models. */
  public readonly namespace: string;
  /** Where the two containers of the loop come from. */
  public readonly images: ContainerImages;
  /** How the platform is watched. */
  public readonly monitoring: Monitoring;
  /** Base address of the tracking server and model registry. */
  public readonly mlflowTrackingUri: string;
  /** Bearer token of the tracking server, where it wants one. */
  public readonly mlflowToken?: SecretReference;
  /** Base address of the Pushgateway. */
  public readonly pushgatewayUrl: string;
  /** Folder in the object store for artifacts of registered versions, if one is given for all. */
  public readonly modelStore?: string;
  /** Folder in the object store for prediction logs, if one is given for all. */
  public readonly predictionStore?: string;

  /** What is done about KServe's storage initializer, if that is decided. */
  public readonly storageInitializer?: StorageInitializer;

  /** Who tells Kubernetes of the nodes' GPUs. */
  public readonly gpu: GpuDevicePlugin;

  /** Where short-lived jobs push their metrics. */
  public readonly pushgateway: Pushgateway;

  /** Whether this platform renders the GPU device plugin. */
  public readonly rendersDevicePlugin: boolean;

  /** @internal */
  public readonly _executor: WorkflowExecutor;
  /** @internal */
  public readonly _network: NetworkPolicies;
  /** @internal */
  public readonly _access: ObjectAccessList;

  private readonly schemas = new Map<string, string>();
  private readonly claims = new Map<string, string>();

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: MlModelPlatformProps) {
    super(scope, id);
    this.check(props);
    this.namespace = props.namespace;
    this.images = props.images;
    this.modelStore = props.modelStore;
    this.predictionStore = props.predictionStore;
    this.monitoring = props.monitoring ?? Monitoring.kubePrometheusStack();
    this.storageInitializer = props.storageInitializer;

    const { namespace, monitoring } = this;
    if (props.createNamespace ?? true) this.renderNamespace();

    const storageImage = props.storageInitializer?._image;
    if (storageImage !== undefined) renderStorageContainer(this, storageImage);

    this._access = new ObjectAccessList(namespace);
    const server = props.mlflow._server;
    const mlflow = server && new MlflowServer(this, 'Mlflow', { namespace, monitoring, config: server });
    if (server?.artifactsDestination !== undefined) {
      this._access.add({
        ...{ serviceAccountName: MLFLOW_ACCOUNT, uri: server.artifactsDestination },
        ...{ reads: true, writes: true, deletes: true, purpose: 'artifacts of runs' },
      });
    }
    this.mlflowTrackingUri = mlflow?.url ?? props.mlflow._existing?.url ?? '';
    this.mlflowToken = props.mlflow._token;

    const pushgateway = props.pushgateway ?? Pushgateway.managed();
    this.pushgateway = pushgateway;
    const image = pushgateway._image;
    const pushServer =
      image &&
      new PushgatewayServer(this, 'Pushgateway', { namespace, monitoring, image, volume: pushgateway._volume });
    this.pushgatewayUrl = (pushServer || pushgateway._existing)?.url ?? '';

    this.gpu = props.gpu ?? GpuDevicePlugin.providedByNodes();
    this.rendersDevicePlugin = this.gpu._daemonSet !== undefined;
    if (props.gpu?._daemonSet) new GpuDevicePluginDaemonSet(this, 'GpuDevicePlugin', props.gpu._daemonSet);
    this._executor = new WorkflowExecutor(this, 'WorkflowExecutor', namespace);
    this._network = new NetworkPolicies(this, 'Network', {
      namespace,
      options: props.network ?? {},
      monitoringNamespace: monitoring.namespace,
      existingMlflow: props.mlflow._existing,
      existingPushgateway: pushgateway._existing,
      databasePort: server && !('volumeSize' in server.database) ? server.database._port : undefined,
    });
    if (props.quota ?? props.containerDefaults) {
      new NamespaceLimits(this, 'Limits', namespace, props.quota, props.containerDefaults);
    }
  }

  /**
   * What the pods of the namespace do with objects of an object store, by service account: everything that the constructs declared so
   * far. The cloud half makes their permissions of it, so ask when all of them are there.
   */
  public get objectAccess(): readonly ObjectAccess[] {
    return this._access.all();
  }

  /**
   * The ConfigMap with the model's schema file, rendered once however many constructs read it.
   *
   * @returns the name of the ConfigMap
   * @throws ValidationError when another model of the same name was added before.
   */
  public addModel(model: Model): string {
    const content = model.toSchemaJson();
    const before = this.schemas.get(model.name);
    if (before !== undefined && before !== content) {
      const problems = Problems.of(this);
      problems.addText(`two different models are named '${model.name}': pass the same Model object to every construct`);
      problems.throwIfAny();
    }
    const name = model.objectName('schema');
    if (before === undefined) {
      this.checkModelName(model);
      this.schemas.set(model.name, content);
      new k8s.KubeConfigMap(this, `Schema-${model.name}`, {
        metadata: objectMetadata({ name, namespace: this.namespace, app: 'model-schema', model: model.name }),
        data: { 'schema.json': content },
      });
    }
    return name;
  }

  /**
   * Adds a model for a construct of which there can be one for each model: two would render the same objects.
   *
   * @internal
   */
  public _claim(what: string, construct: Construct, model: Model): void {
    const key = `${what} ${model.name}`;
    const other = this.claims.get(key);
    if (other !== undefined) {
      const problems = Problems.of(construct);
      problems.addText(
        `the model '${model.name}' has a ${what} already, '${other}': two would render the same objects`,
      );
      problems.throwIfAny();
    }
    this.claims.set(key, construct.node.path);
    this.addModel(model);
  }

  /** Names that this model's objects would share with the platform's or another model's. */
  private checkModelName({ name }: Model): void {
    const problems = Problems.of(this);
    if (RESERVED_NAMES.includes(name)) {
      problems.addText(`a model cannot be named '${name}': the platform has objects of that name`);
    }
    for (const { suffix } of Object.values(DERIVED_NAMES)) {
      const [longer, shorter] = [`${name}${suffix}`, name.endsWith(suffix) ? name.slice(0, -suffix.length) : ''];
      if (this.schemas.has(longer)) problems.addText(sharedName(name, longer));
      if (this.schemas.has(shorter)) problems.addText(sharedName(shorter, name));
    }
    problems.throwIfAny();
  }

  private renderNamespace(): void {
    const level = 'restricted';
    const enforce = this.storageInitializer?.enforceable ?? level;
    new k8s.KubeNamespace(this, 'Namespace', {
      metadata: objectMetadata({
        name: this.namespace,
        app: 'mlops',
        labels: {
          'pod-security.kubernetes.io/enforce': enforce,
          'pod-security.kubernetes.io/audit': level,
          'pod-security.kubernetes.io/warn': level,
        },
      }),
    });
  }

  private check(props: MlModelPlatformProps): void {
    const problems = Problems.of(this);
    problems.check('namespace', props.namespace, dnsLabelProblem(props.namespace));
    for (const [name, uri] of Object.entries({
      modelStore: props.modelStore,
      predictionStore: props.predictionStore,
    })) {
      if (uri !== undefined) problems.check(name, uri, objectStoreUriProblem(uri));
    }
    if (props.gpu?._daemonSet?.namespace !== undefined) {
      problems.check('gpu.namespace', props.gpu._daemonSet.namespace, dnsLabelProblem(props.gpu._daemonSet.namespace));
    }
    for (const other of this.node.root.node.findAll()) {
      if (other === this || !(other instanceof MlModelPlatform)) continue;
      const at = `'${other.node.path}'`;
      if (other.namespace === props.namespace)
        problems.add('namespace', props.namespace, `has a platform already, ${at}`);
      if (props.gpu?._daemonSet && other.rendersDevicePlugin) {
        problems.addText(`'gpu' is rendered by ${at} already, for the whole cluster: leave it out here`);
      }
      if (props.storageInitializer?._image !== undefined && other.storageInitializer?._image !== undefined) {
        const remedy = 'use StorageInitializer.alreadyRestricted() here';
        problems.addText(`'storageInitializer' is rendered by ${at} already, for the whole cluster: ${remedy}`);
      }
    }
    checkNetwork(props.network ?? {}, problems);
    checkLimits(props.quota, props.containerDefaults, problems);
    problems.throwIfAny();
  }
}

function sharedName(short: string, long: string): string {
  return `models cannot be named '${short}' and '${long}': objects of the first have the name of the second`;
}
