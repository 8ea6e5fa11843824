/** Relative room for the rounding of decimals: 0.92 must pass a minimum of 0.92 however it was computed. */
const SLACK = 1e-12;

/** Whether `a` is at least `b`, apart from rounding. */
export function atLeast(a: number, b: number): boolean {
  return a >= b - SLACK * Math.max(1, Math.abs(a), Math.abs(b));
}

/** Whether `a` is more than `b` by more than rounding. */
export function above(a: number, b: number): boolean {
  return !atLeast(b, a);
}

/**
 * A distance on the metric's scale: a number as it is, a percentage of the baseline's absolute value.
 *
 * @returns undefined for a percentage of 0, which is no distance at all
 */
export function distanceOf(amount: number | string, baseline: number): number | undefined {
  if (typeof amount === 'number') return amount;
  return baseline === 0 ? undefined : (Number.parseFloat(amount) / 100) * Math.abs(baseline);
}

/** Digits that are enough for people. */
const DIGITS = 6;
/** Digits that tell any two doubles apart. */
const ALL_DIGITS = 17;

/** A value for people: as many digits as it takes to tell it from its limit. */
export function show(value: number, limit = value): string {
  const text = (of: number, digits: number): string => String(Number(of.toPrecision(digits)));
  let digits = DIGITS;
  while (value !== limit && digits < ALL_DIGITS && text(value, digits) === text(limit, digits)) digits++;
  return text(value, digits);
}
