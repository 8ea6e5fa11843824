import { type IncomingHttpHeaders } from 'node:http';
import { ANNOTATIONS } from 'cdk8s-mlops/contract';
import { annotationsOf, eventTime, REQUEST, RESPONSE } from '../payload/log-record';
import { PayloadError, shown } from '../payload/payload-error';
import { type CallRecord } from './capture-record';

/** What an event's headers say. */
export interface EventHead extends Omit<CallRecord, 'body' | 'received'> {
  /** The InferenceService that it is of. */
  readonly service: string;
}

/** Whether headers are those of a CloudEvent in binary mode. */
export function isCloudEvent(headers: IncomingHttpHeaders): boolean {
  return headers['ce-type'] !== undefined || headers['ce-id'] !== undefined;
}

/** The kind of an event, if it is one of the logger's. */
export function eventKind({ 'ce-type': type }: IncomingHttpHeaders): CallRecord['kind'] | undefined {
  if (type === REQUEST) return 'request';
  return type === RESPONSE ? 'response' : undefined;
}

/**
 * Reads the headers that KServe's payload logger sets.
 *
 * @param requestIdHeader header of the call with the id for labels, which the logger passes on in `ce-metadata`
 * @throws PayloadError when it is another event, or one of its headers cannot be read
 * @see https://github.com/kserve/kserve/blob/v0.20.0/pkg/logger/worker.go
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 */
export function readEventHead(headers: IncomingHttpHeaders, requestIdHeader?: string): EventHead {
  const kind = eventKind(headers);
  if (!kind)
    throw new PayloadError(`'ce-type' is ${shown(headers['ce-type'])}; expected '${REQUEST}' or '${RESPONSE}'`);
  const id = text(headers, 'ce-id');
  if (id === undefined) throw new PayloadError(`'ce-id' is missing; expected the id that request and response share`);
  const version = readJson(headers, 'ce-annotations')[ANNOTATIONS.version];
  return {
    kind,
    id,
    service: text(headers, 'ce-inferenceservicename') ?? '',
    ...(version && { version }),
    ...timeField(eventTime(text(headers, 'ce-time'), 'ce-time')),
    ...requestIdField(headers, requestIdHeader),
  };
}

function timeField(time: Date | undefined): Pick<EventHead, 'time'> {
  return time ? { time: time.getTime() } : {};
}

function requestIdField(headers: IncomingHttpHeaders, name: string | undefined): Pick<EventHead, 'requestId'> {
  if (name === undefined) return {};
  const wanted = name.toLowerCase();
  const [, requestId] =
    Object.entries(readJson(headers, 'ce-metadata')).find(([key]) => key.toLowerCase() === wanted) ?? [];
  return requestId ? { requestId } : {};
}

function text(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  const single = Array.isArray(value) ? value[0] : value;
  return single === undefined || single === '' ? undefined : unescaped(single);
}

/** The binding wants quotes and spaces percent-encoded; not every sender does so. */
function unescaped(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Headers whose values are objects of texts, or of lists of which the first counts. */
function readJson(headers: IncomingHttpHeaders, name: string): Record<string, string> {
  const value = text(headers, name);
  if (value === undefined) return {};
  try {
    return annotationsOf(firstOfLists(JSON.parse(value)));
  } catch {
    throw new PayloadError(`'${name}' is ${shown(value)}; expected the JSON of an object of texts`);
  }
}

function firstOfLists(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]: [string, unknown]) => [
      key,
      Array.isArray(each) ? (each[0] as unknown) : each,
    ]),
  );
}
