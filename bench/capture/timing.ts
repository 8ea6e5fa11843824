import { performance } from 'node:perf_hooks';

/** Milliseconds of a clock that is never set. */
export const monotonic = (): number => performance.now();

/** @param sorted ascending */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
