import { Duration } from 'cdk8s';
import { DERIVED_NAMES } from '../contract';
import { matchers } from './alert-condition';
import { ALERTS, TOPICS } from './alert-names';
import { AlertRule, AlertSeverity, AlertTier } from './alert-rule';
import { EXPORTER_SERIES } from './exporter-series';

/** What the rules of a platform are made from. */
export interface PlatformRulesOptions {
  readonly namespace: string;
  /** How long a GPU may do nothing. */
  readonly gpuIdleAfter: Duration;
  /** Pods that one run may lose. */
  readonly maxReclaims: number;
}

const { gpuUtilization, podOwner, podPhase, podRequests } = EXPORTER_SERIES;
const POD = 'namespace, pod';
const BY_POD = `by (${POD})`;
const ON_POD = `on (${POD})`;
/** Percent of the time below which a GPU does nothing. */
const IDLE_PERCENT = 1;
/** Minutes of utilization that are looked at together, so that a scrape that failed ends nothing. */
const SEEN_MINUTES = 5;

/** The alerts on what is no single model's. */
export function platformRules(options: PlatformRulesOptions): AlertRule[] {
  return [gpuIdle(options), spotReclaimLoop(options)];
}

function gpuIdle({ namespace, gpuIdleAfter }: PlatformRulesOptions): AlertRule {
  // Prometheus renames the pod's labels where it is not told to honour those of the exporter.
  const renamed = (of: string): string =>
    ['namespace', 'pod'].reduce(
      (inner, label) => `label_replace(${inner}, "${label}", "$1", "exported_${label}", "(.+)")`,
      of,
    );
  const busy = `max ${BY_POD} (${renamed(`max_over_time(${gpuUtilization}[${SEEN_MINUTES}m])`)})`;
  // kube-state-metrics writes `nvidia.com/gpu` so; MIG partitions have names of their own.
  const asked = `sum ${BY_POD} (${podRequests}{namespace=${JSON.stringify(namespace)}, resource=~"nvidia_com_.+"}) > 0`;
  const running = `max ${BY_POD} (${podPhase}${matchers({ namespace, phase: 'Running' })}) == 1`;
  return AlertRule.promql({
    alert: ALERTS.gpuIdle,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.SERVICE,
    topic: TOPICS.gpu,
    expr: `${busy} < ${IDLE_PERCENT} and ${ON_POD} (${asked}) and ${ON_POD} (${running})`,
    for: Duration.seconds(gpuIdleAfter.toSeconds() - SEEN_MINUTES * 60),
    summary: 'The GPUs of {{ $labels.pod }} do nothing',
    description:
      `The pod has GPUs and has not used them for ${gpuIdleAfter.toHumanString()}: they are paid for, and nobody else can have ` +
      'them. It may wait for data, have fallen back to the CPU, or be a replica too many.',
  });
}

/**
 * Pods of one run that ran and are gone without having succeeded. What fails is not made again; only what was interrupted is, so that
 * several in one run are several nodes that were taken away.
 */
function spotReclaimLoop({ namespace, maxReclaims }: PlatformRulesOptions): AlertRule {
  const pods = (series: string, labels: string, span: string): string =>
    `max ${BY_POD} (max_over_time(${series}{namespace=${JSON.stringify(namespace)}, ${labels}}[${span}]))`;
  const was = (phase: string, span: string): string => `(${pods(podPhase, `phase="${phase}"`, span)} == 1)`;
  // Jobs of other kinds, such as drift checks, are made again when they fail.
  const owned = (owner: string): string =>
    `max_over_time(${podOwner}{namespace=${JSON.stringify(namespace)}, ${owner}}[6h])`;
  const jobs = `owner_kind="Job", owner_name=~".+${DERIVED_NAMES.training.suffix}-.+"`;
  const ofRuns = `max by (${POD}, owner_name) (${owned('owner_kind="Workflow"')} or ${owned(jobs)})`;
  const lost =
    `${ofRuns} and ${ON_POD} ${was('Running', '6h')} ` +
    `unless ${ON_POD} ${was('Succeeded', '6h')} unless ${ON_POD} ${was('Running', '10m')}`;
  return AlertRule.promql({
    alert: ALERTS.spotReclaimLoop,
    severity: AlertSeverity.WARNING,
    tier: AlertTier.SERVICE,
    topic: TOPICS.spot,
    expr: `count by (namespace, owner_name) (${lost}) >= ${maxReclaims}`,
    for: Duration.minutes(5),
    summary: '{{ $labels.owner_name }} has lost {{ $value }} pods in six hours',
    description:
      'The run starts again and again: its nodes are taken away before it is done. Let it write checkpoints more often, allow more ' +
      'kinds of instances, or let it run on demand.',
  });
}
