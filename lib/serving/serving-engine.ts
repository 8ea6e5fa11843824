/** What runs the servers of a model. Immutable data. */
export class ServingEngine {
  /** KServe in Standard mode (Deployments and HPAs), 0.16 or later. Scales on CPU and memory. */
  public static kserveStandard(): ServingEngine {
    return new ServingEngine('KServe Standard', 'Standard', ['cpu', 'memory'], false);
  }

  /** KServe on Knative Serving. Scales on concurrency and requests per second, also to zero. */
  public static kserveKnative(): ServingEngine {
    return new ServingEngine('KServe Knative', 'Knative', ['concurrency', 'rps', 'cpu', 'memory'], true);
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
  ) {}
}
