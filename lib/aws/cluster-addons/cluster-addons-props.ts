import { type ITerraformDependable } from 'cdktf';
import { type GpuDevicePlugin } from '../../platform/gpu-device-plugin';
import { type GpuNodeImage } from '../../platform/gpu-node-image';
import { type Monitoring } from '../../platform/monitoring';
import { type Pushgateway } from '../../platform/pushgateway';
import { type StorageInitializer } from '../../platform/storage-initializer';
import { type IdentityProvider } from '../identity-provider';
import { type Addon } from './addon';
import { type MonitoringStorage } from './kube-prometheus-stack';
import { type NodeScaling } from './node-scaling';

/** What `MlModelPlatform` is told that add-ons must agree with: the same objects, under the same names, with the same defaults. */
export interface ManifestChoices {
  /**
   * How the platform is watched: it names the release of the kube-prometheus-stack and its namespace.
   *
   * @default Monitoring.kubePrometheusStack()
   */
  readonly monitoring?: Monitoring;

  /**
   * Who tells Kubernetes of the nodes' GPUs, as the manifests see it.
   *
   * @default GpuDevicePlugin.providedByNodes()
   */
  readonly gpu?: GpuDevicePlugin;

  /**
   * Where jobs push their metrics.
   *
   * @default Pushgateway.managed()
   */
  readonly pushgateway?: Pushgateway;

  /**
   * What the manifests do about KServe's storage initializer: where they render it, KServe's chart does not.
   *
   * @default - nothing
   */
  readonly storageInitializer?: StorageInitializer;
}

/** Which add-ons a cluster gets, and how. */
export interface ClusterAddonsOptions {
  /**
   * Who adds and removes nodes.
   *
   * @default NodeScaling.clusterAutoscaler()
   */
  readonly nodeScaling?: NodeScaling;

  /**
   * cert-manager: KServe needs it.
   *
   * @default Addon.install()
   */
  readonly certManager?: Addon;

  /**
   * Envoy Gateway with the CRDs of the Gateway API. `ModelGateway` renders the Gateway.
   *
   * @default Addon.install()
   */
  readonly envoyGateway?: Addon;

  /**
   * KServe in its mode "Standard". Its mode "Knative" needs Knative Serving, which is not among the add-ons.
   *
   * @default Addon.install()
   */
  readonly kserve?: Addon;

  /**
   * Gateway for the routes that KServe makes itself, for models with `Exposure.byKserve()`: `<namespace>/<name>`.
   *
   * @default - KServe makes none: models have routes of their own
   */
  readonly kserveGateway?: string;

  /**
   * Argo Workflows.
   *
   * @default Addon.install()
   */
  readonly argoWorkflows?: Addon;

  /**
   * Argo Rollouts with its plugin for the Gateway API: for models that are served by plain Deployments.
   *
   * @default Addon.install()
   */
  readonly argoRollouts?: Addon;

  /**
   * Argo Events: for retraining on alerts.
   *
   * @default Addon.install()
   */
  readonly argoEvents?: Addon;

  /**
   * Prometheus, Alertmanager and Grafana. Left out, no add-on gets a monitor.
   *
   * @default Addon.install()
   */
  readonly kubePrometheusStack?: Addon;

  /**
   * Volumes of Prometheus and Alertmanager. They take a StorageClass that is there before the add-ons are.
   *
   * @default - none: what they know is lost with their pods
   */
  readonly monitoringStorage?: MonitoringStorage;

  /**
   * A Pushgateway for all platforms. Manifests then push to it: `Pushgateway.existing(addons.pushgatewayUrl)`.
   *
   * @default Addon.leftOut()
   */
  readonly pushgateway?: Addon;

  /**
   * NVIDIA's device plugin.
   *
   * @default - installed, unless the manifests render it or all images of the GPU nodes bring it
   */
  readonly nvidiaDevicePlugin?: Addon;

  /**
   * NVIDIA's exporter of GPU metrics.
   *
   * @default Addon.install()
   */
  readonly dcgmExporter?: Addon;

  /**
   * External Secrets.
   *
   * @default Addon.install()
   */
  readonly externalSecrets?: Addon;

  /**
   * KEDA. Nothing that is rendered needs it.
   *
   * @default Addon.leftOut()
   */
  readonly keda?: Addon;

  /**
   * Metrics Server: replicas that follow CPU or memory need it. EKS has it as an add-on of its own, which `EksCluster` brings.
   *
   * @default Addon.provided()
   */
  readonly metricsServer?: Addon;
}

/** The add-ons of a cluster. */
export interface ClusterAddonsProps extends ClusterAddonsOptions {
  /** Name of the EKS cluster, as the program says it. Let the cluster `precede` the add-ons, or give `dependsOn`. */
  readonly clusterName: string;

  /** Region of the cluster. */
  readonly region: string;

  /** The account, twelve digits. */
  readonly accountId: string;

  /**
   * What the manifests were told. Give the same objects to both halves.
   *
   * @default - what `MlModelPlatform` takes for granted
   */
  readonly manifests?: ManifestChoices;

  /**
   * Images of the GPU nodes. Nodes of Bottlerocket bring the device plugin; the add-on leaves them alone.
   *
   * @default - some that do not bring it
   */
  readonly gpuNodeImages?: readonly GpuNodeImage[];

  /**
   * ARNs of the secrets that External Secrets reads with its own identity.
   *
   * @default - none: it has no identity in AWS
   */
  readonly secretArns?: readonly string[];

  /**
   * ARNs of the keys that encrypt those secrets.
   *
   * @default - AWS's own key, which needs no grant
   */
  readonly secretKeyArns?: readonly string[];

  /**
   * How add-ons become their roles.
   *
   * @default IdentityProvider.podIdentity()
   */
  readonly identityProvider?: IdentityProvider;

  /**
   * ARN of a policy that bounds what the roles may do.
   *
   * @default - none
   */
  readonly permissionsBoundaryArn?: string;

  /**
   * What every release comes after: nodes that are up, the Pod Identity agent, the driver of volumes.
   *
   * @default - nothing
   */
  readonly dependsOn?: ITerraformDependable[];

  /**
   * Tags of the roles.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}
