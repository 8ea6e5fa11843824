/**
 * Series of other projects that alerts look at.
 *
 * @see https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/workload/pod-metrics.md
 * @see https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/workload/job-metrics.md
 * @see https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/default-counters.csv
 */
export const EXPORTER_SERIES = {
  /** kube-state-metrics: the controller of a pod, `owner_kind` and `owner_name`. */
  podOwner: 'kube_pod_owner',
  /** kube-state-metrics: 1 for the `phase` that a pod is in. */
  podPhase: 'kube_pod_status_phase',
  /** kube-state-metrics: what a container asks for of a `resource`. */
  podRequests: 'kube_pod_container_resource_requests',
  /** kube-state-metrics: 1 for the `reason` for which an init container ended. */
  initContainerEnded: 'kube_pod_init_container_status_terminated_reason',
  /** kube-state-metrics: when a Job was created, in seconds since the epoch. */
  jobCreated: 'kube_job_created',
  /** kube-state-metrics: whether a Job has ended well, as `condition`. */
  jobComplete: 'kube_job_complete',
  /** kube-state-metrics: whether a Job has failed, as `condition`. */
  jobFailed: 'kube_job_failed',
  /** DCGM exporter: percent of the time in which a kernel ran on a GPU, with the pod that has it. */
  gpuUtilization: 'DCGM_FI_DEV_GPU_UTIL',
} as const;
