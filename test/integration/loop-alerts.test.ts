import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import {
  DriftAlerting,
  ModelSource,
  PlatformAlerting,
  QualityGates,
  RolloutStrategy,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
  TrainingEngine,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';

/* The rendered rules on trainings, roll-outs, GPUs and spot nodes, evaluated by Prometheus's own rule engine minute by minute. */

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-loop-alerts-'));
afterAll(() => rmSync(directory, { recursive: true }));

const ALERTS = [
  'TrainingRunFailed',
  'TrainingInVain',
  'TrainingNotStarted',
  'RolloutHeld',
  'RolloutGivenUp',
  'GpuIdle',
  'SpotReclaimLoop',
];

function rulesOn(engine: TrainingEngine): Rendered[] {
  const chart = newChart();
  const platform = newPlatform(chart, { storageInitializer: StorageInitializer.restricted() });
  const model = newModel();
  const servedModel = new ServedModel(chart, 'serving', {
    ...{ platform, model, source: ModelSource.uri('s3://acme-models/churn/v3'), runtime: ServingRuntime.sklearn() },
    rollout: RolloutStrategy.rolling(),
  });
  const retrains = new TrainingPipeline(chart, 'training', {
    ...{ platform, model, engine, schedule: '0 2 * * 0', trainingDataUri: 's3://acme/data' },
    workspace: Workspace.objectStore('s3://acme/runs'),
    gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
    steps: { train: { image: 'train:1', command: ['train'] } },
  });
  new DriftAlerting(chart, 'drift', { servedModel, retrains });
  new PlatformAlerting(chart, 'platform-alerts', { platform });
  const objects = rendered(chart);
  return ['churn-drift-check', 'platform-alerts']
    .flatMap((name) => find(objects, 'PrometheusRule', name).spec.groups[0].rules)
    .filter(({ alert }: Rendered) => ALERTS.includes(alert));
}

const RULES = { argo: rulesOn(TrainingEngine.argo()), cronjob: rulesOn(TrainingEngine.cronJob()) };

type Labels = Readonly<Record<string, string>>;
const series = (name: string, labels: Labels, values: string): Rendered => {
  const text = Object.entries({ namespace: 'ml', ...labels });
  return { series: `${name}{${text.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(', ')}}`, values };
};

const pushed = (name: string, values: string, labels: Labels = {}): Rendered =>
  series(name, { model: 'churn', job: 'gate-evaluator', ...labels }, values);

/** A Job as kube-state-metrics sees it: `created` is the minute; `ends` is the condition that it gets at once. */
function job(
  name: string,
  created: number,
  ends?: 'complete' | 'failed',
  admitted = true,
  podStays = true,
): Rendered[] {
  const pod = `${name}-x7k2p`;
  const wait = created === 0 ? '' : `_x${created} `;
  const values = (value: number): string => `${wait}${value}x400`;
  const owned = { pod, uid: '1' };
  const ofPod = podStays ? values(1) : `${wait}1x10 stale`;
  return [
    series('kube_job_created', { job_name: name }, values(created * 60)),
    ...(ends
      ? [
          series(`kube_job_${ends}`, { job_name: name, condition: 'true' }, values(1)),
          series(`kube_job_${ends}`, { job_name: name, condition: 'false' }, values(0)),
        ]
      : []),
    series('kube_pod_owner', { ...owned, owner_kind: 'Job', owner_name: name }, ofPod),
    series(
      'kube_pod_init_container_status_terminated_reason',
      { ...owned, container: 'admit', reason: admitted ? 'Completed' : 'Error' },
      ofPod,
    ),
  ];
}

/** A GPU that a pod has, as the DCGM exporter and kube-state-metrics see it. */
function gpu(
  pod: string,
  utilization: string,
  { exporter = {}, phase = 'Running', namespace = 'ml' } = {},
): Rendered[] {
  const labels = Object.keys(exporter).length > 0 ? exporter : { namespace, pod };
  return [
    series('DCGM_FI_DEV_GPU_UTIL', { gpu: '0', Hostname: 'node-1', ...labels }, utilization),
    series(
      'kube_pod_container_resource_requests',
      { namespace, pod, container: 'main', resource: 'nvidia_com_gpu' },
      '1x400',
    ),
    series('kube_pod_container_resource_requests', { namespace, pod, container: 'main', resource: 'cpu' }, '4x400'),
    series('kube_pod_status_phase', { namespace, pod, phase }, '1x400'),
    series('kube_pod_status_phase', { namespace, pod, phase: phase === 'Running' ? 'Pending' : 'Running' }, '0x400'),
  ];
}

/** A pod of a run that ran from one minute to another, and what became of it. */
function podOf(
  run: string,
  pod: string,
  from: number,
  to: number,
  becomes?: 'Succeeded' | 'Failed',
  kind = 'Workflow',
): Rendered[] {
  const before = from === 0 ? '' : `_x${from} `;
  const during = `1x${to - from}`;
  return [
    series('kube_pod_owner', { pod, owner_kind: kind, owner_name: run }, `${before}${during}${becomes ? ' 1x10' : ''}`),
    series('kube_pod_status_phase', { pod, phase: 'Running' }, `${before}${during}${becomes ? ' 0x10' : ''}`),
    ...(becomes ? [series('kube_pod_status_phase', { pod, phase: becomes }, `${before}0x${to - from} 1x10`)] : []),
  ];
}

interface Scenario {
  readonly name: string;
  readonly engine?: keyof typeof RULES;
  readonly series: readonly Rendered[];
  /** Alerts that fire, by the minute they are asked for, with the labels that come from their series; all others are silent. */
  readonly fires: Readonly<Record<number, Readonly<Record<string, Labels>>>>;
}

const FAILED = 'ml_training_run_failed';
const IN_VAIN = 'ml_training_runs_in_vain';
const HELD = 'ml_rollout_inconclusive_timestamp_seconds';
const V4 = { version: '4' };

const SCENARIOS: readonly Scenario[] = [
  { name: 'nothing was ever trained or rolled out', series: [], fires: { 30: {} } },
  {
    name: 'trainings of which one fails, the next is refused, and the third succeeds',
    series: [pushed(FAILED, '0x20 1x20 0x60'), pushed(IN_VAIN, '0x20 1x20 2x20 0x60')],
    fires: { 10: {}, 25: { TrainingRunFailed: {} }, 50: { TrainingInVain: {} }, 70: {} },
  },
  {
    name: 'two that failed, and a Pushgateway that is away for a while',
    series: [pushed(FAILED, '1x20 _x20 1x20'), pushed(IN_VAIN, '2x20 _x20 2x20')],
    fires: {
      10: { TrainingRunFailed: {}, TrainingInVain: {} },
      35: {},
      50: { TrainingRunFailed: {}, TrainingInVain: {} },
    },
  },
  {
    name: 'the training of another model, and of the same name elsewhere',
    series: [pushed(IN_VAIN, '5x60', { model: 'other' }), pushed(IN_VAIN, '5x60', { namespace: 'elsewhere' })],
    fires: { 30: {} },
  },
  {
    name: 'Jobs of which none has failed',
    engine: 'cronjob',
    series: [...job('churn-training-1', 0, 'complete'), ...job('churn-training-2', 20)],
    fires: { 10: {}, 40: {} },
  },
  {
    name: 'a Job that fails, a second one, and one that does not',
    engine: 'cronjob',
    series: [
      ...[...job('churn-training-1', 0, 'complete'), ...job('churn-training-2', 20, 'failed')],
      ...[...job('churn-training-3', 40, 'failed'), ...job('churn-training-4', 60, 'complete')],
    ],
    fires: { 10: {}, 30: { TrainingRunFailed: {} }, 50: { TrainingRunFailed: {}, TrainingInVain: {} }, 70: {} },
  },
  {
    name: 'Jobs that fail from the first on, and one beside them that their admission ended',
    engine: 'cronjob',
    series: [...job('churn-training-1', 0, 'failed'), ...job('churn-training-2', 20, 'failed', false)],
    fires: { 10: { TrainingRunFailed: {} }, 40: { TrainingRunFailed: {} } },
  },
  {
    name: 'a training that is asked for all the time, and never comes',
    series: [pushed('ml_retrain_needed', '1x3300', { job: 'drift-checker', version: '3' })],
    fires: { 1500: {}, 1600: { TrainingNotStarted: {} }, 3200: { TrainingNotStarted: {} } },
  },
  {
    name: 'one that is asked for, and comes to nothing every day',
    series: [
      pushed('ml_retrain_needed', '1x4500', { job: 'drift-checker', version: '3' }),
      pushed('push_time_seconds', '_x60 3600x1380 86400x1440 172800x1440'),
    ],
    fires: { 1600: {}, 3200: {}, 4300: {} },
  },
  {
    name: 'one that is asked for after a long time without any, and comes within a day',
    series: [
      pushed('ml_retrain_needed', '0x3000 1x2000', { job: 'drift-checker', version: '3' }),
      pushed('push_time_seconds', '60x4000 240000x1000'),
    ],
    fires: { 3100: {}, 4500: {}, 4900: {} },
  },
  {
    name: 'a Job that its admission ended, and whose pod is gone with its node',
    engine: 'cronjob',
    series: [...job('churn-training-1', 0, 'complete'), ...job('churn-training-2', 20, 'failed', false, false)],
    fires: { 25: {}, 60: {}, 300: {} },
  },
  {
    name: 'a failed Job of another training, and of other things',
    engine: 'cronjob',
    series: [...job('other-training-1', 0, 'failed'), ...job('churn-drift-check-1', 0, 'failed')],
    fires: { 30: {} },
  },
  {
    name: 'an analysis that asks again every minute from minute 10 on, for half an hour',
    series: [pushed(HELD, '_x10 600+60x30 2400x60', V4)],
    fires: { 12: {}, 20: { RolloutHeld: V4 }, 40: { RolloutHeld: V4 }, 50: {} },
  },
  {
    name: 'an analysis that had its answer after two minutes',
    series: [pushed(HELD, '_x10 600 660 720x60', V4)],
    fires: { 14: {}, 30: {} },
  },
  {
    name: 'a version that is given up, for an hour',
    series: [pushed('ml_rollout_given_up_timestamp_seconds', '_x10 600x100', V4)],
    fires: { 5: {}, 20: { RolloutGivenUp: V4 }, 69: { RolloutGivenUp: V4 }, 75: {} },
  },
  {
    name: 'GPUs that work, and one that rests for less than half an hour',
    series: [...gpu('train-a', '90x100'), ...gpu('train-b', '80x20 0x20 80x60')],
    fires: { 35: {}, 60: {} },
  },
  {
    name: 'a GPU that does nothing, with scrapes that fail in between',
    series: gpu('train-a', '0x20 _x3 0x60'),
    fires: { 20: {}, 35: { GpuIdle: { pod: 'train-a' } } },
  },
  {
    name: 'one whose exporter is not honoured in the names of its labels',
    series: gpu('train-a', '0x100', {
      exporter: { namespace: 'gpu-operator', pod: 'dcgm-1', exported_namespace: 'ml', exported_pod: 'train-a' },
    }),
    fires: { 20: {}, 40: { GpuIdle: { pod: 'train-a' } } },
  },
  {
    name: 'idle GPUs that nobody has, of a pod that waits, and of another namespace',
    series: [
      series('DCGM_FI_DEV_GPU_UTIL', { gpu: '1', namespace: 'gpu-operator', pod: 'dcgm-1' }, '0x100'),
      ...gpu('train-a', '0x100', { phase: 'Pending' }),
      ...gpu('notebook', '0x100', { namespace: 'elsewhere' }),
    ],
    fires: { 60: {} },
  },
  {
    name: 'a run that loses its third pod',
    series: [
      ...[...podOf('run-1', 'train-1', 0, 20), ...podOf('run-1', 'train-2', 25, 40, 'Failed')],
      ...[...podOf('run-1', 'train-3', 55, 70), ...podOf('run-1', 'train-4', 75, 300)],
    ],
    fires: { 60: {}, 95: { SpotReclaimLoop: { owner_name: 'run-1' } } },
  },
  {
    name: 'pods of a Job that are made again, long enough ago',
    series: [1, 2, 3].flatMap((each) =>
      podOf('churn-training-1', `churn-training-1-${each}`, each * 20, each * 20 + 10, undefined, 'Job'),
    ),
    fires: { 90: { SpotReclaimLoop: { owner_name: 'churn-training-1' } }, 500: {} },
  },
  {
    name: 'a run whose steps all succeed, runs that fail once each, and servers that are scaled down',
    series: [
      ...['extract', 'train', 'evaluate', 'gate'].flatMap((step, index) =>
        podOf('run-1', step, index * 10, index * 10 + 10, 'Succeeded'),
      ),
      ...[1, 2, 3, 4].flatMap((each) => podOf(`run-${each + 1}`, `train-${each}`, each * 10, each * 10 + 5, 'Failed')),
      ...[1, 2, 3, 4].flatMap((each) =>
        podOf('churn-drift-check-1', `check-${each}`, each * 10, each * 10 + 5, undefined, 'Job'),
      ),
      ...[1, 2, 3, 4].flatMap((each) => podOf('churn-7d9', `churn-7d9-${each}`, 10, 40, undefined, 'ReplicaSet')),
    ],
    fires: { 60: {}, 120: {} },
  },
  {
    name: 'a run with one pod left, while kube-state-metrics is away for some minutes',
    series: [
      ...[...podOf('run-1', 'train-1', 0, 10), ...podOf('run-1', 'train-2', 15, 25)],
      series('kube_pod_owner', { pod: 'train-3', owner_kind: 'Workflow', owner_name: 'run-1' }, '_x30 1x20 _x7 1x40'),
      series('kube_pod_status_phase', { pod: 'train-3', phase: 'Running' }, '_x30 1x20 _x7 1x40'),
    ],
    fires: { 56: {}, 58: {}, 70: {} },
  },
];

test.each(SCENARIOS)('$name', ({ engine = 'argo', series: given, fires }) => {
  const rules = RULES[engine].map(({ annotations: _annotations, ...rule }: Rendered) => rule);
  const content = {
    rule_files: ['rules.yaml'],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: given,
        alert_rule_test: Object.entries(fires).flatMap(([minute, alerts]) =>
          rules.map(({ alert, labels }: Rendered) => ({
            eval_time: `${minute}m`,
            alertname: alert,
            exp_alerts: alerts[alert] ? [{ exp_labels: { ...labels, ...alerts[alert] } }] : [],
          })),
        ),
      },
    ],
  };
  writeFileSync(join(directory, 'rules.yaml'), stringify({ groups: [{ name: 'loop', rules }] }));
  writeFileSync(join(directory, 'test.yaml'), stringify(content));
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'test.yaml'], {
    cwd: directory,
    encoding: 'utf8',
  });
  expect({ status, output: stdout + stderr }).toMatchObject({ status: 0, output: expect.stringContaining('SUCCESS') });
});

