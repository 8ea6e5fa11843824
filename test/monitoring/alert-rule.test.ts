import { Duration } from 'cdk8s';
import { AlertAggregation, AlertComparison, AlertRule, type AlertRuleOptions, AlertSeverity } from 'cdk8s-mlops';
import { METRICS } from 'cdk8s-mlops/contract';
import { problemsOf } from '../support/synth';

const SCOPE = { model: 'churn', namespace: 'ml' };
const COMMON: AlertRuleOptions = {
  alert: 'Something',
  severity: AlertSeverity.WARNING,
  summary: 'something is wrong',
  description: 'look at it',
};
const metric = METRICS.recall.name;

test('a threshold takes the series that is furthest on the wrong side', () => {
  const expr = (comparison: AlertComparison): string =>
    AlertRule.threshold({ ...COMMON, metric, comparison, threshold: 0.8 })._compile(SCOPE).expr;
  const series = 'by (model, namespace, version) (ml_model_recall{model="churn", namespace="ml"})';
  expect(expr(AlertComparison.BELOW)).toBe(`min ${series} < 0.8`);
  expect(expr(AlertComparison.AT_MOST)).toBe(`min ${series} <= 0.8`);
  expect(expr(AlertComparison.ABOVE)).toBe(`max ${series} > 0.8`);
  expect(expr(AlertComparison.AT_LEAST)).toBe(`max ${series} >= 0.8`);
});

test('every option reaches the rule', () => {
  const rule = AlertRule.threshold({
    ...COMMON,
    severity: AlertSeverity.CRITICAL,
    metric,
    comparison: AlertComparison.BELOW,
    threshold: 0,
    aggregation: AlertAggregation.SUM,
    where: { feature: 'time since "last" payment' },
    for: Duration.minutes(30),
  });
  expect(rule._compile(SCOPE)).toEqual({
    alert: 'Something',
    expr: 'sum by (model, namespace, version) (ml_model_recall{model="churn", namespace="ml", feature="time since \\"last\\" payment"}) < 0',
    for: '1800s',
    labels: { severity: 'critical', model: 'churn', namespace: 'ml' },
    annotations: { summary: 'something is wrong', description: 'look at it' },
  });
  expect(rule.metric).toBe(metric);
});

test('a time that is too old, and one that is not there', () => {
  const rule = AlertRule.age({ ...COMMON, metric: METRICS.driftCheckLastSuccess.name, maxAge: Duration.hours(3) });
  const series = 'ml_drift_check_last_success_timestamp_seconds{model="churn", namespace="ml"}';
  expect(rule._compile(SCOPE).expr).toBe(
    `(time() - max by (model, namespace) (${series}) > 10800) or absent(${series})`,
  );
  expect(rule._compile(SCOPE).for).toBe('300s');
});

test('the rate of a counter, and labels with one of several values', () => {
  const options = { metric: METRICS.captureEvents.name, comparison: AlertComparison.ABOVE, threshold: 0 };
  const whereAnyOf = { outcome: ['a.b', 'c|d', 'e"f'] };
  const rule = AlertRule.threshold({ ...COMMON, ...options, whereAnyOf, rateOver: Duration.minutes(5) });
  expect(rule._compile(SCOPE).expr).toBe(
    'max by (model, namespace, version) (rate(ml_capture_events_total{model="churn", namespace="ml", ' +
      'outcome=~"a\\\\.b|c\\\\|d|e\\"f"}[300s])) > 0',
  );
});

test('a quantile of a histogram', () => {
  const options = { metric: METRICS.inferenceDuration.name, comparison: AlertComparison.AT_LEAST, threshold: 0.2 };
  const expr = (over?: Duration): string =>
    AlertRule.quantile({ ...COMMON, ...options, quantile: 0.99, over })._compile(SCOPE).expr;
  const buckets = 'ml_inference_duration_seconds_bucket{model="churn", namespace="ml"}';
  expect(expr()).toBe(
    `histogram_quantile(0.99, sum by (le, model, namespace, version) (rate(${buckets}[300s]))) >= 0.2`,
  );
  expect(expr(Duration.minutes(1))).toContain('[60s]');
});

test('the share of one metric in another', () => {
  const options = { metric: METRICS.inferenceResponses.name, of: METRICS.inferenceRequests.name, threshold: 0.9 };
  const expr = (more: { rateOver?: Duration; minCount?: number }): string =>
    AlertRule.ratio({ ...COMMON, ...options, ...more, comparison: AlertComparison.BELOW })._compile(SCOPE).expr;
  const by = 'by (model, namespace, version)';
  const rate = (of: string): string =>
    `sum ${by} (rate(ml_inference_${of}_total{model="churn", namespace="ml"}[600s]))`;
  const rateOver = Duration.minutes(10);
  const share = `(${rate('responses')} or 0 * ${rate('requests')}) / ${rate('requests')} < 0.9`;
  expect(expr({ rateOver })).toBe(share);
  expect(expr({ rateOver, minCount: 20 })).toBe(
    `${share} and sum ${by} (increase(ml_inference_requests_total{model="churn", namespace="ml"}[600s])) >= 20`,
  );
  expect(expr({})).toBe(
    `min ${by} (ml_inference_responses_total{model="churn", namespace="ml"} / ` +
      'ml_inference_requests_total{model="churn", namespace="ml"}) < 0.9',
  );
});

test("PromQL of the user's own is rendered as it stands", () => {
  const rule = AlertRule.promql({ ...COMMON, expr: 'up == 0', for: Duration.seconds(0) });
  expect(rule._compile(SCOPE)).toMatchObject({ expr: 'up == 0', for: '0s', labels: { model: 'churn' } });
  expect(rule.metric).toBeUndefined();
});

test('bad options are all reported', () => {
  const threshold = {
    metric: 'a-b',
    comparison: AlertComparison.ABOVE,
    threshold: NaN,
    where: { 'a-b': 'x y', model: 'other' },
  };
  const build = (): AlertRule =>
    AlertRule.threshold({ ...COMMON, ...threshold, alert: 'My alert', summary: ' ', description: '' });
  expect(problemsOf(build)).toHaveLength(7);
  expect(build).toThrow("AlertRule 'My alert' has 7 problems:");
  const limit = { metric, comparison: AlertComparison.ABOVE, threshold: 1 };
  const whereAnyOf = { a: [], version: ['v1'], model: ['x'], 'a-b': ['x'] };
  expect(
    problemsOf(() => AlertRule.threshold({ ...COMMON, ...limit, where: { version: 'v1' }, whereAnyOf })),
  ).toHaveLength(4);
  expect(problemsOf(() => AlertRule.threshold({ ...COMMON, ...limit, rateOver: Duration.seconds(0) }))).toHaveLength(1);
  const quantile = { ...limit, threshold: Infinity, quantile: 1, over: Duration.seconds(0) };
  expect(problemsOf(() => AlertRule.quantile({ ...COMMON, ...quantile }))).toHaveLength(3);
  expect(problemsOf(() => AlertRule.ratio({ ...COMMON, ...limit, of: 'a b', minCount: 0 }))).toHaveLength(3);
  expect(problemsOf(() => AlertRule.promql({ ...COMMON, expr: ' ' }))[0]).toMatch(/must not be empty/);
  expect(problemsOf(() => AlertRule.age({ ...COMMON, metric, maxAge: Duration.seconds(0) }))[0]).toMatch(/a second/);
  expect(problemsOf(() => AlertRule.promql({ ...COMMON, expr: 'x', for: Duration.millis(10) }))[0]).toMatch(
    /whole seconds/,
  );
});
