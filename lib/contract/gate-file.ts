/**
 * The gate file: quality thresholds that a candidate must meet before it may be registered and rolled out.
 *
 * Bounds are inclusive. `minimum` means that higher is better, `maximum` that lower is better. A metric that is
 * missing, NaN or infinite fails its gate.
 */
export interface GateFile {
  /** Version of the format. @default 1 */
  readonly version?: number;
  /** What the candidate is compared with. @default - the version behind the alias `champion` */
  readonly baseline?: GateBaseline;
  /** What happens in cases that a gate does not decide itself. @default - see {@link GateDefaults} */
  readonly defaults?: GateDefaults;
  /** Gates by metric name; at least one. */
  readonly metrics: { readonly [metric: string]: MetricGate };
}

/** The version that candidates are compared with. */
export interface GateBaseline {
  /** Exactly one of alias, version, run and file. @default - `{ alias: champion }` */
  readonly from?: GateBaselineSource;
  /** What happens when there is none yet. @default absoluteOnly */
  readonly whenMissing?: 'absoluteOnly' | 'pass' | 'fail';
}

/** Where the baseline's metrics come from; exactly one. */
export interface GateBaselineSource {
  /** Alias of a registered version. @default - not used */
  readonly alias?: string;
  /** Number of a registered version. @default - not used */
  readonly version?: string;
  /** Id of a run. @default - not used */
  readonly run?: string;
  /** Metrics file, relative to the gate file. @default - not used */
  readonly file?: string;
}

/** What happens in cases that a gate does not decide itself. */
export interface GateDefaults {
  /** When the data sets of candidate and baseline have different digests. @default warn */
  readonly sameDataset?: 'ignore' | 'warn' | 'fail';
}

/** The rule for one metric. */
export interface MetricGate {
  /** Lowest value that passes. @default - no lower bound */
  readonly minimum?: number;
  /** Highest value that passes. @default - no upper bound */
  readonly maximum?: number;
  /** How the candidate must compare with the baseline. @default - not compared */
  readonly comparison?: 'gt' | 'gte' | 'lt' | 'lte' | 'noFarther';
  /** Allowed regression: absolute, or relative to the baseline's absolute value ("0.5%"). @default 0 */
  readonly tolerance?: number | string;
  /** Required improvement, absolute or relative. @default 0 */
  readonly improveBy?: number | string;
  /** Fails when better than the baseline by more than this: a guard against leaks. @default - no guard */
  readonly suspiciousAbove?: number | string;
  /** The ideal value that `noFarther` and `maxDistance` measure from. @default - none */
  readonly ideal?: number;
  /** Largest passing distance from `ideal`. @default - no bound */
  readonly maxDistance?: number;
  /** A statistical test of the difference. @default - none */
  readonly significance?: GateSignificance;
  /** The same metric on parts of the data. @default - none */
  readonly slices?: readonly GateSlice[];
  /** How far the slices may lie apart: fairness between groups. @default - not judged */
  readonly disparity?: GateDisparity;
  /** How the metric is computed when the candidate does not bring it. @default - it must be brought */
  readonly derive?: GateDerivation;
  /** Whether a failure blocks or only warns. @default block */
  readonly severity?: 'block' | 'warn';
}

/** A test of the difference between candidate and baseline on paired predictions. */
export interface GateSignificance {
  readonly test: 'mcnemar' | 'bootstrap';
  /** Chance of a false verdict, between 0 and 0.5. @default 0.05 */
  readonly alpha?: number;
  /** Largest difference that counts as "not worse". @default 0 */
  readonly margin?: number;
  /**
   * Predictions of both models on the same rows, relative to the evaluation folder: the columns `label`, `prediction` and
   * `baseline_prediction`. @default predictions.parquet
   */
  readonly predictions?: string;
}

/** A metric on one part of the data. */
export interface GateSlice {
  readonly name: string;
  readonly metric: string;
  /** @default - no lower bound */
  readonly minimum?: number;
  /** @default - no upper bound */
  readonly maximum?: number;
  /** Fewer samples than this make the slice inconclusive. @default 1 */
  readonly minSamples?: number;
}

/**
 * How far the slices of a metric may lie apart; slices with too few samples are left out. At least one of both.
 *
 * @see 29 CFR 1607.4(D), the four-fifths rule, for the ratio; Fairlearn's `difference` and `ratio` between groups
 */
export interface GateDisparity {
  /** Largest passing difference between the best and the worst slice. @default - no bound */
  readonly maxDifference?: number;
  /** Smallest passing ratio of the worst to the best slice, for example 0.8. @default - no bound */
  readonly minRatio?: number;
}

/** How a metric is derived from files of candidate and baseline: importance files are flat JSON objects, feature to number. */
export interface GateDerivation {
  /**
   * Spearman's rank correlation of two importance files over the union of their features. The candidate's lies in its evaluation
   * folder, the baseline's is the artifact of that name that was kept when it was evaluated.
   */
  readonly spearman: { readonly candidate: string; readonly baseline: string };
}
