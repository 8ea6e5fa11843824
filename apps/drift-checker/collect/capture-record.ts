import { isUtf8 } from 'node:buffer';
import { type Body, isObject, type JsonObject } from '../payload/json-body';
import { PayloadError, shown } from '../payload/payload-error';

/** One body of a call, as the log keeps it until it is compacted. */
export interface CallRecord {
  readonly kind: 'request' | 'response';
  /** The same for a request and its response. */
  readonly id: string;
  /** Absent when the event did not say which version answers. */
  readonly version?: string;
  /** When it happened, in milliseconds since the epoch; absent when the event did not say. */
  readonly time?: number;
  /** When the collector got it, in milliseconds since the epoch. */
  readonly received: number;
  /** The id by which the label comes back, where the call carried one in a header. */
  readonly requestId?: string;
  /** The HTTP body as it was sent; text or parsed once it was read back. */
  readonly body: Body;
}

/** What is known by now of what a prediction should have been. */
export interface LabelRecord {
  readonly kind: 'label';
  readonly requestId: string;
  /** The class, or the number, as text. */
  readonly label: string;
  /** When it was known, in milliseconds since the epoch. */
  readonly time: number;
  /** When the collector got it, in milliseconds since the epoch. */
  readonly received: number;
}

export type CaptureRecord = CallRecord | LabelRecord;

const BRACE = 0x7b;
const NEW_LINE = 0x0a;
const DATA = ',"data":';

/**
 * A record's line, with its end. A line that was cut off anywhere is no JSON object.
 *
 * A body that looks like a JSON object stands in it as it is, last: so it is parsed once, with the line. Whether it is one is not looked
 * at here.
 */
export function serializeRecord(record: CaptureRecord): string {
  if (record.kind === 'label') return `${JSON.stringify(record)}\n`;
  const head = headOf(record);
  const bytes = bytesOf(record.body);
  if (!isUtf8(bytes)) return `${head},"bytes":"${bytes.toString('base64')}"}\n`;
  const text = bytes.toString('utf8');
  if (bytes[0] !== BRACE || bytes.includes(NEW_LINE)) return `${head},"body":${JSON.stringify(text)}}\n`;
  return `${head}${DATA}${text}}\n`;
}

/** All of a record but its body, without the end; the same for a record that was read as for the one that was written. */
function headOf({ kind, id, version, time, received, requestId }: Omit<CallRecord, 'body'>): string {
  return JSON.stringify({ kind, id, version, time, received, requestId }).slice(0, -1);
}

function bytesOf(body: Body): Buffer {
  if (typeof body === 'string') return Buffer.from(body, 'utf8');
  return ArrayBuffer.isView(body)
    ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    : Buffer.from(JSON.stringify(body), 'utf8');
}

/** @throws PayloadError when a line is no record */
export function parseRecord(line: string): CaptureRecord {
  const value = parseLine(line);
  if (!isObject(value)) throw new PayloadError(`is ${shown(value)}; expected an object`);
  const { kind, body, bytes, data } = value;
  if (typeof value.received === 'number') {
    if (kind === 'label' && typeof value.requestId === 'string' && typeof value.label === 'string')
      return value as unknown as LabelRecord;
    if ((kind === 'request' || kind === 'response') && typeof value.id === 'string') {
      const call = value as unknown as CallRecord & { body: Body };
      if (isObject(data)) {
        // Millions of them are read: a copy of each would be most of the work.
        call.body = data;
        return call;
      }
      if (typeof body === 'string') return call;
      if (typeof bytes === 'string') return { ...call, body: Buffer.from(bytes, 'base64') };
    }
  }
  throw new PayloadError(`is ${shown(value)}; expected a request, a response or a label`);
}

function parseLine(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && 'data' in value && !isOwnHead(value, line) ? splitLine(line) : value;
  } catch {
    return splitLine(line);
  }
}

/**
 * Whether a line begins with what its record says. A body that is no JSON may have closed the record before its end, added to it, and
 * replaced what it was received with: whose call it is, of which version, and when.
 */
function isOwnHead(value: JsonObject, line: string): boolean {
  return Object.keys(value).at(-1) === 'data' && line.startsWith(`${headOf(value as unknown as CallRecord)}${DATA}`);
}

/** A record whose body is no JSON: whoever decodes it says what is wrong with it. */
function splitLine(line: string): unknown {
  const at = line.indexOf(DATA);
  if (at < 0 || !line.endsWith('}')) throw new PayloadError(`is not JSON: it starts with ${shown(line)}`);
  try {
    const head = JSON.parse(`${line.slice(0, at)}}`) as object;
    return { ...head, body: line.slice(at + DATA.length, -1) };
  } catch {
    throw new PayloadError(`is not JSON: it starts with ${shown(line)}`);
  }
}
