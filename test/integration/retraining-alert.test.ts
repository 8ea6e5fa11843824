import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { synthesize } from '../monitoring/retrain-support';
import { find, type Rendered } from '../support/synth';

/* The alert that starts trainings, evaluated by Prometheus's own rule engine minute by minute. */

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-retraining-alert-'));
afterAll(() => rmSync(directory, { recursive: true }));

const RULE = find(synthesize(), 'PrometheusRule', 'churn-drift-check').spec.groups[0].rules.find(
  ({ alert }: Rendered) => alert === 'RetrainingNeeded',
);

interface Series {
  readonly values: string;
  /** When a check last ended with a judgement; every minute, unless said otherwise. */
  readonly judged?: string;
  readonly model?: string;
  readonly namespace?: string;
  readonly version?: string;
}

interface Moment {
  readonly at: string;
  /** Versions that it fires for. */
  readonly versions: readonly string[];
}

const fires = (at: string, ...versions: string[]): Moment => ({ at, versions });

test.each<[string, readonly Series[], readonly Moment[]]>([
  ['a training that is needed, at once', [{ values: '0x4 1x10' }], [fires('4m'), fires('5m', '3'), fires('12m', '3')]],
  ['one that is not needed any more, no longer', [{ values: '1x9 0x10' }], [fires('9m', '3'), fires('10m')]],
  ['a check that asks for nothing: not', [{ values: '0x20' }], [fires('10m')]],
  ['nothing that was ever pushed: not', [], [fires('10m')]],
  // Prometheus looks back for five minutes.
  ['a scrape that failed: still', [{ values: '1x5 _x3 1x5' }], [fires('8m', '3'), fires('12m', '3')]],
  ['what is gone from the Pushgateway: no longer', [{ values: '1x5 stale' }], [fires('7m')]],
  [
    'what a check said that has been silent for long: not, although the Pushgateway still shows it',
    [{ values: '1x300', judged: '0x300' }],
    [fires('5m', '3'), fires('180m', '3'), fires('181m')],
  ],
  ['a check of which nobody knows when it judged: not', [{ values: '1x20', judged: '_x20' }], [fires('10m')]],
  ['another model: not', [{ values: '1x10', model: 'churn-eu' }], [fires('5m')]],
  ['another namespace: not', [{ values: '1x10', namespace: 'two' }], [fires('5m')]],
  [
    'a new version that needs none: not',
    [{ values: '1x5 stale' }, { values: '_x6 0x10', version: '4' }],
    [fires('5m', '3'), fires('7m')],
  ],
])('fires for %s', (_, given, moments) => {
  const content = {
    rule_files: ['rules.yaml'],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: given.flatMap(
          ({ values, judged = '0+60x300', model = 'churn', namespace = 'ml', version = '3' }) => {
            const labels = `{job="drift-checker", model="${model}", namespace="${namespace}", version="${version}"}`;
            return [
              { series: `ml_retrain_needed${labels}`, values },
              { series: `ml_drift_check_last_success_timestamp_seconds${labels}`, values: judged },
            ];
          },
        ),
        alert_rule_test: moments.map(({ at, versions }) => ({
          ...{ eval_time: at, alertname: 'RetrainingNeeded' },
          exp_alerts: versions.map((version) => ({
            exp_labels: { ...RULE.labels, version },
            exp_annotations: {
              ...RULE.annotations,
              summary: `churn ${version} should be trained again: this alert starts it`,
              value: '1',
            },
          })),
        })),
      },
    ],
  };
  writeFileSync(join(directory, 'rules.yaml'), stringify({ groups: [{ name: 'churn', rules: [RULE] }] }));
  writeFileSync(join(directory, 'test.yaml'), stringify(content));
  const options = { cwd: directory, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'test.yaml'], options);
  expect({ status, output: stdout + stderr }).toMatchObject({ status: 0 });
});

test('asks for a training of the model, where Alertmanager sends it', () => {
  expect(RULE.labels).toMatchObject({ action: 'retrain', model: 'churn', namespace: 'ml' });
});
