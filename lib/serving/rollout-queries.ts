import { METRICS, type MetricSpec, type TaskType, VERSION_ROLES } from '../contract';

/** What a query of a roll-out's analysis asks about. */
export interface RolloutQueryOptions {
  readonly model: string;
  readonly namespace: string;
  /** Seconds of traffic that are looked at. */
  readonly windowSeconds: number;
  readonly task: TaskType;
  /**
   * Requests of the stable version within the window that are enough to compare with; with fewer, as when the candidate gets them all, it is
   * compared with what the stable version did on the last day.
   *
   * @default 100
   */
  readonly minRequests?: number;
}

/** A role of a version while it is rolled out. */
export type RolloutRole = keyof typeof VERSION_ROLES;

/** A measure of performance that needs labels. */
export type LabelledMetric = 'accuracy' | 'precision' | 'recall' | 'f1' | 'auc' | 'mae' | 'rmse';

/*
 * Every query here answers with one value and no label, or, where there is nothing to say, with NaN or none: no traffic never passes. None
 * names a version: which one has a role, ml_model_version_info says. What several replicas of a collector counted is added up; counts are
 * those of `increase`, which knows counters that begin anew, and estimates what lies between the window's ends and the scrapes next to them.
 */

/** How many requests the candidate got. */
export function requestsQuery(options: RolloutQueryOptions): string {
  return requestsOf(options, 'candidate');
}

/**
 * Share of a version's requests without an answer. Those that are being answered are none of them yet: as many as came within the mean answer
 * time, which is nothing to a fast model and keeps a slow one from failing by its first minutes.
 */
export function errorRateQuery(options: RolloutQueryOptions, role: RolloutRole): string {
  return ofRole(options, role, (within, version) => {
    const sumOf = (metric: MetricSpec, part = ''): string => `sum by (version) (${counted(within, metric, part)})`;
    const requests = sumOf(METRICS.inferenceRequests);
    // A counter that never counted may not be there; without answers there is no mean of them.
    const responses = `(${sumOf(METRICS.inferenceResponses)} or 0 * ${requests})`;
    const mean = `${sumOf(METRICS.inferenceDuration, '_sum')} / ${sumOf(METRICS.inferenceDuration, '_count')}`;
    const unanswered = `${requests} * (1 - (${mean} >= 0 or 0 * ${requests}) / ${within.windowSeconds}) - ${responses}`;
    // More answers than requests: of those that came before the window.
    return `sum(clamp_min(${unanswered}, 0) / ${requests} and on (version) (${version}))`;
  });
}

/** Answer time of a version, in seconds: what that share of its answers did not exceed. */
export function latencyQuery(options: RolloutQueryOptions, role: RolloutRole, quantile: number): string {
  return ofRole(options, role, (within, version) => {
    const buckets = `sum by (version, le) (${counted(within, METRICS.inferenceDuration, '_bucket')})`;
    return `sum(histogram_quantile(${quantile}, ${buckets}) and on (version) (${version}))`;
  });
}

/** The candidate's performance, measured with labels by the drift check; the worst where several measured it. */
export function performanceQuery(options: RolloutQueryOptions, metric: LabelledMetric): string {
  const worst = metric === 'mae' || metric === 'rmse' ? 'max' : 'min';
  const measured = `${METRICS[metric].name}${matchers(options, { estimated: 'false' })}`;
  return `${worst}(${measured} and on (version) (${versionWith(options, 'candidate')}))`;
}

/**
 * Distance between the predictions of the candidate and of the stable version, 0 to 1: of classes the share of answers that would have to
 * change (total variation distance), of numbers the largest difference of the two distributions (Kolmogorov-Smirnov).
 */
export function predictionDistanceQuery(options: RolloutQueryOptions): string {
  const numbers = options.task === 'regression';
  const of = (role: RolloutRole): string =>
    ofRole(options, role, (within, version) => {
      const shares = numbers ? cumulativeShares(within) : classShares(within);
      return `sum by (${numbers ? 'le' : 'class'}) (${shares} and on (version) (${version}))`;
    });
  const [candidate, stable] = [of('candidate'), of('stable')];
  if (numbers) return `max(abs(${candidate} - ${stable}))`;
  // What both answer: a class of one of them alone adds nothing to it, whether its other series is there or not.
  const common = `sum((${candidate} <= ${stable}) or (${stable} < ${candidate}))`;
  return `clamp_min(1 - ${common}, 0)`;
}

function classShares(options: RolloutQueryOptions): string {
  const count = counted(options, METRICS.predictionClass);
  return `sum by (version, class) (${count}) / on (version) group_left () sum by (version) (${count})`;
}

function cumulativeShares(options: RolloutQueryOptions): string {
  const upTo = counted(options, METRICS.predictionValue, '_bucket');
  const all = counted(options, METRICS.predictionValue, '_count');
  return `sum by (version, le) (${upTo}) / on (version) group_left () sum by (version) (${all})`;
}

/** What a counter counted within the window. */
function counted(options: RolloutQueryOptions, { name }: MetricSpec, part = ''): string {
  return `increase(${name}${part}${matchers(options)}[${options.windowSeconds}s])`;
}

/** Seconds of the stable version's traffic that are looked at where it got too little within the window. */
const LONG_WINDOW = 86_400;
const ENOUGH = 100;

/**
 * What a version did within the window; the stable one, where it got too little, on the last day.
 *
 * @param value the value, and the version that it is filtered by
 */
function ofRole(
  options: RolloutQueryOptions,
  role: RolloutRole,
  value: (within: RolloutQueryOptions, version: string) => string,
): string {
  const version = versionWith(options, role);
  const now = value(options, version);
  if (role === 'candidate') return now;
  const long = value({ ...options, windowSeconds: LONG_WINDOW }, version);
  return `(${now} and on () ${requestsOf(options, role)} >= ${options.minRequests ?? ENOUGH} or on () ${long})`;
}

function requestsOf(options: RolloutQueryOptions, role: RolloutRole): string {
  return `sum(${counted(options, METRICS.inferenceRequests)} and on (version) (${versionWith(options, role)}))`;
}

/** The version that has a role: none where several have it, or where one has both. */
function versionWith(options: RolloutQueryOptions, role: RolloutRole): string {
  const versions = (of: RolloutRole): string =>
    `group by (version) (${METRICS.versionInfo.name}${matchers(options, { role: VERSION_ROLES[of] })})`;
  const other = role === 'candidate' ? 'stable' : 'candidate';
  return `${versions(role)} unless ${versions(other)} and on () count(${versions(role)}) == 1`;
}

function matchers({ model, namespace }: RolloutQueryOptions, more: Readonly<Record<string, string>> = {}): string {
  // The escapes of PromQL's double-quoted strings are those of JSON.
  const all = Object.entries({ model, namespace, ...more }).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `{${all.join(', ')}}`;
}
