import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ended, Program } from '../../../test/support/program';
import { type Answer, LocalServer } from '../../common/testing/local-server';
import { type DriftReport } from '../check/drift-report';
import { SHOP_SCHEMA, shopConfig, shopTraining, writeFiles } from './testing/shop';

/* What a roll-out may be judged by: the measured performance of the challenger, beside the champion's, from the same log. */

const DAY = '2026-11-19';
const program = Program.build('drift-checker');
const world = mkdtempSync(join(tmpdir(), 'challenger-'));
const at = (name: string): string => join(world, name);
const outputs = at('outputs');
let server: LocalServer;
let pushed: { path: string; body: string }[];
/** Versions by their aliases, and what is answered for the profile of one that is not there. */
let aliases: Readonly<Record<string, string>>;
let withoutProfile: Readonly<Record<string, Answer>>;

function answer(path: string, body: string): Answer {
  const { pathname, searchParams } = new URL(path, 'http://mlflow');
  if (pathname.startsWith('/metrics/')) {
    pushed.push({ path, body });
    return { status: 200 };
  }
  if (pathname.endsWith('/get-artifact')) {
    const version = searchParams.get('run_uuid')!.slice('run-'.length);
    return withoutProfile[version] ?? { status: 200, body: readFileSync(at(`profile-${version}.json`), 'utf8') };
  }
  const version = aliases[searchParams.get('alias') ?? ''];
  if (version === undefined) return { status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } };
  const found = { name: 'shop', version, run_id: `run-${version}`, creation_timestamp: 0 };
  return { status: 200, body: { model_version: found } };
}

/** Labelled predictions of a version, of which these many are right: a hundred are wrong. */
function rows(version: string, right: number): string[] {
  return Array.from({ length: right + 100 }, (_, row) => {
    const actual = row % 2 ? 'yes' : 'no';
    const predicted = row < right ? actual : row % 2 ? 'no' : 'yes';
    const score = predicted === 'yes' ? 0.9 : 0.1;
    return `${version}-${row},${DAY}T12:30:00Z,${version},${row % 100},DE,${predicted},${score},${actual}`;
  });
}

const HEAD = 'request_id,timestamp,version,amount,country,prediction,prediction_score,label';
const LOG = [HEAD, ...rows('1', 900), ...rows('2', 400)];

beforeAll(async () => {
  server = await LocalServer.start(({ path, body }) => answer(path, body));
  const withoutVersion = LOG.map((line) =>
    line
      .split(',')
      .filter((_, index) => index !== 2)
      .join(','),
  );
  const file = `dt=${DAY}/hour=12/part.csv`;
  writeFiles(world, {
    ...{ 'schema.json': SHOP_SCHEMA, 'train.csv': shopTraining() },
    [`log/${file}`]: `${LOG.join('\n')}\n`,
    [`no-versions/${file}`]: `${withoutVersion.join('\n')}\n`,
    [`few/${file}`]: `${[HEAD, ...rows('1', 900), ...rows('2', 40)].join('\n')}\n`,
  });
  for (const version of ['1', '2']) {
    const args = ['profile', '--schema', at('schema.json'), '--data', at('train.csv'), '--model-version', version];
    expect((await program.run([...args, '--output', at(`profile-${version}.json`)])).errors).toEqual([]);
  }
});
beforeEach(() => {
  pushed = [];
  aliases = { champion: '1', challenger: '2' };
  withoutProfile = {};
});
afterAll(async () => {
  await server.stop();
  rmSync(world, { recursive: true });
  program.remove();
});

function check(log: string, ...args: string[]): Promise<Ended> {
  const reference = { registry: server.url, alias: 'champion' };
  const paths = { schema: at('schema.json'), predictions: at(log) };
  writeFiles(world, { 'check.yaml': shopConfig({ ...paths, reference, pushgateway: server.url }) });
  const call = ['check', '--config', at('check.yaml'), '--until', '2026-11-20T00:00:00Z', ...args];
  return program.run(call, { OUTPUT_DIR: outputs });
}

const ONLY = ['--only', 'performance'];
const GROUP = '/metrics/job/drift-checker-performance/namespace/ml/model/shop';

/** What was pushed of the measured accuracy, by version. */
function accuracies(): Record<string, number> {
  const { body } = pushed.find(({ path }) => path === GROUP)!;
  const found = body.matchAll(
    /^ml_model_accuracy\{model="shop",version="(\d+)",namespace="ml",estimated="false"\} (\S+)$/gm,
  );
  return Object.fromEntries([...found].map(([, version, value]) => [version!, Number(value)]));
}

test.each([
  ['a check of performance alone', ONLY],
  ['a whole check', []],
])('%s measures both, each by its own answers, and pushes them together', async (_, args) => {
  const { code, errors, stdout } = await check('log', ...args);
  expect([code, errors]).toEqual([0, []]);
  expect(accuracies()).toEqual({ 1: 0.9, 2: 0.8 });
  expect(pushed.filter(({ path }) => path === GROUP)).toHaveLength(1);
  const report = JSON.parse(readFileSync(join(outputs, 'report.json'), 'utf8')) as DriftReport;
  expect([report.modelVersion, report.performance!.labels]).toEqual(['1', 1000]);
  expect(stdout).toContain('shop version 2: performance of');
  // Prometheus's text format has one description for all series of a name.
  expect(pushed.find(({ path }) => path === GROUP)!.body.match(/^# TYPE ml_model_accuracy /gm)).toHaveLength(1);
});

test.each<[string, string, Readonly<Record<string, string>>, string[]]>([
  ['there is none', 'log', { champion: '1' }, []],
  ['it is champion already', 'log', { champion: '1', challenger: '1' }, []],
  ['another version is asked about', 'log', { champion: '1', challenger: '2' }, ['--profile', 'profile-1.json']],
  ['the log does not say who answered', 'no-versions', { champion: '1', challenger: '2' }, []],
  ['it has too few labels', 'few', { champion: '1', challenger: '2' }, []],
])('nothing is said of a challenger where %s', async (_, log, given, [option, name]) => {
  aliases = given;
  const { code, errors } = await check(log, ...ONLY, ...(option ? [option, at(name!)] : []));
  expect([code, errors]).toEqual([0, []]);
  expect(Object.keys(accuracies())).toEqual(['1']);
});

test('a challenger without a profile is not measured, which is told', async () => {
  withoutProfile = { 2: { status: 404 } };
  const { code, stderr } = await check('log', ...ONLY);
  expect([code, accuracies()]).toEqual([0, { 1: 0.9 }]);
  expect(stderr).toContain(
    "the challenger has no 'monitoring/reference_profile.json': its performance is not measured",
  );
});

test('a challenger that cannot be measured keeps nobody from measuring the champion, and is no success', async () => {
  withoutProfile = { 2: { status: 200, body: '{}' } };
  const { code, errors } = await check('log', ...ONLY);
  expect([code, accuracies()]).toEqual([2, { 1: 0.9 }]);
  expect(errors[0]).toContain('models:/shop/2/monitoring/reference_profile.json');
});
