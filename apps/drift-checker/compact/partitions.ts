import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { COMPACTION_FINDINGS, PREDICTION_LOG_COLUMNS, type ModelSchema } from 'cdk8s-mlops/contract';
import { type Database, identifier, literal } from '../../common/data/database';
import { type StoreFolder } from '../../common/store-files';
import { type Findings } from './findings';

const c = PREDICTION_LOG_COLUMNS;

export interface PartitionsOptions {
  readonly database: Database;
  readonly store: StoreFolder;
  readonly schema: ModelSchema;
  readonly findings: Findings;
  /** Directory on this machine for what is on its way. */
  readonly directory: string;
}

const PART = /^dt=(\d{4}-\d{2}-\d{2})\/hour=(\d{2})\/[^/]+\.parquet$/;

/** When the predictions of a part of the log began; undefined for other files. */
export function partHour(name: string): Date | undefined {
  const [, date, hour] = PART.exec(name) ?? [];
  return date === undefined ? undefined : new Date(`${date}T${hour}:00:00Z`);
}

/** SQL list of files. */
export const fileList = (paths: readonly string[]): string => `[${paths.map(literal).join(', ')}]`;

/** The type of predictions and labels of a task. */
export const answerType = ({ type }: ModelSchema['task']): string => (type === 'regression' ? 'DOUBLE' : 'VARCHAR');

const PARQUET = 'FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880';

/**
 * Appends a table of predictions to the log, as new files of its hourly partitions. What is there already is not added again, so that an
 * interrupted compaction may be repeated.
 *
 * @returns names of the files, and how many predictions they have
 */
export async function writePartitions(
  options: PartitionsOptions,
  table: string,
): Promise<{ readonly names: string[]; readonly rows: number }> {
  const { database, store, schema, directory } = options;
  await dropKnown(options, table);
  const { rows } = await database.row<{ rows: number }>(`SELECT count(*) AS rows FROM ${table}`);
  if (rows === 0) return { names: [], rows };
  const staging = join(directory, `parts-${randomBytes(6).toString('hex')}`);
  await mkdir(staging, { recursive: true });
  const label = `NULL::${answerType(schema.task)} AS ${c.label}, NULL::TIMESTAMPTZ AS ${c.labelTimestamp}`;
  await database.run(
    `COPY (SELECT * EXCLUDE (dt, hour), ${label}, dt, hour FROM ${table}) TO ${literal(staging)}
     (${PARQUET}, PARTITION_BY (dt, hour), FILENAME_PATTERN 'part-${Date.now()}-{uuid}')`,
  );
  const entries = await readdir(staging, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const names = paths.map((path) => relative(staging, path).split(sep).join('/'));
  for (const [index, name] of names.entries()) await store.put(paths[index]!, name);
  await rm(staging, { recursive: true, force: true });
  return { names, rows };
}

async function dropKnown({ database, store, findings, directory }: PartitionsOptions, table: string): Promise<void> {
  const partitions = await database.rows<{ dt: string; hour: string }>(
    `SELECT DISTINCT dt, hour FROM ${table} ORDER BY ALL`,
  );
  for (const { dt, hour } of partitions) {
    const names = (await store.list(`dt=${dt}/hour=${hour}`)).map(({ name }) => name).filter((name) => partHour(name));
    if (names.length === 0) continue;
    const paths = await store.fetch(names, directory);
    const known = `EXISTS (SELECT 1 FROM read_parquet(${fileList(paths)}, union_by_name = true, hive_partitioning = false) k
      WHERE k.${c.requestId} = ${table}.${c.requestId} AND k.${c.version} IS NOT DISTINCT FROM ${table}.${c.version})`;
    const within = `dt = ${literal(dt)} AND hour = ${literal(hour)} AND ${known}`;
    const { count } = await database.row<{ count: number }>(`SELECT count(*) AS count FROM ${table} WHERE ${within}`);
    findings.add(COMPACTION_FINDINGS.repeatedPrediction, count);
    if (count > 0) await database.run(`DELETE FROM ${table} WHERE ${within}`);
    await store.forget(names, directory);
  }
}

/** Writes a table as one file of the log. */
export async function writeParquet(
  { database, store, directory }: Pick<PartitionsOptions, 'database' | 'store' | 'directory'>,
  query: string,
  name: string,
): Promise<void> {
  const path = join(directory, `${randomBytes(6).toString('hex')}.parquet`);
  await database.run(`COPY (${query}) TO ${literal(path)} (${PARQUET})`);
  await store.put(path, name);
}

/** Whether a Parquet file here has rows. */
export async function columnsOf(database: Database, path: string): Promise<Set<string>> {
  await stat(path);
  const described = await database.rows<{ column_name: string }>(
    `DESCRIBE SELECT * FROM read_parquet(${literal(path)}, hive_partitioning = false)`,
  );
  return new Set(described.map(({ column_name: name }) => identifier(name)));
}
