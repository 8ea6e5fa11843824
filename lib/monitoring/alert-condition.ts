import { type Duration } from 'cdk8s';
import { METRICS, VERSION_ROLES } from '../contract';

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

/** The model and namespace that a rule is compiled for; without a model it is of all models of the namespace. @internal */
export interface AlertScope {
  readonly model?: string;
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
  const scope = { ...(model !== undefined && { model }), namespace };
  const ofModel = matchers(scope);
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
  const series = `${metric}${matchers({ ...scope, ...where }, whereAnyOf)}`;
  const value = rateOver ? `rate(${series}[${seconds(rateOver)}])` : series;
  const judged = `${condition.aggregation ?? decisive(comparison)} ${BY_VERSION} (${value}) ${limit}`;
  if (condition.exceptCandidates !== true) return judged;
  const candidates = matchers({ ...scope, role: VERSION_ROLES.candidate });
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
