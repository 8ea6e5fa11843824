import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { TerraformOutput, TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { type AwsEnvironment, partitionOf } from '../platform/aws-environment';
import { MLFLOW_DATABASE_SECRET } from '../platform/database-secret';
import { GpuNodeImage } from '../platform/gpu-node-image';
import { TERRAFORM_OUTPUTS } from '../platform/platform-outputs';
import { Problems } from '../validation/problems';
import { checkMlPlatformStack } from './check-ml-platform-stack';
import { type ICluster } from './cluster';
import { ClusterAddons } from './cluster-addons/cluster-addons';
import { NodeScaling } from './cluster-addons/node-scaling';
import { EksCluster } from './eks-cluster';
import { GpuNodeGroup, type GpuNodeGroupOptions } from './gpu-node-group';
import { eksHelmProvider } from './helm-provider';
import { IdentityProvider } from './identity-provider';
import { KarpenterAccess } from './karpenter-access';
import { type MlPlatformStackProps } from './ml-platform-stack-props';
import { MlflowDatabase } from './mlflow-database';
import { ModelImageRepositories } from './model-image-repositories';
import { ModelStorage } from './model-storage';
import { PlatformCluster } from './platform-cluster';
import { PlatformIdentities, type SecretAccess } from './platform-identities';

/**
 * Everything that the manifests of an environment run on: network and cluster, GPU nodes, buckets, MLflow's database, image
 * repositories, an identity for each service account, and the operators, made by one `terraform apply`. What AWS invents comes out
 * as outputs, for `PlatformOutputs` of the manifests.
 */
export class MlPlatformStack extends TerraformStack {
  /** Names and addresses. */
  public readonly environment: AwsEnvironment;
  /** The cluster. */
  public readonly cluster: ICluster;
  /** The buckets. */
  public readonly storage: ModelStorage;
  /** The image repositories. */
  public readonly repositories: ModelImageRepositories;
  /** The identities of the platform's pods. */
  public readonly identities: PlatformIdentities;
  /** What is installed in the cluster. */
  public readonly addons: ClusterAddons;
  /** MLflow's database, if it is made here. */
  public readonly database?: MlflowDatabase;
  /** Where the state is, as stacks are compared by it; undefined for a file of the stack's own. @internal */
  public readonly _statePlace?: string;

  /** Whether the cluster is made by the stack. @internal */
  public readonly _ownsCluster: boolean;

  private readonly tags: Record<string, string>;
  private readonly partition: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: MlPlatformStackProps) {
    super(scope, id);
    const { environment, state } = props;
    this.environment = environment;
    this._statePlace = state._place(environment);
    const cluster = props.cluster ?? PlatformCluster.create();
    this._ownsCluster = cluster._isNew;
    checkMlPlatformStack(this, props);
    this.tags = { ...environment.tags, ...props.tags };
    this.partition = partitionOf(environment.region);

    state._attach(this, environment);
    this.addOverride('terraform.required_version', '>= 1.10');
    new AwsProvider(this, 'Aws', {
      region: environment.region,
      // Whoever is logged in to another account changes nothing there.
      allowedAccountIds: [environment.accountId],
      defaultTags: [{ tags: this.tags }],
    });

    const { disposable = false } = props;
    this.cluster = cluster._make(this, { name: environment.clusterName, tags: this.tags });
    this.storage = new ModelStorage(this, 'Storage', {
      ...{ forceDestroy: disposable, ...props.storage },
      buckets: environment.buckets,
      tags: this.tags,
    });
    this.repositories = new ModelImageRepositories(this, 'Images', {
      names: [...environment.loopRepositories, ...(props.images ?? []).map((image) => environment.repository(image))],
      forceDelete: disposable,
      tags: this.tags,
    });
    if (props.makesDatabase ?? true) this.database = this.mlflowDatabase(props);
    for (const nodes of props.gpuNodes ?? []) this.gpuNodeGroup(nodes);
    const provider = this.identityProvider(props);
    this.identities = this.platformIdentities(props, provider);
    this.addons = this.clusterAddons(props, provider);
    this.outputs();
  }

  private mlflowDatabase({ database, disposable = false }: MlPlatformStackProps): MlflowDatabase {
    const { vpcId, privateSubnetIds, nodeSecurityGroupId } = this.cluster;
    return new MlflowDatabase(this, 'Database', {
      ...{ deletionProtection: !disposable, finalSnapshot: !disposable, ...database },
      identifier: this.environment.databaseIdentifier,
      vpcId,
      subnetIds: privateSubnetIds,
      clientSecurityGroupIds: [nodeSecurityGroupId],
      tags: this.tags,
    });
  }

  /** Named by their pool, so that another one more leaves them as they are. */
  private gpuNodeGroup(options: GpuNodeGroupOptions): void {
    const { cluster, tags } = this;
    const group = new GpuNodeGroup(this, `Nodes-${options.pool.name}`, {
      // Otherwise they keep the version that they were made with.
      kubernetesVersion: cluster instanceof EksCluster ? cluster.kubernetesVersion : undefined,
      ...options,
      clusterName: cluster.clusterName,
      subnetIds: cluster.privateSubnetIds,
      securityGroupIds: [cluster.nodeSecurityGroupId],
      tags,
    });
    cluster.precede(group);
  }

  private identityProvider({ usesIrsa = false }: MlPlatformStackProps): IdentityProvider {
    if (!usesIrsa) return IdentityProvider.podIdentity();
    const { oidcProviderArn, oidcIssuer } = this.cluster;
    if (oidcProviderArn !== undefined) return IdentityProvider.irsa({ oidcProviderArn, oidcIssuer });
    const problems = Problems.of(this);
    problems.add(
      'usesIrsa',
      usesIrsa,
      "needs the provider of the cluster's issuer: give the cluster 'oidcProviderArn'",
    );
    problems.throwIfAny();
    return IdentityProvider.podIdentity();
  }

  private platformIdentities(props: MlPlatformStackProps, provider: IdentityProvider): PlatformIdentities {
    const { environment, storage, partition, tags } = this;
    const { models, artifacts, training, predictions } = environment.buckets;
    const identities = new PlatformIdentities(this, 'Identities', {
      clusterName: environment.clusterName,
      access: props.platform.objectAccess,
      kmsKeyArns: Object.fromEntries(
        [models, artifacts, training, predictions].map((bucket) => [bucket, storage.kmsKeyArn]),
      ),
      // With Pod Identity, External Secrets reads it as itself.
      secrets: props.usesIrsa === true ? this.databaseSecret(props) : [],
      permissionsBoundaryArn: props.permissionsBoundaryArn,
      ...{ provider, partition, tags },
    });
    this.cluster.precede(identities);
    return identities;
  }

  /** What the account of `ExternalSecretStore.serviceAccount` reads. */
  private databaseSecret({ database: options }: MlPlatformStackProps): SecretAccess[] {
    const { database, environment } = this;
    if (!database) return [];
    const account = { namespace: environment.namespace, serviceAccountName: MLFLOW_DATABASE_SECRET };
    return [{ ...account, secretArn: database.masterUserSecretArn, kmsKeyArn: options?.kmsKeyArn }];
  }

  private clusterAddons(props: MlPlatformStackProps, identityProvider: IdentityProvider): ClusterAddons {
    const { environment, cluster, database, tags } = this;
    const { clusterName, region, accountId } = environment;
    const { permissionsBoundaryArn, platform, gpuNodes = [] } = props;
    eksHelmProvider(this, 'Helm', { ...cluster, region });
    const addons = new ClusterAddons(this, 'Addons', {
      nodeScaling: this.nodeScaling(props),
      // A cluster of ours has a default StorageClass; of another one nobody knows.
      ...(this._ownsCluster && { monitoringStorage: {} }),
      ...props.addons,
      ...{ clusterName, region, accountId, identityProvider, permissionsBoundaryArn, tags },
      manifests: platform,
      gpuNodeImages: gpuNodes.map(({ image = GpuNodeImage.al2023() }) => image),
      secretArns: database && [database.masterUserSecretArn],
      // AWS's own key needs no grant.
      secretKeyArns: props.database?.kmsKeyArn === undefined ? undefined : [props.database.kmsKeyArn],
    });
    cluster.precede(addons);
    return addons;
  }

  private nodeScaling(props: MlPlatformStackProps): NodeScaling {
    const { usesKarpenter = false, permissionsBoundaryArn, gpuNodes = [] } = props;
    if (!usesKarpenter) return NodeScaling.clusterAutoscaler({ pools: gpuNodes.map(({ pool }) => pool) });
    const { clusterName } = this.environment;
    const access = new KarpenterAccess(this, 'Karpenter', { clusterName, permissionsBoundaryArn, tags: this.tags });
    this.cluster.precede(access);
    const { nodeRoleArn, interruptionQueueName } = access;
    return NodeScaling.karpenter({ nodeRoleArn, interruptionQueueName });
  }

  private outputs(): void {
    const { database } = this;
    const values: Record<string, { readonly value: unknown; readonly description: string }> = {
      [TERRAFORM_OUTPUTS.clusterName]: { value: this.cluster.clusterName, description: 'Name of the EKS cluster' },
      ...(database && {
        [TERRAFORM_OUTPUTS.databaseHost]: { value: database.endpoint, description: "Host of MLflow's database" },
        [TERRAFORM_OUTPUTS.databasePort]: { value: database.port, description: "Port of MLflow's database" },
        [TERRAFORM_OUTPUTS.databaseName]: { value: database.databaseName, description: "Name of MLflow's database" },
        [TERRAFORM_OUTPUTS.databaseSecretArn]: {
          value: database.masterUserSecretArn,
          description: 'ARN of the secret with its user and password',
        },
      }),
    };
    for (const [name, { value, description }] of Object.entries(values)) {
      new TerraformOutput(this, name, { value, description }).overrideLogicalId(name);
    }
  }
}
