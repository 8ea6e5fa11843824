import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { CAPTURE_FINDINGS, CAPTURE_OUTCOMES, type CaptureFile, type ModelSchema } from 'cdk8s-mlops/contract';
import { decodeRequest, type DecodedRequest } from '../payload/instances';
import { PayloadError } from '../payload/payload-error';
import { decodeResponse } from '../payload/predictions';
import { type CaptureMetrics, type CaptureOutcome, NO_VERSION } from './capture-metrics';
import { type CallRecord, type LabelRecord, serializeRecord } from './capture-record';
import { Durations } from './durations';
import { type Memory } from './memory';
import { type KnownVersion, type ModelVersions } from './model-versions';
import { isProtected, recordedRows } from './recorded-features';
import { type SegmentLog } from './segment-log';

export interface CollectorOptions {
  readonly config: CaptureFile;
  readonly schema: ModelSchema;
  readonly metrics: CaptureMetrics;
  readonly versions: ModelVersions;
  readonly events: Pick<SegmentLog, 'append'>;
  readonly labels: Pick<SegmentLog, 'append'>;
  readonly memory: Memory;
  /** Bytes on the disk that wait for the store. */
  readonly bufferBytes: () => number;
  /** Key of the hashes of features that are recorded hashed. */
  readonly hashKey?: string;
}

/** A call, and what is written of it. */
interface Prepared {
  readonly call: CallRecord;
  readonly line?: string;
  readonly decoded?: DecodedRequest;
}

/** An event that is on the disk, and not counted yet. */
interface Uncounted {
  readonly call: CallRecord;
  readonly bytes: number;
  readonly decoded?: DecodedRequest;
}

/** Clocks differ by this much without being wrong, in milliseconds. */
const CLOCK_TOLERANCE = 60_000;
/** Longest time that counting keeps the event loop, in milliseconds. */
const SLICE = 5;
/** Room that labels have when events are shed: they are few, and nobody sends them twice. */
const LABEL_RESERVE = 1.05;

/**
 * Keeps what comes in and counts it: first onto the disk, which is all that a sender waits for, then into the metrics. It knows nothing
 * of other events, so that there may be any number of collectors.
 */
export class Collector {
  private readonly uncounted: Uncounted[] = [];
  private readonly durations = new Durations();
  private counting = false;

  constructor(private readonly options: CollectorOptions) {}

  /** Calls that wait to be counted. */
  public get backlog(): number {
    return this.uncounted.length;
  }

  /**
   * Takes requests and responses of one sender, all or none of them. Whatever becomes of them, they are counted.
   *
   * @param bytes that are held in memory for them, given back once they are counted
   */
  public async takeCalls(calls: readonly CallRecord[], bytes: number): Promise<CaptureOutcome> {
    const { sampling } = this.options.config;
    const prepared = calls.map((call) => ({ ...this.prepare(call), kept: isSampled(call.id, sampling) }));
    const kept = prepared.filter((each) => each.kept);
    const outcome = await this.keep(kept.map(({ line }) => line));
    prepared.forEach(({ call, decoded, kept: own }, index) => {
      const isLeftOut = outcome === CAPTURE_OUTCOMES.stored && !own;
      this.options.metrics.event(call.kind, isLeftOut ? CAPTURE_OUTCOMES.sampled : outcome);
      this.uncounted.push({ call, decoded, bytes: index === calls.length - 1 ? bytes : 0 });
    });
    this.startCounting();
    return outcome;
  }

  /** Takes labels of one sender, all or none of them. */
  public async takeLabels(labels: readonly LabelRecord[]): Promise<CaptureOutcome> {
    if (labels.length === 0) return CAPTURE_OUTCOMES.stored;
    const outcome = await this.append('labels', labels.map(serializeRecord).join(''));
    this.options.metrics.event('label', outcome, labels.length);
    return outcome;
  }

  /** @param lines of calls; undefined for those that must not be recorded as they are */
  private async keep(lines: readonly (string | undefined)[]): Promise<CaptureOutcome> {
    if (lines.length === 0) return CAPTURE_OUTCOMES.sampled;
    return lines.includes(undefined) ? CAPTURE_OUTCOMES.malformed : this.append('events', lines.join(''));
  }

