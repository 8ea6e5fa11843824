import { type AddonContext, type AddonSpec } from './addon-spec';

/** The registry of the Prometheus community's charts. */
export const PROMETHEUS_CHARTS = 'oci://ghcr.io/prometheus-community/charts';

/** Where Prometheus and Alertmanager keep what they know. */
export interface MonitoringStorage {
  /**
   * Name of the StorageClass of their volumes, for example `gp3`.
   *
   * @default - the default class of the cluster; `EksCluster` has one
   */
  readonly storageClassName?: string;

  /**
   * Size of Prometheus' volume in GiB.
   *
   * @default 50
   */
  readonly prometheusGib?: number;
}

/** Where alerts and dashboards look furthest back: to the versions of the last fifteen days. */
const RETENTION = '15d';
const ALERTMANAGER_GIB = 2;
const PROMETHEUS_GIB = 50;

/** Prometheus, Alertmanager and Grafana, which select what the manifests render. */
export function kubePrometheusStack({ monitoring }: AddonContext, storage: MonitoringStorage | undefined): AddonSpec {
  const { release = '' } = monitoring.selectionLabels;
  return {
    key: 'kubePrometheusStack',
    after: ['nodeScaling'],
    releases: [
      {
        name: release,
        namespace: monitoring.namespace,
        repository: PROMETHEUS_CHARTS,
        chart: 'kube-prometheus-stack',
        version: '88.5.3',
        relied: {
          crds: { enabled: true },
          prometheus: {
            enabled: true,
            prometheusSpec: {
              // Objects with the label of the release are selected, in all namespaces.
              ruleSelectorNilUsesHelmValues: true,
              serviceMonitorSelectorNilUsesHelmValues: true,
              podMonitorSelectorNilUsesHelmValues: true,
              ruleNamespaceSelector: {},
              serviceMonitorNamespaceSelector: {},
              podMonitorNamespaceSelector: {},
              // Pushed metrics keep the namespace and the model of who pushed them.
              overrideHonorLabels: false,
            },
          },
          alertmanager: {
            enabled: true,
            alertmanagerSpec: {
              alertmanagerConfigSelector: {},
              alertmanagerConfigNamespaceSelector: {},
              // A namespace routes and silences its own alerts only.
              alertmanagerConfigMatcherStrategy: { type: 'OnNamespace' },
            },
          },
          // The dashboard of GPUs asks what pods request and how they are.
          kubeStateMetrics: { enabled: true },
          grafana: {
            enabled: true,
            sidecar: {
              dashboards: {
                enabled: true,
                label: 'grafana_dashboard',
                labelValue: '1',
                searchNamespace: 'ALL',
                folderAnnotation: 'grafana_folder',
                provider: { foldersFromFilesStructure: true },
              },
            },
          },
        },
        defaults: {
          prometheus: { prometheusSpec: { retention: RETENTION, ...prometheusVolume(storage) } },
          alertmanager: { alertmanagerSpec: alertmanagerVolume(storage) },
          // Not said, Grafana's chart makes up a password; said, it would be the same everywhere.
          grafana: { adminPassword: null },
          // EKS runs these itself and lets nobody scrape them: alerts on their absence would fire for ever.
          kubeControllerManager: { enabled: false },
          kubeScheduler: { enabled: false },
          kubeEtcd: { enabled: false },
          // It listens on its node's own address only.
          kubeProxy: { enabled: false },
        },
      },
    ],
  };
}

function volume({ storageClassName }: MonitoringStorage, gib: number): object {
  const resources = { requests: { storage: `${gib}Gi` } };
  return { volumeClaimTemplate: { spec: { storageClassName, accessModes: ['ReadWriteOnce'], resources } } };
}

function prometheusVolume(storage: MonitoringStorage | undefined): object {
  if (!storage) return {};
  const gib = storage.prometheusGib ?? PROMETHEUS_GIB;
  // A tenth is left for the log that is written ahead.
  return { storageSpec: volume(storage, gib), retentionSize: `${Math.floor(gib * 0.9)}GiB` };
}

function alertmanagerVolume(storage: MonitoringStorage | undefined): object {
  return storage ? { storage: volume(storage, ALERTMANAGER_GIB) } : {};
}
