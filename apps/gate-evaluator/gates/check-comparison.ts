import { type MetricGate } from 'cdk8s-mlops/contract';
import { above, atLeast, distanceOf, show } from './amount';
import { type CheckResult } from './check-result';
import { isMeasured, type MetricValues, unmeasuredReason, valueOf } from './metric-values';

const WORDS = {
  gt: 'above',
  gte: 'not below',
  lt: 'below',
  lte: 'not above',
  noFarther: 'not farther from the ideal than',
};

/** How the candidate compares with the baseline; none where the gate does not compare. */
export function checkComparison(
  metric: string,
  gate: MetricGate,
  candidate: MetricValues,
  baseline: MetricValues,
): CheckResult[] {
  const { comparison, severity = 'block' } = gate;
  if (comparison === undefined) return [];
  const [value, reference] = [valueOf(candidate, metric), valueOf(baseline, metric)];
  const common = {
    check: `${metric}.comparison`,
    metric,
    rule: ruleOf(gate),
    candidate: value,
    baseline: reference,
    severity,
  };
  if (!isMeasured(value)) return [{ ...common, verdict: 'fail', reason: unmeasuredReason(metric, value, 'candidate') }];
  if (!isMeasured(reference)) {
    // A champion without the metric, for example one from before the gate had it, says nothing about the candidate.
    return [{ ...common, verdict: 'inconclusive', reason: unmeasuredReason(metric, reference, 'baseline') }];
  }
  return [{ ...common, ...compare(gate, value, reference) }];
}

function ruleOf({ comparison, tolerance, improveBy, suspiciousAbove }: MetricGate): string {
  const parts = [
    `${WORDS[comparison!]} the baseline`,
    ...(tolerance === undefined ? [] : [`tolerance ${tolerance}`]),
    ...(improveBy === undefined ? [] : [`better by ${improveBy}`]),
    ...(suspiciousAbove === undefined ? [] : [`suspicious when better by more than ${suspiciousAbove}`]),
  ];
  return parts.join(', ');
}

type Answer = Pick<CheckResult, 'verdict' | 'reason' | 'limit'>;

function compare(gate: MetricGate, value: number, baseline: number): Answer {
  const { comparison, ideal = 0 } = gate;
  const amounts = {
    tolerance: gate.tolerance ?? 0,
    improveBy: gate.improveBy ?? 0,
    suspiciousAbove: gate.suspiciousAbove,
  };
  const [tolerance, improveBy] = [distanceOf(amounts.tolerance, baseline), distanceOf(amounts.improveBy, baseline)];
  const suspicious = amounts.suspiciousAbove === undefined ? Infinity : distanceOf(amounts.suspiciousAbove, baseline);
  if (tolerance === undefined || improveBy === undefined || suspicious === undefined) {
    return {
      verdict: 'inconclusive',
      reason: `the baseline is 0, of which a percentage is nothing: give an absolute amount in the gate file`,
    };
  }
  // One scale for all: larger is better.
  const score = (x: number): number =>
    comparison === 'noFarther' ? -Math.abs(x - ideal) : comparison === 'lt' || comparison === 'lte' ? -x : x;
  const better = score(value) - score(baseline);
  const needed = improveBy - tolerance;
  const strict = comparison === 'gt' || comparison === 'lt';
  const passes = strict ? above(better, needed) : atLeast(better, needed);
  const limit = limitOf(gate, baseline, needed);
  const change = `${show(value)} against ${show(baseline)} is ${better >= 0 ? 'better' : 'worse'} by ${show(Math.abs(better))}`;
  if (!passes) return { verdict: 'fail', limit, reason: `${change}${hint(gate, better)}` };
  if (above(better, suspicious)) {
    return {
      verdict: 'fail',
      limit,
      reason: `${change}, more than ${show(suspicious)}: suspiciously good, look for a leak of the labels`,
    };
  }
  return { verdict: 'pass', limit, reason: change };
}

/** The value from which on, or up to which, the candidate passes; on the baseline's side of an ideal value. */
function limitOf({ comparison, ideal = 0 }: MetricGate, baseline: number, needed: number): number {
  const lower = comparison === 'lt' || comparison === 'lte' || (comparison === 'noFarther' && baseline >= ideal);
  return lower ? baseline - needed : baseline + needed;
}

/** An equally good model is worse by chance half of the time: whoever sees a tiny loss fail should know. */
function hint({ tolerance, improveBy }: MetricGate, better: number): string {
  return tolerance === undefined && improveBy === undefined && better < 0
    ? '; without a tolerance an equally good model fails half of the time'
    : '';
}
