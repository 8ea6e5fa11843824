/** The answer to one question of the gate file. */
export type CheckVerdict = 'pass' | 'fail' | 'inconclusive';

/** One question of the gate file, with its answer and why. */
export interface CheckResult {
  /** Name of the check, unique in its file: the metric, then what is asked of it. */
  readonly check: string;
  readonly metric: string;
  /** The rule, as people say it. */
  readonly rule: string;
  /** The candidate's value; absent where it has none. */
  readonly candidate?: number;
  /** The value that it is compared with. */
  readonly baseline?: number;
  /** The value from which on, or up to which, it passes. */
  readonly limit?: number;
  readonly verdict: CheckVerdict;
  /** A failed warning is reported and blocks nothing. */
  readonly severity: 'block' | 'warn';
  /** One sentence: what was got, what was expected, and what to do where that is not plain. */
  readonly reason: string;
}

/** The answer to the whole file. */
export function overallVerdict(checks: readonly CheckResult[]): CheckVerdict {
  const blocking = checks.filter(({ severity }) => severity === 'block');
  if (blocking.some(({ verdict }) => verdict === 'fail')) return 'fail';
  // A file of warnings alone asks nothing that could be answered by "pass".
  if (blocking.length === 0 || blocking.some(({ verdict }) => verdict === 'inconclusive')) return 'inconclusive';
  return 'pass';
}
