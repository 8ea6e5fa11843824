import { type App, Chart, Duration } from 'cdk8s';
import {
  AlertRouting,
  AlertTier,
  Capture,
  DriftAlerting,
  Exposure,
  Mlflow,
  MlflowDatabaseConnection,
  MlModelPlatform,
  ModelSource,
  QualityGates,
  Receiver,
  RolloutStrategy,
  SecretReference,
  ServedModel,
  ServingEngine,
  ServingRuntime,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { type CreditRiskConfig } from './config';
import { creditRisk, DECISION_THRESHOLD } from './model';

/** Adds the whole loop to `app`: platform, serving, retraining and the watch over it, one chart and so one file each. */
export function creditRiskLoop(app: App, config: CreditRiskConfig): void {
  const { namespace, images, serverImage, trainingImage, buckets } = config;

  const platform = new MlModelPlatform(new Chart(app, 'platform'), 'platform', {
    namespace,
    images,
    modelStore: `s3://${buckets.models}`,
    predictionStore: `s3://${buckets.predictions}`,
    mlflow: Mlflow.postgres({
      database: MlflowDatabaseConnection.uri(SecretReference.of('mlflow-database', 'uri')),
      artifactsDestination: `s3://${buckets.mlflow}/artifacts`,
    }),
  });

  const serving = new ServedModel(new Chart(app, 'serving'), 'credit-risk', {
    platform,
    model: creditRisk,
    // Its number in the registry, which takes it in as the first champion.
    source: ModelSource.uri(`s3://${buckets.models}/credit-risk/v1`, { version: '1' }),
    runtime: ServingRuntime.custom({
      image: serverImage,
      command: ['uvicorn', 'app:app', '--host', '0.0.0.0', '--port', '8080'],
    }),
    engine: ServingEngine.deployment(),
    env: { DECISION_THRESHOLD: String(DECISION_THRESHOLD) },
    replicas: config.replicas,
    resources: { cpu: '500m', memory: '512Mi' },
    exposure: Exposure.gateway({
      name: 'internal',
      namespace: 'gateways',
      hostnames: [config.hostname],
      proxyNamespace: 'envoy-gateway-system',
    }),
    // Defaults come back as labels after three months; a prediction is kept as long as somebody may complain about it.
    capture: Capture.on({
      labelCallers: ['collections'],
      labelWindow: Duration.days(120),
      retention: Duration.days(400),
    }),
    rollout: RolloutStrategy.shadowThenCanary({
      // Nobody is refused a loan by a version that has not been watched for half a day.
      shadow: { percent: 10, pause: Duration.hours(12) },
      steps: [10, 30, 60, 100].map((weight) => ({ weight, pause: Duration.hours(2) })),
      analysis: {
        window: Duration.hours(2),
        minRequests: 500,
        hold: Duration.hours(4),
        // Some 5 % are refused: the default limit of 0.1 would let a version pass that refuses three times as many.
        maxPredictionDistance: 0.03,
      },
    }),
  });

  const training = new TrainingPipeline(new Chart(app, 'training'), 'credit-risk', {
    platform,
    model: creditRisk,
    schedule: '0 3 1 * *',
    workspace: Workspace.objectStore(`s3://${buckets.training}/runs`),
    gates: QualityGates.fromFile(`${__dirname}/gates.yaml`),
    rollout: serving,
    steps: {
      extract: {
        image: trainingImage,
        command: ['python', '-m', 'credit.extract'],
        secrets: { WAREHOUSE_DSN: SecretReference.of('warehouse', 'dsn') },
      },
      train: {
        image: trainingImage,
        command: ['python', '-m', 'credit.train'],
        resources: { cpu: '4', memory: '8Gi' },
      },
      evaluate: { image: trainingImage, command: ['python', '-m', 'credit.evaluate'] },
    },
    // The warehouse that extract reads.
    egress: [{ cidr: '10.20.0.0/16', ports: [5439] }],
  });

  const monitoring = new Chart(app, 'monitoring');
  new DriftAlerting(monitoring, 'credit-risk', {
    servedModel: serving,
    retrains: training,
    reportsUri: `s3://${buckets.predictions}/reports`,
    // Defaults are rare: 200 labelled loans would have four of them.
    minLabels: 5000,
    recordingRules: true,
  });

  // Whoever runs the servers hears of them, and the risk team of the model and its data.
  const mail = (name: string, to: string): Receiver =>
    Receiver.email({
      ...{ name, to: [to], from: 'mlops@acme.example', smarthost: 'smtp.acme.example:587' },
      ...{ authUsername: 'mlops', authPassword: SecretReference.of('receivers', 'smtp-password') },
    });
  new AlertRouting(monitoring, 'routing', {
    platform,
    routes: [
      { receivers: [mail('platform', 'platform@acme.example')], tiers: [AlertTier.SERVICE] },
      { receivers: [mail('risk', 'credit-risk@acme.example')] },
    ],
  });
}
