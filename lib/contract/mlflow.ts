/** Aliases of a registered model. Stages are deprecated since MLflow 2.9. */
export const MLFLOW_ALIASES = { champion: 'champion', challenger: 'challenger', previous: 'previous' } as const;

/** Tags of a model version. */
export const MLFLOW_TAGS = {
  lifecycle: 'lifecycle',
  gateVerdict: 'gate.verdict',
  gateReportSha256: 'gate.report_sha256',
  datasetDigest: 'dataset.digest',
  gitCommit: 'git.commit',
  artifactSha256: 'artifact.sha256',
  /** The object-store address that a serving runtime can read; MLflow's proxied `mlflow-artifacts:` is not one. */
  artifactUri: 'artifact.uri',
  /** The version that was champion before this one became it. */
  previousChampion: 'previous_champion',
  /** Why a version was taken back. */
  rolledBack: 'rolled_back',
} as const;

/**
 * Values of the tag {@link MLFLOW_TAGS.lifecycle}, of versions and of the objects of their artifacts. Objects are tagged
 * `archived` by copying them onto themselves: expiry counts from when an object was written.
 */
export const LIFECYCLE = {
  staged: 'staged',
  canary: 'canary',
  production: 'production',
  archived: 'archived',
} as const;

/** Where the reference profile lies among the artifacts of the version's run. */
export const REFERENCE_PROFILE_ARTIFACT = 'monitoring/reference_profile.json';
