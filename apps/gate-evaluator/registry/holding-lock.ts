import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../common/failure';
import { LOCK_SECONDS, type Registry } from './registry';

/** Options of {@link holdingLock}. */
export interface LockOptions {
  /** What is done under it, for whoever wants it as well: `promote version 3`. */
  readonly action: string;
  /** Whether to wait until somebody else's work is done. */
  readonly waits?: boolean;
}

/** How often a lock that somebody else has is asked for again. */
const POLL_MS = 250;
/** How long the same command on another machine may still be alive: longer than it takes, shorter than a retried pod takes to be missed. */
const TWIN_MS = 15_000;

/** Who holds a lock: one run of one command. */
interface Owner {
  readonly action: string;
  readonly host?: string;
  readonly pid?: number;
  readonly instance?: string;
}

/** What this process is doing now. */
const underWay = new Set<string>();

/**
 * Works while nobody else holds the lock of that name. A command that was killed and is run again takes over its own lock: at once where
 * the one before is known to be dead, on another machine after giving it the time to end; while it is known to be alive, never.
 *
 * @throws Failure when something else is under way
 */
export async function holdingLock<T>(
  registry: Registry,
  name: string,
  { action, waits = false }: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const instance = randomUUID();
  const owner = `${action} [${hostname()}/${process.pid}/${instance}]`;
  const started = Date.now();
  // Longer than a lock lives whose owner never comes back.
  const patience = waits ? (LOCK_SECONDS + 10) * 1000 : 0;
  for (;;) {
    const answer = await registry.lock(name, owner);
    if (answer.taken) break;
    const holder = parseOwner(answer.owner);
    const isTwin = holder.action === action;
    const state = isTwin ? stateOf(holder) : 'unknown';
    if (isTwin && (state === 'dead' || (state === 'unknown' && Date.now() - started >= TWIN_MS))) {
      await registry.unlock(name, answer.owner);
      continue;
    }
    if (!isTwin && Date.now() - started >= patience) {
      throw Failure.configuration(
        `cannot ${action} of '${name}': since ${answer.since.toISOString()} somebody wants to ${holder.action}; wait until that is done, or ${LOCK_SECONDS / 60} minutes if it was killed for good`,
      );
    }
    await sleep(POLL_MS);
  }
  underWay.add(instance);
  try {
    return await work();
  } finally {
    underWay.delete(instance);
    await registry.unlock(name, owner);
  }
}

function parseOwner(text: string): Owner {
  const [, action, host, pid, instance] = /^(.*) \[([^/\]]*)\/(\d+)\/([^\]]*)\]$/s.exec(text) ?? [];
  return action === undefined ? { action: text } : { action, host, pid: Number(pid), instance };
}

/** What is known of its process: only of those of this machine anything is. */
function stateOf({ host, pid, instance = '' }: Owner): 'alive' | 'dead' | 'unknown' {
  if (pid === undefined || host !== hostname()) return 'unknown';
  // Our own number: a container that was started again has the number of the one before.
  if (pid === process.pid) return underWay.has(instance) ? 'alive' : 'dead';
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'dead' : 'alive';
  }
}
