import { METRICS } from 'cdk8s-mlops/contract';
import {
  errorRateQuery,
  latencyQuery,
  performanceQuery,
  predictionDistanceQuery,
  requestsQuery,
  type RolloutQueryOptions,
} from '../../lib/serving/rollout-queries';

/* What the queries answer is tested against a real Prometheus: test/integration/rollout-analysis.test.ts. */

const OPTIONS: RolloutQueryOptions = {
  ...{ model: 'churn', namespace: 'ml', windowSeconds: 600, task: 'binary-classification' },
};

const queriesOf = (options: RolloutQueryOptions): Record<string, string> => ({
  requests: requestsQuery(options),
  errors: errorRateQuery(options, 'candidate'),
  stableErrors: errorRateQuery(options, 'stable'),
  latency: latencyQuery(options, 'candidate', 0.95),
  stableLatency: latencyQuery(options, 'stable', 0.99),
  accuracy: performanceQuery(options, 'accuracy'),
  rmse: performanceQuery(options, 'rmse'),
  distance: predictionDistanceQuery(options),
  numbers: predictionDistanceQuery({ ...options, task: 'regression' }),
});

const of = 'model="churn", namespace="ml"';
const role = (name: string): string => `group by (version) (ml_model_version_info{${of}, role="${name}"})`;
const CANDIDATE = `${role('candidate')} unless ${role('stable')} and on () count(${role('candidate')}) == 1`;

test('the version is whichever has the role alone', () => {
  const requests = `increase(ml_inference_requests_total{${of}}[600s])`;
  expect(requestsQuery(OPTIONS)).toBe(`sum(${requests} and on (version) (${CANDIDATE}))`);
  expect(latencyQuery(OPTIONS, 'stable', 0.95)).toContain(
    `(${role('stable')} unless ${role('candidate')} and on () count(${role('stable')}) == 1)`,
  );
});

test('of what was measured several times the worst counts, and never an estimate', () => {
  const measured = (metric: string): string => `(${metric}{${of}, estimated="false"} and on (version) (${CANDIDATE}))`;
  for (const metric of ['accuracy', 'precision', 'recall', 'f1', 'auc'] as const)
    expect(performanceQuery(OPTIONS, metric)).toBe(`min${measured(`ml_model_${metric}`)}`);
  for (const metric of ['mae', 'rmse'] as const)
    expect(performanceQuery(OPTIONS, metric)).toBe(`max${measured(`ml_model_${metric}`)}`);
});

test('numbers are compared by their buckets, classes by their counts', () => {
  const { distance, numbers } = queriesOf(OPTIONS);
  expect(distance).toContain('ml_prediction_class_total');
  expect(distance).not.toContain('ml_prediction_value');
  expect(numbers).toContain('ml_prediction_value_bucket');
  expect(numbers).not.toContain('ml_prediction_class');
  expect(predictionDistanceQuery({ ...OPTIONS, task: 'multiclass-classification' })).toBe(distance);
});

test.each(Object.entries(queriesOf(OPTIONS)))('%s asks for series of the contract, of this model alone', (_, query) => {
  const selectors = [...query.matchAll(/(\w+)\{([^}]*)\}/g)];
  expect(selectors.length).toBeGreaterThan(1);
  const known = new Map<string, readonly string[]>(Object.values(METRICS).map(({ name, labels }) => [name, labels]));
  for (const [, series, matchers] of selectors) {
    const labels = known.get(series!.replace(/_(bucket|count|sum)$/, ''));
    const named = [...matchers!.matchAll(/(\w+)=/g)].map(([, label]) => label!);
    expect(named.slice(0, 2)).toEqual(['model', 'namespace']);
    expect(named.filter((label) => label !== 'version' && !labels?.includes(label))).toEqual([]);
    expect(named).not.toContain('version');
  }
  // The templates of Argo would take it for a parameter.
  expect(query).not.toContain('{{');
});

test('the candidate is judged by the window; the stable version, where it got too little then, by a day', () => {
  const windowsOf = (query: string): string[] =>
    [...new Set([...query.matchAll(/\[(\w+)\]/g)].map(([, each]) => each!))].sort();
  const { stableErrors, stableLatency, distance, numbers, ...candidate } = queriesOf(OPTIONS);
  const { accuracy, rmse, ...counted } = candidate;
  for (const query of Object.values(counted)) expect(windowsOf(query)).toEqual(['600s']);
  for (const query of [accuracy!, rmse!]) expect(windowsOf(query)).toEqual([]);
  for (const query of [stableErrors!, stableLatency!, distance!, numbers!])
    expect(windowsOf(query)).toEqual(['600s', '86400s']);
  expect(stableLatency).toContain(' >= 100 or on () ');
  expect(latencyQuery({ ...OPTIONS, minRequests: 20 }, 'stable', 0.95)).toContain(' >= 20 or on () ');
});

test('names are quoted', () => {
  expect(requestsQuery({ ...OPTIONS, model: 'a"} or vector(1000) #\\' })).toContain(
    '{model="a\\"} or vector(1000) #\\\\", namespace="ml"}',
  );
});
