import { Duration } from 'cdk8s';
import { ALERT_ACTIONS, ALERT_LABELS, PART_OF } from '../contract';
import { type PrometheusAlertingRule } from '../crds/prometheus-operator';
import { Problems } from '../validation/problems';
import { httpUrlProblem } from '../validation/uri';
import {
  type AlertAggregation,
  type AlertComparison,
  type AlertScope,
  type Condition,
  conditionToPromql,
} from './alert-condition';
import { checkCondition } from './check-condition';

/** How urgent an alert is: the value of its label `severity`. */
export enum AlertSeverity {
  /** Someone should look at it in working hours. */
  WARNING = 'warning',
  /** Someone must look at it now. */
  CRITICAL = 'critical',
}

/** What an alert watches: the value of its label `tier`. Who is told often depends on it. */
export enum AlertTier {
  /** What comes in: drift, missing values, labels, and the checks of them. For whoever owns the data. */
  DATA = 'data',
  /** What the model makes of it: performance, training, gates, roll-outs. For whoever owns the model. */
  MODEL = 'model',
  /** What runs it: answer times, errors, traffic, capture, GPUs. For whoever owns the platform. */
  SERVICE = 'service',
}

/** What every alert rule says. */
export interface AlertRuleOptions {
  /** Name of the alert, for example `DataDriftDetected`. */
  readonly alert: string;
  /** How urgent it is. */
  readonly severity: AlertSeverity;
  /** One line that says what is wrong. `{{ $labels.version }}` and `{{ $value }}` are filled in by Prometheus. */
  readonly summary: string;
  /** What it means and what to look at. */
  readonly description: string;

  /**
   * What it watches.
   *
   * @default AlertTier.MODEL
   */
  readonly tier?: AlertTier;

  /**
   * What it is about, in lower case, for example `drift`: a critical alert silences the warnings of the same topic and model.
   *
   * @default - none: only an alert of the same name is silenced
   */
  readonly topic?: string;

  /**
   * Whether it starts a training of the model, by `RetrainTrigger.alertmanager`: it then has the label `action="retrain"`.
   *
   * @default false
   */
  readonly retrains?: boolean;

  /**
   * How long the condition must hold.
   *
   * @default Duration.minutes(5)
   */
  readonly for?: Duration;

  /**
   * Address of the page that says what to do.
   *
   * @default - no link
   */
  readonly runbookUrl?: string;
}

/** A rule on the value of a metric, or on how fast a counter grows. */
export interface ThresholdRuleOptions extends AlertRuleOptions {
  /** Name of the metric: `METRICS.….name` of the contract. */
  readonly metric: string;
  /** How it is compared. */
  readonly comparison: AlertComparison;
  /** The limit. */
  readonly threshold: number;

  /**
   * Which of several series decides.
   *
   * @default - the one that is furthest on the wrong side: MAX for an upper limit, MIN for a lower one
   */
  readonly aggregation?: AlertAggregation;

  /**
   * Further labels that the series must have, by equality.
   *
   * @default - none
   */
  readonly where?: { readonly [label: string]: string };

  /**
   * Further labels that the series must have, each with one of several values.
   *
   * @default - none
   */
  readonly whereAnyOf?: { readonly [label: string]: readonly string[] };

  /**
   * Whether a version that is being rolled out is left out: its roll-out judges it, and what it does wrong is not the stable version's.
   *
   * @default false
   */
  readonly exceptCandidates?: boolean;

  /**
   * Time over which the growth of a counter is measured: what is compared is then its rate per second.
   *
   * @default - the value itself is compared
   */
  readonly rateOver?: Duration;
}

/** A rule on a quantile of a histogram, for example of a duration. */
export interface QuantileRuleOptions extends AlertRuleOptions {
  /** Name of the histogram, without `_bucket`: `METRICS.….name` of the contract. */
  readonly metric: string;
  /** The quantile, between 0 and 1. */
  readonly quantile: number;
  /** How it is compared. */
  readonly comparison: AlertComparison;
  /** The limit, in the unit of the metric. */
  readonly threshold: number;

  /**
   * Time over which observations are taken together.
   *
   * @default Duration.minutes(5)
   */
  readonly over?: Duration;
}

/** A rule on one metric as a share of another. */
export interface RatioRuleOptions extends AlertRuleOptions {
  /** Name of the metric that is the part. */
  readonly metric: string;
  /** Name of the metric that is the whole. */
  readonly of: string;
  /** How the share is compared. */
  readonly comparison: AlertComparison;
  /** The limit, 0.5 for a half. */
  readonly threshold: number;

  /**
   * Time over which the growth of two counters is compared.
   *
   * @default - the values themselves are divided, series by series
   */
  readonly rateOver?: Duration;

  /**
   * Events of the whole in that time, below which nothing is judged.
   *
   * @default - any number is judged
   */
  readonly minCount?: number;
}

