import { type MetricGate } from 'cdk8s-mlops/contract';
import { bootstrapDifference, type GainGroup } from '../statistics/bootstrap';
import { mcnemarWorse, pairedDifference } from '../statistics/mcnemar';
import { show } from './amount';
import { type CheckResult } from './check-result';

/** What two models answered to the same rows. */
export interface PairedOutcomes {
  readonly rows: number;
  /** Rows that only the candidate got right, and that only the baseline did (classification). */
  readonly candidateOnly?: number;
  readonly baselineOnly?: number;
  /** Candidate's gain by row, in groups of equal or like gains. */
  readonly gains: readonly GainGroup[];
  /** Rows without a label or an answer. */
  readonly leftOut?: number;
}

const ALPHA = 0.05;
/** The same input gives the same verdict. */
const SEED = 1;

/**
 * Whether the candidate is worse on the same rows. With a margin the candidate must be shown to be worse by no more than it
 * (non-inferiority): its lower confidence bound decides. Without one it fails only when it is shown to be worse.
 *
 * @see McNemar (1947); Bonett & Price (2012) for the interval of the paired difference; Efron (1979) for the bootstrap
 */
export function checkSignificance(metric: string, gate: MetricGate, paired: PairedOutcomes | string): CheckResult[] {
  const { significance, severity = 'block' } = gate;
  if (!significance) return [];
  const { test, alpha = ALPHA, margin = 0 } = significance;
  const rule =
    margin > 0
      ? `not worse by more than ${show(margin)} (${test}, α ${alpha})`
      : `not shown to be worse (${test}, α ${alpha})`;
  const common = { check: `${metric}.significance`, metric, rule, limit: -margin, severity };
  if (typeof paired === 'string') return [{ ...common, verdict: 'inconclusive', reason: paired }];
  if (paired.rows === 0)
    return [{ ...common, verdict: 'inconclusive', reason: 'there are no rows that both models answered' }];
  const answer = test === 'mcnemar' ? mcnemarAnswer(paired, alpha, margin) : bootstrapAnswer(paired, alpha, margin);
  const left = paired.leftOut ? `; ${paired.leftOut} rows without a label or an answer were left out` : '';
  return [{ ...common, ...answer, reason: `${answer.reason}${left}` }];
}

type Answer = Pick<CheckResult, 'verdict' | 'reason' | 'candidate'>;

function mcnemarAnswer({ rows, candidateOnly, baselineOnly }: PairedOutcomes, alpha: number, margin: number): Answer {
  if (candidateOnly === undefined || baselineOnly === undefined) {
    return {
      verdict: 'inconclusive',
      reason: 'McNemar’s test needs predictions that are right or wrong; use `test: bootstrap` for numbers',
    };
  }
  const difference = (candidateOnly - baselineOnly) / rows;
  const counts = `of ${rows} rows ${candidateOnly} only the candidate got right, ${baselineOnly} only the baseline`;
  if (margin > 0) {
    const { low } = pairedDifference(candidateOnly, baselineOnly, rows, 1 - 2 * alpha);
    const reason = `${counts}: the difference is ${show(difference)}, at least ${show(low)} with confidence ${1 - alpha}`;
    return { verdict: low >= -margin ? 'pass' : 'fail', candidate: difference, reason };
  }
  const p = mcnemarWorse(candidateOnly, baselineOnly);
  return { verdict: p < alpha ? 'fail' : 'pass', candidate: difference, reason: `${counts}: p = ${p.toPrecision(3)}` };
}

function bootstrapAnswer({ gains }: PairedOutcomes, alpha: number, margin: number): Answer {
  const { mean, low, high } = bootstrapDifference(gains, 1 - 2 * alpha, SEED);
  if (![mean, low, high].every(Number.isFinite))
    return { verdict: 'inconclusive', reason: 'the gains of the rows are too large to take their mean' };
  const interval = `the mean gain is ${show(mean)}, between ${show(low)} and ${show(high)} with confidence ${1 - 2 * alpha}`;
  const fails = margin > 0 ? low < -margin : high < 0;
  return { verdict: fails ? 'fail' : 'pass', candidate: mean, reason: interval };
}
