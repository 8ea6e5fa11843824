import { ApiObject, type Chart, Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  AlertRule,
  AlertSeverity,
  Capture,
  DriftAlerting,
  type DriftAlertingProps,
  Feature,
  FeatureRecording,
  FeatureStatistic,
  type Model,
  ModelTask,
  ModelSource,
  QualityGates,
  RolloutStrategy,
  ServedModel,
  SecretReference,
  ServingRuntime,
  StorageInitializer,
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

function serve(chart: Chart, model = MODEL, capture?: Capture, rollout?: RolloutStrategy): ServedModel {
  return new ServedModel(chart, `serving-${model.name}`, {
    platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted() }),
    model,
    source: ModelSource.uri('s3://acme-models/churn/v1'),
    runtime: ServingRuntime.sklearn(),
    capture,
    rollout,
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
  readonly capture?: Capture;
  readonly engine?: TrainingEngine;
  readonly retrains?: boolean;
  readonly rollout?: RolloutStrategy;
}

function synth(props: Partial<DriftAlertingProps> = {}, options: Options = {}): Rendered[] {
  const chart = newChart();
  const servedModel = serve(chart, options.model, options.capture, options.rollout);
  const training = options.retrains ? train(chart, servedModel, options.engine) : undefined;
  new DriftAlerting(chart, 'drift', { servedModel, retrains: training, ...props });
  return rendered(chart);
}

const configuration = (objects: Rendered[]): DriftCheckFile =>
  parse(find(objects, 'ConfigMap', 'churn-drift-check').data['drift-check.yaml']);
const rules = (objects: Rendered[]): Rendered[] =>
  find(objects, 'PrometheusRule', 'churn-drift-check').spec.groups[0].rules;

test('renders the check, its configuration, its account and its rules', () => {
  expect(identities(synth({}, { retrains: true })).slice(-9)).toEqual([
    ...['ServiceAccount churn-drift-check', 'Role churn-drift-check', 'RoleBinding churn-drift-check'],
    ...['ConfigMap churn-drift-check', 'NetworkPolicy churn-drift-check', 'CronJob churn-drift-check'],
    ...['ServiceAccount churn-performance', 'CronJob churn-performance'],
    'PrometheusRule churn-drift-check',
  ]);
});

test('the check is the default child', () => {
  const chart = newChart();
  const drift = new DriftAlerting(chart, 'drift', { servedModel: serve(chart) });
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
      capture: '/etc/mlops/capture/capture.yaml',
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
      predictionLogUri: 's3://acme-predictions/elsewhere',
      schedule: '30 */2 * * *',
      performanceSchedule: '*/5 * * * *',
      timeZone: 'Europe/Berlin',
      serviceAccountAnnotations: { a: 'b' },
      imagePullSecrets: ['registry'],
    };
    const objects = synth(props, { retrains: true });
    expect(configuration(objects)).toMatchObject({
      window: { hours: 6 },
      decision: { featureThreshold: 0.2, driftedShare: 0, consecutiveWindows: 3 },
      retrain: { engine: 'argo', name: 'churn-training', loop: 'churn-loop', minPredictions: 1 },
      predictions: 's3://acme-predictions/elsewhere',
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
    expect(find(objects, 'CronJob', 'churn-performance').spec).toMatchObject({
      ...{ schedule: '*/5 * * * *', timeZone: 'Europe/Berlin' },
    });
    for (const name of ['churn-drift-check', 'churn-performance']) {
      expect(find(objects, 'ServiceAccount', name).metadata.annotations).toEqual({ a: 'b' });
    }
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

  test('the log of the capture is compacted first, another one is read as it is', () => {
    const mount = { name: 'capture', mountPath: '/etc/mlops/capture', readOnly: true };
    const podOf = (objects: Rendered[]): Rendered =>
      find(objects, 'CronJob', 'churn-drift-check').spec.jobTemplate.spec.template.spec;
    const captured = podOf(synth());
    expect(captured.containers[0].volumeMounts).toContainEqual(mount);
    expect(captured.volumes).toContainEqual({ name: 'capture', configMap: { name: 'churn-capture' } });
    const same = synth({ predictionLogUri: 's3://acme-predictions/churn' });
    expect(configuration(same).capture).toBe('/etc/mlops/capture/capture.yaml');

    for (const capture of [Capture.on(), Capture.off()]) {
      const another = synth({ predictionLogUri: 's3://acme-predictions/other' }, { capture });
      expect(configuration(another)).toMatchObject({ predictions: 's3://acme-predictions/other' });
      expect(configuration(another).capture).toBeUndefined();
      expect(podOf(another).containers[0].volumeMounts).not.toContainEqual(mount);
      expect(podOf(another).volumes).not.toContainEqual(expect.objectContaining({ name: 'capture' }));
    }
  });

  test('hourly checks of many models are spread over the hour', () => {
    const minute = (name: string): string => {
      const chart = newChart();
      const servedModel = serve(chart, newModel({ name }));
      new DriftAlerting(chart, 'drift', { servedModel });
      return find(rendered(chart), 'CronJob', `${name}-drift-check`).spec.schedule;
    };
    const schedules = ['a', 'b', 'c', 'd', 'e', 'f'].map(minute);
    expect(new Set(schedules).size).toBeGreaterThan(3);
    for (const schedule of schedules) expect(schedule).toMatch(/^([0-9]|[1-5][0-9]) \* \* \* \*$/);
    expect(minute('a')).toBe(schedules[0]);
  });
});

describe('performance', () => {
  test('is judged by itself every ten minutes, by an account that may do nothing', () => {
    const objects = synth({}, { retrains: true });
    const { spec } = find(objects, 'CronJob', 'churn-performance');
    expect(spec).toMatchObject({
      ...{ timeZone: 'Etc/UTC', concurrencyPolicy: 'Forbid' },
      ...{ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 1 },
      jobTemplate: { spec: { activeDeadlineSeconds: 540, backoffLimit: 0 } },
    });
    const pod = spec.jobTemplate.spec.template.spec;
    expect(pod).toMatchObject({ serviceAccountName: 'churn-performance', automountServiceAccountToken: false });
    expect(pod.containers[0].args).toEqual([
      ...['check', '--config', '/etc/mlops/drift/drift-check.yaml', '--only', 'performance'],
    ]);
    expect(pod.volumes).toContainEqual({ name: 'config', configMap: { name: 'churn-drift-check' } });
    expect(find(objects, 'ServiceAccount', 'churn-performance').automountServiceAccountToken).toBe(false);
    expect(JSON.stringify(objects.filter(({ kind }) => kind === 'RoleBinding'))).not.toContain('churn-performance');
  });

  test('never at the minute of the whole check', () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const objects = synth({}, { model: newModel({ name, labelDelay: Duration.days(1) }) });
      const minute = Number(find(objects, 'CronJob', `${name}-drift-check`).spec.schedule.split(' ')[0]);
      const [, first] = /^(\d)-59\/10 \* \* \* \*$/.exec(
        find(objects, 'CronJob', `${name}-performance`).spec.schedule,
      )!;
      expect(Number(first)).not.toBe(minute % 10);
    }
  });

  test('only where labels can come', () => {
    const judged = (...args: Parameters<typeof synth>): boolean =>
      identities(synth(...args)).includes('CronJob churn-performance');
    const [predictionLogUri, labelsUri] = ['s3://acme-predictions/other', 's3://acme-predictions/labels'];
    const capture = Capture.off();
    expect(judged()).toBe(true);
    expect(judged({ predictionLogUri, labelsUri }, { capture })).toBe(true);
    expect(judged({ predictionLogUri }, { capture })).toBe(false);
    expect(judged({ labelsUri }, { model: newModel() })).toBe(false);
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
      ['CaptureShedding', '300s', 'warning'],
      ['CaptureBufferFilling', '600s', 'warning'],
      ['PredictionDistributionShift', '600s', 'warning'],
      ['ModelTrafficLow', '600s', 'warning'],
      ['HighMissingFeatureRate', '600s', 'warning'],
      ['LabelsLate', '3600s', 'warning'],
      ['PushedMetricsStale', '300s', 'warning'],
    ]);
    expect(rules(synth())[0].expr).toContain('estimated="false"}) < 0.93');
  });

  test('without labels the estimated accuracy decides, without an objective none', () => {
    const model = newModel({ objectives: { minAccuracy: 0.9 } });
    expect(rules(synth({}, { model }))[0].expr).toContain('estimated="true"}) < 0.9');
    const none = synth({ predictionLogUri: 's3://a/b' }, { model: newModel(), capture: Capture.off() });
    expect(rules(none).map(({ alert }) => alert)).toEqual(['DataDriftDetected', 'DriftCheckSilent']);
  });

  test('every objective that is measured has its alert', () => {
    const names = (props: Parameters<typeof newModel>[0]): string[] =>
      rules(synth({}, { model: newModel(props) }))
        .map(({ alert }) => alert)
        .filter((name) => /Degraded$/.test(name));
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
      'max by (model, namespace, version) (ml_model_mae{model="churn", namespace="ml", estimated="true"}) > 3 ' +
        'unless on (model, namespace, version) ml_model_version_info{model="churn", namespace="ml", role="candidate"}',
    );
  });

  test('latency and errors are judged by what the collector sees, and the collector itself', () => {
    const model = newModel({ objectives: { maxLatencyP95: Duration.millis(50), maxErrorRate: 0.07 } });
    const byName = (options: Options): Record<string, Rendered> => {
      const props = options.capture ? { predictionLogUri: 's3://a/b' } : {};
      return Object.fromEntries(rules(synth(props, options)).map((rule) => [rule.alert, rule]));
    };
    const { ModelLatencyHigh, ModelErrorRateHigh, CaptureShedding, CaptureBufferFilling } = byName({ model });
    const series = '{model="churn", namespace="ml"}';
    expect(ModelLatencyHigh.labels.severity).toBe('critical');
    expect(ModelLatencyHigh.expr).toBe(
      'histogram_quantile(0.95, sum by (le, model, namespace, version) ' +
        `(rate(ml_inference_duration_seconds_bucket${series}[300s]))) > 0.05`,
    );
    expect(ModelErrorRateHigh.labels.severity).toBe('critical');
    expect(ModelErrorRateHigh.annotations.description).toContain(
      'A response that the collector lost looks like an error',
    );
    expect(ModelErrorRateHigh.expr).toMatch(
      / < 0.93 and sum by \(model, namespace, version\) \(increase\(.*\)\) >= 20$/,
    );
    expect(CaptureShedding.expr).toBe(
      'sum by (model, namespace, version) (rate(ml_capture_events_total{model="churn", namespace="ml", ' +
        'outcome=~"shed_memory|shed_buffer|shed_disk|shed_ending"}[300s])) > 0',
    );
    expect(CaptureBufferFilling.expr).toBe(
      `max by (model, namespace, version) (ml_capture_buffer_bytes${series} / ml_capture_buffer_limit_bytes${series}) > 0.5`,
    );
    expect(Object.keys(byName({ model, capture: Capture.off() }))).toEqual(['DataDriftDetected', 'DriftCheckSilent']);
  });

  test('labels are waited for where they are posted, gates where something is trained', () => {
    const names = (...args: Parameters<typeof synth>): string[] =>
      rules(synth(...args))
        .map(({ alert }) => alert)
        .filter((alert) => ['LabelsLate', 'PushedMetricsStale', 'GateFailed'].includes(alert));
    expect(names()).toEqual(['LabelsLate', 'PushedMetricsStale']);
    expect(names({ labelsUri: 's3://acme-predictions/labels' })).toEqual(['PushedMetricsStale']);
    expect(names({}, { model: newModel() })).toEqual([]);
    expect(names({}, { model: newModel(), retrains: true })).toEqual(['GateFailed']);
  });

  test('versions that were given up are told of where there are roll-outs', () => {
    const alerts = (options: Options): string[] => rules(synth({}, options)).map(({ alert }) => alert);
    expect(alerts({})).not.toContain('RolloutGivenUp');
    expect(alerts({ rollout: RolloutStrategy.rolling() })).toContain('RolloutGivenUp');
  });

  test('every default alert links to its page, where the pages are', () => {
    const rule = (alert: string, runbookUrl?: string): AlertRule =>
      AlertRule.promql({
        ...{ alert, runbookUrl, expr: 'up == 0', severity: AlertSeverity.WARNING, summary: 's', description: 'd' },
      });
    const own = [rule('Mine', 'https://wiki.example/mine'), rule('Bare')];
    const links = (runbooksUrl?: string): string[] =>
      rules(synth({ rules: own, runbooksUrl })).map(({ annotations }) => annotations.runbook_url);
    const given = links('https://docs.example/runbooks');
    expect(given[0]).toBe('https://docs.example/runbooks/ModelAccuracyDegraded.md');
    expect(given.slice(-2)).toEqual(['https://wiki.example/mine', undefined]);
    expect(given.filter((link) => link === undefined)).toHaveLength(1);
    expect(links().filter((link) => link !== undefined)).toEqual(['https://wiki.example/mine']);
    expect(problemsOf(() => synth({ runbooksUrl: 'runbooks' }))).toHaveLength(1);
    expect(problemsOf(() => rule('Mine', 'wiki'))).toHaveLength(1);
  });

  test('no error at all may be an objective', () => {
    const model = newModel({ objectives: { maxErrorRate: 0 } });
    expect(rules(synth({}, { model }))[0].expr).toContain(' < 1 and ');
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
      performanceSchedule: '* * *',
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
    expect(problemsOf(() => synth(props))).toHaveLength(15);
    expect(() => synth(props)).toThrow("DriftAlerting 'test/drift' has 15 problems:");
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

  test('statistics must fit what is recorded of the features', () => {
    const model = newModel({
      features: [
        Feature.numeric('age', { recording: FeatureRecording.BUCKETED }),
        Feature.numeric('income', { recording: FeatureRecording.DROPPED }),
        Feature.categorical('city', { recording: FeatureRecording.HASHED }),
      ],
    });
    const capture = Capture.on({ hashKey: SecretReference.of('capture', 'key') });
    const statistics = {
      age: FeatureStatistic.kolmogorovSmirnov(),
      income: FeatureStatistic.psi(),
      city: FeatureStatistic.hellinger(),
    };
    expect(problemsOf(() => synth({ statistics }, { model, capture }))).toEqual([
      "'statistics.age' ('kolmogorov-smirnov') needs the values themselves: 'age' is recorded bucketed",
      "'statistics.income' ('psi') has no values to compare: 'income' is recorded dropped",
      "'statistics.city' ('hellinger') has no values to compare: 'city' is recorded hashed",
    ]);
    expect(() => synth({ statistics, predictionLogUri: 's3://a/b' }, { model, capture })).not.toThrow();
    expect(() => synth({ statistics: { age: FeatureStatistic.hellinger() } }, { model, capture })).not.toThrow();
  });

  test('nothing is captured and no log is named', () => {
    expect(problemsOf(() => synth({}, { capture: Capture.off() }))).toEqual([
      "'predictionLogUri' must be given, because the served model captures nothing: name a log that somebody else writes, " +
        'or serve it with Capture.on()',
    ]);
  });

  test('a schedule for labels that cannot come', () => {
    const problems = problemsOf(() => synth({ performanceSchedule: '*/5 * * * *' }, { model: newModel() }));
    expect(problems).toEqual([expect.stringMatching(/has no effect where labels cannot come/)]);
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
    expect(() => new DriftAlerting(chart, 'drift', { servedModel, retrains })).not.toThrow();
    const again = (): DriftAlerting => new DriftAlerting(chart, 'again', { servedModel });
    expect(problemsOf(again)[0]).toMatch(/has a DriftAlerting already/);
  });

  test('a training of another model', () => {
    const chart = newChart();
    const servedModel = serve(chart);
    const retrains = train(chart, { platform: servedModel.platform, model: newModel({ name: 'other' }) });
    const build = (): DriftAlerting => new DriftAlerting(chart, 'drift', { servedModel, retrains });
    expect(problemsOf(build)[0]).toMatch(/trains another model than the one that is watched, 'churn'/);
  });

  test('a training of another platform', () => {
    const [chart, elsewhere] = [newChart(), newChart()];
    const servedModel = serve(chart);
    const retrains = train(elsewhere, { platform: newPlatform(elsewhere), model: MODEL });
    const build = (): DriftAlerting => new DriftAlerting(chart, 'drift', { servedModel, retrains });
    expect(problemsOf(build)[0]).toMatch(/belongs to another platform/);
  });
});
