import { type Comparison } from '../../apps/drift-checker/check/feature-drift';
import { categoryBins, finiteSorted, quantileEdges } from '../../apps/drift-checker/profile/bins';
import { type FeatureProfile } from '../../apps/drift-checker/profile/reference-profile';
import { NumericCounter } from '../../apps/drift-checker/scan/numeric-counter';
import { Sampler } from '../../apps/drift-checker/scan/sampler';
import { type ColumnCounts } from '../../apps/drift-checker/scan/scan';
import { Categories, type Random } from './random';

/** Quartile of Student's t with 1.5 degrees of freedom. */
const T_QUARTILE = 0.8725946625415716;
const NORMAL_QUARTILE = 0.6744897501960817;

type Distribution = 'normal' | 'lognormal' | 'student-t' | 'uniform';

/**
 * What a shift of one standard deviation is. The lognormal's is dominated by its tail and the t's is infinite: for these it is the
 * interquartile range / 1.349, which is the standard deviation of a normal distribution with these quartiles.
 */
const DEVIATION: Readonly<Record<Distribution, number>> = {
  normal: 1,
  lognormal: (Math.exp(NORMAL_QUARTILE) - Math.exp(-NORMAL_QUARTILE)) / (2 * NORMAL_QUARTILE),
  'student-t': T_QUARTILE / NORMAL_QUARTILE,
  uniform: 1 / Math.sqrt(12),
};

const NUMERIC: readonly Distribution[] = [
  ...Array<Distribution>(6).fill('normal'),
  ...Array<Distribution>(3).fill('lognormal'),
  ...Array<Distribution>(3).fill('student-t'),
  ...Array<Distribution>(2).fill('uniform'),
];

const FIVE = new Categories([0.4, 0.3, 0.15, 0.1, 0.05]);
const THIRTY = new Categories(Array.from({ length: 30 }, (_, index) => 0.85 ** index));
const ZIPF = new Categories(Array.from({ length: 500 }, (_, index) => 1 / (index + 1)));
const CATEGORICAL: readonly Categories[] = [FIVE, FIVE, THIRTY, THIRTY, ZIPF, ZIPF];

export const NUMERIC_FEATURES = NUMERIC.length;
export const FEATURES = NUMERIC.length + CATEGORICAL.length;

/** How far each numeric feature is moved, in its standard deviations. */
export type Shifts = Readonly<Record<number, number>>;

/** A reference's profile, made as `drift-checker profile` makes it. */
export class Reference {
  private readonly profiles: FeatureProfile[];
  /** Bin of each category; the number of bins where it has none. */
  private readonly binOf: readonly Int32Array[];

  constructor(rows: number, random: Random) {
    const sampler = new Sampler(random.bits());
    const rowOf: number[] = [];
    sampler.next(rows, (row, slot) => (rowOf[slot] = row));
    const values = new Float64Array(rows);
    const numeric = NUMERIC.map((distribution, index) => {
      fill(values, distribution, 0, random);
      const edges = quantileEdges(finiteSorted(rowOf.map((row) => values[row]!)));
      const counter = new NumericCounter({ edges });
      counter.add(values, null, rows);
      return numericProfile(`numeric-${index}`, edges, counter);
    });
    const counts = CATEGORICAL.map((categories) => countCategories(categories, rows, random));
    const bins = counts.map((counted) => binned(counted, rows));
    this.binOf = bins.map((names, index) =>
      Int32Array.from(counts[index]!, (_, category) =>
        names.includes(String(category)) ? names.indexOf(String(category)) : names.length,
      ),
    );
    const categorical = bins.map((categories, index): FeatureProfile => {
      const { counts: each, other } = intoBins(counts[index]!, this.binOf[index]!, categories.length);
      return {
        ...{ type: 'categorical', kind: 'text', name: `categorical-${index}`, categories, counts: [...each], other },
        ...{ missing: 0, rare: [], complete: true },
      };
    });
    this.profiles = [...numeric, ...categorical];
  }

  /** A window of rows beside this reference. */
  public window(rows: number, random: Random, shifts: Shifts = {}): Comparison[] {
    const values = new Float64Array(rows);
    return this.profiles.map((profile, index) => {
      const judged = { profile, sampled: 0, role: 'feature', importance: 1 } as const;
      return { ...judged, current: this.count(profile, index, values, shifts[index] ?? 0, random) };
    });
  }

  private count(
    profile: FeatureProfile,
    index: number,
    values: Float64Array,
    shift: number,
    random: Random,
  ): ColumnCounts {
    if (profile.type === 'numeric') {
      const distribution = NUMERIC[index]!;
      fill(values, distribution, shift * DEVIATION[distribution], random);
      const counter = new NumericCounter(profile);
      counter.add(values, null, values.length);
      return { type: 'numeric', counter, sample: new Float64Array(0) };
    }
    const category = index - NUMERIC.length;
    const counted = countCategories(CATEGORICAL[category]!, values.length, random);
    return {
      type: 'categorical',
      missing: 0,
      ...intoBins(counted, this.binOf[category]!, profile.categories.length),
    };
  }
}

function fill(values: Float64Array, distribution: Distribution, shift: number, random: Random): void {
  const rows = values.length;
  switch (distribution) {
    case 'normal':
      for (let row = 0; row < rows; row++) values[row] = shift + random.normal();
      return;
    case 'lognormal':
      for (let row = 0; row < rows; row++) values[row] = shift + Math.exp(random.normal());
      return;
    case 'student-t':
      for (let row = 0; row < rows; row++) values[row] = shift + random.studentT(1.5);
      return;
    case 'uniform':
      for (let row = 0; row < rows; row++) values[row] = shift + random.uniform();
  }
}

/** Its sample is left out: the judging statistic is of the bins. */
function numericProfile(name: string, edges: readonly number[], counter: NumericCounter): FeatureProfile {
  const { mean, standardDeviation, values, minimum, maximum } = counter;
  return {
    ...{ type: 'numeric', kind: 'number', name, mean, standardDeviation, values, minimum, maximum },
    ...{ missing: 0, infinite: 0, outOfRange: 0, edges: [...edges], counts: [...counter.counts], sample: [] },
  };
}

function countCategories(categories: Categories, rows: number, random: Random): Float64Array {
  const counts = new Float64Array(categories.size);
  for (let row = 0; row < rows; row++) counts[categories.draw(random)]!++;
  return counts;
}

function binned(counts: Float64Array, rows: number): string[] {
  const counted = Array.from(counts, (each, category) => ({ value: String(category), rows: each }));
  return categoryBins(
    counted.sort((a, b) => b.rows - a.rows),
    rows,
  );
}

function intoBins(
  counted: Float64Array,
  binOf: Int32Array,
  bins: number,
): { readonly counts: Float64Array; readonly other: number } {
  const counts = new Float64Array(bins + 1);
  counted.forEach((rows, category) => (counts[binOf[category]!]! += rows));
  return { counts: counts.slice(0, bins), other: counts[bins]! };
}
