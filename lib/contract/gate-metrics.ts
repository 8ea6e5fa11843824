import { type MetricSpec } from './metrics';

const OF_A_VERSION = ['model', 'version', 'namespace'] as const;
const OF_A_MODEL = ['model', 'namespace'] as const;
const GATE = 'gate-evaluator';

/** What the judging container pushes: gates, roll-outs and training runs. */
export const GATE_METRICS = {
  gatePassed: {
    name: 'ml_gate_passed',
    type: 'gauge',
    unit: '1 passed, 0 not',
    labels: OF_A_VERSION,
    help: 'Whether the last evaluated candidate passed its quality gates.',
    from: GATE,
  },
  gateCheckPassed: {
    name: 'ml_gate_check_passed',
    type: 'gauge',
    unit: '1 passed, 0 not',
    labels: [...OF_A_VERSION, 'check'],
    help: 'Whether one check of the quality gates passed.',
    from: GATE,
  },
  versionInfo: {
    name: 'ml_model_version_info',
    type: 'gauge',
    unit: 'always 1',
    labels: [...OF_A_VERSION, 'role'],
    help: 'Which version is stable and which is candidate now; set at every transition, joined with group_left.',
    from: GATE,
  },
  rolloutGivenUp: {
    name: 'ml_rollout_given_up_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since the epoch',
    labels: OF_A_VERSION,
    help: 'When a version was last given up before it became champion.',
    from: GATE,
  },
  rolloutInconclusive: {
    name: 'ml_rollout_inconclusive_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since the epoch',
    labels: OF_A_VERSION,
    help: 'When an analysis of a candidate last came to no answer, so that its roll-out waits.',
    from: GATE,
  },
  trainingRunFailed: {
    name: 'ml_training_run_failed',
    type: 'gauge',
    unit: '1 failed, 0 not',
    labels: OF_A_MODEL,
    help: 'Whether the last training run that was admitted failed.',
    from: GATE,
  },
  trainingRunsInVain: {
    name: 'ml_training_runs_in_vain',
    type: 'gauge',
    unit: 'runs',
    labels: OF_A_MODEL,
    help: 'Training runs in a row, up to the last one, that registered no version: they failed, or data or candidate were refused.',
    from: GATE,
  },
} as const satisfies Record<string, MetricSpec>;
