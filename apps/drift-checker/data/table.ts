import { Failure } from '../../common/failure';
import { type DataFile, type DataSource, type Format } from './data-source';
import { type Database, identifier, literal } from './database';

/** What values of a column are, whatever their width. */
export type ColumnKind = 'number' | 'text' | 'boolean' | 'time' | 'other';

/** A column of a table. */
export interface Column {
  readonly name: string;
  /** DuckDB's type. */
  readonly type: string;
  readonly kind: ColumnKind;
}

/** Rows that can be queried: files that are read where they lie. */
export interface Table {
  readonly name: string;
  readonly format: Format;
  readonly columns: ReadonlyMap<string, Column>;
  /** Columns that come from the path and not from the file. */
  readonly partitionColumns: ReadonlySet<string>;
  /** Values of numeric features that were none and so became null, by column, where that happened before the table was made. */
  readonly notNumbers?: ReadonlyMap<string, { readonly rows: number; readonly example: string }>;
  /** What could not become rows. */
  readonly losses?: readonly { readonly rows: number; readonly message: string }[];
}

/** A table of a data set's files. Text formats have text columns: their values are converted, and counted where that fails. */
export async function openTable(database: Database, source: DataSource, files?: readonly DataFile[]): Promise<Table> {
  const paths = await source.fetch(files);
  const partitionColumns = new Set((files ?? source.files).flatMap(({ partitions }) => Object.keys(partitions)));
  const name = database.newName('data');
  await database.run(`CREATE VIEW ${name} AS SELECT * FROM ${await reader(database, paths, source.format)}`);
  const described = await database.rows<{ column_name: string; column_type: string }>(`DESCRIBE ${name}`);
  const columns = new Map(
    described.map(({ column_name: column, column_type: type }) => [column, { name: column, type, kind: kindOf(type) }]),
  );
  if (columns.size === 0) throw Failure.configuration(`'${source.uri}' has no columns`);
  return { name, format: source.format, columns, partitionColumns };
}

const HIVE = 'hive_partitioning = true, hive_types_autocast = false, union_by_name = true';

// Quotes that only come after the sample from which they would be guessed would become part of the values.
const CSV = `all_varchar = true, header = true, strict_mode = true, quote = '"', escape = '"'`;

async function reader(database: Database, paths: readonly string[], format: Format): Promise<string> {
  const list = `[${paths.map(literal).join(', ')}]`;
  if (format === 'parquet') return `read_parquet(${list}, ${HIVE})`;
  if (format === 'csv') return `read_csv(${list}, ${CSV}, ${HIVE})`;
  // Types that the reader would guess from a sample fail on the first value that differs, so only the names are taken.
  const guess = `read_json(${list}, format = 'auto', sample_size = -1, records = 'true', union_by_name = true)`;
  const described = await database.rows<{ column_name: string }>(`DESCRIBE SELECT * FROM ${guess}`);
  const columns = described.map(({ column_name: name }) => `${literal(name)}: 'VARCHAR'`).join(', ');
  return `read_json(${list}, format = 'auto', records = 'true', columns = {${columns}}, hive_partitioning = true, hive_types_autocast = false)`;
}

function kindOf(type: string): ColumnKind {
  if (/^(FLOAT|DOUBLE|U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|DECIMAL)/.test(type)) return 'number';
  if (/^(VARCHAR|UUID|ENUM|JSON|CHAR)/.test(type)) return 'text';
  if (type === 'BOOLEAN') return 'boolean';
  return /^(TIMESTAMP|DATE)/.test(type) ? 'time' : 'other';
}

/** A column as numbers; what is no number becomes null. `FLOAT` keeps its width, which halves what is copied. */
export function numericExpression(column: Column): string {
  const name = identifier(column.name);
  if (column.type === 'FLOAT' || column.type === 'DOUBLE') return name;
  if (column.kind === 'text') return `TRY_CAST(trim(${name}) AS DOUBLE)`;
  return column.kind === 'time' ? `epoch(${name})` : `TRY_CAST(${name} AS DOUBLE)`;
}

/**
 * A column as names of categories. A code is the same name whether it was stored as an integer, as a float (as data frames do
 * with integers of which one is missing) or as text.
 */
export function categoryExpression(column: Column): string {
  const name = identifier(column.name);
  if (column.type === 'FLOAT' || column.type === 'DOUBLE') {
    const whole = `CAST(CAST(${name} AS BIGINT) AS VARCHAR)`;
    return `CASE WHEN isnan(${name}) THEN NULL WHEN abs(${name}) < 1e15 AND ${name} = trunc(${name}) THEN ${whole} ELSE CAST(${name} AS VARCHAR) END`;
  }
  if (column.kind !== 'text') return `CAST(${name} AS VARCHAR)`;
  return `CASE WHEN ends_with(${name}, '.0') THEN regexp_replace(${name}, '^(-?[0-9]+)\\.0$', '\\1') ELSE CAST(${name} AS VARCHAR) END`;
}

/** A column as a time in UTC; a time without zone is in UTC. */
export function timeExpression(column: Column): string {
  const name = identifier(column.name);
  if (column.type === 'TIMESTAMP WITH TIME ZONE') return name;
  if (column.kind === 'text') return `TRY_CAST(${name} AS TIMESTAMPTZ)`;
  if (column.kind === 'time') return `CAST(${name} AS TIMESTAMPTZ)`;
  throw Failure.configuration(
    `column '${column.name}' must hold times (timestamp, date or ISO 8601 text), got ${column.type}`,
  );
}
