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

/**
 * Works while nobody else holds the lock of that name. It belongs to what is done, so that the same command, run again after it was
 * killed, takes it up again.
 *
 * @throws Failure when something else is under way
 */
export async function holdingLock<T>(
  registry: Registry,
  name: string,
  { action, waits = false }: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  // Longer than a lock lives whose owner never comes back.
  const deadline = Date.now() + (waits ? (LOCK_SECONDS + 10) * 1000 : 0);
  for (;;) {
    const answer = await registry.lock(name, action);
    if (answer.taken) break;
    if (Date.now() >= deadline) {
      throw Failure.configuration(
        `cannot ${action} of '${name}': since ${answer.since.toISOString()} somebody wants to ${answer.owner}; wait until that is done, or ${LOCK_SECONDS / 60} minutes if it was killed for good`,
      );
    }
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await registry.unlock(name, action);
  }
}
