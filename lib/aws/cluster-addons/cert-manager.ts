import { type AddonContext, type AddonSpec, monitorValues } from './addon-spec';

/** cert-manager: KServe's webhooks get their certificates from it. */
export function certManager(context: AddonContext): AddonSpec {
  return {
    key: 'certManager',
    after: ['nodeScaling', 'kubePrometheusStack'],
    releases: [
      {
        name: 'cert-manager',
        namespace: 'cert-manager',
        repository: 'oci://quay.io/jetstack/charts',
        chart: 'cert-manager',
        version: 'v1.21.1',
        // Kept when the release goes: certificates would go with them.
        relied: { crds: { enabled: true, keep: true } },
        defaults: { prometheus: { enabled: true, servicemonitor: monitorValues(context, 'labels') } },
      },
    ],
  };
}
