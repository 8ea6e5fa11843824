import { Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  DriftAlerting,
  type DriftAlertingProps,
  FeatureStatistic,
  ModelSource,
  QualityGates,
  RetrainTrigger,
  SecretReference,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
  TrainingEngine,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { type DriftCheckFile, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { find, newChart, newModel, newPlatform, rendered } from '../../../test/support/synth';
import { failureOf } from '../../common/testing/problems';
import { parseYaml } from '../../common/yaml-file';
import { DRIFT_CHECK_CONFIG } from './drift-check-config';

const VALID: DriftCheckFile = {
  version: 1,
  ...{ model: 'churn', namespace: 'ml', schema: '/etc/mlops/schema/schema.json' },
  predictions: 's3://logs/churn',
  reference: { registry: 'http://mlflow.ml.svc:5000', alias: 'champion' },
  window: { hours: 24, minRows: 500, extendDays: 7 },
  decision: { featureThreshold: 0.15, driftedShare: 0.3, significance: 0.01, consecutiveWindows: 1 },
  performance: { minLabels: 200, maxDrop: 0.05, confidence: 0.95, onDegraded: 'review' },
  pushgateway: 'http://pushgateway.ml.svc:9091',
};

const EVERYTHING: Required<DriftCheckFile> = {
  ...VALID,
  capture: '/etc/mlops/capture/capture.yaml',
  labels: 's3://labels/churn',
  columns: Object.fromEntries(Object.values(PREDICTION_LOG_COLUMNS).map((role) => [role, `my_${role}`])),
  features: { amount: { statistic: 'wasserstein', threshold: 0.1 }, country: { threshold: 0.2 }, age: {} },
  retrain: { engine: 'argo', name: 'churn-training', loop: 'churn-loop', minPredictions: 10_000 },
  reports: 's3://reports/drift',
};

const read = (config: unknown): DriftCheckFile => parseYaml(JSON.stringify(config), 'c.yaml', DRIFT_CHECK_CONFIG);

/** The configuration with one value replaced, by its path; `undefined` leaves it out. */
function changed(path: string, value: unknown): unknown {
  const copy = structuredClone(EVERYTHING) as unknown as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop()!;
  const parent = keys.reduce((object, key) => object[key] as Record<string, unknown>, copy);
  parent[last] = value;
  return copy;
}

test.each([
  ['what must be', VALID],
  ['everything', EVERYTHING],
])('a file with %s is read as it is', (_, config) => {
  expect(read(config)).toEqual(config);
});

test.each([
  ['version', 2],
  ['version', '1'],
  ['model', ''],
  ['namespace', 5],
  ['schema', null],
  ['predictions', ''],
  ['capture', ''],
  ['capture', true],
  ['labels', ''],
  ['columns.label', 5],
  ['reference.registry', 'mlflow:5000'],
  ['reference.registry', 'ftp://mlflow'],
  ['reference.alias', ''],
  ['window.hours', 0],
  ['window.hours', 1.5],
  ['window.minRows', 0],
  ['window.extendDays', -1],
  ['decision.featureThreshold', 0],
  ['decision.driftedShare', 1],
  ['decision.driftedShare', -0.1],
  ['decision.significance', 0],
  ['decision.significance', 1],
  ['decision.consecutiveWindows', 0],
  ['features.amount.statistic', 'z-score'],
  ['features.amount.threshold', 0],
  ['performance.minLabels', 0],
  ['performance.maxDrop', 0],
  ['performance.confidence', 0.5],
  ['performance.confidence', 1],
  ['performance.onDegraded', 'ignore'],
  ['retrain.engine', 'airflow'],
  ['retrain.name', ''],
  ['retrain.minPredictions', -5],
  ['retrain.trigger', 'kafka'],
  ['reports', ''],
  ['pushgateway', 'pushgateway:9091'],
])("'%s' must not be %j", async (path, value) => {
  const { exitCode, problems } = await failureOf(() => read(changed(path, value)));
  expect(exitCode).toBe(2);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^c\\.yaml:1:\\d+: '${path}': .*, got ${JSON.stringify(value)}$`));
});

test.each([
  ['window.hours', 0.5],
  ['decision.driftedShare', 'half'],
])("'%s' says what is expected, got %j", async (path, value) => {
  expect((await failureOf(() => read(changed(path, value)))).problems[0]).toMatch(/expected (int|number), got/);
});

test('an address says what it must begin with', async () => {
  const { problems } = await failureOf(() => read({ ...VALID, pushgateway: 'pushgateway:9091' }));
  expect(problems[0]).toContain(
    '\'pushgateway\': expected an address that begins with http:// or https://, got "pushgateway:9091"',
  );
});

test.each(Object.keys(VALID))("'%s' must be there", async (key) => {
  const { problems } = await failureOf(() => read({ ...VALID, [key]: undefined }));
  expect(problems).toEqual([`c.yaml:1:1: '${key}' is missing`]);
});

test.each([
  ['driftThreshold', 'c.yaml:2:1', undefined],
  ['prediction', 'c.yaml:2:1', 'predictions'],
])("'%s' is not a key", async (key, place, meant) => {
  const text = `${JSON.stringify(VALID).slice(0, -1)},\n"${key}": 1}`;
  const { problems } = await failureOf(() => parseYaml(text, 'c.yaml', DRIFT_CHECK_CONFIG));
  expect(problems).toEqual([`${place}: '${key}' is not a key here${meant ? `; did you mean '${meant}'?` : ''}`]);
});

test('a column role that does not exist is named with the one that was meant', async () => {
  const { problems } = await failureOf(() => read({ ...VALID, columns: { lable: 'x' } }));
  expect(problems).toEqual([expect.stringMatching(/'columns\.lable' is not a key here; did you mean 'label'\?$/)]);
});

describe('what DriftAlerting renders', () => {
  const render = (props: Partial<DriftAlertingProps>, retrains: boolean, engine?: TrainingEngine): string => {
    const chart = newChart();
    const platform = newPlatform(chart, { storageInitializer: StorageInitializer.restricted() });
    const servedModel = new ServedModel(chart, 'serving', {
      ...{ platform, model: newModel(), runtime: ServingRuntime.sklearn() },
      source: ModelSource.uri('s3://acme-models/churn/v1'),
    });
    const training =
      retrains &&
      new TrainingPipeline(chart, 'training', {
        ...{ platform: servedModel.platform, model: servedModel.model, engine, schedule: '0 2 * * 0' },
        ...{ trainingDataUri: 's3://acme/data', workspace: Workspace.objectStore('s3://acme/runs') },
        gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
        steps: { train: { image: 'train:1', command: ['train'] } },
      });
    new DriftAlerting(chart, 'drift', { servedModel, retrains: training || undefined, ...props });
    return find(rendered(chart), 'ConfigMap', 'churn-drift-check').data['drift-check.yaml'];
  };
  const parsed = (text: string): DriftCheckFile => parseYaml(text, 'drift-check.yaml', DRIFT_CHECK_CONFIG);

  test('with defaults is read', () => {
    const text = render({}, false);
    expect(parsed(text)).toEqual(parse(text));
    expect(parsed(text)).toMatchObject({
      ...{ model: 'churn', window: { hours: 24, minRows: 500, extendDays: 7 } },
      ...{ predictions: 's3://acme-predictions/churn', capture: '/etc/mlops/capture/capture.yaml' },
    });
  });

  test('for a log that somebody else writes is read, and has no capture', () => {
    const config = parsed(render({ predictionLogUri: 's3://warehouse/churn' }, false));
    expect(config.predictions).toBe('s3://warehouse/churn');
    expect(config).not.toHaveProperty('capture');
  });

  test('for a training that an alert starts is read', () => {
    const retrainTrigger = RetrainTrigger.alertmanager({ token: SecretReference.of('retraining', 'token') });
    const text = render({ retrainTrigger }, true);
    expect(parsed(text)).toEqual(parse(text));
    expect(parsed(text).retrain?.trigger).toBe('alertmanager');
  });

  test.each([
    ['argo', TrainingEngine.argo()],
    ['cronjob', TrainingEngine.cronJob()],
  ])('with everything is read (%s)', (name, engine) => {
    const text = render(
      {
        ...{ labelsUri: 's3://acme/labels', reportsUri: 's3://acme/reports', window: Duration.days(2) },
        ...{ schedule: '5 * * * *', silentAfter: Duration.hours(3), driftedShare: 0, driftThreshold: 0.2 },
        ...{ retrainsOnDegradedPerformance: true, minLabels: 50, consecutiveWindows: 3, minPredictions: 5 },
        statistics: { age: FeatureStatistic.wasserstein(0.2), prediction_score: FeatureStatistic.hellinger() },
      },
      true,
      engine,
    );
    expect(parsed(text)).toEqual(parse(text));
    expect(parsed(text)).toMatchObject({
      window: { hours: 48 },
      retrain: { engine: name, name: 'churn-training', loop: 'churn-loop', minPredictions: 5 },
    });
  });
});
