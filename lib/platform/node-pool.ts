import { type k8s } from 'cdk8s-plus-29';
import { dnsLabelProblem, labelKeyProblem, labelValueProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { bytesProblem, cpuProblem } from '../validation/quantity';

/** The extended resource that NVIDIA's device plugin advertises for whole GPUs. */
export const NVIDIA_GPU = 'nvidia.com/gpu';

/** The node label by which GPU nodes are known to the device plugin. */
export const GPU_PRESENT_LABEL = 'nvidia.com/gpu.present';

/** The node label that names the pool. */
export const NODE_POOL_LABEL = 'cdk8s-mlops.dev/node-pool';

/** A taint that keeps other pods off the nodes of a pool. */
export interface NodeTaint {
  readonly key: string;
  /**
   * Value of the taint.
   *
   * @default - no value
   */
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/** What every pool of nodes may say of itself. */
export interface NodePoolOptions {
  /**
   * Labels of the nodes; pods select on all of them.
   *
   * @default - the pool's name under `cdk8s-mlops.dev/node-pool`
   */
  readonly labels?: { readonly [key: string]: string };

  /**
   * Taints of the nodes beside those of the pool's kind; pods tolerate all of them.
   *
   * @default - none
   */
  readonly taints?: readonly NodeTaint[];

  /**
   * Whether nodes may be reclaimed at any time.
   *
   * @default false
   */
  readonly spot?: boolean;

  /**
   * Whether nodes that cannot be reclaimed are started where there is no spot capacity. A pool of served models must have it: without,
   * a model is gone for as long as nobody sells spot capacity.
   *
   * @default false
   */
  readonly onDemandFallback?: boolean;

  /**
   * CPU that one node has for pods.
   *
   * @default - not known: requests are not compared with it
   */
  readonly cpu?: string;

  /**
   * Memory that one node has for pods.
   *
   * @default - not known: requests are not compared with it
   */
  readonly memory?: string;

  /**
   * Most nodes that the pool may have.
   *
   * @default - not known: a roll-out is not asked whether the new version fits beside the old one
   */
  readonly maxNodes?: number;
}

/** A pool of nodes with GPUs. */
export interface GpuNodePoolOptions extends NodePoolOptions {
  /** GPUs of one node: a pod cannot ask for more. */
  readonly gpusPerNode: number;
}

/**
 * A pool of nodes as pods see it: one object that gives selector, tolerations and limits together, so that they cannot
 * disagree. Immutable data; the pool itself is made by the cloud half, by Karpenter, or by someone else.
 */
export class NodePool {
  /**
   * A pool of nodes with NVIDIA GPUs, tainted `nvidia.com/gpu:NoSchedule` as is the custom on all clouds.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static gpu(name: string, options: GpuNodePoolOptions): NodePool {
    const taints: NodeTaint[] = [{ key: NVIDIA_GPU, value: 'present', effect: 'NoSchedule' }];
    return new NodePool(name, options, options.gpusPerNode, [...taints, ...(options.taints ?? [])]);
  }

  /**
   * A pool of nodes without GPUs.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static cpu(name: string, options: NodePoolOptions = {}): NodePool {
    return new NodePool(name, options, 0, [...(options.taints ?? [])]);
  }

  /** Whether nodes may be reclaimed at any time. */
  public readonly spot: boolean;
  /** Whether nodes that cannot be reclaimed are started where there is no spot capacity. */
  public readonly onDemandFallback: boolean;
  /** CPU that one node has for pods, if known. */
  public readonly cpu?: string;
  /** Memory that one node has for pods, if known. */
  public readonly memory?: string;
  /** Most nodes that the pool may have, if known. */
  public readonly maxNodes?: number;
  /** Labels of the nodes. */
  public readonly labels: { readonly [key: string]: string };

  private constructor(
    /** Name of the pool. */
    public readonly name: string,
    options: NodePoolOptions,
    /** GPUs of one node; 0 for a pool without. */
    public readonly gpusPerNode: number,
    /** Taints of the nodes. */
    public readonly taints: readonly NodeTaint[],
  ) {
    this.spot = options.spot ?? false;
    this.onDemandFallback = options.onDemandFallback ?? false;
    this.cpu = options.cpu;
    this.memory = options.memory;
    this.maxNodes = options.maxNodes;
    this.labels = { ...(options.labels ?? { [NODE_POOL_LABEL]: name }) };
    this.check(options);
  }

  private check(options: NodePoolOptions): void {
    const problems = new Problems(`NodePool '${this.name}'`);
    problems.check('name', this.name, dnsLabelProblem(this.name));
    if ('gpusPerNode' in options && !(Number.isInteger(this.gpusPerNode) && this.gpusPerNode > 0)) {
      problems.add('gpusPerNode', this.gpusPerNode, 'must be a whole number from 1 on');
    }
    if (this.onDemandFallback && !this.spot) {
      problems.add('onDemandFallback', true, "has no effect without 'spot': all nodes are on demand");
    }
    if (Object.keys(this.labels).length === 0) {
      problems.add('labels', this.labels, 'must not be empty: pods could not be kept to the pool');
    }
    for (const [key, value] of Object.entries(this.labels)) {
      problems.check('labels', key, labelKeyProblem(key));
      problems.check(`labels.${key}`, value, labelValueProblem(value));
    }
    for (const { key, value } of this.taints) {
      problems.check('taints', key, labelKeyProblem(key));
      if (value !== undefined) problems.check(`taints.${key}`, value, labelValueProblem(value));
    }
    if (this.cpu !== undefined) problems.check('cpu', this.cpu, cpuProblem(this.cpu));
    if (this.memory !== undefined) problems.check('memory', this.memory, bytesProblem(this.memory));
    if (this.maxNodes !== undefined && !(Number.isInteger(this.maxNodes) && this.maxNodes > 0)) {
      problems.add('maxNodes', this.maxNodes, 'must be a whole number from 1 on');
    }
    problems.throwIfAny();
  }

  /** Kinds of capacity that nodes are started from, the preferred one first, as Karpenter names them. @internal */
  public get _capacityTypes(): readonly ('spot' | 'on-demand')[] {
    if (!this.spot) return ['on-demand'];
    return this.onDemandFallback ? ['spot', 'on-demand'] : ['spot'];
  }

  /** What lets a pod onto the tainted nodes. @internal */
  public get _tolerations(): k8s.Toleration[] {
    return this.taints.map(({ key, effect }) => ({ key, operator: 'Exists', effect }));
  }
}
