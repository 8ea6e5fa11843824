import { ApiObject, type Chart, Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  AlertRule,
  AlertSeverity,
  DriftAlerting,
  type DriftAlertingProps,
  FeatureStatistic,
  type Model,
  ModelTask,
  ModelSource,
  QualityGates,
  ServedModel,
  ServingEngine,
  ServingRuntime,
  TrainingEngine,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { type DriftCheckFile } from 'cdk8s-mlops/contract';
import {
  find,
  identities,
  newChart,
  newModel,
  newPlatform,
  problemsOf,
  rendered,
  type Rendered,
} from '../support/synth';

const MODEL = newModel({ objectives: { minAccuracy: 0.93 }, labelDelay: Duration.days(7) });

function serve(chart: Chart, model = MODEL): ServedModel {
  return new ServedModel(chart, `serving-${model.name}`, {
    platform: newPlatform(chart),
    model,
    source: ModelSource.uri('s3://acme-models/churn/v1'),
    runtime: ServingRuntime.sklearn(),
    engine: ServingEngine.deployment(),
  });
}

function train(
  chart: Chart,
  { platform, model }: { platform: ServedModel['platform']; model: Model },
  engine?: TrainingEngine,
) {
  return new TrainingPipeline(chart, 'training', {
    platform,
    model,
    engine,
    schedule: '0 2 * * 0',
    trainingDataUri: 's3://acme/data',
    workspace: Workspace.objectStore('s3://acme/runs'),
    gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
    steps: { train: { image: 'train:1', command: ['train'] } },
  });
}

interface Options {
  readonly model?: Model;
  readonly engine?: TrainingEngine;
  readonly retrains?: boolean;
}

function synth(props: Partial<DriftAlertingProps> = {}, { model, engine, retrains = false }: Options = {}): Rendered[] {
  const chart = newChart();
  const servedModel = serve(chart, model);
  const training = retrains ? train(chart, servedModel, engine) : undefined;
  const predictionLogUri = 's3://acme-predictions/churn';
  new DriftAlerting(chart, 'drift', { servedModel, predictionLogUri, retrains: training, ...props });
  return rendered(chart);
}

const configuration = (objects: Rendered[]): DriftCheckFile =>
  parse(find(objects, 'ConfigMap', 'churn-drift-check').data['drift-check.yaml']);
const rules = (objects: Rendered[]): Rendered[] =>
  find(objects, 'PrometheusRule', 'churn-drift-check').spec.groups[0].rules;

test('renders the check, its configuration, its account and its rules', () => {
  expect(identities(synth({}, { retrains: true })).slice(-7)).toEqual([
    ...['ServiceAccount churn-drift-check', 'Role churn-drift-check', 'RoleBinding churn-drift-check'],
    ...['ConfigMap churn-drift-check', 'NetworkPolicy churn-drift-check', 'CronJob churn-drift-check'],
    'PrometheusRule churn-drift-check',
  ]);
});

test('the check is the default child', () => {
  const chart = newChart();
  const drift = new DriftAlerting(chart, 'drift', { servedModel: serve(chart), predictionLogUri: 's3://a/b' });
  expect(ApiObject.of(drift).kind).toBe('CronJob');
});

describe('configuration', () => {
  test('defaults', () => {
    expect(configuration(synth())).toEqual({
      version: 1,
      model: 'churn',
      namespace: 'ml',
      schema: '/etc/mlops/schema/schema.json',
      predictions: 's3://acme-predictions/churn',
      reference: { registry: 'http://mlflow.ml.svc:5000', alias: 'champion' },
      window: { hours: 24, minRows: 500, extendDays: 7 },
      decision: { featureThreshold: 0.15, driftedShare: 0.3, significance: 0.01, consecutiveWindows: 1 },
      performance: { minLabels: 200, maxDrop: 0.05, confidence: 0.95, onDegraded: 'review' },
      pushgateway: 'http://pushgateway.ml.svc:9091',
    });
  });

  test('every prop', () => {
    const props = {
      window: Duration.hours(6),
      driftThreshold: 0.2,
      driftedShare: 0,
      consecutiveWindows: 3,
      minPredictions: 1,
      minLabels: 50,
      labelsUri: 's3://acme-predictions/labels',
      reportsUri: 's3://acme-predictions/reports',
      retrainsOnDegradedPerformance: true,
      statistics: { age: FeatureStatistic.wasserstein(0.2), prediction: FeatureStatistic.jensenShannon() },
      silentAfter: Duration.hours(5),
      schedule: '30 */2 * * *',
      timeZone: 'Europe/Berlin',
      serviceAccountAnnotations: { a: 'b' },
      imagePullSecrets: ['registry'],
    };
    const objects = synth(props, { retrains: true });
    expect(configuration(objects)).toMatchObject({
      window: { hours: 6 },
      decision: { featureThreshold: 0.2, driftedShare: 0, consecutiveWindows: 3 },
      retrain: { engine: 'argo', name: 'churn-training', loop: 'churn-loop', minPredictions: 1 },
      labels: 's3://acme-predictions/labels',
      reports: 's3://acme-predictions/reports',
      features: {
        age: { statistic: 'wasserstein', threshold: 0.2 },
        prediction: { statistic: 'jensen-shannon' },
      },
      performance: { minLabels: 50, onDegraded: 'retrain' },
    });
    expect(find(objects, 'CronJob', 'churn-drift-check').spec).toMatchObject({
      ...{ schedule: '30 */2 * * *', timeZone: 'Europe/Berlin', concurrencyPolicy: 'Forbid' },
    });
    expect(find(objects, 'ServiceAccount', 'churn-drift-check').metadata.annotations).toEqual({ a: 'b' });
    const { spec } = find(objects, 'CronJob', 'churn-drift-check').spec.jobTemplate.spec.template;
    expect(spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
    expect(rules(objects)[1].expr).toMatch(/> 0.2$/);
    expect(rules(objects)[2].expr).toContain('> 18000)');
  });

  test('the container is told where it is', () => {
    const { spec } = find(synth(), 'CronJob', 'churn-drift-check').spec.jobTemplate.spec.template;
    const [container] = spec.containers;
    expect(container.image).toBe('registry.example/mlops/drift-checker:1.2.3');
    expect(container.args).toEqual(['check', '--config', '/etc/mlops/drift/drift-check.yaml']);
    expect(container.volumeMounts).toContainEqual({ name: 'config', mountPath: '/etc/mlops/drift', readOnly: true });
    expect(spec.volumes).toContainEqual({ name: 'schema', configMap: { name: 'churn-schema' } });
  });

  test('hourly checks of many models are spread over the hour', () => {
    const minute = (name: string): string => {
      const chart = newChart();
      const servedModel = serve(chart, newModel({ name }));
      new DriftAlerting(chart, 'drift', { servedModel, predictionLogUri: 's3://a/b' });
      return find(rendered(chart), 'CronJob', `${name}-drift-check`).spec.schedule;
    };
    const schedules = ['a', 'b', 'c', 'd', 'e', 'f'].map(minute);
    expect(new Set(schedules).size).toBeGreaterThan(3);
    for (const schedule of schedules) expect(schedule).toMatch(/^([0-9]|[1-5][0-9]) \* \* \* \*$/);
    expect(minute('a')).toBe(schedules[0]);
  });
});

describe('retraining', () => {
  const KILL_SWITCH = { apiGroups: [''], resources: ['configmaps'], resourceNames: ['churn-loop'], verbs: ['get'] };

  test('takes no permission where drift only alerts', () => {
    const objects = synth();
    expect(identities(objects)).not.toContain('Role churn-drift-check');
    expect(find(objects, 'ServiceAccount', 'churn-drift-check').automountServiceAccountToken).toBe(false);
    expect(configuration(objects).retrain).toBeUndefined();
  });

  test('on Argo may create workflows', () => {
    expect(find(synth({}, { retrains: true }), 'Role', 'churn-drift-check').rules).toEqual([
      { apiGroups: ['argoproj.io'], resources: ['workflows'], verbs: ['create'] },
      KILL_SWITCH,
    ]);
  });

  test('on a CronJob may read that one and create Jobs', () => {
    const objects = synth({}, { retrains: true, engine: TrainingEngine.cronJob() });
    expect(find(objects, 'Role', 'churn-drift-check').rules).toEqual([
      { apiGroups: ['batch'], resources: ['cronjobs'], resourceNames: ['churn-training'], verbs: ['get'] },
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create'] },
      KILL_SWITCH,
    ]);
    expect(configuration(objects).retrain).toMatchObject({
      engine: 'cronjob',
      name: 'churn-training',
      minPredictions: 10_000,
    });
  });
});

describe('rules', () => {
  test('are selected by a stock kube-prometheus-stack', () => {
    expect(find(synth(), 'PrometheusRule', 'churn-drift-check').metadata.labels.release).toBe('kube-prometheus-stack');
  });

  test('accuracy, drift, and the check itself', () => {
    expect(rules(synth()).map(({ alert, for: held, labels }) => [alert, held, labels.severity])).toEqual([
      ['ModelAccuracyDegraded', '300s', 'critical'],
      ['DataDriftDetected', '600s', 'warning'],
      ['DriftCheckSilent', '300s', 'warning'],
    ]);
    expect(rules(synth())[0].expr).toContain('estimated="false"}) < 0.93');
  });

  test('without labels the estimated accuracy decides, without an objective none', () => {
    const model = newModel({ objectives: { minAccuracy: 0.9 } });
    expect(rules(synth({}, { model }))[0].expr).toContain('estimated="true"}) < 0.9');
    expect(rules(synth({}, { model: newModel() })).map(({ alert }) => alert)).toEqual([
      'DataDriftDetected',
      'DriftCheckSilent',
    ]);
  });

  test('every objective that is measured has its alert', () => {
    const names = (props: Parameters<typeof newModel>[0]): string[] =>
      rules(synth({}, { model: newModel(props) }))
        .map(({ alert }) => alert)
        .slice(0, -2);
    const objectives = { minAccuracy: 0.9, minPrecision: 0.5, minRecall: 0.5, minF1: 0.5, minAuc: 0.8 };
    expect(names({ objectives })).toEqual([
      ...[
        'ModelAccuracyDegraded',
        'ModelPrecisionDegraded',
        'ModelRecallDegraded',
        'ModelF1Degraded',
        'ModelAucDegraded',
      ],
    ]);
    const regression = { task: ModelTask.regression(), objectives: { maxMae: 3, maxRmse: 5 } };
    expect(names(regression)).toEqual(['ModelMaeDegraded', 'ModelRmseDegraded']);
    const [mae] = rules(synth({}, { model: newModel(regression) }));
    expect(mae.expr).toBe(
      'max by (model, namespace, version) (ml_model_mae{model="churn", namespace="ml", estimated="true"}) > 3',
    );
  });

  test("the user's own come after them, and must have names of their own", () => {
    const rule = (alert: string): AlertRule =>
      AlertRule.promql({ alert, expr: 'up == 0', severity: AlertSeverity.WARNING, summary: 's', description: 'd' });
    expect(rules(synth({ rules: [rule('Mine')] })).at(-1)).toMatchObject({ alert: 'Mine', expr: 'up == 0' });
    const twice = [rule('Mine'), rule('Mine'), rule('DataDriftDetected')];
    expect(problemsOf(() => synth({ rules: twice }))).toHaveLength(2);
  });
});

describe('bad input', () => {
  test('every problem is reported at once', () => {
    const props = {
      predictionLogUri: 'log',
      schedule: '* *',
      timeZone: 'Mars/Base',
      driftThreshold: 0,
      driftedShare: 1,
      consecutiveWindows: 0,
      minPredictions: 0.5,
      minLabels: 0,
      labelsUri: 'labels',
      reportsUri: '/reports',
      retrainsOnDegradedPerformance: true,
      window: Duration.minutes(30),
      silentAfter: Duration.hours(0),
    };
    // Two more: minPredictions and retrainsOnDegradedPerformance have no effect without a retraining.
    expect(problemsOf(() => synth(props))).toHaveLength(14);
    expect(() => synth(props)).toThrow("DriftAlerting 'test/drift' has 14 problems:");
  });

  test('statistics must fit the features', () => {
    const statistics = {
      agee: FeatureStatistic.psi(),
      prediction: FeatureStatistic.kolmogorovSmirnov(),
      age: FeatureStatistic.hellinger(0),
    };
    expect(problemsOf(() => synth({ statistics }))).toEqual([
      "'statistics.agee' ('psi') must name a feature of the model; did you mean 'age'?",
      "'statistics.prediction' ('kolmogorov-smirnov') needs a numeric feature, 'prediction' is categorical",
      "'statistics.age' (0) must have a threshold above 0",
    ]);
  });

  test.each([
    [FeatureStatistic.psi(0.2), { statistic: 'psi', threshold: 0.2 }],
    [FeatureStatistic.kolmogorovSmirnov(), { statistic: 'kolmogorov-smirnov' }],
    [FeatureStatistic.wasserstein(0.3), { statistic: 'wasserstein', threshold: 0.3 }],
    [FeatureStatistic.jensenShannon(), { statistic: 'jensen-shannon' }],
    [FeatureStatistic.hellinger(), { statistic: 'hellinger' }],
    [FeatureStatistic.cramersV(), { statistic: 'cramers-v' }],
    [FeatureStatistic.chiSquare(), { statistic: 'chi-square' }],
  ])('statistic %#', (statistic, rule) => {
    expect(configuration(synth({ statistics: { age: statistic } })).features).toEqual({ age: rule });
  });

  test('a schedule of its own needs to say how long silence is normal', () => {
    expect(problemsOf(() => synth({ schedule: '0 3 * * *' }))[0]).toMatch(/needs 'silentAfter'/);
  });

  test('equal models need not be the same object', () => {
    const chart = newChart();
    const servedModel = serve(chart);
    const same = newModel({ objectives: { minAccuracy: 0.93 }, labelDelay: Duration.days(7) });
    const retrains = train(chart, { platform: servedModel.platform, model: same });
    expect(
      () => new DriftAlerting(chart, 'drift', { servedModel, retrains, predictionLogUri: 's3://a/b' }),
    ).not.toThrow();
    const again = (): DriftAlerting => new DriftAlerting(chart, 'again', { servedModel, predictionLogUri: 's3://a/b' });
    expect(problemsOf(again)[0]).toMatch(/has a DriftAlerting already/);
  });

  test('a training of another model', () => {
    const chart = newChart();
    const servedModel = serve(chart);
    const retrains = train(chart, { platform: servedModel.platform, model: newModel({ name: 'other' }) });
    const build = (): DriftAlerting =>
      new DriftAlerting(chart, 'drift', { servedModel, predictionLogUri: 's3://a/b', retrains });
    expect(problemsOf(build)[0]).toMatch(/trains another model than the one that is watched, 'churn'/);
  });

  test('a training of another platform', () => {
    const [chart, elsewhere] = [newChart(), newChart()];
    const servedModel = serve(chart);
    const retrains = train(elsewhere, { platform: newPlatform(elsewhere), model: MODEL });
    const build = (): DriftAlerting =>
      new DriftAlerting(chart, 'drift', { servedModel, predictionLogUri: 's3://a/b', retrains });
    expect(problemsOf(build)[0]).toMatch(/belongs to another platform/);
  });
});
