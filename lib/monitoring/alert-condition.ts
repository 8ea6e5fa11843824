import { type Duration } from 'cdk8s';
import { METRICS, VERSION_ROLES } from '../contract';
import { type Problems } from '../validation/problems';

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

/** On the value of a metric, or on how fast a counter grows. */
export interface ThresholdCondition {
  readonly kind: 'threshold';
  readonly metric: string;
  readonly comparison: AlertComparison;
  readonly threshold: number;
  readonly aggregation?: AlertAggregation;
  readonly where?: Readonly<Record<string, string>>;
  readonly whereAnyOf?: Readonly<Record<string, readonly string[]>>;
  readonly exceptCandidates?: boolean;
  readonly rateOver?: Duration;
}

/** On a quantile of a histogram. */
export interface QuantileCondition {
  readonly kind: 'quantile';
  readonly metric: string;
  readonly quantile: number;
  readonly over: Duration;
  readonly comparison: AlertComparison;
  readonly threshold: number;
}

/** On one metric as a share of another. */
export interface RatioCondition {
  readonly kind: 'ratio';
  readonly metric: string;
  readonly of: string;
  readonly rateOver?: Duration;
  readonly minCount?: number;
  readonly comparison: AlertComparison;
  readonly threshold: number;
}

/** On the age of a timestamp. */
export interface AgeCondition {
  readonly kind: 'age';
  readonly metric: string;
  readonly maxAge: Duration;
}

/** An expression of the user's own. */
export interface PromqlCondition {
  readonly kind: 'promql';
  readonly expr: string;
}

/** When an alert fires. */
export type Condition = ThresholdCondition | QuantileCondition | RatioCondition | AgeCondition | PromqlCondition;

/** The model and namespace that a rule is compiled for. @internal */
export interface AlertScope {
  readonly model: string;
  readonly namespace: string;
}

// The escapes of PromQL's double-quoted strings are those of JSON.
const quoted = (text: string): string => JSON.stringify(text);
const seconds = (duration: Duration): string => `${duration.toSeconds()}s`;
const BY_VERSION = 'by (model, namespace, version)';

