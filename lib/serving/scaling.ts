import { Problems } from '../validation/problems';

/** What the number of replicas follows, and the value that is aimed at. Immutable data. */
export class ScaleTarget {
  /** Requests in flight in each replica (Knative). */
  public static concurrency(target: number): ScaleTarget {
    return new ScaleTarget('concurrency', target, 1_000_000);
  }

  /** Requests per second of each replica (Knative). */
  public static requestsPerSecond(target: number): ScaleTarget {
    return new ScaleTarget('rps', target, 1_000_000);
  }

  /** CPU in percent of what is reserved. */
  public static cpu(percent: number): ScaleTarget {
    return new ScaleTarget('cpu', percent, 100);
  }

  /** Memory in percent of what is reserved. */
  public static memory(percent: number): ScaleTarget {
    return new ScaleTarget('memory', percent, 100);
  }

  private constructor(
    /** KServe's name of the metric. */
    public readonly metric: 'concurrency' | 'rps' | 'cpu' | 'memory',
    /** The value that is aimed at. */
    public readonly target: number,
    highest: number,
  ) {
    const problems = new Problems('ScaleTarget');
    if (!Number.isInteger(target) || target < 1 || target > highest) {
      problems.add(metric, target, `must be a whole number from 1 to ${highest}`);
    }
    problems.throwIfAny();
  }
}

/** How many replicas there are. */
export interface ReplicasOptions {
  /**
   * Fewest replicas; 0 where the engine can scale to zero.
   *
   * @default 1
   */
  readonly min?: number;

  /**
   * Most replicas.
   *
   * @default - the fewest, and no autoscaling
   */
  readonly max?: number;

  /**
   * What the number of replicas follows.
   *
   * @default - ScaleTarget.cpu(80) where max is above min
   */
  readonly target?: ScaleTarget;
}

/** Requests that are answered together. */
export interface BatchingOptions {
  /** Most instances of one batch. */
  readonly maxBatchSize: number;
  /** How long a request waits for others, in milliseconds. */
  readonly maxLatencyMs: number;
}

/** Reports bounds that cannot be, and batches that are none. */
export function checkScaling(
  replicas: ReplicasOptions,
  batching: BatchingOptions | undefined,
  problems: Problems,
): void {
  const { min = 1, max = min, target } = replicas;
  if (!Number.isInteger(min) || min < 0) problems.add('replicas.min', min, 'must be a whole number from 0 on');
  if (!Number.isInteger(max) || max < 1) problems.add('replicas.max', max, 'must be a whole number from 1 on');
  if (min > max) problems.add('replicas.min', min, `must not be above the maximum (${max})`);
  if (target && max === min) {
    problems.add('replicas.target', target.target, `has no effect: minimum and maximum are both ${min}`);
  }
  for (const [name, value] of Object.entries({ ...batching })) {
    if (!Number.isInteger(value) || value < 1)
      problems.add(`batching.${name}`, value, 'must be a whole number from 1 on');
  }
}
