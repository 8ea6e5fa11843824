import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
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

/** Brings closed segments to the store, packed, again and again until they are there. */
export class Uploader {
  private readonly queue: Upload[] = [];
  private readonly wakeUp = new Set<() => void>();
  private readonly ended = new AbortController();
  private readonly workers: readonly Promise<void>[];
  private waitingBytes = 0;
  private busy = 0;

  constructor(private readonly options: UploaderOptions) {
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

  /** Waits until all is in the store, but no longer than the deadline; then stops. */
  public async drain(deadlineMs: number): Promise<void> {
    const until = Date.now() + deadlineMs;
    while (this.segments > 0 && Date.now() < until) await sleep(20);
    this.ended.abort();
    for (const wake of this.wakeUp) wake();
    await Promise.race([Promise.all(this.workers), sleep(1000)]);
  }

  private async work(): Promise<void> {
    while (!this.ended.signal.aborted) {
      const next = this.queue.shift();
      if (!next) {
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            this.wakeUp.delete(wake);
            resolve();
          };
          this.wakeUp.add(wake);
        });
        continue;
      }
      this.busy++;
      await this.upload(next);
      this.busy--;
    }
  }

  private async upload(upload: Upload): Promise<void> {
    const { store, log, onAttempt, backoffMs: [first, longest] = [1000, 30_000] } = this.options;
    for (let wait = first; !this.ended.signal.aborted; wait = Math.min(wait * 2, longest)) {
      try {
        const packed = `${upload.path}.gz`;
        // The lowest level: the next ones take twice the time for a tenth of the size.
        await pipeline(createReadStream(upload.path, CHUNKS), createGzip({ level: 1 }), createWriteStream(packed));
        await store.put(packed, remoteName(upload));
        await rm(upload.path, { force: true });
        this.waitingBytes -= upload.bytes;
        onAttempt(true);
        return;
      } catch (error) {
        onAttempt(false);
        log.warn(
          { segment: basename(upload.path), waitingBytes: this.waitingBytes },
          `not stored yet: ${messageOf(error)}`,
        );
        // Many collectors that lost the same store must not all come back at once.
        const pause = wait * (0.5 + Math.random());
        await sleep(pause, undefined, { signal: this.ended.signal }).catch(() => undefined);
      }
    }
    this.queue.unshift(upload);
  }
}

const CHUNKS = { highWaterMark: 1 << 18 };

/** The same for the same segment: put a second time, it replaces itself. */
function remoteName({ folder, path, openedAt }: Upload): string {
  const [date = '', time = ''] = new Date(openedAt).toISOString().split('T');
  return `${folder}/dt=${date}/hour=${time.slice(0, 2)}/${hostname()}-${basename(path)}.gz`;
}
