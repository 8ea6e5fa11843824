import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** A kind of window. */
export interface Scenario {
  readonly rows: number;
  /** In standard deviations, of ten of the numeric features; 0 is no drift. */
  readonly shift: number;
}

/** Windows of one kind, counted. */
export interface Tally {
  windows: number;
  /** Windows in which any feature drifted. */
  any: number;
  /** Windows in which the model drifted. */
  model: number;
  /** Drifted features, of all windows. */
  features: number;
}

/** What the rival simulates: the same kind of data as we do. */
interface RivalRun {
  readonly scenarios: readonly Scenario[];
  readonly repeats: number;
  readonly seed: number;
  readonly referenceRows: number;
  readonly shifted: number;
}

/** Runs beside our own simulation, for it takes longer. */
export function startRival(python: string, run: RivalRun): Promise<Tally[]> {
  const script = join(__dirname, 'evidently_false_alarms.py');
  const child = spawn(python, [script, JSON.stringify(run)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as Tally[]);
      else reject(new Error(`Evidently's simulation failed with code ${code}`));
    });
  });
}
