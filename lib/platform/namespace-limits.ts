import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { type Problems } from '../validation/problems';
import { bytesProblem, cpuProblem } from '../validation/quantity';
import { checkResources, type ContainerResources, quantities, resourceRequirements } from './container-resources';
import { NVIDIA_GPU } from './node-pool';
import { objectMetadata } from './object-metadata';

/** What all pods of the namespace together may ask for. */
export interface NamespaceQuota {
  /**
   * Sum of the reserved CPU.
   *
   * @default - not limited
   */
  readonly cpu?: string;

  /**
   * Sum of the reserved memory.
   *
   * @default - not limited
   */
  readonly memory?: string;

  /**
   * Number of GPUs.
   *
   * @default - not limited
   */
  readonly gpus?: number;

  /**
   * Sum of the volume claims.
   *
   * @default - not limited
   */
  readonly storage?: string;
}

/** Reports quantities that are none. */
export function checkLimits(
  quota: NamespaceQuota | undefined,
  containerDefaults: ContainerResources | undefined,
  problems: Problems,
): void {
  if (quota?.cpu !== undefined) problems.check('quota.cpu', quota.cpu, cpuProblem(quota.cpu));
  if (quota?.memory !== undefined) problems.check('quota.memory', quota.memory, bytesProblem(quota.memory));
  if (quota?.storage !== undefined) problems.check('quota.storage', quota.storage, bytesProblem(quota.storage));
  if (quota?.gpus !== undefined && !(Number.isInteger(quota.gpus) && quota.gpus >= 0)) {
    problems.add('quota.gpus', quota.gpus, 'must be a whole number from 0 on');
  }
  if (quota && Object.values(quota).every((value) => value === undefined)) {
    problems.addText("'quota' limits nothing: give at least one of cpu, memory, gpus and storage, or leave it out");
  }
  if (containerDefaults && Object.values(containerDefaults).every((value) => value === undefined)) {
    problems.addText("'containerDefaults' says nothing: give at least one of its quantities, or leave it out");
  }
  if (containerDefaults) checkResources('containerDefaults', containerDefaults, problems);
}

/** @internal */
export class NamespaceLimits extends Construct {
  constructor(
    scope: Construct,
    id: string,
    namespace: string,
    quota: NamespaceQuota | undefined,
    containerDefaults: ContainerResources | undefined,
  ) {
    super(scope, id);
    const metadata = objectMetadata({ name: 'mlops', namespace, app: 'mlops' });
    if (quota) {
      new k8s.KubeResourceQuota(this, 'Quota', {
        metadata,
        spec: {
          hard: quantities({
            'requests.cpu': quota.cpu,
            'requests.memory': quota.memory,
            [`requests.${NVIDIA_GPU}`]: quota.gpus?.toString(),
            'requests.storage': quota.storage,
          }),
        },
      });
    }
    if (containerDefaults) {
      const { requests, limits } = resourceRequirements(containerDefaults);
      new k8s.KubeLimitRange(this, 'Defaults', {
        metadata,
        spec: { limits: [{ type: 'Container', defaultRequest: requests, default: limits }] },
      });
    }
  }
}
