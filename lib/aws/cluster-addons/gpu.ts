import { GPU_PRESENT_LABEL } from '../../platform/node-pool';
import { type AddonContext, type AddonSpec, monitorValues } from './addon-spec';

/** GPU nodes may have taints of their own: without these pods their GPUs do not exist for Kubernetes, or for Prometheus. */
const TOLERATIONS = [{ operator: 'Exists' }];

/** Any of these says that a node has an NVIDIA GPU; Karpenter sets the second one, also where the first would bring a second device plugin. */
const GPU_NODES = [
  [GPU_PRESENT_LABEL, 'true'],
  ['karpenter.k8s.aws/instance-gpu-manufacturer', 'nvidia'],
];

function gpuNodes(): object {
  const nodeSelectorTerms = GPU_NODES.map(([key, value]) => ({
    matchExpressions: [{ key, operator: 'In', values: [value] }],
  }));
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
}

/** NVIDIA's device plugin, on nodes with the label that GPU node groups have. */
export function nvidiaDevicePlugin(): AddonSpec {
  return {
    key: 'nvidiaDevicePlugin',
    after: ['nodeScaling'],
    releases: [
      {
        name: 'nvidia-device-plugin',
        namespace: 'kube-system',
        repository: 'https://nvidia.github.io/k8s-device-plugin',
        chart: 'nvidia-device-plugin',
        version: '0.20.0',
        relied: { devicePlugin: { enabled: true }, tolerations: TOLERATIONS },
      },
    ],
  };
}

/**
 * NVIDIA's exporter of what GPUs do, for the dashboard and the alerts of GPUs. It runs as root with SYS_ADMIN: not for a namespace with Pod
 * Security. Managed node groups of Bottlerocket have no label by which it finds them: they take `values.affinity`.
 */
export function dcgmExporter(context: AddonContext): AddonSpec {
  return {
    key: 'dcgmExporter',
    after: ['nodeScaling', 'kubePrometheusStack'],
    releases: [
      {
        name: 'dcgm-exporter',
        namespace: 'dcgm-exporter',
        repository: 'https://nvidia.github.io/dcgm-exporter/helm-charts',
        chart: 'dcgm-exporter',
        version: '4.8.3',
        relied: {
          tolerations: TOLERATIONS,
          serviceMonitor: monitorValues(context, 'additionalLabels'),
        },
        defaults: { affinity: gpuNodes() },
      },
    ],
  };
}
