import { type CallRecord } from './capture-record';

/** Calls whose other half is waited for; the oldest are given up. */
const MOST = 100_000;

/** Times from request to response, of calls of which both come here: a Service with client affinity sends them both. */
export class Durations {
  private readonly waiting = new Map<string, Pick<CallRecord, 'kind' | 'time'>>();

  /** @returns the seconds that a call took, when this event completes it */
  public add({ kind, id, version, time }: CallRecord): number | undefined {
    if (time === undefined) return undefined;
    const key = `${version ?? ''}/${id}`;
    const other = this.waiting.get(key);
    if (!other || other.kind === kind) {
      this.waiting.set(key, { kind, time });
      if (this.waiting.size > MOST) this.waiting.delete(this.waiting.keys().next().value!);
      return undefined;
    }
    this.waiting.delete(key);
    const seconds = (kind === 'response' ? time - other.time! : other.time! - time) / 1000;
    // A clock that was set meanwhile.
    return seconds >= 0 ? seconds : undefined;
  }
}
