/** Where a container writes its answers unless `$OUTPUT_DIR` says otherwise. */
export const DEFAULT_OUTPUT_DIR = '/tmp/outputs';

/** File names under `$OUTPUT_DIR`. */
export const OUTPUT_FILES = {
  driftDetected: 'drift_detected',
  retrainNeeded: 'retrain_needed',
  driftScore: 'drift_score',
  severity: 'severity',
  report: 'report.json',
  /** The same for people: one page, no network. */
  page: 'report.html',
  /** What was pushed, in Prometheus's text format. */
  metrics: 'metrics.prom',
  /** What a compaction found. */
  compaction: 'compaction.json',
  passed: 'passed',
  verdict: 'verdict',
  decision: 'decision.json',
  /** Number of the version that was registered, promoted or rolled back to. */
  modelVersion: 'model_version',
} as const;

/** Contents of {@link OUTPUT_FILES.verdict}. */
export const VERDICTS = { pass: 'pass', fail: 'fail', inconclusive: 'inconclusive' } as const;

/**
 * Exit codes of both containers. A judged "no" is 0 with the answer in a file, so that an engine that reads files can
 * tell it from a failure; `judgedNo` is only used when asked for (`--fail-on-no`), where exit codes are all there is.
 */
export const EXIT_CODES = { judged: 0, configuration: 2, unreachable: 3, judgedNo: 10 } as const;

/** Where the steps of a training run find and leave their files, relative to the run's workspace. */
export const WORKSPACE_PATHS = {
  /** Training data, written by the extract step: Parquet, CSV or JSON lines with the model's features and label. */
  data: 'data',
  /** The trained artifact, written by the train step. */
  model: 'model',
  /** Written by the evaluate step, or by train where there is none. */
  evaluation: 'evaluation',
  /** A flat JSON object: metric name to number. */
  metrics: 'evaluation/metrics.json',
  /** Any text that names the data that it was evaluated on, for example a digest: gates compare it with the baseline's. May be absent. */
  datasetDigest: 'evaluation/dataset_digest',
  /** What it was trained with, a flat JSON object: hyper-parameters, versions of libraries. May be absent. */
  configuration: 'evaluation/configuration.json',
  /** The candidate's predictions on the evaluation data, one row each. */
  predictions: 'evaluation/predictions.parquet',
  /** The reference profile, written by `drift-checker profile`. */
  profile: 'monitoring/reference_profile.json',
  /** The decision records of the run. */
  decisions: 'decisions',
  /** Where a step that may be evicted keeps what it needs to resume. */
  checkpoints: 'checkpoints',
} as const;

/** Where the rendered ConfigMaps are mounted in our containers. */
export const CONFIG_FILES = {
  schema: { directory: '/etc/mlops/schema', file: 'schema.json' },
  gates: { directory: '/etc/mlops/gates', file: 'gates.yaml' },
  driftCheck: { directory: '/etc/mlops/drift', file: 'drift-check.yaml' },
  capture: { directory: '/etc/mlops/capture', file: 'capture.yaml' },
  rollout: { directory: '/etc/mlops/rollout', file: 'rollout.yaml' },
} as const;

/** Columns of the prediction log: one row per instance, beside one column per feature. */
export const PREDICTION_LOG_COLUMNS = {
  requestId: 'request_id',
  timestamp: 'timestamp',
  model: 'model',
  version: 'version',
  prediction: 'prediction',
  predictionScore: 'prediction_score',
  label: 'label',
  labelTimestamp: 'label_timestamp',
} as const;

/** Columns of paired predictions, on which significance is tested: what the candidate and the baseline answered to the same row. */
export const PAIRED_PREDICTION_COLUMNS = {
  label: PREDICTION_LOG_COLUMNS.label,
  prediction: PREDICTION_LOG_COLUMNS.prediction,
  baselinePrediction: 'baseline_prediction',
} as const;

/** Hive partitions of the prediction log: `dt=YYYY-MM-DD/hour=HH`, UTC. */
export const PREDICTION_LOG_PARTITIONS = ['dt', 'hour'] as const;
