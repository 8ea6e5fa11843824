import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { startMlflow } from '../test/integration/real-servers';
import { bundleApp } from '../test/support/bundle';
import { CACHE } from '../test/support/cache';
import { type Measurement, measure } from './measure';
import { note, printTable } from './table';

/*
 * How long a verdict takes, and how much memory: against the bare start of Node, and against MLflow's own validation of the same
 * thresholds. Figures are whole processes, from start to exit; ratios hold on a machine of any speed.
 *
 *   npx tsx bench/gates.ts
 *   npx tsx bench/gates.ts --python env/bin/python    an environment with mlflow in it
 */
const { values: options } = parseArgs({ options: { python: { type: 'string' } } });
const FOLDER = join(tmpdir(), 'cdk8s-mlops-bench-gates');
const RUNS = 7;
const MILLION = 1_000_000;
const at = (name: string): string => join(FOLDER, name);
const write = (name: string, content: object | string): string => {
  writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content));
  return at(name);
};

async function main(): Promise<void> {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  bundleApp('gate-evaluator', at('app'));
  const node = measure('node', RUNS, process.execPath, ['-e', '0']);
  const rows: string[][] = [];
  const add = (label: string, goal: string, measured: Measurement): void => {
    const ratio = `${(measured.seconds.middle / node.seconds.middle).toFixed(1)} ×`;
    rows.push([label, measured.seconds.middle.toFixed(2), measured.mebibytes.middle.toFixed(0), ratio, goal]);
  };
  add('node -e 0', '', node);
  add('file metrics, 4 checks', '0.3 s', evaluate(...plainFiles()));
  add('500 checks, 10,000 slices, JSON', '0.5 s', evaluate(...largeFiles('json')));
  add('500 checks, 10,000 slices, YAML', '0.5 s', evaluate(...largeFiles('yaml')));
  const predictions = await pairedPredictions();
  add('McNemar, 1 million rows', '3 s', evaluate(...pairedFiles(predictions, 'accuracy', 'mcnemar')));
  add('bootstrap of classes, 1 million rows', '3 s', evaluate(...pairedFiles(predictions, 'accuracy', 'bootstrap')));
  const numbers = await pairedNumbers();
  add('bootstrap of errors, 1 million rows', '3 s', evaluate(...pairedFiles(numbers, 'mae', 'bootstrap')));
  add('local MLflow, with a champion', '1 s', await againstMlflow());
  note(`${availableParallelism()} cores, Node ${process.version}, ${RUNS} runs, medians`);
  printTable('From start to verdict', ['what', 'seconds', 'peak MiB', 'of node -e 0', 'goal'], rows);
  rival(rows);
}

function evaluate(gates: string, metrics: string, ...more: string[]): Measurement {
  const args = ['evaluate', '--model', 'fraud', '--gates', gates, '--metrics', metrics, ...more];
  return measure(`evaluate ${gates}`, RUNS, process.execPath, [at('app/main.js'), ...args], { LOG_LEVEL: 'error' });
}

function plainFiles(): [string, string] {
  const metrics = { accuracy: 0.94, latency_p95_ms: 31, model_size_mb: 12, feature_importance_stability: 0.9 };
  const gates = [
    'metrics:',
    '  accuracy: {minimum: 0.92, comparison: gte}',
    '  latency_p95_ms: {maximum: 50, comparison: lte}',
    '  model_size_mb: {maximum: 500}',
    '  feature_importance_stability: {minimum: 0.85}',
  ];
  return [write('plain.yaml', `${gates.join('\n')}\n`), write('plain.metrics.json', metrics)];
}

/** 500 checks of 20 slices each. */
function largeFiles(format: 'json' | 'yaml'): [string, string] {
  const metrics: Record<string, number> = {};
  const gates: Record<string, object> = {};
  const lines = ['metrics:'];
  for (let check = 0; check < 500; check++) {
    const name = `metric_${check}`;
    metrics[name] = 0.9;
    const slices = Array.from({ length: 20 }, (_, slice) => {
      const metric = `${name}.slice_${slice}`;
      metrics[metric] = 0.85;
      metrics[`${metric}.samples`] = 1_000;
      return { name: `slice_${slice}`, metric, minimum: 0.8, minSamples: 100 };
    });
    gates[name] = { minimum: 0.8, slices };
    const items = slices.map(
      (each) => `      - {name: ${each.name}, metric: ${each.metric}, minimum: 0.8, minSamples: 100}`,
    );
    lines.push(`  ${name}:`, '    minimum: 0.8', '    slices:', ...items);
  }
  const text = format === 'json' ? JSON.stringify({ metrics: gates }) : `${lines.join('\n')}\n`;
  return [write(`large.${format}`, text), write('large.metrics.json', metrics)];
}

