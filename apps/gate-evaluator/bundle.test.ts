import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMANDS, CONTAINER_ENTRYPOINT, CONTAINER_USER } from 'cdk8s-mlops/contract';
import { bundleApp } from '../../test/support/bundle';

/*
 * The program as the image has it: bundled, without the repository's packages, run by an unprivileged user in a directory that
 * it cannot write to.
 */

const root = join(__dirname, '../..');
const work = mkdtempSync(join(tmpdir(), 'bundle-'));
const app = join(work, 'app');
const readOnly = join(work, 'read-only');
const tmp = join(work, 'tmp');
// Only root may become another user.
const user = process.getuid?.() === 0 ? { uid: CONTAINER_USER, gid: CONTAINER_USER } : {};
const dockerfile = readFileSync(join(__dirname, 'Dockerfile'), 'utf8');

beforeAll(() => {
  bundleApp('gate-evaluator', app);
  for (const directory of [readOnly, tmp, join(readOnly, 'model')]) mkdirSync(directory, { recursive: true });
  chmodSync(work, 0o755);
  chmodSync(tmp, 0o777);
  const rows = Array.from({ length: 2000 }, (_, index) => `a,${index % 10 ? 'a' : 'b'},${index % 8 ? 'a' : 'b'}`);
  const files: Record<string, string> = {
    'gates.yaml': [
      'baseline: { from: { file: baseline.json } }',
      'metrics:',
      '  accuracy: { minimum: 0.8, comparison: gte, significance: { test: mcnemar, predictions: predictions.csv } }',
    ].join('\n'),
    'metrics.json': '{ "accuracy": 0.9 }',
    'baseline.json': '{ "accuracy": 0.875 }',
    'predictions.csv': ['label,prediction,baseline_prediction', ...rows, ''].join('\n'),
    'model/model.bin': 'weights',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(readOnly, name), text);
  chmodSync(readOnly, 0o555);
});
afterAll(() => {
  chmodSync(readOnly, 0o755);
  rmSync(work, { recursive: true, force: true });
});

function run(...args: string[]): SpawnSyncReturns<string> {
  const env = { PATH: '', TMPDIR: tmp, OUTPUT_DIR: join(tmp, 'outputs'), LOG_LEVEL: 'warn' };
  return spawnSync(process.execPath, [join(app, 'main.js'), ...args], {
    cwd: readOnly,
    env,
    encoding: 'utf8',
    ...user,
  });
}

test('judges, registers, promotes, rolls back and explains without anything but itself', () => {
  const registry = ['--registry', join(tmp, 'registry')];
  const done = (...args: string[]): string => {
    const { status, stderr, stdout } = run(...args, ...registry);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };
  for (const name of ['one', 'two']) {
    const metrics = ['--model', 'churn', '--run', name, '--metrics', 'metrics.json'];
    expect(done('evaluate', ...metrics, '--gates', 'gates.yaml', '--junit', join(tmp, 'gates.xml'))).toContain(
      'PASS, 3 of 3',
    );
    expect(readFileSync(join(tmp, 'outputs/passed'), 'utf8')).toBe('true');
    done('register', ...metrics, '--artifact', 'model', '--store', join(tmp, 'store'));
    done('promote', '--model', 'churn', '--run', name, '--to', 'production');
  }
  expect(readFileSync(join(tmp, 'gates.xml'), 'utf8')).toContain('<testsuites tests="3" failures="0"');
  expect(done('rollback', '--model', 'churn', '--reason', 'false alarms')).toContain('version 1 is champion again');
  expect(done('why', 'churn')).toMatch(/version 1 is live.*taken back.*7 decisions .* the chain is whole/s);
  expect(readFileSync(join(tmp, 'store/two/model.bin'), 'utf8')).toBe('weights');
});

test('leaves nothing behind in its temporary directory', () => {
  expect(readdirSync(tmp).sort()).toEqual(['gates.xml', 'outputs', 'registry', 'store']);
});

test('has the native parts of one platform only, and starts without them', () => {
  const natives = readdirSync(join(app, 'node_modules/@duckdb')).sort();
  expect(natives[1]).toBe(`node-bindings-${process.platform}-${process.arch}`);
  expect(statSync(join(app, 'main.js')).size).toBeLessThan(1_000_000);
  expect(readFileSync(join(app, 'main.js'), 'utf8')).not.toContain('@duckdb/node-bindings');
});

test('the image starts it as the manifests do', () => {
  expect(dockerfile).toContain(`ENTRYPOINT ${JSON.stringify(CONTAINER_ENTRYPOINT).replace(',', ', ')}`);
  expect(dockerfile).toContain(`USER ${CONTAINER_USER}:${CONTAINER_USER}`);
});

test('the image is built from the manifest of every workspace, without which npm ci fails', () => {
  for (const name of readdirSync(join(root, 'apps')))
    expect(dockerfile).toContain(`COPY apps/${name}/package.json apps/${name}/`);
});

test('every command of the contract is one of the program, with every option', () => {
  for (const spec of Object.values(COMMANDS).filter((each) => each.app === 'gate-evaluator')) {
    const { status, stdout } = run(spec.command, '--help');
    expect(status).toBe(0);
    for (const option of Object.keys(spec.options)) expect(stdout).toContain(`--${option}`);
  }
});
