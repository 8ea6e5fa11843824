import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mlflow, MlflowDatabaseConnection } from 'cdk8s-mlops';
import { CACHE } from '../support/cache';
import { find, newChart, newPlatform, rendered, type Rendered } from '../support/synth';
import { Postgres } from './postgres';
import { freePort, Server } from './server';

/*
 * The real MLflow on a real PostgreSQL, with the command lines, variables and connection file that the platform renders, while the
 * password is changed under it as RDS does every week. Only ports and mount points are replaced.
 */

const FOLDER = '/etc/mlflow-database';
const FIRST = 'first-Password1';
/** Every character that RDS allows. */
const SECOND = "#second=;!$%&'()*+,-.:<>?[\\]^_`{|}~";
const THIRD = 'third-Password3';

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-database-'));
const mounts = (text: string): string =>
  text.replaceAll(FOLDER, join(directory, 'database')).replaceAll('/tmp/metrics', join(directory, 'metrics'));
const bin = (program: string): string => join(CACHE, 'mlflow-3.15.2/bin', program);
let database: Postgres;
let objects: Rendered[];
let mlflow: Server;
let url: string;

/** What External Secrets makes of the secret, and the kubelet brings; test/upstream runs the template in Go's own engine. */
function bringPassword(password: string): void {
  const { data } = find(objects, 'ExternalSecret', 'mlflow-database').spec.target.template;
  const secret = database.secret(password);
  const lines = data['pg_service.conf'].split('\n').filter((line: string) => !line.startsWith('{{'));
  const text = lines.map((line: string) =>
    line.replace('{{ .username }}', () => secret.username).replace('{{ .password }}', () => secret.password),
  );
  bringFile('pg_service.conf', mounts(text.join('\n')));
}

function bringFile(name: string, text: string): void {
  const path = join(directory, 'database', name);
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

async function createExperiment(name: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/api/2.0/mlflow/experiments/create`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  return { status: response.status, text: await response.text() };
}

const experiments = (): string[] =>
  database.sql("SELECT name FROM experiments WHERE name <> 'Default' ORDER BY 1", 'mlflow').split('\n');

async function until(what: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!what()) {
    if (Date.now() > deadline) throw new Error(`did not happen: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

beforeAll(async () => {
  database = await Postgres.start(FIRST);
  database.sql('CREATE DATABASE mlflow');
  const chart = newChart();
  const connection = MlflowDatabaseConnection.secretsManager({
    ...{ host: 'localhost', port: database.port, name: 'mlflow' },
    secretArn: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1a2b-Xy7Zab',
    certificateAuthorities: readFileSync(database.authority, 'utf8'),
  });
  newPlatform(chart, {
    // A worker process that was never asked before waits up to 100 s for its database; one has been asked by the first test.
    mlflow: Mlflow.postgres({ database: connection, artifactsDestination: 's3://acme-mlflow/artifacts', workers: 1 }),
  });
  objects = rendered(chart);

  mkdirSync(join(directory, 'database'));
  const authorities = find(objects, 'ConfigMap', 'mlflow-database').data;
  for (const [name, text] of Object.entries<string>(authorities)) bringFile(name, text);
  bringPassword(FIRST);

  const { initContainers, containers } = find(objects, 'Deployment', 'mlflow').spec.template.spec;
  const variables = containers[0].env.map(({ name, value }: Rendered) => [name, mounts(value)]);
  const env: Record<string, string> = { ...Object.fromEntries(variables), HOME: directory };
  const expand = (argument: string): string => argument.replace(/\$\((\w+)\)/, (_, name: string) => env[name] ?? '');
  const migrate: string[] = initContainers[0].command.slice(1).map(expand);
  execFileSync(bin('mlflow'), migrate, { env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' });

  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const args = containers[0].command.slice(1).map((argument: string, index: number, all: string[]) => {
    if (all[index - 1] === '--port') return String(port);
    return all[index - 1] === '--host' ? '127.0.0.1' : mounts(argument);
  });
  mlflow = await Server.start(bin('mlflow'), args, env, `${url}/health`);
});

afterAll(async () => {
  await mlflow?.stop();
  database?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('MLflow keeps its data in the database, by encrypted connections only', async () => {
  expect((await createExperiment('a')).status).toBe(200);
  expect(experiments()).toEqual(['a']);
  const connections = 'SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)';
  expect(database.sql(`${connections} WHERE datname = 'mlflow' AND client_addr IS NOT NULL`)).toBe('t');
});

test('a rotation: until the file is there MLflow says that it is not available, then it goes on, without a restart', async () => {
  database.setPassword(SECOND);
  database.endConnections('mlflow');
  const { status, text } = await createExperiment('b');
  expect({ status, code: JSON.parse(text).error_code }).toEqual({ status: 503, code: 'TEMPORARILY_UNAVAILABLE' });
  // The pod is not restarted for it.
  expect((await fetch(`${url}/health`)).status).toBe(200);

  bringPassword(SECOND);
  expect((await createExperiment('c')).status).toBe(200);
  expect(experiments()).toEqual(['a', 'c']);
});

test('a client of MLflow waits a rotation out', async () => {
  const refusals = (): number => mlflow.output.split('password authentication failed').length;
  const before = refusals();
  database.setPassword(THIRD);
  database.endConnections('mlflow');
  const program = "import mlflow; mlflow.set_experiment('d')";
  const env = { PATH: process.env.PATH, HOME: directory, MLFLOW_TRACKING_URI: url };
  const client = spawn(bin('python'), ['-c', program], { env, stdio: 'ignore' });
  const ended = new Promise((resolve) => client.once('exit', resolve));
  await until(() => refusals() > before);
  bringPassword(THIRD);
  expect(await ended).toBe(0);
  expect(experiments()).toEqual(['a', 'c', 'd']);
});

test('a server that the authorities have not signed gets no password', async () => {
  const own = readFileSync(database.authority, 'utf8');
  const other = join(directory, 'other.pem');
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    join(directory, 'key'),
  ];
  execFileSync('openssl', ['req', '-x509', ...key, '-subj', '/CN=other', '-out', other], { stdio: 'pipe' });
  bringFile('authorities.pem', readFileSync(other, 'utf8'));
  database.endConnections('mlflow');
  const { status, text } = await createExperiment('e');
  expect(status).toBe(503);
  expect(text).toContain('certificate verify failed');
  bringFile('authorities.pem', own);
  expect((await createExperiment('f')).status).toBe(200);
});

test('no password is in what MLflow writes', () => {
  expect(mlflow.output).toContain('password authentication failed');
  for (const password of [FIRST, SECOND, THIRD]) expect(mlflow.output).not.toContain(password);
});
