/** Values by name, for example importances by feature. */
export type NamedValues = Readonly<Record<string, number>>;

/**
 * Spearman's rank correlation over the union of the names; what one side lacks counts as 0 there.
 *
 * @see `scipy.stats.spearmanr`
 * @returns undefined when one side has no order: fewer than two names, all values equal, or one that is not finite
 */
export function spearman(a: NamedValues, b: NamedValues): number | undefined {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  // A feature may have any name, also one that every object has.
  const [x, y] = [a, b].map((side) => names.map((name) => (Object.hasOwn(side, name) ? side[name]! : 0)));
  return [...x!, ...y!].every(Number.isFinite) ? pearson(ranks(x!), ranks(y!)) : undefined;
}

/** Ranks from 1; equal values share the mean of theirs. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((i, j) => values[i]! - values[j]!);
  const result = new Array<number>(values.length).fill(0);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let at = start; at < end; at++) result[order[at]!] = (start + 1 + end) / 2;
    start = end;
  }
  return result;
}

function pearson(x: readonly number[], y: readonly number[]): number | undefined {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let index = 0; index < x.length; index++) {
    const [dx, dy] = [x[index]! - mx, y[index]! - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : undefined;
}
