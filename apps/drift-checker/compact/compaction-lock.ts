import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { CAPTURE_FOLDERS } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type StoreFolder } from '../../common/store-files';

export const LOCK = `${CAPTURE_FOLDERS.state}/lock.json`;
/** How long a compaction that does not go on holds up others, in milliseconds. */
export const LEASE = 10 * 60_000;
/** It is renewed when as much of it is over. */
const RENEWAL = LEASE / 10;

interface Lease {
  readonly owner: string;
  readonly until: number;
}

/** One compaction of a log at a time: two would each replace what the other wrote. */
export class CompactionLock {
  /** Takes it, unless somebody has it. */
  public static async take(store: StoreFolder, now = Date.now): Promise<CompactionLock | { readonly heldBy: string }> {
    const lease: Lease = { owner: `${hostname()}/${process.pid}/${randomUUID()}`, until: now() + LEASE };
    const text = JSON.stringify(lease);
    const lock = new CompactionLock(store, lease, now);
    if (await store.create(LOCK, text)) return lock;
    const held = await store.read(LOCK);
    const other = held && parse(held.text);
    // Gone by now, or given up by whoever was killed: whoever replaces exactly that has it.
    const taken = !held
      ? await store.create(LOCK, text)
      : other!.until <= now() && (await store.replace(LOCK, text, held.tag));
    return taken ? lock : { heldBy: other?.owner ?? 'another compaction' };
  }

  private constructor(
    private readonly store: StoreFolder,
    private lease: Lease,
    private readonly now: () => number,
  ) {}

  /** Goes on holding it; called before whatever is written. @throws Failure when it took so long that somebody else may have it */
  public async renew(): Promise<void> {
    const { owner, until } = this.lease;
    if (until - this.now() > LEASE - RENEWAL) return;
    const held = await this.store.read(LOCK);
    const mine = held !== undefined && parse(held.text).owner === owner;
    this.lease = { owner, until: this.now() + LEASE };
    if (!mine || !(await this.store.replace(LOCK, JSON.stringify(this.lease), held.tag)))
      throw Failure.unreachable(
        `another compaction has taken over: this one did not go on for ${LEASE / 60_000} minutes; the next one does the rest`,
      );
  }

  public async release(): Promise<void> {
    // Over, it may be somebody else's by the time that it is deleted.
    if (this.lease.until <= this.now()) return;
    const held = await this.store.read(LOCK);
    if (held && parse(held.text).owner === this.lease.owner) await this.store.remove([LOCK]);
  }
}

function parse(text: string): Lease {
  try {
    return JSON.parse(text) as Lease;
  } catch {
    return { owner: 'a lease that cannot be read', until: 0 };
  }
}
