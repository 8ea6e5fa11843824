import { type App, Chart } from 'cdk8s';
import { fraudDetector } from './model';
import {
  type ContainerImages,
  GpuDevicePlugin,
  GpuRequest,
  Mlflow,
  MlModelPlatform,
  NodePool,
  QualityGates,
  SecretReference,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';

/** Settings that differ from one installation to the next. */
export interface FraudDetectionConfig {
  /** Namespace of the platform. */
  readonly namespace: string;
  /** Registry and tag of the two containers of the loop. */
  readonly images: ContainerImages;
  /** Image with the steps of the training code. */
  readonly trainingImage: string;
  /** Prefix of the bucket names. */
  readonly bucketPrefix: string;
}

/** Adds the platform and the weekly retraining to `app`, one chart and so one file each. */
export function fraudDetection(app: App, config: FraudDetectionConfig): void {
  const { namespace, images, trainingImage, bucketPrefix } = config;

  const platform = new MlModelPlatform(new Chart(app, 'platform'), 'platform', {
    namespace,
    images,
    modelStore: `s3://${bucketPrefix}-models`,
    mlflow: Mlflow.postgres({
      databaseUri: SecretReference.of('mlflow-database', 'uri'),
      artifactsDestination: `s3://${bucketPrefix}-mlflow/artifacts`,
    }),
    gpu: GpuDevicePlugin.daemonSet(),
    quota: { gpus: 4 },
  });

  const gpuPool = NodePool.gpu('gpu-training', { gpusPerNode: 1, spot: true, cpu: '7', memory: '28Gi' });

  new TrainingPipeline(new Chart(app, 'training'), 'fraud-detector', {
    platform,
    model: fraudDetector,
    schedule: '0 2 * * 0',
    workspace: Workspace.objectStore(`s3://${bucketPrefix}-training/runs`),
    gates: QualityGates.fromFile(`${__dirname}/gates.yaml`),
    steps: {
      extract: {
        image: trainingImage,
        command: ['python', '-m', 'fraud.extract'],
        secrets: { WAREHOUSE_DSN: SecretReference.of('warehouse', 'dsn') },
        resources: { cpu: '2', memory: '8Gi' },
      },
      train: {
        image: trainingImage,
        command: ['python', '-m', 'fraud.train'],
        args: ['--epochs', '20'],
        pool: gpuPool,
        gpu: GpuRequest.nvidia(1),
        resources: { cpu: '6', memory: '24Gi' },
        sharedMemory: '2Gi',
      },
      evaluate: {
        image: trainingImage,
        command: ['python', '-m', 'fraud.evaluate'],
        resources: { cpu: '2', memory: '8Gi' },
      },
    },
    egress: [{ cidr: '10.20.0.0/16', ports: [5439] }],
  });
}
