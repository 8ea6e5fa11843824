import { requireProbability } from '../../common/statistics/checks';

/**
 * P values adjusted for being many: calling those at or below q a discovery keeps the expected share of false
 * discoveries at q or less (independent or positively dependent tests). The adjusted value of the i-th smallest of n is
 * min over j >= i of p_(j) n / j, at most 1; the order of the input is kept.
 *
 * Source: Y. Benjamini and Y. Hochberg, JRSS B 57, 1995; `scipy.stats.false_discovery_control(ps, method='bh')`.
 *
 * @throws RangeError when a p value is not in 0..1
 */
export function benjaminiHochberg(pValues: ArrayLike<number>): number[] {
  const values = Array.from(pValues);
  values.forEach((value, index) => requireProbability(`p value ${index}`, value));
  const descending = values.map((_, index) => index).sort((a, b) => values[b]! - values[a]!);
  const adjusted = new Array<number>(values.length);
  let smallest = 1;
  descending.forEach((index, position) => {
    const rank = values.length - position;
    smallest = Math.min(smallest, (values[index]! * values.length) / rank);
    adjusted[index] = smallest;
  });
  return adjusted;
}
