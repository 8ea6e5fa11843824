import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleApp } from '../../test/support/bundle';
import { type Measurement, measure, type Spread } from '../measure';
import { note, printTable } from '../table';
import { AGGREGATES, COLUMNS, normalRows, scanArguments, schemaFile } from './data';
import { evidentlyVersions, pythonOf } from './python';

/*
 * How long the drift checker takes, and how much memory: against what DuckDB needs to read the same columns, against itself with
 * ten times the rows, and against Evidently. Figures are whole processes, from start to exit; ratios hold on a machine of any
 * speed.
 *
 *   npx tsx bench/drift/speed.ts                      10k to 10 million rows
 *   npx tsx bench/drift/speed.ts --large              50 million as well (a file of 3.7 GB)
 *   npx tsx bench/drift/speed.ts --quick              up to 1 million, fewer runs
 *   npx tsx bench/drift/speed.ts --python env/bin/python
 *
 * The data is made once and kept in the temporary directory.
 */
const { values: options } = parseArgs({
  options: {
    python: { type: 'string' },
    rows: { type: 'string', default: '10000000' },
    quick: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
  },
});
const ROOT = join(__dirname, '../..');
const FOLDER = join(tmpdir(), 'cdk8s-mlops-bench');
const MILLION = 1_000_000;
const [RUNS, SLOW_RUNS] = options.quick ? [3, 1] : [5, 3];

const show = (value: number, digits = 2): string => (Number.isNaN(value) ? '?' : value.toFixed(digits));
const range = ({ low, middle, high }: Spread, digits = 2): string =>
  `${show(middle, digits)} (${show(low, digits)} to ${show(high, digits)})`;
const times = (a: Spread, b: Spread, digits = 1): string => `${show(a.middle / b.middle, digits)} ×`;
const count = (rows: number): string => (rows >= MILLION ? `${rows / MILLION} million` : `${rows / 1000}k`);

const HEAD = ['median (min to max)', 'seconds', 'CPU seconds', 'peak MiB'];
const cells = (label: string, { seconds, cpu, mebibytes }: Measurement): string[] => [
  label,
  range(seconds),
  range(cpu),
  range(mebibytes, 0),
];

async function main(): Promise<void> {
  const app = join(FOLDER, 'drift-checker', 'main.js');
  bundleApp('drift-checker', join(FOLDER, 'drift-checker'));
  process.chdir(ROOT);
  const schema = schemaFile(FOLDER);
  const reference = await normalRows(FOLDER, 100_000, 1);
  const million = await normalRows(FOLDER, MILLION, 2);
  const few = await normalRows(FOLDER, 10_000, 3);
  const cli = (label: string, repeats: number, ...args: string[]): Measurement =>
    measure(label, repeats, process.execPath, [app, ...args], { LOG_LEVEL: 'error' });
  const profile = (data: string, output: string, repeats = 1): Measurement =>
    cli('profile', repeats, 'profile', '--schema', schema, '--data', data, '--output', output);
  const profileOf = (name: string): string => join(FOLDER, `profile-${name}.json`);
  const check = (data: string, rows: number, repeats: number, from = profileOf('100k')): Measurement =>
    cli(
      `check of ${count(rows)}`,
      repeats,
      ...['check', '--schema', schema, '--predictions', data, '--profile', from, '--all'],
    );
  note(`${COLUMNS} FLOAT columns, zstd Parquet, ${availableParallelism()} cores, Node ${process.version}`);

  profile(reference, profileOf('100k'));
  const start = check(few, 10_000, RUNS);
  printTable('From start to verdict', HEAD, [cells('check of 10k', start)]);
  note(`goal: under 0.5 s; here ${show(start.seconds.middle)} s`);

  const profiled = profile(million, profileOf('1m'), RUNS);
  const sizes: [number, Measurement][] = [[MILLION, check(million, MILLION, RUNS)]];
  printTable('Profile', HEAD, [cells('profile of 1 million', profiled)]);

  const rows = Number(options.rows);
  if (!options.quick) {
    const data = await normalRows(FOLDER, rows, 4);
    const checked = check(data, rows, RUNS);
    const scan = (label: string, ...args: [readonly string[], number?]): string[] => {
      const scanned = measure(label, RUNS, process.execPath, scanArguments(data, ...args));
      return [...cells(label, scanned), times(checked.seconds, scanned.seconds), times(checked.cpu, scanned.cpu)];
    };
    sizes.push([rows, checked]);
    printTable(
      `Check of ${count(rows)} rows, and DuckDB alone on the same columns`,
      [...HEAD, 'check takes', 'CPU'],
      [
        [...cells(`check of ${count(rows)}`, checked), '', ''],
        scan('DuckDB: count, min, max, avg', AGGREGATES.all),
        scan('the same, one thread', AGGREGATES.all, 1),
        scan('DuckDB: avg', AGGREGATES.mean),
        scan('the same, one thread', AGGREGATES.mean, 1),
      ],
    );
    note(
      `goal (10 million): under 5 s and 256 MiB; here ${show(checked.seconds.middle)} s and ${show(checked.mebibytes.middle, 0)} MiB`,
    );
  }
  if (options.large) {
    const data = await normalRows(FOLDER, 50 * MILLION, 5);
    sizes.push([50 * MILLION, check(data, 50 * MILLION, SLOW_RUNS)]);
  }
  linearity(start, sizes);
  await rival({ reference, million, check, profile, profileOf });
}

