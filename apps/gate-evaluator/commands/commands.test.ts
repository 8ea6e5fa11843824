import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { COMMANDS } from 'cdk8s-mlops/contract';
import { type Ended, Program } from '../../../test/support/program';
import { LocalServer } from '../../common/testing/local-server';
import { type DecisionRecord, isIntact } from '../records/decision-record';
import { FileRegistry } from '../registry/file-registry';
import { type History } from '../why/history';

const program = Program.build('gate-evaluator');
const world = mkdtempSync(join(tmpdir(), 'commands-'));
const at = (name: string): string => join(world, name);
const servers: LocalServer[] = [];
let outputs: string;
let registry: FileRegistry;
let address: string;
let counter = 0;

const FILES = {
  'gates.yaml': 'metrics:\n  accuracy: { minimum: 0.9 }\n  latency: { maximum: 50, severity: warn }\n',
  'good.json': '{ "accuracy": 0.93, "latency": 60 }',
  'bad.json': '{ "accuracy": 0.7, "latency": 10 }',
  'model/model.bin': 'weights',
};

beforeAll(() => write(FILES));
beforeEach(() => {
  outputs = at(`outputs-${counter}`);
  address = at(`registry-${counter++}`);
  registry = new FileRegistry(address);
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(() => {
  rmSync(world, { recursive: true });
  program.remove();
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), text);
  }
}

async function serve(...args: Parameters<typeof LocalServer.start>): Promise<LocalServer> {
  const server = await LocalServer.start(...args);
  servers.push(server);
  return server;
}

const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
  program.run(args, { OUTPUT_DIR: outputs, MLFLOW_TRACKING_URI: address, LOG_LEVEL: 'warn', ...env });
const answer = (name: string): string => readFileSync(join(outputs, name), 'utf8');
const decision = (): DecisionRecord => JSON.parse(answer('decision.json')) as DecisionRecord;
const answers = (): string[] => (existsSync(outputs) ? readdirSync(outputs).sort() : []);

async function done(...args: string[]): Promise<Ended> {
  const ended = await run(args);
  expect({ args, code: ended.code, stderr: ended.stderr }).toEqual({ args, code: 0, stderr: '' });
  return ended;
}

const evaluate = (name: string, metrics = 'good.json'): string[] => [
  ...['evaluate', '--model', 'churn', '--gates', at('gates.yaml'), '--metrics', at(metrics), '--run', name],
];
const register = (name: string, ...more: string[]): string[] => [
  ...['register', '--model', 'churn', '--run', name, '--artifact', at('model'), ...more],
];
const promote = (version: string, to = 'production'): string[] => [
  ...['promote', '--model', 'churn', '--version', version, '--to', to],
];
const aliases = async (): Promise<Record<string, string | undefined>> =>
  Object.fromEntries(
    await Promise.all(
      ['champion', 'challenger', 'previous'].map(
        async (alias) => [alias, (await registry.versionByAlias('churn', alias))?.version] as const,
      ),
    ),
  );
const history = async (): Promise<History> => JSON.parse((await done('why', 'churn', '--json')).stdout) as History;
const told = async (): Promise<string[]> =>
  (await history()).records.map(({ action, modelVersion, run: name, from, to }) =>
    [action, modelVersion ?? name, from, to].filter(Boolean).join(' '),
  );

/** Versions that passed, each registered for a run of its own, and promoted in their order. */
async function champions(count: number): Promise<void> {
  for (let version = 1; version <= count; version++) {
    await done(...evaluate(`run-${version}`));
    await done(...register(`run-${version}`, '--store', `${address}-store`));
    await done(...promote(String(version)));
  }
}

describe('help', () => {
  const rollouts = ['start', 'shadow', 'weight', 'update', 'finish', 'restore'].map((step) => `rollout ${step}`);
  test.each(['admit', 'evaluate', 'analyze', 'register', 'promote', 'rollback', ...rollouts, 'why', 'check'])(
    'of %s teaches by examples',
    async (command) => {
      const { code, stdout, stderr } = await run([...command.split(' '), '--help']);
      expect([code, stderr]).toEqual([0, '']);
      const spec = Object.values(COMMANDS).find((each) => each.command === command && each.app === 'gate-evaluator');
      for (const option of Object.keys(spec?.options ?? {})) expect(stdout).toContain(`--${option}`);
      const examples = stdout.slice(stdout.indexOf('Examples:')).trim().split('\n').slice(1);
      for (const example of examples) expect(example).toMatch(new RegExp(`^  gate-evaluator ${command} `));
    },
  );
});

