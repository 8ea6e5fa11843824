import { sha256 } from '../../common/data-digest';
import { type CheckResult, type CheckVerdict } from '../gates/check-result';

/** Version of the record's format. */
export const RECORD_VERSION = 1;

/** What was decided. */
export type DecisionAction = 'register' | 'adopt' | 'evaluate' | 'analyze' | 'promote' | 'rollback' | 'abort';

/** One decision about a model, as it was made. */
export interface Decision {
  readonly action: DecisionAction;
  readonly model: string;
  /** The version that it is about; a candidate that is not registered yet has none. */
  readonly modelVersion?: string;
  /** Name of the training run that it is about. */
  readonly run?: string;
  /** The registry's own id of that run. */
  readonly runId?: string;
  /** When, ISO 8601 in UTC. */
  readonly at: string;
  /** Who or what asked: a run, a person, a schedule. */
  readonly by: string;
  readonly reason: string;
  /** The champion before, where it changed; of an abort the canary. */
  readonly from?: string;
  /** Value of the tag `lifecycle` that the version got. */
  readonly to?: string;
  readonly verdict?: CheckVerdict;
  readonly checks?: readonly CheckResult[];
  /** What is worth knowing and no check. */
  readonly notes?: readonly string[];
  /** What was read, by name: digests of files, versions and runs that were compared with. */
  readonly inputs: Readonly<Record<string, string>>;
}

/** A decision in the chain of its model. */
export interface DecisionRecord extends Decision {
  readonly version: typeof RECORD_VERSION;
  /** From 1 on, without gaps. */
  readonly sequence: number;
  /** Hash of the record before; absent in the first. */
  readonly previous?: string;
  /** SHA-256 of the record's canonical JSON without this field. */
  readonly hash: string;
}

/** The record that follows another one, or the first of its model. */
export function nextRecord(
  decision: Decision,
  before: (Pick<DecisionRecord, 'sequence'> & Partial<Pick<DecisionRecord, 'hash'>>) | undefined,
): DecisionRecord {
  const unsigned = {
    version: RECORD_VERSION,
    sequence: (before?.sequence ?? 0) + 1,
    previous: before?.hash,
    ...decision,
  } as const;
  return { ...unsigned, hash: hashOf(unsigned) };
}

/** The record's file: canonical JSON, so that the same record has the same bytes and hash wherever it was written. */
export function serializeRecord(record: DecisionRecord): string {
  return `${canonicalJson(record)}\n`;
}

/** A record from its file; `undefined` when it is none, whatever became of it. */
export function parseRecord(text: string): DecisionRecord | undefined {
  try {
    const value = JSON.parse(text) as Partial<DecisionRecord> | null;
    const isRecord =
      typeof value?.sequence === 'number' && typeof value.hash === 'string' && typeof value.action === 'string';
    return isRecord ? (value as DecisionRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a record is as it was written. */
export function isIntact({ hash, ...rest }: DecisionRecord): boolean {
  return hashOf(rest) === hash;
}

function hashOf(record: object): string {
  return sha256(canonicalJson(record));
}

/**
 * JSON with sorted keys and without white space. Numbers are written as ECMAScript writes them; what is undefined is left out.
 *
 * @see RFC 8785, JSON Canonicalization Scheme
 * @throws RangeError for numbers that JSON cannot hold
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RangeError(`JSON has no ${value}: write it as text`);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  // Code units and not the locale's order: the RFC's, and the same on every machine.
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}
