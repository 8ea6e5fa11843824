import { join } from 'node:path';
import { CAPTURE_FOLDERS, COMPACTION_FINDINGS } from 'cdk8s-mlops/contract';
import { Database, literal } from '../../common/data/database';
import { type StoreFolder } from '../../common/store-files';
import { type CallBatch } from './call-batch';
import { CallLine } from './call-line';
import { type Findings } from './findings';

/** The file in which they wait. */
export const WAITING_CALLS = `${CAPTURE_FOLDERS.state}/calls.parquet`;
const TABLE = 'waiting';
/** A database of its own: it is asked while the other one writes. */
const MEMORY = '32MB';

/**
 * Requests and responses that wait for their counterpart, as they came: they are read by the schema of their version when that comes, whatever
 * the schema was when they did. Many of them lie on the disk.
 */
export class WaitingCalls {
  /** Takes up what waited when the last compaction ended. */
  public static async load(store: StoreFolder, directory: string): Promise<WaitingCalls> {
    const database = await Database.open({ memory: MEMORY });
    const calls = new WaitingCalls(database, directory);
    try {
      await database.run(
        `CREATE TABLE ${TABLE} (version VARCHAR, id VARCHAR, kind VARCHAR, received DOUBLE, line VARCHAR)`,
      );
      if ((await store.list(CAPTURE_FOLDERS.state)).some(({ name }) => name === WAITING_CALLS)) {
        const [path] = await store.fetch([WAITING_CALLS], directory);
        await database.run(`INSERT INTO ${TABLE} BY NAME SELECT * FROM read_parquet(${literal(path!)})`);
        await store.forget([WAITING_CALLS], directory);
        calls.waiting = await calls.count();
      }
      return calls;
    } catch (error) {
      calls.close();
      throw error;
    }
  }

  private waiting = 0;

  private constructor(
    private readonly database: Database,
    private readonly directory: string,
  ) {}

  public async count(): Promise<number> {
    return (await this.database.row<{ count: number }>(`SELECT count(*) AS count FROM ${TABLE}`)).count;
  }

  /** Moves what waits for calls of a batch into it. */
  public async moveTo(batch: CallBatch): Promise<void> {
    if (this.waiting === 0) return;
    const { database } = this;
    await database.run('CREATE TABLE keys (version VARCHAR, id VARCHAR)');
    const writer = await database.tableWriter('keys', ['text', 'text']);
    for (const key of batch.keys()) writer.append(key);
    writer.close();
    const found = await database.rows<{ row: number; line: string }>(
      `SELECT rowid AS row, line FROM ${TABLE} SEMI JOIN keys USING (version, id) ORDER BY received, rowid`,
    );
    if (found.length > 0)
      await database.run(`DELETE FROM ${TABLE} WHERE (version, id) IN (SELECT (version, id) FROM keys)`);
    await database.run('DROP TABLE keys');
    this.waiting -= found.length;
    for (const { line } of found) batch.add(CallLine.parse(line));
  }

  public async add(lines: readonly CallLine[]): Promise<void> {
    if (lines.length === 0) return;
    const writer = await this.database.tableWriter(TABLE, ['text', 'text', 'text', 'number', 'text']);
    for (const { version, id, kind, received, text } of lines) writer.append([version, id, kind, received, text]);
    writer.close();
    this.waiting += lines.length;
  }

  /** Takes out what was received before, and is not waited for any longer. @returns whether there was any */
  public async giveUp(before: Date, findings: Findings): Promise<boolean> {
    const old = `received < ${before.getTime()}`;
    const counts = await this.database.rows<{ kind: string; count: number; example: string }>(
      `SELECT kind, count(*) AS count, min(id) AS example FROM ${TABLE} WHERE ${old} GROUP BY kind`,
    );
    for (const { kind, count, example } of counts) {
      const { requestWithoutResponse, responseWithoutRequest } = COMPACTION_FINDINGS;
      findings.add(kind === 'request' ? requestWithoutResponse : responseWithoutRequest, count, `'${example}'`);
      this.waiting -= count;
    }
    if (counts.length > 0) await this.database.run(`DELETE FROM ${TABLE} WHERE ${old}`);
    return counts.length > 0;
  }

  /** A file with what waits now, that the store shall have. */
  public async snapshot(): Promise<string> {
    const path = join(this.directory, this.database.newName('calls'));
    await this.database.run(`COPY ${TABLE} TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`);
    return path;
  }

  public close(): void {
    this.database.close();
  }
}
