import { type Problems } from '../validation/problems';
import { gpuInstanceTypeProblem, instanceTypesProblem } from './gpu-instance-types';
import { type NodePool } from './node-pool';

/** GiB of disk that a GPU node gets unless another size is asked for. */
export const DEFAULT_GPU_DISK_GIB = 200;

/** A pool of GPU nodes as AWS gives them. */
export interface GpuCapacity {
  readonly pool: NodePool;
  readonly instanceTypes: readonly string[];
  readonly diskSizeGib?: number;
}

/** Reports what is wrong with GPU nodes, whoever starts them. */
export function checkGpuPool({ pool, instanceTypes, diskSizeGib }: GpuCapacity, problems: Problems): void {
  if (pool.gpusPerNode === 0) problems.add('pool', pool.name, 'has no GPUs: make it with NodePool.gpu');
  problems.check('instanceTypes', instanceTypes, instanceTypesProblem(instanceTypes));
  for (const type of new Set(instanceTypes)) {
    problems.check('instanceTypes', type, gpuInstanceTypeProblem(type, pool.gpusPerNode));
  }
  if (diskSizeGib !== undefined && !(Number.isInteger(diskSizeGib) && diskSizeGib >= 50 && diskSizeGib <= 16_384)) {
    problems.add('diskSizeGib', diskSizeGib, 'must be 50 to 16384: GPU images alone take tens of GiB');
  }
}