describe('evaluate', () => {
  test('that passes writes every answer of the contract, and says what only warns', async () => {
    const { stdout } = await done(...evaluate('run-1'), '--by', 'maria', '--reason', 'release', '--namespace', 'ml');
    expect(stdout).toContain('churn: run-1: PASS, 1 of 2 checks passed');
    expect(answers()).toEqual(['decision.json', 'metrics.prom', 'passed', 'verdict']);
    expect([answer('passed'), answer('verdict')]).toEqual(['true', 'pass']);
    const record = decision();
    expect(record).toMatchObject({
      ...{ action: 'evaluate', model: 'churn', run: 'run-1', by: 'maria', reason: 'release', sequence: 1 },
      verdict: 'pass',
      checks: [
        { metric: 'accuracy', candidate: 0.93, verdict: 'pass' },
        { metric: 'latency', candidate: 60, verdict: 'fail', severity: 'warn' },
      ],
      inputs: { metrics: at('good.json') },
    });
    expect(isIntact(record)).toBe(true);
    expect(answer('metrics.prom')).toContain('ml_gate_passed{model="churn",version="unregistered",namespace="ml"} 1');
    expect(answer('metrics.prom')).toContain('check="latency"} 0');
  });

  test('that fails is 0 with the answer in files, and 10 where it was asked for', async () => {
    expect((await run(evaluate('run-1', 'bad.json'))).code).toBe(0);
    expect([answer('passed'), answer('verdict')]).toEqual(['false', 'fail']);
    for (const flag of ['--fail-on-gate', '--fail-on-no'])
      expect((await run([...evaluate('run-1', 'bad.json'), flag])).code).toBe(10);
    for (const flag of ['--fail-on-gate', '--fail-on-no'])
      expect((await run([...evaluate('run-1'), flag])).code).toBe(0);
  });

  test('leaves JUnit, Markdown and a copy of the record where they are wanted', async () => {
    const [junit, markdown, decisions] = [at('r/gates.xml'), at('r/gates.md'), at('r/decisions')];
    await done(...evaluate('run-1', 'bad.json'), '--junit', junit, '--markdown', markdown, '--decisions', decisions);
    expect(readFileSync(junit, 'utf8')).toMatch(/<testsuites tests="2" failures="1"/);
    expect(readFileSync(markdown, 'utf8')).toMatch(/^### ❌ Quality gates of churn: fail\n/);
    expect(readdirSync(decisions)).toEqual(['00000001-evaluate.json']);
    expect(readFileSync(join(decisions, '00000001-evaluate.json'), 'utf8')).toBe(answer('decision.json'));
  });

  test('again, with nothing changed, decides nothing new; with other metrics it does', async () => {
    await done(...evaluate('run-1'));
    const first = answer('decision.json');
    await done(...evaluate('run-1'));
    expect(answer('decision.json')).toBe(first);
    await done(...evaluate('run-1', 'bad.json'));
    expect(decision()).toMatchObject({ sequence: 2, verdict: 'fail' });
    expect(await told()).toEqual(['evaluate run-1', 'evaluate run-1']);
  });

  test('without a registry needs no run and keeps nothing', async () => {
    const args = evaluate('x').slice(0, -2);
    const ended = await program.run(args, { OUTPUT_DIR: outputs, LOG_LEVEL: 'warn' });
    expect([ended.code, ended.errors, answer('passed')]).toEqual([0, [], 'true']);
    const named = await run(args);
    expect([named.code, named.errors]).toEqual([
      2,
      [expect.stringMatching(/^--run is missing: metrics from a file are kept with a run of the registry; name it/)],
    ]);
    expect(answers()).toEqual([]);
  });

  test('compares with the file of --baseline, whatever the gate file names', async () => {
    write({
      'compare.yaml': 'metrics: { accuracy: { comparison: gte, tolerance: 0.01 } }',
      'main.json': '{"accuracy": 0.95}',
    });
    const args = ['evaluate', '--model', 'churn', '--gates', at('compare.yaml'), '--metrics', at('good.json')];
    await done(...args, '--run', 'run-1', '--baseline', at('main.json'));
    expect(decision()).toMatchObject({ verdict: 'fail', inputs: { baseline: at('main.json') } });
    expect(decision().checks?.map(({ check }) => check)).toContain('accuracy.comparison');
  });

  test('a version of the registry is judged by the metrics of its run, and marked', async () => {
    await done(...register('run-1', '--metrics', at('good.json')));
    await done('evaluate', '--model', 'churn', '--gates', at('gates.yaml'), '--metrics', 'models:/churn/1');
    expect((await registry.version('churn', '1'))?.tags).toMatchObject({
      'gate.verdict': 'pass',
      'gate.report_sha256': decision().hash,
    });
    expect(answer('metrics.prom')).toContain('version="1"');
  });

  test('a run that is judged again after it was registered marks its version: what fails now is not promoted', async () => {
    await done(...evaluate('run-1'));
    await done(...register('run-1'));
    await done(...evaluate('run-1', 'bad.json'));
    expect((await registry.version('churn', '1'))?.tags['gate.verdict']).toBe('fail');
    const refused = await run(promote('1'));
    expect([refused.code, refused.errors]).toEqual([
      2,
      ["version 1 of 'churn' has the verdict 'fail': only what passed its quality gates is promoted"],
    ]);
    await done(...evaluate('run-1'));
    await done(...promote('1'));
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'an unknown key',
      { 'g.yaml': 'metrics:\n  accuracy:\n    minimun: 0.9\n' },
      /g\.yaml:3:5: .*minimun.*did you mean.*minimum/,
    ],
    [
      'a minimum above its maximum',
      { 'g.yaml': 'metrics: { a: { minimum: 2, maximum: 1 } }' },
      /g\.yaml:1:\d+: .*minimum/,
    ],
    ['no checks', { 'g.yaml': 'metrics: {}' }, /g\.yaml:1:\d+: .*metrics/],
    ['nothing in it', { 'g.yaml': '' }, /g\.yaml.*gate file/],
    ['broken YAML', { 'g.yaml': 'metrics: {' }, /g\.yaml:1:\d+: /],
    [
      'a metric that is text',
      { 'm.json': '{ "accuracy": "0.95" }' },
      /m\.json:1:3: 'accuracy' must be a number, got "0\.95"; write it without quotes/,
    ],
    ['metrics that are a list', { 'm.json': '[1]' }, /the metrics must be a flat JSON object/],
    ['metrics that are empty', { 'm.json': '' }, /m\.json/],
    ['nested metrics', { 'm.json': '{ "accuracy": { "a": 1 } }' }, /write its parts as 'accuracy\.<part>'/],
    [
      'a relative tolerance, and a baseline of 0',
      {
        'g.yaml': 'baseline: { from: { file: zero.json } }\nmetrics: { accuracy: { comparison: gte, tolerance: 1% } }',
        'zero.json': '{"accuracy": 0}',
      },
      /baseline is 0/,
    ],
    [
      'a baseline file that is not there',
      { 'g.yaml': 'baseline: { from: { file: nowhere.json } }\nmetrics: { accuracy: { comparison: gte } }' },
      /there is no baseline file .*nowhere\.json': write it/,
    ],
  ])('with %s is never a pass', async (_, files, problem) => {
    write({ 'bad/g.yaml': FILES['gates.yaml'], 'bad/m.json': FILES['good.json'] });
    write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`bad/${name}`, text])));
    await done(...evaluate('before'));
    const ended = await run([
      ...['evaluate', '--model', 'churn', '--gates', at('bad/g.yaml'), '--metrics', at('bad/m.json'), '--run', 'run-1'],
    ]);
    const said = ended.code === 0 ? decision().checks!.map(({ reason }) => reason) : ended.errors;
    expect(said.join('\n')).toMatch(problem);
    if (ended.code === 0) expect(answer('passed')).toBe('false');
    else expect([ended.code, answers()]).toEqual([2, []]);
  });

  test.each([
    ['missing', '{}', 'accuracy'],
    ['NaN', '{ "accuracy": NaN }', 'NaN'],
    ['infinite', '{ "accuracy": Infinity }', 'nfini'],
    ["MLflow's stand-in for infinity", '{ "accuracy": 1.7976931348623157e308 }', 'nfini'],
  ])('of a metric that is %s fails', async (_, text, reason) => {
    write({ 'odd.json': text });
    await done(...evaluate('run-1', 'odd.json'));
    expect(answer('passed')).toBe('false');
    expect(decision().checks?.[0]).toMatchObject({
      verdict: 'fail',
      reason: expect.stringContaining(reason) as string,
    });
  });
});

