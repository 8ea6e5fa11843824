import { type GateFile, PAIRED_PREDICTION_COLUMNS } from 'cdk8s-mlops/contract';
import { artifactFiles } from '../../common/artifact-files';
import { DataSource } from '../../common/data/data-source';
import { Database, identifier } from '../../common/data/database';
import { categoryExpression, type Column, numericExpression, openTable, type Table } from '../../common/data/table';
import { type Log } from '../../common/log';
import { type PairedOutcomes } from '../gates/check-significance';

/** Where predictions are when the gate file does not say: in the evaluation folder. */
const PREDICTIONS = 'predictions.parquet';

/** Groups into which the gains of many rows are put: more would not move a confidence bound, and cost time. */
const GROUPS = 1_000;

/** Metrics that are errors of numbers, by the last part of their names. */
const SQUARED = /(^|[._-])(mse|rmse|rmsle)$/i;
const ABSOLUTE = /(^|[._-])(mae|mape|smape|wape|medae|error|loss)$/i;

/** What paired predictions are read from. */
export interface PairedOptions {
  readonly gates: GateFile;
  /** Finds a file of the candidate's evaluation. */
  readonly evaluationFile: (path: string) => string;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/**
 * What both models answered to the same rows, for every gate that asks for significance; a text says why it could not be had.
 *
 * @throws Failure when there is a file that cannot be read
 */
export async function readPairedOutcomes(options: PairedOptions): Promise<Record<string, PairedOutcomes | string>> {
  const { gates, evaluationFile } = options;
  const asked = Object.entries(gates.metrics).flatMap(([metric, { significance }]) =>
    significance ? [{ metric, uri: evaluationFile(significance.predictions ?? PREDICTIONS) }] : [],
  );
  if (asked.length === 0) return {};
  const database = await Database.open();
  try {
    const tables = new Map<string, Table | string>();
    const outcomes: Record<string, PairedOutcomes | string> = {};
    for (const { metric, uri } of asked) {
      if (!tables.has(uri)) tables.set(uri, await open(database, uri, options));
      const table = tables.get(uri)!;
      outcomes[metric] = typeof table === 'string' ? table : await outcomesOf(database, table, metric);
    }
    return outcomes;
  } finally {
    database.close();
  }
}

async function open(database: Database, uri: string, { log, signal }: PairedOptions): Promise<Table | string> {
  if ((await artifactFiles(uri)).length === 0) return `there are no paired predictions at '${uri}'`;
  const table = await openTable(database, await DataSource.open(uri, { log, signal }));
  const missing = Object.values(PAIRED_PREDICTION_COLUMNS).filter((name) => !table.columns.has(name));
  if (missing.length === 0) return table;
  const names = missing.map((name) => `'${name}'`).join(' and ');
  return `'${uri}' has no column ${names}: let the evaluation ask candidate and baseline the same rows and keep both answers`;
}

async function outcomesOf(database: Database, table: Table, metric: string): Promise<PairedOutcomes | string> {
  const { label, prediction, baselinePrediction } = PAIRED_PREDICTION_COLUMNS;
  const all = [label, prediction, baselinePrediction].map((name) => table.columns.get(name)!);
  const squared = SQUARED.test(metric);
  const numbers = squared || ABSOLUTE.test(metric) || (await hasFractions(database, table, all));
  const [y, a, b] = all.map(numbers ? numericExpression : categoryExpression);
  const filter = numbers
    ? 'isfinite(y) AND isfinite(a) AND isfinite(b)'
    : 'y IS NOT NULL AND a IS NOT NULL AND b IS NOT NULL';
  const rows = `(SELECT * FROM (SELECT ${y} AS y, ${a} AS a, ${b} AS b FROM ${table.name}) WHERE ${filter})`;
  const outcomes = await (numbers ? errorsOf(database, rows, squared) : answersOf(database, rows));
  if (typeof outcomes === 'string') return outcomes;
  const { total } = await database.row<{ total: number }>(`SELECT count(*) AS total FROM ${table.name}`);
  return { ...outcomes, leftOut: total - outcomes.rows };
}

/** Whether these are measurements and not codes of classes: all are numbers, and some have a fraction. */
async function hasFractions(database: Database, table: Table, columns: readonly Column[]): Promise<boolean> {
  if (columns.some(({ kind }) => kind !== 'number' && kind !== 'text')) return false;
  const values = columns.map((column) => ({ raw: identifier(column.name), number: numericExpression(column) }));
  const numeric = values.map(({ raw, number }) => `(${raw} IS NULL OR ${number} IS NOT NULL)`).join(' AND ');
  const fraction = values.map(({ number }) => `(isfinite(${number}) AND ${number} <> trunc(${number}))`).join(' OR ');
  const { found } = await database.row<{ found: boolean | null }>(
    `SELECT bool_and(${numeric}) AND bool_or(${fraction}) AS found FROM ${table.name}`,
  );
  return found ?? false;
}

/** Classes: an answer is right or wrong. */
async function answersOf(database: Database, rows: string): Promise<PairedOutcomes | string> {
  const counts = await database.row<{ rows: number; candidate: number; baseline: number; right: number }>(
    `SELECT count(*) AS rows, count(*) FILTER (a = y AND b <> y) AS candidate, count(*) FILTER (b = y AND a <> y) AS baseline,
       count(*) FILTER (a = y OR b = y) AS right
     FROM ${rows}`,
  );
  const { rows: total, candidate: candidateOnly, baseline: baselineOnly, right } = counts;
  // Labels and answers that are written differently, say as names and as codes, would make two equally good models of any two.
  if (total > 0 && right === 0)
    return `neither model answered any of ${total} rows right: write labels and predictions in the same way`;
  const gains = [
    { gain: 1, rows: candidateOnly },
    { gain: 0, rows: total - candidateOnly - baselineOnly },
    { gain: -1, rows: baselineOnly },
  ].filter(({ rows: count }) => count > 0);
  return { rows: total, candidateOnly, baselineOnly, gains };
}

/** Numbers: the gain of a row is how much smaller the candidate's error is. Rows of like gains are one group. */
async function errorsOf(database: Database, rows: string, squared: boolean): Promise<PairedOutcomes> {
  const error = (x: string): string => (squared ? `(${x} - y) * (${x} - y)` : `abs(${x} - y)`);
  const groups = await database.inOrder(() =>
    database.rows<{ gain: number; spread: number; rows: number }>(
      `SELECT avg(gain) AS gain, stddev_pop(gain) AS spread, count(*) AS rows
       FROM (SELECT gain, ntile(${GROUPS}) OVER (ORDER BY gain) AS part FROM (SELECT ${error('b')} - ${error('a')} AS gain FROM ${rows}))
       GROUP BY part ORDER BY part`,
    ),
  );
  return { rows: groups.reduce((sum, { rows: count }) => sum + count, 0), gains: groups };
}
