import { Duration } from 'cdk8s';
import { METRICS } from '../contract';
import { AlertComparison } from './alert-condition';
import { ALERTS } from './alert-names';
import { AlertRule, AlertSeverity } from './alert-rule';

/**
 * The alert that starts a training: what the drift check decided, and not a score by itself. So what a check knows and a score does not
 * still counts: broken data, too few predictions, windows in a row, performance with or without drift.
 */
export function retrainingNeeded(): AlertRule {
  return AlertRule.threshold({
    alert: ALERTS.retrainingNeeded,
    severity: AlertSeverity.WARNING,
    // Without a topic: a critical alert of the topic, say of a training that failed, would hold it back.
    retrains: true,
    metric: METRICS.retrainNeeded.name,
    comparison: AlertComparison.ABOVE,
    threshold: 0,
    for: Duration.seconds(0),
    summary: '{{ $labels.model }} {{ $labels.version }} should be trained again: this alert starts it',
    description:
      'The drift check found that the data has drifted, or that performance fell where that is to be answered by a training. The run ' +
      'decides itself whether it is due. The report of the drift check says why it is needed.',
  });
}
