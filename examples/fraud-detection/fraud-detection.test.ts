import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App as CloudApp, Testing } from 'cdktf';
import { load, loadAll } from 'js-yaml';
import { MlopsApp } from 'cdk8s-mlops';
import { danglingReferences } from '../../test/support/references';
import { find, identities, type Rendered } from '../../test/support/synth';
import { FraudDetectionCloud } from './cloud';
import { environments, type FraudDetectionConfig } from './config';
import { fraudDetection } from './fraud-detection';

function synth(config: FraudDetectionConfig): Record<string, Rendered[]> {
  const outdir = mkdtempSync(join(tmpdir(), 'fraud-detection-'));
  try {
    const app = new MlopsApp({ outdir });
    fraudDetection(app, config);
    app.synth();
    const files = readdirSync(outdir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));
    return Object.fromEntries(
      files.map((name) => [name, loadAll(readFileSync(join(outdir, name), 'utf8')) as Rendered[]]),
    );
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

const [staging, production] = environments as [FraudDetectionConfig, FraudDetectionConfig];
const files = synth(production);
const { 'bootstrap/bootstrap.yaml': bootstrap = [], ...steadyFiles } = files;
const objects = Object.values(steadyFiles).flat();

test('writes one file per concern, with stable names, and apart from them what is created once', () => {
  expect(Object.keys(files).sort()).toEqual([
    ...['bootstrap/bootstrap.yaml', 'monitoring.yaml', 'platform.yaml', 'serving.yaml', 'training.yaml'],
  ]);
  expect(identities(bootstrap)).toEqual(['InferenceService fraud-detector']);
});

test('two runs of the program write the same', () => {
  expect(synth(production)).toEqual(files);
});

test('environments differ in what their configuration says', () => {
  const replicas = (config: FraudDetectionConfig): number =>
    find(synth(config)['serving.yaml'] ?? [], 'InferenceService', 'fraud-detector').spec.predictor.maxReplicas;
  expect([replicas(staging), replicas(production)]).toEqual([2, 10]);
});

test('serves 1 to 10 replicas at a concurrency of 70', () => {
  expect(find(objects, 'InferenceService', 'fraud-detector').spec.predictor).toMatchObject({
    ...{ minReplicas: 1, maxReplicas: 10, scaleMetric: 'concurrency', scaleTarget: 70 },
  });
});

const alertsOf = (name: string): Rendered[] => find(objects, 'PrometheusRule', name).spec.groups[0].rules;

test('alerts on the model, its data and its service, and on the loop; drift retrains', () => {
  const rules = alertsOf('fraud-detector-drift-check');
  expect(rules.map(({ alert }: Rendered) => alert).sort()).toEqual([
    ...['CaptureBufferFilling', 'CaptureShedding', 'DataDriftDetected', 'DriftCheckSilent', 'GateFailed'],
    ...['HighMissingFeatureRate', 'LabelsLate', 'ModelAccuracyDegraded', 'ModelErrorRateHigh', 'ModelLatencyHigh'],
    ...['ModelRecallDegraded', 'ModelTrafficLow', 'PredictionDistributionShift', 'PushedMetricsStale'],
    ...['RolloutGivenUp', 'RolloutHeld', 'TrainingInVain', 'TrainingNotStarted', 'TrainingRunFailed'],
  ]);
  expect(alertsOf('platform-alerts').map(({ alert }: Rendered) => alert)).toEqual(['GpuIdle', 'SpotReclaimLoop']);
  for (const { alert, annotations } of [...rules, ...alertsOf('platform-alerts')]) {
    expect(annotations.runbook_url).toBe(`https://git.acme.example/mlops/runbooks/${alert}.md`);
  }
  const { data } = find(objects, 'ConfigMap', 'fraud-detector-drift-check');
  const { retrain } = load(data['drift-check.yaml']) as Rendered;
  expect(identities(objects)).toContain(`WorkflowTemplate ${retrain.name}`);
});

test('what is critical wakes somebody, and everything is said in the channel', () => {
  const { receivers, route } = find(objects, 'AlertmanagerConfig', 'model-alerts').spec;
  const [critical, rest] = route.routes;
  expect(critical).toMatchObject({
    receiver: 'pagerduty+slack',
    matchers: [{ name: 'severity', matchType: '=', value: 'critical' }],
  });
  expect(rest).toEqual({ receiver: 'slack', matchers: [], repeatInterval: '86400s' });
  const [, both] = receivers;
  expect(both.pagerdutyConfigs[0].routingKey).toEqual({ name: 'receivers', key: 'pagerduty-key' });
  expect(both.slackConfigs[0]).toMatchObject({
    ...{ channel: '#fraud-ml', apiURL: { name: 'receivers', key: 'slack-url' } },
  });
});

test('drift is recorded by Prometheus, and Grafana has its dashboards', () => {
  const [, recorded] = find(objects, 'PrometheusRule', 'fraud-detector-drift-check').spec.groups;
  expect(recorded.rules.map(({ record }: Rendered) => record)).toContain('version:ml_feature_bin:psi_mean');
  expect(identities(objects).filter((each) => each.startsWith('ConfigMap dashboard-'))).toHaveLength(7);
});

test('what the model is asked and answers is what the drift check reads', () => {
  const { logger } = find(objects, 'InferenceService', 'fraud-detector').spec.predictor;
  expect(logger.url).toBe('http://fraud-detector-capture.fraud.svc');
  expect(identities(objects)).toContain('Service fraud-detector-capture');
  const { log } = load(find(objects, 'ConfigMap', 'fraud-detector-capture').data['capture.yaml']) as Rendered;
  const check = load(find(objects, 'ConfigMap', 'fraud-detector-drift-check').data['drift-check.yaml']) as Rendered;
  expect([log, check.predictions]).toEqual(Array(2).fill('s3://acme-fraud-production-predictions/fraud-detector'));
  expect(identities(objects)).toContain('CronJob fraud-detector-performance');
});

test('every way to a Service is one that Amazon EKS sees: its policies know a Service by the labels that it selects', () => {
  const services = objects.filter(({ kind }) => kind === 'Service').map(({ spec }) => spec);
  const ways = objects
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .flatMap(({ metadata, spec }) =>
      (spec.egress ?? []).flatMap(({ to = [] }: Rendered) =>
        to
          .filter((peer: Rendered) => peer.podSelector && !peer.namespaceSelector)
          .map(({ podSelector }: Rendered) => ({ policy: metadata.name, labels: podSelector.matchLabels })),
      ),
    );
  expect(ways.map(({ policy }) => policy)).toEqual(
    expect.arrayContaining(['training', 'fraud-detector', 'fraud-detector-capture', 'fraud-detector-drift-check']),
  );
  const leadsTo = ({ labels }: Rendered): boolean =>
    services.some(({ selector }) => Object.entries(labels).every(([key, value]) => selector[key] === value));
  expect(ways.filter((way) => !leadsTo(way))).toEqual([]);
});

test('both halves speak of the same buckets, labels and taints', () => {
  const stack = new FraudDetectionCloud(new CloudApp(), production);
  const { resource } = JSON.parse(Testing.synth(stack));
  const buckets = Object.values(resource.aws_s3_bucket).map(({ bucket }: Rendered) => bucket);
  const named = [...JSON.stringify(files).matchAll(/s3:\/\/([a-z0-9-]+)/g)].map(([, bucket]) => bucket);
  expect([...new Set(named)].sort()).toEqual(buckets.sort());
  const [group] = Object.values<Rendered>(resource.aws_eks_node_group);
  const { templates } = find(objects, 'WorkflowTemplate', 'fraud-detector-training').spec;
  const train = templates.find(({ name }: Rendered) => name === 'train');
  expect(group.labels).toMatchObject(train.nodeSelector);
  expect(group.taint.map(({ key }: Rendered) => key)).toEqual(train.tolerations.map(({ key }: Rendered) => key));
});

test('a version that passed its gates gets 10, 30, 60 and 100 % of the requests, and has to fit the objectives with each', () => {
  const rollout = load(find(objects, 'ConfigMap', 'fraud-detector-rollout').data['rollout.yaml']) as Rendered;
  expect(rollout.engine).toBe('kserve-knative');
  expect(rollout.steps).toEqual(
    [10, 30, 60, 100].map((percent) => ({ kind: 'weight', percent, pauseSeconds: 600, judged: true })),
  );
  const { checks } = rollout.analysis;
  expect(Object.fromEntries(checks.map(({ name, atMost }: Rendered) => [name, atMost]))).toEqual({
    ...{ 'error-rate': 0.01, 'latency-p95-ratio': 1.5, 'latency-p95': 0.05, 'prediction-distance': 0.1 },
  });
  const { templates } = find(objects, 'WorkflowTemplate', 'fraud-detector-training').spec;
  const { resource } = templates.find(({ name }: Rendered) => name === 'rollout');
  const started = /workflowTemplateRef: \{name: (\S+)\}/.exec(resource.manifest)![1];
  expect(identities(objects)).toEqual(
    expect.arrayContaining([`WorkflowTemplate ${started}`, 'WorkflowTemplate fraud-detector-rollback']),
  );
});

test('trains weekly, on a GPU of a spot node that it tolerates', () => {
  expect(find(objects, 'CronWorkflow', 'fraud-detector-training').spec.schedules).toEqual(['0 2 * * 0']);
  const { templates } = find(objects, 'WorkflowTemplate', 'fraud-detector-training').spec;
  const train = templates.find(({ name }: Rendered) => name === 'train');
  expect(train.container.resources.limits['nvidia.com/gpu']).toBe('1');
  expect(train.tolerations).toContainEqual({ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' });
  expect(train.retryStrategy.limit).toBe('10');
});

test('a candidate must be accurate, not worse than the champion, fast and small', () => {
  const { data } = find(objects, 'ConfigMap', 'fraud-detector-gates');
  expect(load(data['gates.yaml'])).toMatchObject({
    metrics: {
      accuracy: { minimum: 0.92, comparison: 'gte' },
      latency_p95_ms: { maximum: 50 },
      model_size_mb: { maximum: 500 },
    },
  });
});

test('every name that one object says of another exists, or is a secret that the user brings', () => {
  expect(danglingReferences(objects)).toEqual([
    'Secret fraud/mlflow-database',
    'Secret fraud/receivers',
    'Secret fraud/warehouse',
  ]);
});
