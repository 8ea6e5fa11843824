import { METRICS } from 'cdk8s-mlops/contract';
import { modelVariables, newDashboard, versionVariable } from './dashboard';
import { type Limits, NO_LIMITS } from './limits';
import { lines, stat, table } from './panels';
import { gauge, MODEL, select, VERSION } from './queries';

const PASSED: Limits = [
  { value: null, color: 'red' },
  { value: 1, color: 'green' },
];
const VERDICT = { 0: { text: 'failed', color: 'red', index: 0 }, 1: { text: 'passed', color: 'green', index: 1 } };
const passed = gauge(select(METRICS.gatePassed));
const checks = gauge(select(METRICS.gateCheckPassed), `${VERSION}, check`);
const ago = { unit: 's', limits: NO_LIMITS };

/** What was trained, and what the gates said to it. */
export const TRAINING = newDashboard({
  name: 'training',
  title: 'MLOps / Training and gates',
  description: 'What was trained and why, and what the quality gates said to it, check by check.',
  from: 'now-30d',
  variables: [...modelVariables('many'), versionVariable()],
  ofModels: true,
  rows: {
    'Last candidate': [
      stat({
        title: 'Gates',
        description: 'Whether the version of each model that was evaluated last passed its quality gates.',
        unit: 'none',
        queries: [[passed, '{{model}} {{version}}']],
        limits: PASSED,
        values: VERDICT,
        width: 8,
        alerts: ['GateFailed'],
      }),
      stat({
        title: 'Checks failed',
        description: 'Checks of the quality gates that the last candidate did not pass.',
        unit: 'short',
        queries: [[`count by (${VERSION}) (${checks}) - sum by (${VERSION}) (${checks})`, '{{model}} {{version}}']],
        limits: [
          { value: null, color: 'green' },
          { value: 1, color: 'red' },
        ],
        width: 8,
        alerts: ['GateFailed'],
      }),
      stat({
        title: 'Time since a retraining was asked for',
        description:
          'Time since a drift check last asked for a retraining. Whether it was let run is for admission to decide.',
        ...ago,
        queries: [[`time() - ${gauge(select(METRICS.retrainLastTriggered), MODEL)}`, '{{model}}']],
        width: 8,
        alerts: ['DataDriftDetected'],
      }),
    ],
    Checks: [
      table(
        {
          title: 'Checks of the last candidate',
          description: 'Each check of the quality gates, and whether it passed. The decision record says by how much.',
          unit: 'none',
          limits: PASSED,
          values: VERDICT,
          width: 12,
          height: 10,
        },
        [{ name: 'Passed', expression: checks, unit: 'none', limits: PASSED }],
      ),
      lines({
        title: 'Verdicts',
        description: 'Verdicts of the quality gates over time: 1 passed, 0 did not.',
        unit: 'none',
        queries: [[passed, '{{model}} {{version}}']],
        limits: NO_LIMITS,
        width: 12,
        height: 10,
        min: 0,
        max: 1,
        values: VERDICT,
      }),
    ],
    Versions: [
      lines({
        title: 'Roles',
        description:
          'Which version was stable and which candidate, over time: a line for as long as a version has the role.',
        unit: 'none',
        queries: [[gauge(select(METRICS.versionInfo), `${VERSION}, role`), '{{model}} {{version}} {{role}}']],
        limits: NO_LIMITS,
        width: 12,
        min: 0,
      }),
      lines({
        title: 'Retrainings asked for',
        description: 'How often a drift check asked for a retraining within the last day.',
        unit: 'short',
        queries: [[`max by (${MODEL}) (changes(${select(METRICS.retrainLastTriggered)}[1d]))`, '{{model}}']],
        limits: [
          { value: null, color: 'green' },
          { value: 3, color: 'orange' },
        ],
        width: 12,
        min: 0,
        alerts: ['DataDriftDetected'],
      }),
    ],
    Runs: [
      lines({
        title: 'Runs without a new version',
        description:
          'Training runs in a row that registered no version: they failed, or the data or the candidate was refused. Of trainings on Argo Workflows.',
        unit: 'short',
        queries: [[gauge(select(METRICS.trainingRunsInVain), MODEL), '{{model}}']],
        limits: [
          { value: null, color: 'green' },
          { value: 1, color: 'orange' },
          { value: 2, color: 'red' },
        ],
        width: 24,
        min: 0,
        alerts: ['TrainingInVain', 'TrainingRunFailed'],
      }),
    ],
  },
});
