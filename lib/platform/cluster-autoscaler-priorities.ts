import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { stringify } from 'yaml';
import { dnsLabelProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { type NodePool } from './node-pool';
import { objectMetadata } from './object-metadata';

/** Which pools the cluster autoscaler has to prefer spot capacity in. */
export interface ClusterAutoscalerPrioritiesProps {
  /** The pools whose nodes are managed node groups; those without a fallback need no order. */
  readonly pools: readonly NodePool[];

  /**
   * Namespace of the cluster autoscaler.
   *
   * @default kube-system
   */
  readonly namespace?: string;
}

const SPOT = 50;
const OTHERS = 10;

/**
 * The order in which the cluster autoscaler tries the node groups of a pool: spot first, on demand while there is no spot capacity. It
 * wants the autoscaler's flag `--expander=priority`, in values of its chart `extraArgs: { expander: 'priority' }`, which also lets it
 * read this. A group that gets no capacity is given up after `max-node-provision-time`, 15 minutes by default. Karpenter needs none of
 * it: it tries spot first by itself.
 *
 * @see https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/expander/priority/readme.md
 */
export class ClusterAutoscalerPriorities extends Construct {
  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: ClusterAutoscalerPrioritiesProps) {
    super(scope, id);
    const { pools, namespace = 'kube-system' } = props;
    const problems = Problems.of(this);
    problems.check('namespace', namespace, dnsLabelProblem(namespace));
    const priorities = spotFirst(pools);
    if (priorities === undefined) {
      problems.add(
        'pools',
        pools.map(({ name }) => name),
        'must have one with an on-demand fallback: the others need no order',
      );
    }
    problems.throwIfAny();
    new k8s.KubeConfigMap(this, 'Resource', {
      metadata: objectMetadata({ name: 'cluster-autoscaler-priority-expander', namespace, app: 'cluster-autoscaler' }),
      data: { priorities: priorities ?? '' },
    });
  }
}

/**
 * Priorities of node groups, as the cluster autoscaler reads them: spot capacity before the rest. Undefined where no pool has both.
 *
 * @internal
 */
export function spotFirst(pools: readonly NodePool[]): string | undefined {
  const ordered = pools.filter(({ onDemandFallback }) => onDemandFallback);
  if (ordered.length === 0) return undefined;
  // EKS names the scaling group of a node group `eks-<node group>-<UUID>`; the pool's own name is that of its spot group.
  const spot = ordered.map(({ name }) => `^eks-${name}-[0-9a-f-]{36}$`);
  // A map, because the names of an object's fields are texts, and the autoscaler takes no number that is quoted.
  return stringify(
    new Map([
      [OTHERS, ['.*']],
      [SPOT, spot],
    ]),
  );
}
