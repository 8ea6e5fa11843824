import { type App } from 'cdktf';
import { type MlModelPlatform } from 'cdk8s-mlops';
import {
  EndpointAccess,
  MlflowDatabaseEngine,
  MlPlatformStack,
  NatGateways,
  PlatformCluster,
  TerraformState,
} from 'cdk8s-mlops/aws';
import { type AwsPlatformConfig } from './config';

/**
 * The cloud half of an environment: all that the manifests run on.
 *
 * @param platform the manifests, which know what their pods read and write
 */
export function demandForecastCloud(app: App, config: AwsPlatformConfig, platform: MlModelPlatform): MlPlatformStack {
  const { environment, cidr, apiCallers, highlyAvailable, gpuPool, gpuInstanceTypes } = config;
  return new MlPlatformStack(app, environment.clusterName, {
    environment,
    platform,
    state: TerraformState.s3({ bucket: 'acme-terraform-state' }),
    cluster: PlatformCluster.create({
      vpc: { cidr, natGateways: highlyAvailable ? NatGateways.perZone() : NatGateways.single() },
      endpointAccess: EndpointAccess.publicFrom(...apiCallers),
      // They also carry the model: a replica asks for a whole processor.
      systemNodes: { instanceTypes: ['m7i.xlarge', 'm6i.xlarge'], maxSize: highlyAvailable ? 8 : 4 },
    }),
    gpuNodes: [{ pool: gpuPool, instanceTypes: gpuInstanceTypes, maxSize: gpuPool.maxNodes ?? 1 }],
    database: { engine: MlflowDatabaseEngine.postgres({ multiAz: highlyAvailable }) },
    images: ['training'],
    disposable: !highlyAvailable,
  });
}
