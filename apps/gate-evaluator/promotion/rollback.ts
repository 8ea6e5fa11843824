import { LIFECYCLE, MLFLOW_ALIASES, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { holdingLock } from '../registry/holding-lock';
import { type RegisteredVersion, type Registry } from '../registry/registry';
import { verified } from './verified';

/** What is taken back. */
export interface RollbackOptions {
  readonly registry: Registry;
  readonly model: string;
  /** The version that must be champion for anything to be done: whoever asks twice takes back once. */
  readonly from?: string;
  /** The version to go back to; without it the one before. */
  readonly to?: string;
  readonly reason: string;
  /** Called with the version before anything points to it. */
  readonly prepare?: (version: RegisteredVersion) => Promise<void>;
  /** Called when it is done, while nobody else can change the model: decisions must be in the order in which they took effect. */
  readonly record?: (rollback: Rollback) => Promise<void>;
}

/** What a rollback changed. */
export interface Rollback {
  readonly version: RegisteredVersion;
  /** The version that was taken back; absent when it had been already. */
  readonly takenBack?: RegisteredVersion;
}

/**
 * Makes an earlier version champion again. Killed at any point and run again with the same `from`, the registry ends as if nothing had
 * happened.
 *
 * @throws Failure when there is no champion, `from` neither is it nor was taken back, there is nothing to go back to, or a promotion is
 *   under way
 */
export function rollback(options: RollbackOptions): Promise<Rollback> {
  const { registry, model } = options;
  return holdingLock(registry, model, { action: rollbackAction(options) }, async () => {
    const done = await takeBack(options);
    await options.record?.(done);
    return done;
  });
}

async function takeBack(options: RollbackOptions): Promise<Rollback> {
  const { registry, model, from, to } = options;
  const champion = await registry.versionByAlias(model, MLFLOW_ALIASES.champion);
  if (!champion)
    throw Failure.configuration(
      `model '${model}' has no ${MLFLOW_ALIASES.champion} in ${registry.address}: there is nothing to roll back`,
    );
  if (from !== undefined && champion.version !== from) return resume(options, champion, from);
  const wanted =
    to ??
    champion.tags[MLFLOW_TAGS.previousChampion] ??
    (await registry.versionByAlias(model, MLFLOW_ALIASES.previous))?.version;
  const target = wanted === undefined ? undefined : await registry.version(model, wanted);
  if (!target) throw nothingToGoBackTo(options, champion, wanted);
  if (target.version === champion.version)
    throw Failure.configuration(`version ${target.version} of '${model}' is the ${MLFLOW_ALIASES.champion} already`);
  await options.prepare?.(target);
  await write(options, champion, target);
  return { version: await finish(registry, model, champion.version, target), takenBack: champion };
}

/** What a rollback is called. */
export function rollbackAction({ from }: Pick<RollbackOptions, 'from'>): string {
  return `roll back ${from === undefined ? 'the champion' : `version ${from}`}`;
}

/** Tags first, the alias last: until it moves, the champion is what it was. */
async function write(
  { registry, model, reason }: RollbackOptions,
  champion: RegisteredVersion,
  target: RegisteredVersion,
): Promise<void> {
  await registry.setVersionTag(model, champion.version, MLFLOW_TAGS.rolledBack, reason);
  await registry.setVersionTag(model, champion.version, MLFLOW_TAGS.lifecycle, LIFECYCLE.archived);
  await registry.setVersionTag(model, target.version, MLFLOW_TAGS.lifecycle, LIFECYCLE.production);
  await registry.setAlias(model, MLFLOW_ALIASES.champion, target.version);
}

/** The version before the one that is champion again; none when it was the first. */
async function finish(
  registry: Registry,
  model: string,
  takenBack: string,
  target: RegisteredVersion,
): Promise<RegisteredVersion> {
  const before = target.tags[MLFLOW_TAGS.previousChampion];
  const usable = before !== undefined && before !== takenBack && (await registry.version(model, before)) !== undefined;
  if (usable) await registry.setAlias(model, MLFLOW_ALIASES.previous, before);
  else await registry.deleteAlias(model, MLFLOW_ALIASES.previous);
  const tags = { [target.version]: LIFECYCLE.production, [takenBack]: LIFECYCLE.archived };
  return verified(registry, model, { [MLFLOW_ALIASES.champion]: target.version }, tags);
}

/** Another version is champion: an earlier try of this rollback made it so, or somebody promoted since. */
async function resume(
  { registry, model }: RollbackOptions,
  champion: RegisteredVersion,
  from: string,
): Promise<Rollback> {
  const old = await registry.version(model, from);
  if (!old?.tags[MLFLOW_TAGS.rolledBack]) {
    const what = old ? 'is not champion, and was never taken back' : 'does not exist';
    throw Failure.configuration(
      `version ${from} of '${model}' ${what} (version ${champion.version} is ${MLFLOW_ALIASES.champion}): nothing was changed; name the one that is to go with --from`,
    );
  }
  return { version: await finish(registry, model, from, champion) };
}

function nothingToGoBackTo(
  { model, registry }: RollbackOptions,
  champion: RegisteredVersion,
  wanted: string | undefined,
): Failure {
  return Failure.configuration(
    wanted === undefined
      ? `version ${champion.version} is the first ${MLFLOW_ALIASES.champion} of '${model}': there is none to go back to; name one with --to`
      : `model '${model}' has no version ${wanted} in ${registry.address} to go back to`,
  );
}
