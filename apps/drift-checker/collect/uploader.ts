import { setMaxListeners } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { messageOf } from '../../common/failure';
import { type Log } from '../../common/log';
import { type StoreFolder } from '../../common/store-files';
import { type ClosedSegment } from './segment-log';

/** A segment, and the folder of the log that it belongs in. */
export interface Upload extends ClosedSegment {
  readonly folder: string;
}

export interface UploaderOptions {
  readonly store: Pick<StoreFolder, 'put'>;
  readonly log: Log;
  /** Called after every attempt. */
  readonly onAttempt: (stored: boolean) => void;
  /** First and longest wait after a failed attempt, in milliseconds. */
  readonly backoffMs?: readonly [number, number];
}

const PARALLEL = 2;
/** Longest wait after a failed attempt once it is to end, in milliseconds. */
const LAST_WAIT = 1000;

/** Brings closed segments to the store, packed, again and again until they are there. */
export class Uploader {
  private readonly queue: Upload[] = [];
  private readonly wakeUp = new Set<() => void>();
  private readonly draining = new AbortController();
  private readonly ended = new AbortController();
  private readonly workers: readonly Promise<void>[];
  private waitingBytes = 0;
  private busy = 0;

  constructor(private readonly options: UploaderOptions) {
    setMaxListeners(0, this.ended.signal);
    this.workers = Array.from({ length: PARALLEL }, () => this.work());
  }

  /** Bytes of segments that are not in the store yet. */
  public get bytes(): number {
    return this.waitingBytes;
  }

  /** Segments that are not in the store yet. */
  public get segments(): number {
    return this.queue.length + this.busy;
  }

  public add(upload: Upload): void {
    this.waitingBytes += upload.bytes;
    this.queue.push(upload);
    for (const wake of this.wakeUp) wake();
  }

  /** Waits until all is in the store, but no longer than the deadline; then stops, and breaks off what still runs. */
  public async drain(deadlineMs: number): Promise<void> {
    const until = Date.now() + deadlineMs;
    this.draining.abort();
    while (this.segments > 0 && Date.now() < until) await sleep(20);
    this.ended.abort(new Error('the collector has ended'));
    for (const wake of this.wakeUp) wake();
    await Promise.race([Promise.all(this.workers), sleep(1000, undefined, { ref: false })]);
  }

  private async work(): Promise<void> {
    const [first, longest] = this.options.backoffMs ?? [1000, 30_000];
    let wait = first;
    while (!this.ended.signal.aborted) {
      const next = this.queue.shift();
      if (!next) {
        await this.woken();
        continue;
      }
      this.busy++;
      const stored = await this.upload(next);
      // Behind the others: one that cannot be read must not keep them from the store.
      if (!stored) this.queue.push(next);
      this.busy--;
      if (!stored) await this.pause(wait);
      wait = stored ? first : Math.min(wait * 2, longest);
    }
  }

  private woken(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.wakeUp.delete(wake);
        resolve();
      };
      this.wakeUp.add(wake);
    });
  }

  private async pause(wait: number): Promise<void> {
    const isLast = this.draining.signal.aborted;
    // Many collectors that lost the same store must not all come back at once.
    const milliseconds = (isLast ? Math.min(wait, LAST_WAIT) : wait) * (0.5 + Math.random());
    const { signal } = isLast ? this.ended : this.draining;
    await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
  }

  private async upload(upload: Upload): Promise<boolean> {
    const { store, log, onAttempt } = this.options;
    const { signal } = this.ended;
    const packed = `${upload.path}.gz`;
    try {
      // No more than was acknowledged: behind it may be what a failing disk left.
      const source = createReadStream(upload.path, { highWaterMark: CHUNK, end: upload.bytes - 1 });
      // The lowest level: the next ones take twice the time for a tenth of the size.
      await pipeline(source, createGzip({ level: 1 }), createWriteStream(packed), { signal });
      await store.put(packed, remoteName(upload), signal);
      await rm(upload.path, { force: true });
      this.waitingBytes -= upload.bytes;
      onAttempt(true);
      return true;
    } catch (error) {
      onAttempt(false);
      log.warn(
        { segment: basename(upload.path), waitingBytes: this.waitingBytes },
        `not stored yet: ${messageOf(error)}`,
      );
      // On a full disk it would be in the way of itself.
      await rm(packed, { force: true }).catch(() => undefined);
      return false;
    }
  }
}

const CHUNK = 1 << 18;

/** The same for the same segment, whoever brings it: put a second time, it replaces itself. */
function remoteName({ folder, path, openedAt }: Upload): string {
  const [date = '', time = ''] = new Date(openedAt).toISOString().split('T');
  return `${folder}/dt=${date}/hour=${time.slice(0, 2)}/${basename(path)}.gz`;
}
