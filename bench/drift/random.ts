/** A seeded generator that is fast enough for billions of numbers: Doty-Humphrey's sfc32. */
export class Random {
  private a = 0x9e3779b9;
  private b = 0x243f6a88;
  private c: number;
  private counter = 1;
  private spare = NaN;

  constructor(seed: number) {
    this.c = seed | 0;
    for (let round = 0; round < 16; round++) this.bits();
  }

  /** 32 random bits. */
  public bits(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Between 0 and 1, both excluded. */
  public uniform(): number {
    return (this.bits() + 0.5) / 2 ** 32;
  }

  /** @see Marsaglia & Bray (1964), A convenient method for generating normal variables */
  public normal(): number {
    if (this.spare === this.spare) {
      const value = this.spare;
      this.spare = NaN;
      return value;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const square = u * u + v * v;
      if (square >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      this.spare = v * scale;
      return u * scale;
    }
  }

  /** @see Bailey (1994), Polar generation of random variates with the t-distribution */
  public studentT(degreesOfFreedom: number): number {
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const square = u * u + v * v;
      if (square >= 1) continue;
      return u * Math.sqrt((degreesOfFreedom * (square ** (-2 / degreesOfFreedom) - 1)) / square);
    }
  }

  /** `count` of the numbers below `limit`, each once. */
  public choose(count: number, limit: number): number[] {
    const all = Array.from({ length: limit }, (_, index) => index);
    for (let index = 0; index < count; index++) {
      const other = index + Math.floor(this.uniform() * (limit - index));
      [all[index], all[other]] = [all[other]!, all[index]!];
    }
    return all.slice(0, count);
  }
}

/**
 * Draws a category by its weight.
 *
 * @see Walker (1977), An efficient method for generating discrete random variables with general distributions
 */
export class Categories {
  private readonly threshold: Float64Array;
  private readonly alias: Int32Array;

  constructor(weights: readonly number[]) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const size = weights.length;
    this.threshold = Float64Array.from(weights, (weight) => (weight * size) / total);
    this.alias = Int32Array.from(weights, (_, index) => index);
    const small = [...this.threshold.keys()].filter((index) => this.threshold[index]! < 1);
    const large = [...this.threshold.keys()].filter((index) => this.threshold[index]! >= 1);
    while (small.length > 0 && large.length > 0) {
      const [less, more] = [small.pop()!, large.at(-1)!];
      this.alias[less] = more;
      this.threshold[more]! -= 1 - this.threshold[less]!;
      if (this.threshold[more]! < 1) small.push(large.pop()!);
    }
    // What rounding left over is full.
    for (const index of [...small, ...large]) this.threshold[index] = 1;
  }

  public get size(): number {
    return this.threshold.length;
  }

  public draw(random: Random): number {
    const position = random.uniform() * this.threshold.length;
    const cell = position | 0;
    return position - cell < this.threshold[cell]! ? cell : this.alias[cell]!;
  }
}
