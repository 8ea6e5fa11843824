import { LIFECYCLE, MLFLOW_ALIASES, type RolloutFile } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type Log } from '../../common/log';
import { archiveArtifacts, prepareToServe } from '../promotion/artifact-objects';
import { promote, promoteAction, type Promotion } from '../promotion/promote';
import { type RegisteredVersion, type Registry } from '../registry/registry';
import { canaryRelease, championOf, notCanary, releaseOf } from './canary';
import { type Delivery } from './delivery';
import { GIVE_UP, giveUp } from './give-up';
import { type Release } from './placeholders';
import { type Traffic } from './route';

/** What a roll-out works with. */
export interface RolloutWorld {
  readonly file: Pick<RolloutFile, 'model' | 'namespace'>;
  readonly registry: Registry;
  readonly delivery: Delivery;
  readonly log: Log;
}

/** Puts what became of a version into the chain of decisions, while nobody else can change the model. */
export type RecordPromotion = (promotion: Promotion) => Promise<void>;

/** Makes a version the canary, and brings up its candidate. */
export async function start(world: RolloutWorld, version: string, record: RecordPromotion): Promise<void> {
  const { registry, delivery, file } = world;
  const { model } = file;
  const champion = await championOf(registry, model);
  if (champion.version === version)
    throw Failure.configuration(
      `version ${version} of '${model}' is the champion already: there is nothing to roll out`,
    );
  const { version: canary } = await promote({
    ...{ registry, model, version, to: LIFECYCLE.canary, record },
    prepare: async (candidate) => {
      await refuseSecond(world, version);
      releaseOf(model, candidate);
      await prepareToServe(registry, model, candidate);
    },
  });
  // What a roll-out left that was killed would get the traffic of this one.
  if (!(await delivery.isUnderWay(version))) await settle(world);
  await delivery.bringUp(releaseOf(model, canary));
  await stillCanary(world, version);
}

/** Gives the candidate a share of the traffic, or a copy of one. */
export function direct(world: RolloutWorld, version: string, traffic: Traffic): Promise<void> {
  return whileCanary(world, version, (release) => world.delivery.setTraffic(release, traffic));
}

/** Brings the version to the stable object. */
export function update(world: RolloutWorld, version: string): Promise<void> {
  return whileCanary(world, version, (release) => world.delivery.update(release));
}

/** Makes the canary champion, which nothing takes back any more but a rollback, and then the cluster serve it. */
export async function finish(world: RolloutWorld, version: string, record: RecordPromotion): Promise<void> {
  const { registry, file } = world;
  const { model } = file;
  const options = { registry, model, version, to: LIFECYCLE.production };
  await promote({
    ...{ ...options, record },
    prepare: async (candidate) => {
      const live = await registry.versionByAlias(model, MLFLOW_ALIASES.champion);
      // Of one that was killed after it made it champion, the rest is done.
      if (live?.version !== version) await canaryRelease(registry, model, version);
      releaseOf(model, candidate);
      await prepareToServe(registry, model, candidate);
    },
  });
  const champion = await settle(world);
  if (champion.version !== version) throw notCanary(model, version, undefined, champion);
  await archiveArtifacts(registry, model, promoteAction(options));
}

/** Who records what a restore does. */
export interface RestoreOptions {
  readonly reason: string;
  readonly record: (canary: RegisteredVersion) => Promise<void>;
  readonly recordPromotion: RecordPromotion;
}

/** What a restore found, and did. */
export interface Restored {
  readonly champion: RegisteredVersion;
  /** The version that was given up now. */
  readonly givenUp?: RegisteredVersion;
}

/**
 * Makes registry and cluster what they are when nothing is rolled out, whatever they are now.
 *
 * @returns undefined before the first champion: then there is nothing that could have been rolled out
 */
export async function restore(world: RolloutWorld, options: RestoreOptions): Promise<Restored | undefined> {
  const { registry, file } = world;
  const { model } = file;
  const { givenUp } = await giveUp({ registry, model, ...options });
  if (!givenUp && !(await registry.versionByAlias(model, MLFLOW_ALIASES.champion))) return undefined;
  const champion = await settle(world);
  await archiveArtifacts(registry, model, GIVE_UP);
  return { champion, givenUp };
}

/** Until the champion is the same before and after: a rollback does not wait for a roll-out. */
async function settle({ registry, delivery, file: { model } }: RolloutWorld): Promise<RegisteredVersion> {
  for (let champion = await championOf(registry, model); ;) {
    await delivery.settle(releaseOf(model, champion));
    const now = await championOf(registry, model);
    if (now.version === champion.version) return champion;
    champion = now;
  }
}

/** Two candidates would share one place: the second has to wait. */
async function refuseSecond({ registry, delivery, file: { model } }: RolloutWorld, version: string): Promise<void> {
  const other = await registry.versionByAlias(model, MLFLOW_ALIASES.challenger);
  if (!other || other.version === version || !(await delivery.isUnderWay(other.version))) return;
  throw Failure.configuration(
    `version ${other.version} of '${model}' is being rolled out: wait until that has ended, or end it with 'gate-evaluator rollout restore', and then roll out version ${version}`,
  );
}

async function whileCanary(
  world: RolloutWorld,
  version: string,
  work: (release: Release) => Promise<void>,
): Promise<void> {
  const { registry, file } = world;
  await work(await canaryRelease(registry, file.model, version));
  await stillCanary(world, version);
}

/** Who gave the version up while it was being worked on may have settled the cluster before the last write: it is done again. */
async function stillCanary(world: RolloutWorld, version: string): Promise<void> {
  const { registry, file } = world;
  const { model } = file;
  const challenger = await registry.versionByAlias(model, MLFLOW_ALIASES.challenger);
  if (challenger?.version === version) return;
  const champion = challenger ? await championOf(registry, model) : await settle(world);
  throw notCanary(model, version, challenger, champion);
}
