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
  /** The data that it was evaluated on, where the evaluation says so. */
  evaluationDigest: 'evaluation.dataset_digest',
  /** Value of the object tag `lifecycle` of its artifact's objects. */
  artifactLifecycle: 'artifact.lifecycle',
  /** Name of the training run that made it. */
  trainingRun: 'training.run',
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

/** Folder of a run's artifacts with what its evaluation was made of: metrics, importances, the gate file. */
export const EVALUATION_ARTIFACTS = 'evaluation';

/** Folder of a run's artifacts with the decisions about it. */
export const DECISION_ARTIFACTS = 'decisions';

/** Where the feature schema lies among the artifacts of the version's run. */
export const SCHEMA_ARTIFACT = 'monitoring/schema.json';

/** Where the reference profile lies among the artifacts of the version's run. */
export const REFERENCE_PROFILE_ARTIFACT = 'monitoring/reference_profile.json';
