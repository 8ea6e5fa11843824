import { type AwsEnvironment } from '../platform/aws-environment';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { type ClusterAddonsOptions } from './cluster-addons/cluster-addons-props';
import { type GpuNodeGroupOptions } from './gpu-node-group';
import { type MlflowDatabaseOptions } from './mlflow-database';
import { type ModelStorageOptions } from './model-storage';
import { type PlatformCluster } from './platform-cluster';
import { type TerraformState } from './terraform-state';

/** The cloud half of one environment. */
export interface MlPlatformStackProps {
  /** Names and addresses, the same object that the manifests are made from. */
  readonly environment: AwsEnvironment;

  /**
   * The manifests, after all their constructs were made: they know what their pods read and write, and what they were told of the
   * cluster.
   */
  readonly platform: MlModelPlatform;

  /** Where Terraform remembers what it has made. */
  readonly state: TerraformState;

  /**
   * The cluster. The API of a new one is closed to the internet unless `endpointAccess` opens it to some networks; Helm releases are
   * installed through it, so Terraform must run where it can be reached.
   *
   * @default PlatformCluster.create()
   */
  readonly cluster?: PlatformCluster;

  /**
   * Managed groups of GPU nodes.
   *
   * @default - none: nothing asks for GPUs, or Karpenter starts their nodes
   */
  readonly gpuNodes?: readonly GpuNodeGroupOptions[];

  /**
   * Whether Karpenter starts nodes, for the `KarpenterGpuPool`s of the manifests, in place of managed groups.
   *
   * @default false
   */
  readonly usesKarpenter?: boolean;

  /**
   * The buckets.
   *
   * @default - kept and expired as `ModelStorage` says
   */
  readonly storage?: ModelStorageOptions;

  /**
   * MLflow's database.
   *
   * @default - PostgreSQL, as `MlflowDatabase` says
   */
  readonly database?: MlflowDatabaseOptions;

  /**
   * Whether the platform has a database of its own. Not where its MLflow exists, or is on SQLite.
   *
   * @default true
   */
  readonly makesDatabase?: boolean;

  /**
   * Images that the project builds, for example `training`: each gets a repository beside those of the loop's own containers.
   *
   * @default - none
   */
  readonly images?: readonly string[];

  /**
   * What is installed in the cluster.
   *
   * @default - everything that the manifests may need
   */
  readonly addons?: ClusterAddonsOptions;

  /**
   * Whether pods get their roles by annotations of their accounts (IRSA, `AwsEnvironment.roleArn`) and not by EKS Pod Identity.
   *
   * @default false
   */
  readonly usesIrsa?: boolean;

  /**
   * ARN of a policy that bounds what any role of a pod may do.
   *
   * @default - none
   */
  readonly permissionsBoundaryArn?: string;

  /**
   * Whether a destroy takes everything along: objects, images and the database without a last snapshot. For environments that come and
   * go. An option of a part says otherwise for it.
   *
   * @default false
   */
  readonly disposable?: boolean;

  /**
   * Tags of every resource beside those of the environment.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}
