import { LIFECYCLE, MLFLOW_ALIASES, MLFLOW_TAGS, VERDICTS } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { holdingLock } from '../registry/holding-lock';
import { type RegisteredVersion, type Registry } from '../registry/registry';
import { verified } from './verified';

/** A step of a version's life that a promotion takes. */
export type PromotionTarget = typeof LIFECYCLE.canary | typeof LIFECYCLE.production;

/** What is promoted. */
export interface PromoteOptions {
  readonly registry: Registry;
  readonly model: string;
  readonly version: string;
  readonly to: PromotionTarget;
  /** Called with the version before anything points to it. */
  readonly prepare?: (version: RegisteredVersion) => Promise<void>;
  /** Called when it is done, while nobody else can change the model: decisions must be in the order in which they took effect. */
  readonly record?: (promotion: Promotion) => Promise<void>;
}

/** What a promotion changed. */
export interface Promotion {
  readonly version: RegisteredVersion;
  /** The champion before; absent when there was none. */
  readonly previous?: RegisteredVersion;
  /** What the version is now: a champion does not become canary. */
  readonly to: PromotionTarget;
  /** Whether the registry was as asked for already. */
  readonly already: boolean;
}

/**
 * Makes a version canary, or champion. Tags are written first and the alias last, each write may be repeated, and the result is read
 * back: killed at any point and run again, the registry ends as if nothing had happened.
 *
 * @throws Failure when the version is not there, not ready or did not pass its gates, or another promotion is under way
 */
export function promote(options: PromoteOptions): Promise<Promotion> {
  const { registry, model, version, to } = options;
  return holdingLock(registry, model, { action: promoteAction(options) }, async () => {
    const candidate = await registry.version(model, version);
    checkCandidate(candidate, options);
    await options.prepare?.(candidate);
    const promotion = await (to === LIFECYCLE.canary
      ? toCanary(registry, model, candidate)
      : toProduction(registry, model, candidate));
    await options.record?.(promotion);
    // Last: a challenger that is champion says that a promotion was killed.
    if (promotion.to === LIFECYCLE.production) await endChallenger(registry, model, version);
    return promotion;
  });
}

/** What a promotion is called. */
export function promoteAction({ version, to }: Pick<PromoteOptions, 'version' | 'to'>): string {
  return `promote version ${version} to ${to}`;
}

function checkCandidate(
  candidate: RegisteredVersion | undefined,
  { registry, model, version }: PromoteOptions,
): asserts candidate is RegisteredVersion {
  if (!candidate) throw Failure.configuration(`model '${model}' has no version ${version} in ${registry.address}`);
  if (!candidate.ready)
    throw Failure.configuration(`version ${version} of '${model}' is still pending: try again when it is registered`);
  const verdict = candidate.tags[MLFLOW_TAGS.gateVerdict];
  if (verdict === VERDICTS.pass) return;
  const got = verdict === undefined ? 'was never evaluated' : `has the verdict '${verdict}'`;
  throw Failure.configuration(
    `version ${version} of '${model}' ${got}: only what passed its quality gates is promoted`,
  );
}

async function toCanary(registry: Registry, model: string, candidate: RegisteredVersion): Promise<Promotion> {
  const { version } = candidate;
  const champion = await registry.versionByAlias(model, MLFLOW_ALIASES.champion);
  if (champion?.version === version) return { version: candidate, to: LIFECYCLE.production, already: true };
  const already =
    candidate.tags[MLFLOW_TAGS.lifecycle] === LIFECYCLE.canary &&
    (await registry.versionByAlias(model, MLFLOW_ALIASES.challenger))?.version === version;
  await registry.setVersionTag(model, version, MLFLOW_TAGS.lifecycle, LIFECYCLE.canary);
  await registry.setAlias(model, MLFLOW_ALIASES.challenger, version);
  const after = await verified(
    registry,
    model,
    { [MLFLOW_ALIASES.challenger]: version },
    { [version]: LIFECYCLE.canary },
  );
  return { version: after, to: LIFECYCLE.canary, already };
}

async function toProduction(registry: Registry, model: string, candidate: RegisteredVersion): Promise<Promotion> {
  const { version } = candidate;
  const champion = await registry.versionByAlias(model, MLFLOW_ALIASES.champion);
  const already = champion?.version === version;
  // A run that was killed after the alias moved finds the old champion behind `previous`.
  const previous = already ? await registry.versionByAlias(model, MLFLOW_ALIASES.previous) : champion;
  const { lifecycle, previousChampion, rolledBack } = MLFLOW_TAGS;
  if (candidate.tags[rolledBack]) await registry.setVersionTag(model, version, rolledBack, '');
  await registry.setVersionTag(model, version, lifecycle, LIFECYCLE.production);
  if (previous && !already) await registry.setVersionTag(model, version, previousChampion, previous.version);
  if (previous) {
    await registry.setVersionTag(model, previous.version, lifecycle, LIFECYCLE.archived);
    await registry.setAlias(model, MLFLOW_ALIASES.previous, previous.version);
  }
  await registry.setAlias(model, MLFLOW_ALIASES.champion, version);
  const aliases = {
    [MLFLOW_ALIASES.champion]: version,
    ...(previous && { [MLFLOW_ALIASES.previous]: previous.version }),
  };
  const tags = { [version]: LIFECYCLE.production, ...(previous && { [previous.version]: LIFECYCLE.archived }) };
  return { version: await verified(registry, model, aliases, tags), to: LIFECYCLE.production, previous, already };
}

async function endChallenger(registry: Registry, model: string, version: string): Promise<void> {
  const challenger = await registry.versionByAlias(model, MLFLOW_ALIASES.challenger);
  if (challenger?.version === version) await registry.deleteAlias(model, MLFLOW_ALIASES.challenger);
}