describe('the Pushgateway', () => {
  test('gets the metrics, added to those of other commands', async () => {
    const gateway = await serve(() => ({ status: 200 }));
    expect((await run([...evaluate('run-1'), '--namespace', 'ml'], { PUSHGATEWAY_URL: `${gateway.url}/` })).code).toBe(
      0,
    );
    expect(gateway.received.map(({ method, path }) => [method, path])).toEqual([
      ['POST', '/metrics/job/gate-evaluator/namespace/ml/model/churn'],
    ]);
    expect(gateway.received[0]!.body).toBe(answer('metrics.prom'));
  });

  test('that refuses, or is away, changes no answer and is said with code 3', async () => {
    const gateway = await serve(() => ({ status: 400, body: 'pushed metrics are invalid' }));
    const refused = await run(evaluate('run-1'), { PUSHGATEWAY_URL: gateway.url });
    expect([refused.code, refused.errors]).toEqual([
      3,
      [`the Pushgateway ${gateway.url} answered 400: pushed metrics are invalid`],
    ]);
    expect([answer('passed'), decision().verdict]).toEqual(['true', 'pass']);
    const { url } = gateway;
    await servers.pop()!.stop();
    const away = await run(evaluate('run-1'), { PUSHGATEWAY_URL: url });
    expect([away.code, away.errors.length]).toEqual([3, 1]);
    expect(away.errors[0]).toMatch(/^127\.0\.0\.1:\d+ does not answer after 5 attempts: .*ECONNREFUSED/);
    expect(answers()).toEqual(['decision.json', 'metrics.prom', 'passed', 'verdict']);
    expect(decision().sequence).toBe(1);
  });

  test('is told who is stable and who is candidate after every change', async () => {
    await champions(1);
    await done(...evaluate('run-2'));
    await done(...register('run-2', '--store', `${address}-store`));
    await done(...promote('2', 'canary'));
    const roles = answer('metrics.prom')
      .split('\n')
      .filter((line) => line.startsWith('ml_model_version_info{'));
    expect(roles.map((line) => /version="(\d)".*role="(\w+)"/.exec(line)?.slice(1))).toEqual([
      ['1', 'stable'],
      ['2', 'candidate'],
    ]);
  });
});

