import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CAPTURE_DEFAULTS, type CaptureFile, METRICS, type ModelSchema } from 'cdk8s-mlops/contract';
import { freePort } from '../../test/integration/server';
import { bundleApp } from '../../test/support/bundle';
import { measure } from '../measure';
import { note, printTable } from '../table';
import { OddStore, type StoreMood } from './odd-store';
import { writeSegments } from './segments';

/*
 * What capturing costs: a collector under a fixed rate of events (V2, 20 features, half of them requests), against a bare HTTP server that
 * reads and answers; with a store that is slow, failing or gone; and the compaction of a day with late labels, against DuckDB reading the
 * same lines.
 *
 *   npm run bench:capture
 *   npm run bench:capture -- --only compact --calls 5000000 --labels 1000000
 *   npm run bench:capture -- --only collect --store gone --events 5000000    a store that is gone for ten minutes
 */
const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    rate: { type: 'string', default: '5000' },
    calls: { type: 'string', default: '500000' },
    labels: { type: 'string', default: '100000' },
    only: { type: 'string' },
    store: { type: 'string', default: '' },
  },
});
const EVENTS = Number(options.events);
const RATE = Number(options.rate);
const FOLDER = join(tmpdir(), 'cdk8s-mlops-bench-capture');
const at = (name: string): string => join(FOLDER, name);
const FEATURES = 20;
/** The baseline does not change with their number. */
const BARE_EVENTS = 100_000;
const MEBIBYTE = 1024 ** 2;

const schema: ModelSchema = {
  ...{ version: 1, model: 'bench', objectives: {} },
  task: { type: 'binary-classification', classes: ['no', 'yes'], positiveClass: 'yes' },
  features: Array.from({ length: FEATURES }, (_, index) => ({
    ...{ name: `feature_${index}`, type: 'numeric', required: true, importance: 1 },
  })),
};

function configure(name: string, log: string): string {
  const config: CaptureFile = {
    ...{ version: 1, model: 'bench', namespace: 'bench', schema: at('schema.json'), log },
    ...{ inferenceServices: ['bench'], ...CAPTURE_DEFAULTS },
  };
  writeFileSync(at(name), JSON.stringify(config));
  return at(name);
}

interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly statuses: Readonly<Record<string, number>>;
}

async function main(): Promise<void> {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  bundleApp('drift-checker', at('app'));
  writeFileSync(at('schema.json'), JSON.stringify(schema));
  note(`${availableParallelism()} cores, Node ${process.version}; ${EVENTS} events at ${RATE} a second`);
  if (options.only !== 'compact') await benchCollect();
  if (options.only !== 'collect') benchCompact();
  rmSync(FOLDER, { recursive: true, force: true });
}

async function benchCollect(): Promise<void> {
  const bare = await underLoad(
    'bare server',
    (port) => [['--import', 'tsx', join(__dirname, 'bare-server.ts'), String(port)], {}],
    Math.min(EVENTS, BARE_EVENTS),
  );
  const seconds = EVENTS / RATE;
  const moods: readonly (readonly [string, StoreMood | undefined])[] = [
    ['directory', undefined],
    ['store', {}],
    ['store, 5 s a call', { delayMs: 5000 }],
    ['store, failing every second time', { failing: 0.5 }],
    ['store, gone for 60 % of the time', { goneFrom: 0.15 * seconds, goneUntil: 0.75 * seconds }],
  ];
  const rows = [row('bare server that reads and answers', bare, bare, '')];
  for (const [label, mood] of moods.filter(([label]) => label.includes(options.store))) {
    const store = mood && (await OddStore.start(mood));
    const config = configure('capture.yaml', store ? 's3://bench/log' : at('log'));
    const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_MAX_ATTEMPTS: '1' };
    const env: Record<string, string> = store ? { ...keys, AWS_ENDPOINT_URL: store.url } : {};
    const measured = await underLoad(label, (port) => {
      const args = ['--config', config, '--buffer', at('buffer'), '--port', String(port), '--farewell', '0'];
      return [[at('app/main.js'), 'collect', ...args], env];
    });
    const acknowledged = (measured.load.statuses['200'] ?? 0) + (measured.load.statuses['202'] ?? 0);
    const lost = store ? `${acknowledged - store.records} of ${acknowledged}` : '';
    rows.push(row(label, measured, bare, lost));
    store?.stop();
    rmSync(at('buffer'), { recursive: true, force: true });
    rmSync(at('log'), { recursive: true, force: true });
  }
  printTable(
    'A collector under load',
    [
      'what',
      'events/s',
      'p50 ms',
      'p99 ms',
      'CPU µs/event',
      'of bare',
      'MiB early',
      'MiB late',
      'MiB peak',
      'shed',
      'lost',
    ],
    rows,
  );
}

