import { GATE_METRICS } from './gate-metrics';
import { RECORDED_METRICS } from './recorded-metrics';

/** Prometheus metric types that the loop uses. */
export type MetricType = 'counter' | 'gauge' | 'histogram';

/** What one Prometheus metric of the loop is. */
export interface MetricSpec {
  /** The series name, as queried in PromQL. */
  readonly name: string;
  readonly type: MetricType;
  /** What one unit of the value is. */
  readonly unit: string;
  /** Every label that the exporting process sets itself. */
  readonly labels: readonly string[];
  /** One sentence, also used as the HELP text. */
  readonly help: string;
  /** The process that exports it. */
  readonly from: string;
}

const OF_A_VERSION = ['model', 'version', 'namespace'] as const;
const OF_A_MODEL = ['model', 'namespace'] as const;

const CAPTURE = 'drift-checker collect';
const LABELS = 'drift-checker stream, or check for its window';
const CHECK = 'drift-checker check';
const COMPACT = 'drift-checker compact, or check before it judges';

function performance(name: string, help: string, unit = 'ratio'): MetricSpec {
  return { name, type: 'gauge', unit, labels: [...OF_A_VERSION, 'estimated'], help, from: CHECK };
}

/**
 * Every metric that crosses a process boundary. A query names its metric through this table, never by a literal.
 *
 * Drift scores have one direction: 0 is no drift, larger is worse.
 */
