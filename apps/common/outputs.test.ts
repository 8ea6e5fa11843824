import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearOutputs, outputDirectory, writeOutputs } from './outputs';
import { failureOf } from './testing/problems';

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

describe('answers of an earlier call', () => {
  test('are removed, and nothing else', async () => {
    const place = join(directory, 'earlier');
    await writeOutputs(place, { passed: 'true', verdict: 'pass', decision: '{}' });
    writeFileSync(join(place, 'notes.txt'), 'mine');
    await clearOutputs(place);
    expect(readdirSync(place)).toEqual(['notes.txt']);
  });

  test('may be none, where nothing is or a file is', async () => {
    await clearOutputs(join(directory, 'nothing'));
    writeFileSync(join(directory, 'file'), '');
    await clearOutputs(join(directory, 'file'));
    expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('');
  });

  test('that cannot be removed are said: they would be taken for this one', async () => {
    const place = join(directory, 'odd');
    mkdirSync(join(place, 'passed/kept'), { recursive: true });
    const { exitCode, problems } = await failureOf(() => clearOutputs(place));
    expect([exitCode, problems.length]).toEqual([2, 1]);
    expect(problems[0]).toMatch(/^cannot write .*odd\/passed: /);
  });
});
