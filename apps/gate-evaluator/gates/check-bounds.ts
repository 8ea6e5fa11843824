import { type GateSlice, type MetricGate } from 'cdk8s-mlops/contract';
import { above, atLeast, show } from './amount';
import { type CheckResult } from './check-result';
import { isMeasured, type MetricValues, unmeasuredReason, valueOf } from './metric-values';

type Answer = Pick<CheckResult, 'verdict' | 'reason'>;

/** The bounds of a metric: inclusive, and nothing that was not measured is within them. */
export function boundsAnswer(
  metric: string,
  value: number | undefined,
  bounds: Pick<MetricGate, 'minimum' | 'maximum'>,
): Answer {
  if (!isMeasured(value)) return { verdict: 'fail', reason: unmeasuredReason(metric, value, 'candidate') };
  const { minimum, maximum } = bounds;
  if (minimum !== undefined && !atLeast(value, minimum)) {
    return { verdict: 'fail', reason: `${show(value, minimum)} is below the minimum ${show(minimum)}` };
  }
  if (maximum !== undefined && above(value, maximum)) {
    return { verdict: 'fail', reason: `${show(value, maximum)} is above the maximum ${show(maximum)}` };
  }
  const rule = boundsRule(bounds);
  return { verdict: 'pass', reason: rule ? `${show(value)} is ${rule}` : `${show(value)} has no bounds` };
}

/** Bounds as people say them. */
export function boundsRule({ minimum, maximum }: Pick<MetricGate, 'minimum' | 'maximum'>): string {
  const low = minimum === undefined ? '' : `at least ${show(minimum)}`;
  const high = maximum === undefined ? '' : `at most ${show(maximum)}`;
  return [low, high].filter(Boolean).join(' and ');
}

/** Bounds of one metric; none where the gate has none. */
export function checkBounds(metric: string, gate: MetricGate, candidate: MetricValues): CheckResult[] {
  const { minimum, maximum, severity = 'block' } = gate;
  if (minimum === undefined && maximum === undefined) return [];
  const value = valueOf(candidate, metric);
  const limit = minimum ?? maximum;
  return [
    {
      check: metric,
      metric,
      rule: boundsRule(gate),
      candidate: value,
      limit,
      severity,
      ...boundsAnswer(metric, value, gate),
    },
  ];
}

/** How far a metric is from its ideal value. */
export function checkDistance(metric: string, gate: MetricGate, candidate: MetricValues): CheckResult[] {
  const { ideal, maxDistance, severity = 'block' } = gate;
  if (ideal === undefined || maxDistance === undefined) return [];
  const value = valueOf(candidate, metric);
  const rule = `within ${show(maxDistance)} of ${show(ideal)}`;
  const common = { check: `${metric}.distance`, metric, rule, candidate: value, limit: maxDistance, severity };
  if (!isMeasured(value)) return [{ ...common, verdict: 'fail', reason: unmeasuredReason(metric, value, 'candidate') }];
  const distance = Math.abs(value - ideal);
  const far = above(distance, maxDistance);
  const reason = `${show(value)} is ${show(distance, maxDistance)} from ${show(ideal)}, ${far ? 'more' : 'not more'} than ${show(maxDistance)}`;
  return [{ ...common, verdict: far ? 'fail' : 'pass', reason }];
}

/** The metric that says how many samples a slice's metric is of. */
export const samplesOf = (metric: string): string => `${metric}.samples`;

/** Of no sample at all there is no metric, whatever its value says. */
const MIN_SAMPLES = 1;

/** Whether a slice has the samples that its gate asks for. */
export function hasEnoughSamples({ metric, minSamples }: GateSlice, candidate: MetricValues): boolean {
  const samples = valueOf(candidate, samplesOf(metric));
  if (samples === undefined) return minSamples === undefined;
  return isMeasured(samples) && samples >= (minSamples ?? MIN_SAMPLES);
}

/** Parts of the data. One with too few samples is inconclusive: neither a pass nor a reproach. */
export function checkSlices(metric: string, gate: MetricGate, candidate: MetricValues): CheckResult[] {
  return (gate.slices ?? []).map((slice) => checkSlice(metric, slice, gate.severity ?? 'block', candidate));
}

function checkSlice(
  metric: string,
  slice: GateSlice,
  severity: CheckResult['severity'],
  candidate: MetricValues,
): CheckResult {
  const value = valueOf(candidate, slice.metric);
  const limit = slice.minimum ?? slice.maximum;
  const rule = `${boundsRule(slice) || 'reported'} on '${slice.name}'`;
  const common = { check: `${metric}.${slice.name}`, metric: slice.metric, rule, candidate: value, limit, severity };
  if (!hasEnoughSamples(slice, candidate))
    return { ...common, verdict: 'inconclusive', reason: tooFewReason(slice, candidate) };
  return { ...common, ...boundsAnswer(slice.metric, value, slice) };
}

function tooFewReason({ metric, minSamples = MIN_SAMPLES }: GateSlice, candidate: MetricValues): string {
  const samples = valueOf(candidate, samplesOf(metric));
  if (samples === undefined)
    return `the candidate has no metric '${samplesOf(metric)}', so its samples cannot be held against minSamples ${minSamples}`;
  if (!isMeasured(samples)) return unmeasuredReason(samplesOf(metric), samples, 'candidate');
  return `${samples} samples are fewer than ${minSamples}: too few to judge`;
}
