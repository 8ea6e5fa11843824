import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputDirectory, writeOutputs } from './outputs';

const directory = mkdtempSync(join(tmpdir(), 'outputs-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('answers go to the files of the contract, without a line end that an engine would compare', async () => {
  await writeOutputs(join(directory, 'new'), { driftDetected: 'true', retrainNeeded: 'false', severity: 'critical' });
  const files = readdirSync(join(directory, 'new')).sort();
  expect(files.map((name) => [name, readFileSync(join(directory, 'new', name), 'utf8')])).toEqual([
    ['drift_detected', 'true'],
    ['retrain_needed', 'false'],
    ['severity', 'critical'],
  ]);
});

test.each([
  [{ OUTPUT_DIR: '/answers' }, '/answers'],
  [{ OUTPUT_DIR: '' }, '/tmp/outputs'],
  [{}, '/tmp/outputs'],
])('%j means %s', (env, expected) => {
  expect(outputDirectory(env)).toBe(expected);
});
