import { requirePositive, requireSameLength } from '../../common/statistics/checks';

/** Neighbours that share one fitted value. */
interface Block {
  mean: number;
  weight: number;
  size: number;
}

/**
 * The nondecreasing sequence x that is closest to `values`: least sum w_i (values_i - x_i)^2, by pooling adjacent
 * violators into their weighted mean; linear in the length.
 *
 * Source: Barlow et al., "Statistical Inference under Order Restrictions", 1972;
 * `scipy.optimize.isotonic_regression(y, weights=w).x`.
 *
 * @throws RangeError when the lengths differ, a value is not finite, or a weight is not above 0
 */
export function isotonicRegression(values: ArrayLike<number>, weights: ArrayLike<number>): number[] {
  requireSameLength('values and weights', values, weights);
  const blocks: Block[] = [];
  for (let index = 0; index < values.length; index++) {
    const mean = values[index]!;
    const weight = weights[index]!;
    if (!Number.isFinite(mean)) throw new RangeError(`value ${index}: got ${mean}, expected a finite number`);
    requirePositive(`weight ${index}`, weight);
    blocks.push(absorbViolators(blocks, { mean, weight, size: 1 }));
  }
  return blocks.flatMap(({ mean, size }) => new Array<number>(size).fill(mean));
}

/** Takes from the end of `blocks` those above `block`, and returns all of them as one. */
function absorbViolators(blocks: Block[], block: Block): Block {
  let pooled = block;
  for (let last = blocks.at(-1); last !== undefined && last.mean >= pooled.mean; last = blocks.at(-1)) {
    blocks.pop();
    const weight = last.weight + pooled.weight;
    pooled = {
      mean: last.mean + (pooled.mean - last.mean) * (pooled.weight / weight),
      weight,
      size: last.size + pooled.size,
    };
  }
  return pooled;
}
