import { k8s } from 'cdk8s-plus-29';
import { type Problems } from '../validation/problems';
import { bytesProblem, cpuProblem, quantityValue } from '../validation/quantity';

/** What a container asks for, in Kubernetes' own quantities. */
export interface ContainerResources {
  /**
   * CPU that is reserved, for example `500m` or `4`.
   *
   * @default - decided by whoever takes the resources
   */
  readonly cpu?: string;

  /**
   * CPU that is never exceeded.
   *
   * @default - no limit: a limit throttles even when the node is idle
   */
  readonly cpuLimit?: string;

  /**
   * Memory that is reserved, for example `16Gi`.
   *
   * @default - decided by whoever takes the resources
   */
  readonly memory?: string;

  /**
   * Memory above which the container is killed.
   *
   * @default - the reserved memory
   */
  readonly memoryLimit?: string;

  /**
   * Disk of the node that is reserved and not exceeded.
   *
   * @default - neither reserved nor limited
   */
  readonly ephemeralStorage?: string;
}

/** What is asked for, with the defaults for what is not: an undefined value counts as not given. */
export function resolveResources(
  given: ContainerResources | undefined,
  defaults: ContainerResources,
): ContainerResources {
  const said = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(said) };
}

/** Reports quantities that are none, and limits below what is reserved. */
export function checkResources(prop: string, resources: ContainerResources, problems: Problems): void {
  const { cpu, cpuLimit, memory, memoryLimit, ephemeralStorage } = resources;
  for (const [name, quantity] of Object.entries({ cpu, cpuLimit })) {
    if (quantity !== undefined) problems.check(`${prop}.${name}`, quantity, cpuProblem(quantity));
  }
  for (const [name, quantity] of Object.entries({ memory, memoryLimit, ephemeralStorage })) {
    if (quantity !== undefined) problems.check(`${prop}.${name}`, quantity, bytesProblem(quantity));
  }
  const below = (limit: string | undefined, request: string | undefined): boolean =>
    (quantityValue(limit ?? '') ?? Infinity) < (quantityValue(request ?? '') ?? 0);
  if (below(cpuLimit, cpu)) problems.add(`${prop}.cpuLimit`, cpuLimit, `must not be below the reserved cpu (${cpu})`);
  if (below(memoryLimit, memory)) {
    problems.add(`${prop}.memoryLimit`, memoryLimit, `must not be below the reserved memory (${memory})`);
  }
}

/** The quantities that are given, by name. */
export function quantities(values: Readonly<Record<string, string | undefined>>): Record<string, k8s.Quantity> {
  const result: Record<string, k8s.Quantity> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) result[name] = k8s.Quantity.fromString(value);
  }
  return result;
}

/**
 * The resources block of a container.
 *
 * @param extended extended resources such as `nvidia.com/gpu`; request and limit are always the same
 */
export function resourceRequirements(
  resources: ContainerResources,
  extended: Readonly<Record<string, string>> = {},
): k8s.ResourceRequirements {
  const { cpu, cpuLimit, memory, memoryLimit = memory, ephemeralStorage } = resources;
  const disk = { 'ephemeral-storage': ephemeralStorage };
  return {
    requests: quantities({ cpu, memory, ...disk, ...extended }),
    limits: quantities({ cpu: cpuLimit, memory: memoryLimit, ...disk, ...extended }),
  };
}
