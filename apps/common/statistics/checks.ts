/** The totals of two histograms over the same bins, and the bins that hold anything. */
export interface PairedCounts {
  readonly reference: readonly number[];
  readonly current: readonly number[];
  readonly referenceTotal: number;
  readonly currentTotal: number;
}

/** Throws unless `value` is a finite number of at least zero. */
export function requireNonNegative(name: string, value: number): void {
  if (!(value >= 0 && value < Infinity)) {
    throw new RangeError(`${name}: got ${value}, expected a finite number >= 0`);
  }
}

/** Throws unless `value` is a finite number above zero. */
export function requirePositive(name: string, value: number): void {
  if (!(value > 0 && value < Infinity)) {
    throw new RangeError(`${name}: got ${value}, expected a finite number > 0`);
  }
}

/** Throws unless `value` lies in 0..1. */
export function requireProbability(name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) {
    throw new RangeError(`${name}: got ${value}, expected a number in 0..1`);
  }
}

/** Throws unless two arrays that belong together are equally long. */
export function requireSameLength(names: string, first: ArrayLike<unknown>, second: ArrayLike<unknown>): void {
  if (first.length !== second.length) {
    throw new RangeError(`${names}: got lengths ${first.length} and ${second.length}, expected equal lengths`);
  }
}

/**
 * Two histograms over the same bins without the bins that are empty on both sides: those say nothing about either
 * distribution, yet would count as degrees of freedom.
 */
export function pairCounts(reference: ArrayLike<number>, current: ArrayLike<number>): PairedCounts {
  requireSameLength('reference and current counts', reference, current);
  const kept = { reference: [] as number[], current: [] as number[] };
  let referenceTotal = 0;
  let currentTotal = 0;
  for (let bin = 0; bin < reference.length; bin++) {
    const inReference = reference[bin]!;
    const inCurrent = current[bin]!;
    requireNonNegative(`reference count of bin ${bin}`, inReference);
    requireNonNegative(`current count of bin ${bin}`, inCurrent);
    if (inReference === 0 && inCurrent === 0) continue;
    kept.reference.push(inReference);
    kept.current.push(inCurrent);
    referenceTotal += inReference;
    currentTotal += inCurrent;
  }
  requirePositive('sum of the reference counts', referenceTotal);
  requirePositive('sum of the current counts', currentTotal);
  return { ...kept, referenceTotal, currentTotal };
}