function linearity(start: Measurement, sizes: readonly [number, Measurement][]): void {
  const [, first] = sizes[0]!;
  printTable(
    'More rows',
    [...HEAD, 'seconds a million rows above start-up', 'memory to 1 million'],
    sizes.map(([rows, measured]) => [
      ...cells(`check of ${count(rows)}`, measured),
      show((measured.seconds.middle - start.seconds.middle) / (rows / MILLION), 3),
      times(measured.mebibytes, first.mebibytes, 2),
    ]),
  );
}

interface RivalInputs {
  readonly reference: string;
  readonly million: string;
  readonly check: (data: string, rows: number, repeats: number, from?: string) => Measurement;
  readonly profile: (data: string, output: string, repeats?: number) => Measurement;
  readonly profileOf: (name: string) => string;
}

/** Both answer whether 1 million rows have drifted. The rival reads the reference itself; for us it has been profiled before. */
async function rival({ reference, million, check, profile, profileOf }: RivalInputs): Promise<void> {
  const python = pythonOf(options.python);
  const versions = evidentlyVersions(python);
  if (versions === undefined) return;
  note(`\nrival: ${versions}`);
  const script = join(__dirname, 'evidently_drift.py');
  const references: [string, string][] = [['100k', reference]];
  if (!options.quick) references.push(['1 million', await normalRows(FOLDER, MILLION, 6)]);
  for (const [name, path] of references) {
    const output = profileOf(`rival-${name.replace(' ', '-')}`);
    const profiled = profile(path, output, SLOW_RUNS);
    const checked = check(million, MILLION, RUNS, output);
    const theirs = measure('Evidently', SLOW_RUNS, python, [script, million, path]);
    const both = profiled.seconds.middle + checked.seconds.middle;
    printTable(
      `1 million rows against a reference of ${name}`,
      [...HEAD, 'Evidently takes', 'Evidently holds'],
      [
        [...cells('Evidently, DataDriftPreset', theirs), '', ''],
        [
          ...cells('check', checked),
          times(theirs.seconds, checked.seconds),
          times(theirs.mebibytes, checked.mebibytes),
        ],
        [
          ...cells('profile, once a training', profiled),
          times(theirs.seconds, profiled.seconds),
          times(theirs.mebibytes, profiled.mebibytes),
        ],
      ],
    );
    note(
      `goal: at least 20 × faster in a third of the memory; here ${times(theirs.seconds, checked.seconds)} ` +
        `(${show(theirs.seconds.middle / both, 1)} × with the profile), ${show(checked.mebibytes.middle / theirs.mebibytes.middle)} of the memory`,
    );
  }
}

void main();
