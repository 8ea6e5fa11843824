import { labelVariable, newDashboard } from './dashboard';
import { EXPORTER_METRICS } from './exporters';
import { goodFrom, NO_LIMITS, worseFrom } from './limits';
import { lines, stat, table } from './panels';
import { select } from './queries';

const { gpuUtilization, gpuMemoryUsed, gpuMemoryFree, gpuTemperature, gpuPower, gpuXidErrors } = EXPORTER_METRICS;
const { podRequests, podPhase, nodeAllocatable } = EXPORTER_METRICS;

const OF_A_GPU = 'Hostname, gpu, modelName';
const LEGEND = '{{Hostname}} {{gpu}} {{modelName}}';
// The namespace of DCGM's series is that of the workload or of the exporter, as Prometheus is configured: they are shown by device.
const ON_HOSTS = ['Hostname=~"$host"'];
const device = (metric: typeof gpuPower): string => `max by (${OF_A_GPU}) (${select(metric, ON_HOSTS)})`;
const used = `max by (${OF_A_GPU}) (${select(gpuMemoryUsed, ON_HOSTS)})`;
const free = `max by (${OF_A_GPU}) (${select(gpuMemoryFree, ON_HOSTS)})`;

// kube-state-metrics writes `nvidia.com/gpu` so; MIG partitions have names of their own.
const NVIDIA = 'resource=~"nvidia_com_.+"';
const active = `on (namespace, pod) group_left () (max by (namespace, pod) (${select(podPhase, ['phase=~"Pending|Running"'])}) == 1)`;
const requested = `sum by (namespace, pod) (${select(podRequests, [NVIDIA])}) * ${active}`;
const requestedByAll = `sum by (namespace, pod) (${podRequests.name}{${NVIDIA}}) * on (namespace, pod) group_left () (max by (namespace, pod) (${podPhase.name}{phase="Running"}) == 1)`;
const pending = `sum by (namespace, pod) (${select(podRequests, [NVIDIA])}) and on (namespace, pod) (max by (namespace, pod) (${select(podPhase, ['phase="Pending"'])}) == 1)`;

/** What the GPUs do, and who has asked for them. */
export const GPU = newDashboard({
  name: 'gpu',
  title: 'MLOps / GPU',
  description: "What the GPUs do, by NVIDIA's DCGM exporter, and who has asked for them, by kube-state-metrics.",
  variables: [
    labelVariable('namespace', [podRequests], 'many', [NVIDIA]),
    labelVariable('Hostname', [gpuUtilization], 'many', []).name('host').label('Host'),
  ],
  ofModels: false,
  rows: {
    Now: [
      stat({
        title: 'GPUs requested',
        description:
          'Share of the GPUs of the cluster that running pods have asked for. What nobody asked for is paid for idle.',
        unit: 'percentunit',
        queries: [[`sum(${requestedByAll}) / sum(${select(nodeAllocatable, [NVIDIA])})`, 'requested']],
        limits: goodFrom(0.3, 0.6),
        width: 6,
        min: 0,
        max: 1,
      }),
      stat({
        title: 'Mean utilization',
        description: 'Mean share of the time in which a kernel ran, of the GPUs of the chosen hosts.',
        unit: 'percent',
        queries: [[`avg(${select(gpuUtilization, ON_HOSTS)})`, 'utilization']],
        limits: goodFrom(20, 50),
        width: 6,
        min: 0,
        max: 100,
      }),
      stat({
        title: 'GPUs that do nothing',
        description: 'GPUs of the chosen hosts in which no kernel ran for half an hour.',
        unit: 'short',
        queries: [[`count(max_over_time(${select(gpuUtilization, ON_HOSTS)}[30m]) < 1) or on () vector(0)`, 'idle']],
        limits: worseFrom(1),
        width: 6,
      }),
      stat({
        title: 'Pods waiting for a GPU',
        description: 'Pods that have asked for a GPU and are pending: for want of nodes, quota or spot capacity.',
        unit: 'short',
        queries: [[`count(${pending}) or on () vector(0)`, 'pending']],
        limits: worseFrom(1),
        width: 6,
      }),
    ],
    Devices: [
      lines({
        title: 'Utilization',
        description: 'Share of the time in which a kernel ran. A kernel that uses a part of the GPU counts in full.',
        unit: 'percent',
        queries: [[device(gpuUtilization), LEGEND]],
        limits: NO_LIMITS,
        width: 12,
        min: 0,
        max: 100,
      }),
      lines({
        title: 'Memory',
        description: 'Share of the frame buffer that is in use.',
        unit: 'percentunit',
        queries: [[`${used} / (${used} + ${free})`, LEGEND]],
        limits: worseFrom(0.9, 0.97),
        width: 12,
        min: 0,
        max: 1,
      }),
      lines({
        title: 'Temperature',
        description: 'Temperature of the device. Hot devices slow themselves down.',
        unit: 'celsius',
        queries: [[`max by (${OF_A_GPU}) (${select(gpuTemperature, ON_HOSTS)})`, LEGEND]],
        limits: worseFrom(80, 90),
        width: 8,
      }),
      lines({
        title: 'Power',
        description: 'Power that the device draws.',
        unit: 'watt',
        queries: [[device(gpuPower), LEGEND]],
        limits: NO_LIMITS,
        width: 8,
        min: 0,
      }),
      lines({
        title: 'Last XID error',
        description:
          "Code of the last error that the driver reported, 0 for none: NVIDIA's list of XID errors says what it means.",
        unit: 'none',
        queries: [[`max by (${OF_A_GPU}) (${select(gpuXidErrors, ON_HOSTS)})`, LEGEND]],
        limits: worseFrom(1),
        width: 8,
        min: 0,
      }),
    ],
    Requests: [
      table(
        {
          title: 'Pods with GPUs',
          description: 'Pods that are pending or running, with the GPUs that they have asked for.',
          unit: 'short',
          limits: NO_LIMITS,
          width: 24,
          height: 9,
        },
        [{ name: 'GPUs', expression: requested, unit: 'short', limits: NO_LIMITS }],
      ),
    ],
  },
});
