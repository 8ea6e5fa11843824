import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
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

beforeAll(() => {
  bundleApp('drift-checker', app);
  for (const directory of [work, readOnly]) mkdirSync(directory, { recursive: true, mode: 0o755 });
  mkdirSync(tmp, { mode: 0o777 });
  chmodSync(work, 0o755);
  chmodSync(tmp, 0o777);
  writeFileSync(
    join(readOnly, 'schema.json'),
    JSON.stringify({
      version: 1,
      model: 'churn',
      task: {
        type: 'binary-classification',
        classes: ['stays', 'leaves'],
        positiveClass: 'leaves',
        decisionThreshold: 0.5,
      },
      features: [{ name: 'age', type: 'numeric', required: true, importance: 1 }],
      objectives: {},
    }),
  );
  const rows = Array.from({ length: 1000 }, (_, index) => `${index % 97},${index % 2 ? 'leaves' : 'stays'}`);
  writeFileSync(join(readOnly, 'data.csv'), ['age,label', ...rows, ''].join('\n'));
  chmodSync(readOnly, 0o555);
});
afterAll(() => {
  chmodSync(readOnly, 0o755);
  rmSync(work, { recursive: true, force: true });
});

function run(...args: string[]): SpawnSyncReturns<string> {
  const env = { PATH: '', TMPDIR: tmp, OUTPUT_DIR: join(tmp, 'outputs') };
  return spawnSync(process.execPath, [join(app, 'main.js'), ...args], {
    cwd: readOnly,
    env,
    encoding: 'utf8',
    ...user,
  });
}

test('profiles, validates and checks without anything but itself', () => {
  const profile = join(tmp, 'profile.json');
  const made = run('profile', '--schema', 'schema.json', '--data', 'data.csv', '--output', profile);
  expect({ status: made.status, stderr: made.stderr }).toEqual({ status: 0, stderr: '' });
  expect(JSON.parse(readFileSync(profile, 'utf8'))).toMatchObject({ model: 'churn', rows: 1000 });

  expect(run('validate', '--schema', 'schema.json', '--data', 'data.csv').status).toBe(0);
  expect(readFileSync(join(tmp, 'outputs/passed'), 'utf8')).toBe('true');

  const checked = run('check', '--schema', 'schema.json', '--predictions', 'data.csv', '--profile', profile, '--all');
  expect({ status: checked.status, stderr: checked.stderr }).toEqual({ status: 0, stderr: '' });
  expect(checked.stdout).toContain('churn: no-drift');
  expect(readFileSync(join(tmp, 'outputs/drift_detected'), 'utf8')).toBe('false');
});

test('leaves nothing behind in its temporary directory', () => {
  expect(readdirSync(tmp).sort()).toEqual(['outputs', 'profile.json']);
});

test('an output directory that cannot be written to is said, and is no success', () => {
  const { status, stderr } = run(
    'profile',
    '--schema',
    'schema.json',
    '--data',
    'data.csv',
    '--output',
    'profile.json',
  );
  expect(status).toBe(2);
  expect(stderr).toMatch(/cannot write .*profile\.json: no permission/);
  expect(existsSync(join(readOnly, 'profile.json'))).toBe(false);
});

test('has the native parts of one platform only', () => {
  const natives = readdirSync(join(app, 'node_modules/@duckdb')).sort();
  expect(natives).toHaveLength(2);
  expect(natives[1]).toBe(`node-bindings-${process.platform}-${process.arch}`);
  expect(statSync(join(app, 'main.js')).size).toBeLessThan(1_000_000);
});

test('the image starts it as the manifests do', () => {
  const dockerfile = readFileSync(join(__dirname, 'Dockerfile'), 'utf8');
  expect(dockerfile).toContain(`ENTRYPOINT ${JSON.stringify(CONTAINER_ENTRYPOINT).replace(',', ', ')}`);
  expect(dockerfile).toContain(`USER ${CONTAINER_USER}:${CONTAINER_USER}`);
});

test('the image is built from the manifest of every workspace, without which npm ci fails', () => {
  const dockerfile = readFileSync(join(__dirname, 'Dockerfile'), 'utf8');
  for (const name of readdirSync(join(root, 'apps')))
    expect(dockerfile).toContain(`COPY apps/${name}/package.json apps/${name}/`);
});

test('every command of the contract is one of the program, with every option', () => {
  for (const spec of Object.values(COMMANDS).filter((each) => each.app === 'drift-checker')) {
    const { status, stdout } = run(spec.command, '--help');
    expect(status).toBe(0);
    for (const option of Object.keys(spec.options)) expect(stdout).toContain(`--${option}`);
  }
});
