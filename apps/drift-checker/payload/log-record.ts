import { isObject, type JsonObject } from './json-body';
import { PayloadError, shown } from './payload-error';

/** One body that the logger kept: of a request, or of the response to it. */
export interface LogRecord {
  readonly kind: 'request' | 'response';
  /** The same for a request and its response: the caller's `Ce-Id` header, or the logger's own. */
  readonly id: string;
  /** When the logger saw it; absent in records of older KServe versions. */
  readonly occurredAt?: Date;
  readonly inferenceService?: string;
  /** `default` or `canary`. */
  readonly endpoint?: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** The HTTP body as it was sent. */
  readonly body: Uint8Array;
  /** Of the request, in records of responses too: that is what KServe writes. */
  readonly contentType?: string;
}

/** The readable records of an object, and what is wrong with the others: `record <index>: …`, counted from 0. */
export interface LogObject {
  readonly records: LogRecord[];
  readonly problems: string[];
}

/**
 * Reads an object that KServe's payload logger wrote: a JSON record, an array of them, or one of either per line. Keys
 * may be in any case. An unreadable record is a problem and loses no other; the function throws nothing.
 */
export function parseLogObject(text: string): LogObject {
  const records: LogRecord[] = [];
  const problems: string[] = [];
  const names = new FieldNames();
  entriesOf(text).forEach((entry, index) => {
    try {
      if (entry instanceof PayloadError) throw entry;
      records.push(toRecord(names.normalize(entry)));
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      problems.push(`record ${index}: ${error.message}`);
    }
  });
  return { records, problems };
}

/** The entries as parsed, or why they can't be. */
function entriesOf(text: string): unknown[] {
  const json = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const whole = parseEntry(json);
  if (!(whole instanceof PayloadError)) return Array.isArray(whole) ? whole : [whole];
  const lines = json.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) return [];
  const entries = lines.map(parseEntry);
  // Where no line is a record, the text is one broken document and not many broken lines.
  return entries.some((entry) => typeof entry === 'object' && !(entry instanceof PayloadError))
    ? entries.flat(1)
    : [whole];
}

function parseEntry(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return new PayloadError(`is not JSON: it starts with ${shown(text)}`);
  }
}

/** Keys in lower case, each spelling converted once. */
class FieldNames {
  private readonly lower = new Map<string, string>();

  public normalize(entry: unknown): JsonObject {
    if (!isObject(entry)) throw new PayloadError(`is ${shown(entry)}; expected an object`);
    const fields: JsonObject = {};
    for (const key in entry) {
      let name = this.lower.get(key);
      if (name === undefined) {
        name = key.toLowerCase();
        this.lower.set(key, name);
      }
      if (KNOWN.has(name)) fields[name] = entry[key];
    }
    return fields;
  }
}

const KNOWN: ReadonlySet<string> = new Set([
  ...['bytes', 'contenttype', 'reqtype', 'id', 'inferenceservice', 'endpoint', 'annotations', 'occurrencetime'],
  // As CloudEvents call them.
  ...['data_base64', 'datacontenttype', 'type', 'inferenceservicename', 'recordedtime', 'time'],
]);

function toRecord(fields: JsonObject): LogRecord {
  const kind = kindOf(fields.reqtype ?? fields.type);
  const { id } = fields;
  if (typeof id !== 'string' || id === '') throw new PayloadError(`'id' is ${shown(id)}; expected text`);
  return {
    kind,
    id,
    occurredAt: eventTime(fields.occurrencetime ?? fields.recordedtime ?? fields.time),
    inferenceService: textOf(fields.inferenceservice ?? fields.inferenceservicename),
    endpoint: textOf(fields.endpoint),
    annotations: annotationsOf(fields.annotations),
    body: bytesOf(fields.bytes === undefined ? fields.data_base64 : fields.bytes),
    contentType: textOf(fields.contenttype ?? fields.datacontenttype),
  };
}

/** Types of the logger's events. */
export const REQUEST = 'org.kubeflow.serving.inference.request';
export const RESPONSE = 'org.kubeflow.serving.inference.response';

function kindOf(type: unknown): LogRecord['kind'] {
  if (type === REQUEST) return 'request';
  if (type === RESPONSE) return 'response';
  throw new PayloadError(`'reqType' is ${shown(type)}; expected '${REQUEST}' or '${RESPONSE}'`);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

// Without an offset a time would be read in the zone of whoever reads it.
const RFC_3339 = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;
/** Go's time that was never set. */
const UNSET_TIME = '0001-01-01T00:00:00Z';

/**
 * A time of a CloudEvent; undefined where it was not set.
 *
 * @throws PayloadError when it is no time with its offset
 */
export function eventTime(value: unknown, name = 'occurrenceTime'): Date | undefined {
  if (value === undefined || value === null || value === '' || value === UNSET_TIME) return undefined;
  const time = typeof value === 'string' && RFC_3339.test(value) ? new Date(value) : undefined;
  if (time && !Number.isNaN(time.getTime())) return time;
  throw new PayloadError(`'${name}' is ${shown(value)}; expected a time such as 2026-01-31T12:00:00Z`);
}

/** An object, or its JSON: a CloudEvents extension is a text. What isn't text in it is left out. */
export function annotationsOf(value: unknown): Record<string, string> {
  if (value === undefined || value === null || value === '') return {};
  const object = typeof value === 'string' ? parseEntry(value) : value;
  if (!isObject(object) || object instanceof PayloadError) {
    throw new PayloadError(`'annotations' is ${shown(value)}; expected an object of texts`);
  }
  const texts: Record<string, string> = {};
  for (const key in object) {
    const text = object[key];
    if (typeof text === 'string') texts[key] = text;
  }
  return texts;
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function bytesOf(value: unknown): Buffer {
  if (typeof value !== 'string') throw new PayloadError(`'bytes' is ${shown(value)}; expected base64`);
  const bytes = Buffer.from(value, 'base64');
  // The decoder skips what it can't read, so the length tells, and only what differs needs a closer look.
  if (bytes.length === decodedLength(value)) return bytes;
  const compact = value.replace(/\s+/g, '');
  if (BASE64.test(compact) && bytes.length === decodedLength(compact)) return bytes;
  throw new PayloadError(`'bytes' is ${shown(value)}; expected base64`);
}

function decodedLength(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return Math.floor(((base64.length - padding) * 3) / 4);
}
