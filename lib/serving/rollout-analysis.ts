import { Duration } from 'cdk8s';
import { type AnalysisCheck, METRICS, type ModelSchema, type RolloutAnalysis } from '../contract';
import { type Model } from '../model/model';
import { type ModelObjectives } from '../model/objectives';
import { type Problems } from '../validation/problems';
import {
  errorRateQuery,
  latencyQuery,
  performanceQuery,
  predictionDistanceQuery,
  requestsQuery,
  type RolloutQueryOptions,
} from './rollout-queries';
import { type RolloutPhases } from './rollout-strategy';

/** A measure of performance that needs labels. */
export type LabelledMetric = 'accuracy' | 'precision' | 'recall' | 'f1' | 'auc' | 'mae' | 'rmse';

/** What a candidate has to reach on live traffic. */
export interface RolloutAnalysisOptions {
  /**
   * Traffic that is looked at: at most as long as the shortest pause, so that no step is judged by the one before it.
   *
   * @default Duration.minutes(10)
   */
  readonly window?: Duration;

  /**
   * Requests that the candidate must have got within the window; with fewer it is not judged yet. Chance alone sets the predictions of two
   * equal versions apart by more than 0.1 in 7 of 100 comparisons of 100 requests, and in none of 300 (two classes) or 1,000 (more, or numbers).
   *
   * @default - 300 for a binary classification, 1,000 for anything else
   */
  readonly minRequests?: number;

  /**
   * How long to wait for an answer where there is none: too few requests, absent or undefined values, no Prometheus. A candidate without one
   * by then is taken back.
   *
   * @default Duration.minutes(30)
   */
  readonly hold?: Duration;

  /**
   * Highest share of requests without an answer, between 0 and 1.
   *
   * @default - the model's objective, or 0.01
   */
  readonly maxErrorRate?: number;

  /**
   * Highest 95th percentile of the answer time, as a multiple of that of the stable version.
   *
   * @default 1.5
   */
  readonly maxLatencyRatio?: number;

  /**
   * Highest distance between the predictions of the candidate and of the stable version, between 0 and 1: of classes the share of answers that
   * would have to change (total variation distance), of numbers the largest difference of the two distributions (Kolmogorov-Smirnov).
   *
   * @default 0.1
   */
  readonly maxPredictionDistance?: number;

  /**
   * Objectives of the model that labels have to show while it is rolled out: pauses have to be longer than the model's label delay.
   *
   * @default - none: labels come too late for most models, and are judged afterwards by the drift check
   */
  readonly performance?: readonly LabelledMetric[];
}

/** The metric of an objective, and on which side of it values are good. */
const OBJECTIVES: Readonly<
  Record<LabelledMetric, { readonly key: keyof ModelObjectives; readonly side: 'atLeast' | 'atMost' }>
> = {
  accuracy: { key: 'minAccuracy', side: 'atLeast' },
  precision: { key: 'minPrecision', side: 'atLeast' },
  recall: { key: 'minRecall', side: 'atLeast' },
  f1: { key: 'minF1', side: 'atLeast' },
  auc: { key: 'minAuc', side: 'atLeast' },
  mae: { key: 'maxMae', side: 'atMost' },
  rmse: { key: 'maxRmse', side: 'atMost' },
};

const DEFAULTS = { errorRate: 0.01, latencyRatio: 1.5, distance: 0.1 } as const;
const INTERVAL_SECONDS = 60;
const QUANTILE = 0.95;
const MIN_WINDOW_SECONDS = 120;
/** The drift check looks at whole hours. */
const CHECK_SECONDS = 3600;
/** The highest bound of a bucket of answer times, seconds: what takes longer is not told apart. */
const LONGEST_ANSWER_SECONDS = 120;

const requestsOf = ({ minRequests }: RolloutAnalysisOptions, { task }: Pick<ModelSchema, 'task'>): number =>
  minRequests ?? (task.type === 'binary-classification' ? 300 : 1000);
const windowOf = ({ window = Duration.minutes(10) }: RolloutAnalysisOptions): Duration => window;
const holdOf = ({ hold = Duration.minutes(30) }: RolloutAnalysisOptions): Duration => hold;

/** The analysis as `gate-evaluator analyze` and the templates of Argo Rollouts have it. */
export function rolloutAnalysis(options: RolloutAnalysisOptions, model: Model, namespace: string): RolloutAnalysis {
  const windowSeconds = windowOf(options).toSeconds();
  const minRequests = requestsOf(options, model.schema);
  const query = { model: model.name, namespace, windowSeconds, task: model.schema.task.type, minRequests };
  return {
    windowSeconds,
    intervalSeconds: INTERVAL_SECONDS,
    holdSeconds: holdOf(options).toSeconds(),
    requests: { query: requestsQuery(query), atLeast: minRequests },
    checks: [...liveChecks(options, model, query), ...labelledChecks(options, model, query)],
  };
}

