/**
 * A payload that can't be read as the model's: the message says where, what was got and what was expected. It concerns
 * one record or one call; the others are unaffected.
 */
export class PayloadError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PayloadError';
  }
}

const LONGEST_TEXT = 40;
const MOST_KEYS = 8;

/** A value as messages show it: short, whatever its size. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…` : value}'`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value === undefined) return 'nothing';
  if (typeof value !== 'object' || value === null) return `${value as number | boolean | null}`;
  const keys = Object.keys(value);
  if (keys.length === 0) return 'an empty object';
  return `an object with ${keys.slice(0, MOST_KEYS).join(', ')}${keys.length > MOST_KEYS ? ', …' : ''}`;
}
