import { type FeatureSchema } from '../contract';

/** How the values of a feature are recorded in production, where they must not be recorded as they are. */
export enum FeatureRecording {
  /** As one value for each bin of the reference profile, which keeps the feature's drift (numeric features). */
  BUCKETED = 'bucketed',
  /** As a keyed hash, which tells values apart and nothing more (categorical features). */
  HASHED = 'hashed',
  /** Not at all. */
  DROPPED = 'dropped',
}

/** What every feature has. */
export interface FeatureOptions {
  /**
   * Whether a missing value is a data-quality finding.
   *
   * @default true
   */
  readonly required?: boolean;

  /**
   * Weight in the model's drift score, 0 or more: 0 reports the feature's drift but never counts it.
   *
   * @default 1
   */
  readonly importance?: number;

  /**
   * How values are recorded in production.
   *
   * @default - as they are
   */
  readonly recording?: FeatureRecording;
}

/** A numeric feature. */
export interface NumericFeatureOptions extends FeatureOptions {
  /**
   * Lowest valid value; lower ones are out of range.
   *
   * @default - no lower bound
   */
  readonly minimum?: number;

  /**
   * Highest valid value; higher ones are out of range.
   *
   * @default - no upper bound
   */
  readonly maximum?: number;
}

/** A categorical feature. */
export interface CategoricalFeatureOptions extends FeatureOptions {
  /**
   * Known values; others count as unseen categories.
   *
   * @default - those that the reference profile has seen
   */
  readonly values?: readonly string[];
}

/** One input of a model. Immutable data. */
export class Feature {
  /** A feature whose values are numbers. */
  public static numeric(name: string, options: NumericFeatureOptions = {}): Feature {
    const { minimum, maximum } = options;
    return new Feature({ ...Feature.common(name, options), type: 'numeric', minimum, maximum });
  }

  /** A feature whose values are names, codes or other categories. */
  public static categorical(name: string, options: CategoricalFeatureOptions = {}): Feature {
    const values = options.values && [...options.values];
    return new Feature({ ...Feature.common(name, options), type: 'categorical', values });
  }

  private static common(
    name: string,
    options: FeatureOptions,
  ): Pick<FeatureSchema, 'name' | 'required' | 'importance' | 'recorded'> {
    const { required = true, importance = 1, recording: recorded } = options;
    return { name, required, importance, recorded };
  }

  /** Name of the feature: the column of the training data and the prediction log. */
  public readonly name: string;

  /** The feature as the schema file has it. */
  public readonly schema: FeatureSchema;

  private constructor(schema: FeatureSchema) {
    this.name = schema.name;
    this.schema = Object.freeze(schema);
  }
}
