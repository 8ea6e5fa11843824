import { restrictedContainer, restrictedPod } from '../../platform/pod-security';
import { PUSHGATEWAY_PORT, PUSHGATEWAY_RELABELINGS } from '../../platform/pushgateway';
import { type AddonContext, type AddonSpec, monitorValues } from './addon-spec';
import { PROMETHEUS_CHARTS } from './kube-prometheus-stack';

const RELEASE = 'prometheus-pushgateway';
/** The user of the image. */
const USER = 65534;

/** Base address of the Pushgateway that is installed. */
export function pushgatewayUrl({ monitoring }: AddonContext): string {
  return `http://${RELEASE}.${monitoring.namespace}.svc:${PUSHGATEWAY_PORT}`;
}

/** One Pushgateway for all platforms of the cluster, in place of one in each of their namespaces. */
export function pushgateway(context: AddonContext): AddonSpec {
  const monitor = { honorLabels: true, relabelings: PUSHGATEWAY_RELABELINGS, namespace: context.monitoring.namespace };
  return {
    key: 'pushgateway',
    after: ['nodeScaling', 'kubePrometheusStack'],
    releases: [
      {
        name: RELEASE,
        namespace: context.monitoring.namespace,
        repository: PROMETHEUS_CHARTS,
        chart: 'prometheus-pushgateway',
        version: '3.8.0',
        relied: {
          // A Service would split the pushes among several.
          replicaCount: 1,
          service: { port: PUSHGATEWAY_PORT, targetPort: PUSHGATEWAY_PORT },
          serviceMonitor: monitorValues(context, 'additionalLabels', monitor),
        },
        defaults: {
          automountServiceAccountToken: false,
          extraArgs: ['--persistence.file=/data/metrics', '--persistence.interval=1m'],
          securityContext: { ...restrictedPod(USER), fsGroup: USER },
          containerSecurityContext: restrictedContainer(),
        },
      },
    ],
  };
}
