import { MLFLOW_ALIASES, REFERENCE_PROFILE_ARTIFACT } from 'cdk8s-mlops/contract';
import { type MlflowClient } from '../../common/mlflow';
import { type Context } from '../../common/run-app';
import { type PerformanceCheckReport } from '../check/drift-report';
import { type CheckOptions } from '../check/run-check';
import { runPerformanceCheck } from '../check/run-performance-check';
import { versionProfile } from '../profile/version-profile';

/**
 * Performance of the version that is rolled out, which a roll-out may be judged by; none where there is none, or where a version or profile
 * is named: that one alone is asked about.
 */
export async function challengerPerformance(
  { call, log }: Context,
  registry: MlflowClient | undefined,
  options: CheckOptions,
): Promise<PerformanceCheckReport[]> {
  if (!registry || call.text('profile') !== undefined || call.text('model-version') !== undefined) return [];
  const { model } = options.config;
  const challenger = await registry.versionByAlias(model, MLFLOW_ALIASES.challenger);
  if (!challenger || challenger.version === options.modelVersion) return [];
  const { version } = challenger;
  const found = await versionProfile(registry, model, challenger);
  if (!found) {
    log.warn({ version }, `the challenger has no '${REFERENCE_PROFILE_ARTIFACT}': its performance is not measured`);
    return [];
  }
  const own = { profile: found.profile, profileSource: found.source, modelVersion: version };
  return [await runPerformanceCheck({ ...options, ...own }, true)];
}