describe('register', () => {
  test('keeps the whole lineage', async () => {
    write({
      'schema.json': '{ "model": "churn", "version": 1 }',
      'profile.json': `{ "model": "churn", "data": { "digest": "sha256:${'d'.repeat(64)}" } }`,
      'conf.json': '{ "depth": 3, "kind": "gbm", "warm": false }',
      'importance.json': '{ "age": 0.5 }',
    });
    await done(...evaluate('run-1'));
    const verdict = decision().hash;
    const { stdout } = await done(
      ...register(
        'run-1',
        '--store',
        `${address}-store`,
        '--schema',
        at('schema.json'),
        '--profile',
        at('profile.json'),
      ),
      ...['--configuration', at('conf.json'), '--metrics', at('good.json'), '--importances', at('importance.json')],
      ...['--git-commit', 'abc123', '--data', 's3://data/1', '--data-version', 'v7', '--by', 'ci', '--namespace', 'ml'],
      ...['--reason', 'schedule', '--decisions', `${address}-decisions`],
    );
    const artifact = `${address}-store/run-1`;
    expect(stdout).toBe(`churn: version 1 is registered in file://${address}, artifact ${artifact}\n`);
    expect(answers()).toEqual(['decision.json', 'metrics.prom', 'model_version', 'passed']);
    expect([answer('passed'), answer('model_version')]).toEqual(['true', '1']);
    expect(await registry.version('churn', '1')).toMatchObject({
      source: artifact,
      tags: {
        ...{ lifecycle: 'staged', 'gate.verdict': 'pass', 'gate.report_sha256': verdict, 'git.commit': 'abc123' },
        'dataset.digest': `sha256:${'d'.repeat(64)}`,
        'artifact.uri': artifact,
        'artifact.sha256': expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
        'training.run': 'run-1',
      },
    });
    const runId = (await registry.findRun('churn', 'run-1'))!;
    const { metrics, tags } = await registry.runData(runId);
    expect(metrics).toEqual({ accuracy: 0.93, latency: 60 });
    expect(tags).toMatchObject({
      'mlflow.source.git.commit': 'abc123',
      'dataset.uri': 's3://data/1',
      'dataset.version': 'v7',
    });
    expect(await registry.artifact(runId, 'monitoring/schema.json')).toBe('{ "model": "churn", "version": 1 }');
    expect(await registry.artifact(runId, 'monitoring/reference_profile.json')).toContain('"digest"');
    expect(await registry.artifact(runId, 'evaluation/importance.json')).toBe('{ "age": 0.5 }');
    const stored = JSON.parse(readFileSync(join(address, 'runs', runId, 'run.json'), 'utf8')) as object;
    expect(stored).toMatchObject({
      parameters: { depth: '3', kind: 'gbm', warm: 'false' },
      datasets: [{ name: 'v7' }],
    });
    expect(decision()).toMatchObject({
      action: 'register',
      by: 'ci',
      reason: 'schedule',
      to: 'staged',
      modelVersion: '1',
    });
    expect(readdirSync(`${address}-decisions`)).toEqual(['00000002-register.json']);
    expect(readFileSync(join(artifact, 'model.bin'), 'utf8')).toBe('weights');
  });

  test('of the same run again is the same version, with one decision; with another artifact it is refused', async () => {
    await done(...register('run-1', '--store', `${address}-store`));
    const first = answer('decision.json');
    await done(...register('run-1', '--store', `${address}-store`));
    expect(answer('decision.json')).toBe(first);
    write({ 'other/model.bin': 'other weights' });
    const other = register('run-1', '--store', `${address}-store`).map((arg) =>
      arg === at('model') ? at('other') : arg,
    );
    const refused = await run(other);
    expect([refused.code, refused.errors]).toEqual([
      2,
      [
        expect.stringMatching(
          /^the run 'run-1' is version 1 already, with another artifact \(sha256:\w+, not sha256:\w+\)/,
        ),
      ],
    ]);
    expect(readFileSync(join(`${address}-store`, 'run-1/model.bin'), 'utf8')).toBe('weights');
    expect(await registry.versions('churn')).toHaveLength(1);
    expect(answers()).toEqual([]);
  });

  test.each<[string, string[], RegExp]>([
    ['metrics', ['--metrics', 'nowhere.json'], /^there are no metrics at 'nowhere\.json'$/],
    ['importances', ['--importances', 'nowhere.json'], /^there are no feature importances at 'nowhere\.json'$/],
    ['a schema file', ['--schema', 'nowhere.json'], /^there is no schema file at 'nowhere\.json'$/],
    ['a profile', ['--profile', 'nowhere.json'], /^there is no reference profile at 'nowhere\.json'$/],
    ['data', ['--data', 'nowhere'], /^there is no training data at 'nowhere'$/],
    [
      'an artifact',
      ['--artifact', 'nowhere'],
      /^there is no artifact at 'nowhere': the train step must leave it there$/,
    ],
  ])('without %s that was named registers nothing', async (_, args, problem) => {
    const base = args[0] === '--artifact' ? register('run-1').slice(0, -2) : register('run-1');
    const { code, errors } = await run([...base, ...args]);
    expect(code).toBe(2);
    expect(errors).toEqual([expect.stringMatching(problem)]);
    expect([existsSync(address), answers()]).toEqual([false, []]);
  });

  test('--adopt takes in a model that runs, and not a second one', async () => {
    const { stdout } = await done(...register('live', '--adopt', '--reason', 'runs since May'));
    expect(stdout).toContain('version 1 is adopted as champion');
    expect(await aliases()).toEqual({ champion: '1', challenger: undefined, previous: undefined });
    expect((await registry.version('churn', '1'))?.tags.lifecycle).toBe('production');
    await done(...register('live', '--adopt'));
    const { code, errors } = await run(register('other', '--adopt'));
    expect([code, errors]).toEqual([
      2,
      [
        "'churn' has a champion already, version 1: --adopt is for a model that has none; register the candidate, evaluate and promote it",
      ],
    ]);
    expect(await told()).toEqual(['adopt 1 production']);
  });

  test('--adopt of two at once leaves one champion, and one refusal', async () => {
    const calls = await Promise.all(['a', 'b'].map((name) => run(register(name, '--adopt'))));
    expect(calls.map(({ code }) => code).sort()).toEqual([0, 2]);
    expect(calls.flatMap(({ errors }) => errors)).toEqual([expect.stringMatching(/^'churn' has a champion already/)]);
    expect((await aliases()).champion).toBe('1');
    expect(await registry.versions('churn')).toHaveLength(1);
  });

  test('--adopt of a version that was registered before makes it what it is', async () => {
    await done(...register('live'));
    await done(...register('live', '--adopt'));
    expect((await registry.version('churn', '1'))?.tags.lifecycle).toBe('production');
    expect((await aliases()).champion).toBe('1');
  });
});

