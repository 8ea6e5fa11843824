import { type ModelSchema } from 'cdk8s-mlops/contract';
import { isObject, type JsonObject, parseBody } from '../payload/json-body';
import { eventTime } from '../payload/log-record';
import { PayloadError, shown } from '../payload/payload-error';
import { type CallRecord, type LabelRecord } from './capture-record';

/** Most problems that one answer lists. */
const MOST_PROBLEMS = 20;
const MOST_NAMES = 8;
const LONGEST_ID = 512;

/** Something that was sent and is not as it should be, with everything that is wrong. */
export class MalformedCall extends Error {
  constructor(public readonly problems: readonly string[]) {
    super(problems.join('; '));
  }
}

/**
 * Reads the body of a call to `/v1/predictions`: `{"predictions": [...]}` or one of them. Each becomes a request and its response, as a
 * payload logger would have sent them; one without an answer is a request only, which counts as an error.
 *
 * @throws MalformedCall with all that is wrong; then none of the call counts
 */
export function readPredictions(body: Uint8Array, received: number): CallRecord[] {
  return items(
    body,
    'predictions',
    ['request_id', 'timestamp', 'version', 'features', 'prediction', 'prediction_score', 'duration_seconds'],
    (item, tell) => {
      let isSound = true;
      const report: Report = (...problem) => {
        isSound = false;
        tell(...problem);
      };
      const id = requestId(item, report);
      const { version, features, prediction, prediction_score: score, duration_seconds: duration } = item;
      if (!isId(version)) report('version', version, `the version that answered, ${ID}`);
      if (!isObject(features)) report('features', features, 'an object of feature names and values');
      else
        for (const [name, value] of Object.entries(features))
          if (!isPlain(value)) report(`features.${name}`, value, 'a number, a text, true, false or null');
      if (prediction === undefined || !(isPlain(prediction) || isPlainList(prediction)))
        report('prediction', prediction, 'what the model answered: a class, a number, a list of them, or null');
      if (!isAbsent(score) && !isNumber(score)) report('prediction_score', score, 'a number');
      if (!isAbsent(duration) && !(isNumber(duration) && duration >= 0))
        report('duration_seconds', duration, 'the seconds from request to response');
      const time = readTime(item, 'timestamp', report) ?? received;
      // What is not plain may be nested too deep to be written.
      if (!isSound) return [];
      const call = { id, version: String(version), received };
      const answer = score === undefined ? prediction : { prediction, score };
      const request = { ...call, kind: 'request' as const, time, body: JSON.stringify({ instances: [features] }) };
      // An error of the server: a request that nobody answered, as where a payload logger sees it.
      if (prediction === null) return [request];
      return [
        request,
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

const isAbsent = (value: unknown): boolean => value === undefined || value === null;
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isPlain = (value: unknown): boolean => typeof value !== 'object' || value === null;
const isPlainList = (value: unknown): boolean => Array.isArray(value) && value.every(isPlain);

const ID = `a text of 1 to ${LONGEST_ID} characters`;
const isId = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= LONGEST_ID;

function labelProblem(label: unknown, { type, classes }: ModelSchema['task']): string | undefined {
  if (type === 'regression') return isNumber(label) ? undefined : 'a number';
  const isText = typeof label === 'string' || typeof label === 'number' || typeof label === 'boolean';
  return isText && (classes ?? [String(label)]).includes(String(label))
    ? undefined
    : `one of ${(classes ?? []).join(', ')}`;
}

type Report = (field: string, value: unknown, expected: string) => void;

function requestId({ request_id: id }: JsonObject, report: Report): string {
  if (isId(id)) return id;
  report('request_id', id, ID);
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
  const isList = list in call;
  const all = isList ? call[list] : [call];
  if (!Array.isArray(all)) throw new MalformedCall([`'${list}' is ${shown(all)}; expected a list`]);
  const problems = new Problems();
  if (isList) problems.addUnknown('the body', call, [list]);
  const records = all.flatMap((item: unknown, index) => {
    const at = isList ? `${list}[${index}]` : 'the body';
    if (!isObject(item)) {
      problems.add(() => `${at} is ${shown(item)}; expected an object`);
      return [];
    }
    problems.addUnknown(at, item, fields);
    return read(item, (field, value, expected) =>
      problems.add(() => `${at}.${field} is ${shown(value)}; expected ${expected}`),
    );
  });
  problems.throwIfAny();
  return records;
}

/** What is wrong with a call: of millions of problems the first are kept. */
class Problems {
  private readonly first: string[] = [];
  private count = 0;

  public add(problem: () => string): void {
    if (++this.count <= MOST_PROBLEMS) this.first.push(problem());
  }

  public addUnknown(at: string, object: JsonObject, fields: readonly string[]): void {
    const unknown = Object.keys(object).filter((field) => !fields.includes(field));
    if (unknown.length > 0) this.add(() => `${at} has ${listed(unknown)}; expected ${fields.join(', ')}`);
  }

  public throwIfAny(): void {
    if (this.count === 0) return;
    const more = this.count - this.first.length;
    throw new MalformedCall(more > 0 ? [...this.first, `and ${more} more`] : this.first);
  }
}

function listed(names: readonly string[]): string {
  const shownNames = names.slice(0, MOST_NAMES).join(', ');
  return names.length > MOST_NAMES ? `${shownNames} and ${names.length - MOST_NAMES} more` : shownNames;
}

function parsed(body: Uint8Array): JsonObject {
  try {
    return parseBody(body, 'the body');
  } catch (error) {
    if (error instanceof PayloadError) throw new MalformedCall([error.message]);
    throw error;
  }
}
