import { REFERENCE_PROFILE_ARTIFACT } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type MlflowClient, type ModelVersion } from '../../common/mlflow';
import { checkProfileModel, parseProfile, type ReferenceProfile } from './reference-profile';

/** A profile and where it is from. */
export interface SourcedProfile {
  readonly profile: ReferenceProfile;
  readonly source: string;
}

/**
 * The reference profile among the artifacts of a version; `undefined` when it has none.
 *
 * @throws Failure when it is no profile, or one of another model or version
 */
export async function versionProfile(
  registry: MlflowClient,
  model: string,
  { runId, version }: ModelVersion,
): Promise<SourcedProfile | undefined> {
  const source = `models:/${model}/${version}/${REFERENCE_PROFILE_ARTIFACT}`;
  const text = await registry.artifact(runId, REFERENCE_PROFILE_ARTIFACT);
  if (text === undefined) return undefined;
  const profile = parseProfile(text, source);
  checkProfileModel(profile, model, source);
  checkedVersion(profile, version, source);
  return { profile, source };
}

/**
 * The version that a profile is of.
 *
 * @throws Failure when it says that it is of another one
 */
export function checkedVersion(
  { modelVersion }: ReferenceProfile,
  version: string | undefined,
  source: string,
): string | undefined {
  if (version === undefined || modelVersion === undefined || modelVersion === version) return version ?? modelVersion;
  throw Failure.configuration(
    `'${source}' is the reference profile of version ${modelVersion}, not of version ${version}`,
  );
}