describe('promote', () => {
  test('by the run or the version, canary and then production, each told once', async () => {
    await champions(1);
    await done(...evaluate('run-2'));
    await done(...register('run-2', '--store', `${address}-store`));
    for (let twice = 0; twice < 2; twice++) {
      const { stdout } = await done(
        'promote',
        '--model',
        'churn',
        '--run',
        'run-2',
        '--to',
        'canary',
        '--reason',
        'try',
      );
      expect(stdout).toBe(`churn: version 2 is canary${twice ? ' already' : ''}\n`);
    }
    expect(await aliases()).toEqual({ champion: '1', challenger: '2', previous: undefined });
    expect(answers()).toEqual(['decision.json', 'metrics.prom', 'model_version', 'passed']);
    expect(decision()).toMatchObject({ action: 'promote', modelVersion: '2', to: 'canary', reason: 'try' });
    for (let twice = 0; twice < 2; twice++) await done(...promote('2'), '--decisions', `${address}-decisions`);
    expect(readdirSync(`${address}-decisions`)).toEqual(['00000007-promote.json']);
    expect(await aliases()).toEqual({ champion: '2', challenger: undefined, previous: '1' });
    const { stdout } = await done(...promote('2', 'canary'));
    expect(stdout).toMatch(/^churn: version 2 is champion already/);
    expect((await told()).slice(3)).toEqual([
      'evaluate run-2',
      'register 2 staged',
      'promote 2 canary',
      'promote 2 1 production',
    ]);
  });

  test('of what a rollback made champion decides nothing new', async () => {
    await champions(2);
    await done('rollback', '--model', 'churn', '--from', '2', '--reason', 'slow');
    await done(...promote('1'));
    expect((await told()).at(-1)).toBe('rollback 1 2 production');
  });

  test.each<[string[], RegExp]>([
    [['--to', 'production'], /^'promote' needs --version or --run, and not both$/],
    [['--version', '1', '--run', 'run-1', '--to', 'production'], /needs --version or --run, and not both/],
    [['--version', '1', '--to', 'staging'], /^--to must be canary or production, got 'staging'$/],
    [['--version', '9', '--to', 'canary'], /^model 'churn' has no version 9 in file:/],
    [
      ['--run', 'nobody', '--to', 'canary'],
      /^no version of 'churn' in file:\S+ is of the run 'nobody': register it first$/,
    ],
    [['--version', '1', '--to', 'canary'], /^version 1 of 'churn' was never evaluated: only what passed/],
  ])('%j is refused', async (args, problem) => {
    await done(...register('run-1'));
    const { code, errors } = await run(['promote', '--model', 'churn', ...args]);
    expect([code, errors]).toEqual([2, [expect.stringMatching(problem)]]);
    expect(await aliases()).toEqual({ champion: undefined, challenger: undefined, previous: undefined });
    expect(answers()).toEqual([]);
  });

  test('a version whose artifact is gone serves nobody', async () => {
    await champions(1);
    await done(...evaluate('run-2'));
    await done(...register('run-2', '--store', `${address}-store`));
    rmSync(`${address}-store/run-2`, { recursive: true });
    const { code, errors } = await run(promote('2'));
    expect([code, errors]).toEqual([
      2,
      [expect.stringMatching(/^the artifact of version 2 of 'churn' is gone: .*name another version$/)],
    ]);
    expect(await aliases()).toMatchObject({ champion: '1' });
    expect((await registry.version('churn', '2'))?.tags.lifecycle).toBe('staged');
  });
});

