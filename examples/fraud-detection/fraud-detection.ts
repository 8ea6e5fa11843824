import { type App, Chart, Duration } from 'cdk8s';
import {
  AlertRouting,
  AlertSeverity,
  Capture,
  Dashboards,
  DriftAlerting,
  Exposure,
  GpuDevicePlugin,
  GpuRequest,
  Mlflow,
  MlflowDatabaseConnection,
  MlModelPlatform,
  ModelSource,
  PlatformAlerting,
  QualityGates,
  Receiver,
  RolloutStrategy,
  ScaleTarget,
  SecretReference,
  ServedModel,
  ServingEngine,
  ServingRuntime,
  StorageInitializer,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { type FraudDetectionConfig } from './config';
import { fraudDetector } from './model';

/** Adds the whole loop to `app`: platform, serving, retraining and the watch over it, one chart and so one file each. */
export function fraudDetection(app: App, config: FraudDetectionConfig): void {
  const { namespace, images, trainingImage, buckets, gpuPool, runbooksUrl } = config;

  const platform = new MlModelPlatform(new Chart(app, 'platform'), 'platform', {
    namespace,
    images,
    modelStore: `s3://${buckets.models}`,
    predictionStore: `s3://${buckets.predictions}`,
    mlflow: Mlflow.postgres({
      database: MlflowDatabaseConnection.uri(SecretReference.of('mlflow-database', 'uri')),
      artifactsDestination: `s3://${buckets.mlflow}/artifacts`,
    }),
    gpu: GpuDevicePlugin.daemonSet(),
    storageInitializer: StorageInitializer.restricted(),
    quota: { gpus: config.maxGpuNodes },
  });

  const serving = new ServedModel(new Chart(app, 'serving'), 'fraud-detector', {
    platform,
    model: fraudDetector,
    // Its number in the registry, which takes it in as the first champion.
    source: ModelSource.uri(`s3://${buckets.models}/fraud-detector/v1`, { version: '1' }),
    runtime: ServingRuntime.sklearn(),
    engine: ServingEngine.kserveKnative(),
    replicas: { min: 1, max: config.maxReplicas, target: ScaleTarget.concurrency(70) },
    exposure: Exposure.byKserve(),
    callers: ['checkout'],
    // Charge-backs come back as labels, a week later.
    capture: Capture.on({ labelCallers: ['disputes'] }),
    rollout: RolloutStrategy.canary(),
  });

  const training = new TrainingPipeline(new Chart(app, 'training'), 'fraud-detector', {
    platform,
    model: fraudDetector,
    schedule: '0 2 * * 0',
    workspace: Workspace.objectStore(`s3://${buckets.training}/runs`),
    gates: QualityGates.fromFile(`${__dirname}/gates.yaml`),
    rollout: serving,
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
    // The warehouse that extract reads.
    egress: [{ cidr: '10.20.0.0/16', ports: [5439] }],
  });

  const monitoring = new Chart(app, 'monitoring');
  new DriftAlerting(monitoring, 'fraud-detector', {
    servedModel: serving,
    retrains: training,
    reportsUri: `s3://${buckets.predictions}/reports`,
    recordingRules: true,
    runbooksUrl,
  });
  new PlatformAlerting(monitoring, 'platform-alerts', { platform, runbooksUrl });
  new Dashboards(monitoring, 'dashboards', { platform, runbooksUrl });

  // What is critical wakes somebody; everything is said in the channel, what lasts once a day.
  const channel = Receiver.slack({ apiUrl: SecretReference.of('receivers', 'slack-url'), channel: '#fraud-ml' });
  const onCall = Receiver.pagerDuty({ routingKey: SecretReference.of('receivers', 'pagerduty-key') });
  new AlertRouting(monitoring, 'routing', {
    platform,
    routes: [
      { receivers: [onCall, channel], severities: [AlertSeverity.CRITICAL] },
      { receivers: [channel], repeatInterval: Duration.days(1) },
    ],
  });
}
