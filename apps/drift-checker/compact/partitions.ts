import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { COMPACTION_FINDINGS, type ModelSchema, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { type Database, literal } from '../../common/data/database';
import { type StoreFolder } from '../../common/store-files';
import { type Findings } from './findings';
import { type LabelTable } from './join-labels';
import { type PartIndex } from './part-index';
import { OWN, type PredictionTable } from './prediction-table';

const c = PREDICTION_LOG_COLUMNS;
const HOUR = 3_600_000;

export interface PartitionsOptions {
  readonly database: Database;
  readonly store: StoreFolder;
  readonly schema: ModelSchema;
  readonly findings: Findings;
  /** Directory on this machine for what is on its way. */
  readonly directory: string;
  /** Called before anything is written: fails when another compaction has taken over, or this one shall end. */
  readonly renew: () => Promise<void>;
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

/**
 * What costs least for what it saves: columns with more values than lists of categories have are not tried as one, and a higher level of compression
 * takes a third more time to save less than a hundredth of the space.
 */
const PARQUET =
  'FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880, DICTIONARY_SIZE_LIMIT 1000';

/**
 * Appends predictions to the log, as new files of its hourly partitions, with the labels that are known. What is there already is not added again, so that an interrupted
 * compaction may be repeated.
 *
 * @returns names of the files, and how many predictions they have
 */
export async function writePartitions(
  options: PartitionsOptions,
  index: PartIndex,
  table: PredictionTable,
  labels: LabelTable | undefined,
): Promise<{ readonly names: string[]; readonly rows: number }> {
  const { database, store, schema, directory } = options;
  await dropRepeated(options, table.name);
  await dropKnown(options, index, table.name);
  const { rows } = await database.row<{ rows: number }>(`SELECT count(*) AS rows FROM ${table.name}`);
  if (rows === 0) return { names: [], rows };
  const staging = join(directory, `parts-${randomBytes(6).toString('hex')}`);
  const known = await labels?.find(database, table.name);
  const label = known === undefined ? `NULL::${answerType(schema.task)}` : '"$label"';
  const labelTime = known === undefined ? 'NULL::TIMESTAMPTZ' : '"$at"';
  const joined = known === undefined ? '' : `LEFT JOIN ${known} ON ${c.requestId} = "$id"`;
  await database.run(
    `COPY (SELECT ${table.selection}, ${label} AS ${c.label}, ${labelTime} AS ${c.labelTimestamp}, ${OWN.hour}::BIGINT AS ${OWN.hour}
       FROM ${table.name} ${joined}) TO ${literal(staging)}
     (${PARQUET}, PARTITION_BY (${OWN.hour}), FILENAME_PATTERN 'part-${Date.now()}-{uuid}')`,
  );
  if (known !== undefined) await database.run(`DROP TABLE ${known}`);
  const names: string[] = [];
  for (const entry of await readdir(staging, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = `${folderOf(Number(/=(\d+)$/.exec(entry.parentPath)?.[1]))}/${entry.name}`;
    await index.make(name, `read_parquet(${literal(path)}, hive_partitioning = false)`, database);
    await options.renew();
    await store.put(path, name);
    names.push(name);
  }
  await rm(staging, { recursive: true, force: true });
  return { names, rows };
}

/** The partition of an hour since the epoch. */
function folderOf(hour: number): string {
  const [date = '', time = ''] = new Date(hour * HOUR).toISOString().split('T');
  return `dt=${date}/hour=${time.slice(0, 2)}`;
}

/** Drops predictions with the id of an earlier one of their version: labels could not tell them apart. */
async function dropRepeated({ database, findings }: PartitionsOptions, table: string): Promise<void> {
  const ids = database.newName('repeated');
  // Few ids, if any, are grouped as texts.
  const key = `hash(${c.version}, ${c.requestId})`;
  await database.run(`CREATE TEMP TABLE ${ids} AS SELECT ${key} AS id FROM ${table} GROUP BY ALL HAVING count(*) > 1`);
  const first = `SELECT min(rowid) FROM ${table} WHERE ${key} IN (FROM ${ids}) GROUP BY ${c.version}, ${c.requestId}`;
  const repeated = `${key} IN (FROM ${ids}) AND rowid NOT IN (${first})`;
  const { count, example } = await database.row<{ count: number; example: string }>(
    `SELECT count(*) AS count, min(${c.requestId}) AS example FROM ${table} WHERE ${repeated}`,
  );
  findings.add(COMPACTION_FINDINGS.repeatedPrediction, count, `'${example}'`);
  if (count > 0) await database.run(`DELETE FROM ${table} WHERE ${repeated}`);
  await database.run(`DROP TABLE ${ids}`);
}

async function dropKnown(options: PartitionsOptions, index: PartIndex, table: string): Promise<void> {
  const { database, store, findings, directory } = options;
  const hours = await database.rows<{ hour: number }>(`SELECT DISTINCT ${OWN.hour} AS hour FROM ${table} ORDER BY ALL`);
  for (const { hour } of hours) {
    const there = (await store.list(folderOf(hour))).map(({ name }) => name).filter((name) => partHour(name));
    const ofHour = `(SELECT ${c.requestId} FROM ${table} WHERE ${OWN.hour} = ${hour})`;
    for (const name of await index.narrow(there, ofHour)) {
      const [path] = await store.fetch([name], directory);
      const part = await describePart(database, path!);
      const known = `EXISTS (SELECT 1 FROM ${part.ids} k WHERE k.${c.requestId} = ${table}.${c.requestId} AND k.${c.version} = ${table}.${c.version})`;
      const { count } = await database.row<{ count: number }>(`SELECT count(*) AS count FROM ${table} WHERE ${known}`);
      findings.add(COMPACTION_FINDINGS.repeatedPrediction, count);
      if (count > 0) await database.run(`DELETE FROM ${table} WHERE ${known}`);
      await store.forget([name], directory);
    }
  }
}

/** Writes a table as one file of the log. */
export async function writeParquet(
  { database, store, directory, renew }: Pick<PartitionsOptions, 'database' | 'store' | 'directory' | 'renew'>,
  query: string,
  name: string,
): Promise<void> {
  const path = join(directory, `${randomBytes(6).toString('hex')}.parquet`);
  await database.run(`COPY (${query}) TO ${literal(path)} (${PARQUET})`);
  await renew();
  await store.put(path, name);
}

/** A file of the log on this machine. Others may have put it there, with other columns. */
export interface Part {
  /** Whether its predictions can be told apart. */
  readonly hasIds: boolean;
  /** SQL relation of its rows, with a label and its time, last. */
  readonly labelled: string;
  /** SQL relation of its request ids and versions; an empty one stands for none. */
  readonly ids: string;
}

export async function describePart(database: Database, path: string, task?: ModelSchema['task']): Promise<Part> {
  const file = `read_parquet(${literal(path)}, hive_partitioning = false)`;
  const described = await database.rows<{ column_name: string }>(`DESCRIBE SELECT * FROM ${file}`);
  const names = new Set(described.map(({ column_name: name }) => name.toLowerCase()));
  const own = (name: string, type: string): string => (names.has(name) ? `${name}::${type}` : `NULL::${type}`);
  const present = [c.label, c.labelTimestamp].filter((name) => names.has(name));
  const others = present.length > 0 ? `* EXCLUDE (${present.join(', ')})` : '*';
  return {
    hasIds: names.has(c.requestId),
    labelled: `(SELECT ${others}, ${own(c.label, task ? answerType(task) : 'VARCHAR')} AS ${c.label}, ${own(c.labelTimestamp, 'TIMESTAMPTZ')} AS ${c.labelTimestamp} FROM ${file})`,
    ids: `(SELECT ${own(c.requestId, 'VARCHAR')} AS ${c.requestId}, coalesce(${own(c.version, 'VARCHAR')}, '') AS ${c.version} FROM ${file})`,
  };
}
