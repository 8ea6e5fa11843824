import { type CaptureFile, type ModelSchema } from 'cdk8s-mlops/contract';
import { Database } from '../../common/data/database';
import { type Log } from '../../common/log';
import { type StoreFile, type StoreFolder } from '../../common/store-files';
import { temporaryDirectory } from '../../common/temporary-files';
import { CallTables } from './call-tables';
import { CompactionLock } from './compaction-lock';
import { Findings } from './findings';
import { LabelTable, WAITING_LABELS } from './join-labels';
import { giveUpWaiting, pairCalls } from './pair-calls';
import { type PartitionsOptions, writePartitions } from './partitions';
import { dropExpired } from './retention';
import { listSegments, readSegment } from './segments';
import { countCalls, exists, loadCalls, saveCalls, WAITING_CALLS } from './waiting';

export interface CompactOptions {
  readonly config: CaptureFile;
  readonly schema: ModelSchema;
  /** Schemas of versions that differ. */
  readonly versions: ReadonlyMap<string, ModelSchema>;
  readonly store: StoreFolder;
  readonly log: Log;
  readonly signal?: AbortSignal;
  readonly now?: () => Date;
}

/** What a compaction did. */
export interface CompactionReport {
  /** Who compacts at this moment, and why nothing was done. */
  readonly heldBy?: string;
  /** Predictions that were added to the log. */
  readonly rows: number;
  /** Files that were added to the log ... */
  readonly parts: readonly string[];
  /** ... got labels ... */
  readonly updated: readonly string[];
  /** ... or were deleted, because of their age. */
  readonly expired: readonly string[];
  /** Segments that were read. */
  readonly segments: number;
  /** Requests and responses that wait for each other, and labels that wait for a prediction or may be needed again. */
  readonly waitingCalls: number;
  readonly waitingLabels: number;
  readonly findings: Findings;
}

/** Segments that are compacted together, in bytes as they are packed: the tables of more would not fit into memory. */
const BATCH_BYTES = 12 * 1024 ** 2;
/** Memory of the database. */
const MEMORY = '200MB';
const HOUR = 3_600_000;

/**
 * Makes partitions of what collectors brought. Killed at any point and run again, the log ends as if nothing had happened: what is in it is
 * not added again, and segments are deleted last.
 */
export async function compact(options: CompactOptions): Promise<CompactionReport> {
  const { store } = options;
  const lock = await CompactionLock.take(store);
  if ('heldBy' in lock) return { ...NOTHING, heldBy: lock.heldBy, findings: new Findings() };
  const database = await Database.open({ memory: MEMORY });
  try {
    return await new Compaction(options, database, await temporaryDirectory('compact'), lock).run();
  } finally {
    database.close();
    await lock.release();
  }
}

const NOTHING = { rows: 0, parts: [], updated: [], expired: [], segments: 0, waitingCalls: 0, waitingLabels: 0 };

class Compaction {
  private readonly findings = new Findings();
  private readonly partitions: PartitionsOptions;
  private readonly now: Date;
  private readonly parts: string[] = [];
  private rows = 0;

  constructor(
    private readonly options: CompactOptions,
    private readonly database: Database,
    private readonly directory: string,
    private readonly lock: CompactionLock,
  ) {
    const { store, schema } = options;
    this.now = options.now?.() ?? new Date();
    this.partitions = { database, store, schema, directory, findings: this.findings };
  }

  public async run(): Promise<CompactionReport> {
    const { store, config } = this.options;
    const [events, labels] = [await listSegments(store, 'events'), await listSegments(store, 'labels')];
    const waitingCalls = await this.compactCalls(events);
    const { updated, waitingLabels } = await this.compactLabels(labels);
    const expired = config.retentionDays === undefined ? [] : await dropExpired(store, this.now, config.retentionDays);
    const { rows, parts, findings } = this;
    return {
      rows,
      parts,
      updated,
      expired,
      segments: events.length + labels.length,
      waitingCalls,
      waitingLabels,
      findings,
    };
  }

