import { type AnalysisCheck } from 'cdk8s-mlops/contract';
import { above, atLeast, show } from '../gates/amount';
import { type CheckResult } from '../gates/check-result';
import { type Reading } from './prometheus';

/**
 * Judges what a query answered. A limit itself passes.
 *
 * @param whyNot why nothing can be judged yet, whatever the value
 */
export function judgeReading(check: AnalysisCheck, reading: Reading, whyNot?: string): CheckResult {
  const { name, atMost, atLeast: lowest } = check;
  const rules = [
    ...(lowest === undefined ? [] : [`at least ${show(lowest)}`]),
    ...(atMost === undefined ? [] : [`at most ${show(atMost)}`]),
  ];
  const about = { check: name, metric: name, rule: rules.join(' and '), limit: lowest ?? atMost };
  const blocking = { severity: 'block' as const };
  if ('why' in reading) return { ...about, ...blocking, verdict: 'inconclusive', reason: whyNot ?? reading.why };
  const { value } = reading;
  const result = { ...about, ...blocking, candidate: value };
  if (whyNot !== undefined) return { ...result, verdict: 'inconclusive', reason: whyNot };
  if (lowest !== undefined && !atLeast(value, lowest)) return { ...result, ...missed(check, value, lowest, 'below') };
  if (atMost !== undefined && above(value, atMost)) return { ...result, ...missed(check, value, atMost, 'above') };
  return { ...result, verdict: 'pass', reason: `${show(value)} is ${rules.join(' and ')}` };
}

function missed(
  { summary }: AnalysisCheck,
  value: number,
  limit: number,
  side: 'above' | 'below',
): Pick<CheckResult, 'limit' | 'verdict' | 'reason'> {
  const reason = `${show(value, limit)} is ${side} ${show(limit, value)} (${summary})`;
  return { limit, verdict: 'fail', reason };
}