describe('rollback', () => {
  test('to the one before, asked twice with --from is taken back once', async () => {
    await champions(3);
    const args = ['rollback', '--model', 'churn', '--from', '3', '--by', 'igor', '--reason', 'false alarms'];
    expect((await done(...args)).stdout).toBe('churn: version 2 is champion again, version 3 was taken back\n');
    expect(answers()).toEqual(['decision.json', 'metrics.prom', 'model_version', 'passed']);
    expect([answer('passed'), answer('model_version')]).toEqual(['true', '2']);
    const first = answer('decision.json');
    expect((await done(...args)).stdout).toBe('churn: version 2 is champion, nothing had to be taken back\n');
    expect(answer('decision.json')).toBe(first);
    expect(await aliases()).toMatchObject({ champion: '2', previous: '1' });
    expect((await registry.version('churn', '3'))?.tags).toMatchObject({
      lifecycle: 'archived',
      rolled_back: 'false alarms',
    });
    expect((await told()).at(-1)).toBe('rollback 2 3 production');
  });

  test('to a named version', async () => {
    await champions(3);
    await done('rollback', '--model', 'churn', '--to', '1', '--decisions', `${address}-decisions`);
    expect(await aliases()).toMatchObject({ champion: '1', previous: undefined });
    expect(decision()).toMatchObject({ action: 'rollback', from: '3', modelVersion: '1', reason: 'not said' });
    expect(readdirSync(`${address}-decisions`)).toEqual(['00000010-rollback.json']);
  });

  test('that names what cannot be changes nothing', async () => {
    await champions(2);
    const records = await told();
    const cases: [string[], RegExp][] = [
      [['--from', '9'], /^version 9 of 'churn' does not exist \(version 2 is champion\): nothing was changed/],
      [['--from', '1'], /^version 1 of 'churn' is not champion, and was never taken back \(version 2 is champion\)/],
      [['--to', '9'], /^model 'churn' has no version 9 in file:\S+ to go back to$/],
      [['--to', '2'], /^version 2 of 'churn' is the champion already$/],
      [['--model', 'x'], /^--model is given more than once/],
    ];
    for (const [args, problem] of cases) {
      const { code, errors } = await run(['rollback', '--model', 'churn', ...args]);
      expect([code, errors]).toEqual([2, [expect.stringMatching(problem)]]);
    }
    expect(await aliases()).toMatchObject({ champion: '2', previous: '1' });
    expect(await told()).toEqual(records);
  });

  test('to one whose artifact is gone keeps what serves', async () => {
    await champions(2);
    rmSync(`${address}-store/run-1`, { recursive: true });
    const { code, errors } = await run(['rollback', '--model', 'churn']);
    expect([code, errors]).toEqual([2, [expect.stringMatching(/^the artifact of version 1 of 'churn' is gone/)]]);
    expect(await aliases()).toMatchObject({ champion: '2', previous: '1' });
    expect((await registry.version('churn', '2'))?.tags).not.toHaveProperty('rolled_back');
  });
});

