import { parseRecord } from '../collect/capture-record';
import { type Body, isObject } from '../payload/json-body';
import { PayloadError, shown } from '../payload/payload-error';

const DATA = ',"data":';
const BRACE = 0x7d;
const TEXT = String.raw`"([^"\\\u0000-\u001f]*)"`;
const NUMBER = String.raw`(-?\d+(?:\.\d+)?)`;
/** The head of nearly every record, as it is written; of others it is parsed, which takes three times as long. */
const HEAD = new RegExp(
  String.raw`\{"kind":"(request|response)","id":${TEXT}(?:,"version":${TEXT})?(?:,"time":${NUMBER})?,"received":${NUMBER}(?:,"requestId":${TEXT})?${DATA}`,
  'y',
);

/**
 * A request or a response as it lies in its segment. Its body is parsed once its counterpart is there: what is parsed at once lives shortly, and is
 * collected cheaply.
 */
export class CallLine {
  /** @throws PayloadError when a line is none */
  public static parse(lines: string, start = 0, end = lines.length): CallLine {
    HEAD.lastIndex = start;
    const written = HEAD.exec(lines);
    if (written && HEAD.lastIndex < end && lines.charCodeAt(end - 1) === BRACE) {
      const [, kind, id, version = '', time, received, requestId] = written;
      const at = time === undefined ? undefined : Number(time);
      const known = kind as 'request' | 'response';
      return new CallLine(lines, start, HEAD.lastIndex, end, known, id!, version, at, Number(received), requestId);
    }
    return CallLine.parseOther(lines, start, end);
  }

  private static parseOther(lines: string, start: number, end: number): CallLine {
    const line = lines.slice(start, end);
    // Quotes in the head's own texts are escaped, so that nothing before it looks the same.
    const found = line.indexOf(DATA);
    const head = found < 0 ? parseRecord(line) : parseHead(line, found);
    // Where the body does not stand at the end, as it is, the line is parsed whole.
    const body = found < 0 ? -1 : start + found + DATA.length;
    if (isObject(head) && typeof head.received === 'number' && typeof head.id === 'string') {
      const { kind, id, version, time, received, requestId } = head;
      if (kind === 'request' || kind === 'response') {
        const [given, name] = [textOr(requestId), textOr(version) ?? ''];
        return new CallLine(lines, start, body, end, kind, id, name, numberOr(time), received, given);
      }
    }
    throw new PayloadError(`is ${shown(head)}; expected a request or a response`);
  }

  private constructor(
    private readonly lines: string,
    private readonly start: number,
    /** Where the body begins; -1 where it does not stand at the end, as it is. */
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
    return this.lines.slice(this.start, this.end);
  }

  public get body(): Body {
    if (this.at >= 0) return this.lines.slice(this.at, this.end - 1);
    const record = parseRecord(this.text);
    return record.kind === 'label' ? '' : record.body;
  }

  /** What it says, apart from when it was received: the same for an event that came again. */
  public get content(): string {
    return JSON.stringify([this.time, this.requestId, this.body]);
  }
}

function parseHead(line: string, end: number): unknown {
  try {
    if (line.endsWith('}')) return JSON.parse(`${line.slice(0, end)}}`);
  } catch {
    // Said below, as of a line that does not end.
  }
  throw new PayloadError(`is not JSON: it starts with ${shown(line)}`);
}

const textOr = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const numberOr = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