/** Labels that a series must have, each with one value or with one of several. @internal */
export function matchers(
  labels: Readonly<Record<string, string>>,
  anyOf: Readonly<Record<string, readonly string[]>> = {},
): string {
  const alternatives = (values: readonly string[]): string =>
    quoted(values.map((value) => value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'));
  const equal = Object.entries(labels).map(([name, value]) => `${name}=${quoted(value)}`);
  const listed = Object.entries(anyOf).map(([name, values]) => `${name}=~${alternatives(values)}`);
  return `{${[...equal, ...listed].join(', ')}}`;
}

/** Which of several series decides where nobody says it: the one that is furthest on the wrong side. */
function decisive(comparison: AlertComparison): AlertAggregation {
  const upper = comparison === AlertComparison.ABOVE || comparison === AlertComparison.AT_LEAST;
  return upper ? AlertAggregation.MAX : AlertAggregation.MIN;
}

/** The condition in PromQL. */
export function conditionToPromql(condition: Condition, { model, namespace }: AlertScope): string {
  if (condition.kind === 'promql') return condition.expr;
  const { metric } = condition;
  const ofModel = matchers({ model, namespace });
  if (condition.kind === 'age') {
    const latest = `max by (model, namespace) (${metric}${ofModel})`;
    return `(time() - ${latest} > ${condition.maxAge.toSeconds()}) or absent(${metric}${ofModel})`;
  }
  const { comparison, threshold } = condition;
  const limit = `${comparison} ${threshold}`;
  if (condition.kind === 'quantile') {
    const buckets = `sum by (le, model, namespace, version) (rate(${metric}_bucket${ofModel}[${seconds(condition.over)}]))`;
    return `histogram_quantile(${condition.quantile}, ${buckets}) ${limit}`;
  }
  if (condition.kind === 'ratio') return `${ratio(condition, ofModel)} ${limit}${enough(condition, ofModel)}`;
  const { rateOver, where, whereAnyOf } = condition;
  const series = `${metric}${matchers({ model, namespace, ...where }, whereAnyOf)}`;
  const value = rateOver ? `rate(${series}[${seconds(rateOver)}])` : series;
  const judged = `${condition.aggregation ?? decisive(comparison)} ${BY_VERSION} (${value}) ${limit}`;
  if (condition.exceptCandidates !== true) return judged;
  const candidates = matchers({ model, namespace, role: VERSION_ROLES.candidate });
  return `${judged} unless on (model, namespace, version) ${METRICS.versionInfo.name}${candidates}`;
}

function ratio({ metric, of, rateOver, comparison }: RatioCondition, ofModel: string): string {
  if (!rateOver) return `${decisive(comparison)} ${BY_VERSION} (${metric}${ofModel} / ${of}${ofModel})`;
  const rate = (name: string): string => `sum ${BY_VERSION} (rate(${name}${ofModel}[${seconds(rateOver)}]))`;
  // A counter that never counted may not be there: that is none, and not nothing to say.
  return `(${rate(metric)} or 0 * ${rate(of)}) / ${rate(of)}`;
}

function enough({ of, rateOver, minCount }: RatioCondition, ofModel: string): string {
  if (!rateOver || minCount === undefined) return '';
  return ` and sum ${BY_VERSION} (increase(${of}${ofModel}[${seconds(rateOver)}])) >= ${minCount}`;
}

/** Reports everything that is wrong with a condition. */
export function checkCondition(condition: Condition, problems: Problems): void {
  if (condition.kind === 'promql') {
    if (condition.expr.trim() === '') problems.add('expr', condition.expr, 'must not be empty');
    return;
  }
  checkMetric('metric', condition.metric, problems);
  if (condition.kind === 'age') {
    problems.checkDuration('maxAge', condition.maxAge, 1);
    return;
  }
  const { threshold } = condition;
  if (!Number.isFinite(threshold)) problems.add('threshold', threshold, 'must be a finite number');
  if (condition.kind === 'quantile') {
    const { quantile, over } = condition;
    if (!(quantile > 0 && quantile < 1)) problems.add('quantile', quantile, 'must be between 0 and 1');
    problems.checkDuration('over', over, 1);
    return;
  }
  problems.checkDuration('rateOver', condition.rateOver, 1);
  if (condition.kind === 'ratio') checkRatio(condition, problems);
  else checkLabels(condition, problems);
}

function checkMetric(prop: string, metric: string, problems: Problems): void {
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(metric)) {
    problems.add(prop, metric, 'must be the name of a metric, for example METRICS.dataDriftScore.name');
  }
}

function checkRatio({ of, rateOver, minCount }: RatioCondition, problems: Problems): void {
  checkMetric('of', of, problems);
  if (minCount === undefined) return;
  if (!(Number.isFinite(minCount) && minCount > 0)) problems.add('minCount', minCount, 'must be a number above 0');
  if (!rateOver) problems.add('minCount', minCount, "has no effect without 'rateOver'");
}

function checkLabels({ where = {}, whereAnyOf = {} }: ThresholdCondition, problems: Problems): void {
  const labels: [string, string, unknown][] = [
    ...Object.entries(where).map(([label, value]): [string, string, unknown] => ['where', label, value]),
    ...Object.entries(whereAnyOf).map(([label, values]): [string, string, unknown] => ['whereAnyOf', label, values]),
  ];
  for (const [prop, label, value] of labels) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label)) problems.add(prop, label, 'must be the name of a label');
    if (label === 'model' || label === 'namespace') {
      problems.add(`${prop}.${label}`, value, 'is set by whoever watches the model: leave it out');
    }
  }
  for (const [label, values] of Object.entries(whereAnyOf)) {
    if (values.length === 0) problems.add(`whereAnyOf.${label}`, values, 'must name at least one value');
    if (label in where) problems.add(`whereAnyOf.${label}`, values, "stands under 'where' too: keep one");
  }
}
