import { derivedName } from '../contract';
import { type BackendRef, type HttpRouteProps } from '../crds/gateway-api';
import { objectMetadata } from '../platform/object-metadata';
import { SERVICE_PORT } from './deployment-pods';
import { meshRouteName, type RolloutPlan, routeName } from './rollout-plan';
import { type ServedModelSpec } from './served-model-spec';

/**
 * The routes of a model, with everything on the stable version: one of the Gateway, and one of the Service where a mesh takes it. Those of a
 * Service do not hold for requests that come through a Gateway, so both are needed.
 */
export function modelRoutes(spec: ServedModelSpec, service: string, plan: RolloutPlan | undefined): HttpRouteProps[] {
  const { exposure, name, namespace } = spec;
  const gateway = exposure._gateway;
  if (!gateway) return [];
  const metadata = (route: string): HttpRouteProps['metadata'] =>
    objectMetadata({ name: route, namespace, app: 'model-server', model: name });
  const rules = [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: backends(service, plan) }];
  const parent = { name: gateway.name, namespace: gateway.namespace, sectionName: gateway.listener };
  const ofGateway = { parentRefs: [parent], hostnames: gateway.hostnames, rules };
  const ofService = { parentRefs: [{ group: '', kind: 'Service', name: service, port: SERVICE_PORT }], rules };
  return [
    { metadata: metadata(routeName(name)), spec: ofGateway },
    ...(gateway.mesh === true ? [{ metadata: metadata(meshRouteName(name)), spec: ofService }] : []),
  ];
}

/** Argo Rollouts' plugin wants both of its Services in the route, and sets their weights itself. */
function backends(service: string, plan: RolloutPlan | undefined): BackendRef[] {
  const stable = { name: service, port: SERVICE_PORT, weight: 100 };
  const canary = plan?.argo?.strategy.canary?.canaryService;
  return canary === undefined ? [stable] : [stable, { name: canary, port: SERVICE_PORT, weight: 0 }];
}

/** Name of the Service of a candidate. */
export function candidateService(spec: ServedModelSpec): string {
  const candidate = derivedName(spec.name, 'candidate');
  return spec.engine._deploymentMode ? `${candidate}-predictor` : candidate;
}
