import { Duration } from 'cdk8s';
import {
  AlertAggregation,
  AlertComparison,
  AlertRule,
  type AlertRuleOptions,
  AlertSeverity,
  AlertTier,
} from 'cdk8s-mlops';
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
    tier: AlertTier.DATA,
    topic: 'drift',
    metric: METRICS.featureDriftScore.name,
    comparison: AlertComparison.BELOW,
    threshold: 0,
    aggregation: AlertAggregation.SUM,
    where: { feature: 'time since "last" payment' },
    for: Duration.minutes(30),
    runbookUrl: 'https://runbooks.example/Something',
  });
  expect(rule._compile(SCOPE)).toEqual({
    alert: 'Something',
    expr: 'sum by (model, namespace, version) (ml_feature_drift_score{model="churn", namespace="ml", feature="time since \\"last\\" payment"}) < 0',
    for: '1800s',
    labels: {
      ...{ part_of: 'cdk8s-mlops', severity: 'critical', tier: 'data', topic: 'drift' },
      ...{ model: 'churn', namespace: 'ml' },
    },
    annotations: {
      ...{ summary: 'something is wrong', description: 'look at it', value: '{{ printf "%.4g" $value }}' },
      runbook_url: 'https://runbooks.example/Something',
    },
  });
  expect(rule.metric).toBe(METRICS.featureDriftScore.name);
});

test('a rule that says no more than it must is about the model, of no topic', () => {
  const { labels, annotations } = AlertRule.promql({ ...COMMON, expr: 'up == 0' })._compile(SCOPE);
  expect(labels).toEqual({
    ...{ part_of: 'cdk8s-mlops', severity: 'warning', tier: 'model', model: 'churn', namespace: 'ml' },
  });
  expect(annotations).not.toHaveProperty('runbook_url');
});

test('without a model it is of all models of the namespace', () => {
  const rule = AlertRule.threshold({ ...COMMON, metric, comparison: AlertComparison.BELOW, threshold: 0.5 });
  const { expr, labels } = rule._compile({ namespace: 'ml' });
  expect(expr).toBe('min by (model, namespace, version) (ml_model_recall{namespace="ml"}) < 0.5');
  expect(labels).not.toHaveProperty('model');
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
    AlertRule.threshold({
      ...{ ...COMMON, ...threshold, alert: 'My alert', summary: ' ', description: '' },
      ...{ topic: 'My topic', runbookUrl: 'runbooks', for: Duration.millis(10) },
    });
  expect(build).toThrow("AlertRule 'My alert' has 10 problems:");
  expect(problemsOf(build)).toEqual([
    "'alert' ('My alert') must be letters, digits and underscores, for example DataDriftDetected",
    "'summary' (' ') must say something: people are woken by it",
    "'description' ('') must say something: people are woken by it",
    "'topic' ('My topic') must be lower-case letters, digits and dashes, for example 'drift'",
    expect.stringMatching(/^'runbookUrl' \('runbooks'\) must be/),
    "'for' ('10 millis') must be whole seconds",
    "'metric' ('a-b') is exported by nothing: it must be a metric of the contract, metrics of others are for AlertRule.promql",
    "'threshold' (NaN) must be a finite number",
    "'where.a-b' ('x y') must be the name of a label",
    "'where.model' ('other') is set by whoever watches the model: leave it out",
  ]);
  const limit = { metric, comparison: AlertComparison.ABOVE, threshold: 1 };
  const whereAnyOf = { estimated: [], version: ['v1'], model: ['x'] };
  expect(problemsOf(() => AlertRule.threshold({ ...COMMON, ...limit, where: { version: 'v1' }, whereAnyOf }))).toEqual([
    "'whereAnyOf.model' (['x']) is set by whoever watches the model: leave it out".replace("['x']", '["x"]'),
    "'whereAnyOf.estimated' ([]) must name at least one value",
    "'whereAnyOf.version' ([\"v1\"]) stands under 'where' too: keep one",
  ]);
  expect(problemsOf(() => AlertRule.threshold({ ...COMMON, ...limit, rateOver: Duration.seconds(0) }))).toHaveLength(1);
  const quantile = { ...limit, metric: METRICS.inferenceDuration.name, threshold: Infinity, quantile: 1 };
  expect(problemsOf(() => AlertRule.quantile({ ...COMMON, ...quantile, over: Duration.seconds(0) }))).toHaveLength(3);
  expect(problemsOf(() => AlertRule.ratio({ ...COMMON, ...limit, of: 'a b', minCount: 0 }))).toHaveLength(3);
  expect(problemsOf(() => AlertRule.promql({ ...COMMON, expr: ' ' }))[0]).toMatch(/must not be empty/);
  expect(problemsOf(() => AlertRule.age({ ...COMMON, metric, maxAge: Duration.seconds(0) }))[0]).toMatch(/a second/);
});