test.each(Object.keys(RULES) as (keyof typeof RULES)[])('the summaries of a training on %s are filled in', (engine) => {
  const rules = RULES[engine].filter(({ alert }) => alert === 'TrainingInVain');
  writeFileSync(join(directory, 'rules.yaml'), stringify({ groups: [{ name: 'loop', rules }] }));
  const [{ labels, annotations }] = rules;
  const given = [
    ...[pushed(IN_VAIN, '3x20'), ...job('churn-training-1', 0, 'failed')],
    ...[...job('churn-training-2', 0, 'failed'), ...job('churn-training-3', 0, 'failed')],
  ];
  const summary = '3 trainings of churn in a row brought no new version';
  const alert = { exp_labels: labels, exp_annotations: { ...annotations, summary, value: '3' } };
  const content = {
    rule_files: ['rules.yaml'],
    tests: [
      {
        interval: '1m',
        input_series: given,
        alert_rule_test: [{ eval_time: '10m', alertname: 'TrainingInVain', exp_alerts: [alert] }],
      },
    ],
  };
  writeFileSync(join(directory, 'test.yaml'), stringify(content));
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'test.yaml'], {
    cwd: directory,
    encoding: 'utf8',
  });
  expect({ status, output: stdout + stderr }).toMatchObject({ status: 0 });
});

test('these are all the alerts that are asked for', () => {
  const named = (rules: readonly Rendered[]): string[] => rules.map(({ alert }) => alert).sort();
  expect(named(RULES.argo)).toEqual([...ALERTS].sort());
  // Of a CronJob nobody pushes that a run has come to its end.
  expect(named(RULES.cronjob)).toEqual(ALERTS.filter((alert) => alert !== 'TrainingNotStarted').sort());
});
