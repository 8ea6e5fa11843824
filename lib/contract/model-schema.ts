/** Version of the schema file's format; readers refuse others. */
export const MODEL_SCHEMA_VERSION = 1;

/** What kind of question the model answers. */
export type TaskType = 'binary-classification' | 'multiclass-classification' | 'regression';

/**
 * How a feature's values are recorded where they are not recorded as they are: `bucketed` as one value for each bin of the reference
 * profile, which keeps its drift; `hashed` as a keyed hash, which tells values apart; `dropped` not at all.
 */
export const FEATURE_RECORDINGS = ['bucketed', 'hashed', 'dropped'] as const;

/** One input of the model. */
export interface FeatureSchema {
  readonly name: string;
  readonly type: 'numeric' | 'categorical';
  /** Whether a missing value is a data-quality finding. */
  readonly required: boolean;
  /** Weight in the model's drift score, 0 or more. */
  readonly importance: number;
  /** Lowest valid value (numeric). */
  readonly minimum?: number;
  /** Highest valid value (numeric). */
  readonly maximum?: number;
  /** How it is recorded in production; absent when its values are recorded as they are. */
  readonly recorded?: (typeof FEATURE_RECORDINGS)[number];
  /** Known values (categorical); others count as unseen categories. */
  readonly values?: readonly string[];
}

/** What the model answers. */
export interface TaskSchema {
  readonly type: TaskType;
  /** Classes in the order of the model's outputs (classification). */
  readonly classes?: readonly string[];
  /** The class that precision and recall speak of (binary classification). */
  readonly positiveClass?: string;
  /** Score from which on the positive class is answered (binary classification). */
  readonly decisionThreshold?: number;
}

/** What the model must reach. Ratios are 0 to 1. */
export interface ObjectivesSchema {
  readonly minAccuracy?: number;
  readonly minPrecision?: number;
  readonly minRecall?: number;
  readonly minF1?: number;
  readonly minAuc?: number;
  readonly maxMae?: number;
  readonly maxRmse?: number;
  readonly maxLatencyP95Seconds?: number;
  readonly maxErrorRate?: number;
}

/** The schema file: one per model, read by training, capture, drift check and gates alike. */
export interface ModelSchema {
  readonly version: typeof MODEL_SCHEMA_VERSION;
  readonly model: string;
  readonly task: TaskSchema;
  readonly features: readonly FeatureSchema[];
  readonly objectives: ObjectivesSchema;
  /** Seconds after a prediction until its label is usually known; absent when labels never come. */
  readonly labelDelaySeconds?: number;
}
