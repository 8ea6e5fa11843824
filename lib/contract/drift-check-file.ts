import { PREDICTION_LOG_COLUMNS } from './files';
import { type FeatureSchema, type ModelSchema } from './model-schema';

/** Version of the configuration's format; readers refuse others. */
export const DRIFT_CHECK_FILE_VERSION = 1;

/** How far a feature's distribution is from the reference: 0 is no drift, larger is worse. */
export const DRIFT_STATISTICS = [
  'psi',
  'kolmogorov-smirnov',
  'wasserstein',
  'jensen-shannon',
  'hellinger',
  'cramers-v',
  'chi-square',
] as const;

/** One of {@link DRIFT_STATISTICS}. */
export type DriftStatistic = (typeof DRIFT_STATISTICS)[number];

/** Those that sort the values of a sample, so that they need numbers, and the numbers themselves. */
export const SAMPLE_STATISTICS: readonly DriftStatistic[] = ['kolmogorov-smirnov', 'wasserstein'];

/** What can be judged of a model, and its kind: the features, and what it answers. */
export function judgedColumns({ features, task }: ModelSchema): Map<string, FeatureSchema['type']> {
  return new Map([
    ...features.map(({ name, type }) => [name, type] as const),
    [PREDICTION_LOG_COLUMNS.prediction, task.type === 'regression' ? 'numeric' : 'categorical'] as const,
    [PREDICTION_LOG_COLUMNS.predictionScore, 'numeric'] as const,
  ]);
}

/** What follows from a performance that fell below the reference: a person looks at it, or the model is retrained. */
export const DEGRADED_ACTIONS = ['review', 'retrain'] as const;

/** Who starts a training that a check finds to be needed: the check itself, or Alertmanager by the alert on what the check pushes. */
export const RETRAIN_TRIGGERS = ['direct', 'alertmanager'] as const;

/** One of {@link RETRAIN_TRIGGERS}. */
export type RetrainTriggerName = (typeof RETRAIN_TRIGGERS)[number];

/** The configuration of `drift-checker check`, rendered by `DriftAlerting`. */
export interface DriftCheckFile {
  readonly version: typeof DRIFT_CHECK_FILE_VERSION;
  readonly model: string;
  readonly namespace: string;
  /** Path of the schema file. */
  readonly schema: string;
  /** URI of the prediction log. */
  readonly predictions: string;
  /** Path of the capture configuration file; what was collected is compacted into the prediction log before it is judged. */
  readonly capture?: string;
  /** URI of the labels that come later; absent when the prediction log carries them, or there are none. */
  readonly labels?: string;
  /** Columns that are not called as the contract calls them: the contract's name to theirs. */
  readonly columns?: {
    readonly [role in (typeof PREDICTION_LOG_COLUMNS)[keyof typeof PREDICTION_LOG_COLUMNS]]?: string;
  };
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
  /** Features that are judged by another statistic than the population stability index, or another threshold. */
  readonly features?: Readonly<Record<string, { readonly statistic?: DriftStatistic; readonly threshold?: number }>>;
  /** How performance is judged once labels are known. */
  readonly performance: {
    /** Labelled predictions below which performance is reported but not judged. */
    readonly minLabels: number;
    /** Loss from which on performance has degraded: absolute for ratios, relative to the reference for errors. */
    readonly maxDrop: number;
    /** Confidence of the interval that must exclude "no change". */
    readonly confidence: number;
    readonly onDegraded: (typeof DEGRADED_ACTIONS)[number];
  };
  /** What is retrained; absent when drift only alerts. */
  readonly retrain?: {
    readonly engine: string;
    /** Name of the WorkflowTemplate or CronJob. */
    readonly name: string;
    /** Name of the ConfigMap with the kill switch. */
    readonly loop: string;
    /** Predictions since the last training below which nothing is retrained. */
    readonly minPredictions: number;
    /** Who starts it; absent for the check itself. */
    readonly trigger?: RetrainTriggerName;
  };
  /** URI under which reports are kept, one folder a window; absent when only the last one is wanted, in `$OUTPUT_DIR`. */
  readonly reports?: string;
  /** Address of the Pushgateway. */
  readonly pushgateway: string;
}

/** What live data is judged by unless somebody says otherwise. */
export const DRIFT_CHECK_DEFAULTS = {
  window: { hours: 24, minRows: 500, extendDays: 7 },
  decision: { featureThreshold: 0.15, driftedShare: 0.3, significance: 0.01, consecutiveWindows: 1 },
  performance: { minLabels: 200, maxDrop: 0.05, confidence: 0.95, onDegraded: 'review' },
} as const;
