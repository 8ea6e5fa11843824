import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { CAPTURE_FOLDERS } from 'cdk8s-mlops/contract';
import { type StoreFolder } from '../../common/store-files';

const NAME = `${CAPTURE_FOLDERS.state}/lock.json`;
/** How long a compaction that does not go on holds up others, in milliseconds. */
const LEASE = 10 * 60_000;

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
    if (await store.create(NAME, text)) return new CompactionLock(store, lease.owner, now);
    const held = await store.read(NAME);
    const other = held && parse(held.text);
    // Gone by now, or given up by whoever was killed: whoever replaces exactly that has it.
    const taken = !held
      ? await store.create(NAME, text)
      : other!.until <= now() && (await store.replace(NAME, text, held.tag));
    return taken ? new CompactionLock(store, lease.owner, now) : { heldBy: other?.owner ?? 'another compaction' };
  }

  private constructor(
    private readonly store: StoreFolder,
    private readonly owner: string,
    private readonly now: () => number,
  ) {}

  /** Goes on holding it. @throws Error when it took so long that somebody else has it */
  public async renew(): Promise<void> {
    const held = await this.store.read(NAME);
    const mine = held !== undefined && parse(held.text).owner === this.owner;
    const lease: Lease = { owner: this.owner, until: this.now() + LEASE };
    if (!mine || !(await this.store.replace(NAME, JSON.stringify(lease), held.tag)))
      throw new Error(
        `another compaction has taken over: this one held the log for longer than ${LEASE / 60_000} minutes`,
      );
  }

  public async release(): Promise<void> {
    const held = await this.store.read(NAME);
    if (held && parse(held.text).owner === this.owner) await this.store.remove([NAME]);
  }
}

function parse(text: string): Lease {
  try {
    return JSON.parse(text) as Lease;
  } catch {
    return { owner: 'a lease that cannot be read', until: 0 };
  }
}
