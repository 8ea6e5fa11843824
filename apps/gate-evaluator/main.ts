import './engine-flags';
import { runApp } from '../common/run-app';
import { admitCommand } from './commands/admit';
import { analyzeCommand } from './commands/analyze';
import { checkCommand } from './commands/check';
import { concludeCommand } from './commands/conclude';
import { evaluateCommand } from './commands/evaluate';
import { promoteCommand } from './commands/promote';
import { registerCommand } from './commands/register';
import { rollbackCommand } from './commands/rollback';
import { ROLLOUT_COMMANDS } from './commands/rollout';
import { whyCommand } from './commands/why';

const NOTES = [
  'Registries: an MLflow tracking server (MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD), or a directory.',
  'Answers are written to $OUTPUT_DIR (default /tmp/outputs). Logs go to standard error, LOG_LEVEL sets how many.',
  'Exit codes: 0 judged, 2 the call or its data is wrong, 3 something did not answer, 10 a judged "no" where that was asked for.',
];

void runApp(
  {
    name: 'gate-evaluator',
    summary: 'judges candidates by quality gates, keeps the registry, and explains its decisions',
    commands: [
      evaluateCommand,
      analyzeCommand,
      registerCommand,
      promoteCommand,
      rollbackCommand,
      ...ROLLOUT_COMMANDS,
      whyCommand,
      admitCommand,
      concludeCommand,
      checkCommand,
    ],
    notes: NOTES,
  },
  process.argv.slice(2),
).then((code) => {
  process.exitCode = code;
});
