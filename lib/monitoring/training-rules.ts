import { Duration } from 'cdk8s';
import { BUILT_IN_STEPS, METRICS, PUSH_JOBS, PUSHGATEWAY_METRICS } from '../contract';
import { AlertComparison, matchers } from './alert-condition';
import { ALERTS, TOPICS } from './alert-names';
import { AlertRule, type AlertRuleOptions, AlertSeverity, AlertTier } from './alert-rule';
import { EXPORTER_SERIES } from './exporter-series';

/** The training that the rules watch. */
export interface WatchedTraining {
  /** Name of the WorkflowTemplate, or of the CronJob. */
  readonly name: string;
  /** What runs it. */
  readonly engine: 'argo' | 'cronjob';
}

/** Of a Job its pod may be gone for long: nodes are taken away, with what was known of their pods. The default of `keepRuns`. */
const KEPT = '15d';
/** For how long a training may be asked for in vain: a day, in which runs may have been as many as are allowed, and some time to work. */
const UNHEARD = Duration.hours(26);
/** Runs in a row without a new version from which on nothing will mend itself. */
const IN_VAIN = 2;

/** The alerts on the runs of a training. */
export function trainingRules(training: WatchedTraining, model: string, namespace: string): AlertRule[] {
  const runs = (options: Pick<AlertRuleOptions, 'summary' | 'description' | 'severity' | 'alert'>, min: number) => ({
    ...options,
    ...{ tier: AlertTier.MODEL, topic: TOPICS.training, for: Duration.seconds(0) },
    ...{ comparison: AlertComparison.AT_LEAST, threshold: min },
  });
  const failed = runs(
    {
      alert: ALERTS.trainingFailed,
      severity: AlertSeverity.WARNING,
      summary: 'The last training of {{ $labels.model }} failed',
      description:
        'A run was admitted and did not end: a step failed, ran out of time, or was interrupted too often. The model in ' +
        'production gets no younger. Look at the step that failed.',
    },
    1,
  );
  const inVain = runs(
    {
      alert: ALERTS.trainingInVain,
      severity: AlertSeverity.CRITICAL,
      summary: '{{ $value }} trainings of {{ $labels.model }} in a row brought no new version',
      description:
        'They failed, or the data or the candidates were refused. The loop cannot mend the model by itself: look at what ' +
        'the runs ended with, and at the drift of the model in production.',
    },
    IN_VAIN,
  );
  if (training.engine === 'argo') {
    return [
      AlertRule.threshold({ ...failed, metric: METRICS.trainingRunFailed.name }),
      AlertRule.threshold({ ...inVain, metric: METRICS.trainingRunsInVain.name }),
      notStarted(model, namespace),
    ];
  }
  const jobs = `label_replace(${jobsInVain(training.name, namespace)}, "model", ${JSON.stringify(model)}, "", "")`;
  return [failed, inVain].map(({ comparison, threshold, ...rule }) =>
    AlertRule.promql({ ...rule, expr: `${jobs} ${comparison} ${threshold}` }),
  );
}

/**
 * Somebody asks for a training, and none says anything: the way from the drift check to the workflow is broken, or a person has paused
 * the loop and forgotten it. Runs on Argo push at their gates and at their end, whatever it is.
 */
function notStarted(model: string, namespace: string): AlertRule {
  const needed = `max by (model, namespace) (${METRICS.retrainNeeded.name}${matchers({ model, namespace })})`;
  const group = matchers({ job: PUSH_JOBS.gateEvaluator, model, namespace });
  const heard = `time() - max by (model, namespace) (${PUSHGATEWAY_METRICS.pushTime}${group})`;
  return AlertRule.promql({
    alert: ALERTS.trainingNotStarted,
    severity: AlertSeverity.CRITICAL,
    tier: AlertTier.MODEL,
    topic: TOPICS.training,
    expr: `${needed} > 0 unless on (model, namespace) (${heard} < ${UNHEARD.toSeconds()})`,
    for: UNHEARD,
    summary:
      '{{ $labels.model }} should have been trained again for more than a day, and no training has said anything',
    description:
      'The drift check asks for a training, and none has come to its gates or to its end since. Look at whether the loop is paused, ' +
      'at what admission says, and at what starts trainings: the account of the drift check, or Alertmanager and Argo Events.',
  });
}

/**
 * Jobs of a CronJob that failed since the last one that did not: after a step has failed there is no step that could say so, but
 * kube-state-metrics can. A Job that its admission ended did nothing, and counts for nothing.
 */
function jobsInVain(name: string, namespace: string): string {
  const { jobCreated, jobComplete, jobFailed, podOwner, initContainerEnded } = EXPORTER_SERIES;
  const [byJob, ofJob] = ['by (namespace, job_name)', 'on (namespace, job_name)'];
  const jobs = (metric: string, more = ''): string =>
    `max ${byJob} (${metric}{namespace=${JSON.stringify(namespace)}, job_name=~"${name}-.+"${more}})`;
  const is = (metric: string): string => `${jobs(metric, ', condition="true"')} == 1`;
  const created = jobs(jobCreated);
  const pods = matchers({ namespace, owner_kind: 'Job' });
  const ended = matchers({ namespace, container: BUILT_IN_STEPS.admit, reason: 'Error' });
  const notAdmitted =
    `label_replace(max by (namespace, pod, owner_name) (max_over_time(${podOwner}${pods}[${KEPT}])) ` +
    `and on (namespace, pod) (max by (namespace, pod) (max_over_time(${initContainerEnded}${ended}[${KEPT}])) == 1), ` +
    '"job_name", "$1", "owner_name", "(.+)")';
  const failed = `(${created} and ${ofJob} (${is(jobFailed)}) unless ${ofJob} ${notAdmitted})`;
  const lastGood = `max by (namespace) (${created} and ${ofJob} (${is(jobComplete)}))`;
  const since = `${failed} > on (namespace) group_left () ${lastGood} or ${failed} unless on (namespace) ${lastGood}`;
  return `count by (namespace) (${since})`;
}
