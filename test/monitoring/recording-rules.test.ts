import { Duration } from 'cdk8s';
import {
  Capture,
  DriftAlerting,
  type DriftAlertingProps,
  Feature,
  FeatureRecording,
  type Model,
  ModelSource,
  SecretReference,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import { METRICS, type MetricSpec } from 'cdk8s-mlops/contract';
import { find, newChart, newModel, newPlatform, problemsOf, rendered, type Rendered } from '../support/synth';

function groups(props: Partial<DriftAlertingProps> = {}, model: Model = newModel(), capture?: Capture): Rendered[] {
  const chart = newChart();
  const servedModel = new ServedModel(chart, 'serving', {
    platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted() }),
    ...{ model, capture, source: ModelSource.uri('s3://acme-models/churn/v1'), runtime: ServingRuntime.sklearn() },
  });
  new DriftAlerting(chart, 'drift', { servedModel, recordingRules: true, ...props });
  return find(rendered(chart), 'PrometheusRule', 'churn-drift-check').spec.groups;
}

const exprOf = (metric: MetricSpec, ...args: Parameters<typeof groups>): string =>
  groups(...args)[1].rules.find(({ record }: Rendered) => record === metric.name).expr;

const OF_MODEL = '{model="churn", namespace="ml"}';

test('nothing is recorded unless it is asked for', () => {
  for (const recordingRules of [undefined, false]) {
    expect(groups({ recordingRules }).map(({ name }) => name)).toEqual(['churn-drift-check']);
  }
});

test('what is recorded, each from what was recorded before it', () => {
  const [, { name, interval, rules }] = groups();
  expect({ name, interval }).toEqual({ name: 'churn-drift-check-recorded', interval: '180s' });
  expect(rules.map(({ record }: Rendered) => record)).toEqual([
    'version_feature_bin:ml_feature_bin:increase',
    'version_feature_bin:ml_feature_reference:count',
    'version_feature:ml_feature_bin:increase',
    'version_feature:ml_feature_bin:count',
    'version_feature:ml_feature_bin:psi',
    'version:ml_feature_bin:psi_mean',
  ]);
  for (const [index, rule] of rules.entries()) {
    expect(Object.keys(rule).sort()).toEqual(['expr', 'record']);
    const later = rules.slice(index).filter(({ record }: Rendered) => rule.expr.includes(record));
    expect(later).toEqual([]);
  }
});

test('labels are those of the contract', () => {
  const labels = /(?:sum|count|max) by \(([^)]+)\)/;
  for (const { record, expr } of groups()[1].rules) {
    const spec = Object.values<MetricSpec>(METRICS).find(({ name }) => name === record);
    expect([...labels.exec(expr)![1]!.split(', ')].sort()).toEqual([...spec!.labels].sort());
  }
});

test('all collectors are summed, over the window of the check', () => {
  const by = 'sum by (model, namespace, version, feature, bin)';
  const increase = (window: string): string => `${by} (increase(ml_feature_bin_total${OF_MODEL}[${window}]))`;
  expect(exprOf(METRICS.featureBinIncrease)).toBe(increase('86400s'));
  expect(exprOf(METRICS.featureBinIncrease, { window: Duration.hours(6) })).toBe(increase('21600s'));
});

test('bins that are empty on both sides are left out', () => {
  const counts = `version_feature_bin:ml_feature_bin:increase${OF_MODEL}`;
  const references = `version_feature_bin:ml_feature_reference:count${OF_MODEL}`;
  expect(exprOf(METRICS.featureBinCount)).toBe(
    `count by (model, namespace, version, feature) (${counts} + ${references} > 0)`,
  );
});

test('the mean is weighted by importance, without what does not count or cannot be compared', () => {
  const model = newModel({
    features: [
      Feature.numeric('age', { importance: 2.5 }),
      Feature.numeric('income', { recording: FeatureRecording.BUCKETED }),
      Feature.numeric('since "last" (days)', { importance: 2.5 }),
      Feature.numeric('idle', { importance: 0 }),
      Feature.categorical('city', { recording: FeatureRecording.HASHED }),
      Feature.numeric('secret', { recording: FeatureRecording.DROPPED }),
    ],
  });
  const capture = Capture.on({ hashKey: SecretReference.of('capture', 'key') });
  const psi = (features: string): string =>
    `version_feature:ml_feature_bin:psi{model="churn", namespace="ml", feature=~"${features}"}`;
  expect(exprOf(METRICS.dataPsi, {}, model, capture)).toBe(
    'sum by (model, namespace, version) ' +
      `(2.5 * ${psi('age|since \\"last\\" \\\\(days\\\\)')} or 1 * ${psi('income')}) / 6`,
  );
});

test('there is no mean of features that cannot be compared', () => {
  const model = newModel({ features: [Feature.numeric('secret', { recording: FeatureRecording.DROPPED })] });
  expect(groups({}, model)[1].rules).toHaveLength(5);
});

test('nothing can be recorded where nothing is captured', () => {
  const build = (): unknown => groups({ predictionLogUri: 's3://a/b' }, newModel(), Capture.off());
  expect(problemsOf(build)).toEqual([
    "'recordingRules' (true) has no effect where nothing is captured: serve the model with Capture.on()",
  ]);
});
