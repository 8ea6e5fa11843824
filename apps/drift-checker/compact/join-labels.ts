import { CAPTURE_FOLDERS, COMPACTION_FINDINGS, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { type Database, literal } from '../../common/data/database';
import { type LabelRecord } from '../collect/capture-record';
import { type PartIndex } from './part-index';
import { answerType, describePart, partHour, type PartitionsOptions, writeParquet } from './partitions';

const c = PREDICTION_LOG_COLUMNS;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Parts that are worked on at once. */
const PARALLEL = 2;
export const WAITING_LABELS = `${CAPTURE_FOLDERS.state}/labels.parquet`;

/** Labels of a compaction. */
export class LabelTable {
  /** `request_id`, `label`, `time`, `received` (milliseconds since the epoch), `fresh` (came since the last compaction), `used`. */
  private readonly table: string;
  /** What was found in the parts: `request_id`, and whether its label was there already, the `same` or a `conflicting` one. */
  private readonly found: string;
  private readonly type: string;
  private isChanged = false;

  constructor(private readonly options: PartitionsOptions) {
    this.table = options.database.newName('labels');
    this.found = options.database.newName('found');
    this.type = answerType(options.schema.task);
  }

  /** Takes up labels that wait for their prediction, or may be needed again. */
  public async load(isWaiting: boolean): Promise<void> {
    const { database, store, directory } = this.options;
    const columns = 'request_id VARCHAR, label VARCHAR, "time" DOUBLE, received DOUBLE, fresh BOOLEAN, used BOOLEAN';
    await database.run(`CREATE TABLE ${this.table} (${columns})`);
    await database.run(`CREATE TABLE ${this.found} (request_id VARCHAR, same BOOLEAN, conflicting BOOLEAN)`);
    if (!isWaiting) return;
    const [path] = await store.fetch([WAITING_LABELS], directory);
    await database.run(
      `INSERT INTO ${this.table} BY NAME SELECT *, false AS fresh FROM read_parquet(${literal(path!)})`,
    );
    await store.forget([WAITING_LABELS], directory);
  }

  /** Adds what collectors brought; of the labels of one id the latest counts, and the highest of one time. */
  public async add(read: (take: (label: LabelRecord) => void) => Promise<void>): Promise<void> {
    const { database } = this.options;
    const fresh = database.newName('fresh');
    await database.run(`CREATE TABLE ${fresh} (request_id VARCHAR, label VARCHAR, "time" DOUBLE, received DOUBLE)`);
    const writer = await database.tableWriter(fresh, ['text', 'text', 'number', 'number']);
    try {
      await read(({ requestId, label, time, received }) => writer.append([requestId, label, time, received]));
    } finally {
      writer.close();
    }
    await database.run(`INSERT INTO ${this.table} BY NAME SELECT *, true AS fresh, false AS used FROM ${fresh}`);
    await database.run(`DROP TABLE ${fresh}`);
    await this.mergeRepeated();
  }

  public async count(): Promise<number> {
    return (await this.options.database.row<{ rows: number }>(`SELECT count(*) AS rows FROM ${this.table}`)).rows;
  }

  /**
   * Finds the labels of predictions that are not in the log yet.
   *
   * @returns SQL of a relation with `$id`, `$label` and `$at`, for as long as the database has it
   */
  public async find(database: Database, predictions: string): Promise<string> {
    const known = database.newName('known');
    await database.run(
      `CREATE TEMP TABLE ${known} AS SELECT request_id AS "$id", ${this.value('label')} AS "$label", make_timestamptz((1000 * "time")::BIGINT) AS "$at"
       FROM ${this.table} WHERE request_id IN (SELECT ${c.requestId} FROM ${predictions})`,
    );
    await database.run(`INSERT INTO ${this.found} SELECT "$id", false, false FROM ${known}`);
    return known;
  }

  /**
   * Puts labels into the parts of the log that have their predictions, and touches no other. Labels that were known before look only into
   * parts that are new to them.
   *
   * @param labelled parts that have theirs
   * @returns the parts that were written again
   */
  public async join(index: PartIndex, labelled: ReadonlySet<string>, from: Date): Promise<string[]> {
    const { store, renew } = this.options;
    const parts = (await store.list(''))
      .map(({ name }) => name)
      .filter((name) => isWithin(name, from) && !labelled.has(name));
    const fresh = `(SELECT request_id FROM ${this.table} WHERE fresh)`;
    const opened = await index.narrow(parts, fresh);
    const updated: string[] = [];
    const queue = parts.filter((name) => opened.has(name)).values();
    const work = async (): Promise<void> => {
      const database = await this.options.database.connect();
      try {
        for (const name of queue) {
          await renew();
          if (await this.joinPart({ ...this.options, database }, index, name)) updated.push(name);
        }
      } finally {
        database.close();
      }
    };
    // Each is written by one thread.
    await settled(Array.from({ length: PARALLEL }, work));
    await this.countFound();
    return updated.sort();
  }

  /**
   * Keeps the labels that still wait, and for a while those that were used: another version may have answered the same call.
   *
   * @returns whether they are not what they were when they were loaded
   */
  public async giveUp(now: Date, labelDays: number, pairingHours: number): Promise<boolean> {
    const { database, findings } = this.options;
    const given = `received < ${now.getTime() - labelDays * DAY}`;
    const done = `received < ${now.getTime() - pairingHours * HOUR}`;
    const over = `CASE WHEN used THEN ${done} ELSE ${given} END`;
    const { lost, gone, fresh } = await database.row<Record<'lost' | 'gone' | 'fresh', number>>(
      `SELECT count(*) FILTER (NOT used AND ${given}) AS lost, count(*) FILTER (${over}) AS gone, count(*) FILTER (fresh) AS fresh FROM ${this.table}`,
    );
    findings.add(COMPACTION_FINDINGS.labelWithoutPrediction, lost);
    if (gone > 0) await database.run(`DELETE FROM ${this.table} WHERE ${over}`);
    return this.isChanged || gone > 0 || fresh > 0;
  }

  public async save(): Promise<void> {
    await writeParquet(this.options, `SELECT * EXCLUDE (fresh) FROM ${this.table}`, WAITING_LABELS);
  }

  private async joinPart(options: PartitionsOptions, index: PartIndex, name: string): Promise<boolean> {
    const { database, store, schema, directory } = options;
    const [path] = await store.fetch([name], directory);
    const part = await describePart(database, path!, schema.task);
    await index.make(name, part.ids, database);
    if (!part.hasIds) return false;
    const known = database.newName('known');
    const value = this.value('l.label');
    await database.run(
      `CREATE TEMP TABLE ${known} AS
       SELECT l.request_id, any_value(${value}) AS value, any_value(l."time") AS "time", any_value(l.fresh AND NOT l.used) AS is_new,
         bool_or(p.${c.label} = ${value}) AS same, bool_or(p.${c.label} <> ${value}) AS conflicting
       FROM ${part.labelled} p JOIN ${this.table} l ON l.request_id = p.${c.requestId}::VARCHAR GROUP BY l.request_id`,
    );
    await database.run(
      `INSERT INTO ${this.found} SELECT request_id, is_new AND coalesce(same, false), is_new AND coalesce(conflicting, false) FROM ${known}`,
    );
    // Said again it changes nothing; of what contradicts the latest counts, and the highest of one time, whichever came first.
    const isLater = `coalesce((epoch_ms(p.${c.labelTimestamp}), p.${c.label}) < (k."time", k.value), true)`;
    const changes = `k.value IS NOT NULL AND (p.${c.label} IS NULL OR (p.${c.label} <> k.value AND ${isLater}))`;
    const joined = `${part.labelled} p LEFT JOIN ${known} k ON k.request_id = p.${c.requestId}::VARCHAR`;
    const { changed } = await database.row<{ changed: number }>(
      `SELECT count(*) FILTER (${changes}) AS changed FROM ${joined}`,
    );
    if (changed > 0) {
      const replace = `CASE WHEN ${changes} THEN k.value ELSE p.${c.label} END AS ${c.label},
        CASE WHEN ${changes} THEN make_timestamptz((1000 * k."time")::BIGINT) ELSE p.${c.labelTimestamp} END AS ${c.labelTimestamp}`;
      await writeParquet(options, `SELECT p.* REPLACE (${replace}) FROM ${joined}`, name);
    }
    await database.run(`DROP TABLE ${known}`);
    await store.forget([name], directory);
    return changed > 0;
  }

  private async countFound(): Promise<void> {
    const { database, findings } = this.options;
    const { same, conflicting } = await database.row<{ same: number; conflicting: number }>(
      `SELECT count(DISTINCT request_id) FILTER (same) AS same, count(DISTINCT request_id) FILTER (conflicting) AS conflicting FROM ${this.found}`,
    );
    findings.add(COMPACTION_FINDINGS.repeatedLabel, same);
    findings.add(COMPACTION_FINDINGS.conflictingLabel, conflicting);
    const used = `NOT used AND request_id IN (SELECT request_id FROM ${this.found})`;
    const { count } = await database.row<{ count: number }>(
      `SELECT count(*) AS count FROM ${this.table} WHERE ${used}`,
    );
    if (count === 0) return;
    await database.run(`UPDATE ${this.table} SET used = true WHERE ${used}`);
    this.isChanged = true;
  }

  /** Few ids have several labels, and only theirs are grouped: texts of groups have to fit into memory. */
  private async mergeRepeated(): Promise<void> {
    const { database, findings } = this.options;
    const ids = database.newName('repeated');
    // Hashes take less memory than ids; one that two ids have groups them, each by itself.
    await database.run(
      `CREATE TEMP TABLE ${ids} AS SELECT hash(request_id) AS id FROM ${this.table} GROUP BY ALL HAVING count(*) > 1`,
    );
    const repeatedOnly = `WHERE hash(request_id) IN (SELECT id FROM ${ids})`;
    const merged = database.newName('merged');
    await database.run(
      `CREATE TEMP TABLE ${merged} AS SELECT request_id, arg_max(label, ("time", ${this.value('label')})) AS label, max("time") AS "time",
         max(received) AS received, bool_or(fresh) AS fresh, bool_or(used) AS used, count(*) AS labels, count(DISTINCT label) AS contents
       FROM ${this.table} ${repeatedOnly} GROUP BY request_id`,
    );
    const { repeated, conflicting } = await database.row<{ repeated: number; conflicting: number }>(
      `SELECT coalesce(sum(labels - contents), 0)::BIGINT AS repeated, coalesce(sum(contents - 1), 0)::BIGINT AS conflicting FROM ${merged}`,
    );
    findings.add(COMPACTION_FINDINGS.repeatedLabel, repeated);
    findings.add(COMPACTION_FINDINGS.conflictingLabel, conflicting);
    if (repeated + conflicting > 0) {
      await database.run(`DELETE FROM ${this.table} ${repeatedOnly}`);
      await database.run(`INSERT INTO ${this.table} BY NAME SELECT * EXCLUDE (labels, contents) FROM ${merged}`);
    }
    for (const each of [ids, merged]) await database.run(`DROP TABLE ${each}`);
  }

  private value(column: string): string {
    return this.type === 'DOUBLE' ? `TRY_CAST(${column} AS DOUBLE)` : column;
  }
}

/** Waits for all, also when one fails: what they work with is closed then. */
async function settled(all: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(all);
  await Promise.all(all);
}

function isWithin(name: string, from: Date): boolean {
  const hour = partHour(name);
  return hour !== undefined && hour.getTime() + HOUR > from.getTime();
}
