import { doesNotExist, exists, type MlflowRest } from '../../common/mlflow-rest';
import { LOCK_SECONDS, type LockAnswer } from './registry';

/** Who holds a lock. */
const OWNER_TAG = 'cdk8s-mlops.owner';

interface Lock {
  readonly creation_timestamp: string | number;
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
}

/**
 * The name of a registered model is the one thing that MLflow creates only once, whoever asks at the same time: a model of the
 * lock's name is there while the lock is held.
 */
export async function takeLock(rest: MlflowRest, name: string, owner: string): Promise<LockAnswer> {
  for (;;) {
    const tags = [{ key: OWNER_TAG, value: owner }];
    const created = await rest.write('POST', 'registered-models/create', { name, tags });
    if (!exists(created)) {
      rest.checked(created, `the lock '${name}'`);
      return { taken: true };
    }
    const held = await read(rest, name);
    if (!held) continue;
    const holder = ownerOf(held) ?? 'somebody';
    if (holder === owner) return { taken: true };
    const since = new Date(Number(held.creation_timestamp));
    if (Date.now() - since.getTime() < LOCK_SECONDS * 1000) return { taken: false, owner: holder, since };
    await remove(rest, name);
  }
}

/** Gives a lock back, unless somebody else has it by now. */
export async function releaseLock(rest: MlflowRest, name: string, owner: string): Promise<void> {
  const held = await read(rest, name);
  if (held && ownerOf(held) === owner) await remove(rest, name);
}

const ownerOf = ({ tags }: Lock): string | undefined => tags?.find(({ key }) => key === OWNER_TAG)?.value;

async function read(rest: MlflowRest, name: string): Promise<Lock | undefined> {
  const answer = await rest.read('registered-models/get', { name });
  if (doesNotExist(answer)) return undefined;
  return rest.json<{ registered_model: Lock }>(answer, `the lock '${name}'`).registered_model;
}

async function remove(rest: MlflowRest, name: string): Promise<void> {
  const answer = await rest.write('DELETE', 'registered-models/delete', { name });
  if (!doesNotExist(answer)) rest.checked(answer, `the lock '${name}'`);
}
