import { type DriftStatistic } from '../contract';

/**
 * How the drift of one feature is measured. Whatever the statistic, 0 is no drift, larger is worse, and a difference that may be
 * noise is none. Immutable data.
 */
export class FeatureStatistic {
  /**
   * Population stability index on the reference's deciles or categories, corrected for the window's size.
   *
   * @param threshold @default - the drift threshold of the model
   */
  public static psi(threshold?: number): FeatureStatistic {
    return new FeatureStatistic('psi', threshold);
  }

  /**
   * Largest distance between the cumulative distributions (numeric), 0 to 1, on samples.
   *
   * @param threshold @default 0.1
   */
  public static kolmogorovSmirnov(threshold?: number): FeatureStatistic {
    return new FeatureStatistic('kolmogorov-smirnov', threshold);
  }

  /**
   * Wasserstein distance in standard deviations of the reference (numeric), on samples. One far value moves it.
   *
   * @param threshold @default 0.1
   */
  public static wasserstein(threshold?: number): FeatureStatistic {
    return new FeatureStatistic('wasserstein', threshold);
  }

  /**
   * Jensen-Shannon distance with base 2, 0 to 1.
   *
   * @param threshold @default 0.1
   */
  public static jensenShannon(threshold?: number): FeatureStatistic {
    return new FeatureStatistic('jensen-shannon', threshold);
  }

  /**
   * Hellinger distance, 0 to 1.
   *
   * @param threshold @default 0.1
   */
  public static hellinger(threshold?: number): FeatureStatistic {
    return new FeatureStatistic('hellinger', threshold);
  }

  /**
   * Cramér's V, 0 to 1.
   *
   * @param threshold @default 0.1
   */
  public static cramersV(threshold?: number): FeatureStatistic {
    return new FeatureStatistic('cramers-v', threshold);
  }

  /**
   * Chi-square per degree of freedom: the classical test of homogeneity, where the p-value alone decides.
   *
   * @param threshold @default 1
   */
  public static chiSquare(threshold?: number): FeatureStatistic {
    return new FeatureStatistic('chi-square', threshold);
  }

  private constructor(
    /** Upstream's name of the statistic. */
    public readonly statistic: DriftStatistic,
    /** Score from which on the feature has drifted. */
    public readonly threshold: number | undefined,
  ) {}

  /** The entry of the drift check's configuration. @internal */
  public _toRule(): { readonly statistic: DriftStatistic; readonly threshold?: number } {
    return { statistic: this.statistic, ...(this.threshold !== undefined && { threshold: this.threshold }) };
  }
}
