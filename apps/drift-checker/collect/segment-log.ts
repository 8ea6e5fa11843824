import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { diskProblem } from '../../common/atomic-files';
import { Failure } from '../../common/failure';
import { type Log } from '../../common/log';

/** When a segment is closed. */
export interface SegmentLimits {
  readonly segmentBytes: number;
  readonly segmentSeconds: number;
}

/** A segment that nobody writes any more. */
export interface ClosedSegment {
  readonly path: string;
  readonly bytes: number;
  /** When it was begun, in milliseconds since the epoch: its hour is that of its records' receipt. */
  readonly openedAt: number;
}

export interface SegmentLogOptions {
  /** Of its own: whatever segments are there are taken over. */
  readonly directory: string;
  readonly limits: SegmentLimits;
  readonly log: Log;
  readonly onClosed: (segment: ClosedSegment) => void;
  readonly now?: () => number;
}

interface Waiting {
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

interface OpenSegment {
  readonly file: FileHandle;
  readonly path: string;
  readonly openedAt: number;
  bytes: number;
}

const SUFFIX = '.jsonl';
const HOUR = 3_600_000;

/**
 * Lines on a disk, in segments. Lines that come while others are being written are written together, once. What was acknowledged
 * survives the process, killed at any byte: a line that was cut off was never acknowledged, and is cut away.
 */
export class SegmentLog {
  private current: OpenSegment | undefined;
  private lines: string[] = [];
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private writing: Promise<void> | undefined;
  private failing = false;
  private readonly now: () => number;

  constructor(private readonly options: SegmentLogOptions) {
    this.now = options.now ?? Date.now;
  }

  /** Bytes of the segment that is being written, and of what waits to be. */
  public get bytes(): number {
    return (this.current?.bytes ?? 0) + this.waitingBytes;
  }

  /**
   * Takes over what an earlier process left.
   *
   * @returns how many lines it had begun and not finished
   * @throws Failure when the directory cannot be used
   */
  public async recover(): Promise<number> {
    const { directory, onClosed } = this.options;
    try {
      await mkdir(directory, { recursive: true });
      let torn = 0;
      for (const name of await readdir(directory)) {
        const path = join(directory, name);
        if (!name.endsWith(SUFFIX)) {
          await rm(path, { force: true });
          continue;
        }
        const { end, size } = await lastLineEnd(path);
        if (end < size) {
          torn++;
          await truncate(path, end);
        }
        if (end === 0) await rm(path, { force: true });
        else onClosed({ path, bytes: end, openedAt: Number(name.split('-')[0]) || this.now() });
      }
      return torn;
    } catch (error) {
      throw Failure.configuration(`cannot use the buffer '${directory}': ${diskProblem(error)}`);
    }
  }

  /** Appends lines; they are on the disk when the promise resolves, and nowhere when it rejects. */
  public append(lines: string): Promise<void> {
    return new Promise<void>((done, failed) => {
      this.lines.push(lines);
      this.waiting.push({ done, failed });
      this.waitingBytes += Buffer.byteLength(lines);
      this.writing ??= this.write();
    });
  }

  /** Closes the segment if it is full, old, or of an hour that is over; always when asked to. */
  public async rotate(always = false): Promise<void> {
    // Whatever comes while this waits belongs to the segment, too.
    while (this.writing) await this.writing;
    if (this.current && (always || this.isDue(this.current))) await this.retire();
  }

  private isDue({ bytes, openedAt }: OpenSegment): boolean {
    const { segmentBytes, segmentSeconds } = this.options.limits;
    const now = this.now();
    return (
      bytes >= segmentBytes ||
      now - openedAt >= segmentSeconds * 1000 ||
      Math.floor(now / HOUR) > Math.floor(openedAt / HOUR)
    );
  }

  /** Goes on in another segment; only while nothing is being written. */
  private async retire(): Promise<void> {
    const { current } = this;
    if (!current) return;
    this.current = undefined;
    const { file, path, bytes, openedAt } = current;
    // All of it is written: whether the file can be closed changes nothing.
    if (bytes > 0) this.options.onClosed({ path, bytes, openedAt });
    await file.close().catch(() => undefined);
    if (bytes === 0) await rm(path, { force: true }).catch(() => undefined);
  }

  private async write(): Promise<void> {
    // Whatever else comes in this turn of the event loop is written with it.
    await Promise.resolve();
    while (this.lines.length > 0) {
      const bytes = Buffer.from(this.lines.length === 1 ? this.lines[0]! : this.lines.join(''), 'utf8');
      const waiting = this.waiting;
      [this.lines, this.waiting] = [[], []];
      try {
        await this.writeWhole(bytes);
        this.waitingBytes -= bytes.length;
        this.failing = false;
        for (const { done } of waiting) done();
      } catch (error) {
        this.waitingBytes -= bytes.length;
        // A full disk would otherwise fill the log as well.
        if (!this.failing) this.options.log.error(`cannot write the buffer: ${diskProblem(error)}`);
        this.failing = true;
        for (const { failed } of waiting) failed(error);
        // What it has may make room once it is stored, and its file may never work again.
        await this.retire();
      }
      if (this.current && this.isDue(this.current)) await this.retire();
    }
    this.writing = undefined;
  }

  private async writeWhole(bytes: Uint8Array): Promise<void> {
    const segment = (this.current ??= await this.begin());
    let written = 0;
    try {
      while (written < bytes.length) {
        const rest = bytes.length - written;
        written += (await segment.file.write(bytes, written, rest, segment.bytes + written)).bytesWritten;
      }
    } catch (error) {
      // What is half there was not acknowledged.
      await segment.file.truncate(segment.bytes).catch(() => undefined);
      throw error;
    }
    segment.bytes += bytes.length;
  }

  private async begin(): Promise<OpenSegment> {
    const openedAt = this.now();
    const path = join(this.options.directory, `${openedAt}-${randomBytes(6).toString('hex')}${SUFFIX}`);
    return { file: await open(path, 'wx'), path, openedAt, bytes: 0 };
  }
}

const TAIL = 1 << 20;
const NEW_LINE = 10;

/** Where a file's last whole line ends. */
async function lastLineEnd(path: string): Promise<{ end: number; size: number }> {
  const { size } = await stat(path);
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(TAIL);
    for (let start = size; start > 0;) {
      const from = Math.max(0, start - TAIL);
      const { bytesRead } = await file.read(buffer, 0, start - from, from);
      const at = buffer.subarray(0, bytesRead).lastIndexOf(NEW_LINE);
      if (at >= 0) return { end: from + at + 1, size };
      start = from;
    }
    return { end: 0, size };
  } finally {
    await file.close();
  }
}
