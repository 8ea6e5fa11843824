import { CAPTURE_FOLDERS, type CaptureFile, type ModelSchema, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { Database } from '../../common/data/database';
import { Failure } from '../../common/failure';
import { type Log } from '../../common/log';
import { type StoreFile, type StoreFolder } from '../../common/store-files';
import { temporaryDirectory } from '../../common/temporary-files';
import { type LabelRecord, parseRecord } from '../collect/capture-record';
import { PayloadError, shown } from '../payload/payload-error';
import { CallBatch } from './call-batch';
import { CallLine } from './call-line';
import { CompactionLock } from './compaction-lock';
import { Findings } from './findings';
import { LabelTable, WAITING_LABELS } from './join-labels';
import { PartIndex } from './part-index';
import { type PartitionsOptions, writePartitions } from './partitions';
import { PredictionTable } from './prediction-table';
import { dropExpired } from './retention';
import { detached, listSegments, openSegments, readLines } from './segments';
import { WAITING_CALLS, WaitingCalls } from './waiting-calls';

export interface CompactOptions {
  readonly config: CaptureFile;
  readonly schema: ModelSchema;
  /** The schema of a version of which something came; without one it is the schema itself. */
  readonly schemaOf?: (version: string) => Promise<ModelSchema | undefined>;
  readonly store: StoreFolder;
  readonly log: Log;
  readonly signal?: AbortSignal;
  readonly now?: () => Date;
  /** @default - as much as fits into memory */
  readonly batch?: BatchLimits;
}

/** What is worked on at once. */
export interface BatchLimits {
  /** Bytes of the records that are looked at together; the halves of most calls lie near each other. */
  readonly bytes: number;
  /** Predictions that are written together. */
  readonly rows: number;
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

const BATCH: BatchLimits = { bytes: 8 * 1024 ** 2, rows: 50_000 };
/** Versions that are asked for: whoever sends events may call a version anything. */
const MOST_VERSIONS = 100;
/** Memory of the database. */
const MEMORY = '96MB';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const NOTHING = { rows: 0, parts: [], updated: [], expired: [], segments: 0, waitingCalls: 0, waitingLabels: 0 };

/**
 * Makes partitions of what collectors brought. Killed at any point and run again, the log ends as if nothing had happened: what is in it is
 * not added again, and segments are deleted last.
 */
export async function compact(options: CompactOptions): Promise<CompactionReport> {
  const { store, now, schema } = options;
  checkFeatures(schema);
  const lock = await CompactionLock.take(store, now && (() => now().getTime()));
  if ('heldBy' in lock) return { ...NOTHING, heldBy: lock.heldBy, findings: new Findings() };
  try {
    return await locked(options, lock);
  } finally {
    await lock.release();
  }
}

async function locked(options: CompactOptions, lock: CompactionLock): Promise<CompactionReport> {
  const directory = await temporaryDirectory('compact');
  const database = await Database.open({ memory: MEMORY });
  const writer = await database.connect();
  try {
    return await new Compaction(options, database, writer, directory, lock).run();
  } finally {
    writer.close();
    database.close();
  }
}

/** @throws Failure when the log has no room for a feature */
function checkFeatures({ features, model }: ModelSchema): void {
  const { label } = PREDICTION_LOG_COLUMNS;
  const taken = features.find(({ name }) => name.toLowerCase() === label);
  if (taken)
    throw Failure.configuration(
      `'${taken.name}' is a feature of '${model}', and the column of the prediction log that has the labels: call the feature otherwise`,
    );
}

/** What was made of some segments. */
interface Pending {
  readonly table: PredictionTable;
  readonly segments: string[];
}

/** Halves that the last batch left, and its segments: they are deleted once the halves are in the log, or wait on the disk. */
interface Recent {
  readonly halves: readonly CallLine[];
  readonly segments: readonly string[];
}

/** Labels that are to be joined, and where those lie that came since the last compaction. */
interface KnownLabels {
  readonly table: LabelTable;
  readonly segments: readonly string[];
}

class Compaction {
  private readonly findings = new Findings();
  private readonly partitions: PartitionsOptions;
  private readonly now: Date;
  private readonly parts: string[] = [];
  /** Schemas of the versions that were met and have one of their own. */
  private readonly versions = new Map<string, ModelSchema>();
  private readonly met = new Set<string>();
  private rows = 0;

  constructor(
    private readonly options: CompactOptions,
    private readonly database: Database,
    /** Writes while the other one takes up what is read. */
    private readonly writer: Database,
    private readonly directory: string,
    private readonly lock: CompactionLock,
  ) {
    const { store, schema, signal } = options;
    this.now = options.now?.() ?? new Date();
    const renew = async (): Promise<void> => {
      signal?.throwIfAborted();
      await this.lock.renew();
    };
    this.partitions = { database: writer, store, schema, directory, findings: this.findings, renew };
  }

  public async run(): Promise<CompactionReport> {
    const { store, config } = this.options;
    const [events, labels] = [await listSegments(store, 'events'), await listSegments(store, 'labels')];
    const index = await PartIndex.open(this.partitions);
    const known = await this.readLabels(labels);
    const waitingCalls = await this.compactCalls(events, index, known?.table);
    const { updated, waitingLabels } = known ? await this.joinLabels(known, index) : { updated: [], waitingLabels: 0 };
    await index.keep(this.partitions.renew);
    const expired = config.retentionDays === undefined ? [] : await dropExpired(store, this.now, config.retentionDays);
    const { rows, parts, findings } = this;
    const segments = events.length + labels.length;
    return { rows, parts, updated, expired, segments, waitingCalls, waitingLabels, findings };
  }

  /** @returns how many requests and responses wait for their counterpart */
  private async compactCalls(
    segments: readonly StoreFile[],
    index: PartIndex,
    labels: LabelTable | undefined,
  ): Promise<number> {
    const { store, config, batch: limits = BATCH } = this.options;
    const { directory, findings } = this;
    const waiting = await WaitingCalls.load(store, directory);
    let pending: Pending | undefined;
    let recent: Recent = { halves: [], segments: [] };
    let writing: Promise<void> | undefined;
    const write = async ({ table, segments: names }: Pending): Promise<void> => {
      table.close();
      const snapshot = await waiting.snapshot();
      await writing;
      // One is written while the next one is read.
      writing = this.write(table, snapshot, names, index, labels);
      // Looked at when the next one is ready; until then nobody would.
      writing.catch(() => undefined);
    };
    try {
      for await (const { calls, names } of this.batches(segments, limits.bytes)) {
        if ((await this.meet(calls)) && pending) {
          // It has no columns for what is new.
          await write(pending);
          pending = undefined;
        }
        pending ??= { table: await this.newTable(), segments: [] };
        const halves = await this.pair(calls, recent.halves, waiting, pending.table);
        pending.segments.push(...recent.segments);
        recent = { halves, segments: names };
        if (pending.table.rows < limits.rows) continue;
        await write(pending);
        pending = undefined;
      }
      if (recent.segments.length > 0) {
        pending ??= { table: await this.newTable(), segments: [] };
        pending.segments.push(...recent.segments);
        await waiting.add(recent.halves);
        await write(pending);
      }
      await writing;
      const before = new Date(this.now.getTime() - config.pairingHours * HOUR);
      if (await waiting.giveUp(before, findings)) {
        await this.partitions.renew();
        await store.put(await waiting.snapshot(), WAITING_CALLS);
      }
      return await waiting.count();
    } finally {
      pending?.table.close();
      await writing?.catch(() => undefined);
      waiting.close();
    }
  }

  private newTable(): Promise<PredictionTable> {
    const { database, versions, findings } = this;
    return PredictionTable.create({ database, schema: this.options.schema, versions, findings });
  }

  /** Gets the schemas of versions that are met for the first time. @returns whether any has one of its own */
  private async meet(calls: CallBatch): Promise<boolean> {
    const { schemaOf } = this.options;
    const known = this.versions.size;
    for (const version of Array.from(calls.versions(), detached)) {
      if (this.met.has(version) || this.met.size >= MOST_VERSIONS) continue;
      this.met.add(version);
      const own = await schemaOf?.(version);
      if (!own) continue;
      checkFeatures(own);
      this.versions.set(version, own);
    }
    return this.versions.size > known;
  }

  private async *batches(
    segments: readonly StoreFile[],
    limit: number,
  ): AsyncGenerator<{ calls: CallBatch; names: string[] }> {
    let [calls, names, bytes] = [new CallBatch(), [] as string[], 0];
    const { store } = this.options;
    for await (const segment of openSegments(store, segments, this.directory, this.findings)) {
      if (segment.lines === undefined) continue;
      readLines(segment, this.findings, (lines, start, end) => calls.add(CallLine.parse(lines, start, end)));
      names.push(segment.name);
      bytes += segment.lines.length;
      if (bytes < limit) continue;
      yield { calls, names };
      [calls, names, bytes] = [new CallBatch(), [], 0];
    }
    if (names.length > 0) yield { calls, names };
  }

  /**
   * Pairs the calls of a batch, and what the batch before had left: only what has no counterpart in either waits on the disk.
   *
   * @returns the halves that the batch leaves
   */
  private async pair(
    calls: CallBatch,
    recent: readonly CallLine[],
    waiting: WaitingCalls,
    table: PredictionTable,
  ): Promise<CallLine[]> {
    await this.partitions.renew();
    for (const line of recent) calls.add(line);
    await waiting.moveTo(calls);
    const halves: CallLine[] = [];
    calls.take(
      this.findings,
      (request, response) => table.add(request, response),
      (half) => halves.push(half),
    );
    const old = new Set(recent);
    await waiting.add(halves.filter((half) => old.has(half)));
    return halves.filter((half) => !old.has(half));
  }

  /** @param waiting a file with the calls that wait once the table is in the log */
  private async write(
    table: PredictionTable,
    waiting: string,
    segments: readonly string[],
    index: PartIndex,
    labels: LabelTable | undefined,
  ): Promise<void> {
    const { store, log } = this.options;
    const written = await writePartitions(this.partitions, index, table, labels);
    await this.writer.run(`DROP TABLE ${table.name}`);
    this.parts.push(...written.names);
    this.rows += written.rows;
    await this.partitions.renew();
    await store.put(waiting, WAITING_CALLS);
    // Last: until here a compaction that is killed has lost nothing.
    await store.remove(segments);
    log.info({ rows: this.rows, segments: segments.length }, 'compacting');
  }

  /** @returns undefined when there are none */
  private async readLabels(segments: readonly StoreFile[]): Promise<KnownLabels | undefined> {
    const { store } = this.options;
    const isWaiting = (await store.list(CAPTURE_FOLDERS.state)).some(({ name }) => name === WAITING_LABELS);
    if (segments.length === 0 && !isWaiting) return undefined;
    const table = new LabelTable({ ...this.partitions, database: this.database });
    await table.load(isWaiting);
    const readable: string[] = [];
    if (segments.length > 0)
      await table.add(async (take) => {
        for await (const segment of openSegments(store, segments, this.directory, this.findings)) {
          readLines(segment, this.findings, (lines, start, end) => take(this.label(lines.slice(start, end))));
          if (segment.lines !== undefined) readable.push(segment.name);
          await this.partitions.renew();
        }
      });
    return { table, segments: readable };
  }

  private async joinLabels(
    { table, segments }: KnownLabels,
    index: PartIndex,
  ): Promise<{ readonly updated: string[]; readonly waitingLabels: number }> {
    const { store, config } = this.options;
    const from = new Date(this.now.getTime() - config.labelDays * DAY);
    const updated = await table.join(index, new Set(this.parts), from);
    const isChanged = await table.giveUp(this.now, config.labelDays, config.pairingHours);
    if (isChanged) await table.save();
    await store.remove(segments);
    return { updated, waitingLabels: await table.count() };
  }

  private label(line: string): LabelRecord {
    const record = parseRecord(line);
    if (record.kind !== 'label') throw new PayloadError(`is a ${record.kind}; expected a label`);
    if (this.options.schema.task.type === 'regression' && !Number.isFinite(Number(record.label || NaN)))
      throw new PayloadError(`has the label ${shown(record.label)}; expected a number`);
    return record;
  }
}
