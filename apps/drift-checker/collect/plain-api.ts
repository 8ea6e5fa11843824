import { type ModelSchema } from 'cdk8s-mlops/contract';
import { isObject, type JsonObject, parseBody } from '../payload/json-body';
import { eventTime } from '../payload/log-record';
import { PayloadError, shown } from '../payload/payload-error';
import { type CallRecord, type LabelRecord } from './capture-record';

/** Most problems that one answer lists. */
const MOST_PROBLEMS = 20;
const LONGEST_ID = 512;

/** Something that was sent and is not as it should be, with everything that is wrong. */
export class MalformedCall extends Error {
  constructor(public readonly problems: readonly string[]) {
    super(problems.join('; '));
  }
}

/**
 * Reads the body of a call to `/v1/predictions`: `{"predictions": [...]}` or one of them. Each becomes a request and its response, as a
 * payload logger would have sent them.
 *
 * @throws MalformedCall with all that is wrong; then none of the call counts
 */
export function readPredictions(body: Uint8Array, received: number): CallRecord[] {
  return items(
    body,
    'predictions',
    ['request_id', 'timestamp', 'version', 'features', 'prediction', 'prediction_score', 'duration_seconds'],
    (item, report) => {
      const id = requestId(item, report);
      const { version, features, prediction, prediction_score: score, duration_seconds: duration } = item;
      if (typeof version !== 'string' || version === '')
        report('version', version, 'the version that answered, as text');
      if (!isObject(features)) report('features', features, 'an object of feature names and values');
      if (prediction === undefined) report('prediction', prediction, 'what the model answered, or null');
      if (score !== undefined && score !== null && typeof score !== 'number')
        report('prediction_score', score, 'a number');
      if (duration !== undefined && !(typeof duration === 'number' && duration >= 0))
        report('duration_seconds', duration, 'the seconds from request to response');
      const time = readTime(item, 'timestamp', report) ?? received;
      const call = { id, version: String(version), received };
      const answer = score === undefined ? prediction : { prediction, score };
      return [
        { ...call, kind: 'request', time, body: JSON.stringify({ instances: [features] }) },
        {
          ...call,
          kind: 'response',
          time: time + 1000 * Number(duration ?? 0),
          body: JSON.stringify({ predictions: [answer] }),
        },
      ];
    },
  );
}

/**
 * Reads the body of a call to `/v1/labels`: `{"labels": [...]}` or one of them.
 *
 * @throws MalformedCall with all that is wrong; then none of the call counts
 */
export function readLabels(body: Uint8Array, received: number, task: ModelSchema['task']): LabelRecord[] {
  return items(body, 'labels', ['request_id', 'label', 'label_timestamp'], (item, report) => {
    const { label } = item;
    const problem = labelProblem(label, task);
    if (problem !== undefined) report('label', label, problem);
    const time = readTime(item, 'label_timestamp', report) ?? received;
    return [{ kind: 'label', requestId: requestId(item, report), label: String(label), time, received }];
  });
}

function labelProblem(label: unknown, { type, classes }: ModelSchema['task']): string | undefined {
  if (type === 'regression') return typeof label === 'number' ? undefined : 'a number';
  const isText = typeof label === 'string' || typeof label === 'number' || typeof label === 'boolean';
  return isText && (classes ?? [String(label)]).includes(String(label))
    ? undefined
    : `one of ${(classes ?? []).join(', ')}`;
}

type Report = (field: string, value: unknown, expected: string) => void;

function requestId({ request_id: id }: JsonObject, report: Report): string {
  if (typeof id === 'string' && id !== '' && id.length <= LONGEST_ID) return id;
  report('request_id', id, `a text of at most ${LONGEST_ID} characters`);
  return '';
}

function readTime(item: JsonObject, field: string, report: Report): number | undefined {
  try {
    return eventTime(item[field], field)?.getTime();
  } catch {
    report(field, item[field], 'a time with its offset, such as 2026-01-31T12:00:00Z');
    return undefined;
  }
}

function items<T>(
  body: Uint8Array,
  list: string,
  fields: readonly string[],
  read: (item: JsonObject, report: Report) => T[],
): T[] {
  const call = parsed(body);
  const all = list in call ? call[list] : [call];
  if (!Array.isArray(all)) throw new MalformedCall([`'${list}' is ${shown(all)}; expected a list`]);
  const problems: string[] = [];
  const records = all.flatMap((item: unknown, index) => {
    const at = list in call ? `${list}[${index}]` : 'the body';
    if (!isObject(item)) {
      problems.push(`${at} is ${shown(item)}; expected an object`);
      return [];
    }
    const unknown = Object.keys(item).filter((field) => !fields.includes(field));
    if (unknown.length > 0) problems.push(`${at} has ${unknown.join(', ')}; expected ${fields.join(', ')}`);
    return read(item, (field, value, expected) =>
      problems.push(`${at}.${field} is ${shown(value)}; expected ${expected}`),
    );
  });
  const more = problems.length - MOST_PROBLEMS;
  if (more > 0) throw new MalformedCall([...problems.slice(0, MOST_PROBLEMS), `and ${more} more`]);
  if (problems.length > 0) throw new MalformedCall(problems);
  return records;
}

function parsed(body: Uint8Array): JsonObject {
  try {
    return parseBody(body, 'the body');
  } catch (error) {
    if (error instanceof PayloadError) throw new MalformedCall([error.message]);
    throw error;
  }
}
