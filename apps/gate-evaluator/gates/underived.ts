import { type MetricGate } from 'cdk8s-mlops/contract';
import { type CheckResult, type CheckVerdict } from './check-result';

/** Why a metric that is derived has no value, and what that means for its gate. */
export interface Underived {
  /** `absoluteOnly`: nothing is asked, and that is said. */
  readonly verdict: CheckVerdict | 'absoluteOnly';
  readonly reason: string;
}

/** The one check of a gate whose metric could not be derived; none where nothing is asked. */
export function checkUnderived(metric: string, gate: MetricGate, { verdict, reason }: Underived): CheckResult[] {
  if (verdict === 'absoluteOnly') return [];
  return [{ check: metric, metric, rule: 'it can be derived', verdict, severity: gate.severity ?? 'block', reason }];
}
