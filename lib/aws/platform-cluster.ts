import { type Construct } from 'constructs';
import { type ICluster } from './cluster';
import { EksCluster, type EksClusterOptions } from './eks-cluster';
import { ExistingEksCluster, type ExistingEksClusterOptions } from './existing-eks-cluster';

/** What the stack knows of its cluster before there is one. @internal */
export interface ClusterTarget {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Which cluster a platform is on: a new one or one that exists, by the name of the environment. Immutable data. */
export class PlatformCluster {
  /** A cluster of the platform's own, with its network. */
  public static create(options: EksClusterOptions = {}): PlatformCluster {
    return new PlatformCluster(
      true,
      (scope, { name, tags }) => new EksCluster(scope, 'Cluster', { ...options, name, tags }),
    );
  }

  /** A cluster that exists. */
  public static existing(options: ExistingEksClusterOptions = {}): PlatformCluster {
    return new PlatformCluster(
      false,
      (scope, { name }) => new ExistingEksCluster(scope, 'Cluster', { ...options, name }),
    );
  }

  private constructor(
    /** Whether the cluster is made by the stack. @internal */
    public readonly _isNew: boolean,
    /** @internal */
    public readonly _make: (scope: Construct, target: ClusterTarget) => ICluster,
  ) {}
}
