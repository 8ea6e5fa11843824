import { COMPACTION_FINDINGS } from 'cdk8s-mlops/contract';
import { type CallLine } from './call-line';
import { type Findings } from './findings';

/** What came of one call. */
interface Call {
  request?: CallLine;
  response?: CallLine;
  /** What came more than once, with what counts of it. */
  repeated?: CallLine[];
}

/** Requests and responses that are looked at together, by id and version. */
export class CallBatch {
  private readonly calls = new Map<string, Map<string, Call>>();
  private last: { readonly version: string; readonly calls: Map<string, Call> } | undefined;

  public add(line: CallLine): void {
    const calls = this.callsOf(line.version);
    const call = calls.get(line.id);
    if (call === undefined) {
      calls.set(
        line.id,
        line.kind === 'request' ? { request: line, response: undefined } : { request: undefined, response: line },
      );
      return;
    }
    const earlier = call[line.kind];
    if (earlier !== undefined) (call.repeated ??= [earlier]).push(line);
    // Of what came more than once the first counts.
    if (earlier === undefined || line.received < earlier.received) call[line.kind] = line;
  }

  /** Most lines are of the same version as the one before. */
  private callsOf(version: string): Map<string, Call> {
    if (version === this.last?.version) return this.last.calls;
    const calls = this.calls.get(version) ?? new Map<string, Call>();
    if (calls.size === 0) this.calls.set(version, calls);
    this.last = { version, calls };
    return calls;
  }

  /** The versions that were called; an empty one stands for those of which it was not said. */
  public versions(): Iterable<string> {
    return this.calls.keys();
  }

  /** Ids of the calls, by version. */
  public *keys(): Generator<readonly [version: string, id: string]> {
    for (const [version, calls] of this.calls) for (const id of calls.keys()) yield [version, id];
  }

  /** Hands the calls over, by whether both halves came, and counts what came more than once. */
  public take(
    findings: Findings,
    both: (request: CallLine, response: CallLine) => void,
    half: (line: CallLine) => void,
  ): void {
    for (const calls of this.calls.values())
      for (const { request, response, repeated } of calls.values()) {
        if (repeated) countRepeated(repeated, findings);
        if (request && response) both(request, response);
        else half((request ?? response)!);
      }
  }
}

function countRepeated(lines: readonly CallLine[], findings: Findings): void {
  for (const kind of ['request', 'response'] as const) {
    const contents = new Map<string, CallLine>();
    const ofKind = lines.filter((line) => line.kind === kind);
    // The first stands in it once, whenever the second came.
    for (const line of ofKind) contents.set(line.content, line);
    if (ofKind.length === 0) continue;
    const conflicting = contents.size - 1;
    const example = `${kind} '${ofKind[0]!.id}'`;
    findings.add(COMPACTION_FINDINGS.conflictingEvent, conflicting, example);
    findings.add(COMPACTION_FINDINGS.repeatedEvent, ofKind.length - 1 - conflicting, example);
  }
}
