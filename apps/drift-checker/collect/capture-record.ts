import { isUtf8 } from 'node:buffer';
import { isObject } from '../payload/json-body';
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
  /** The HTTP body as it was sent; text once it was read back. */
  readonly body: Uint8Array | string;
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

/** A record's line, with its end. A line that was cut off anywhere is no JSON object. */
export function serializeRecord(record: CaptureRecord): string {
  if (record.kind === 'label') return `${JSON.stringify(record)}\n`;
  const { body, ...rest } = record;
  if (typeof body === 'string') return `${JSON.stringify(record)}\n`;
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  // As text it is smaller, and packs better, than in base64.
  const content = isUtf8(bytes) ? { body: bytes.toString('utf8') } : { bytes: bytes.toString('base64') };
  return `${JSON.stringify({ ...rest, ...content })}\n`;
}

/** @throws PayloadError when a line is no record */
export function parseRecord(line: string): CaptureRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new PayloadError(`is not JSON: it starts with ${shown(line)}`);
  }
  if (!isObject(value)) throw new PayloadError(`is ${shown(value)}; expected an object`);
  const { kind, body, bytes } = value;
  if (typeof value.received === 'number') {
    if (kind === 'label' && typeof value.requestId === 'string' && typeof value.label === 'string')
      return value as unknown as LabelRecord;
    if ((kind === 'request' || kind === 'response') && typeof value.id === 'string') {
      if (typeof body === 'string') return value as unknown as CallRecord;
      if (typeof bytes === 'string') return { ...(value as unknown as CallRecord), body: Buffer.from(bytes, 'base64') };
    }
  }
  throw new PayloadError(`is ${shown(value)}; expected a request, a response or a label`);
}
