import { Duration } from 'cdk8s';
import { METRICS } from '../contract';
import { matchers } from './alert-condition';
import { ALERTS } from './alert-names';
import { AlertRule, AlertSeverity } from './alert-rule';

/**
 * The alert that starts a training: what the drift check decided, and not a score by itself. So what a check knows and a score does not
 * still counts: broken data, too few predictions, windows in a row, performance with or without drift.
 *
 * Only while it is fresh: the Pushgateway shows for ever what a check said last, and Prometheus may have been away when it was silent.
 *
 * @param silentAfter longest time between two checks that ended with a judgement
 */
export function retrainingNeeded(model: string, namespace: string, silentAfter: Duration): AlertRule {
  const of = matchers({ model, namespace });
  const needed = `max by (model, namespace, version) (${METRICS.retrainNeeded.name}${of})`;
  const last = `max by (model, namespace) (${METRICS.driftCheckLastSuccess.name}${of})`;
  return AlertRule.promql({
    alert: ALERTS.retrainingNeeded,
    severity: AlertSeverity.WARNING,
    // Without a topic: a critical alert of the topic, say of a training that failed, would hold it back.
    retrains: true,
    expr: `${needed} > 0 and on (model, namespace) (time() - ${last} <= ${silentAfter.toSeconds()})`,
    for: Duration.seconds(0),
    summary: '{{ $labels.model }} {{ $labels.version }} should be trained again: this alert starts it',
    description:
      'The drift check found that the data has drifted, or that performance fell where that is to be answered by a training. The run ' +
      'decides itself whether it is due. The report of the drift check says why it is needed.',
  });
}
