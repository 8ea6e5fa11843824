import { type MetricGate } from 'cdk8s-mlops/contract';
import { above, atLeast, show } from './amount';
import { hasEnoughSamples } from './check-bounds';
import { type CheckResult } from './check-result';
import { isMeasured, type MetricValues, valueOf } from './metric-values';

/**
 * How far a metric's slices lie apart. Slices with too few samples, or without a value, are left out: their own checks say so.
 *
 * @see 29 CFR 1607.4(D) for the ratio of four fifths
 */
export function checkDisparity(metric: string, gate: MetricGate, candidate: MetricValues): CheckResult[] {
  const { disparity, slices = [], severity = 'block' } = gate;
  if (!disparity) return [];
  const judged = slices
    .filter((slice) => isMeasured(valueOf(candidate, slice.metric)) && hasEnoughSamples(slice, candidate))
    .map(({ name, metric: of }) => ({ name, value: valueOf(candidate, of)! }))
    .sort((a, b) => a.value - b.value);
  const [low, high] = [judged[0], judged.at(-1)];
  const { maxDifference, minRatio } = disparity;
  const common = { metric, severity };
  const few = `only ${judged.length} of ${slices.length} slices can be judged: nothing to lie between`;
  const between = low && high && `'${high.name}' (${show(high.value)}) and '${low.name}' (${show(low.value)})`;
  const results: CheckResult[] = [];
  if (maxDifference !== undefined) {
    const rule = `slices at most ${show(maxDifference)} apart`;
    const check = { ...common, check: `${metric}.disparity.difference`, rule, limit: maxDifference };
    if (!low || !high || judged.length < 2) results.push({ ...check, verdict: 'inconclusive', reason: few });
    else {
      const candidateValue = high.value - low.value;
      const far = above(candidateValue, maxDifference);
      const reason = `${between} are ${show(candidateValue)} apart`;
      results.push({ ...check, candidate: candidateValue, verdict: far ? 'fail' : 'pass', reason });
    }
  }
  if (minRatio !== undefined) {
    const rule = `worst slice at least ${show(minRatio)} of the best`;
    const check = { ...common, check: `${metric}.disparity.ratio`, rule, limit: minRatio };
    if (!low || !high || judged.length < 2) results.push({ ...check, verdict: 'inconclusive', reason: few });
    else if (low.value < 0 || high.value <= 0)
      results.push({ ...check, verdict: 'inconclusive', reason: `${between} have no ratio: use maxDifference` });
    else {
      const ratio = low.value / high.value;
      const reason = `the ratio of ${between} is ${show(ratio)}`;
      results.push({ ...check, candidate: ratio, verdict: atLeast(ratio, minRatio) ? 'pass' : 'fail', reason });
    }
  }
  return results;
}
