import { COMPACTION_FINDINGS, type ModelSchema, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { type Database, identifier, literal } from '../../common/data/database';
import { type CallTables, COLUMN } from './call-tables';
import { type Findings } from './findings';

const c = PREDICTION_LOG_COLUMNS;
const { event, call, version, instances, instance, time, received, requestId } = COLUMN;
const KEY = `${call}, ${version}`;
/** Clocks differ by this much without being wrong, in milliseconds. */
const CLOCK_TOLERANCE = 60_000;

export interface PairOptions {
  readonly database: Database;
  readonly tables: CallTables;
  readonly schema: ModelSchema;
  readonly findings: Findings;
}

/**
 * Joins requests with their responses into a table of predictions, and takes both out of their tables. Of what came more than once the
 * first counts.
 *
 * @returns name of the table, with the columns of the prediction log and its partitions
 */
export async function pairCalls(options: PairOptions): Promise<string> {
  const { database, tables, findings } = options;
  await dropRepeated(options, tables.requests, tables.requestColumns);
  await dropRepeated(options, tables.responses, tables.responseColumns);
  const on = `q.${call} = a.${call} AND q.${version} = a.${version}`;
  const bothRead = `q.${instances} >= 0 AND a.${instances} >= 0`;
  const heads = `${tables.requests} q JOIN ${tables.responses} a ON ${on} AND q.${instance} = 0 AND a.${instance} = 0`;
  const { uneven, future } = await database.row<{ uneven: number; future: number }>(
    `SELECT count(*) FILTER (q.${instances} <> a.${instances}) AS uneven,
       count(*) FILTER (q.${time} > q.${received} + ${CLOCK_TOLERANCE}) AS future FROM ${heads} AND ${bothRead}`,
  );
  findings.add(COMPACTION_FINDINGS.unevenCall, uneven);
  findings.add(COMPACTION_FINDINGS.fromFuture, future);
  const rows = database.newName('predictions');
  const id = `coalesce(q.${requestId}, q.${call})`;
  const ms = `CASE WHEN q.${time} IS NULL OR q.${time} > q.${received} + ${CLOCK_TOLERANCE} THEN q.${received} ELSE q.${time} END`;
  const features = tables.features.map(({ name }) => `q.${identifier(name)}`);
  await database.run(
    `CREATE TABLE ${rows} AS SELECT *, strftime(${c.timestamp}, '%Y-%m-%d') AS dt, strftime(${c.timestamp}, '%H') AS hour FROM (
       SELECT CASE WHEN q.${instances} > 1 THEN ${id} || '#' || q.${instance}::BIGINT ELSE ${id} END AS ${c.requestId},
         make_timestamptz((1000 * (${ms}))::BIGINT) AS ${c.timestamp}, ${literal(options.schema.model)} AS ${c.model},
         nullif(q.${version}, '') AS ${c.version}, ${features.join(', ')}, a.${c.prediction}, a.${c.predictionScore}
       FROM ${tables.requests} q JOIN ${tables.responses} a ON ${on} AND q.${instance} = a.${instance}
       WHERE q.${instances} = a.${instances} AND q.${instances} > 0)`,
  );
  await takeOutPaired(database, tables);
  await dropRepeatedPredictions(database, rows, findings);
  return rows;
}

/** Events that came again, whole or with another content. */
async function dropRepeated(
  { database, findings }: PairOptions,
  table: string,
  columns: readonly (readonly [string, string])[],
): Promise<void> {
  const { repeated } = await database.row<{ repeated: number }>(
    `SELECT count(*) - count(DISTINCT (${KEY})) AS repeated FROM ${table} WHERE ${instance} = 0`,
  );
  if (repeated === 0) return;
  const content = columns.map(([name]) => name).filter((name) => ![event, received].includes(name as typeof event));
  const { conflicting } = await database.row<{ conflicting: number }>(
    `SELECT coalesce(sum(contents - 1), 0)::BIGINT AS conflicting FROM (
       SELECT count(DISTINCT content) AS contents FROM (
         SELECT ${KEY}, ${event}, list(hash(${content.join(', ')}) ORDER BY ${instance}) AS content FROM ${table} GROUP BY ALL)
       GROUP BY ${KEY})`,
  );
  findings.add(COMPACTION_FINDINGS.conflictingEvent, conflicting);
  findings.add(COMPACTION_FINDINGS.repeatedEvent, repeated - conflicting);
  await database.run(
    `DELETE FROM ${table} WHERE ${event} NOT IN (SELECT arg_min(${event}, (${received}, ${event})) FROM ${table} GROUP BY ${KEY})`,
  );
}

async function takeOutPaired(database: Database, { requests, responses }: CallTables): Promise<void> {
  const paired = database.newName('paired');
  await database.run(
    `CREATE TEMP TABLE ${paired} AS SELECT ${KEY} FROM ${requests} WHERE ${instance} = 0
     INTERSECT SELECT ${KEY} FROM ${responses} WHERE ${instance} = 0`,
  );
  for (const table of [requests, responses]) {
    const rest = database.newName('rest');
    // Deleting most of a table is slower than writing the few rows that stay.
    await database.run(`CREATE TABLE ${rest} AS SELECT * FROM ${table} t ANTI JOIN ${paired} p USING (${KEY})`);
    await database.run(`DROP TABLE ${table}`);
    await database.run(`ALTER TABLE ${rest} RENAME TO ${table}`);
  }
  await database.run(`DROP TABLE ${paired}`);
}

/** An id that was given to two calls of one version: labels could not tell them apart. */
async function dropRepeatedPredictions(database: Database, rows: string, findings: Findings): Promise<void> {
  const key = `${c.requestId}, ${c.version}`;
  const { repeated } = await database.row<{ repeated: number }>(
    `SELECT count(*) - count(DISTINCT (${key})) AS repeated FROM ${rows}`,
  );
  findings.add(COMPACTION_FINDINGS.repeatedPrediction, repeated);
  if (repeated === 0) return;
  await database.run(
    `DELETE FROM ${rows} WHERE rowid NOT IN (SELECT arg_min(rowid, (${c.timestamp}, rowid)) FROM ${rows} GROUP BY ${key})`,
  );
}

/** Takes out what has waited for its counterpart for too long. */
export async function giveUpWaiting({ database, tables, findings }: PairOptions, before: Date): Promise<void> {
  const sides = [
    [tables.requests, COMPACTION_FINDINGS.requestWithoutResponse],
    [tables.responses, COMPACTION_FINDINGS.responseWithoutRequest],
  ] as const;
  for (const [table, kind] of sides) {
    const old = `${received} < ${before.getTime()}`;
    const { count } = await database.row<{ count: number }>(
      `SELECT count(*) AS count FROM ${table} WHERE ${old} AND ${instance} = 0 AND ${instances} >= 0`,
    );
    findings.add(kind, count);
    await database.run(`DELETE FROM ${table} WHERE ${old}`);
  }
}
