import './engine-flags';
import { runApp } from '../common/run-app';
import { checkCommand } from './commands/check';
import { collectCommand } from './commands/collect';
import { compactCommand } from './commands/compact';
import { mergeCommand } from './commands/merge';
import { profileCommand } from './commands/profile';
import { validateCommand } from './commands/validate';

const NOTES = [
  'Data is read from paths, folders with Hive partitions, globs and s3:// (Parquet, CSV, JSON lines, KServe payload logs).',
  'Answers are written to $OUTPUT_DIR (default /tmp/outputs). Logs go to standard error, LOG_LEVEL sets how many.',
  'Exit codes: 0 judged, 2 the call or its data is wrong, 3 something did not answer, 10 a judged "no" with --fail-on-no.',
];

void runApp(
  {
    name: 'drift-checker',
    summary: 'profiles the data that a model is trained on, validates it, and judges whether live data has drifted',
    commands: [profileCommand, mergeCommand, validateCommand, collectCommand, compactCommand, checkCommand],
    notes: NOTES,
  },
  process.argv.slice(2),
).then((code) => {
  process.exitCode = code;
});
