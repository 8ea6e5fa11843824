import { type App, Chart } from 'cdk8s';
import {
  AlertRouting,
  Capture,
  Dashboards,
  DriftAlerting,
  GpuRequest,
  Mlflow,
  MlflowDatabaseConnection,
  MlModelPlatform,
  ModelGateway,
  ModelSource,
  PlatformAlerting,
  type PlatformOutputs,
  Pushgateway,
  QualityGates,
  Receiver,
  RetrainTrigger,
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
import { type AwsPlatformConfig } from './config';
import { demandForecast } from './model';

/** Adds the whole loop to `app`, one chart and so one file each, and returns its platform, which knows what its pods read and write. */
export function demandForecastLoop(app: App, config: AwsPlatformConfig, outputs: PlatformOutputs): MlModelPlatform {
  const { environment, gpuPool, imageTag, replicas, hostname } = config;

  const platform = new MlModelPlatform(new Chart(app, 'platform'), 'platform', {
    namespace: environment.namespace,
    images: environment.images(imageTag),
    modelStore: environment.modelStore,
    predictionStore: environment.predictionStore,
    mlflow: Mlflow.postgres({
      // RDS keeps the password, and changes it every week.
      database: MlflowDatabaseConnection.fromOutputs(outputs),
      artifactsDestination: environment.artifactsDestination,
    }),
    pushgateway: Pushgateway.managed({ volumeSize: '1Gi' }),
    storageInitializer: StorageInitializer.restricted(),
    quota: { gpus: gpuPool.maxNodes },
  });

  const tags = Object.entries(environment.tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const gateway = new ModelGateway(new Chart(app, 'gateway'), 'gateway', {
    routeNamespaces: [environment.namespace],
    // Terraform does not know the load balancer; by its tags it is found when the cluster is gone.
    annotations: { 'service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags': tags },
  });

  const serving = new ServedModel(new Chart(app, 'serving'), 'demand-forecast', {
    platform,
    model: demandForecast,
    // Its number in the registry, which takes it in as the first champion.
    source: ModelSource.uri(`${environment.modelStore}/demand-forecast/v1`, { version: '1' }),
    runtime: ServingRuntime.xgboost(),
    engine: ServingEngine.kserveStandard(),
    replicas: { ...replicas, target: ScaleTarget.cpu(70) },
    exposure: gateway.exposure(hostname),
    capture: Capture.on({ labelCallers: ['tills'] }),
    rollout: RolloutStrategy.shadowThenCanary(),
  });

  const trainingImage = environment.image('training', imageTag);
  const training = new TrainingPipeline(new Chart(app, 'training'), 'demand-forecast', {
    platform,
    model: demandForecast,
    schedule: '0 3 * * 1',
    workspace: Workspace.objectStore(environment.trainingStore),
    gates: QualityGates.fromFile(`${__dirname}/gates.yaml`),
    rollout: serving,
    steps: {
      extract: { image: trainingImage, command: ['python', '-m', 'demand.extract'] },
      train: {
        image: trainingImage,
        command: ['python', '-m', 'demand.train'],
        pool: gpuPool,
        gpu: GpuRequest.nvidia(1),
        resources: { cpu: '6', memory: '24Gi' },
      },
      evaluate: { image: trainingImage, command: ['python', '-m', 'demand.evaluate'] },
    },
  });

  const monitoring = new Chart(app, 'monitoring');
  new DriftAlerting(monitoring, 'demand-forecast', {
    servedModel: serving,
    retrains: training,
    reportsUri: environment.reportsUri,
    retrainTrigger: RetrainTrigger.alertmanager({ token: SecretReference.of('retraining', 'token') }),
  });
  new PlatformAlerting(monitoring, 'platform', { platform });
  new Dashboards(monitoring, 'dashboards', { platform });
  new AlertRouting(monitoring, 'routing', {
    platform,
    routes: [
      {
        receivers: [Receiver.slack({ name: 'demand', channel: '#demand', apiUrl: SecretReference.of('slack', 'url') })],
      },
    ],
  });
  return platform;
}