describe('why', () => {
  test('tells the story, and all decisions where asked', async () => {
    await champions(2);
    const { stdout } = await done('why', 'churn');
    expect(stdout).toMatch(/^churn: version 2 is live, since /);
    expect(stdout).toContain("'gate-evaluator rollback --model churn --from 2' goes back to version 1");
    expect(stdout).not.toContain('version 1 became champion');
    expect((await done('why', 'churn', '--all')).stdout).toContain('version 1 became champion, the first');
  });

  test('names a record that was tampered with, and a copy that differs', async () => {
    await done(...evaluate('run-1', 'bad.json'), '--decisions', `${address}-copies`);
    const path = join(address, 'runs/churn._decisions/artifacts/decisions/00000001.json');
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"fail"', '"pass"'));
    const ended = await run(['why', 'churn', '--fail-on-no', '--decisions', `${address}-copies`]);
    expect(ended.code).toBe(10);
    expect(ended.stdout).toMatch(/! record 1 \('evaluate'.*\) was changed after it was written/);
    expect(ended.stdout).toContain('! record 1 is not what its copy in');
    expect((await run(['why', 'churn'])).code).toBe(0);
  });

  test('names an alias that was moved by hand', async () => {
    await champions(2);
    await registry.setAlias('churn', 'champion', '1');
    const { code, stdout } = await run(['why', 'churn', '--fail-on-no']);
    expect(code).toBe(10);
    expect(stdout).toContain('made version 2 champion: somebody moved the alias');
  });

  test('of a model that nobody knows says so', async () => {
    expect((await done('why', 'churn')).stdout).toBe(
      'churn: no version is champion, and nothing was ever decided about it.\n',
    );
  });

  test.each([[[]], [['a', 'b']]])('of %j is refused', async (models) => {
    const { code, errors } = await run(['why', ...models]);
    expect([code, errors]).toEqual([2, ["'why' needs the name of one model"]]);
  });
});

