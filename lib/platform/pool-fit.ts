import { type Problems } from '../validation/problems';
import { quantityValue } from '../validation/quantity';
import { type ContainerResources } from './container-resources';
import { type GpuRequest } from './gpu-request';
import { type NodePool } from './node-pool';

/** What a container asks of the nodes that it runs on. */
export interface PoolDemand {
  readonly pool?: NodePool;
  readonly gpu?: GpuRequest;
  readonly resources: ContainerResources;
  /** Most of them that run at a time, where that is known. */
  readonly maxReplicas?: number;
}

/**
 * Reports what the nodes of the pool cannot give: a pod that asks for it would wait for ever.
 *
 * @param prefix put before the names of the props, for example `steps.train.`
 */
export function checkPoolFit(
  prefix: string,
  { pool, gpu, resources, maxReplicas }: PoolDemand,
  problems: Problems,
): void {
  if (!pool) return;
  if (gpu && pool.gpusPerNode === 0) {
    problems.add(`${prefix}gpu`, gpu.count, `cannot be met by the pool '${pool.name}', whose nodes have no GPU`);
  } else if (gpu?.isWhole && gpu.count > pool.gpusPerNode) {
    const has = `whose nodes have ${pool.gpusPerNode}`;
    problems.add(`${prefix}gpu`, gpu.count, `is more than the pool '${pool.name}' can give, ${has}`);
  } else if (gpu?.isWhole && pool.maxNodes !== undefined && maxReplicas !== undefined) {
    const room = pool.maxNodes * Math.floor(pool.gpusPerNode / gpu.count);
    const has = `which has room for ${room}: raise its maxNodes`;
    if (maxReplicas > room) {
      problems.add(`${prefix}replicas.max`, maxReplicas, `does not fit the pool '${pool.name}', ${has}`);
    }
  }
  for (const name of ['cpu', 'memory'] as const) {
    const [asked, given] = [quantityValue(resources[name] ?? ''), quantityValue(pool[name] ?? '')];
    if (asked !== undefined && given !== undefined && asked > given) {
      const has = `whose nodes have ${pool[name]}`;
      problems.add(`${prefix}resources.${name}`, resources[name], `does not fit the pool '${pool.name}', ${has}`);
    }
  }
}
