import { LIFECYCLE, MLFLOW_ALIASES, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { promote, type Promotion } from '../promotion/promote';
import { holdingLock } from '../registry/holding-lock';
import { type RegisteredVersion, type Registry } from '../registry/registry';

/** What is given up. */
export interface GiveUpOptions {
  readonly registry: Registry;
  readonly model: string;
  readonly reason: string;
  /** Called before the canary loses its alias, while nobody else can change the model; again when that was killed. */
  readonly record: (canary: RegisteredVersion) => Promise<void>;
  /** Called for a promotion that was killed after the champion changed. */
  readonly recordPromotion: (promotion: Promotion) => Promise<void>;
}

/** What was given up. */
export interface GivenUp {
  readonly givenUp?: RegisteredVersion;
}

/** What giving up is called. */
export const GIVE_UP = 'give up the canary';

/**
 * Ends whatever is between canary and champion in the registry: a canary is archived, a promotion that was killed is finished when the
 * champion had changed, and taken back otherwise. The alias goes last: killed at any point and run again, it ends the same.
 */
export async function giveUp(options: GiveUpOptions): Promise<GivenUp> {
  const { registry, model } = options;
  const champion = await registry.versionByAlias(model, MLFLOW_ALIASES.champion);
  const challenger = await registry.versionByAlias(model, MLFLOW_ALIASES.challenger);
  if (champion && champion.version === challenger?.version) {
    const { version } = champion;
    await promote({ ...{ registry, model, version, to: LIFECYCLE.production }, record: options.recordPromotion });
    return {};
  }
  return holdingLock(registry, model, { action: GIVE_UP, waits: true }, () => archiveCanary(options));
}

/** Everything is read again, now that nobody else changes it. */
async function archiveCanary({ registry, model, reason, record }: GiveUpOptions): Promise<GivenUp> {
  const champion = await registry.versionByAlias(model, MLFLOW_ALIASES.champion);
  const canary = await registry.versionByAlias(model, MLFLOW_ALIASES.challenger);
  if (!canary || canary.version === champion?.version) return {};
  const { version } = canary;
  await registry.setVersionTag(model, version, MLFLOW_TAGS.rolledBack, reason);
  await registry.setVersionTag(model, version, MLFLOW_TAGS.lifecycle, LIFECYCLE.archived);
  if (champion) await takeBackPromotion(registry, model, champion);
  await record(canary);
  await registry.deleteAlias(model, MLFLOW_ALIASES.challenger);
  return { givenUp: canary };
}

/** Tags and the alias `previous` are written before the champion changes. */
async function takeBackPromotion(
  registry: Registry,
  model: string,
  { version, tags }: RegisteredVersion,
): Promise<void> {
  const { lifecycle, previousChampion } = MLFLOW_TAGS;
  if (tags[lifecycle] !== LIFECYCLE.production)
    await registry.setVersionTag(model, version, lifecycle, LIFECYCLE.production);
  const previous = await registry.versionByAlias(model, MLFLOW_ALIASES.previous);
  if (previous?.version !== version) return;
  const before = tags[previousChampion];
  if (before && (await registry.version(model, before)))
    await registry.setAlias(model, MLFLOW_ALIASES.previous, before);
  else await registry.deleteAlias(model, MLFLOW_ALIASES.previous);
}
