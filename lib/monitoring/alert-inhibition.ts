import { ALERT_LABELS } from '../contract';
import { type AlertMatcher, type InhibitRule } from '../crds/prometheus-operator';
import { ALERTS } from './alert-names';
import { AlertSeverity } from './alert-rule';

/** A matcher of Alertmanager by equality. */
export function equals(name: string, value: string): AlertMatcher {
  return { name, matchType: '=', value };
}

/** A matcher of Alertmanager by one of several values; it matches whole values. */
export function oneOf(name: string, values: readonly string[]): AlertMatcher {
  if (values.length === 1 && values[0] !== undefined) return equals(name, values[0]);
  return {
    name,
    matchType: '=~',
    value: values.map((value) => value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'),
  };
}

/** A matcher of Alertmanager for a label that is there, whatever its value. */
export function present(name: string): AlertMatcher {
  return { name, matchType: '=~', value: '.+' };
}

const { model, namespace, severity, topic } = ALERT_LABELS;
const ALERT_NAME = 'alertname';
const CRITICAL = equals(severity, AlertSeverity.CRITICAL);
const WARNING = equals(severity, AlertSeverity.WARNING);
const OF_A_MODEL = [namespace, model] as const;

/** Alerts that repeat what another one says, or that mean nothing while it fires. */
export const INHIBIT_RULES: readonly InhibitRule[] = [
  // Labels that are missing on both sides count as equal, so a label that decides must be seen to be there.
  ...[ALERT_NAME, topic].map((label) => ({
    sourceMatch: [CRITICAL, present(model), present(label)],
    targetMatch: [WARNING, present(model), present(label)],
    equal: [...OF_A_MODEL, 'version', label],
  })),
  // The gauges of a check that is silent are those of long ago.
  {
    sourceMatch: [equals(ALERT_NAME, ALERTS.checkSilent), present(model)],
    targetMatch: [equals(ALERT_NAME, ALERTS.dataDrift), present(model)],
    equal: OF_A_MODEL,
  },
];
