import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { CAPTURE_FOLDERS, COMPACTION_FINDINGS } from 'cdk8s-mlops/contract';
import { messageOf } from '../../common/failure';
import { type StoreFile, type StoreFolder } from '../../common/store-files';
import { type CaptureRecord, parseRecord } from '../collect/capture-record';
import { PayloadError } from '../payload/payload-error';
import { type Findings } from './findings';

const unpacked = promisify(gunzip);
/** A segment that is larger is none of a collector's. */
const LARGEST = 1 << 30;
const SEGMENT = /\/dt=(\d{4}-\d{2}-\d{2})\/hour=(\d{2})\/[^/]+\.jsonl\.gz$/;
const NEW_LINE = 10;

/** Segments of a folder that collectors have brought, oldest first. */
export async function listSegments(store: StoreFolder, kind: 'events' | 'labels'): Promise<StoreFile[]> {
  const files = await store.list(CAPTURE_FOLDERS[kind]);
  return files.filter(({ name }) => SEGMENT.test(name));
}

/** When the records of a segment were received at the earliest; undefined for other files. */
export function segmentHour(name: string): Date | undefined {
  const [, date, hour] = SEGMENT.exec(name) ?? [];
  return date === undefined ? undefined : new Date(`${date}T${hour}:00:00Z`);
}

/**
 * Reads a segment's records; what is none is counted, and loses no other.
 *
 * @returns whether it could be read at all
 */
export async function readSegment(
  path: string,
  name: string,
  findings: Findings,
  take: (record: CaptureRecord) => void,
): Promise<boolean> {
  let bytes: Buffer;
  try {
    bytes = await unpacked(await readFile(path), { maxOutputLength: LARGEST });
  } catch (error) {
    findings.add(COMPACTION_FINDINGS.unreadable, 1, `'${name}' cannot be unpacked: ${messageOf(error)}`);
    return false;
  }
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(NEW_LINE, start);
    const stop = end < 0 ? bytes.length : end;
    if (stop > start) readLine(bytes.toString('utf8', start, stop), name, findings, take);
    start = stop + 1;
  }
  return true;
}

function readLine(line: string, name: string, findings: Findings, take: (record: CaptureRecord) => void): void {
  let record: CaptureRecord;
  try {
    record = parseRecord(line);
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    findings.add(COMPACTION_FINDINGS.unreadable, 1, `a record of '${name}' ${error.message}`);
    return;
  }
  take(record);
}
