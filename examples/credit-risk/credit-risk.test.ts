import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { MlopsApp } from 'cdk8s-mlops';
import { danglingReferences } from '../../test/support/references';
import { envOf, find, identities, type Rendered } from '../../test/support/synth';
import { environments, type CreditRiskConfig } from './config';
import { creditRiskLoop } from './credit-risk';
import { creditRisk } from './model';

function synth(config: CreditRiskConfig): Record<string, Rendered[]> {
  const outdir = mkdtempSync(join(tmpdir(), 'credit-risk-'));
  try {
    const app = new MlopsApp({ outdir });
    creditRiskLoop(app, config);
    app.synth();
    const files = readdirSync(outdir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));
    return Object.fromEntries(
      files.map((name) => [name, loadAll(readFileSync(join(outdir, name), 'utf8')) as Rendered[]]),
    );
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

const [staging, production] = environments as [CreditRiskConfig, CreditRiskConfig];
const files = synth(production);
const { 'bootstrap/bootstrap.yaml': bootstrap = [], ...steadyFiles } = files;
const objects = Object.values(steadyFiles).flat();
const rollout = find(objects, 'Rollout', 'credit-risk').spec;
const rolloutFile = load(find(objects, 'ConfigMap', 'credit-risk-rollout').data['rollout.yaml']) as Rendered;
const HOURS = 3600;

test('writes one file per concern, and apart from them what roll-outs change', () => {
  expect(Object.keys(files).sort()).toEqual([
    ...['bootstrap/bootstrap.yaml', 'monitoring.yaml', 'platform.yaml', 'serving.yaml', 'training.yaml'],
  ]);
  expect(identities(bootstrap)).toEqual([
    'Rollout credit-risk',
    'Service credit-risk',
    'HTTPRoute credit-risk-route',
    'Service credit-risk-canary',
  ]);
  expect(identities(objects)).not.toContain('HTTPRoute credit-risk-route');
});

test('two runs of the program write the same, and environments differ in replicas and host', () => {
  expect(synth(production)).toEqual(files);
  const { 'serving.yaml': serving = [], 'bootstrap/bootstrap.yaml': once = [] } = synth(staging);
  const { minReplicas, maxReplicas } = find(serving, 'HorizontalPodAutoscaler', 'credit-risk').spec;
  expect([minReplicas, maxReplicas]).toEqual([1, 2]);
  const { hostnames } = find(once, 'HTTPRoute', 'credit-risk-route').spec;
  expect(hostnames).toEqual(['credit-risk.staging.acme.example']);
});

test('the server is told the threshold of the model, its name, and where to send what it predicts', () => {
  const [server] = rollout.template.spec.containers;
  expect(creditRisk.schema.task.decisionThreshold).toBe(0.1);
  expect(['DECISION_THRESHOLD', 'MODEL_NAME', 'CAPTURE_URL'].map((name) => envOf(server, name))).toEqual([
    ...['0.1', 'credit-risk', 'http://credit-risk-capture.credit.svc'],
  ]);
  const source = readFileSync(join(__dirname, 'server/app.py'), 'utf8');
  const features = [...source.matchAll(/^ {4}"(\w+)": "(FP64|BYTES)",$/gm)].map(([, name, datatype]) => ({
    ...{ name, type: datatype === 'FP64' ? 'numeric' : 'categorical' },
  }));
  expect(features).toEqual(creditRisk.schema.features.map(({ name, type }) => ({ name, type })));
});

test('a version first gets a copy of 10 % of the requests, and only then answers some', () => {
  expect(rolloutFile.engine).toBe('argo-rollouts');
  expect(rolloutFile.steps).toEqual([
    { kind: 'shadow', percent: 10, pauseSeconds: 12 * HOURS, judged: true },
    { kind: 'update', pauseSeconds: 0, judged: false },
  ]);
  expect(identities(rolloutFile.candidate.manifests)).toEqual([
    ...['Deployment credit-risk-candidate', 'Service credit-risk-candidate'],
  ]);
  const { canary } = rollout.strategy;
  const analysis = { templates: [{ templateName: 'credit-risk-rollout' }] };
  expect(canary.steps).toEqual(
    [10, 30, 60, 100].flatMap((setWeight) => [{ setWeight }, { pause: { duration: '7200s' } }, { analysis }]),
  );
  expect([canary.stableService, canary.canaryService]).toEqual(['credit-risk', 'credit-risk-canary']);
  const { httpRoutes } = canary.trafficRouting.plugins['argoproj-labs/gatewayAPI'];
  expect(httpRoutes).toEqual([{ name: 'credit-risk-route' }]);
  const { rules } = find(bootstrap, 'HTTPRoute', 'credit-risk-route').spec;
  expect(rules[0].backendRefs.map(({ name, weight }: Rendered) => [name, weight])).toEqual([
    ['credit-risk', 100],
    ['credit-risk-canary', 0],
  ]);
});

test('whoever judges, the limits are the same, and those of refusals are narrow', () => {
  const { requests, checks } = rolloutFile.analysis;
  expect(requests.atLeast).toBe(500);
  const limits = Object.fromEntries(checks.map(({ name, atMost }: Rendered) => [name, atMost]));
  expect(limits).toEqual({
    ...{ 'error-rate': 0.005, 'latency-p95-ratio': 1.5, 'latency-p95': 0.1, 'prediction-distance': 0.03 },
  });
  const { metrics } = find(objects, 'AnalysisTemplate', 'credit-risk-rollout').spec;
  const conditions = metrics.map(({ name, successCondition }: Rendered) => [name, successCondition]);
  expect(conditions).toEqual(
    Object.entries(limits).map(([name, limit]) => [
      ...[name, `len(result) > 0 && !isNaN(result[0]) && result[0] <= ${String(limit)}`],
    ]),
  );
});

test('a version that is registered is rolled out', () => {
  const { templates } = find(objects, 'WorkflowTemplate', 'credit-risk-training').spec;
  const { resource } = templates.find(({ name }: Rendered) => name === 'rollout');
  const started = /workflowTemplateRef: \{name: (\S+)\}/.exec(resource.manifest)![1];
  expect(identities(objects)).toContain(`WorkflowTemplate ${started}`);
});

test('candidates are judged by recall, precision and fairness, and not by accuracy', () => {
  const { metrics } = load(find(objects, 'ConfigMap', 'credit-risk-gates').data['gates.yaml']) as Rendered;
  expect(metrics).not.toHaveProperty('accuracy');
  expect(metrics.recall).toMatchObject({ minimum: 0.6, comparison: 'gte', disparity: { maxDifference: 0.1 } });
  expect(metrics.precision).toMatchObject({ minimum: 0.15, comparison: 'gte' });
  expect(metrics.approval_rate.disparity).toEqual({ minRatio: 0.8 });
  const { minRecall, minPrecision, minAuc } = creditRisk.objectives;
  expect([metrics.recall, metrics.precision, metrics.auc].map(({ minimum }) => minimum)).toEqual([
    ...[minRecall, minPrecision, minAuc],
  ]);
});

test('alerts on recall and precision and never on accuracy, and drift retrains', () => {
  const { groups } = find(objects, 'PrometheusRule', 'credit-risk-drift-check').spec;
  const alerts: string[] = groups[0].rules.map(({ alert }: Rendered) => alert);
  expect(alerts.sort()).toEqual([
    ...['CaptureBufferFilling', 'CaptureShedding', 'DataDriftDetected', 'DriftCheckSilent', 'GateFailed'],
    ...['HighMissingFeatureRate', 'LabelsLate', 'ModelAucDegraded', 'ModelErrorRateHigh', 'ModelLatencyHigh'],
    ...['ModelPrecisionDegraded', 'ModelRecallDegraded', 'ModelTrafficLow', 'PredictionDistributionShift'],
    ...['PushedMetricsStale', 'RolloutGivenUp', 'RolloutHeld', 'TrainingInVain', 'TrainingNotStarted'],
    'TrainingRunFailed',
  ]);
  const { retrain } = load(find(objects, 'ConfigMap', 'credit-risk-drift-check').data['drift-check.yaml']) as Rendered;
  expect(identities(objects)).toContain(`WorkflowTemplate ${retrain.name}`);
});

test('mails say what is wrong to whoever can mend it', () => {
  const { receivers, route } = find(objects, 'AlertmanagerConfig', 'model-alerts').spec;
  expect(route.routes).toEqual([
    { receiver: 'platform', matchers: [{ name: 'tier', matchType: '=', value: 'service' }] },
    { receiver: 'risk', matchers: [] },
  ]);
  expect(receivers.slice(1).map(({ emailConfigs: [{ to, authPassword }] }: Rendered) => [to, authPassword])).toEqual([
    ['platform@acme.example', { name: 'receivers', key: 'smtp-password' }],
    ['credit-risk@acme.example', { name: 'receivers', key: 'smtp-password' }],
  ]);
});

test('labels find their predictions three months later', () => {
  const { labelDays, retentionDays } = load(
    find(objects, 'ConfigMap', 'credit-risk-capture').data['capture.yaml'],
  ) as Rendered;
  expect(creditRisk.labelDelay!.toDays()).toBeLessThan(labelDays);
  expect([labelDays, retentionDays]).toEqual([120, 400]);
});

test('every name that one object says of another exists, or is a secret that the user brings', () => {
  expect(danglingReferences(objects)).toEqual([
    'Secret credit/mlflow-database',
    'Secret credit/receivers',
    'Secret credit/warehouse',
  ]);
});
