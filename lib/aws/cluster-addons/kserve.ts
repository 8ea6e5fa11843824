import { type StorageInitializer } from '../../platform/storage-initializer';
import { KSERVE_VERSION, ServingRuntime } from '../../serving/serving-runtime';
import { type AddonSpec } from './addon-spec';
import { type HelmValues } from './helm-values';

const REPOSITORY = 'oci://ghcr.io/kserve/charts';
const NAMESPACE = 'kserve';
/** What is said of KServe beside its add-on. */
export interface KserveChoices {
  readonly storageInitializer: StorageInitializer | undefined;
  /** `<namespace>/<name>`. */
  readonly gateway: string | undefined;
}

/** KServe: its CRDs, then its controller, then the runtimes that models name. */
export function kserve({ storageInitializer, gateway }: KserveChoices): AddonSpec {
  const common = { namespace: NAMESPACE, repository: REPOSITORY, version: KSERVE_VERSION };
  return {
    key: 'kserve',
    needs: gateway === undefined ? ['certManager'] : ['certManager', 'envoyGateway'],
    after: ['nodeScaling', 'certManager', 'envoyGateway', 'keda'],
    releases: [
      { ...common, name: 'kserve-crd', chart: 'kserve-crd', relied: {}, onlyCrds: true },
      {
        ...common,
        name: 'kserve',
        chart: 'kserve-resources',
        relied: {
          kserve: {
            ...sharedResources(storageInitializer),
            controller: {
              deploymentMode: 'Standard',
              gateway: { ...ingress(gateway), disableIstioVirtualHost: true },
            },
          },
        },
      },
      {
        ...common,
        name: 'kserve-runtime-configs',
        chart: 'kserve-runtime-configs',
        relied: { kserve: { servingruntime: { enabled: true } } },
        // The chart still names 1.5.0, where KServe's own manifests have the one that we test models with.
        defaults: { kserve: { servingruntime: { mlserver: { tag: mlserverTag() } } } },
      },
    ],
  };
}

/**
 * Where the manifests render `ClusterStorageContainer/default`, the chart must not: two owners would undo each other's changes. The chart
 * takes `storagecontainer.enabled: false` for "not said", so the parts that it shares with its sister charts are turned off as a whole, and
 * the others of them on again.
 */
function sharedResources(storageInitializer: StorageInitializer | undefined): HelmValues {
  return storageInitializer?._image === undefined
    ? { createSharedResources: true }
    : {
        createSharedResources: false,
        inferenceServiceConfig: { enabled: true },
        certManager: { enabled: true },
      };
}

/** Models have routes of their own. KServe makes some only on a Gateway that it was told of. */
function ingress(gateway: string | undefined): HelmValues {
  return gateway === undefined
    ? { disableIngressCreation: true }
    : {
        disableIngressCreation: false,
        ingressGateway: { enableGatewayApi: true, createGateway: false, kserveGateway: gateway },
      };
}

function mlserverTag(): string {
  return ServingRuntime.mlflow()._spec.image.split(':')[1] ?? '';
}
