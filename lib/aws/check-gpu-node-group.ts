import { Token } from 'cdktf';
import { checkGpuPool } from '../platform/check-gpu-pool';
import { type NodePool } from '../platform/node-pool';
import { isEksClusterName } from '../validation/names';
import { type Problems } from '../validation/problems';
import { type GpuNodeGroupProps } from './gpu-node-group';

/** Longest name of a node group. */
const NAME_LIMIT = 63;

/** Name of the on-demand group of a pool with a fallback. */
export const fallbackName = (pool: NodePool): string => `${pool.name}-on-demand`;

/** Reports everything that is wrong with a node group. */
export function checkGpuNodeGroup(props: GpuNodeGroupProps, problems: Problems): void {
  const { pool, clusterName, subnetIds, securityGroupIds, nodeRoleArn } = props;
  if (!isEksClusterName(clusterName) && !Token.isUnresolved(clusterName)) {
    problems.add('clusterName', clusterName, 'must be the name of a cluster: at most 100 letters, digits, - and _');
  }
  if (subnetIds.length === 0) problems.add('subnetIds', subnetIds, 'must name at least one subnet');
  if (securityGroupIds?.length === 0)
    problems.add('securityGroupIds', [], 'must name at least one group, or be left out');
  if (pool.onDemandFallback && fallbackName(pool).length > NAME_LIMIT) {
    const limit = `must have at most ${NAME_LIMIT} characters with '-on-demand' for a fallback`;
    problems.add('pool', pool.name, `${limit}, has ${fallbackName(pool).length}`);
  }
  checkGpuPool(props, problems);
  checkSizes(props, problems);
  checkVersion(props, problems);
  if (
    nodeRoleArn !== undefined &&
    !Token.isUnresolved(nodeRoleArn) &&
    !/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(nodeRoleArn)
  ) {
    problems.add('nodeRoleArn', nodeRoleArn, 'must be the ARN of a role');
  }
}

function checkSizes({ pool, minSize = 0, maxSize, desiredSize }: GpuNodeGroupProps, problems: Problems): void {
  if (!Number.isInteger(minSize) || minSize < 0) problems.add('minSize', minSize, 'must be a whole number from 0 on');
  if (!Number.isInteger(maxSize) || maxSize < 1) problems.add('maxSize', maxSize, 'must be a whole number from 1 on');
  if (pool.maxNodes !== undefined && pool.maxNodes !== maxSize) {
    problems.add('maxSize', maxSize, `is not what the pool says, whose maxNodes are ${pool.maxNodes}`);
  }
  if (minSize > maxSize) problems.add('minSize', minSize, `must not be above the maximum (${maxSize})`);
  if (desiredSize === undefined || minSize > maxSize) return;
  if (!Number.isInteger(desiredSize) || desiredSize < minSize || desiredSize > maxSize) {
    problems.add('desiredSize', desiredSize, `must be a whole number from ${minSize} to ${maxSize}`);
  }
}

function checkVersion({ image, kubernetesVersion }: GpuNodeGroupProps, problems: Problems): void {
  if (kubernetesVersion === undefined || Token.isUnresolved(kubernetesVersion)) return;
  const released = image?._kubernetesVersion;
  if (!/^1\.\d{2}$/.test(kubernetesVersion)) {
    problems.add('kubernetesVersion', kubernetesVersion, "must be '1.<minor>', for example '1.36'");
  } else if (released !== undefined && released !== kubernetesVersion) {
    problems.add(
      'kubernetesVersion',
      kubernetesVersion,
      `is not what the image's release is for, which is ${released}`,
    );
  }
}
