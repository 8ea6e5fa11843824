import { type AddonContext, type AddonSpec, monitorValues } from './addon-spec';

/** KEDA: nothing that is rendered needs it; for scaling by events of one's own. */
export function keda(context: AddonContext): AddonSpec {
  const monitor = { enabled: context.monitored, serviceMonitor: monitorValues(context, 'additionalLabels') };
  return {
    key: 'keda',
    after: ['nodeScaling', 'kubePrometheusStack'],
    releases: [
      {
        name: 'keda',
        namespace: 'keda',
        repository: 'https://kedacore.github.io/charts',
        chart: 'keda',
        version: '2.20.2',
        relied: { crds: { install: true } },
        defaults: { prometheus: { operator: monitor } },
      },
    ],
  };
}

/** Metrics Server: autoscaling by CPU and memory asks it. */
export function metricsServer(): AddonSpec {
  return {
    key: 'metricsServer',
    after: ['nodeScaling'],
    releases: [
      {
        name: 'metrics-server',
        namespace: 'kube-system',
        repository: 'https://kubernetes-sigs.github.io/metrics-server',
        chart: 'metrics-server',
        version: '3.13.1',
        relied: { apiService: { create: true } },
      },
    ],
  };
}