/** A rule on the age of a timestamp. */
export interface AgeRuleOptions extends AlertRuleOptions {
  /** Name of a metric whose value is a time in seconds since the epoch. */
  readonly metric: string;
  /** Highest age. A series that is not there is too old. */
  readonly maxAge: Duration;
}

/** A rule in PromQL of the user's own. */
export interface PromqlRuleOptions extends AlertRuleOptions {
  /** The expression; it fires for every series that it returns. */
  readonly expr: string;
}

/** What the expression came to, for people. */
const VALUE = '{{ printf "%.4g" $value }}';

/**
 * An alert as data: metric, aggregation, comparison, threshold, duration. It compiles to PromQL, and can be evaluated and
 * checked without a Prometheus. Immutable.
 */
export class AlertRule {
  /**
   * Fires while the value of a metric is on the wrong side of a limit.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static threshold(options: ThresholdRuleOptions): AlertRule {
    const { metric, comparison, threshold, aggregation, where, whereAnyOf, exceptCandidates, rateOver } = options;
    const limit = { metric, comparison, threshold, aggregation };
    return new AlertRule(options, { kind: 'threshold', ...limit, where, whereAnyOf, exceptCandidates, rateOver });
  }

  /**
   * Fires while a quantile of a histogram is on the wrong side of a limit.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static quantile(options: QuantileRuleOptions): AlertRule {
    const { metric, quantile, comparison, threshold, over = Duration.minutes(5) } = options;
    return new AlertRule(options, { kind: 'quantile', metric, quantile, comparison, threshold, over });
  }

  /**
   * Fires while the share of one metric in another is on the wrong side of a limit. A counter that is not there counts as 0.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static ratio(options: RatioRuleOptions): AlertRule {
    const { metric, of, comparison, threshold, rateOver, minCount } = options;
    return new AlertRule(options, { kind: 'ratio', metric, of, comparison, threshold, rateOver, minCount });
  }

  /**
   * Fires when a timestamp is too old, or not there.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static age(options: AgeRuleOptions): AlertRule {
    return new AlertRule(options, { kind: 'age', metric: options.metric, maxAge: options.maxAge });
  }

  /**
   * Fires on an expression of the user's own. It is rendered as it stands, and left out where rules are replayed.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static promql(options: PromqlRuleOptions): AlertRule {
    return new AlertRule(options, { kind: 'promql', expr: options.expr });
  }

  /** Name of the alert. */
  public readonly alert: string;
  /** Name of the metric; undefined for PromQL of the user's own. */
  public readonly metric?: string;
  /** Whether it starts a training of the model. */
  public readonly retrains: boolean;
  private readonly for: Duration;

  private constructor(
    private readonly options: AlertRuleOptions,
    private readonly condition: Condition,
  ) {
    this.alert = options.alert;
    this.metric = condition.kind === 'promql' ? undefined : condition.metric;
    this.retrains = options.retrains ?? false;
    this.for = options.for ?? Duration.minutes(5);
    this.check();
  }

  /** Names of all metrics that the condition looks at, as far as they are known. @internal */
  public get _metrics(): readonly string[] {
    const { condition } = this;
    if (condition.kind === 'promql') return [];
    return condition.kind === 'ratio' ? [condition.metric, condition.of] : [condition.metric];
  }

  /** The rule as Prometheus evaluates it. @internal */
  public _compile(scope: AlertScope, runbook = this.options.runbookUrl): PrometheusAlertingRule {
    const { severity, tier = AlertTier.MODEL, topic, summary, description } = this.options;
    const { partOf, model, namespace, action } = ALERT_LABELS;
    return {
      alert: this.alert,
      expr: conditionToPromql(this.condition, scope),
      for: `${this.for.toSeconds()}s`,
      // Written out: aggregations drop labels, and Alertmanager routes by them.
      labels: {
        ...{ [partOf]: PART_OF, severity, tier, ...(topic !== undefined && { topic }) },
        ...{ ...(scope.model !== undefined && { [model]: scope.model }), [namespace]: scope.namespace },
        ...(this.retrains && { [action]: ALERT_ACTIONS.retrain }),
      },
      annotations: {
        ...{ summary, description, value: VALUE },
        ...(runbook !== undefined && { runbook_url: runbook }),
      },
    };
  }

  private check(): void {
    const { options, condition } = this;
    const problems = new Problems(`AlertRule '${this.alert}'`);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(this.alert)) {
      problems.add('alert', this.alert, 'must be letters, digits and underscores, for example DataDriftDetected');
    }
    for (const name of ['summary', 'description'] as const) {
      if (options[name].trim() === '') problems.add(name, options[name], 'must say something: people are woken by it');
    }
    const { runbookUrl, topic } = options;
    if (topic !== undefined && !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(topic)) {
      problems.add('topic', topic, "must be lower-case letters, digits and dashes, for example 'drift'");
    }
    if (runbookUrl !== undefined) problems.check('runbookUrl', runbookUrl, httpUrlProblem(runbookUrl));
    problems.checkDuration('for', this.for, 0);
    checkCondition(condition, problems);
    problems.throwIfAny();
  }
}
