import { Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { PrometheusRule } from '../crds/prometheus-operator';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { objectMetadata } from '../platform/object-metadata';
import { Problems } from '../validation/problems';
import { httpUrlProblem } from '../validation/uri';
import { DEFAULT_ALERTS } from './alert-names';
import { type AlertRule } from './alert-rule';
import { checkRules } from './check-rules';
import { platformRules } from './platform-rules';

/** Props of {@link PlatformAlerting}. */
export interface PlatformAlertingProps {
  /** The platform that is watched. */
  readonly platform: MlModelPlatform;

  /**
   * How long a GPU may do nothing that a running pod of the namespace has: at least ten minutes.
   *
   * @default Duration.minutes(30)
   */
  readonly gpuIdleAfter?: Duration;

  /**
   * Pods that one run may lose within six hours: from so many on it is said that it goes round in circles.
   *
   * @default 3
   */
  readonly maxReclaims?: number;

  /**
   * Alert rules beside the default ones. They have no model: they look at all of the namespace.
   *
   * @default - none
   */
  readonly rules?: readonly AlertRule[];

  /**
   * Address of the folder with the pages `<name of the alert>.md` of the default alerts, as in docs/runbooks of this library: each
   * links to its own.
   *
   * @default - no links, but those of rules that have one of their own
   */
  readonly runbooksUrl?: string;
}

const NAME = 'platform-alerts';

/**
 * The alerts on what is no single model's: GPUs that do nothing, and runs that lose their nodes again and again. They need
 * kube-state-metrics, which kube-prometheus-stack brings, and that of GPUs NVIDIA's DCGM exporter; without them they are silent.
 */
export class PlatformAlerting extends Construct {
  /** The rules that are rendered. */
  public readonly rules: readonly AlertRule[];
  /** The platform that is watched. */
  public readonly platform: MlModelPlatform;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: PlatformAlertingProps) {
    super(scope, id);
    const { platform, gpuIdleAfter = Duration.minutes(30), maxReclaims = 3, rules = [], runbooksUrl } = props;
    this.platform = platform;
    const problems = Problems.of(this);
    problems.checkDuration('gpuIdleAfter', gpuIdleAfter, 600);
    if (!(Number.isInteger(maxReclaims) && maxReclaims >= 1)) {
      problems.add('maxReclaims', maxReclaims, 'must be a whole number from 1 on');
    }
    if (runbooksUrl !== undefined) problems.check('runbooksUrl', runbooksUrl, httpUrlProblem(runbooksUrl));
    checkRules(rules, problems);
    const isOther = (each: unknown): each is PlatformAlerting => each instanceof PlatformAlerting && each !== this;
    const other = this.node.root.node.findAll().find((each) => isOther(each) && each.platform === platform);
    if (other) problems.addText(`the platform has an alerting already, '${other.node.path}': give that one all rules`);
    problems.throwIfAny();

    const { namespace, monitoring } = platform;
    this.rules = [...platformRules({ namespace, gpuIdleAfter, maxReclaims }), ...rules];
    const runbook = (alert: string): string | undefined =>
      runbooksUrl === undefined || !DEFAULT_ALERTS.includes(alert) ? undefined : `${runbooksUrl}/${alert}.md`;
    new PrometheusRule(this, 'Resource', {
      metadata: objectMetadata({ name: NAME, namespace, app: 'platform-alerting', labels: monitoring.selectionLabels }),
      spec: {
        groups: [{ name: NAME, rules: this.rules.map((rule) => rule._compile({ namespace }, runbook(rule.alert))) }],
      },
    });
  }
}
