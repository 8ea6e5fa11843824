import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Proxy } from './gate-evaluator-proxy';
import { type GateStore, GateWorld, startStore } from './gate-evaluator-world';
import { freePort } from './server';

/*
 * The bundled program and a real MLflow server that asks who is there, that does not know its own name, that is away, or that stands
 * behind TLS by an authority of its own.
 */

const user = (name: string, password: string): Record<string, string> => {
  return { MLFLOW_TRACKING_USERNAME: name, MLFLOW_TRACKING_PASSWORD: password };
};
const ADMIN = user('admin', 'password1234');
const WORKER = user('worker', 'worker-password');
const PROMOTE = ['promote', '--model', 'churn', '--run', 'run-1', '--to', 'production'];

describe('a server with basic auth', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gate-evaluator-auth-'));
  let world: GateWorld;
  let store: GateStore;

  beforeAll(async () => {
    store = await startStore('models');
    const config = [
      '[mlflow]',
      'default_permission = NO_PERMISSIONS',
      `database_uri = sqlite:///${directory}/users.db`,
      'admin_username = admin',
      'admin_password = password1234',
      'authorization_function = mlflow.server.auth:authenticate_request_basic_auth',
      // Without it every request takes a second, which is what hashing the password takes.
      'auth_cache_ttl_seconds = 600',
      '',
    ];
    writeFileSync(join(directory, 'basic-auth.ini'), config.join('\n'));
    world = await GateWorld.start({
      args: ['--app-name', 'basic-auth'],
      env: { MLFLOW_FLASK_SERVER_SECRET_KEY: 'test', MLFLOW_AUTH_CONFIG_PATH: join(directory, 'basic-auth.ini') },
    });
    Object.assign(world.env, ADMIN, store.env);
    for (const name of ['worker', 'reader', 'stranger'])
      await world.api('POST', 'users/create', { username: name, password: `${name}-password` });
    Object.assign(world.env, WORKER);
    await world.api('POST', 'registered-models/create', { name: 'churn' });
    Object.assign(world.env, ADMIN);
    world.file('gates.yaml', 'metrics: { accuracy: { minimum: 0.8 } }');
    world.file('metrics.json', '{ "accuracy": 0.93 }');
    mkdirSync(world.at('model'));
    world.file('model/model.bin', 'weights');
  }, 120_000);
  afterAll(async () => {
    await world?.stop();
    store?.s3.destroy();
    await store?.server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const evaluate = (model: string, run: string): string[] => [
    ...['evaluate', '--model', model, '--run', run, '--gates', world.at('gates.yaml')],
    ...['--metrics', world.at('metrics.json')],
  ];
  const register = (model: string, run: string): string[] => [
    ...['register', '--model', model, '--run', run, '--artifact', world.at('model')],
    ...['--store', 's3://models', '--metrics', world.at('metrics.json')],
  ];

  test('lets the user of MLFLOW_TRACKING_USERNAME evaluate, register and promote', async () => {
    await world.done(evaluate('churn', 'run-1'), WORKER);
    const { output } = await world.done(register('churn', 'run-1'), WORKER);
    expect(output('model_version')).toBe('1');
    await world.done(PROMOTE, WORKER);
    expect(await world.state('churn')).toMatchObject({
      aliases: { champion: '1' },
      versions: { 1: { lifecycle: 'production', 'gate.verdict': 'pass' } },
      locks: [],
    });
    const { stdout } = await world.done(['why', 'churn', '--fail-on-no'], WORKER);
    expect(stdout).toContain('version 1 is live');
  });

  // Nobody has a permission for a model that is not there, so that its alias is refused (403) and not unknown (404).
  test('takes the first candidate of a model that is not there yet', async () => {
    await world.done(evaluate('brand-new', 'run-1'), WORKER);
  });

  test('a user who may only read is told why, and changes nothing', async () => {
    const reader = user('reader', 'reader-password');
    const { experiment } = await world.api<{ experiment: { experiment_id: string } }>(
      'GET',
      'experiments/get-by-name',
      {
        experiment_name: 'churn',
      },
    );
    const grants = { registered_model: 'churn', experiment: experiment.experiment_id };
    for (const [type, id] of Object.entries(grants)) {
      const grant = { username: 'reader', resource_type: type, resource_id: id, permission: 'READ' };
      await world.api('POST', 'users/permissions/grant', grant, '3.0');
    }
    expect((await world.done(['why', 'churn', '--fail-on-no'], reader)).stdout).toContain('version 1 is live');
    const before = await world.state('churn');
    for (const args of [PROMOTE, evaluate('churn', 'run-2'), register('churn', 'run-2')]) {
      const { code, errors } = await world.run(args, reader);
      expect({ command: args[0], code, errors }).toEqual({
        command: args[0],
        code: 2,
        errors: [expect.stringMatching(/refuses .* \(403\): check MLFLOW_/)],
      });
    }
    expect(await world.state('churn')).toEqual(before);
  });

  test.each([
    ['a wrong password', user('worker', 'wrong'), 401],
    ['no user', user('', ''), 401],
    ['a user without permission', user('stranger', 'stranger-password'), 403],
  ])('%s is refused with what to do', async (_, env, status) => {
    const before = await world.state('churn');
    const promote = ['promote', '--model', 'churn', '--version', '1', '--to', 'production'];
    for (const args of [promote, evaluate('churn', 'run-2'), ['why', 'churn']]) {
      const { code, errors } = await world.run(args, env);
      expect({ command: args[0], code, errors }).toEqual({
        command: args[0],
        code: 2,
        errors: [
          expect.stringMatching(new RegExp(`^the tracking server ${world.url} refuses .* \\(${status}\\): check`)),
        ],
      });
    }
    expect(await world.state('churn')).toEqual(before);
  });
});

describe('a server', () => {
  let world: GateWorld;

  beforeAll(async () => {
    world = await GateWorld.start({ args: ['--allowed-hosts', 'mlflow.example,127.0.0.1:*'] });
  }, 120_000);
  afterAll(() => world?.stop());

  test('that does not know the name that it is called by is explained', async () => {
    const url = world.url.replace('127.0.0.1', 'localhost');
    const { code, errors } = await world.run([...PROMOTE, '--registry', url]);
    expect([code, errors]).toEqual([
      2,
      [
        `the tracking server ${url} refuses its own name (Invalid Host header): add the name, with port, to its --allowed-hosts`,
      ],
    ]);
  });

  test('that is away is exit code 3', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, errors } = await world.run([...PROMOTE, '--registry', url]);
    expect([code, errors]).toEqual([
      3,
      [expect.stringMatching(/^127\.0\.0\.1:\d+ does not answer after 5 attempts: /)],
    ]);
  });

  test('that goes away between two calls leaves what the same command completes', async () => {
    await readyToPromote(world, 'flaky');
    const promote = ['promote', '--model', 'flaky', '--version', '1', '--to', 'production'];
    let tags = 0;
    const proxy = await Proxy.start(world.url, async ({ path, forward }) => {
      if (path.includes('set-tag')) tags++;
      if (tags > 0) return 'hang-up';
      await forward();
      return 'answer';
    });
    const { code, errors } = await world.run([...promote, '--registry', proxy.url]);
    await proxy.stop();
    expect([code, errors]).toEqual([3, [expect.stringMatching(/does not answer after 5 attempts/)]]);
    expect((await world.state('flaky')).aliases).toEqual({});
    await world.done(promote);
    expect(await world.state('flaky')).toMatchObject({ aliases: { champion: '1' }, locks: [] });
  });

  test('behind TLS by its own authority is trusted through MLFLOW_TRACKING_SERVER_CERT_PATH, and not without', async () => {
    await readyToPromote(world, 'private');
    const certificates = privateAuthority(world.at('tls'));
    const proxy = await Proxy.start(
      world.url,
      async ({ forward }) => {
        await forward();
        return 'answer';
      },
      certificates,
    );
    const promote = ['promote', '--model', 'private', '--version', '1', '--to', 'production', '--registry', proxy.url];
    try {
      const distrusted = await world.run(promote);
      expect([distrusted.code, distrusted.errors]).toEqual([
        2,
        [expect.stringMatching(/^the certificate of .* is not trusted .*MLFLOW_TRACKING_SERVER_CERT_PATH/)],
      ]);
      const unreadable = await world.run(promote, { MLFLOW_TRACKING_SERVER_CERT_PATH: world.at('tls/none.pem') });
      expect([unreadable.code, unreadable.errors]).toEqual([
        2,
        [expect.stringMatching(/^cannot read MLFLOW_TRACKING_SERVER_CERT_PATH: .*ENOENT/)],
      ]);
      await world.done(promote, { MLFLOW_TRACKING_SERVER_CERT_PATH: world.at('tls/ca.pem') });
      expect((await world.state('private')).aliases).toEqual({ champion: '1' });
    } finally {
      await proxy.stop();
    }
  });
});

/** A version that passed its gates, whose artifact is nowhere that is looked into. */
async function readyToPromote(world: GateWorld, model: string): Promise<void> {
  await world.api('POST', 'registered-models/create', { name: model });
  const tags = [{ key: 'gate.verdict', value: 'pass' }];
  await world.api('POST', 'model-versions/create', { name: model, source: 'gs://models/1', tags });
}

/** A certificate for the loopback address, and the authority that signed it. */
function privateAuthority(directory: string): { key: string; cert: string } {
  mkdirSync(directory);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '1', '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', ...key, '-subj', '/CN=mlflow', '-keyout', 'tls.key', '-out', 'tls.csr');
  writeFileSync(join(directory, 'san'), 'subjectAltName=IP:127.0.0.1\n');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'san'];
  openssl('x509', '-req', '-in', 'tls.csr', ...signed, '-out', 'tls.pem');
  return {
    key: readFileSync(join(directory, 'tls.key'), 'utf8'),
    cert: readFileSync(join(directory, 'tls.pem'), 'utf8'),
  };
}
