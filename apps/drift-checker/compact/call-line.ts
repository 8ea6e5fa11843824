import { parseRecord } from '../collect/capture-record';
import { type Body, isObject } from '../payload/json-body';
import { PayloadError, shown } from '../payload/payload-error';

const DATA = Buffer.from(',"data":');

/**
 * A request or a response as it lies in its segment. Its body is parsed once its counterpart is there: what is parsed at once lives shortly, and is
 * collected cheaply.
 */
export class CallLine {
  /** @throws PayloadError when a line is none */
  public static parse(bytes: Buffer, start = 0, end = bytes.length): CallLine {
    const at = bodyOf(bytes, start, end);
    const head = at < 0 ? parseRecord(bytes.toString('utf8', start, end)) : parseHead(bytes, start, at, end);
    if (isObject(head) && typeof head.received === 'number' && typeof head.id === 'string') {
      const { kind, id, version, time, received, requestId } = head;
      if (kind === 'request' || kind === 'response') {
        const [given, name] = [textOr(requestId), textOr(version) ?? ''];
        return new CallLine(bytes, start, at, end, kind, id, name, numberOr(time), received, given);
      }
    }
    throw new PayloadError(`is ${shown(head)}; expected a request or a response`);
  }

  private constructor(
    private readonly bytes: Buffer,
    private readonly start: number,
    /** Where the head ends; -1 where the body does not stand at the end, as it is. */
    private readonly at: number,
    private readonly end: number,
    public readonly kind: 'request' | 'response',
    public readonly id: string,
    /** Empty where the event did not say. */
    public readonly version: string,
    public readonly time: number | undefined,
    public readonly received: number,
    public readonly requestId: string | undefined,
  ) {}

  public get text(): string {
    return this.bytes.toString('utf8', this.start, this.end);
  }

  public get body(): Body {
    if (this.at >= 0) return this.bytes.toString('utf8', this.at + DATA.length, this.end - 1);
    const record = parseRecord(this.text);
    return record.kind === 'label' ? '' : record.body;
  }

  /** What it says, apart from when it was received: the same for an event that came again. */
  public get content(): string {
    return JSON.stringify([this.time, this.requestId, this.body]);
  }
}

/** Where the name of the body begins: quotes in the head's own texts are escaped, so that nothing before it looks the same. */
function bodyOf(bytes: Buffer, start: number, end: number): number {
  const last = end - DATA.length;
  for (let at = start; at < last; at++) {
    let same = 0;
    while (same < DATA.length && bytes[at + same] === DATA[same]) same++;
    if (same === DATA.length) return at;
  }
  return -1;
}

function parseHead(bytes: Buffer, start: number, at: number, end: number): unknown {
  try {
    if (bytes[end - 1] === 0x7d) return JSON.parse(`${bytes.toString('utf8', start, at)}}`);
  } catch {
    // Said below, as of a line that does not end.
  }
  throw new PayloadError(`is not JSON: it starts with ${shown(bytes.toString('utf8', start, end))}`);
}

const textOr = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const numberOr = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
