import { ENVOY_GATEWAY } from '../../serving/model-gateway';
import { type AddonSpec } from './addon-spec';

/**
 * Envoy Gateway: of the implementations of the Gateway API, one that copies a percentage of the requests, as shadow roll-outs need it, and
 * needs no mesh. Its chart brings the CRDs of the Gateway API. GatewayClass and Gateway are manifests: `ModelGateway` renders them.
 *
 * @see https://gateway-api.sigs.k8s.io/reference/implementations/
 */
export function envoyGateway(): AddonSpec {
  return {
    key: 'envoyGateway',
    after: ['nodeScaling'],
    releases: [
      {
        name: 'envoy-gateway',
        namespace: ENVOY_GATEWAY.namespace,
        repository: 'oci://docker.io/envoyproxy',
        chart: 'gateway-helm',
        // From 1.6.6, 1.7.2 and 1.8 on, a shadow whose pods are not ready no longer fails the requests that it copies.
        version: 'v1.9.0',
        relied: {
          crds: { enabled: true },
          config: {
            envoyGateway: {
              gateway: { controllerName: ENVOY_GATEWAY.controllerName },
              // Network policies let this namespace in.
              provider: { type: 'Kubernetes', kubernetes: { deploy: { type: 'ControllerNamespace' } } },
            },
          },
        },
      },
    ],
  };
}
