import { type DuckDBDataChunk, DuckDBDoubleVector, DuckDBFloatVector, DuckDBUSmallIntVector } from '@duckdb/node-api';
import { type Database, identifier, literal } from '../../common/data/database';
import { categoryExpression, type Column, numericExpression, type Table } from '../../common/data/table';
import { type Log } from '../../common/log';
import { NumericCounter, type NumericPlan } from './numeric-counter';
import { Sampler } from './sampler';

/** Codes that no category has. */
const OTHER = 65_534;
const MISSING = 65_535;

/** How one column is counted. */
export type ColumnPlan =
  | ({ readonly type: 'numeric'; readonly column: Column } & NumericPlan)
  | { readonly type: 'categorical'; readonly column: Column; readonly categories: readonly string[] };

/** Rows of each category, of all others together, and of none. */
export interface CategoryCounts {
  readonly counts: Float64Array;
  other: number;
  missing: number;
}

/** A column's result; which of both follows from its plan. */
export type ColumnCounts =
  | { readonly type: 'numeric'; readonly counter: NumericCounter; readonly sample: Float64Array }
  | ({ readonly type: 'categorical' } & CategoryCounts);

/** What one pass over a table found, in the order of the plans. */
export interface ScanResult {
  readonly rows: number;
  readonly columns: readonly ColumnCounts[];
  /** Priority of each sampled row; samples of numeric columns have one value for each, NaN where there is none. */
  readonly priorities: readonly number[];
}

/** What a pass reads. */
export interface ScanOptions {
  readonly database: Database;
  readonly table: Table;
  readonly plans: readonly ColumnPlan[];
  /** SQL condition of the rows. */
  readonly where: string;
  readonly seed: number;
  readonly sampleSize: number;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

const PROGRESS_MS = 5_000;

/** Counts every planned column in one pass; memory does not depend on the number of rows. */
export async function scan(options: ScanOptions): Promise<ScanResult> {
  const { database, table, plans, seed, sampleSize } = options;
  const sampler = new Sampler(seed, sampleSize);
  const columns = plans.map((plan): ColumnCounts =>
    plan.type === 'numeric'
      ? { type: 'numeric', counter: new NumericCounter(plan), sample: new Float64Array(sampleSize).fill(NaN) }
      : { type: 'categorical', counts: new Float64Array(plan.categories.length), other: 0, missing: 0 },
  );
  const expressions = await Promise.all(plans.map((plan) => expression(database, plan)));
  // A table may have none of the model's columns; its rows are counted all the same.
  const select =
    expressions.length > 0 ? expressions.map((text, index) => `${text} AS c${index}`).join(', ') : '0::UTINYINT AS c0';
  let rows = 0;
  let said = Date.now();
  await database.stream(
    `SELECT ${select} FROM ${table.name} WHERE ${options.where}`,
    (chunk) => {
      const picks: [number, number][] = [];
      sampler.next(chunk.rowCount, (row, slot) => picks.push([row, slot]));
      columns.forEach((column, index) =>
        column.type === 'numeric' ? addNumbers(chunk, index, column, picks) : addCodes(chunk, index, column),
      );
      rows += chunk.rowCount;
      if (Date.now() - said < PROGRESS_MS) return;
      said = Date.now();
      options.log.info({ rows }, 'reading');
    },
    options.signal,
  );
  return { rows, columns, priorities: sampler.priorities };
}

async function expression(database: Database, plan: ColumnPlan): Promise<string> {
  if (plan.type === 'numeric') return numericExpression(plan.column);
  const value = categoryExpression(plan.column);
  const rest = `CASE WHEN ${value} IS NULL THEN ${MISSING} ELSE ${OTHER} END`;
  if (plan.categories.length === 0) return `(${rest})::USMALLINT`;
  // A cast to an enumeration looks its value up in a hash table, and its code is what the counter needs.
  const type = database.newName('category');
  await database.run(`CREATE TYPE ${identifier(type)} AS ENUM (${plan.categories.map(literal).join(', ')})`);
  return `coalesce(enum_code(TRY_CAST(${value} AS ${identifier(type)}))::USMALLINT, (${rest})::USMALLINT)`;
}

type NumericCounts = ColumnCounts & { readonly type: 'numeric' };

function addNumbers(
  chunk: DuckDBDataChunk,
  index: number,
  { counter, sample }: NumericCounts,
  picks: readonly [number, number][],
): void {
  const vector = chunk.getColumnVector(index);
  if (!(vector instanceof DuckDBFloatVector || vector instanceof DuckDBDoubleVector))
    throw new Error(`column ${index} is not numeric`);
  const { items, validity } = internals<Float32Array | Float64Array>(vector);
  const bits = validityBits(validity);
  counter.add(items, bits, chunk.rowCount);
  for (const [row, slot] of picks)
    sample[slot] = bits !== null && (bits[row >> 3]! & (1 << (row & 7))) === 0 ? NaN : items[row]!;
}

function addCodes(chunk: DuckDBDataChunk, index: number, column: CategoryCounts): void {
  const vector = chunk.getColumnVector(index);
  if (!(vector instanceof DuckDBUSmallIntVector)) throw new Error(`column ${index} has no codes`);
  const { items } = internals<Uint16Array>(vector);
  const { counts } = column;
  // Each reading of `rowCount` crosses into native code.
  const rows = chunk.rowCount;
  for (let row = 0; row < rows; row++) {
    const code = items[row]!;
    if (code < counts.length) counts[code]!++;
    else if (code === OTHER) column.other++;
    else column.missing++;
  }
}

interface Validity {
  readonly data: BigUint64Array | null;
  readonly offset: number;
}

/**
 * DuckDB's own arrays behind a vector. Its types hide them, but reading values one by one through the accessors takes several
 * times as long as all the counting.
 */
function internals<T>(vector: object): { readonly items: T; readonly validity: Validity } {
  return vector as { items: T; validity: Validity };
}

function validityBits({ data, offset }: Validity): Uint8Array | null {
  if (data === null) return null;
  if (offset !== 0) throw new Error('a vector begins inside another');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
