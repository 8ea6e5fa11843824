import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { type RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** Rows of a sample: how many are kept at most. */
export const SAMPLE_SIZE = 10_000;

/**
 * A uniform sample of at most `size` rows of a stream of unknown length: every row gets a random priority, and the lowest are
 * kept. So samples of parts merge into a sample of the whole. Rows that cannot get in are skipped by a geometric step instead of
 * being drawn one by one.
 *
 * @see Efraimidis & Spirakis (2006), Weighted random sampling with a reservoir; the skip is their A-ExpJ with equal weights
 */
export class Sampler {
  /** Priority of each kept row, by slot. */
  public readonly priorities: number[] = [];

  private readonly random: RandomGenerator;
  /** Slots as a binary heap, the highest priority on top. */
  private readonly heap: number[] = [];
  /** Rows to pass over before the next that is kept. */
  private skip = 0;

  constructor(
    seed: number,
    private readonly size = SAMPLE_SIZE,
  ) {
    this.random = xoroshiro128plus(mixed(seed));
  }

  /** Goes over the next `rows` rows; `keep` is told which row of them goes to which slot. */
  public next(rows: number, keep: (row: number, slot: number) => void): void {
    for (let row = 0; row < rows; row++) {
      if (this.heap.length < this.size) {
        const slot = this.heap.length;
        this.priorities[slot] = this.uniform();
        this.heap.push(slot);
        this.siftUp(slot);
        keep(row, slot);
        if (this.heap.length === this.size) this.skip = this.geometric();
        continue;
      }
      if (this.skip >= rows - row) {
        this.skip -= rows - row;
        return;
      }
      row += this.skip;
      const slot = this.heap[0]!;
      this.priorities[slot] = this.uniform() * this.highest;
      this.siftDown();
      keep(row, slot);
      this.skip = this.geometric();
    }
  }

  private get highest(): number {
    return this.priorities[this.heap[0]!]!;
  }

  /** In (0, 1): its logarithm is finite. */
  private uniform(): number {
    return uniformFloat64(this.random) || Number.MIN_VALUE;
  }

  /** Failures before the first row whose priority is below the highest kept one. */
  private geometric(): number {
    return Math.floor(Math.log(this.uniform()) / Math.log1p(-this.highest));
  }

  private siftUp(from: number): void {
    const { heap, priorities } = this;
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (priorities[heap[parent]!]! >= priorities[heap[at]!]!) return;
      [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
      at = parent;
    }
  }

  private siftDown(): void {
    const { heap, priorities } = this;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      if (left >= heap.length) return;
      const right = left + 1;
      const child = right < heap.length && priorities[heap[right]!]! > priorities[heap[left]!]! ? right : left;
      if (priorities[heap[at]!]! >= priorities[heap[child]!]!) return;
      [heap[child], heap[at]] = [heap[at]!, heap[child]!];
      at = child;
    }
  }
}

/**
 * The first numbers of the generator follow small seeds so closely that the first row would never be kept.
 *
 * @see Appleby, MurmurHash3: its 32-bit finalizer
 */
function mixed(seed: number): number {
  let hash = seed + 0x9e3779b9;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
