/** Options of {@link ServingEngine.kserveKnative}. */
export interface KnativeOptions {
  /**
   * Whether Knative's feature flags `kubernetes.podspec-nodeselector` and `kubernetes.podspec-tolerations` are enabled, without
   * which it refuses pods that are kept to a pool.
   *
   * @default false
   */
  readonly nodeSelection?: boolean;
}

/** What runs the servers of a model. Immutable data. */
export class ServingEngine {
  /** KServe in Standard mode (Deployments and HPAs), 0.16 or later. Scales on CPU and memory. */
  public static kserveStandard(): ServingEngine {
    return new ServingEngine('KServe Standard', 'Standard', ['cpu', 'memory'], false);
  }

  /** KServe on Knative Serving. Scales on concurrency and requests per second, also to zero. */
  public static kserveKnative(options: KnativeOptions = {}): ServingEngine {
    const metrics = ['concurrency', 'rps', 'cpu', 'memory'];
    return new ServingEngine('KServe Knative', 'Knative', metrics, true, options.nodeSelection ?? false);
  }

  /** A plain Deployment, for clusters without KServe. Scales on CPU and memory. */
  public static deployment(): ServingEngine {
    return new ServingEngine('Deployment', undefined, ['cpu', 'memory'], false);
  }

  private constructor(
    /** Name of the engine, as errors say it. */
    public readonly name: string,
    /** KServe's deployment mode; undefined without KServe. @internal */
    public readonly _deploymentMode: 'Standard' | 'Knative' | undefined,
    /** @internal */
    public readonly _scaleMetrics: readonly string[],
    /** @internal */
    public readonly _scalesToZero: boolean,
    /** Whether pods may be kept to a pool. @internal */
    public readonly _selectsNodes = true,
  ) {}
}
