import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pino from 'pino';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { identifier, literal } from '../data/database';
import { type Log } from '../log';

/** A value of a test's data set; times are written as UTC. */
export type TestValue = number | string | boolean | Date | null;

/** A test's data set: the values of each column. */
export type TestColumns = Readonly<Record<string, readonly TestValue[]>>;

/** A log that nobody reads. */
export const SILENT: Log = pino({ level: 'silent' });

/** Writes columns to a `.parquet`, `.csv` or `.jsonl` file; a column's SQL type follows from its first value unless it is named. */
export async function writeData(
  path: string,
  columns: TestColumns,
  types: Readonly<Record<string, string>> = {},
): Promise<string> {
  const names = Object.keys(columns);
  const typeOf = (name: string): string => types[name] ?? sqlType(columns[name]!.find((value) => value !== null));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const stored = names.map((name) => `${identifier(name)} ${stagingType(typeOf(name))}`);
    await connection.run(`CREATE TABLE staging (${stored.join(', ')})`);
    const appender = await connection.createAppender('staging');
    for (let row = 0; row < (columns[names[0]!] ?? []).length; row++) {
      for (const name of names) {
        const value = columns[name]![row] ?? null;
        if (value === null) appender.appendNull();
        else if (typeof value === 'number') appender.appendDouble(value);
        else if (typeof value === 'boolean') appender.appendBoolean(value);
        else appender.appendVarchar(value instanceof Date ? value.toISOString() : value);
      }
      appender.endRow();
    }
    appender.closeSync();
    const select = names.map((name) => `${identifier(name)}::${typeOf(name)} AS ${identifier(name)}`).join(', ');
    await mkdir(dirname(path), { recursive: true });
    await connection.run(`COPY (SELECT ${select} FROM staging) TO ${literal(path)} (FORMAT ${formatOf(path)})`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return path;
}

/** `count` values of a function of the row. */
export function repeat<T>(count: number, value: (row: number) => T): T[] {
  return Array.from({ length: count }, (_, row) => value(row));
}

/** Random numbers that are the same in every run. */
export interface TestRandom {
  /** In [0, 1). */
  readonly uniform: () => number;
  /** Normal, with mean 0 and standard deviation 1. */
  readonly normal: () => number;
  /** An integer in [0, limit). */
  readonly below: (limit: number) => number;
}

export function testRandom(seed: number): TestRandom {
  const generator = xoroshiro128plus(seed);
  const uniform = (): number => uniformFloat64(generator);
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    below: (limit) => Math.floor(uniform() * limit),
  };
}

function sqlType(value: TestValue | undefined): string {
  if (typeof value === 'number') return 'DOUBLE';
  if (typeof value === 'boolean') return 'BOOLEAN';
  return value instanceof Date ? 'TIMESTAMPTZ' : 'VARCHAR';
}

/** Times and other types go through text, numbers through doubles. */
function stagingType(type: string): string {
  if (/^(FLOAT|DOUBLE|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|DECIMAL\(.*\))$/.test(type)) return 'DOUBLE';
  return type === 'BOOLEAN' ? 'BOOLEAN' : 'VARCHAR';
}

function formatOf(path: string): string {
  if (path.endsWith('.parquet')) return 'parquet';
  return path.endsWith('.csv') ? 'csv, HEADER' : 'json';
}
