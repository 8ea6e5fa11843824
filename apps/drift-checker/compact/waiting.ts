import { CAPTURE_FOLDERS } from 'cdk8s-mlops/contract';
import { type Database, literal } from '../../common/data/database';
import { type CallTables } from './call-tables';
import { columnsOf, type PartitionsOptions, writeParquet } from './partitions';

type Waiting = Pick<PartitionsOptions, 'database' | 'store' | 'directory'>;

export const WAITING_CALLS = `${CAPTURE_FOLDERS.state}/calls.parquet`;
const SIDE = '"$side"';

/** Takes up what waited for its counterpart when the last compaction ended. */
export async function loadCalls({ database, store, directory }: Waiting, tables: CallTables): Promise<void> {
  if (!(await exists(store, WAITING_CALLS))) return;
  const [path] = await store.fetch([WAITING_CALLS], directory);
  const present = await columnsOf(database, path!);
  for (const [side, table, columns] of sidesOf(tables)) {
    // A feature that the model has no more is not there any more; a new one was not there yet.
    const names = columns.map(([name]) => name).filter((name) => present.has(quoted(name)));
    await database.run(
      `INSERT INTO ${table} BY NAME SELECT ${names.join(', ')} FROM read_parquet(${literal(path!)}, hive_partitioning = false)
       WHERE ${SIDE} = ${literal(side)}`,
    );
  }
  await store.forget([WAITING_CALLS], directory);
}

/** Keeps what waits; one file, so that requests and responses are always of the same moment. */
export async function saveCalls(options: Waiting, tables: CallTables): Promise<void> {
  const queries = sidesOf(tables).map(([side, table]) => `SELECT ${literal(side)} AS ${SIDE}, * FROM ${table}`);
  await writeParquet(options, queries.join(' UNION ALL BY NAME '), WAITING_CALLS);
}

/** How many calls wait. */
export async function countCalls(database: Database, tables: CallTables): Promise<number> {
  const counts = await Promise.all(
    sidesOf(tables).map(([, table]) =>
      database.row<{ count: number }>(`SELECT count(DISTINCT "$event") AS count FROM ${table}`),
    ),
  );
  return counts.reduce((sum, { count }) => sum + count, 0);
}

type Side = readonly ['request' | 'response', string, readonly (readonly [string, string])[]];

function sidesOf(tables: CallTables): Side[] {
  return [
    ['request', tables.requests, tables.requestColumns],
    ['response', tables.responses, tables.responseColumns],
  ];
}

const quoted = (name: string): string => (name.startsWith('"') ? name : `"${name}"`);

export async function exists(store: Waiting['store'], name: string): Promise<boolean> {
  return (await store.list(CAPTURE_FOLDERS.state)).some((file) => file.name === name);
}