function pairedFiles(predictions: string, metric: string, test: string): [string, string] {
  const significance = { test, margin: 0.005, predictions };
  const gates = { baseline: { from: { file: at('paired.metrics.json') } }, metrics: { [metric]: { significance } } };
  return [write(`${metric}.${test}.json`, gates), write('paired.metrics.json', { accuracy: 0.9, mae: 1 })];
}

const pairedPredictions = (): Promise<string> =>
  parquet(
    'classes.parquet',
    `'class-' || i % 2 AS label, 'class-' || (i + CAST(random() < 0.1 AS INT)) % 2 AS prediction,
     'class-' || (i + CAST(random() < 0.1 AS INT)) % 2 AS baseline_prediction`,
  );

const pairedNumbers = (): Promise<string> =>
  parquet(
    'numbers.parquet',
    `i % 1000 / 10.0 AS label, i % 1000 / 10.0 + 10 * (random() + random() - 1) AS prediction,
     i % 1000 / 10.0 + 10 * (random() + random() - 1) AS baseline_prediction`,
  );

async function parquet(name: string, columns: string): Promise<string> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run('SELECT setseed(0.5)');
  await connection.run(`COPY (SELECT ${columns} FROM range(${MILLION}) t(i)) TO '${at(name)}' (FORMAT parquet)`);
  connection.closeSync();
  return at(name);
}

/** A candidate against the champion of a real server, with its metrics and its decision kept there. */
async function againstMlflow(): Promise<Measurement> {
  const { server, url } = await startMlflow(at('mlflow'));
  try {
    const [gates, metrics] = plainFiles();
    await adopt(url);
    let run = 0;
    const once = (): Measurement =>
      measure('evaluate with MLflow', 1, process.execPath, [
        ...[at('app/main.js'), 'evaluate', '--model', 'fraud', '--gates', gates, '--metrics', metrics],
        ...['--registry', url, '--run', `run-${run++}`],
      ]);
    once();
    const all = Array.from({ length: RUNS }, once);
    const sorted = [...all].sort((a, b) => a.seconds.middle - b.seconds.middle);
    return sorted[Math.floor(RUNS / 2)]!;
  } finally {
    await server.stop();
  }
}

/** A champion with metrics, made through MLflow's own API. */
async function adopt(url: string): Promise<void> {
  const call = async (path: string, body: object): Promise<Record<string, Record<string, Record<string, string>>>> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${url}/api/2.0/mlflow/${path}`, init);
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Record<string, Record<string, Record<string, string>>>;
  };
  const { run } = await call('runs/create', { experiment_id: '0' });
  const run_id = run!.info!.run_id;
  const logged = { accuracy: 0.93, latency_p95_ms: 32, model_size_mb: 12, feature_importance_stability: 0.9 };
  const timestamp = Date.now();
  const metrics = Object.entries(logged).map(([key, value]) => ({ key, value, timestamp, step: 0 }));
  await call('runs/log-batch', { run_id, metrics });
  await call('registered-models/create', { name: 'fraud' });
  await call('model-versions/create', { name: 'fraud', source: 's3://models/fraud/1', run_id });
  await call('registered-models/alias', { name: 'fraud', alias: 'champion', version: '1' });
}

/** MLflow's own gate: four thresholds of which two compare with a baseline, from start to exit. */
function rival(rows: readonly (readonly string[])[]): void {
  const python = options.python ?? join(CACHE, 'mlflow-3.15.2/bin/python');
  if (!existsSync(python)) return note(`\nWithout MLflow's own validation: there is no '${python}'`);
  const program = `
from mlflow import validate_evaluation_results
from mlflow.models import MetricThreshold
from mlflow.models.evaluation.base import EvaluationResult
new = EvaluationResult(metrics={'accuracy': 0.94, 'latency_p95_ms': 31, 'model_size_mb': 12, 'stability': 0.9}, artifacts={})
old = EvaluationResult(metrics={'accuracy': 0.93, 'latency_p95_ms': 32, 'model_size_mb': 12, 'stability': 0.9}, artifacts={})
validate_evaluation_results(validation_thresholds={
  'accuracy': MetricThreshold(threshold=0.92, min_absolute_change=0.001, greater_is_better=True),
  'latency_p95_ms': MetricThreshold(threshold=50, min_absolute_change=0.5, greater_is_better=False),
  'model_size_mb': MetricThreshold(threshold=500, greater_is_better=False),
  'stability': MetricThreshold(threshold=0.85, greater_is_better=True)}, candidate_result=new, baseline_result=old)
`;
  const { seconds, mebibytes } = measure('MLflow', 3, python, ['-c', program]);
  const own = Number(rows[1]![1]);
  const ratio = (seconds.middle / own).toFixed(0);
  note(
    `\nMLflow's own validate_evaluation_results of the same four thresholds: ${seconds.middle.toFixed(2)} s, ${mebibytes.middle.toFixed(0)} MiB, ${ratio} × the time of evaluate with file metrics`,
  );
}

void main();
