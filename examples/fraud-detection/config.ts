import { ContainerImages, NodePool } from 'cdk8s-mlops';

/** Everything that the manifests and the cloud must agree on, and that differs between environments. */
export interface FraudDetectionConfig {
  /** Name of the environment: folder of its manifests, name of its stack. */
  readonly environment: string;
  /** Namespace of the platform. */
  readonly namespace: string;
  /** Name of the EKS cluster. */
  readonly clusterName: string;
  readonly region: string;
  /** Subnets of the GPU nodes. */
  readonly subnetIds: readonly string[];
  /** Buckets by use. */
  readonly buckets: {
    readonly models: string;
    readonly mlflow: string;
    readonly training: string;
    /** What the live model was asked and answered, its labels, and reports about both. */
    readonly predictions: string;
  };
  /** Images of the loop's containers. */
  readonly images: ContainerImages;
  /** Image with the steps of the training code. */
  readonly trainingImage: string;
  /** GPU nodes, as pods see them ... */
  readonly gpuPool: NodePool;
  /** ... and as EC2 gives them. */
  readonly gpuInstanceTypes: readonly string[];
  readonly maxGpuNodes: number;
  /** Most replicas of the model. */
  readonly maxReplicas: number;
  /** Folder with the pages of docs/runbooks, where this company keeps them. */
  readonly runbooksUrl: string;
}

function environment(
  name: string,
  settings: Pick<FraudDetectionConfig, 'clusterName' | 'subnetIds' | 'maxGpuNodes' | 'maxReplicas'>,
): FraudDetectionConfig {
  const bucket = (use: string): string => `acme-fraud-${name}-${use}`;
  return {
    environment: name,
    namespace: 'fraud',
    region: 'eu-central-1',
    buckets: {
      models: bucket('models'),
      mlflow: bucket('mlflow'),
      training: bucket('training'),
      predictions: bucket('predictions'),
    },
    images: ContainerImages.fromRegistry('registry.acme.example/mlops', { tag: '0.1.0' }),
    trainingImage: 'registry.acme.example/fraud/training:2026.11.1',
    gpuPool: NodePool.gpu('gpu-training', { gpusPerNode: 1, spot: true, cpu: '7', memory: '28Gi' }),
    gpuInstanceTypes: ['g5.2xlarge', 'g6.2xlarge'],
    runbooksUrl: 'https://git.acme.example/mlops/runbooks',
    ...settings,
  };
}

/** The environments of this installation. */
export const environments: readonly FraudDetectionConfig[] = [
  environment('staging', {
    clusterName: 'acme-staging',
    subnetIds: ['subnet-0a1b2c3d4e5f60001', 'subnet-0a1b2c3d4e5f60002'],
    maxGpuNodes: 1,
    maxReplicas: 2,
  }),
  environment('production', {
    clusterName: 'acme-production',
    subnetIds: ['subnet-0f9e8d7c6b5a40001', 'subnet-0f9e8d7c6b5a40002'],
    maxGpuNodes: 4,
    maxReplicas: 10,
  }),
];