export const METRICS = {
  predictions: {
    name: 'ml_predictions_total',
    type: 'counter',
    unit: 'predictions',
    labels: OF_A_VERSION,
    help: 'Predictions answered, one per instance.',
    from: CAPTURE,
  },
  predictionClass: {
    name: 'ml_prediction_class_total',
    type: 'counter',
    unit: 'predictions',
    labels: [...OF_A_VERSION, 'class'],
    help: 'Predictions by predicted class (classification).',
    from: CAPTURE,
  },
  predictionValue: {
    name: 'ml_prediction_value',
    type: 'histogram',
    unit: 'score or predicted value',
    labels: OF_A_VERSION,
    help: 'Distribution of the predicted score or value.',
    from: CAPTURE,
  },
  inferenceRequests: {
    name: 'ml_inference_requests_total',
    type: 'counter',
    unit: 'requests',
    labels: OF_A_VERSION,
    help: 'Inference requests received; errors are requests without a response.',
    from: `${CAPTURE}, or recording rules over the gateway or runtime`,
  },
  inferenceResponses: {
    name: 'ml_inference_responses_total',
    type: 'counter',
    unit: 'responses',
    labels: OF_A_VERSION,
    help: 'Inference requests that were answered.',
    from: `${CAPTURE}, or recording rules over the gateway or runtime`,
  },
  inferenceDuration: {
    name: 'ml_inference_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    labels: OF_A_VERSION,
    help: 'Time from the arrival of a request to its response.',
    from: `${CAPTURE}, or recording rules over the gateway or runtime`,
  },
  featureMissing: {
    name: 'ml_feature_missing_total',
    type: 'counter',
    unit: 'instances',
    labels: [...OF_A_VERSION, 'feature'],
    help: 'Instances in which the feature was missing or null.',
    from: CAPTURE,
  },
  featureBin: {
    name: 'ml_feature_bin_total',
    type: 'counter',
    unit: 'instances',
    labels: [...OF_A_VERSION, 'feature', 'bin'],
    help: 'Instances by bin of the reference profile; every bin is initialised at 0.',
    from: CAPTURE,
  },
  featureReferenceRatio: {
    name: 'ml_feature_reference_ratio',
    type: 'gauge',
    unit: 'ratio',
    labels: [...OF_A_VERSION, 'feature', 'bin'],
    help: 'Share of the reference that falls into the bin.',
    from: CAPTURE,
  },
  featureReferenceCount: {
    name: 'ml_feature_reference_count',
    type: 'gauge',
    unit: 'instances',
    labels: [...OF_A_VERSION, 'feature'],
    help: 'Rows of the reference profile of the feature.',
    from: CAPTURE,
  },
  ...RECORDED_METRICS,
  captureEvents: {
    name: 'ml_capture_events_total',
    type: 'counter',
    unit: 'events',
    labels: [...OF_A_MODEL, 'kind', 'outcome'],
    help: 'Requests, responses and labels that were sent to the collector, by what became of them.',
    from: CAPTURE,
  },
  captureFindings: {
    name: 'ml_capture_findings_total',
    type: 'counter',
    unit: 'events',
    labels: [...OF_A_MODEL, 'kind'],
    help: 'What is wrong with events that were stored.',
    from: CAPTURE,
  },
  captureBufferBytes: {
    name: 'ml_capture_buffer_bytes',
    type: 'gauge',
    unit: 'bytes',
    labels: OF_A_MODEL,
    help: "Bytes on the collector's disk that wait for the store.",
    from: CAPTURE,
  },
  captureBufferLimit: {
    name: 'ml_capture_buffer_limit_bytes',
    type: 'gauge',
    unit: 'bytes',
    labels: OF_A_MODEL,
    help: 'Bytes that may wait for the store before new events are shed.',
    from: CAPTURE,
  },
  captureUploads: {
    name: 'ml_capture_uploads_total',
    type: 'counter',
    unit: 'uploads',
    labels: [...OF_A_MODEL, 'outcome'],
    help: 'Attempts to bring a segment to the store: `stored` or `failed`.',
    from: CAPTURE,
  },
  compactionFindings: {
    name: 'ml_compaction_findings',
    type: 'gauge',
    unit: 'events',
    labels: [...OF_A_MODEL, 'kind'],
    help: 'What the last compaction that had something to do found.',
    from: COMPACT,
  },
  compactionRows: {
    name: 'ml_compaction_rows',
    type: 'gauge',
    unit: 'rows',
    labels: OF_A_MODEL,
    help: 'Predictions that the last compaction that had something to do added to the log.',
    from: COMPACT,
  },
  compactionLastSuccess: {
    name: 'ml_compaction_last_success_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since the epoch',
    labels: OF_A_MODEL,
    help: 'When a compaction last ended.',
    from: COMPACT,
  },
  labelledPredictions: {
    name: 'ml_labelled_predictions_total',
    type: 'counter',
    unit: 'predictions',
    labels: OF_A_VERSION,
    help: 'Predictions whose label has arrived.',
    from: LABELS,
  },
  correctPredictions: {
    name: 'ml_correct_predictions_total',
    type: 'counter',
    unit: 'predictions',
    labels: OF_A_VERSION,
    help: 'Labelled predictions that equal their label.',
    from: LABELS,
  },
  confusion: {
    name: 'ml_confusion_total',
    type: 'counter',
    unit: 'predictions',
    labels: [...OF_A_VERSION, 'actual', 'predicted'],
    help: 'Labelled predictions by actual and predicted class.',
    from: LABELS,
  },
  accuracy: performance('ml_model_accuracy', 'Share of labelled predictions that are correct.'),
  precision: performance('ml_model_precision', 'Share of positive predictions that are correct.'),
  recall: performance('ml_model_recall', 'Share of actual positives that were predicted.'),
  f1: performance('ml_model_f1', 'Harmonic mean of precision and recall.'),
  auc: performance('ml_model_auc', 'Area under the ROC curve.'),
  mae: performance('ml_model_mae', 'Mean absolute error.', 'unit of the label'),
  rmse: performance('ml_model_rmse', 'Root mean squared error.', 'unit of the label'),
  dataDriftScore: {
    name: 'ml_data_drift_score',
    type: 'gauge',
    unit: 'score',
    labels: OF_A_VERSION,
    help: 'Importance-weighted mean of the feature drift scores.',
    from: CHECK,
  },
  modelDriftScore: {
    name: 'ml_model_drift_score',
    type: 'gauge',
    unit: 'ratio',
    labels: OF_A_VERSION,
    help: 'Share of the features that drifted, 0 to 1.',
    from: CHECK,
  },
  driftedFeatures: {
    name: 'ml_model_drifted_features',
    type: 'gauge',
    unit: 'features',
    labels: OF_A_VERSION,
    help: 'Number of features that drifted.',
    from: CHECK,
  },
  predictionDriftScore: {
    name: 'ml_prediction_drift_score',
    type: 'gauge',
    unit: 'score',
    labels: OF_A_VERSION,
    help: 'Drift score of the predictions.',
    from: CHECK,
  },
  featureDriftScore: {
    name: 'ml_feature_drift_score',
    type: 'gauge',
    unit: 'score',
    labels: [...OF_A_VERSION, 'feature'],
    help: 'Drift score of one feature.',
    from: CHECK,
  },
  featureMissingRatio: {
    name: 'ml_feature_missing_ratio',
    type: 'gauge',
    unit: 'ratio',
    labels: [...OF_A_VERSION, 'feature'],
    help: 'Share of the window in which the feature was missing.',
    from: CHECK,
  },
  driftCheckSamples: {
    name: 'ml_drift_check_samples',
    type: 'gauge',
    unit: 'rows',
    labels: OF_A_VERSION,
    help: 'Rows of the window that the last check judged.',
    from: CHECK,
  },
  driftCheckLastSuccess: {
    name: 'ml_drift_check_last_success_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since the epoch',
    labels: OF_A_MODEL,
    help: 'When a drift check last ended with a judgement.',
    from: CHECK,
  },
  retrainLastTriggered: {
    name: 'ml_retrain_last_triggered_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since the epoch',
    labels: OF_A_MODEL,
    help: 'When a drift check last asked for a retraining.',
    from: CHECK,
  },
  retrainNeeded: {
    name: 'ml_retrain_needed',
    type: 'gauge',
    unit: '1 needed, 0 not',
    labels: OF_A_VERSION,
    help: 'Whether the last drift check found that a retraining is needed.',
    from: CHECK,
  },
  ...GATE_METRICS,
} as const satisfies Record<string, MetricSpec>;

/** Values of the label `role` of {@link METRICS.versionInfo}. */
export const VERSION_ROLES = { stable: 'stable', candidate: 'candidate' } as const;

/** Value of the label `bin` for instances without a value. */
export const MISSING_BIN = 'missing';

/** Prometheus job names: one per pushing writer, so that no writer erases another's group in the Pushgateway. */
export const PUSH_JOBS = {
  driftChecker: 'drift-checker',
  /** When a check judged and asked for a retraining: a group of its own, which the next check adds to and never erases. */
  driftCheckerEvents: 'drift-checker-events',
  /** Measured and estimated performance: pushed by every check, also by those that judge nothing else. */
  driftCheckerPerformance: 'drift-checker-performance',
  compaction: 'drift-checker-compaction',
  gateEvaluator: 'gate-evaluator',
} as const;

/** Metrics of the Pushgateway itself. */
export const PUSHGATEWAY_METRICS = {
  /** When a group was pushed last, in seconds since the epoch; labelled with the group's labels. */
  pushTime: 'push_time_seconds',
} as const;

/** The labels of a push, in the order of the grouping key in the Pushgateway's path. */
export const PUSH_GROUPING_LABELS = ['job', 'namespace', 'model'] as const;
