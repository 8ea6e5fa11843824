import { Duration } from 'cdk8s';
import { type PrometheusAlertingRule } from '../crds/prometheus-operator';
import { Problems } from '../validation/problems';

/** How urgent an alert is: the value of its label `severity`. */
export enum AlertSeverity {
  /** Someone should look at it in working hours. */
  WARNING = 'warning',
  /** Someone must look at it now. */
  CRITICAL = 'critical',
}

/** How a metric is compared with its threshold. */
export enum AlertComparison {
  ABOVE = '>',
  AT_LEAST = '>=',
  BELOW = '<',
  AT_MOST = '<=',
}

/** Which of several series of a model decides, for example of several versions. */
export enum AlertAggregation {
  /** The highest. */
  MAX = 'max',
  /** The lowest. */
  MIN = 'min',
  /** All together. */
  SUM = 'sum',
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
   * How long the condition must hold.
   *
   * @default Duration.minutes(5)
   */
  readonly for?: Duration;
}

/** A rule on the value of a metric. */
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

/** The model and namespace that a rule is compiled for. @internal */
export interface AlertScope {
  readonly model: string;
  readonly namespace: string;
}

type Condition =
  | ({ readonly kind: 'threshold' } & Omit<ThresholdRuleOptions, keyof AlertRuleOptions>)
  | { readonly kind: 'age'; readonly metric: string; readonly maxAge: Duration }
  | { readonly kind: 'promql'; readonly expr: string };

function matchers(labels: Readonly<Record<string, string>>): string {
  // The escapes of PromQL's double-quoted strings are those of JSON.
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(', ')}}`;
}

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
    const { metric, comparison, threshold, aggregation, where } = options;
    return new AlertRule(options, { kind: 'threshold', metric, comparison, threshold, aggregation, where });
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
  private readonly for: Duration;

  private constructor(
    private readonly options: AlertRuleOptions,
    private readonly condition: Condition,
  ) {
    this.alert = options.alert;
    this.metric = condition.kind === 'promql' ? undefined : condition.metric;
    this.for = options.for ?? Duration.minutes(5);
    this.check();
  }

  /** The rule as Prometheus evaluates it. @internal */
  public _compile(scope: AlertScope): PrometheusAlertingRule {
    const { severity, summary, description } = this.options;
    return {
      alert: this.alert,
      expr: this.expression(scope),
      for: `${this.for.toSeconds()}s`,
      // Written out: aggregations drop labels, and Alertmanager routes by them.
      labels: { severity, model: scope.model, namespace: scope.namespace },
      annotations: { summary, description },
    };
  }

  private expression({ model, namespace }: AlertScope): string {
    const { condition } = this;
    if (condition.kind === 'promql') return condition.expr;
    const series = matchers({ model, namespace, ...(condition.kind === 'threshold' ? condition.where : {}) });
    if (condition.kind === 'age') {
      const latest = `max by (model, namespace) (${condition.metric}${series})`;
      return `(time() - ${latest} > ${condition.maxAge.toSeconds()}) or absent(${condition.metric}${series})`;
    }
    const { metric, comparison, threshold } = condition;
    const upper = comparison === AlertComparison.ABOVE || comparison === AlertComparison.AT_LEAST;
    const aggregation = condition.aggregation ?? (upper ? AlertAggregation.MAX : AlertAggregation.MIN);
    return `${aggregation} by (model, namespace, version) (${metric}${series}) ${comparison} ${threshold}`;
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
    problems.checkDuration('for', this.for, 0);
    if (this.metric !== undefined && !/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(this.metric)) {
      problems.add('metric', this.metric, 'must be the name of a metric, for example METRICS.dataDriftScore.name');
    }
    if (condition.kind === 'promql' && condition.expr.trim() === '')
      problems.add('expr', condition.expr, 'must not be empty');
    if (condition.kind === 'threshold') {
      const { threshold, where = {} } = condition;
      if (!Number.isFinite(threshold)) problems.add('threshold', threshold, 'must be a finite number');
      for (const [label, value] of Object.entries(where)) {
        if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label)) problems.add('where', label, 'must be the name of a label');
        if (label === 'model' || label === 'namespace') {
          problems.add(`where.${label}`, value, 'is set by whoever watches the model: leave it out');
        }
      }
    }
    if (condition.kind === 'age') problems.checkDuration('maxAge', condition.maxAge, 1);
    problems.throwIfAny();
  }
}
