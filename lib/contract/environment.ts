/** Environment variables that every step of a training run gets. URIs have no trailing slash. */
export const STEP_ENVIRONMENT = {
  /** Name of the model. */
  modelName: 'MODEL_NAME',
  /** Unique name of the run: the Workflow's or the Job's. */
  runId: 'RUN_ID',
  /** Why the run was started, for example `schedule` or `drift`. */
  runReason: 'RUN_REASON',
  /** The run's own part of the workspace. */
  workspaceUri: 'WORKSPACE_URI',
  /** Training data: the extract step writes it, later steps read it. */
  dataUri: 'DATA_URI',
  /** Where train leaves the artifact. */
  modelUri: 'MODEL_URI',
  /** Where metrics, predictions and reports of the candidate are left. */
  evaluationUri: 'EVALUATION_URI',
  /** Where the step keeps checkpoints; the same address on every retry of the run. */
  checkpointUri: 'CHECKPOINT_URI',
  /** Directory of the step's answers. */
  outputDir: 'OUTPUT_DIR',
  /** Address of the tracking server; MLflow's own variable. */
  mlflowTrackingUri: 'MLFLOW_TRACKING_URI',
  /** Bearer token of the tracking server; MLflow's own variable. */
  mlflowTrackingToken: 'MLFLOW_TRACKING_TOKEN',
  /** Address of the Pushgateway. */
  pushgatewayUrl: 'PUSHGATEWAY_URL',
} as const;

/** Environment variable by which a server of one's own learns where to send its predictions. */
export const CAPTURE_URL = 'CAPTURE_URL';

/** Environment variable by which it learns the version that it serves, which its predictions have to name. */
export const CAPTURE_VERSION = 'CAPTURE_VERSION';

/** Environment variable with the key of the hashes of features that are recorded `hashed`. */
export const CAPTURE_HASH_KEY = 'CAPTURE_HASH_KEY';
