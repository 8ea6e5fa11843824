import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration } from 'cdk8s';
import { stringify } from 'yaml';
import { DriftAlerting, ModelSource, ServedModel, ServingEngine, ServingRuntime } from 'cdk8s-mlops';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';

/* The rendered rules, evaluated by Prometheus's own rule engine over scenarios of a day. */

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-alerts-'));
afterAll(() => rmSync(directory, { recursive: true }));

function rules(): Rendered {
  const chart = newChart();
  const servedModel = new ServedModel(chart, 'serving', {
    platform: newPlatform(chart),
    model: newModel({ objectives: { minAccuracy: 0.93 }, labelDelay: Duration.days(7) }),
    source: ModelSource.uri('s3://acme-models/churn/v3'),
    runtime: ServingRuntime.sklearn(),
    engine: ServingEngine.deployment(),
  });
  new DriftAlerting(chart, 'drift', { servedModel, predictionLogUri: 's3://acme-predictions/churn' });
  return find(rendered(chart), 'PrometheusRule', 'churn-drift-check').spec;
}

function promtool(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { cwd: directory, encoding: 'utf8' });
  return { status, output: error ? `${error.message}: run test/integration/setup.sh first` : stdout + stderr };
}

const LABELS = 'model="churn", namespace="ml", version="v3", job="drift-checker"';
/** The check succeeds at minute 0 and then hourly, so that its own alert stays silent. */
const ALIVE = {
  series: `ml_drift_check_last_success_timestamp_seconds{${LABELS}}`,
  values: '0x60 3600x60 7200x60 10800x60 14400x60',
};
const accuracy = (values: string, estimated = 'false'): Rendered => ({
  series: `ml_model_accuracy{${LABELS}, estimated="${estimated}"}`,
  values,
});
const drift = (values: string): Rendered => ({ series: `ml_data_drift_score{${LABELS}}`, values });

interface Scenario {
  readonly name: string;
  readonly series: readonly Rendered[];
  /** Alerts that fire, by the minute they are asked for; all others must be silent. */
  readonly fires: Readonly<Record<number, readonly string[]>>;
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a healthy model',
    series: [ALIVE, accuracy('0.94x300'), drift('0.02x300')],
    fires: { 10: [], 200: [] },
  },
  {
    name: 'exactly at its limits',
    series: [ALIVE, accuracy('0.93x300'), drift('0.15x300')],
    fires: { 60: [] },
  },
  {
    name: 'accuracy that falls below the objective',
    series: [ALIVE, accuracy('0.94x20 0.90x200'), drift('0.02x300')],
    fires: { 22: [], 30: ['ModelAccuracyDegraded'] },
  },
  {
    name: 'accuracy that dips for less than five minutes',
    series: [ALIVE, accuracy('0.94x20 0.90x2 0.94x200'), drift('0.02x300')],
    fires: { 22: [], 30: [] },
  },
  {
    name: 'only an estimate that is low',
    series: [ALIVE, accuracy('0.94x300'), accuracy('0.50x300', 'true'), drift('0.02x300')],
    fires: { 60: [] },
  },
  {
    name: 'accuracy that is not a number',
    series: [ALIVE, accuracy(Array(61).fill('NaN').join(' ')), drift('0.02x300')],
    fires: { 60: [] },
  },
  {
    name: 'drift that lasts, and one that passes',
    series: [ALIVE, accuracy('0.94x300'), drift('0.02x20 0.3x30 0.02x200')],
    fires: { 25: [], 35: ['DataDriftDetected'], 80: [] },
  },
  {
    name: 'one version of two that drifts',
    series: [
      ALIVE,
      accuracy('0.94x300'),
      drift('0.02x300'),
      { series: 'ml_data_drift_score{model="churn", namespace="ml", version="v4"}', values: '0.4x300' },
    ],
    fires: { 60: ['DataDriftDetected'] },
  },
  {
    name: 'another model, and the same name in another namespace',
    series: [
      ALIVE,
      { series: 'ml_data_drift_score{model="other", namespace="ml", version="v3"}', values: '0.9x300' },
      { series: 'ml_data_drift_score{model="churn", namespace="elsewhere", version="v3"}', values: '0.9x300' },
    ],
    fires: { 60: [] },
  },
  {
    name: 'a check that stopped',
    series: [{ ...ALIVE, values: '0x400' }, accuracy('0.94x400'), drift('0.02x400')],
    fires: { 170: [], 190: ['DriftCheckSilent'] },
  },
  {
    name: 'a check that never ran, or whose numbers are gone',
    series: [],
    fires: { 2: [], 10: ['DriftCheckSilent'] },
  },
];

const ALERTS = ['ModelAccuracyDegraded', 'DataDriftDetected', 'DriftCheckSilent'];

beforeAll(() => writeFileSync(join(directory, 'rules.yaml'), stringify(rules())));

test('the rules are valid', () => {
  expect(promtool('check', 'rules', 'rules.yaml')).toMatchObject({
    status: 0,
    output: expect.stringContaining('3 rules found'),
  });
});

test.each(SCENARIOS)('$name', ({ series, fires }) => {
  const { groups } = rules();
  const labels = (alert: string): Rendered => groups[0].rules.find((rule: Rendered) => rule.alert === alert);
  const alertRuleTest = Object.entries(fires).flatMap(([minute, names]) =>
    ALERTS.map((alert) => ({
      eval_time: `${minute}m`,
      alertname: alert,
      exp_alerts: names.includes(alert) ? [{ exp_labels: expectedLabels(alert, labels(alert).labels, series) }] : [],
    })),
  );
  // Annotations are compared as well; their text is held by the unit tests.
  const stripped = groups.map((group: Rendered) => ({
    ...group,
    rules: group.rules.map(({ annotations: _annotations, ...rule }: Rendered) => rule),
  }));
  writeFileSync(join(directory, 'stripped.yaml'), stringify({ groups: stripped }));
  const content = {
    rule_files: ['stripped.yaml'],
    evaluation_interval: '1m',
    tests: [{ interval: '1m', input_series: series, alert_rule_test: alertRuleTest }],
  };
  writeFileSync(join(directory, 'test.yaml'), stringify(content));
  expect(promtool('test', 'rules', 'test.yaml')).toMatchObject({
    status: 0,
    output: expect.stringContaining('SUCCESS'),
  });
});

test('annotations are filled in', () => {
  const { groups } = rules();
  const annotations = groups[0].rules[0].annotations;
  const test = {
    interval: '1m',
    input_series: [ALIVE, accuracy('0.72x60')],
    alert_rule_test: [
      {
        eval_time: '10m',
        alertname: 'ModelAccuracyDegraded',
        exp_alerts: [
          {
            exp_labels: { severity: 'critical', model: 'churn', namespace: 'ml', version: 'v3' },
            exp_annotations: { ...annotations, summary: 'churn v3: accuracy is 0.72, below 0.93' },
          },
        ],
      },
    ],
  };
  writeFileSync(
    join(directory, 'test.yaml'),
    stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: [test] }),
  );
  expect(promtool('test', 'rules', 'test.yaml')).toMatchObject({
    status: 0,
    output: expect.stringContaining('SUCCESS'),
  });
});

/** A rule's own labels, and the version where the series that fires has one. */
function expectedLabels(alert: string, own: Rendered, series: readonly Rendered[]): Rendered {
  if (alert === 'DriftCheckSilent') return own;
  const two = series.some(({ series: name }) => name.includes('version="v4"'));
  return { ...own, version: two ? 'v4' : 'v3' };
}