  /** @returns how many calls wait for their counterpart */
  private async compactCalls(segments: readonly StoreFile[]): Promise<number> {
    const { store, schema, versions, config } = this.options;
    const { database, findings, directory } = this;
    if (segments.length === 0 && !(await exists(store, WAITING_CALLS))) return 0;
    let tables = new CallTables({ database, schema, versions, findings });
    await tables.create();
    await loadCalls({ database, store, directory }, tables);
    let pairing: Promise<void> | undefined;
    for (const batch of batchesOf(segments)) {
      const next = new CallTables({ database, schema, versions, findings });
      await next.create();
      // One is decoded here while the database pairs the one before.
      const readable = await this.read(batch, next).catch(async (error: unknown) => {
        await pairing?.catch(() => undefined);
        throw error;
      });
      await pairing;
      const waiting = tables;
      pairing = this.pair(next, waiting, readable);
      // Looked at when the next batch is decoded; until then nobody would.
      pairing.catch(() => undefined);
      tables = next;
    }
    await pairing;
    await giveUpWaiting(
      { database, tables, schema, findings },
      new Date(this.now.getTime() - config.pairingHours * HOUR),
    );
    await saveCalls({ database, store, directory }, tables);
    return countCalls(database, tables);
  }

  /** Pairs what was read, and what was waiting before. */
  private async pair(tables: CallTables, waiting: CallTables, segments: readonly string[]): Promise<void> {
    const { store, schema, log } = this.options;
    const { database, findings, directory } = this;
    await tables.takeOver(waiting);
    const rows = await pairCalls({ database, tables, schema, findings });
    const written = await writePartitions(this.partitions, rows);
    await database.run(`DROP TABLE ${rows}`);
    this.parts.push(...written.names);
    this.rows += written.rows;
    await saveCalls({ database, store, directory }, tables);
    // Last: until here a compaction that is killed has lost nothing.
    await store.remove(segments);
    log.info({ rows: this.rows, segments: segments.length }, 'compacting');
  }

  /** @returns names of the segments that could be read */
  private async read(batch: readonly StoreFile[], tables: CallTables): Promise<string[]> {
    const readable: string[] = [];
    await tables.open();
    await this.eachSegment(batch, async (path, name) => {
      const isRead = await readSegment(path, name, this.findings, (record) => {
        if (record.kind !== 'label') tables.take(record);
      });
      if (isRead) readable.push(name);
    });
    tables.close();
    return readable;
  }

  private async compactLabels(
    segments: readonly StoreFile[],
  ): Promise<{ readonly updated: string[]; readonly waitingLabels: number }> {
    const { store, config } = this.options;
    const waits = await exists(store, WAITING_LABELS);
    if (segments.length === 0 && !waits) return { updated: [], waitingLabels: 0 };
    const table = new LabelTable(this.partitions);
    await table.load();
    const readable: string[] = [];
    await table.add(async (take) => {
      await this.eachSegment(segments, async (path, name) => {
        const isRead = await readSegment(path, name, this.findings, (record) => {
          if (record.kind === 'label') take(record);
        });
        if (isRead) readable.push(name);
      });
    });
    const from = new Date(this.now.getTime() - config.labelDays * 24 * HOUR);
    const updated = await table.join(this.parts, from, () => this.goOn());
    await table.save(this.now, config.labelDays, config.pairingHours);
    await store.remove(readable);
    return { updated, waitingLabels: await table.count() };
  }

  private async eachSegment(
    segments: readonly StoreFile[],
    read: (path: string, name: string) => Promise<void>,
  ): Promise<void> {
    const { store } = this.options;
    for (const { name } of segments) {
      const [path] = await store.fetch([name], this.directory);
      await read(path!, name);
      await store.forget([name], this.directory);
    }
    await this.goOn();
  }

  private async goOn(): Promise<void> {
    this.options.signal?.throwIfAborted();
    await this.lock.renew();
  }
}

function batchesOf(segments: readonly StoreFile[]): StoreFile[][] {
  const batches: StoreFile[][] = [];
  let bytes = Infinity;
  // By time, and not by collector: the halves of a call lie in segments of about the same time.
  for (const segment of [...segments].sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1))) {
    if (bytes + segment.bytes > BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(segment);
    bytes += segment.bytes;
  }
  return batches;
}

/** A segment's name ends with the time at which it was begun, and something random. */
function timeOf({ name }: StoreFile): string {
  const [folder = '', file = ''] = [name.slice(0, name.lastIndexOf('/')), name.slice(name.lastIndexOf('/') + 1)];
  return `${folder}/${/(\d+)-[0-9a-f]+\.jsonl\.gz$/.exec(file)?.[1] ?? ''}/${file}`;
}
