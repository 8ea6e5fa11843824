import { Failure } from '../../common/failure';
import { LOCK_SECONDS, type Registry } from '../registry/registry';

/**
 * Works while nobody else changes the model. The lock belongs to what is done, so that the same command, run again after it was
 * killed, takes it up again.
 *
 * @throws Failure when something else is under way
 */
export async function holdingLock<T>(
  registry: Registry,
  model: string,
  action: string,
  work: () => Promise<T>,
): Promise<T> {
  const answer = await registry.lock(model, action);
  if (!answer.taken) {
    throw Failure.configuration(
      `cannot ${action} of '${model}': since ${answer.since.toISOString()} somebody wants to ${answer.owner}; wait until that is done, or ${LOCK_SECONDS / 60} minutes if it was killed for good`,
    );
  }
  try {
    return await work();
  } finally {
    await registry.unlock(model, action);
  }
}
