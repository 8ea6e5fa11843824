import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration } from 'cdk8s';
import { stringify } from 'yaml';
import {
  DriftAlerting,
  ModelSource,
  ModelTask,
  QualityGates,
  RolloutStrategy,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';

/* The rendered rules that compare with last week, evaluated by Prometheus's own rule engine over eight days. */

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-live-alerts-'));
afterAll(() => rmSync(directory, { recursive: true }));

function rules(task?: ModelTask): Rendered[] {
  const chart = newChart();
  const platform = newPlatform(chart, { storageInitializer: StorageInitializer.restricted() });
  const model = newModel({ labelDelay: Duration.days(6), ...(task && { task }) });
  const servedModel = new ServedModel(chart, 'serving', {
    ...{ platform, model, source: ModelSource.uri('s3://acme-models/churn/v3'), runtime: ServingRuntime.sklearn() },
    rollout: RolloutStrategy.rolling(),
  });
  const retrains = new TrainingPipeline(chart, 'training', {
    ...{ platform, model, schedule: '0 2 * * 0', trainingDataUri: 's3://acme/data' },
    workspace: Workspace.objectStore('s3://acme/runs'),
    gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
    steps: { train: { image: 'train:1', command: ['train'] } },
  });
  new DriftAlerting(chart, 'drift', { servedModel, retrains });
  return find(rendered(chart), 'PrometheusRule', 'churn-drift-check').spec.groups[0].rules;
}

/** Samples are ten minutes apart; the last is at the end of day 8. */
const LAST = 8 * 144;
/** The first sample of the time that differs: two hours before the end. */
const CHANGE = LAST - 12;

type Labels = Readonly<Record<string, string>>;
const series = (name: string, labels: Labels, values: string): Rendered => {
  const text = Object.entries({ model: 'churn', namespace: 'ml', pod: 'a', ...labels });
  return { series: `${name}{${text.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(', ')}}`, values };
};
/** A counter that grows evenly, and otherwise from {@link CHANGE} on. */
const growing = (before: number, after = before): string =>
  `0+${before}x${CHANGE} ${before * CHANGE + after}+${after}x${LAST - CHANGE - 1}`;
/** A counter that grows evenly, and starts at 0 again half an hour before the end. */
const restarted = (growth: number): string => `0+${growth}x${LAST - 3} 0+${growth}x2`;

const ALIVE = [
  series('ml_drift_check_last_success_timestamp_seconds', { job: 'drift-checker' }, `0+600x${LAST}`),
  series('push_time_seconds', { job: 'drift-checker-performance' }, `0+600x${LAST}`),
];
const classes = (yes: string, no: string, version = 'v3'): Rendered[] => [
  series('ml_prediction_class_total', { version, class: 'leaves' }, yes),
  series('ml_prediction_class_total', { version, class: 'stays' }, no),
];
const buckets = (low: string, all: string): Rendered[] => [
  series('ml_prediction_value_bucket', { version: 'v3', le: '1' }, low),
  series('ml_prediction_value_bucket', { version: 'v3', le: '+Inf' }, all),
  series('ml_prediction_value_count', { version: 'v3' }, all),
];
const requests = (values: string, version = 'v3'): Rendered =>
  series('ml_inference_requests_total', { version }, values);
const missing = (values: string): Rendered =>
  series('ml_feature_missing_total', { version: 'v3', feature: 'age' }, values);
const predictions = (values: string): Rendered => series('ml_predictions_total', { version: 'v3' }, values);
const reference = (share: number): Rendered =>
  series('ml_feature_reference_ratio', { version: 'v3', feature: 'age', bin: 'missing' }, `${share}x${LAST}`);
const labels = (values: string): Rendered =>
  series('ml_capture_events_total', { kind: 'label', outcome: 'stored' }, values);
const gate = (version: string, values: string): Rendered =>
  series('ml_gate_passed', { version, job: 'gate-evaluator' }, values);
const END_SECONDS = 8 * 86_400;
const givenUp = (at: number): Rendered =>
  series('ml_rollout_given_up_timestamp_seconds', { version: 'v4', job: 'gate-evaluator' }, `${at}x${LAST}`);
/** Labels come, so that only what a scenario is about fires. */
const LABELLED = labels(growing(50));

const ALERTS = [
  ...['PredictionDistributionShift', 'ModelTrafficLow', 'HighMissingFeatureRate', 'LabelsLate'],
  ...['GateFailed', 'RolloutGivenUp', 'PushedMetricsStale'],
];

interface Scenario {
  readonly name: string;
  readonly series: readonly Rendered[];
  /** What fires at the end, with the labels beside those of the rule; all others are silent. */
  readonly fires?: Readonly<Record<string, Labels>>;
  readonly task?: ModelTask;
}

const SHIFT = { PredictionDistributionShift: { version: 'v3' } };
const REGRESSION = ModelTask.regression();

const SCENARIOS: readonly Scenario[] = [
  { name: 'predictions like those of last week', series: classes(growing(100), growing(100)) },
  { name: 'predictions that shift', series: classes(growing(100, 10), growing(100, 190)), fires: SHIFT },
  { name: 'a class that is new', series: classes(growing(200, 100), `_x${CHANGE} 0+100x11`), fires: SHIFT },
  { name: 'twice as many predictions, of the same kind', series: classes(growing(100, 200), growing(100, 200)) },
  { name: 'predictions that shift a little', series: classes(growing(100, 80), growing(100, 120)) },
  { name: 'a few predictions that shift', series: classes(growing(10, 1), growing(10, 19)) },
  { name: 'predictions counted through a restart', series: classes(restarted(100), restarted(100)) },
  {
    name: 'predictions of whose hour last week nothing is known',
    series: classes(`_x200 0+10x${LAST - 201}`, `_x200 0+190x${LAST - 201}`),
  },
  {
    name: 'a new version that predicts as the old one did',
    series: [
      ...classes(`0+100x${CHANGE} _x12`, `0+100x${CHANGE} _x12`),
      ...classes(`_x${CHANGE} 0+100x12`, `_x${CHANGE} 0+100x12`, 'v4'),
    ],
  },
  {
    name: 'a new version that predicts otherwise',
    series: [...classes(growing(100), growing(100)), ...classes(`_x${CHANGE} 0+10x12`, `_x${CHANGE} 0+190x12`, 'v4')],
    fires: { PredictionDistributionShift: { version: 'v4' } },
  },
  { name: 'numbers like those of last week', task: REGRESSION, series: buckets(growing(100), growing(200)) },
  { name: 'numbers that shift', task: REGRESSION, series: buckets(growing(100, 20), growing(200)), fires: SHIFT },
  { name: 'numbers counted through a restart', task: REGRESSION, series: buckets(restarted(100), restarted(200)) },

  { name: 'traffic like that of last week', series: [requests(growing(100))] },
  { name: 'traffic that falls to a fifth', series: [requests(growing(100, 20))] },
  { name: 'traffic that nearly ends', series: [requests(growing(100, 5))], fires: { ModelTrafficLow: {} } },
  { name: 'collectors that are gone', series: [requests(`0+100x${CHANGE} _x12`)], fires: { ModelTrafficLow: {} } },
  { name: 'little traffic that ends', series: [requests(growing(5, 0))] },
  { name: 'traffic counted through a restart', series: [requests(restarted(100))] },
  {
    name: 'traffic that went over to another version',
    series: [requests(growing(100, 0)), requests(`_x${CHANGE} 0+100x12`, 'v4')],
  },

  {
    name: 'a feature that is missing as often as in the reference',
    series: [LABELLED, predictions(growing(100)), missing(growing(30)), reference(0.3)],
  },
  {
    name: 'a feature that is missing more often than in the reference',
    series: [LABELLED, predictions(growing(100)), missing(growing(30, 40)), reference(0.3)],
    fires: { HighMissingFeatureRate: { version: 'v3', feature: 'age' } },
  },
  {
    name: 'a feature that is missing, without a reference',
    series: [LABELLED, predictions(growing(100)), missing(growing(0, 10))],
    fires: { HighMissingFeatureRate: { version: 'v3', feature: 'age' } },
  },
  {
    name: 'a feature that is counted through a restart',
    series: [LABELLED, predictions(restarted(100)), missing(restarted(2))],
  },
  { name: 'a few predictions that lack a feature', series: [predictions(growing(0.5)), missing(growing(0.5))] },
  {
    name: 'a feature of whose share nothing can be said',
    series: [
      LABELLED,
      predictions(growing(100)),
      missing(
        Array(LAST + 1)
          .fill('NaN')
          .join(' '),
      ),
    ],
  },

  { name: 'labels that come', series: [predictions(growing(100)), LABELLED] },
  {
    name: 'labels that came two days ago',
    series: [predictions(growing(100)), labels(`0+9x${LAST - 288} ${9 * (LAST - 288)}x287`)],
  },
  {
    name: 'labels that do not come',
    series: [predictions(growing(100)), labels(`0x${LAST}`)],
    fires: { LabelsLate: {} },
  },
  { name: 'labels of which nothing was ever heard', series: [predictions(growing(100))], fires: { LabelsLate: {} } },
  { name: 'labels that are not due yet', series: [predictions(`_x${CHANGE} 0+100x12`)] },

  {
    name: 'a version that was given up in the last hour',
    series: [givenUp(END_SECONDS - 1200)],
    fires: { RolloutGivenUp: { version: 'v4' } },
  },
  { name: 'a version that was given up before', series: [givenUp(END_SECONDS - 3600)] },
  { name: 'a candidate that passed', series: [gate('v4', `1x${LAST}`)] },
  { name: 'a candidate that failed', series: [gate('v4', `0x${LAST}`)], fires: { GateFailed: { version: 'v4' } } },
  {
    name: 'a candidate that failed, and one that passed since',
    series: [gate('v4', `0x${CHANGE} _x12`), gate('v5', `_x${CHANGE} 1x12`)],
  },

  {
    name: 'performance that is pushed no more',
    series: [series('push_time_seconds', { job: 'drift-checker-performance' }, `0x${LAST}`)],
    fires: { PushedMetricsStale: {} },
  },
  {
    name: 'performance that was never pushed, beside a push of another job',
    series: [series('push_time_seconds', { job: 'drift-checker' }, `0+600x${LAST}`)],
    fires: { PushedMetricsStale: {} },
  },
];

test.each(SCENARIOS)('$name', ({ series: given, fires = {}, task }) => {
  // The other rules have scenarios of their own, and a week of them takes long.
  const all = rules(task)
    .filter(({ alert }: Rendered) => ALERTS.includes(alert))
    .map(({ annotations: _annotations, ...rule }: Rendered) => rule);
  const pushes = given.some((each) => each.series.startsWith('push_time_seconds'));
  const content = {
    rule_files: ['rules.yaml'],
    evaluation_interval: '10m',
    tests: [
      {
        interval: '10m',
        input_series: [...(pushes ? ALIVE.slice(0, 1) : ALIVE), ...given],
        alert_rule_test: all.map(({ alert, labels: own }: Rendered) => ({
          eval_time: '8d',
          alertname: alert,
          exp_alerts: fires[alert] ? [{ exp_labels: { ...own, ...fires[alert] } }] : [],
        })),
      },
    ],
  };
  writeFileSync(join(directory, 'rules.yaml'), stringify({ groups: [{ name: 'churn', rules: all }] }));
  writeFileSync(join(directory, 'test.yaml'), stringify(content));
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'test.yaml'], {
    cwd: directory,
    encoding: 'utf8',
  });
  expect({ status, output: stdout + stderr }).toMatchObject({ status: 0, output: expect.stringContaining('SUCCESS') });
  expect(all.map(({ alert }: Rendered) => alert).sort()).toEqual([...ALERTS].sort());
});
