import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DriftCheckFile, type ModelSchema } from 'cdk8s-mlops/contract';

/** The schema of a small model. */
export const SHOP_SCHEMA: ModelSchema = {
  version: 1,
  model: 'shop',
  task: { type: 'binary-classification', classes: ['no', 'yes'], positiveClass: 'yes', decisionThreshold: 0.5 },
  features: [
    { name: 'amount', type: 'numeric', required: true, importance: 1 },
    { name: 'country', type: 'categorical', required: true, importance: 1, values: ['DE', 'FR', 'IT'] },
  ],
  objectives: {},
};

/** Rows of a day of the prediction log, one file an hour; `shift` moves every feature. */
export function shopHours(day: string, rowsPerHour: number, shift = 0, hours = 24): Record<string, string> {
  const files: Record<string, string> = {};
  for (let hour = 0; hour < hours; hour++) {
    const name = String(hour).padStart(2, '0');
    const lines = ['request_id,timestamp,version,amount,country,prediction,prediction_score'];
    for (let row = 0; row < rowsPerHour; row++) {
      const { amount, country, score } = shopRow(hour * rowsPerHour + row, shift);
      const id = `${day}-${name}-${row}`;
      lines.push(`${id},${day}T${name}:30:00Z,1,${amount},${country},${score >= 0.5 ? 'yes' : 'no'},${score}`);
    }
    files[`dt=${day}/hour=${name}/part.csv`] = `${lines.join('\n')}\n`;
  }
  return files;
}

/** Training data. */
export function shopTraining(rows = 3000): string {
  const lines = Array.from({ length: rows }, (_, row) => {
    const { amount, country, score } = shopRow(row, 0);
    return `${amount},${country},${score >= 0.6 ? 'yes' : 'no'}`;
  });
  return `amount,country,label\n${lines.join('\n')}\n`;
}

/** Rows that look random and are the same in every run: multiples of the golden ratio are spread evenly. */
function shopRow(
  row: number,
  shift: number,
): { readonly amount: string; readonly country: string; readonly score: number } {
  const spread = (factor: number): number => ((row + 1) * factor) % 1;
  const country = spread(0.7548776662) < 0.2 + shift ? 'IT' : spread(0.5698402909) < 0.5 ? 'DE' : 'FR';
  return {
    amount: (100 * spread(0.6180339887) + 100 * shift).toFixed(3),
    country,
    score: Number(spread(0.4142135624).toFixed(4)),
  };
}

/** A configuration with the given changes. */
export function shopConfig(changes: Partial<DriftCheckFile>): DriftCheckFile {
  return {
    ...{ version: 1, model: 'shop', namespace: 'ml', schema: 'schema.json', predictions: 'log' },
    reference: { registry: 'http://127.0.0.1:1', alias: 'champion' },
    window: { hours: 24, minRows: 500, extendDays: 7 },
    decision: { featureThreshold: 0.15, driftedShare: 0.3, significance: 0.01, consecutiveWindows: 1 },
    performance: { minLabels: 200, maxDrop: 0.05, confidence: 0.95, onDegraded: 'review' },
    pushgateway: 'http://127.0.0.1:1',
    ...changes,
  };
}

/** Writes files under a directory, objects as JSON. */
export function writeFiles(directory: string, files: Readonly<Record<string, string | object>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
}
