import { DEFAULT_JETSTREAM_VERSION } from '../../monitoring/event-bus';
import { type AddonContext, type AddonSpec, monitorValues } from './addon-spec';
import { ARGO_CHARTS } from './argo-workflows';

/**
 * What the controller starts for an EventBus that names this version: the images that Argo Events' own manifests have for it.
 *
 * @see https://github.com/argoproj/argo-events/blob/v1.9.11/manifests/base/controller-manager/controller-config.yaml
 */
const JETSTREAM = {
  version: DEFAULT_JETSTREAM_VERSION,
  natsImage: `nats:${DEFAULT_JETSTREAM_VERSION}`,
  metricsExporterImage: 'natsio/prometheus-nats-exporter:0.14.0',
  configReloaderImage: 'natsio/nats-server-config-reloader:0.14.0',
  startCommand: '/nats-server',
};

/** Argo Events: it turns alerts into retraining runs. */
export function argoEvents(context: AddonContext): AddonSpec {
  return {
    key: 'argoEvents',
    after: ['nodeScaling', 'kubePrometheusStack'],
    releases: [
      {
        name: 'argo-events',
        namespace: 'argo-events',
        repository: ARGO_CHARTS,
        chart: 'argo-events',
        version: '2.4.22',
        relied: {
          crds: { install: true, keep: true },
          controller: { rbac: { enabled: true, namespaced: false } },
          // The chart knows one version, `latest`.
          configs: { jetstream: { versions: [JETSTREAM] } },
        },
        defaults: {
          controller: {
            metrics: { enabled: true, serviceMonitor: monitorValues(context, 'additionalLabels') },
          },
        },
      },
    ],
  };
}
