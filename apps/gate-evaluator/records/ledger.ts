import { DECISION_ARTIFACTS, LIFECYCLE } from 'cdk8s-mlops/contract';
import { holdingLock } from '../registry/holding-lock';
import { type Registry } from '../registry/registry';
import {
  type Decision,
  type DecisionRecord,
  isIntact,
  nextRecord,
  parseRecord,
  serializeRecord,
} from './decision-record';

/** Name of the run that keeps all decisions about a model: one that no training run, a Kubernetes object, can have. */
const LEDGER_RUN = '_decisions';
/** Tag with the last record's number and hash: a chain that was cut off at its end would look whole without it. */
const HEAD = 'head';
/** Records that are read at the same time. */
const PARALLEL = 8;

/** The records of a model as they were found. */
export interface Chain {
  /** In the order of their numbers. */
  readonly records: readonly DecisionRecord[];
  /** Files that should be records and are not. */
  readonly unreadable: readonly string[];
  /** Hash that the last record must have. */
  readonly head?: string;
}

interface Mark {
  readonly sequence: number;
  readonly hash: string;
}

/** What the next record follows: the last number that is taken, and the hash of the last record that was counted. */
interface Place {
  readonly sequence: number;
  readonly hash?: string;
}

/**
 * Every decision about a model, in a chain of hashes, kept with the runs of its registry: all of them as artifacts of one run, each once
 * more with the run that it is about.
 */
export class Ledger {
  constructor(
    private readonly registry: Registry,
    private readonly model: string,
  ) {}

  /**
   * Adds a decision, unless the last one about the same thing says it already: a command that was killed and is run again decides
   * nothing new. A record that was written and not counted any more is counted first.
   *
   * @param repeats whether the last record is this decision
   */
  public append(decision: Decision, repeats: (last: DecisionRecord) => boolean): Promise<DecisionRecord> {
    const { registry, model } = this;
    const action = `record the decision '${decision.action}' about ${decision.run ?? `version ${decision.modelVersion ?? '?'}`}`;
    return holdingLock(registry, `${model}.decisions`, { action, waits: true }, async () => {
      const ledger = await registry.run(model, LEDGER_RUN, {});
      const head = await this.settledHead(ledger);
      const last = await this.lastAbout(ledger, decision);
      if (last && repeats(last)) return last;
      const record = nextRecord(decision, head);
      await registry.putArtifact(ledger, fileOf(record.sequence), serializeRecord(record));
      await this.count(ledger, record);
      return record;
    });
  }

  /** All records. Reading changes nothing, and finds what was tampered with as it is. */
  public async chain(): Promise<Chain> {
    const ledger = await this.registry.findRun(this.model, LEDGER_RUN);
    if (ledger === undefined) return { records: [], unreadable: [] };
    const { tags } = await this.registry.runData(ledger);
    const paths = await this.registry.artifacts(ledger, DECISION_ARTIFACTS);
    const found = new Array<DecisionRecord | undefined>(paths.length);
    const queue = paths.entries();
    const worker = async (): Promise<void> => {
      for (const [index, path] of queue) found[index] = await this.read(ledger, path);
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    const records = found.filter((record) => record !== undefined);
    const unreadable = paths.filter((_, index) => found[index] === undefined);
    return { records: records.sort((a, b) => a.sequence - b.sequence), unreadable, head: markOf(tags, HEAD)?.hash };
  }

  /**
   * The mark that the next record follows, after those that were written and not counted are counted. A file that is in the way and does
   * not belong there is left where it is, for whoever looks into it: the next record takes the next free number.
   */
  private async settledHead(ledger: string): Promise<Place> {
    let head = markOf((await this.registry.runData(ledger)).tags, HEAD);
    for (let sequence = (head?.sequence ?? 0) + 1; ; sequence++) {
      const text = await this.registry.artifact(ledger, fileOf(sequence));
      if (text === undefined) return { sequence: sequence - 1, hash: head?.hash };
      const next = parseRecord(text);
      if (!next || !isIntact(next) || next.previous !== head?.hash) continue;
      await this.count(ledger, next);
      head = next;
    }
  }

  private async count(ledger: string, record: DecisionRecord): Promise<void> {
    const { runId } = record;
    const mark = `${record.sequence} ${record.hash}`;
    if (runId !== undefined) {
      await this.registry.putArtifact(runId, `${DECISION_ARTIFACTS}/${recordName(record)}`, serializeRecord(record));
      await this.registry.logRun(runId, { tags: { [tagOf(record.action)]: mark } });
    }
    await this.registry.logRun(ledger, {
      tags: { ...(isOfModel(record) && { [tagOf(slotOf(record))]: mark }), [tagOf(HEAD)]: mark },
    });
  }

  private async lastAbout(ledger: string, decision: Decision): Promise<DecisionRecord | undefined> {
    const run = isOfModel(decision) ? ledger : decision.runId;
    if (run === undefined) return undefined;
    const last = markOf((await this.registry.runData(run)).tags, slotOf(decision));
    const record = last && (await this.read(ledger, fileOf(last.sequence)));
    // What was tampered with says nothing any more.
    return record && record.hash === last.hash && isIntact(record) ? record : undefined;
  }

  private async read(ledger: string, path: string): Promise<DecisionRecord | undefined> {
    const text = await this.registry.artifact(ledger, path);
    return text === undefined ? undefined : parseRecord(text);
  }
}

/** What a decision is about: one thing has one last decision. */
function slotOf({ action, to }: Pick<Decision, 'action' | 'to'>): string {
  if (action === 'evaluate' || action === 'register' || action === 'analyze') return action;
  return to === LIFECYCLE.canary || action === 'abort' ? 'challenger' : 'champion';
}

const isOfModel = (decision: Pick<Decision, 'action' | 'to'>): boolean =>
  ['champion', 'challenger'].includes(slotOf(decision));

const tagOf = (what: string): string => `decisions.${what}`;
const padded = (sequence: number): string => String(sequence).padStart(8, '0');
const fileOf = (sequence: number): string => `${DECISION_ARTIFACTS}/${padded(sequence)}.json`;

/** Name of a record's file outside the ledger: in the order of time, and telling what it is. */
export function recordName({ sequence, action }: Pick<DecisionRecord, 'sequence' | 'action'>): string {
  return `${padded(sequence)}-${action}.json`;
}

function markOf(tags: Readonly<Record<string, string>>, what: string): Mark | undefined {
  const [, sequence, hash] = /^(\d+) (sha256:[0-9a-f]{64})$/.exec(tags[tagOf(what)] ?? '') ?? [];
  return sequence === undefined || hash === undefined ? undefined : { sequence: Number(sequence), hash };
}
