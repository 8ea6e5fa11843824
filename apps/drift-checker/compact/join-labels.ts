import { CAPTURE_FOLDERS, COMPACTION_FINDINGS, type ModelSchema, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { literal } from '../../common/data/database';
import { type LabelRecord } from '../collect/capture-record';
import { answerType, fileList, partHour, type PartitionsOptions, writeParquet } from './partitions';
import { exists } from './waiting';

const c = PREDICTION_LOG_COLUMNS;
export const WAITING_LABELS = `${CAPTURE_FOLDERS.state}/labels.parquet`;

/** Labels of a compaction. */
export class LabelTable {
  /** `request_id`, `label`, `time`, `received` (milliseconds since the epoch), `fresh` (came since the last compaction), `used`. */
  private readonly table: string;

  constructor(private readonly options: PartitionsOptions) {
    this.table = options.database.newName('labels');
  }

  /** Takes up labels that came before their prediction. */
  public async load(): Promise<void> {
    const { database, store, directory } = this.options;
    const columns = 'request_id VARCHAR, label VARCHAR, "time" DOUBLE, received DOUBLE, fresh BOOLEAN, used BOOLEAN';
    await database.run(`CREATE TABLE ${this.table} (${columns})`);
    if (!(await exists(store, WAITING_LABELS))) return;
    const [path] = await store.fetch([WAITING_LABELS], directory);
    await database.run(
      `INSERT INTO ${this.table} SELECT request_id, label, "time", received, false, used FROM read_parquet(${literal(path!)})`,
    );
    await store.forget([WAITING_LABELS], directory);
  }

  /** Adds what collectors brought; of the labels of one id the latest counts, and the highest of one time. */
  public async add(read: (take: (label: LabelRecord) => void) => Promise<void>): Promise<void> {
    const { database, findings } = this.options;
    const fresh = database.newName('fresh');
    await database.run(`CREATE TABLE ${fresh} (request_id VARCHAR, label VARCHAR, "time" DOUBLE, received DOUBLE)`);
    const writer = await database.tableWriter(fresh, ['text', 'text', 'number', 'number']);
    await read(({ requestId, label, time, received }) => writer.append([requestId, label, time, received]));
    writer.close();
    const all = `(SELECT *, true AS fresh, false AS used FROM ${fresh} UNION ALL BY NAME SELECT * FROM ${this.table})`;
    const { repeated, conflicting } = await database.row<{ repeated: number; conflicting: number }>(
      `SELECT count(*) - count(DISTINCT (request_id, label)) AS repeated,
         count(DISTINCT (request_id, label)) - count(DISTINCT request_id) AS conflicting FROM ${all}`,
    );
    findings.add(COMPACTION_FINDINGS.repeatedLabel, repeated);
    findings.add(COMPACTION_FINDINGS.conflictingLabel, conflicting);
    const merged = database.newName('merged');
    await database.run(
      `CREATE TABLE ${merged} AS SELECT request_id, arg_max(label, ("time", label)) AS label, max("time") AS "time",
         max(received) AS received, bool_or(fresh) AS fresh, bool_or(used) AS used FROM ${all} GROUP BY request_id`,
    );
    for (const each of [fresh, this.table]) await database.run(`DROP TABLE ${each}`);
    await database.run(`ALTER TABLE ${merged} RENAME TO ${this.table}`);
  }

  public async count(): Promise<number> {
    return (await this.options.database.row<{ rows: number }>(`SELECT count(*) AS rows FROM ${this.table}`)).rows;
  }

  /**
   * Puts labels into the parts of the log that have their predictions, and touches no other. Labels that came before look only into
   * the parts that are new.
   *
   * @returns the parts that were written again
   */
  public async join(newParts: readonly string[], from: Date, renew: () => Promise<void>): Promise<string[]> {
    const { store } = this.options;
    const { fresh } = await this.options.database.row<{ fresh: number }>(
      `SELECT count(*) FILTER (fresh) AS fresh FROM ${this.table}`,
    );
    const parts =
      fresh > 0 ? (await store.list('')).map(({ name }) => name).filter((name) => isWithin(name, from)) : newParts;
    const updated: string[] = [];
    for (const name of parts) {
      await renew();
      if (await this.joinPart(name)) updated.push(name);
    }
    return updated;
  }

  /** Keeps the labels that still wait, and for a while those that were used: another version may have answered the same call. */
  public async save(now: Date, labelDays: number, pairingHours: number): Promise<void> {
    const { database, findings } = this.options;
    const given = `received < ${now.getTime() - labelDays * 86_400_000}`;
    const done = `received < ${now.getTime() - pairingHours * 3_600_000}`;
    const { lost } = await database.row<{ lost: number }>(
      `SELECT count(*) FILTER (NOT used AND ${given}) AS lost FROM ${this.table}`,
    );
    findings.add(COMPACTION_FINDINGS.labelWithoutPrediction, lost);
    await database.run(`DELETE FROM ${this.table} WHERE CASE WHEN used THEN ${done} ELSE ${given} END`);
    await writeParquet(this.options, `SELECT * FROM ${this.table}`, WAITING_LABELS);
  }

  private async joinPart(name: string): Promise<boolean> {
    const { database, store, schema, findings, directory } = this.options;
    const [path] = await store.fetch([name], directory);
    const part = `read_parquet(${fileList([path!])}, hive_partitioning = false)`;
    const value = labelValue('l.label', schema.task);
    const later = `(p.${c.labelTimestamp} IS NULL OR epoch_ms(p.${c.labelTimestamp}) <= l."time")`;
    const changes = `l.request_id IS NOT NULL AND (p.${c.label} IS NULL OR (p.${c.label} <> ${value} AND ${later}))`;
    const joined = `${part} p JOIN ${this.table} l ON l.request_id = p.${c.requestId}`;
    const { found, changed, same, conflicting } = await database.row<
      Record<'found' | 'changed' | 'same' | 'conflicting', number>
    >(
      `SELECT count(*) AS found, count(*) FILTER (${changes}) AS changed,
         count(*) FILTER (l.fresh AND NOT l.used AND p.${c.label} = ${value}) AS same,
         count(*) FILTER (p.${c.label} <> ${value}) AS conflicting FROM ${joined}`,
    );
    findings.add(COMPACTION_FINDINGS.repeatedLabel, same);
    findings.add(COMPACTION_FINDINGS.conflictingLabel, conflicting);
    if (changed > 0) {
      const replace = `CASE WHEN ${changes} THEN ${value} ELSE p.${c.label} END AS ${c.label},
        CASE WHEN ${changes} THEN make_timestamptz((1000 * l."time")::BIGINT) ELSE p.${c.labelTimestamp} END AS ${c.labelTimestamp}`;
      await writeParquet(
        this.options,
        `SELECT p.* REPLACE (${replace}) FROM ${part} p LEFT JOIN ${this.table} l ON l.request_id = p.${c.requestId}`,
        name,
      );
    }
    if (found > 0)
      await database.run(
        `UPDATE ${this.table} SET used = true WHERE request_id IN (SELECT ${c.requestId} FROM ${part})`,
      );
    await store.forget([name], directory);
    return changed > 0;
  }
}

function labelValue(column: string, task: ModelSchema['task']): string {
  return answerType(task) === 'DOUBLE' ? `TRY_CAST(${column} AS DOUBLE)` : column;
}

function isWithin(name: string, from: Date): boolean {
  const hour = partHour(name);
  return hour !== undefined && hour.getTime() + 3_600_000 > from.getTime();
}
