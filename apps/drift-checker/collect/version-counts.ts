import { type FeatureSchema, MISSING_BIN, type ModelSchema } from 'cdk8s-mlops/contract';
import { type Prediction } from '../payload/answers';
import { type FeatureRow, type FeatureValue } from '../payload/instances';
import { type FeatureProfile, type ReferenceProfile } from '../profile/reference-profile';
import { categoryOf, numberOf } from './feature-values';

/** Counts of one version. */
export class VersionCounts {
  public requests = 0;
  public responses = 0;
  public predictions = 0;
  private features: FeatureCount[];
  private readonly classes: Map<string, number>;

  constructor(private schema: ModelSchema) {
    this.features = schema.features.map(newCount);
    this.classes = new Map((schema.task.classes ?? []).map((name) => [name, 0]));
  }

  /** Counts by another schema from now on, and goes on with the features that both have. */
  public useSchema(schema: ModelSchema): void {
    const known = new Map(this.features.map((count) => [count.name, count]));
    this.schema = schema;
    this.features = schema.features.map((feature) => {
      const count = known.get(feature.name);
      return count?.feature.type === feature.type ? { ...count, feature } : newCount(feature);
    });
    for (const name of schema.task.classes ?? []) if (!this.classes.has(name)) this.classes.set(name, 0);
  }

  /** Counts features by the bins of a reference from now on; those that it does not have are counted without. */
  public useProfile(profile: ReferenceProfile): void {
    const profiles = new Map(profile.features.map((feature) => [feature.name, feature]));
    for (const count of this.features) {
      const found = profiles.get(count.name);
      if (found?.type === count.feature.type) count.bins ??= new Bins(found);
    }
  }

  /**
   * Rows of another schema, as several versions counted together may have, are not counted by feature.
   *
   * @returns how many values are of another type than their feature's
   */
  public countRows(rows: readonly FeatureRow[], schema: ModelSchema): number {
    let retyped = 0;
    if (schema !== this.schema) return retyped;
    for (const row of rows) {
      for (let index = 0; index < this.features.length; index++) {
        const count = this.features[index]!;
        const value = row[index] ?? null;
        if (value === null) count.missing++;
        if (count.feature.type === 'numeric' && value !== null && Number.isNaN(numberOf(value))) retyped++;
        count.bins?.count(value);
      }
    }
    return retyped;
  }

  public countPredictions(predictions: readonly Prediction[]): void {
    this.predictions += predictions.length;
    for (const { prediction } of predictions) {
      if (typeof prediction !== 'string') continue;
      const counted = this.classes.get(prediction);
      if (counted !== undefined) this.classes.set(prediction, counted + 1);
    }
  }

  public eachFeature(visit: (count: FeatureCount) => void): void {
    this.features.forEach(visit);
  }

  public eachClass(visit: (name: string, count: number) => void): void {
    this.classes.forEach((count, name) => visit(name, count));
  }
}

/** Counts of one feature. */
export interface FeatureCount {
  readonly name: string;
  readonly feature: FeatureSchema;
  missing: number;
  bins?: Bins;
}

function newCount(feature: FeatureSchema): FeatureCount {
  return { name: feature.name, feature, missing: 0 };
}

/** Counts by the bins of a reference: those of the check, so that both say the same. */
export class Bins {
  /** Rows of the reference. */
  public readonly rows: number;
  private readonly names: readonly string[];
  private readonly reference: readonly number[];
  private readonly counts: Float64Array;
  private readonly edges: readonly number[];
  private readonly categories: ReadonlyMap<string, number> | undefined;

  constructor(profile: FeatureProfile) {
    if (profile.type === 'numeric') {
      const { edges, counts, missing, infinite } = profile;
      this.edges = edges;
      this.names = [...edges.map((edge) => `le ${edge}`), edges.length > 0 ? `gt ${edges.at(-1)}` : 'any', MISSING_BIN];
      // Infinity is no measurement: the check counts it with what is missing.
      this.reference = [...counts, missing + infinite];
    } else {
      const { categories, counts, other, missing } = profile;
      this.edges = [];
      this.categories = new Map(categories.map((name, index) => [name, index]));
      this.names = [...categories.map((name) => `= ${name}`), 'other', MISSING_BIN];
      this.reference = [...counts, other, missing];
    }
    this.rows = this.reference.reduce((sum, count) => sum + count, 0);
    this.counts = new Float64Array(this.names.length);
  }

  public count(value: FeatureValue): void {
    this.counts[this.binOf(value)]!++;
  }

  public each(visit: (bin: string, count: number, ratio: number) => void): void {
    this.names.forEach((name, index) =>
      visit(name, this.counts[index]!, this.rows > 0 ? this.reference[index]! / this.rows : 0),
    );
  }

  private binOf(value: FeatureValue): number {
    const missing = this.names.length - 1;
    if (value === null) return missing;
    if (this.categories) return this.categories.get(categoryOf(value)) ?? missing - 1;
    const number = numberOf(value);
    return Number.isFinite(number) ? numericBin(this.edges, number) : missing;
  }
}

/** The bin of a value: bounds are upper and inclusive. */
export function numericBin(edges: readonly number[], value: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= edges[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
