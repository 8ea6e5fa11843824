import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration } from 'cdk8s';
import { stringify } from 'yaml';
import { DriftAlerting, ModelSource, ServedModel, ServingRuntime, StorageInitializer } from 'cdk8s-mlops';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';

/* The rendered rules, evaluated by Prometheus's own rule engine over scenarios of a day. */

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-alerts-'));
afterAll(() => rmSync(directory, { recursive: true }));

function rules(): Rendered {
  const chart = newChart();
  const objectives = { minAccuracy: 0.93, maxLatencyP95: Duration.millis(50), maxErrorRate: 0.05 };
  const servedModel = new ServedModel(chart, 'serving', {
    platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted() }),
    model: newModel({ objectives, labelDelay: Duration.days(7) }),
    source: ModelSource.uri('s3://acme-models/churn/v3'),
    runtime: ServingRuntime.sklearn(),
  });
  new DriftAlerting(chart, 'drift', { servedModel });
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
/** Performance is pushed every minute. */
const PUSHED = {
  series: 'push_time_seconds{job="drift-checker-performance", namespace="ml", model="churn"}',
  values: '0+60x400',
};
const accuracy = (values: string, estimated = 'false'): Rendered => ({
  series: `ml_model_accuracy{${LABELS}, estimated="${estimated}"}`,
  values,
});
const drift = (values: string): Rendered => ({ series: `ml_data_drift_score{${LABELS}}`, values });

/** What a collector's pod counts; `pod` is a label that Prometheus adds. */
const collected = (metric: string, values: string, more: Readonly<Record<string, string>> = {}): Rendered => {
  const labels = Object.entries({ model: 'churn', namespace: 'ml', pod: 'a', ...more });
  return { series: `${metric}{${labels.map(([name, value]) => `${name}="${value}"`).join(', ')}}`, values };
};
const requests = (values: string, pod = 'a'): Rendered =>
  collected('ml_inference_requests_total', values, { version: 'v3', pod });
const responses = (values: string, pod = 'a'): Rendered =>
  collected('ml_inference_responses_total', values, { version: 'v3', pod });
/** 100 answers a minute, of which `fast` take at most 50 ms. */
const durations = (fast: number): Rendered[] =>
  Object.entries({ '0.05': fast, '0.1': 100, '+Inf': 100 }).map(([le, count]) =>
    collected('ml_inference_duration_seconds_bucket', `0+${count}x100`, { version: 'v3', le }),
  );
const events = (outcome: string, values: string): Rendered =>
  collected('ml_capture_events_total', values, { kind: 'request', outcome });
const buffer = (bytes: number, pod = 'a'): Rendered[] => [
  collected('ml_capture_buffer_bytes', `${bytes}x100`, { pod }),
  collected('ml_capture_buffer_limit_bytes', '100x100', { pod }),
];

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
    name: "a low accuracy of a version that is being rolled out, which is not the stable version's",
    series: [
      ...[ALIVE, drift('0.02x300'), accuracy('0.50x300')],
      {
        series: 'ml_model_version_info{model="churn", namespace="ml", version="v3", role="candidate"}',
        values: '1x60 _x240',
      },
      {
        series: 'ml_model_version_info{model="churn", namespace="ml", version="v3", role="stable"}',
        values: '_x60 1x240',
      },
    ],
    fires: { 50: [], 90: ['ModelAccuracyDegraded'] },
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
  {
    name: 'requests that are answered, and fast',
    series: [ALIVE, requests('0+100x100'), responses('0+100x100'), ...durations(96)],
    fires: { 60: [] },
  },
  {
    name: 'answers of which too many are slow',
    series: [ALIVE, requests('0+100x100'), responses('0+100x100'), ...durations(90)],
    fires: { 4: [], 60: ['ModelLatencyHigh'] },
  },
  {
    name: 'requests of which too many are not answered',
    series: [ALIVE, requests('0+100x100'), responses('0+90x100')],
    fires: { 4: [], 60: ['ModelErrorRateHigh'] },
  },
  {
    name: 'as many errors as there may be',
    series: [ALIVE, requests('0+100x100'), responses('0+95x100')],
    fires: { 60: [] },
  },
  {
    name: 'requests that one collector counts, and their responses another',
    series: [ALIVE, requests('0+100x100', 'a'), responses('0+99x100', 'b')],
    fires: { 60: [] },
  },
  {
    name: 'requests for which no response was ever counted',
    series: [ALIVE, requests('0+100x100')],
    fires: { 60: ['ModelErrorRateHigh'] },
  },
  {
    name: 'too few requests to judge, none of them answered',
    series: [ALIVE, requests('0+1x100'), responses('0x100')],
    fires: { 60: [] },
  },
  {
    name: 'no requests at all',
    series: [ALIVE, requests('0x100'), responses('0x100')],
    fires: { 60: [] },
  },
  ...['shed_memory', 'shed_buffer', 'shed_disk', 'shed_ending'].map((outcome) => ({
    name: `a collector whose events are ${outcome}`,
    series: [ALIVE, events('stored', '0+100x100'), events(outcome, '0x20 0+1x80')],
    fires: { 20: [], 60: ['CaptureShedding'] },
  })),
  {
    name: 'a collector that shed once, long ago, and refuses what is none',
    series: [ALIVE, events('stored', '0+1x100'), events('shed_disk', '5x100'), events('refused_malformed', '0+9x100')],
    fires: { 60: [] },
  },
  {
    name: 'one buffer of two that is more than half full',
    series: [ALIVE, ...buffer(60), ...buffer(0, 'b')],
    fires: { 8: [], 60: ['CaptureBufferFilling'] },
  },
  {
    name: 'a buffer that is half full',
    series: [ALIVE, ...buffer(50)],
    fires: { 60: [] },
  },
];

const ALERTS = [
  ...['ModelAccuracyDegraded', 'ModelLatencyHigh', 'ModelErrorRateHigh'],
  ...['DataDriftDetected', 'DriftCheckSilent', 'CaptureShedding', 'CaptureBufferFilling', 'PushedMetricsStale'],
  // Those that look back a week have scenarios of a week.
  ...['PredictionDistributionShift', 'ModelTrafficLow', 'HighMissingFeatureRate', 'LabelsLate'],
];

beforeAll(() => writeFileSync(join(directory, 'rules.yaml'), stringify(rules())));

test('the rules are valid', () => {
  expect(promtool('check', 'rules', 'rules.yaml')).toMatchObject({
    status: 0,
    output: expect.stringContaining(`${ALERTS.length} rules found`),
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
    tests: [{ interval: '1m', input_series: [PUSHED, ...series], alert_rule_test: alertRuleTest }],
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
            exp_labels: {
              ...{ part_of: 'cdk8s-mlops', severity: 'critical', tier: 'model', topic: 'performance' },
              ...{ model: 'churn', namespace: 'ml', version: 'v3' },
            },
            exp_annotations: { ...annotations, summary: 'churn v3: accuracy is 0.72, below 0.93', value: '0.72' },
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

/** A rule's own labels, and the version where the series that fires has one: checks and collectors are of all versions. */
function expectedLabels(alert: string, own: Rendered, series: readonly Rendered[]): Rendered {
  if (alert === 'DriftCheckSilent' || alert.startsWith('Capture')) return own;
  const two = series.some(({ series: name }) => name.includes('version="v4"'));
  return { ...own, version: two ? 'v4' : 'v3' };
}
