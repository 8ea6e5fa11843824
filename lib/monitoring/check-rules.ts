import { type Problems } from '../validation/problems';
import { DEFAULT_ALERTS } from './alert-names';
import { type AlertRule } from './alert-rule';

/** Reports names that two rules have. */
export function checkRules(rules: readonly AlertRule[], problems: Problems): void {
  const names = [...DEFAULT_ALERTS, ...rules.map(({ alert }) => alert)];
  for (const name of new Set(names.filter((each, index) => names.indexOf(each) !== index))) {
    problems.add('rules', name, 'is the name of two rules: every alert has a name of its own');
  }
}
