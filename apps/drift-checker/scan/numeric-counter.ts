/** What is known of a numeric column before it is read. */
export interface NumericPlan {
  /** Upper, inclusive bounds of all bins but the last, ascending. */
  readonly edges: readonly number[];
  /** Values below are out of range. */
  readonly minimum?: number;
  /** Values above are out of range. */
  readonly maximum?: number;
}

/** Cells of the look-up from value to bin. The first one is of everything beyond the others. */
const CELLS = 2048;
/** Counts of cells are 32-bit: they are emptied into the bins before they can overflow. */
const MAX_PENDING = 2 ** 31;

/** Values beyond it are counted, but not part of the moments: the sum of their squares would overflow. */
const MEASURABLE = 1e145;

type Floats = Float32Array | Float64Array;

/**
 * Counts a numeric column into bins, with its moments.
 *
 * The range of the edges and as much on both sides is cut into equally wide cells. A value in a cell without an edge only counts
 * for its cell, and cells become bins at the end; a search for the bin is left to the few values near an edge or far out.
 * Searching for every value takes twice as long.
 */
export class NumericCounter {
  /** Nulls and NaN. */
  public missing = 0;
  /** Positive and negative infinity: not a measurement, so counted with the missing values by whoever judges. */
  public infinite = 0;
  public outOfRange = 0;
  public minimum = Infinity;
  public maximum = -Infinity;
  public mean = 0;
  /** Sum of squared distances from the mean. */
  public squares = 0;

  private finite = 0;
  /** Finite values that are not part of the moments. */
  private extremes = 0;
  private pending = 0;
  private readonly bins: Float64Array;
  private readonly edges: Float64Array;
  private readonly cells = new Uint32Array(CELLS);
  /** Bin of each cell without an edge; -1 where the bin must be searched. */
  private readonly binOfCell = new Int32Array(CELLS).fill(-1);
  private readonly scale: number;
  private readonly offset: number;
  private readonly validLow: number;
  private readonly validHigh: number;

  constructor({ edges, minimum = -Infinity, maximum = Infinity }: NumericPlan) {
    this.bins = new Float64Array(edges.length + 1);
    // The search ends at this sentinel.
    this.edges = Float64Array.of(...edges, Infinity);
    [this.validLow, this.validHigh] = [minimum, maximum];
    const first = edges[0] ?? 0;
    const width = (edges.at(-1) ?? 0) - first || Math.abs(first) || 1;
    const scale = (CELLS - 1) / (3 * width);
    this.scale = Number.isFinite(scale) ? scale : 0;
    this.offset = 1 - (first - width) * this.scale;
    if (this.scale > 0 && Number.isFinite(this.offset)) this.labelCells();
    else [this.scale, this.offset] = [0, 0];
  }

  /** Rows of each bin; the last bin is open. */
  public get counts(): Float64Array {
    this.emptyCells();
    return this.bins;
  }

  /** Rows with a finite value. */
  public get values(): number {
    return this.finite + this.extremes;
  }

  /** Standard deviation of the finite values, with n − 1; 0 for a spread that is too small to be squared (1e-160). */
  public get standardDeviation(): number {
    return this.finite > 1 ? Math.sqrt(this.squares / (this.finite - 1)) : 0;
  }

  /** Takes the first `rows` values; `validity` has a bit for each, or is null when all are valid. */
  public add(items: Floats, validity: Uint8Array | null, rows: number): void {
    if ((this.pending += rows) > MAX_PENDING) this.emptyCells();
    const { edges, bins, cells, binOfCell, scale, offset } = this;
    let missing = 0;
    let unmeasured = 0;
    let sum = 0;
    let squares = 0;
    let low = Infinity;
    let high = -Infinity;
    // Sums are taken around a value near the mean, so that a large offset does not cancel the digits of the spread.
    const shift = this.finite > 0 ? this.mean : firstMeasurable(items, validity, rows);
    for (let row = 0; row < rows; row++) {
      if (validity !== null && (validity[row >> 3]! & (1 << (row & 7))) === 0) {
        missing++;
        continue;
      }
      const value = items[row]!;
      if (!(value < MEASURABLE && value > -MEASURABLE)) {
        if (value !== value) missing++;
        else {
          this.addUnmeasurable(value);
          unmeasured++;
        }
        continue;
      }
      const position = value * scale + offset;
      const cell = position > 0 && position < CELLS ? position | 0 : 0;
      if (binOfCell[cell]! >= 0) cells[cell]!++;
      else {
        let bin = 0;
        while (value > edges[bin]!) bin++;
        bins[bin]!++;
      }
      const distance = value - shift;
      sum += distance;
      squares += distance * distance;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low < this.validLow || high > this.validHigh) this.countOutOfRange(items, validity, rows);
    this.minimum = Math.min(this.minimum, low);
    this.maximum = Math.max(this.maximum, high);
    const finite = rows - missing - unmeasured;
    this.missing += missing;
    if (finite > 0) this.merge(finite, shift + sum / finite, Math.max(0, squares - (sum * sum) / finite));
  }

  /** A cell has a bin when no edge is in it or its neighbours: rounding may move a value by one cell. */
  private labelCells(): void {
    const { edges, binOfCell, scale, offset } = this;
    const positions = [...edges.subarray(0, -1)].map((edge) => Math.floor(edge * scale + offset));
    for (let cell = 1, bin = 0; cell < CELLS; cell++) {
      while (bin < positions.length && positions[bin]! < cell - 1) bin++;
      const near = bin < positions.length && positions[bin]! <= cell + 1;
      binOfCell[cell] = near ? -1 : bin;
    }
  }

  private emptyCells(): void {
    for (let cell = 1; cell < CELLS; cell++) {
      if (this.cells[cell]! > 0) this.bins[this.binOfCell[cell]!]! += this.cells[cell]!;
    }
    this.cells.fill(0);
    this.pending = 0;
  }

  /** An infinity, or a finite value beyond what moments can hold. */
  private addUnmeasurable(value: number): void {
    if (!Number.isFinite(value)) {
      this.infinite++;
      return;
    }
    let bin = 0;
    while (value > this.edges[bin]!) bin++;
    this.bins[bin]!++;
    this.extremes++;
    this.minimum = Math.min(this.minimum, value);
    this.maximum = Math.max(this.maximum, value);
    if (value < this.validLow || value > this.validHigh) this.outOfRange++;
  }

  /** Only when a chunk's extremes say that there are any; extreme values have been counted already. */
  private countOutOfRange(items: Floats, validity: Uint8Array | null, rows: number): void {
    for (let row = 0; row < rows; row++) {
      const valid = validity === null || (validity[row >> 3]! & (1 << (row & 7))) !== 0;
      const value = items[row]!;
      if (valid && isMeasurable(value) && (value < this.validLow || value > this.validHigh)) this.outOfRange++;
    }
  }

  /** @see Chan, Golub & LeVeque (1979), Updating formulae and a pairwise algorithm for computing sample variances */
  private merge(count: number, mean: number, squares: number): void {
    const total = this.finite + count;
    const delta = mean - this.mean;
    this.squares += squares + (delta * delta * this.finite * count) / total;
    this.mean += (delta * count) / total;
    this.finite = total;
  }
}

const isMeasurable = (value: number): boolean => Math.abs(value) < MEASURABLE;

function firstMeasurable(items: Floats, validity: Uint8Array | null, rows: number): number {
  for (let row = 0; row < rows; row++) {
    const valid = validity === null || (validity[row >> 3]! & (1 << (row & 7))) !== 0;
    if (valid && isMeasurable(items[row]!)) return items[row]!;
  }
  return 0;
}
