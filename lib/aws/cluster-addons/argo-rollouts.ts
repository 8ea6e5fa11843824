import { type AddonContext, type AddonSpec, monitorValues } from './addon-spec';
import { ARGO_CHARTS } from './argo-workflows';

/** The name under which Rollouts name the plugin. */
const PLUGIN = 'argoproj-labs/gatewayAPI';
const PLUGIN_IMAGE = 'ghcr.io/argoproj-labs/rollouts-plugin-trafficrouter-gatewayapi:v0.15.0';
const PLUGIN_FILE = 'rollouts-plugin-trafficrouter-gatewayapi';
const PLUGIN_MOUNT = { name: 'gateway-api-plugin', mountPath: '/plugins' };

/**
 * Argo Rollouts with the plugin that sets weights of HTTPRoutes. The plugin is copied from its image: a controller that is told to download
 * it does not start when it cannot.
 *
 * @see https://rollouts-plugin-trafficrouter-gatewayapi.readthedocs.io/en/latest/installation/
 */
export function argoRollouts(context: AddonContext): AddonSpec {
  return {
    key: 'argoRollouts',
    after: ['nodeScaling', 'kubePrometheusStack', 'envoyGateway'],
    releases: [
      {
        name: 'argo-rollouts',
        namespace: 'argo-rollouts',
        repository: ARGO_CHARTS,
        chart: 'argo-rollouts',
        version: '2.41.1',
        relied: {
          installCRDs: true,
          keepCRDs: true,
          clusterInstall: true,
          controller: {
            initContainers: [copyPlugin()],
            trafficRouterPlugins: [{ name: PLUGIN, location: `file://${PLUGIN_MOUNT.mountPath}/${PLUGIN_FILE}` }],
            volumes: [{ name: PLUGIN_MOUNT.name, emptyDir: {} }],
            volumeMounts: [PLUGIN_MOUNT],
          },
          providerRBAC: { enabled: true, providers: { gatewayAPI: true } },
        },
        defaults: {
          controller: {
            metrics: { enabled: true, serviceMonitor: monitorValues(context, 'additionalLabels') },
          },
          providerRBAC: {
            providers: {
              ...{ istio: false, smi: false, ambassador: false, awsLoadBalancerController: false, awsAppMesh: false },
              ...{ traefik: false, apisix: false, contour: false, glooPlatform: false },
            },
          },
        },
      },
    ],
  };
}

function copyPlugin(): object {
  return {
    name: 'copy-gateway-api-plugin',
    image: PLUGIN_IMAGE,
    command: ['cp', `/bin/${PLUGIN_FILE}`, `${PLUGIN_MOUNT.mountPath}/`],
    // The image's own user is no root, as the pod demands.
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: [PLUGIN_MOUNT],
  };
}
