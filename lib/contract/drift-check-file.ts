/** Version of the configuration's format; readers refuse others. */
export const DRIFT_CHECK_FILE_VERSION = 1;

/** The configuration of `drift-checker check`, rendered by `DriftAlerting`. */
export interface DriftCheckFile {
  readonly version: typeof DRIFT_CHECK_FILE_VERSION;
  readonly model: string;
  readonly namespace: string;
  /** Path of the schema file. */
  readonly schema: string;
  /** URI of the prediction log. */
  readonly predictions: string;
  /** Which version's reference profile the window is compared with. */
  readonly reference: { readonly registry: string; readonly alias: string };
  readonly window: {
    /** Length of the window. */
    readonly hours: number;
    /** A window with fewer rows is extended back ... */
    readonly minRows: number;
    /** ... by at most this; below the minimum even then, it is inconclusive. */
    readonly extendDays: number;
  };
  readonly decision: {
    /** Score from which on a feature has drifted. */
    readonly featureThreshold: number;
    /** Share of drifted features above which the model has drifted; exactly this share has not. */
    readonly driftedShare: number;
    /** Highest adjusted p-value at which a difference is not noise. */
    readonly significance: number;
    /** Windows in a row that must agree. */
    readonly consecutiveWindows: number;
  };
  /** What is retrained; absent when drift only alerts. */
  readonly retrain?: {
    readonly engine: string;
    /** Name of the WorkflowTemplate or CronJob. */
    readonly name: string;
    /** Predictions since the last training below which nothing is retrained. */
    readonly minPredictions: number;
  };
  /** Address of the Pushgateway. */
  readonly pushgateway: string;
}
