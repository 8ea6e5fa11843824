import { isAscii } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { CAPTURE_FOLDERS, COMPACTION_FINDINGS } from 'cdk8s-mlops/contract';
import { messageOf } from '../../common/failure';
import { type StoreFile, type StoreFolder } from '../../common/store-files';
import { PayloadError } from '../payload/payload-error';
import { type Findings } from './findings';

const unpacked = promisify(gunzip);
/** A segment that is larger is none of a collector's: unpacked, it must fit into memory. */
const LARGEST = 256 * 1024 ** 2;
/** A gzip file ends with its size, which may be wrong. */
const SIZE_BYTES = 4;
const LARGEST_PIECE = 64 * 1024 ** 2;
const MORE = 1024;
const SEGMENT = /\/dt=(\d{4}-\d{2}-\d{2})\/hour=(\d{2})\/(?:[^/]*-)?(\d+)-[^/]+\.jsonl\.gz$/;
/** Segments that are fetched together, while those before are read. */
const TOGETHER = 8;

/** Segments of a folder that collectors have brought, oldest first: the halves of a call lie in segments of about the same time. */
export async function listSegments(store: StoreFolder, kind: 'events' | 'labels'): Promise<StoreFile[]> {
  const files = (await store.list(CAPTURE_FOLDERS[kind])).filter(({ name }) => SEGMENT.test(name));
  const keys = new Map(files.map((file) => [file, timeOf(file.name)]));
  // Files of one time stay in the order of their names.
  return files.sort((a, b) => keys.get(a)! - keys.get(b)!);
}

/** A segment's name ends with the time at which it was begun, and something random. */
const timeOf = (name: string): number => Number(SEGMENT.exec(name)?.[3]);

/** When the records of a segment were received at the earliest; undefined for other files. */
export function segmentHour(name: string): Date | undefined {
  const [, date, hour] = SEGMENT.exec(name) ?? [];
  return date === undefined ? undefined : new Date(`${date}T${hour}:00:00Z`);
}

/** A segment as it is read. */
export interface Segment {
  readonly name: string;
  /** Its lines; undefined when it cannot be unpacked, which is counted. */
  readonly lines: string | undefined;
}

/** Segments one by one: the next one is unpacked while one is read, and those after it are fetched. */
export async function* openSegments(
  store: StoreFolder,
  segments: readonly StoreFile[],
  directory: string,
  findings: Findings,
): AsyncGenerator<Segment> {
  const names = segments.map(({ name }) => name);
  const groups = Array.from({ length: Math.ceil(names.length / TOGETHER) }, (_, group) =>
    names.slice(group * TOGETHER, (group + 1) * TOGETHER),
  );
  let following = groups[0] && store.fetch(groups[0], directory);
  let next: Promise<Segment> | undefined;
  for (const [group, ofGroup] of groups.entries()) {
    const paths = await following!;
    following = groups[group + 1] && looked(store.fetch(groups[group + 1]!, directory));
    for (const [at, name] of ofGroup.entries()) {
      const segment = looked(unpack(name, paths[at]!, findings).finally(() => store.forget([name], directory)));
      if (next) yield await next;
      next = segment;
    }
  }
  if (next) yield await next;
}

/** Looked at when it is needed; until then nobody would. */
function looked<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

async function unpack(name: string, path: string, findings: Findings): Promise<Segment> {
  try {
    const packed = await readFile(path);
    const bytes = await unpacked(packed, { maxOutputLength: LARGEST, chunkSize: sizeOf(packed) });
    // A text as a whole: that of each line would be made one by one, and those of ASCII are not copied.
    return { name, lines: isAscii(bytes) ? bytes.toString('latin1') : bytes.toString('utf8') };
  } catch (error) {
    findings.add(COMPACTION_FINDINGS.unreadable, 1, `'${name}' cannot be unpacked: ${messageOf(error)}`);
    return { name, lines: undefined };
  }
}

/** A text of its own: a piece of a segment keeps all of it in memory, for as long as it is kept. */
export const detached = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');

/** How large what is packed says that it is, and a little more: unpacked into one piece, it is not copied once more. */
function sizeOf(packed: Buffer): number {
  const said = packed.length < SIZE_BYTES ? 0 : packed.readUInt32LE(packed.length - SIZE_BYTES);
  return Math.min(said, LARGEST_PIECE) + MORE;
}

/**
 * Hands over the lines of a segment; one that is no record is counted, and loses no other.
 *
 * @param take may throw a PayloadError
 */
export function readLines(
  { name, lines = '' }: Segment,
  findings: Findings,
  take: (lines: string, start: number, end: number) => void,
): void {
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf('\n', start);
    const stop = end < 0 ? lines.length : end;
    if (stop > start) {
      try {
        take(lines, start, stop);
      } catch (error) {
        if (!(error instanceof PayloadError)) throw error;
        findings.add(COMPACTION_FINDINGS.unreadable, 1, `a record of '${name}' ${error.message}`);
      }
    }
    start = stop + 1;
  }
}
