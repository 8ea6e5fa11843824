import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CAPTURE_FOLDERS, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { type Database, literal } from '../../common/data/database';
import { fileList, type PartitionsOptions } from './partitions';

const FOLDER = `${CAPTURE_FOLDERS.index}/`;
/** Indexes that are looked at together. */
const TOGETHER = 48;
/** 64 bits, so that hardly any part is opened in vain; by a function that no release of the database changes. */
const hash = (column: string): string => `md5_number_lower(${column}::VARCHAR)`;

/**
 * Hashes of the request ids of each part of the log, beside it, so that labels and repeated calls open only the parts that may have them. A part
 * gets its index once the labels that are known were put into it: one without is always opened, and so nothing is lost when a compaction is killed.
 */
export class PartIndex {
  public static async open(options: PartitionsOptions): Promise<PartIndex> {
    const files = await options.store.list(CAPTURE_FOLDERS.index);
    return new PartIndex(options, new Set(files.map(({ name }) => name)));
  }

  /** Indexes on this machine of parts that are looked at in this compaction, by name of the part. */
  private readonly made = new Map<string, string>();

  private constructor(
    private readonly options: PartitionsOptions,
    private readonly names: Set<string>,
  ) {}

  public has(part: string): boolean {
    return this.names.has(nameOf(part));
  }

  /** Makes the index of a part of a relation of its request ids; {@link keep} puts it beside the part. */
  public async make(part: string, relation: string, database: Database): Promise<void> {
    if (this.has(part) || this.made.has(part)) return;
    const { directory } = this.options;
    const index = join(directory, `${randomBytes(6).toString('hex')}.index`);
    const ids = `SELECT ${hash(PREDICTION_LOG_COLUMNS.requestId)} AS id FROM ${relation}`;
    await database.run(`COPY (${ids}) TO ${literal(index)} (FORMAT parquet, COMPRESSION uncompressed)`);
    this.made.set(part, index);
  }

  public async keep(renew: () => Promise<void>): Promise<void> {
    for (const [part, path] of this.made) {
      await renew();
      await this.options.store.put(path, nameOf(part));
      this.names.add(nameOf(part));
    }
    this.made.clear();
  }

  /** Those of the parts that may have one of the ids of a relation: all of which is not known that they have none. */
  public async narrow(parts: readonly string[], ids: string): Promise<Set<string>> {
    const { database, store, directory, renew } = this.options;
    const found = new Set(parts);
    const indexed = parts.filter((part) => this.has(part) || this.made.has(part));
    if (indexed.length === 0) return found;
    const wanted = database.newName('wanted');
    await database.run(
      `CREATE TEMP TABLE ${wanted} AS SELECT DISTINCT ${hash(PREDICTION_LOG_COLUMNS.requestId)} AS id FROM ${ids}`,
    );
    for (let start = 0; start < indexed.length; start += TOGETHER) {
      await renew();
      const group = indexed.slice(start, start + TOGETHER);
      const kept = group.filter((part) => !this.made.has(part)).map(nameOf);
      const fetched = new Map((await store.fetch(kept, directory)).map((path, at) => [kept[at], path]));
      const paths = group.map((part) => this.made.get(part) ?? fetched.get(nameOf(part))!);
      const hits = await database.rows<{ filename: string }>(
        `SELECT DISTINCT filename FROM read_parquet(${fileList(paths)}, filename = true, hive_partitioning = false) SEMI JOIN ${wanted} USING (id)`,
      );
      const names = new Set(hits.map(({ filename }) => filename));
      for (const [at, part] of group.entries()) if (!names.has(paths[at]!)) found.delete(part);
      await store.forget(kept, directory);
    }
    await database.run(`DROP TABLE ${wanted}`);
    return found;
  }
}

const nameOf = (part: string): string => `${FOLDER}${part}`;

/** The part that an index is of; undefined for other files. */
export const indexedPart = (name: string): string | undefined =>
  name.startsWith(FOLDER) ? name.slice(FOLDER.length) : undefined;
