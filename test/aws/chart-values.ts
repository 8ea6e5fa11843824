/** Where the values of a chart are written down. */
export interface ChartValues {
  /** The file that they were looked up in: repository, version or commit, path. */
  readonly source: string;
  /** Every path that we set. One that ends in `.*` is a map whose keys are free. */
  readonly paths: readonly string[];
  /** The Go module that the chart is part of, and its folder there: those are rendered by Helm, too. */
  readonly module?: { readonly path: string; readonly version: string; readonly directory: string };
}

const KSERVE = { path: 'github.com/kserve/kserve', version: 'v0.20.0' };
const KARPENTER = { path: 'github.com/aws/karpenter-provider-aws', version: 'v1.15.1' };

/** The values that are set in each chart. One that is not here was not looked up in the chart. */
export const CHART_VALUES: Readonly<Record<string, ChartValues>> = {
  'cluster-autoscaler': {
    source: 'kubernetes/autoscaler:charts/cluster-autoscaler/{values.yaml,templates/role.yaml}',
    paths: [
      ...['cloudProvider', 'awsRegion', 'autoDiscovery.clusterName', 'image.tag', 'extraArgs.*', 'expanderPriorities'],
      ...['rbac.create', 'rbac.serviceAccount.create', 'rbac.serviceAccount.name', 'rbac.serviceAccount.annotations.*'],
    ],
  },
  karpenter: {
    source: 'aws/karpenter-provider-aws@v1.15.1:charts/karpenter/values.yaml',
    module: { ...KARPENTER, directory: 'charts/karpenter' },
    paths: [
      ...['serviceAccount.create', 'serviceAccount.name', 'serviceAccount.annotations.*'],
      ...['settings.clusterName', 'settings.interruptionQueue', 'controller.resources.*'],
    ],
  },
  'karpenter-crd': {
    source: 'aws/karpenter-provider-aws@v1.15.1:charts/karpenter-crd/values.yaml',
    module: { ...KARPENTER, directory: 'charts/karpenter-crd' },
    paths: [],
  },
  'kube-prometheus-stack': {
    source:
      'prometheus-community/helm-charts@001f3a6:charts/kube-prometheus-stack/values.yaml, and for Grafana ' +
      'grafana-community/helm-charts:charts/grafana/values.yaml',
    paths: [
      'crds.enabled',
      'prometheus.enabled',
      ...['ruleSelectorNilUsesHelmValues', 'serviceMonitorSelectorNilUsesHelmValues'].map(inPrometheus),
      ...['podMonitorSelectorNilUsesHelmValues', 'ruleNamespaceSelector', 'serviceMonitorNamespaceSelector'].map(
        inPrometheus,
      ),
      ...['podMonitorNamespaceSelector', 'overrideHonorLabels', 'retention', 'retentionSize', 'storageSpec.*'].map(
        inPrometheus,
      ),
      'alertmanager.enabled',
      ...['alertmanagerConfigSelector', 'alertmanagerConfigNamespaceSelector', 'storage.*'].map(inAlertmanager),
      inAlertmanager('alertmanagerConfigMatcherStrategy.*'),
      'kubeStateMetrics.enabled',
      'grafana.enabled',
      'grafana.adminPassword',
      ...['enabled', 'label', 'labelValue', 'searchNamespace', 'folderAnnotation'].map(inSidecar),
      inSidecar('provider.foldersFromFilesStructure'),
      ...['kubeControllerManager', 'kubeScheduler', 'kubeEtcd', 'kubeProxy'].map((key) => `${key}.enabled`),
    ],
  },
  'cert-manager': {
    source: 'cert-manager/cert-manager@v1.21.1:deploy/charts/cert-manager/values.yaml',
    module: {
      ...{ path: 'github.com/cert-manager/cert-manager', version: 'v1.21.1' },
      directory: 'deploy/charts/cert-manager',
    },
    paths: [
      ...['crds.enabled', 'crds.keep', 'prometheus.enabled'],
      ...['prometheus.servicemonitor.enabled', 'prometheus.servicemonitor.labels.*'],
    ],
  },
  'gateway-helm': {
    source: 'envoyproxy/gateway@v1.9.0:charts/gateway-helm/values.tmpl.yaml',
    module: {
      ...{ path: 'github.com/envoyproxy/gateway', version: 'v1.9.0' },
      directory: 'charts/gateway-helm',
    },
    // The configuration is Envoy Gateway's own, of the type EnvoyGateway.
    paths: ['crds.enabled', 'config.envoyGateway.*'],
  },
  'kserve-crd': {
    source: 'kserve/kserve@v0.20.0:charts/kserve-crd/values.yaml',
    module: { ...KSERVE, directory: 'charts/kserve-crd' },
    paths: [],
  },
  'kserve-resources': {
    source: 'kserve/kserve@v0.20.0:charts/kserve-resources/values.yaml',
    module: { ...KSERVE, directory: 'charts/kserve-resources' },
    paths: [
      ...['createSharedResources', 'inferenceServiceConfig.enabled', 'certManager.enabled'].map(
        (key) => `kserve.${key}`,
      ),
      'kserve.controller.deploymentMode',
      ...['disableIngressCreation', 'disableIstioVirtualHost', 'ingressGateway.enableGatewayApi'].map(inKserveGateway),
      ...['ingressGateway.createGateway', 'ingressGateway.kserveGateway'].map(inKserveGateway),
    ],
  },
  'kserve-runtime-configs': {
    source: 'kserve/kserve@v0.20.0:charts/kserve-runtime-configs/values.yaml',
    module: { ...KSERVE, directory: 'charts/kserve-runtime-configs' },
    paths: ['kserve.servingruntime.enabled', 'kserve.servingruntime.mlserver.tag'],
  },
  'argo-workflows': {
    source:
      'argoproj/argo-helm:charts/argo-workflows/values.yaml (9ca3f06), templates/crds.yaml (1b96015), ' +
      'templates/crds-install-job.yaml (06ce360)',
    paths: [
      ...['crds.install', 'crds.keep', 'crds.full', 'singleNamespace', 'workflow.rbac.create', 'server.enabled'],
      ...['executor.securityContext', 'controller.instanceID.enabled'],
      ...['controller.metricsConfig.enabled', 'controller.metricsConfig.secure'],
      ...['controller.serviceMonitor.enabled', 'controller.serviceMonitor.additionalLabels.*'],
    ],
  },
  'argo-rollouts': {
    source: 'argoproj/argo-helm@0071700:charts/argo-rollouts/values.yaml',
    paths: [
      ...['installCRDs', 'keepCRDs', 'clusterInstall', 'providerRBAC.enabled'],
      ...['initContainers', 'trafficRouterPlugins', 'volumes', 'volumeMounts'].map((key) => `controller.${key}`),
      ...['controller.metrics.enabled', 'controller.metrics.serviceMonitor.enabled'],
      'controller.metrics.serviceMonitor.additionalLabels.*',
      ...['istio', 'smi', 'ambassador', 'awsLoadBalancerController', 'awsAppMesh', 'traefik', 'apisix'].map(
        inProviders,
      ),
      ...['contour', 'glooPlatform', 'gatewayAPI'].map(inProviders),
    ],
  },
  'argo-events': {
    source: 'argoproj/argo-helm@03779e2:charts/argo-events/README.md',
    paths: [
      ...['crds.install', 'crds.keep', 'configs.jetstream.versions'],
      ...['controller.rbac.enabled', 'controller.rbac.namespaced', 'controller.metrics.enabled'],
      ...['controller.metrics.serviceMonitor.enabled', 'controller.metrics.serviceMonitor.additionalLabels.*'],
    ],
  },
  'external-secrets': {
    source: 'external-secrets/external-secrets@00c5cec:deploy/charts/external-secrets/values.yaml',
    paths: [
      ...['installCRDs', 'crds.createSecretStore', 'processSecretStore'],
      ...['serviceAccount.create', 'serviceAccount.name', 'serviceAccount.annotations.*'],
      ...['serviceMonitor.enabled', 'serviceMonitor.additionalLabels.*'],
    ],
  },
  'prometheus-pushgateway': {
    source: 'prometheus-community/helm-charts@014595e:charts/prometheus-pushgateway/values.yaml',
    paths: [
      ...['replicaCount', 'service.port', 'service.targetPort', 'automountServiceAccountToken', 'extraArgs'],
      ...['securityContext.*', 'containerSecurityContext.*'],
      ...['enabled', 'additionalLabels.*', 'honorLabels', 'relabelings', 'namespace'].map(
        (key) => `serviceMonitor.${key}`,
      ),
    ],
  },
  'nvidia-device-plugin': {
    source: 'NVIDIA/k8s-device-plugin@00f2a02:deployments/helm/nvidia-device-plugin/values.yaml',
    paths: ['devicePlugin.enabled', 'tolerations'],
  },
  'dcgm-exporter': {
    source: 'NVIDIA/dcgm-exporter:deployment/values.yaml (000ca0f), templates/service-monitor.yaml (1f7abdb)',
    paths: ['tolerations', 'affinity.*', 'serviceMonitor.enabled', 'serviceMonitor.additionalLabels.*'],
  },
  keda: {
    source: 'kedacore/charts:keda/values.yaml, keda/README.md',
    paths: [
      ...['crds.install', 'prometheus.operator.enabled'],
      ...['prometheus.operator.serviceMonitor.enabled', 'prometheus.operator.serviceMonitor.additionalLabels.*'],
    ],
  },
  'metrics-server': {
    source: 'kubernetes-sigs/metrics-server@v0.9.0:charts/metrics-server/values.yaml',
    module: { path: 'sigs.k8s.io/metrics-server', version: 'v0.9.0', directory: 'charts/metrics-server' },
    paths: ['apiService.create'],
  },
};

function inPrometheus(key: string): string {
  return `prometheus.prometheusSpec.${key}`;
}

function inAlertmanager(key: string): string {
  return `alertmanager.alertmanagerSpec.${key}`;
}

function inSidecar(key: string): string {
  return `grafana.sidecar.dashboards.${key}`;
}

function inKserveGateway(key: string): string {
  return `kserve.controller.gateway.${key}`;
}

function inProviders(key: string): string {
  return `providerRBAC.providers.${key}`;
}
