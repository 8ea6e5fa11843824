import { type Problems } from '../validation/problems';
import { type DriftAlertingProps } from './drift-alerting';
import { RetrainWebhook } from './retrain-webhook';

/** Reports a trigger that nothing can come of, and alerts that ask for a training which nobody would hear. */
export function checkRetrainTrigger(props: DriftAlertingProps, problems: Problems): void {
  const { retrains, retrainTrigger, rules = [] } = props;
  if (retrainTrigger && !retrains) {
    problems.add('retrainTrigger', retrainTrigger.name, "has no effect without 'retrains'");
  }
  const wanted = retrainTrigger?._alertmanager;
  if (!wanted) {
    for (const { alert } of rules.filter((rule) => rule.retrains)) {
      const fix = "give 'retrainTrigger' RetrainTrigger.alertmanager({ … }), or leave 'retrains' out of the rule";
      problems.add('rules', alert, `asks for a training, and nothing hears it: ${fix}`);
    }
    return;
  }
  if (retrains && retrains.engine.name !== 'argo') {
    const fix = 'train on TrainingEngine.argo(), or use RetrainTrigger.direct()';
    problems.add(
      'retrainTrigger',
      retrainTrigger.name,
      `starts Workflows of Argo, and '${retrains.name}' is a CronJob: ${fix}`,
    );
  }
  const { platform } = props.servedModel;
  const given = RetrainWebhook.find(platform)?.trigger;
  if (given && JSON.stringify(given) !== JSON.stringify(wanted)) {
    const fix = 'give all its models the same RetrainTrigger';
    const other = `another model of the namespace '${platform.namespace}' has one with other options`;
    problems.add('retrainTrigger', retrainTrigger.name, `is shared by all models of a namespace, and ${other}: ${fix}`);
  }
}
