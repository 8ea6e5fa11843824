/** Values by metric name. What is not there was not measured. */
export type MetricValues = Readonly<Record<string, number>>;

/**
 * MLflow stores an infinity as the largest double: its stand-in must not pass as a large value.
 *
 * @see https://github.com/mlflow/mlflow/pull/22826
 */
const STAND_IN = 1.79e308;

/** A metric's value. It may have any name, also one that every object has. */
export const valueOf = (values: MetricValues, metric: string): number | undefined =>
  Object.hasOwn(values, metric) ? values[metric] : undefined;

/** Whether a value can be judged; anything else fails its check. */
export function isMeasured(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && Math.abs(value) < STAND_IN;
}

/** Why a value cannot be judged. */
export function unmeasuredReason(metric: string, value: number | undefined, whose: 'candidate' | 'baseline'): string {
  if (value === undefined) return `the ${whose} has no metric '${metric}'`;
  return `the ${whose}'s '${metric}' is ${Number.isNaN(value) ? 'NaN' : 'infinite'}, which is no measurement`;
}
