import { METRICS } from 'cdk8s-mlops/contract';
import { type ExporterMetric } from './exporters';

/** The labels that name a version of a model. */
export const VERSION = 'namespace, model, version';
/** The labels that name a model. */
export const MODEL = 'namespace, model';

/** The dashboard's variables by the label that they choose values of. */
const VARIABLES = ['namespace', 'model', 'version', 'feature'] as const;

/**
 * The series of a metric that the dashboard's variables choose.
 *
 * @param where further matchers
 * @param free labels whose variable the dashboard does not have, or which are not to be chosen by it
 */
export function select(
  metric: ExporterMetric,
  where: readonly string[] = [],
  free: readonly string[] = ['feature'],
): string {
  return selectPart(metric, '', where, free);
}

/** {@link select} of one part of a histogram: `_bucket`, `_sum` or `_count`. */
export function selectPart(
  { name, labels }: ExporterMetric,
  part: '' | '_bucket' | '_sum' | '_count',
  where: readonly string[] = [],
  free: readonly string[] = ['feature'],
): string {
  const chosen = VARIABLES.filter((label) => labels.includes(label) && !free.includes(label));
  return `${name}${part}{${[...chosen.map((label) => `${label}=~"$${label}"`), ...where].join(', ')}}`;
}

/** What a counter of several replicas counts a second, by labels. */
export function rate(selected: string, by = VERSION): string {
  return `sum by (${by}) (rate(${selected}[$__rate_interval]))`;
}

/** A gauge that several jobs may have pushed, by labels. */
export function gauge(selected: string, by = VERSION): string {
  return `max by (${by}) (${selected})`;
}

/** Answer time that a share of the answers did not exceed. */
export function latency(quantile: number, free?: readonly string[]): string {
  const buckets = selectPart(METRICS.inferenceDuration, '_bucket', [], free);
  return `histogram_quantile(${quantile}, ${rate(buckets, `${VERSION}, le`)})`;
}

/** Share of requests without an answer; nothing where there are no requests. */
export function errorRatio(free?: readonly string[]): string {
  const requests = rate(select(METRICS.inferenceRequests, [], free));
  const responses = rate(select(METRICS.inferenceResponses, [], free));
  // More answers than requests: of those that came before. Without any answer the counter may not be there.
  return `clamp_min(1 - (${responses} or 0 * ${requests}) / (${requests} > 0), 0)`;
}

/** The series that say which versions have a role. */
export function roleSeries(role: string): string {
  return select(METRICS.versionInfo, [`role="${role}"`], ['version']);
}

/** The versions that have a role now. */
export function withRole(role: string): string {
  return `group by (${VERSION}) (${roleSeries(role)})`;
}