describe('what cannot be', () => {
  const above = { comparison: AlertComparison.ABOVE, threshold: 1 };
  const threshold = (more: object): readonly string[] =>
    problemsOf(() => AlertRule.threshold({ ...COMMON, ...above, metric, ...more }));

  test('a metric that nothing exports', () => {
    expect(threshold({ metric: 'ml_model_recal' })).toEqual([
      "'metric' ('ml_model_recal') is exported by nothing: it must be a metric of the contract; did you mean 'ml_model_recall'?, metrics of others are for AlertRule.promql",
    ]);
    expect(threshold({ metric: METRICS.inferenceDuration.name })[0]).toMatch(/is a histogram: use AlertRule.quantile/);
    expect(
      problemsOf(() => AlertRule.quantile({ ...COMMON, ...above, metric: METRICS.recall.name, quantile: 0.5 })),
    ).toEqual([
      "'metric' ('ml_model_recall') is a gauge and no histogram: it must be one of ml_prediction_value, ml_inference_duration_seconds",
    ]);
    const count = { ...COMMON, ...above, metric: 'ml_inference_duration_seconds_count' };
    expect(AlertRule.threshold({ ...count, rateOver: Duration.minutes(5) }).metric).toBe(count.metric);
  });

  test('a label that the metric does not have', () => {
    expect(threshold({ where: { estimate: 'true' } })).toEqual([
      "'where.estimate' ('true') is no label of 'ml_model_recall', which has model, version, namespace, estimated; did you mean 'estimated'?",
    ]);
    expect(threshold({ whereAnyOf: { feature: ['age'] } })).toHaveLength(1);
    const scraped = { ...COMMON, ...above, metric, where: { estimated: 'false', pod: 'a' } };
    expect(AlertRule.threshold(scraped).alert).toBe('Something');
  });

  test.each([
    ['a share above 1', METRICS.accuracy.name, 1.5, /must be between 0 and 1, as 'ml_model_accuracy' is/],
    ['a share below 0', METRICS.accuracy.name, -0.1, /must be between 0 and 1/],
    ['a verdict above 1', METRICS.gatePassed.name, 2, /must be between 0 and 1/],
    ['a score below 0', METRICS.dataDriftScore.name, -1, /must be at least 0: 'ml_data_drift_score' is never less/],
    ['an error below 0', METRICS.mae.name, -1, /must be at least 0/],
  ])('%s', (_, name, limit, says) => {
    expect(threshold({ metric: name, threshold: limit })).toEqual([expect.stringMatching(says)]);
  });

  test('limits at the ends of a range, a rate above 1 and a negative prediction can be', () => {
    for (const each of [0, 1])
      expect(AlertRule.threshold({ ...COMMON, ...above, metric, threshold: each })).toBeDefined();
    const rate = { ...COMMON, metric: METRICS.predictions.name, comparison: AlertComparison.ABOVE, threshold: 50 };
    expect(AlertRule.threshold({ ...rate, rateOver: Duration.minutes(5) })).toBeDefined();
    const quantile = { ...COMMON, metric: METRICS.predictionValue.name, quantile: 0.5 };
    expect(AlertRule.quantile({ ...quantile, comparison: AlertComparison.BELOW, threshold: -10 })).toBeDefined();
    const ratio = { ...COMMON, metric: METRICS.predictions.name, of: METRICS.inferenceRequests.name };
    expect(problemsOf(() => AlertRule.ratio({ ...ratio, comparison: AlertComparison.BELOW, threshold: -1 }))).toEqual([
      "'threshold' (-1) must be at least 0: a share is never less",
    ]);
  });

  test("a misspelled metric in PromQL of the user's own, and one of others", () => {
    const problems = problemsOf(() =>
      AlertRule.promql({ ...COMMON, expr: 'sum(ml_model_acuracy{version="ml_model_recal"}) < 0.5' }),
    );
    expect(problems).toEqual([
      expect.stringMatching(/ names 'ml_model_acuracy', which nothing exports; did you mean 'ml_model_accuracy'\?$/),
    ]);
    for (const expr of [
      'ml_warehouse_lag_of_the_nightly_load > 5',
      'kafka_lag > 5',
      'version:ml_feature_bin:psi_mean > 1',
    ]) {
      expect(AlertRule.promql({ ...COMMON, expr }).alert).toBe('Something');
    }
  });
});
