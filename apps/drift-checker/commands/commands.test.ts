import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMANDS } from 'cdk8s-mlops/contract';
import { type Ended, Program } from '../../../test/support/program';
import { LocalServer } from '../../common/testing/local-server';
import { type DriftReport } from '../check/drift-report';
import { type ReferenceProfile } from '../profile/reference-profile';
import { SHOP_SCHEMA, shopConfig, shopHours, shopTraining, writeFiles } from './testing/shop';

const program = Program.build('drift-checker');
const world = mkdtempSync(join(tmpdir(), 'commands-'));
const at = (name: string): string => join(world, name);
let outputs: string;
let counter = 0;
const servers: LocalServer[] = [];

const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
  program.run(args, { OUTPUT_DIR: outputs, ...env });
const answer = (name: string): string => readFileSync(join(outputs, name), 'utf8');
const CHECK = ['check', '--schema', at('schema.json'), '--profile', at('profile.json'), '--predictions'];
const UNTIL = ['--until', '2026-11-20T00:00:00Z'];

beforeAll(async () => {
  outputs = at('outputs');
  writeFiles(world, { 'schema.json': SHOP_SCHEMA, 'train.csv': shopTraining() });
  writeFiles(at('same'), shopHours('2026-11-19', 50));
  writeFiles(at('drifted'), shopHours('2026-11-19', 50, 0.4));
  const profile = ['profile', '--schema', at('schema.json'), '--data', at('train.csv'), '--model-version', '1'];
  const made = await run([...profile, '--output', at('profile.json')]);
  expect(made.stderr).toBe('');
  expect(made.code).toBe(0);
});
beforeEach(() => (outputs = at(`outputs-${counter++}`)));
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(() => {
  rmSync(world, { recursive: true });
  program.remove();
});

async function serve(...args: Parameters<typeof LocalServer.start>): Promise<LocalServer> {
  const server = await LocalServer.start(...args);
  servers.push(server);
  return server;
}

/** Nothing of the call is left. */
function expectNothingWritten(): void {
  expect(existsSync(outputs)).toBe(false);
  expect(readdirSync(program.temporary)).toEqual([]);
}

