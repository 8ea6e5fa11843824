import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { type App, S3Backend, TerraformStack } from 'cdktf';
import { BucketExpiry, GpuNodeGroup, ModelBucket } from 'cdk8s-mlops/aws';
import { type FraudDetectionConfig } from './config';

/** The cloud half of an environment: its buckets and its GPU nodes, beside an EKS cluster that exists. */
export class FraudDetectionCloud extends TerraformStack {
  constructor(app: App, config: FraudDetectionConfig) {
    super(app, `fraud-${config.environment}`);
    const { buckets, region } = config;
    const tags = { project: 'fraud-detection', environment: config.environment };

    new AwsProvider(this, 'aws', { region, defaultTags: [{ tags }] });
    new S3Backend(this, {
      bucket: 'acme-terraform-state',
      key: `fraud-detection/${config.environment}.tfstate`,
      region,
      encrypt: true,
    });

    new ModelBucket(this, 'models', { bucketName: buckets.models, expiry: BucketExpiry.archivedOnly(90) });
    new ModelBucket(this, 'mlflow', { bucketName: buckets.mlflow, expiry: BucketExpiry.archivedOnly(90) });
    new ModelBucket(this, 'training', { bucketName: buckets.training, expiry: BucketExpiry.all(90) });
    new ModelBucket(this, 'predictions', { bucketName: buckets.predictions, expiry: BucketExpiry.all(90) });

    new GpuNodeGroup(this, 'gpu', {
      clusterName: config.clusterName,
      subnetIds: config.subnetIds,
      pool: config.gpuPool,
      instanceTypes: config.gpuInstanceTypes,
      maxSize: config.maxGpuNodes,
    });
  }
}
