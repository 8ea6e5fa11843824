/** Bins of a numeric feature unless asked otherwise: deciles. */
export const DEFAULT_BINS = 10;
/** A category has a bin of its own from this share on ... */
const MIN_SHARE = 0.01;
/** ... and this many have at most. */
const MAX_CATEGORIES = 50;
/** Up to as many different values, each gets a bin of its own. */
const FEW_VALUES = 20;
/** Width of a single value's bin relative to the value: wider than what storing it as a 32-bit float moves it. */
const VALUE_WIDTH = 1e-6;

/**
 * Upper bounds of bins with about equal shares of a sample: its quantiles, each once. A value that would fill a bin alone gets one
 * bounded on both sides, so that a constant that moves, or zeros that become small numbers, are seen in either direction. No bound
 * is a value itself: a value that is stored in another width must not change its bin.
 *
 * @param sorted finite values, ascending
 */
export function quantileEdges(sorted: Float64Array, bins = DEFAULT_BINS): number[] {
  if (sorted.length === 0) return [];
  const edges = new Set<number>();
  const heavy = heavyValues(sorted, bins);
  for (const value of heavy) edges.add(edgeBelow(sorted, value)).add(edgeAbove(sorted, value));
  if (heavy.length === 0 || distinct(sorted, FEW_VALUES) > FEW_VALUES) {
    for (let bin = 1; bin < bins; bin++) {
      const value = sorted[Math.floor((bin * (sorted.length - 1)) / bins)]!;
      if (!heavy.includes(value)) edges.add(edgeAbove(sorted, value));
    }
  }
  return [...edges].filter(Number.isFinite).sort((a, b) => a - b);
}

/** An edge with a value on its lower side, and the next higher value on the other. */
function edgeAbove(sorted: Float64Array, value: number): number {
  const next = sorted[countUpTo(sorted, value)] ?? Infinity;
  const edge = value + Math.min(widthOf(sorted, value), (next - value) / 2);
  return edge < next ? edge : value;
}

/** An edge with a value on its upper side, and the next lower value on the other. */
function edgeBelow(sorted: Float64Array, value: number): number {
  const previous = sorted[sorted.indexOf(value) - 1] ?? -Infinity;
  const edge = value - Math.min(widthOf(sorted, value), (value - previous) / 2);
  return edge < value ? edge : previous;
}

function widthOf(sorted: Float64Array, value: number): number {
  const range = sorted.at(-1)! - sorted[0]!;
  return Math.max(Math.abs(value) * VALUE_WIDTH, Math.min(range, 1) * 1e-9, Number.MIN_VALUE);
}

/** Number of values that are not above a limit. */
function countUpTo(sorted: Float64Array, limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Values that hold at least a bin's share; all values where there are few. */
function heavyValues(sorted: Float64Array, bins: number): number[] {
  const all = distinct(sorted, FEW_VALUES) <= FEW_VALUES;
  const enough = all ? 1 : sorted.length / bins;
  const found: number[] = [];
  for (let start = 0; start < sorted.length;) {
    let end = start + 1;
    while (end < sorted.length && sorted[end] === sorted[start]) end++;
    if (end - start >= enough) found.push(sorted[start]!);
    start = end;
  }
  return found;
}

/** Number of different values, counted no further than `limit` + 1. */
function distinct(sorted: Float64Array, limit: number): number {
  let found = 0;
  for (let index = 0; index < sorted.length && found <= limit; index++) {
    if (index === 0 || sorted[index] !== sorted[index - 1]) found++;
  }
  return found;
}

/** Which categories have a bin: the frequent ones, most frequent first. */
export function categoryBins(
  counted: readonly { readonly value: string; readonly rows: number }[],
  rows: number,
): string[] {
  return counted
    .filter((category) => category.rows >= rows * MIN_SHARE)
    .slice(0, MAX_CATEGORIES)
    .map(({ value }) => value);
}

/** Finite values of a sample, ascending. */
export function finiteSorted(sample: ArrayLike<number | null>): Float64Array {
  const finite: number[] = [];
  for (let index = 0; index < sample.length; index++) {
    const value = sample[index];
    if (typeof value === 'number' && Number.isFinite(value)) finite.push(value);
  }
  return Float64Array.from(finite).sort();
}