describe('check', () => {
  test('says what a file asks, and judges nothing', async () => {
    expect((await done('check', at('gates.yaml'))).stdout).toBe(
      `${at('gates.yaml')}: 2 metrics, 1 of them only warn: valid\n`,
    );
    expect([existsSync(address), answers()]).toEqual([false, []]);
  });

  test('names all problems of all files', async () => {
    write({ 'c1.yaml': 'metrics: { a: { maximun: 1 } }', 'c2.yaml': 'metrics: {}\nextra: 1\n' });
    const { code, errors, stdout } = await run([
      'check',
      at('c1.yaml'),
      at('gates.yaml'),
      at('c2.yaml'),
      at('none.yaml'),
    ]);
    expect(code).toBe(2);
    expect(stdout).toContain('2 metrics');
    const all = errors.join('\n');
    for (const said of [
      /c1\.yaml:1:\d+: .*did you mean.*maximum/,
      /c2\.yaml:2:1: .*extra/,
      /cannot read the gate file '.*none\.yaml'/,
    ])
      expect(all).toMatch(said);
    expect((await run(['check'])).errors).toEqual(["'check' needs the path of a gate file"]);
  });
});

describe('a registry', () => {
  test.each<[string, RegExp]>([
    ['ftp://registry', /^'ftp:\/\/registry' is no registry: expected the address of a tracking server/],
    ['s3://bucket/registry', /^'s3:\/\/bucket\/registry' is no registry/],
    ['http://', /^'http:\/\/' is not an address, expected for example http:\/\/mlflow:5000$/],
  ])('at %s is refused', async (uri, problem) => {
    const { code, errors } = await run(['why', 'churn', '--registry', uri]);
    expect([code, errors]).toEqual([2, [expect.stringMatching(problem)]]);
  });

  const CALLS: [string, () => string[]][] = [
    [
      'evaluate',
      () => [
        'evaluate',
        '--model',
        'churn',
        '--gates',
        at('gates.yaml'),
        '--metrics',
        'models:/churn/1',
        '--fail-on-gate',
      ],
    ],
    ['evaluate of a file', () => evaluate('run-1')],
    ['register', () => register('run-1', '--store', `${address}-store`)],
    ['promote', () => promote('1')],
    ['rollback', () => ['rollback', '--model', 'churn']],
    ['why', () => ['why', 'churn']],
  ];

  test.each<[string, number, object, RegExp]>([
    ['answers pages', 3, { status: 200, body: '<html>Sign in</html>' }, /is not a tracking server: got '<html>Sign in/],
    [
      'refuses its own name',
      2,
      { status: 403, body: 'Invalid Host header - possible DNS rebinding attack detected' },
      /\(Invalid Host header\): add the name, with port, to its --allowed-hosts$/,
    ],
    ['refuses whoever asks', 2, { status: 401, body: '' }, /\(401\): check MLFLOW_TRACKING_TOKEN /],
  ])('on a server that %s ends with %d in every command, and no answer', async (_, exitCode, said, problem) => {
    const { url, received } = await serve(() => said as { status: number });
    for (const [command, args] of CALLS) {
      const { code, errors, stdout } = await run([...args(), '--registry', url]);
      expect({ command, code, errors, stdout }).toEqual({
        ...{ command, code: exitCode, stdout: '' },
        errors: [expect.stringMatching(problem)],
      });
      expect(answers()).toEqual([]);
    }
    expect(received.length).toBeGreaterThanOrEqual(CALLS.length);
    expect(existsSync(`${address}-store`)).toBe(false);
  });

  test('that is a file cannot be written to', async () => {
    const { code, errors } = await run([...evaluate('run-1'), '--registry', at('good.json')]);
    expect(code).toBe(2);
    expect(errors).toEqual([expect.stringMatching(/^cannot (read|write) .*good\.json\/.*ENOTDIR/)]);
    expect(answers()).toEqual([]);
  });

  test('is a directory as address, or as path', async () => {
    await done(...evaluate('run-1'), '--registry', `file://${address}`);
    expect((await done('why', 'churn', '--registry', address, '--all')).stdout).toContain('1 decisions from');
  });
});