interface Loaded {
  readonly load: Load;
  readonly cpuMicroseconds: number;
  /** Resident memory after a fifth of the events, at the end, and at most. */
  readonly early: number;
  readonly late: number;
  readonly peak: number;
  readonly shed: number;
}

function row(
  label: string,
  { load, cpuMicroseconds, early, late, peak, shed }: Loaded,
  bare: Loaded,
  lost: string,
): string[] {
  const figures = [load.perSecond, load.p50, load.p99].map((value) => value.toFixed(1));
  const ratio = `${(cpuMicroseconds / bare.cpuMicroseconds).toFixed(1)} ×`;
  return [
    label,
    ...figures,
    cpuMicroseconds.toFixed(0),
    ratio,
    ...[early, late, peak].map((value) => value.toFixed(0)),
    String(shed),
    lost,
  ];
}

async function underLoad(
  label: string,
  command: (port: number) => [string[], Record<string, string>],
  events = EVENTS,
): Promise<Loaded> {
  note(`${label} ...`);
  const port = await freePort();
  const [args, env] = command(port);
  const server = spawn(process.execPath, args, {
    env: { ...process.env, ...env, LOG_LEVEL: 'error' },
    stdio: 'ignore',
  });
  await ready(port);
  const before = cpuOf(server);
  const memory: number[] = [];
  const watch = setInterval(() => memory.push(residentOf(server)), 500);
  const load = await sendLoad(port, events);
  clearInterval(watch);
  const cpu = cpuOf(server) - before;
  const shed = await shedAt(port);
  const exited = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  await exited;
  const early = memory[Math.floor(memory.length / 5)] ?? NaN;
  return {
    load,
    cpuMicroseconds: (cpu * 1e6) / events,
    early,
    late: memory.at(-1) ?? NaN,
    peak: Math.max(...memory),
    shed,
  };
}

async function ready(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing answers on port ${port}`);
}

async function shedAt(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const shed = text
    .split('\n')
    .filter((line) => line.startsWith(`${METRICS.captureEvents.name}{`) && line.includes('outcome="shed_'));
  return shed.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

function sendLoad(port: number, events: number): Promise<Load> {
  const args = ['--import', 'tsx', join(__dirname, 'load.ts'), '--url', `http://127.0.0.1:${port}`];
  const child = spawn(process.execPath, [...args, '--events', String(events), '--rate', String(RATE)]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.pipe(process.stderr);
  return new Promise((resolve, reject) => {
    child.on('exit', (code) =>
      code === 0 ? resolve(JSON.parse(output) as Load) : reject(new Error(`the load ended with ${code}`)),
    );
  });
}

/** Seconds of all threads. */
function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentOf({ pid }: ChildProcess): number {
  return (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / MEBIBYTE;
}

function benchCompact(): void {
  const [calls, labels] = [Number(options.calls), Number(options.labels)];
  note(`writing the segments of ${2 * calls} events and ${labels} labels ...`);
  const day = new Date(Math.floor(Date.now() / 86_400_000 - 8) * 86_400_000);
  writeSegments({ log: at('log'), calls, labels, start: day, features: FEATURES });
  const config = configure('capture.yaml', at('log'));
  const lines = `${at('log')}/_events/*/*/*.gz`;
  const query = `SELECT count(*) FROM read_json('${lines}', format = 'newline_delimited', columns = {id: 'VARCHAR', data: 'JSON'})`;
  const reading = measure('DuckDB reading the lines', 1, process.execPath, ['-e', duckdb(query)]);
  const compacting = measure('compact', 1, process.execPath, [at('app/main.js'), 'compact', '--config', config]);
  const again = measure('compact, with nothing to do', 3, process.execPath, [
    at('app/main.js'),
    'compact',
    '--config',
    config,
  ]);
  const ratio = (measured: typeof reading): string =>
    `${(measured.seconds.middle / reading.seconds.middle).toFixed(1)} ×`;
  const figures = (label: string, measured: typeof reading): string[] => [
    ...[
      label,
      measured.seconds.middle.toFixed(1),
      measured.cpu.middle.toFixed(1),
      measured.mebibytes.middle.toFixed(0),
    ],
    ratio(measured),
  ];
  printTable(
    `Compaction of ${2 * calls} events and ${labels} late labels`,
    ['what', 'seconds', 'CPU s', 'peak MiB', 'of reading'],
    [
      figures('DuckDB counting the same lines', reading),
      figures('compact', compacting),
      figures('compact again', again),
    ],
  );
}

function duckdb(query: string): string {
  return `const { DuckDBInstance } = require('@duckdb/node-api');
    (async () => { const c = await (await DuckDBInstance.create(':memory:')).connect(); await c.runAndReadAll(${JSON.stringify(query)}); })();`;
}

void main();