describe('help', () => {
  test.each([['profile'], ['merge'], ['validate'], ['check']])('of %s teaches by examples', async (command) => {
    const { code, stdout, stderr } = await run([command, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Usage: drift-checker ${command} [options]`);
    const spec = COMMANDS[command as 'check'] as (typeof COMMANDS)['check'] | undefined;
    for (const option of Object.keys(spec?.options ?? { output: '' })) expect(stdout).toContain(`--${option}`);
    const examples = stdout.slice(stdout.indexOf('Examples:')).trim().split('\n').slice(1);
    for (const example of examples) expect(example).toMatch(new RegExp(`^  drift-checker ${command} --`));
  });

  test('of the program names its commands and exit codes', async () => {
    const { code, stdout } = await run([]);
    expect(code).toBe(0);
    for (const command of ['profile', 'merge', 'validate', 'check']) expect(stdout).toContain(`  ${command} `);
    expect(stdout).toContain('Exit codes: 0 judged, 2');
  });
});

describe('a wrong call', () => {
  test('names every problem at once and ends with 2', async () => {
    const { code, errors, stdout } = await run(['check', '--confg', 'x.yaml', '--all=yes', '--hours']);
    expect(code).toBe(2);
    expect([...errors].sort()).toEqual([
      "'x.yaml' is not an option of 'check': options begin with -- ('check --help' lists all)",
      "--all takes no value, got 'yes' ('check --help' lists all)",
      "--confg is not an option of 'check'; did you mean --config? ('check --help' lists all)",
      "--hours needs a value ('check --help' lists all)",
    ]);
    expect(stdout).toBe('');
    expectNothingWritten();
  });

  test('of a command that does not exist names the one that was meant', async () => {
    const { code, errors } = await run(['chek']);
    expect([code, errors]).toEqual([2, ["'chek' is not a command of drift-checker; did you mean 'check'?"]]);
  });

  test.each([
    [
      ['--all', '--partition', 'dt=x'],
      '--all and --partition exclude each other: a window is all rows, a partition, or a time',
    ],
    [
      ['--all', '--until', '2026-11-20T00:00:00Z'],
      '--all and --until or --hours exclude each other: a window is all rows, a partition, or a time',
    ],
    [['--partition', 'dt'], "--partition must be KEY=VALUE, got 'dt'"],
    [['--partition', 'dt=a', '--partition', 'dt=b'], "--partition gives 'dt' more than once: judge one at a time"],
    [['--until', 'yesterday'], "--until must be a time like 2026-11-20T00:00:00Z, got 'yesterday'"],
    [['--until', '20'], "--until must be a time like 2026-11-20T00:00:00Z, got '20'"],
    [['--until', '2026-13-01'], "--until must be a time like 2026-11-20T00:00:00Z, got '2026-13-01'"],
    [['--hours', '0'], "--hours must be a whole number of at least 1 and at most 87600, got '0'"],
    [['--min-rows', 'few'], "--min-rows must be a whole number of at least 1, got 'few'"],
    [['--threshold', '0'], "--threshold must be a number of at least 0.0001, got '0'"],
    [['--column', 'lable=x'], expect.stringContaining('did you mean label=…?')],
    [['--model-version', '2'], expect.stringMatching(/is the reference profile of version 1, not of version 2$/)],
  ])('with %j is refused', async (args, problem) => {
    const { code, errors } = await run([...CHECK, at('same'), ...args]);
    expect([code, errors]).toEqual([2, [problem]]);
    expectNothingWritten();
  });

  test('without a source says what is needed', async () => {
    const { code, errors } = await run(['check', '--schema', at('schema.json')]);
    expect(code).toBe(2);
    expect(errors[0]).toContain("'check' needs --config, or --schema, --predictions and --profile");
    const noProfile = await run(['check', '--schema', at('schema.json'), '--predictions', at('same')]);
    expect(noProfile.errors).toEqual(["'check' needs --profile where no configuration names a registry"]);
  });

  test('an unknown LOG_LEVEL is told, and changes nothing else', async () => {
    const { code, stderr } = await run(['--help'], { LOG_LEVEL: 'loud' });
    expect(code).toBe(0);
    expect(stderr).toContain("LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, got 'loud'");
  });
});

describe('check', () => {
  test('without drift ends with 0 and writes every answer of the contract', async () => {
    const { code, stdout, stderr } = await run([...CHECK, at('same'), ...UNTIL]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^shop version 1: no-drift \(severity none\)\n/);
    expect(readdirSync(outputs).sort()).toEqual([
      ...['drift_detected', 'drift_score', 'metrics.prom', 'report.html', 'report.json', 'retrain_needed', 'severity'],
    ]);
    expect([answer('drift_detected'), answer('retrain_needed'), answer('severity')]).toEqual([
      'false',
      'false',
      'none',
    ]);
    const report = JSON.parse(answer('report.json')) as DriftReport;
    expect(report).toMatchObject({ verdict: 'no-drift', window: { rows: 1200, until: '2026-11-20T00:00:00.000Z' } });
    expect(Number(answer('drift_score'))).toBe(report.dataDriftScore);
  });

  test('with drift is 0 as well, and 10 where exit codes are all there is', async () => {
    const { code, stdout } = await run([...CHECK, at('drifted'), ...UNTIL]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^shop version 1: drift \(severity critical\)\n/);
    expect([answer('drift_detected'), answer('severity')]).toEqual(['true', 'critical']);
    expect((await run([...CHECK, at('drifted'), ...UNTIL, '--fail-on-no'])).code).toBe(10);
    expect(answer('drift_detected')).toBe('true');
    expect((await run([...CHECK, at('same'), ...UNTIL, '--fail-on-no'])).code).toBe(0);
  });

  test('of too few rows is inconclusive, and no "no"', async () => {
    const { code } = await run([...CHECK, at('drifted'), ...UNTIL, '--min-rows', '5000', '--fail-on-no']);
    expect(code).toBe(0);
    expect([answer('drift_detected'), answer('severity'), answer('retrain_needed')]).toEqual([
      'inconclusive',
      'inconclusive',
      'false',
    ]);
  });

  test('of the same input writes the same bytes', async () => {
    await run([...CHECK, at('drifted'), ...UNTIL]);
    const first = readdirSync(outputs).map((name) => [name, answer(name)]);
    outputs = at(`outputs-${counter++}`);
    await run([...CHECK, at('drifted'), ...UNTIL]);
    expect(readdirSync(outputs).map((name) => [name, answer(name)])).toEqual(first);
  });

  test('takes a time without zone in UTC, wherever it runs', async () => {
    await run([...CHECK, at('same'), '--until', '2026-11-19T12:00:00', '--hours', '12'], { TZ: 'America/New_York' });
    expect(JSON.parse(answer('report.json'))).toMatchObject({
      window: { until: '2026-11-19T12:00:00.000Z', rows: 600 },
    });
  });

  test('may judge a partition, or everything', async () => {
    await run([...CHECK, at('same'), '--partition', 'dt=2026-11-19', '--partition', 'hour=07', '--min-rows', '10']);
    expect(JSON.parse(answer('report.json'))).toMatchObject({
      window: { selection: 'dt=2026-11-19, hour=07', rows: 50 },
    });
    await run([...CHECK, at('same'), '--all']);
    expect(JSON.parse(answer('report.json'))).toMatchObject({ window: { selection: 'all rows', rows: 1200 } });
  });

  test('refuses the profile of another model', async () => {
    const profile = JSON.parse(readFileSync(at('profile.json'), 'utf8')) as ReferenceProfile;
    writeFileSync(at('other.json'), JSON.stringify({ ...profile, model: 'fraud' }));
    const args = ['check', '--schema', at('schema.json'), '--profile', at('other.json'), '--predictions', at('same')];
    const { code, errors } = await run([...args, '--all']);
    expect([code, errors]).toEqual([
      2,
      [`'${at('other.json')}' is the reference profile of model 'fraud', not of 'shop'`],
    ]);
    expectNothingWritten();
  });

  test.each([
    ['is not there', undefined, /^there is no reference profile at '.*broken\.json': make it with/],
    ['was cut off', '{"version": 1, "mod', /is no reference profile: it is not JSON, or it was cut off$/],
    ['is of another format', '{"version": 7}', /is no reference profile of version 1: got version 7; make it again/],
  ])('refuses a profile that %s', async (_, text, problem) => {
    rmSync(at('broken.json'), { force: true });
    if (text !== undefined) writeFileSync(at('broken.json'), text);
    const args = ['check', '--schema', at('schema.json'), '--profile', at('broken.json'), '--predictions', at('same')];
    const { code, errors } = await run([...args, '--all']);
    expect(code).toBe(2);
    expect(errors).toEqual([expect.stringMatching(problem)]);
    expectNothingWritten();
  });

  test('leaves no answer of an earlier call, even when it fails', async () => {
    expect((await run([...CHECK, at('same'), ...UNTIL])).code).toBe(0);
    expect((await run([...CHECK, at('nowhere'), ...UNTIL])).code).toBe(2);
    expect(readdirSync(outputs)).toEqual([]);
  });

  test('says which answer cannot be written', async () => {
    writeFiles(world, { 'a-file': '' });
    const { code, errors } = await run([...CHECK, at('same'), ...UNTIL], { OUTPUT_DIR: at('a-file/x') });
    expect(code).toBe(2);
    expect(errors).toEqual([expect.stringMatching(/^cannot write .*\/a-file\/x\/drift_detected: (ENOTDIR|EEXIST)/)]);
  });

  test('says that there is no place for temporary files', async () => {
    const { code, errors } = await run([...CHECK, at('same'), ...UNTIL], { TMPDIR: at('no-such') });
    expect(code).toBe(2);
    expect(errors).toEqual([expect.stringMatching(/^cannot make a temporary directory in .*\/no-such: ENOENT/)]);
    expect(existsSync(outputs)).toBe(false);
  });
});

describe('check by a configuration', () => {
  const champion = { name: 'shop', version: '1', run_id: 'r1', creation_timestamp: 0 };
  /** A registry with a champion, whose profile is the given text. */
  const registry = (profile: string | undefined, version: object | undefined = champion): Promise<LocalServer> =>
    serve(({ path }) => {
      if (path.startsWith('/get-artifact'))
        return profile === undefined ? { status: 404 } : { status: 200, body: profile };
      if (path.includes('/model-versions/search')) return { status: 200, body: { model_versions: [champion] } };
      if (path.includes('version=1') || path.includes('alias=champion'))
        return version
          ? { status: 200, body: { model_version: version } }
          : { status: 400, body: 'alias champion not found.' };
      return { status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } };
    });
  const config = (changes: Parameters<typeof shopConfig>[0]): string => {
    writeFiles(world, { 'drift-check.yaml': shopConfig({ schema: at('schema.json'), ...changes }) });
    return at('drift-check.yaml');
  };
  const profile = (): string => readFileSync(at('profile.json'), 'utf8');
  const reference = ({ url }: LocalServer) => ({ registry: url, alias: 'champion' });

  test('pushes what is, and then what happened, and keeps the report', async () => {
    const mlflow = await registry(profile());
    const gateway = await serve(() => ({ status: 200 }));
    const path = config({
      ...{ predictions: at('drifted'), reference: reference(mlflow), pushgateway: gateway.url },
      reports: at('reports'),
    });
    const { code, errors } = await run(['check', '--config', path, ...UNTIL]);
    expect([code, errors]).toEqual([0, []]);
    expect(gateway.received.map(({ method, path: group }) => [method, group])).toEqual([
      ['PUT', '/metrics/job/drift-checker/namespace/ml/model/shop'],
      ['PUT', '/metrics/job/drift-checker-performance/namespace/ml/model/shop'],
      ['POST', '/metrics/job/drift-checker-events/namespace/ml/model/shop'],
    ]);
    const [drift, performance, events] = gateway.received.map(({ body }) => body);
    expect(drift + performance!).toBe(answer('metrics.prom'));
    expect(events).toMatch(/^ml_drift_check_last_success_timestamp_seconds\{model="shop",namespace="ml"\} \d+/m);
    expect(events).not.toContain('ml_retrain_last_triggered');
    const folder = at('reports/shop/2026-11-20T00-00-00.000Z-24-h-version-1');
    expect(readFileSync(join(folder, 'report.json'), 'utf8')).toBe(answer('report.json'));
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toBe(answer('report.html'));
    expect(JSON.parse(answer('report.json'))).toMatchObject({
      modelVersion: '1',
      reference: { source: 'models:/shop/1/monitoring/reference_profile.json', rows: 3000 },
      retraining: { needed: false, reason: 'no training is configured: drift only alerts' },
    });
  });

  test('pushes no event for a window that could not be judged', async () => {
    const mlflow = await registry(profile());
    const gateway = await serve(() => ({ status: 200 }));
    const path = config({ predictions: at('same'), reference: reference(mlflow), pushgateway: gateway.url });
    await run(['check', '--config', path, ...UNTIL, '--min-rows', '5000']);
    expect(gateway.received.map(({ method }) => method)).toEqual(['PUT', 'PUT']);
    expect(gateway.received[0]?.body).toContain('ml_drift_check_samples{');
  });

  test('with --dry-run pushes nothing and starts nothing, and still says what is needed', async () => {
    const mlflow = await registry(profile());
    const gateway = await serve(() => ({ status: 200 }));
    const api = await serve(() => ({ status: 500 }));
    const path = config({
      ...{ predictions: at('drifted'), reference: reference(mlflow), pushgateway: gateway.url },
      retrain: { engine: 'argo', name: 'shop-training', loop: 'shop-loop', minPredictions: 100 },
    });
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) };
    const { code } = await run(['check', '--config', path, ...UNTIL, '--dry-run'], env);
    expect(code).toBe(0);
    expect(answer('retrain_needed')).toBe('true');
    expect([gateway.received, api.received]).toEqual([[], []]);
  });

  test('says so when the training cannot be asked for, after the findings are pushed', async () => {
    const mlflow = await registry(profile());
    const gateway = await serve(() => ({ status: 200 }));
    const path = config({
      ...{ predictions: at('drifted'), reference: reference(mlflow), pushgateway: gateway.url },
      retrain: { engine: 'argo', name: 'shop-training', loop: 'shop-loop', minPredictions: 100 },
    });
    const { code, errors } = await run(['check', '--config', path, ...UNTIL]);
    expect(code).toBe(2);
    expect(errors).toEqual([expect.stringContaining('KUBERNETES_SERVICE_HOST is not set')]);
    expect(gateway.received.map(({ method }) => method)).toEqual(['PUT', 'PUT']);
    expect(answer('retrain_needed')).toBe('true');
  });

  test('leaves the training to the alert where that starts it, and calls no API', async () => {
    const mlflow = await registry(profile());
    const gateway = await serve(() => ({ status: 200 }));
    const api = await serve(() => ({ status: 500 }));
    const path = config({
      ...{ predictions: at('drifted'), reference: reference(mlflow), pushgateway: gateway.url },
      retrain: {
        ...{ engine: 'argo', name: 'shop-training', loop: 'shop-loop', minPredictions: 100 },
        trigger: 'alertmanager',
      },
    });
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) };
    const { code, errors } = await run(['check', '--config', path, ...UNTIL], env);
    expect([code, errors]).toEqual([0, []]);
    expect(api.received).toEqual([]);
    const [drift, , events] = gateway.received.map(({ body }) => body);
    expect(drift).toMatch(/^ml_retrain_needed\{.*model="shop".*\} 1$/m);
    expect(events).toMatch(/^ml_retrain_last_triggered_timestamp_seconds\{/m);
  });

  test('a Pushgateway that does not listen is unreachable', async () => {
    const mlflow = await registry(profile());
    const path = config({ predictions: at('same'), reference: reference(mlflow), pushgateway: 'http://127.0.0.1:1' });
    const { code, errors } = await run(['check', '--config', path, ...UNTIL]);
    expect([code, errors]).toEqual([3, [expect.stringContaining('127.0.0.1:1 does not answer after 5 attempts')]]);
  });

  test.each([
    [
      'without a champion',
      undefined,
      undefined,
      /^model 'shop' has no version with the alias 'champion': without a champion there is no reference/,
    ],
    [
      'whose champion has no profile',
      undefined,
      champion,
      /^version 1 of 'shop' has no artifact 'monitoring\/reference_profile\.json': make it with 'drift-checker profile'/,
    ],
    ['whose champion has no run', '{}', { ...champion, run_id: '' }, /^version 1 of 'shop' has no artifact/],
    ['whose champion has a profile that was cut off', '{"version": 1', champion, /it is not JSON, or it was cut off$/],
  ])('a registry %s is told', async (_, text, version, problem) => {
    const server = await serve(({ path }) => {
      if (path.startsWith('/get-artifact')) return text === undefined ? { status: 404 } : { status: 200, body: text };
      return version ? { status: 200, body: { model_version: version } } : { status: 400, body: 'alias not found' };
    });
    const path = config({ predictions: at('same'), reference: reference(server) });
    const { code, errors } = await run(['check', '--config', path, ...UNTIL]);
    expect([code, errors]).toEqual([2, [expect.stringMatching(problem)]]);
    expectNothingWritten();
  });

  test('refuses the profile of another version than the champion', async () => {
    const other = JSON.stringify({ ...(JSON.parse(profile()) as object), modelVersion: '7' });
    const path = config({ predictions: at('same'), reference: reference(await registry(other)) });
    const { code, errors } = await run(['check', '--config', path, ...UNTIL]);
    expect([code, errors]).toEqual([
      2,
      ["'models:/shop/1/monitoring/reference_profile.json' is the reference profile of version 7, not of version 1"],
    ]);
  });

  test('judges the version that is named, by its own profile', async () => {
    const mlflow = await registry(profile(), champion);
    const path = config({ predictions: at('same'), reference: reference(mlflow) });
    const named = await run(['check', '--config', path, ...UNTIL, '--dry-run', '--model-version', '1']);
    expect([named.code, named.errors]).toEqual([0, []]);
    expect(mlflow.received[0]?.path).toBe('/api/2.0/mlflow/model-versions/get?name=shop&version=1');
    const missing = await run(['check', '--config', path, ...UNTIL, '--dry-run', '--model-version', '9']);
    expect([missing.code, missing.errors]).toEqual([2, ["model 'shop' has no version 9"]]);
  });

  test('is refused with all that is wrong in the file', async () => {
    const path = at('wrong.yaml');
    writeFileSync(path, 'version: 1\nmodel: shop\nwindow: { hours: 0, minrows: 5 }\n');
    const { code, errors } = await run(['check', '--config', path]);
    expect(code).toBe(2);
    expect(errors).toContain(`${path}:3:18: 'window.hours': Too small: expected number to be >0, got 0`);
    expect(errors).toContain(`${path}:3:21: 'window.minrows' is not a key here; did you mean 'minRows'?`);
    expect(errors).toContain(`${path}:1:1: 'pushgateway' is missing`);
    expectNothingWritten();
  });

  test('is refused when it disagrees with the schema', async () => {
    const path = config({ model: 'fraud', predictions: at('same'), features: { amuont: { threshold: 1 } } });
    const { code, errors } = await run(['check', '--config', path]);
    expect(code).toBe(2);
    expect(errors).toEqual([
      `${path} is of model 'fraud', the schema '${at('schema.json')}' of 'shop'`,
      `${path}: 'features.amuont' is not a feature of 'shop'; did you mean 'amount'?`,
    ]);
  });
});

describe('profile, merge and validate', () => {
  const SOURCE = ['--schema', at('schema.json'), '--data'];

  test('a profile of parts equals the profile of the whole in its counts', async () => {
    const [head = '', ...rows] = shopTraining().trim().split('\n');
    writeFiles(at('parts'), {
      'a.csv': `${[head, ...rows.slice(0, 1000)].join('\n')}\n`,
      'b.csv': `${[head, ...rows.slice(1000)].join('\n')}\n`,
    });
    await run(['profile', ...SOURCE, at('parts/a.csv'), '--output', at('a.json')]);
    await run(['profile', ...SOURCE, at('parts/b.csv'), '--output', at('b.json'), '--edges-from', at('a.json')]);
    const { code, stdout } = await run(['merge', '--output', at('merged.json'), at('a.json'), at('b.json')]);
    expect([code, stdout]).toEqual([0, `${at('merged.json')}: 3000 rows of 2 profiles\n`]);
    const merged = JSON.parse(readFileSync(at('merged.json'), 'utf8')) as ReferenceProfile;
    expect(merged.features.map(({ counts }) => counts.reduce((a, b) => a + b))).toEqual([3000, 3000]);
  });

  test('a merge needs two profiles', async () => {
    const { code, errors } = await run(['merge', '--output', at('x.json'), at('profile.json')]);
    expect([code, errors]).toEqual([2, ["'merge' needs at least two profiles, got 1"]]);
    expect(existsSync(at('x.json'))).toBe(false);
  });

  test('a profile names every required option', async () => {
    const { code, errors } = await run(['profile']);
    expect(code).toBe(2);
    expect(errors.map((each) => each.split(':')[0])).toEqual([
      '--schema is missing',
      '--data is missing',
      '--output is missing',
    ]);
  });

  test('a data set without a feature is refused, and no profile written', async () => {
    writeFileSync(at('half.csv'), 'amount\n1\n2\n');
    const { code, errors } = await run(['profile', ...SOURCE, at('half.csv'), '--output', at('half.json')]);
    expect([code, errors]).toEqual([2, [`feature 'country' has no column in '${at('half.csv')}': it has amount`]]);
    expect(existsSync(at('half.json'))).toBe(false);
  });

  test('good training data passes', async () => {
    const { code, stdout } = await run([
      'validate',
      ...SOURCE,
      at('train.csv'),
      '--profile',
      at('profile.json'),
      '--fail-on-no',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^shop: training data passed, 3000 rows\n/);
    expect(readdirSync(outputs).sort()).toEqual(['passed', 'report.json']);
    expect(answer('passed')).toBe('true');
  });

  test('bad training data fails the run where exit codes are all there is', async () => {
    writeFileSync(at('bad.csv'), `amount,country\n${'1,DE\n'.repeat(2000)}`);
    const call = ['validate', ...SOURCE, at('bad.csv'), '--report', at('kept')];
    expect((await run(call)).code).toBe(0);
    expect(answer('passed')).toBe('false');
    expect(readFileSync(at('kept/report.json'), 'utf8')).toBe(answer('report.json'));
    expect((await run([...call, '--fail-on-no'])).code).toBe(10);
  });

  test('a registry without a champion is no error for a first training', async () => {
    const mlflow = await serve(() => ({ status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } }));
    const { code, stderr } = await run(['validate', ...SOURCE, at('train.csv'), '--registry', mlflow.url]);
    expect(code).toBe(0);
    expect(stderr).toContain('no champion yet: nothing to compare with');
  });

  test('a registry that is not an address is refused', async () => {
    const { code, errors } = await run(['validate', ...SOURCE, at('train.csv'), '--registry', 'mlflow:5000']);
    expect([code, errors]).toEqual([
      2,
      [expect.stringMatching(/^'mlflow:5000\/.*' must be an address like http:\/\/host:port$/)],
    ]);
    expectNothingWritten();
  });
});

describe('a call that is ended', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s while a store does not answer leaves at once and leaves nothing',
    async (signal) => {
      const store = await serve(() => 'silence');
      const gateway = await serve(() => ({ status: 200 }));
      const call = program.start([...CHECK, 's3://logs/shop', '--all'], {
        ...{ OUTPUT_DIR: outputs, AWS_ENDPOINT_URL: store.url, PUSHGATEWAY_URL: gateway.url },
        ...{ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
      });
      while (store.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      const since = Date.now();
      call.kill(signal);
      call.kill(signal);
      const { code, errors, stdout } = await call.ended;
      expect(code).toBe(143);
      expect(Date.now() - since).toBeLessThan(10_000);
      expect(errors).toEqual([
        `ended by ${signal} before it was done: files are whole or absent, and no retraining is asked for any more`,
      ]);
      expect(stdout).toBe('');
      expect(gateway.received).toEqual([]);
      expectNothingWritten();
    },
  );

  test('in the middle of a download leaves nothing behind', async () => {
    const listing = `<ListBucketResult><Contents><Key>shop/a.csv</Key><Size>10</Size></Contents></ListBucketResult>`;
    const store = await serve(({ path }) => (path.includes('list-type') ? { status: 200, body: listing } : 'silence'));
    const call = program.start([...CHECK, 's3://logs/shop', '--all'], {
      ...{ OUTPUT_DIR: outputs, AWS_ENDPOINT_URL: store.url, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    });
    while (store.received.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    call.kill('SIGTERM');
    expect((await call.ended).code).toBe(143);
    expectNothingWritten();
  });
});
