import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

export const COLUMNS = 20;
const ROW_GROUP = 122_880;

const NAMES = Array.from({ length: COLUMNS }, (_, index) => `f${index}`);

/** Box and Muller's transformation of two uniform numbers. */
const NORMAL = '(sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::FLOAT';

/** A Parquet file of normally distributed columns; the one of an earlier run where there is one. */
export async function normalRows(folder: string, rows: number, seed: number): Promise<string> {
  const path = join(folder, `normal-${rows}x${COLUMNS}-seed-${seed}.parquet`);
  if (existsSync(path)) return path;
  process.stderr.write(`making ${rows} rows ...\n`);
  mkdirSync(folder, { recursive: true });
  // The order in which threads ask for random numbers is not repeatable.
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  await connection.run(`SELECT setseed(${seed / 1000})`);
  const columns = NAMES.map((name) => `${NORMAL} AS ${name}`).join(', ');
  await connection.run(
    `COPY (SELECT ${columns} FROM range(${rows})) TO '${path}.part'
     (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP})`,
  );
  connection.closeSync();
  instance.closeSync();
  renameSync(`${path}.part`, path);
  return path;
}

/** The schema file of a model with these columns as features. */
export function schemaFile(folder: string): string {
  const path = join(folder, 'schema.json');
  const features = NAMES.map((name) => ({ name, type: 'numeric', required: true, importance: 1 }));
  const schema = { version: 1, model: 'bench', task: { type: 'regression' }, features, objectives: {} };
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, JSON.stringify(schema));
  return path;
}

/** Aggregates that DuckDB computes of every column. A mean must read all values; the others alone are in the file's statistics. */
export const AGGREGATES = { all: ['count', 'min', 'max', 'avg'], mean: ['avg'] } as const;

/** Arguments of a Node process in which DuckDB alone reads the same columns. */
export function scanArguments(path: string, aggregates: readonly string[], threads?: number): string[] {
  const select = NAMES.flatMap((name) => aggregates.map((aggregate) => `${aggregate}(${name})`)).join(', ');
  const config = threads === undefined ? {} : { threads: String(threads) };
  const code = `
    const { DuckDBInstance } = require('@duckdb/node-api');
    (async () => {
      const instance = await DuckDBInstance.create(':memory:', ${JSON.stringify(config)});
      const connection = await instance.connect();
      const reader = await connection.runAndReadAll(${JSON.stringify(`SELECT ${select} FROM '${path}'`)});
      console.log(String(reader.getRows()[0][0]));
    })();
  `;
  return ['-e', code];
}
