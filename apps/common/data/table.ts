import { Failure } from '../failure';
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
  const rows = await reader(database, paths, source.format);
  const own = await describe(database, rows(false));
  if (own.size === 0) throw Failure.configuration(`'${source.uri}' has no columns`);
  // A file's own column is a feature, whatever a folder is called; folders above the data set are none of its business.
  const fromPath = [...partitionColumns].filter((column) => !own.has(column));
  const hive = fromPath.length > 0 && fromPath.length === partitionColumns.size;
  const select = hive ? [...own.keys(), ...fromPath].map(identifier).join(', ') : '*';
  await database.run(`CREATE VIEW ${name} AS SELECT ${select} FROM ${rows(hive)}`);
  const columns = hive ? await describe(database, name) : own;
  return { name, format: source.format, columns, partitionColumns: new Set(hive ? fromPath : []) };
}

async function describe(database: Database, relation: string): Promise<Map<string, Column>> {
  const described = await database.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM ${relation}`,
  );
  return new Map(
    described.map(({ column_name: name, column_type: type }) => [name, { name, type, kind: kindOf(type) }]),
  );
}

// Quotes that only come after the sample from which they would be guessed would become part of the values.
const CSV = `all_varchar = true, header = true, strict_mode = true, quote = '"', escape = '"'`;

/** The files as an SQL relation, with or without the partitions of their paths as columns. */
async function reader(
  database: Database,
  paths: readonly string[],
  format: Format,
): Promise<(hive: boolean) => string> {
  const list = `[${paths.map(literal).join(', ')}]`;
  const partitions = (hive: boolean): string =>
    `hive_partitioning = ${hive}${hive ? ', hive_types_autocast = false' : ''}`;
  if (format === 'parquet') return (hive) => `read_parquet(${list}, ${partitions(hive)}, union_by_name = true)`;
  if (format === 'csv') return (hive) => `read_csv(${list}, ${CSV}, ${partitions(hive)}, union_by_name = true)`;
  // Types that the reader would guess from a sample fail on the first value that differs, so only the names are taken.
  const guess = `read_json(${list}, format = 'auto', sample_size = -1, records = 'true', union_by_name = true)`;
  const described = await database.rows<{ column_name: string }>(`DESCRIBE SELECT * FROM ${guess}`);
  const columns = described.map(({ column_name: name }) => `${literal(name)}: 'VARCHAR'`).join(', ');
  return (hive) => `read_json(${list}, format = 'auto', records = 'true', columns = {${columns}}, ${partitions(hive)})`;
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
  if (column.kind === 'text') return `TRY_CAST(trim(${name}::VARCHAR) AS DOUBLE)`;
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
  const text = `CAST(${name} AS VARCHAR)`;
  if (column.kind !== 'text') return text;
  const code = `WHEN ends_with(${text}, '.0') THEN regexp_replace(${text}, '^(-?[0-9]+)\\.0$', '\\1')`;
  // Python writes booleans with a capital.
  return `CASE ${code} WHEN ${text} IN ('True', 'TRUE', 'False', 'FALSE') THEN lower(${text}) ELSE ${text} END`;
}

/** A column as a time in UTC; a time without zone is in UTC, and a number is an epoch in seconds, milli- or microseconds. */
export function timeExpression(column: Column): string {
  const name = identifier(column.name);
  if (column.type === 'TIMESTAMP WITH TIME ZONE') return name;
  if (column.kind === 'text') return `TRY_CAST(${name} AS TIMESTAMPTZ)`;
  if (column.kind === 'time') return `CAST(${name} AS TIMESTAMPTZ)`;
  if (column.kind === 'number') {
    const unit = `CASE WHEN abs(${name}) >= 1e14 THEN 1e6 WHEN abs(${name}) >= 1e11 THEN 1e3 ELSE 1 END`;
    return `to_timestamp(${name}::DOUBLE / ${unit})`;
  }
  throw Failure.configuration(
    `column '${column.name}' must hold times (timestamp, date, ISO 8601 text or epoch), got ${column.type}`,
  );
}
