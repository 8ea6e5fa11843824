import { type MetricSpec } from 'cdk8s-mlops/contract';

/** A metric of another project, as far as the dashboards use it. */
export type ExporterMetric = Pick<MetricSpec, 'name' | 'type' | 'unit' | 'labels'>;

const OF_A_GPU = ['gpu', 'UUID', 'modelName', 'Hostname'] as const;
const gpu = (name: string, unit: string): ExporterMetric => ({ name, type: 'gauge', unit, labels: OF_A_GPU });

/**
 * Every metric that the dashboards name and the loop does not export itself.
 *
 * @see https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/default-counters.csv
 * @see https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
 * @see https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/#inspecting-alerts-during-runtime
 */
export const EXPORTER_METRICS = {
  gpuUtilization: gpu('DCGM_FI_DEV_GPU_UTIL', 'percent'),
  gpuMemoryUsed: gpu('DCGM_FI_DEV_FB_USED', 'MiB'),
  gpuMemoryFree: gpu('DCGM_FI_DEV_FB_FREE', 'MiB'),
  gpuTemperature: gpu('DCGM_FI_DEV_GPU_TEMP', 'degrees Celsius'),
  gpuPower: gpu('DCGM_FI_DEV_POWER_USAGE', 'watts'),
  gpuXidErrors: gpu('DCGM_FI_DEV_XID_ERRORS', 'code of the last error'),
  podRequests: {
    name: 'kube_pod_container_resource_requests',
    type: 'gauge',
    unit: 'of the resource',
    labels: ['namespace', 'pod', 'container', 'node', 'resource', 'unit', 'uid'],
  },
  podPhase: {
    name: 'kube_pod_status_phase',
    type: 'gauge',
    unit: '1 where it is so',
    labels: ['namespace', 'pod', 'phase', 'uid'],
  },
  nodeAllocatable: {
    name: 'kube_node_status_allocatable',
    type: 'gauge',
    unit: 'of the resource',
    labels: ['node', 'resource', 'unit'],
  },
  alerts: {
    name: 'ALERTS',
    type: 'gauge',
    unit: '1 where it is so',
    labels: ['alertname', 'alertstate', 'severity', 'namespace', 'model', 'version'],
  },
} as const satisfies Record<string, ExporterMetric>;