  private async append(log: 'events' | 'labels', lines: string): Promise<CaptureOutcome> {
    const { config, bufferBytes } = this.options;
    const limit = config.limits.bufferBytes * (log === 'labels' ? LABEL_RESERVE : 1);
    if (bufferBytes() + Buffer.byteLength(lines) > limit) return CAPTURE_OUTCOMES.shedBuffer;
    try {
      await this.options[log].append(lines);
      return CAPTURE_OUTCOMES.stored;
    } catch {
      return CAPTURE_OUTCOMES.shedDisk;
    }
  }

  /** What is written of a call; without a line when it holds what must not be recorded and cannot be taken out. */
  private prepare(call: CallRecord): Prepared {
    const { versions, schema, hashKey } = this.options;
    const known = call.version === undefined ? undefined : versions.get(call.version);
    const { features, task } = known?.schema ?? schema;
    if (!features.some(isProtected)) return { call, line: serializeRecord(call) };
    try {
      if (call.kind === 'response') {
        // It may repeat what it was asked.
        const { id, rows: predictions } = decodeResponse(call.body, task);
        return { call, line: serializeRecord({ ...call, body: { id, predictions } }) };
      }
      const decoded = decodeRequest(call.body, { features });
      const instances = recordedRows(decoded.rows, features, known?.profile, hashKey);
      return { call, line: serializeRecord({ ...call, body: { id: decoded.id, instances } }), decoded };
    } catch (error) {
      if (isUndecodable(error)) return { call };
      throw error;
    }
  }

  private startCounting(): void {
    if (this.counting) return;
    this.counting = true;
    setImmediate(() => this.countSome());
  }

  /** A slice at a time: senders must not wait for what was counted meanwhile. */
  private countSome(): void {
    const until = performance.now() + SLICE;
    let counted = 0;
    for (const each of this.uncounted) {
      this.count(each);
      counted++;
      if (performance.now() >= until) break;
    }
    this.uncounted.splice(0, counted);
    this.counting = this.uncounted.length > 0;
    if (this.counting) setImmediate(() => this.countSome());
  }

  private count({ call, bytes, decoded }: Uncounted): void {
    const { metrics, versions, schema, memory, config } = this.options;
    memory.give(bytes);
    const { version = NO_VERSION, time, received } = call;
    const known = call.version === undefined ? undefined : versions.get(version);
    const own = known?.schema ?? schema;
    const counts = metrics.version(version, own, received);
    this.findVersion(call, known);
    if (time !== undefined && time > received + CLOCK_TOLERANCE) metrics.finding(CAPTURE_FINDINGS.fromFuture);
    if (call.kind === 'request' && config.requestIdHeader !== undefined && call.requestId === undefined)
      metrics.finding(CAPTURE_FINDINGS.noRequestId);
    const seconds = this.durations.add(call);
    if (seconds !== undefined) metrics.duration(version, seconds);
    const request = call.kind === 'request';
    if (request) counts.requests++;
    else counts.responses++;
    try {
      if (request) {
        const { rows, unknown } = decoded ?? decodeRequest(call.body, own);
        if (unknown.length > 0) metrics.finding(CAPTURE_FINDINGS.unknownFeature);
        if (counts.countRows(rows, own) > 0) metrics.finding(CAPTURE_FINDINGS.retypedFeature);
      } else {
        const { rows } = decodeResponse(call.body, own.task);
        counts.countPredictions(rows);
        for (const { prediction, score } of rows) {
          const value = own.task.type === 'regression' ? prediction : score;
          if (typeof value === 'number') metrics.value(version, value);
        }
      }
    } catch (error) {
      if (!isUndecodable(error)) throw error;
      metrics.finding(request ? CAPTURE_FINDINGS.undecodableRequest : CAPTURE_FINDINGS.undecodableResponse);
    }
  }

  private findVersion(call: CallRecord, known: KnownVersion | undefined): void {
    const { metrics, config } = this.options;
    if (call.version === undefined) metrics.finding(CAPTURE_FINDINGS.noVersion);
    else if (known?.registered === false || !metrics.isNamed(call.version))
      metrics.finding(CAPTURE_FINDINGS.unknownVersion);
    else if (config.registry !== undefined && !known?.profile) metrics.finding(CAPTURE_FINDINGS.noProfile);
  }
}

/** A body that is nested deeper than the stack is one, too. */
function isUndecodable(error: unknown): boolean {
  return error instanceof PayloadError || error instanceof RangeError;
}

/** By its id, so that a request and its response, wherever they go, are kept together or not at all. */
function isSampled(id: string, share: number): boolean {
  return share >= 1 || createHash('sha256').update(id).digest().readUInt32BE(0) < share * 2 ** 32;
}
