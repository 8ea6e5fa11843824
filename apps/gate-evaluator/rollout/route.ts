import { type KubernetesManifest, type RolloutRoute } from 'cdk8s-mlops/contract';

/** What a candidate gets of the traffic, in percent: a share that it answers, or a copy whose answers are dropped. */
export interface Traffic {
  readonly weight: number;
  readonly mirror: number;
}

interface Backend {
  readonly name: string;
}

interface Filter {
  readonly requestMirror?: { readonly backendRef?: Backend };
}

interface Rule {
  readonly backendRefs?: readonly Backend[];
  readonly filters?: readonly Filter[];
}

/** Parts of a percent that weights and fractions are counted in where it is no whole one. */
const PARTS = 1000;

/**
 * The route that gives a candidate its traffic: backends and mirror of its first rule, and everything else as the file has it. A candidate
 * without traffic is not named: a route to what is not there is an error, on some gateways one of every request.
 */
export function routeWith({ manifest, ...services }: RolloutRoute, traffic: Traffic): KubernetesManifest {
  const { weight, mirror } = traffic;
  if (weight === 0 && mirror === 0) return manifest;
  const [first = {}, ...rules] = (manifest.spec.rules ?? []) as readonly Rule[];
  return { ...manifest, spec: { ...manifest.spec, rules: [withTraffic(first, services, traffic), ...rules] } };
}

function withTraffic(
  rule: Rule,
  { stableService, candidateService, port }: Omit<RolloutRoute, 'manifest'>,
  { weight, mirror }: Traffic,
): Rule {
  const stable = rule.backendRefs?.find(({ name }) => name === stableService) ?? { name: stableService, port };
  const candidate = { ...stable, name: candidateService, port };
  const parts = Number.isInteger(weight) ? 1 : PARTS;
  const shares = [
    { ...stable, weight: Math.round((100 - weight) * parts) },
    { ...candidate, weight: Math.round(weight * parts) },
  ];
  const others = (rule.filters ?? []).filter(
    ({ requestMirror }) => requestMirror?.backendRef?.name !== candidateService,
  );
  const copied = {
    type: 'RequestMirror',
    requestMirror: { backendRef: { name: candidateService, port }, ...shareOf(mirror) },
  };
  return {
    ...rule,
    ...(weight > 0 && { backendRefs: shares.filter((share) => share.weight > 0) }),
    filters: mirror > 0 ? [...others, copied] : others,
  };
}

/** The API has whole percents only. */
function shareOf(percent: number): object {
  if (Number.isInteger(percent)) return { percent };
  return { fraction: { numerator: Math.round(percent * PARTS), denominator: 100 * PARTS } };
}
