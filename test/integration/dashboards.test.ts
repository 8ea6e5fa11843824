import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { committedDashboards, expressionsOf, substituted } from '../support/dashboards';
import { BEGIN, dashboardSeries, MINUTES } from './dashboard-series';
import { freePort, Server } from './server';

/* Every query of every dashboard, asked of a Prometheus that has three hours of every series that there may be. */

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-dashboards-'));
const at = (name: string): string => join(directory, name);
const VARIABLES = { namespace: 'ml', model: 'churn', version: '.*', feature: '.*', host: '.*' };
const INTERVALS = { __rate_interval: '5m', __interval: '1m', __range: '3h' };
const END = BEGIN + (MINUTES - 1) * 60;

const dashboards = committedDashboards();
const queries = Object.values(dashboards).flatMap(expressionsOf);
const panels = queries.filter(({ of }) => !of.includes(': annotation '));

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
  readonly values: readonly (readonly [number, string])[];
}

let url: string;
let server: Server | undefined;

async function ask(path: string, parameters: Readonly<Record<string, string>>): Promise<readonly Series[]> {
  const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const { status, error, data } = (await response.json()) as {
    status: string;
    error?: string;
    data: { result: Series[] };
  };
  if (status !== 'success') throw new Error(`${parameters.query}: ${error}`);
  return data.result;
}

/** The values of a panel's query at the end, by the labels that are named. */
async function values(of: string, ...labels: readonly string[]): Promise<Record<string, number>> {
  const { expression } = queries.find((each) => each.of === of)!;
  const query = substituted(expression, { ...VARIABLES, ...INTERVALS });
  const series = await ask('query', { query, time: String(END) });
  return Object.fromEntries(
    series.map(({ metric, value }) => [labels.map((label) => metric[label]).join(' '), Number(value[1])]),
  );
}

beforeAll(async () => {
  writeFileSync(at('series.txt'), dashboardSeries());
  writeFileSync(at('prometheus.yml'), '{}');
  const filled = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', at('series.txt'), at('tsdb')], {
    encoding: 'utf8',
  });
  if (filled.status !== 0)
    throw new Error(`run test/integration/setup.sh first: ${filled.error?.message ?? filled.stderr}`);
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const args = [
    ...[`--config.file=${at('prometheus.yml')}`, `--storage.tsdb.path=${at('tsdb')}`],
    // Series that are loaded end without a mark: without this they would last five minutes longer.
    ...[`--web.listen-address=127.0.0.1:${port}`, '--query.lookback-delta=30s'],
  ];
  server = await Server.start('prometheus', args, {}, `${url}/-/ready`);
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true });
});

test('every query is valid PromQL', () => {
  const rules = queries.map(({ expression }, index) => ({
    record: `query:${index}`,
    expr: substituted(expression, { ...VARIABLES, ...INTERVALS }),
  }));
  writeFileSync(at('rules.yaml'), stringify({ groups: [{ name: 'queries', rules }] }));
  const { stdout, stderr } = spawnSync('promtool', ['check', 'rules', at('rules.yaml')], { encoding: 'utf8' });
  expect(stdout + stderr).toContain(`SUCCESS: ${queries.length} rules found`);
});

test.each(panels)('$of shows something', async ({ expression }) => {
  const query = substituted(expression, { ...VARIABLES, ...INTERVALS });
  const series = await ask('query', { query, time: String(END) });
  expect(series.length).toBeGreaterThan(0);
  expect(series.filter(({ value }) => !Number.isFinite(Number(value[1])))).toEqual([]);
});

test('panels show what the series say', async () => {
  const health = (title: string): string => `MLOps / Model health: ${title}`;
  expect(await values(health('Models with drift A'))).toEqual({ '': 1 });
  expect(await values(health('Oldest drift check A'))).toEqual({ '': 300 });
  expect(await values(health('Versions served A'), 'role')).toEqual({ stable: 1, candidate: 1 });
  expect((await values(health('Models B'), 'version')).v3).toBeCloseTo(0.05, 9);
  // 50 % within 10 ms and 90 % within 50 ms: the rest is above all bounds.
  expect((await values('MLOps / Latency and throughput: Latency, p50 A', 'version')).v3).toBeCloseTo(0.01, 9);
  expect(await values('MLOps / Performance: Correct of all that came A', 'version')).toEqual({ v3: 1, v4: 1 });
  expect(await values('MLOps / Training and gates: Checks failed A', 'version')).toEqual({ v3: 0, v4: 0 });
});

test('the roll-out shows each version under its role', async () => {
  const share = (refId: string): Promise<Record<string, number>> =>
    values(`MLOps / Roll-out: Share of the requests now ${refId}`, 'version');
  expect(await share('A')).toEqual({ v3: 0.5 });
  expect(await share('B')).toEqual({ v4: 0.5 });
});

test.each(['1m', '15m'])('transitions are marked once each, at steps of %s', async (step) => {
  const marks = async (name: string): Promise<string[]> => {
    const { expression } = expressionsOf(dashboards.rollout).find(({ of }) => of.endsWith(`annotation ${name}`))!;
    const query = substituted(expression, { ...VARIABLES, ...INTERVALS, __interval: step });
    const series = await ask('query_range', { query, start: String(BEGIN), end: String(END), step });
    return series
      .flatMap(({ metric, values }) => values.map(([time]) => `${(time - BEGIN) / 60} ${metric.version}`))
      .sort();
  };
  expect(await marks('Promotions')).toEqual(['0 v3', '60 v4']);
  expect(await marks('Rollbacks')).toEqual(['120 v3']);
  expect(await marks('Withdrawn candidates')).toEqual(['150 v5']);
});

test('the variables find the models and their versions', async () => {
  const found = async (name: string): Promise<string[]> => {
    const variable = dashboards.drift.templating.list.find((each: { name: string }) => each.name === name);
    const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(variable.query.query)!;
    const matched = substituted(selector!, VARIABLES);
    const parameters = new URLSearchParams({ 'match[]': matched, start: String(BEGIN), end: String(END) });
    const response = await fetch(`${url}/api/v1/label/${label}/values?${parameters.toString()}`);
    return ((await response.json()) as { data: string[] }).data;
  };
  expect(await found('namespace')).toEqual(['ml']);
  expect(await found('model')).toEqual(['churn']);
  expect(await found('version')).toEqual(['v3', 'v4', 'v5']);
  expect(await found('feature')).toEqual(['age', 'income']);
});
