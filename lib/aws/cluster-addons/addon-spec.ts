import { type Monitoring } from '../../platform/monitoring';
import { type PolicyStatement } from '../access-policy';
import { type HelmValues } from './helm-values';

/** The add-ons, by the names of their props. */
export type AddonKey =
  | 'certManager'
  | 'envoyGateway'
  | 'kserve'
  | 'argoWorkflows'
  | 'argoRollouts'
  | 'argoEvents'
  | 'kubePrometheusStack'
  | 'pushgateway'
  | 'nvidiaDevicePlugin'
  | 'dcgmExporter'
  | 'externalSecrets'
  | 'keda'
  | 'metricsServer'
  | 'nodeScaling';

/** One Helm release. */
export interface ChartRelease {
  /** Name of the release, and its id among the constructs. */
  readonly name: string;
  readonly namespace: string;
  readonly repository: string;
  readonly chart: string;
  readonly version: string;
  /** What the manifests rely on: nobody may change it. */
  readonly relied: HelmValues;
  /** What suits EKS and the loop, and may be changed. */
  readonly defaults?: HelmValues;
  /** A chart of CustomResourceDefinitions: values of the user are not for it. */
  readonly onlyCrds?: boolean;
  /** Whether the CRDs of the chart are installed by another one. */
  readonly skipCrds?: boolean;
}

/** What a service account of an add-on may do in AWS. */
export interface AddonIdentity {
  /** Name of the add-on's prop, for example `externalSecrets`. */
  readonly addon: string;
  /** Namespace of the service account. */
  readonly namespace: string;
  /** Name of the service account, which the chart makes. */
  readonly serviceAccountName: string;
  /** Statements of the policy of its role. */
  readonly statements: readonly PolicyStatement[];
}

/** All that there is to know of one add-on. */
export interface AddonSpec {
  readonly key: AddonKey;
  /** In the order in which they are installed. */
  readonly releases: readonly ChartRelease[];
  /** What it does not work without. */
  readonly needs?: readonly AddonKey[];
  /** What it comes after where both are installed. */
  readonly after?: readonly AddonKey[];
  readonly identity?: Omit<AddonIdentity, 'addon'> & {
    /** Where the chart takes annotations of that account. */
    readonly annotations: (annotations: HelmValues) => HelmValues;
  };
}

/** What the add-ons have to know of the cluster and of each other. */
export interface AddonContext {
  readonly clusterName: string;
  readonly region: string;
  readonly partition: string;
  readonly accountId: string;
  readonly monitoring: Monitoring;
  /** Whether there is a Prometheus operator that reads ServiceMonitors. */
  readonly monitored: boolean;
}

/** Values of a monitor that the operator selects; none where there is no operator, which is what its kind is of. */
export function monitorValues(
  { monitored, monitoring }: AddonContext,
  labels: string,
  more: HelmValues = {},
): HelmValues {
  return monitored ? { enabled: true, [labels]: monitoring.selectionLabels, ...more } : { enabled: false };
}
