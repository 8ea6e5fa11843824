import { type DriftStatistic } from 'cdk8s-mlops/contract';
import { type PerformanceMetric } from '../performance/metrics';
import { type Interval } from '../statistics/intervals';

/** Version of the report's format. */
export const REPORT_VERSION = 1;

/** How bad a finding is: to know, to look at, to act on. */
export type FindingSeverity = 'info' | 'warning' | 'critical';

/** What can be wrong with data, whatever its distribution. */
export type FindingKind =
  | 'missing-column'
  | 'extra-column'
  | 'all-null'
  | 'missing-values'
  | 'type-changed'
  | 'out-of-range'
  | 'not-finite'
  | 'unseen-category'
  | 'constant'
  | 'duplicate-ids'
  | 'duplicate-rows'
  | 'no-timestamp'
  | 'label'
  | 'label-balance'
  | 'outliers'
  | 'too-few-rows'
  | 'unreadable'
  | 'misplaced-rows'
  | 'no-version'
  | 'capture'
  | 'shifted';

/** One thing that is wrong with the data. */
export interface Finding {
  readonly kind: FindingKind;
  readonly severity: FindingSeverity;
  /** The column, where it is one's. */
  readonly column?: string;
  readonly message: string;
}

/** Share of the rows in one bin. */
export interface BinShares {
  /** Range of the bin, or the category. */
  readonly label: string;
  readonly reference: number;
  readonly current: number;
}

/** How one feature, or the prediction, differs from the reference. */
export interface FeatureDrift {
  readonly name: string;
  readonly role: 'feature' | 'prediction';
  readonly type: 'numeric' | 'categorical';
  readonly importance: number;
  /** The statistic that judges. */
  readonly statistic: DriftStatistic;
  readonly threshold: number;
  readonly score: number;
  /** Chance of such a difference without drift. */
  readonly pValue: number;
  /** The same, for the number of columns that were looked at (Benjamini-Hochberg). */
  readonly adjustedPValue: number;
  readonly drifted: boolean;
  /** Why it does not count, where it does not. */
  readonly excluded?: string;
  /** Every statistic that fits the type. */
  readonly statistics: Partial<Record<DriftStatistic, number>>;
  readonly missingRatio: number;
  readonly referenceMissingRatio: number;
  readonly mean?: number;
  readonly referenceMean?: number;
  readonly standardDeviation?: number;
  readonly referenceStandardDeviation?: number;
  readonly bins: readonly BinShares[];
}

/** One performance metric beside the reference. */
export interface MetricReport extends Interval {
  readonly metric: PerformanceMetric;
  readonly value: number;
  readonly reference?: number;
  /** Confidence interval of value − reference. */
  readonly change?: Interval;
  /** Whether this metric decides. */
  readonly judged: boolean;
  readonly degraded: boolean;
  readonly objective?: number;
  readonly missesObjective: boolean;
}

/** Performance of the window's predictions whose labels are known. */
export interface PerformanceReport {
  readonly verdict: 'steady' | 'degraded' | 'inconclusive';
  readonly labels: number;
  /** Share of the window's predictions with a label. */
  readonly coverage: number;
  /** Seconds from prediction to label, half of the labels are known by then. */
  readonly medianLagSeconds?: number;
  readonly metrics: readonly MetricReport[];
}

/** Performance expected from the scores alone. */
export interface EstimatedPerformanceReport {
  readonly estimated: true;
  readonly metrics: Partial<Record<PerformanceMetric, number>>;
}

/** The verdict on a window. */
export type DriftVerdict = 'drift' | 'no-drift' | 'inconclusive';
/** `warning`: look at it. `critical`: the model drifted, lost performance, or gets broken data. */
export type Severity = 'none' | 'warning' | 'critical' | 'inconclusive';

/** The window that was judged. */
export interface WindowReport {
  /** What was selected, for people. */
  readonly selection: string;
  readonly from?: string;
  readonly until?: string;
  /** Whether it was extended back to reach the minimum of rows. */
  readonly extended: boolean;
  readonly rows: number;
  readonly minRows: number;
  /** Rows of other models, of other versions of this one and of none: they were left out. */
  readonly otherModels: number;
  readonly otherVersions: number;
  readonly unversioned: number;
  /** What was left out, some of it, for people. */
  readonly leftOut: readonly string[];
}

/** What the decision asks for. */
export interface RetrainingReport {
  readonly needed: boolean;
  /** Why, or why not. */
  readonly reason: string;
  /** Counted up to the minimum. */
  readonly predictionsSinceTraining?: number;
}

/** The answer of `check --only performance`, written to `report.json`. */
export interface PerformanceCheckReport {
  readonly version: typeof REPORT_VERSION;
  readonly model: string;
  readonly namespace: string;
  readonly modelVersion?: string;
  readonly window: WindowReport;
  readonly quality: readonly Finding[];
  readonly performance?: PerformanceReport;
  readonly estimatedPerformance?: EstimatedPerformanceReport;
}

/** The answer of `check`, written to `report.json`. */
export interface DriftReport extends PerformanceCheckReport {
  readonly reference: { readonly source: string; readonly rows: number; readonly digest: string };
  readonly verdict: DriftVerdict;
  readonly severity: Severity;
  /** One sentence for each thing that led to the verdict. */
  readonly reasons: readonly string[];
  /** Importance-weighted mean of the scores. */
  readonly dataDriftScore: number;
  /** Share of the counted features that drifted. */
  readonly driftedShare: number;
  readonly driftedFeatures: readonly string[];
  readonly countedFeatures: number;
  readonly features: readonly FeatureDrift[];
  readonly predictions: readonly FeatureDrift[];
  readonly retraining: RetrainingReport;
}
