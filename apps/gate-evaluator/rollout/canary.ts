import { LIFECYCLE, MLFLOW_ALIASES, MLFLOW_TAGS, VERDICTS } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type RegisteredVersion, type Registry } from '../registry/registry';
import { type Release } from './placeholders';

/** Where a version's artifact lies that a serving runtime can read. */
export function releaseOf(model: string, { version, tags }: RegisteredVersion): Release {
  const uri = tags[MLFLOW_TAGS.artifactUri];
  if (uri) return { version, uri };
  throw Failure.configuration(
    `version ${version} of '${model}' has no tag '${MLFLOW_TAGS.artifactUri}', so that nothing could load it: register it with 'gate-evaluator register'`,
  );
}

/**
 * The version that is rolled out.
 *
 * @throws Failure when it is the canary no longer
 */
export async function canaryRelease(registry: Registry, model: string, version: string): Promise<Release> {
  const [champion, challenger] = await Promise.all([
    registry.versionByAlias(model, MLFLOW_ALIASES.champion),
    registry.versionByAlias(model, MLFLOW_ALIASES.challenger),
  ]);
  if (challenger?.version === version && champion?.version !== version) return releaseOf(model, challenger);
  throw notCanary(model, version, challenger, champion);
}

/** Says who is canary instead. */
export function notCanary(
  model: string,
  version: string,
  challenger: RegisteredVersion | undefined,
  champion: RegisteredVersion | undefined,
): Failure {
  const canary =
    challenger && challenger.version !== champion?.version ? `version ${challenger.version}` : 'no version';
  const live = champion ? `version ${champion.version}` : 'no version';
  return Failure.configuration(
    `version ${version} of '${model}' is not rolled out any more (${canary} is canary, ${live} is champion): it was given up, or another roll-out took over; begin anew with 'gate-evaluator rollout start'`,
  );
}

/** The version that serves when nothing is rolled out. */
export async function championOf(registry: Registry, model: string): Promise<RegisteredVersion> {
  const champion = await registry.versionByAlias(model, MLFLOW_ALIASES.champion);
  if (champion) return champion;
  throw Failure.configuration(
    `'${model}' has no ${MLFLOW_ALIASES.champion} in ${registry.address}, so that there is nothing to compare a candidate with or to go back to: take in what runs with 'gate-evaluator register --adopt', or make the first version it with 'gate-evaluator promote --to ${LIFECYCLE.production}' and 'gate-evaluator rollout restore'`,
  );
}

/** What a roll-out is asked for. */
export interface Wanted {
  readonly version?: string;
  /** Name of a training run. */
  readonly run?: string;
}

/** The version that is asked for, or the newest that may be rolled out: one older than the champion was passed over for good. */
export async function wantedVersion(registry: Registry, model: string, { version, run }: Wanted): Promise<string> {
  if (version !== undefined) return version;
  const versions = await registry.versions(model);
  if (run !== undefined) {
    const found = versions.find(({ tags }) => tags[MLFLOW_TAGS.trainingRun] === run);
    if (found) return found.version;
    throw Failure.configuration(
      `no version of '${model}' in ${registry.address} is of the run '${run}': register it first`,
    );
  }
  const champion = await championOf(registry, model);
  const found = versions.find((each) => Number(each.version) > Number(champion.version) && isFresh(each) && each.ready);
  if (found) return found.version;
  throw Failure.configuration(
    `'${model}' has no version to roll out in ${registry.address}: none after version ${champion.version}, the ${MLFLOW_ALIASES.champion}, passed its gates and was not archived or taken back; name one with --version`,
  );
}

function isFresh({ tags }: RegisteredVersion): boolean {
  const { gateVerdict, lifecycle, rolledBack } = MLFLOW_TAGS;
  return tags[gateVerdict] === VERDICTS.pass && tags[lifecycle] !== LIFECYCLE.archived && !tags[rolledBack];
}
