import { type AddonContext, type AddonSpec, monitorValues } from './addon-spec';

/** The Helm repository of the Argo project. */
export const ARGO_CHARTS = 'https://argoproj.github.io/argo-helm';

/** Argo Workflows: training and roll-outs run on it. Pods of workflows have accounts and roles from the manifests. */
export function argoWorkflows(context: AddonContext): AddonSpec {
  return {
    key: 'argoWorkflows',
    after: ['nodeScaling', 'kubePrometheusStack'],
    releases: [
      {
        name: 'argo-workflows',
        namespace: 'argo',
        repository: ARGO_CHARTS,
        chart: 'argo-workflows',
        version: '1.0.23',
        relied: {
          crds: { install: true, keep: true },
          // One controller for the workflows of all namespaces, without a label that they had to carry.
          singleNamespace: false,
          controller: { instanceID: { enabled: false } },
          // Templates set it themselves. Said here it would replace that of resource templates, which the executor makes itself.
          executor: { securityContext: {} },
        },
        defaults: {
          // The complete ones are applied by a job that downloads them from GitHub in the middle of the installation.
          crds: { full: false },
          // Roles for an account that no pipeline uses, in namespaces that the manifests have yet to make.
          workflow: { rbac: { create: false } },
          controller: {
            metricsConfig: { enabled: true, secure: false },
            serviceMonitor: monitorValues(context, 'additionalLabels'),
          },
          // Nothing of the loop calls it: it would be one more door to guard.
          server: { enabled: false },
        },
      },
    ],
  };
}
