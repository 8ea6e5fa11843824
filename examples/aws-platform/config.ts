import { AwsEnvironment, NodePool } from 'cdk8s-mlops';

/** What differs between environments, and what manifests and cloud must agree on. */
export interface AwsPlatformConfig {
  /** Names and addresses of the environment. */
  readonly environment: AwsEnvironment;
  /** Addresses of the network of the environment: those of two environments do not overlap, so that they can be peered. */
  readonly cidr: string;
  /** Networks from which the cluster's API is called. */
  readonly apiCallers: readonly string[];
  /** Whether a part may fail without the environment failing: more than one NAT gateway, a second database, no deletion by mistake. */
  readonly highlyAvailable: boolean;
  /** GPU nodes, as pods see them ... */
  readonly gpuPool: NodePool;
  /** ... and as EC2 gives them. */
  readonly gpuInstanceTypes: readonly string[];
  /** Build of the images. */
  readonly imageTag: string;
  /** Host under which the model is called. */
  readonly hostname: string;
  /** Fewest and most replicas of the model. */
  readonly replicas: { readonly min: number; readonly max: number };
}

function config(
  name: string,
  maxGpuNodes: number,
  settings: Pick<AwsPlatformConfig, 'cidr' | 'highlyAvailable' | 'replicas'>,
): AwsPlatformConfig {
  return {
    environment: new AwsEnvironment({
      project: 'demand',
      environment: name,
      region: 'eu-central-1',
      accountId: '123456789012',
    }),
    // The office and the runners of the pipeline.
    apiCallers: ['198.51.100.0/24'],
    gpuPool: NodePool.gpu('gpu-training', {
      ...{ gpusPerNode: 1, spot: true, cpu: '7', memory: '28Gi', maxNodes: maxGpuNodes },
    }),
    gpuInstanceTypes: ['g5.2xlarge', 'g6.2xlarge'],
    imageTag: '2026.11.1',
    hostname: `demand.${name}.acme.example`,
    ...settings,
  };
}

/** The environments, smallest first. */
export const environments: readonly AwsPlatformConfig[] = [
  config('dev', 1, { cidr: '10.40.0.0/16', highlyAvailable: false, replicas: { min: 1, max: 2 } }),
  config('staging', 1, { cidr: '10.41.0.0/16', highlyAvailable: false, replicas: { min: 1, max: 2 } }),
  config('production', 4, { cidr: '10.42.0.0/16', highlyAvailable: true, replicas: { min: 2, max: 8 } }),
];