function liveChecks(
  options: RolloutAnalysisOptions,
  { objectives }: Model,
  query: RolloutQueryOptions,
): readonly AnalysisCheck[] {
  const latency = objectives.maxLatencyP95?.toSeconds({ integral: false });
  const candidate = latencyQuery(query, 'candidate', QUANTILE);
  return [
    {
      name: 'error-rate',
      query: errorRateQuery(query, 'candidate'),
      atMost: options.maxErrorRate ?? objectives.maxErrorRate ?? DEFAULTS.errorRate,
      summary: 'share of requests without an answer',
    },
    {
      name: 'latency-p95-ratio',
      query: `(${candidate}) / (${latencyQuery(query, 'stable', QUANTILE)})`,
      atMost: options.maxLatencyRatio ?? DEFAULTS.latencyRatio,
      summary: '95th percentile of the answer time, as a multiple of that of the stable version',
    },
    ...(latency === undefined
      ? []
      : [
          {
            name: 'latency-p95',
            query: candidate,
            atMost: latency,
            summary: '95th percentile of the answer time, seconds',
          },
        ]),
    {
      name: 'prediction-distance',
      query: predictionDistanceQuery(query),
      atMost: options.maxPredictionDistance ?? DEFAULTS.distance,
      summary: 'distance between the predictions of the candidate and of the stable version, 0 to 1',
    },
  ];
}

function labelledChecks(
  { performance = [] }: RolloutAnalysisOptions,
  { objectives }: Model,
  query: RolloutQueryOptions,
): readonly AnalysisCheck[] {
  return performance.map((name) => {
    const { key, side } = OBJECTIVES[name];
    const limit = { [side]: objectives[key] as number };
    return { name, query: performanceQuery(query, name), ...limit, summary: METRICS[name].help };
  });
}

/** Reports limits that are none, and what cannot be measured within the pauses. */
export function checkAnalysis(
  options: RolloutAnalysisOptions,
  phases: RolloutPhases,
  { objectives, labelDelay }: Pick<Model, 'objectives' | 'labelDelay'>,
  problems: Problems,
): void {
  const at = (name: string): string => `rollout.analysis.${name}`;
  const { minRequests, maxErrorRate, maxLatencyRatio, maxPredictionDistance } = options;
  if (minRequests !== undefined && !(Number.isInteger(minRequests) && minRequests >= 1)) {
    problems.add(at('minRequests'), minRequests, 'must be a whole number from 1 on: nothing can be said of no request');
  }
  const isShare = (value: number): boolean => value >= 0 && value < 1;
  const share = 'must be at least 0 and below 1';
  if (maxErrorRate !== undefined && !isShare(maxErrorRate)) problems.add(at('maxErrorRate'), maxErrorRate, share);
  if (maxPredictionDistance !== undefined && !isShare(maxPredictionDistance)) {
    problems.add(at('maxPredictionDistance'), maxPredictionDistance, share);
  }
  if (maxLatencyRatio !== undefined && !(maxLatencyRatio > 0 && Number.isFinite(maxLatencyRatio))) {
    problems.add(at('maxLatencyRatio'), maxLatencyRatio, 'must be a number above 0');
  }
  // A rate takes two scrapes at least, and monitors scrape every 30 seconds.
  problems.checkDuration(at('window'), windowOf(options), MIN_WINDOW_SECONDS);
  problems.checkDuration(at('hold'), holdOf(options), 0);
  const pauses = [phases.shadow, ...(phases.canary ?? []), phases.switched].flatMap((each) =>
    each ? [each.pause] : [],
  );
  const shortest = Math.min(...pauses.map((pause) => pause.toSeconds({ integral: false })));
  const window = windowOf(options).toSeconds({ integral: false });
  if (window > shortest) {
    const because = `a step would be judged by the traffic before it: lengthen the pauses, or shorten the window`;
    problems.add(
      at('window'),
      windowOf(options).toHumanString(),
      `is longer than the shortest pause (${shortest} s), so ${because}`,
    );
  }
  const latency = objectives.maxLatencyP95?.toSeconds({ integral: false });
  if (latency !== undefined && latency >= LONGEST_ANSWER_SECONDS) {
    problems.addText(
      `'model.objectives.maxLatencyP95' (${latency} s) cannot be judged by a roll-out: answers are told apart up to ${LONGEST_ANSWER_SECONDS} s`,
    );
  }
  checkPerformance(options.performance ?? [], { objectives, labelDelay }, shortest, problems);
}

function checkPerformance(
  metrics: readonly LabelledMetric[],
  { objectives, labelDelay }: Pick<Model, 'objectives' | 'labelDelay'>,
  shortestPause: number,
  problems: Problems,
): void {
  const prop = 'rollout.analysis.performance';
  for (const metric of metrics) {
    const { key } = OBJECTIVES[metric];
    if (objectives[key] === undefined) {
      problems.add(prop, metric, `has no objective to be judged by: set objectives.${key} of the model`);
    }
  }
  if (metrics.length === 0) return;
  if (labelDelay === undefined) {
    problems.add(
      prop,
      metrics,
      "cannot be measured: the model's labels never come; set its labelDelay, or leave it out",
    );
  } else if (labelDelay.toSeconds({ integral: false }) + CHECK_SECONDS > shortestPause) {
    const delay = labelDelay.toHumanString();
    problems.add(
      prop,
      metrics,
      `cannot be measured: labels take ${delay} and the check of them up to an hour more, and the shortest pause is ${shortestPause} s; lengthen the pauses, or leave it out`,
    );
  }
}
