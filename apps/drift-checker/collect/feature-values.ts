import { type FeatureValue } from '../payload/instances';

/** A value of a numeric feature as a number; NaN when it is none. */
export function numberOf(value: Exclude<FeatureValue, null>): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' ? Number(value.trim() || NaN) : Number(value);
}

/** A value of a categorical feature as the name of its category: the same as `categoryExpression` makes of a column of texts. */
export function categoryOf(value: Exclude<FeatureValue, null>): string {
  if (typeof value !== 'string') return String(value);
  if (value.endsWith('.0')) return value.replace(/^(-?[0-9]+)\.0$/, '$1');
  return PYTHON_BOOLEANS.has(value) ? value.toLowerCase() : value;
}

/** Python writes booleans with a capital. */
const PYTHON_BOOLEANS = new Set(['True', 'TRUE', 'False', 'FALSE']);
