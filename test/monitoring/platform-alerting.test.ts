import { ApiObject, type Chart, Duration } from 'cdk8s';
import {
  AlertComparison,
  AlertRouting,
  AlertRule,
  AlertSeverity,
  Monitoring,
  PlatformAlerting,
  type PlatformAlertingProps,
  Receiver,
  SecretReference,
} from 'cdk8s-mlops';
import { METRICS } from 'cdk8s-mlops/contract';
import { find, newChart, newPlatform, problemsOf, rendered, type Rendered } from '../support/synth';

const RULE = AlertRule.threshold({
  ...{ alert: 'AccuracyFarTooLow', severity: AlertSeverity.CRITICAL, summary: 'low', description: 'look' },
  ...{ metric: METRICS.accuracy.name, comparison: AlertComparison.BELOW, threshold: 0.5 },
});

function watch(
  props: Partial<PlatformAlertingProps> = {},
  chart = newChart(),
): { chart: Chart; alerting: PlatformAlerting } {
  const platform = newPlatform(chart, { monitoring: Monitoring.kubePrometheusStack({ release: 'metrics' }) });
  return { chart, alerting: new PlatformAlerting(chart, 'alerts', { platform, ...props }) };
}

const rulesOf = (chart: Chart): Rendered[] =>
  find(rendered(chart), 'PrometheusRule', 'platform-alerts').spec.groups[0].rules;

test('the default child is the PrometheusRule, which Prometheus selects', () => {
  const { chart, alerting } = watch();
  expect(ApiObject.of(alerting).kind).toBe('PrometheusRule');
  const { metadata } = find(rendered(chart), 'PrometheusRule', 'platform-alerts');
  expect(metadata).toMatchObject({ namespace: 'ml', labels: { release: 'metrics' } });
  expect(alerting.rules.map(({ alert }) => alert)).toEqual(['GpuIdle', 'SpotReclaimLoop']);
});

test('its alerts have a namespace and no model, and no link where there is no address', () => {
  for (const { labels, annotations } of rulesOf(watch().chart)) {
    expect(labels).toEqual({
      ...{ part_of: 'cdk8s-mlops', severity: 'warning', tier: 'service', namespace: 'ml' },
      topic: expect.stringMatching(/^(gpu|spot)$/),
    });
    expect(Object.keys(annotations).sort()).toEqual(['description', 'summary', 'value']);
  }
});

test('all the props', () => {
  const [gpu, spot, own] = rulesOf(
    watch({
      ...{ gpuIdleAfter: Duration.hours(1), maxReclaims: 7, rules: [RULE] },
      runbooksUrl: 'https://runbooks.example',
    }).chart,
  );
  // Five minutes of it are in the expression.
  expect(gpu.for).toBe('3300s');
  expect(gpu.annotations.description).toContain('60 minutes');
  expect(gpu.annotations.runbook_url).toBe('https://runbooks.example/GpuIdle.md');
  expect(spot.expr).toMatch(/ >= 7$/);
  expect(own.expr).toBe('min by (model, namespace, version) (ml_model_accuracy{namespace="ml"}) < 0.5');
  expect(own.labels).not.toHaveProperty('model');
  expect(own.annotations).not.toHaveProperty('runbook_url');
});

test('everything that is wrong is reported at once', () => {
  const build = (): unknown =>
    watch({
      ...{ gpuIdleAfter: Duration.minutes(9), maxReclaims: 0, runbooksUrl: 'runbooks' },
      rules: [RULE, RULE, AlertRule.promql({ ...RULE_TEXTS, alert: 'GpuIdle', expr: 'up == 0' })],
    });
  expect(problemsOf(build)).toEqual([
    expect.stringMatching(/^'gpuIdleAfter' \('9 minutes'\) must be at least/),
    "'maxReclaims' (0) must be a whole number from 1 on",
    expect.stringMatching(/^'runbooksUrl' \('runbooks'\) must be/),
    "'rules' ('AccuracyFarTooLow') is the name of two rules: every alert has a name of its own",
    "'rules' ('GpuIdle') is the name of two rules: every alert has a name of its own",
  ]);
});

const RULE_TEXTS = { severity: AlertSeverity.WARNING, summary: 'low', description: 'look' };

test('a platform has one', () => {
  const { chart, alerting } = watch();
  expect(problemsOf(() => new PlatformAlerting(chart, 'more', { platform: alerting.platform }))).toEqual([
    "the platform has an alerting already, 'test/alerts': give that one all rules",
  ]);
});

test('its alerts need a route as those of models do', () => {
  const onCall = Receiver.pagerDuty({ routingKey: SecretReference.of('receivers', 'key') });
  const { chart, alerting } = watch();
  const { platform } = alerting;
  new AlertRouting(chart, 'routing', {
    platform,
    routes: [{ receivers: [onCall], severities: [AlertSeverity.CRITICAL] }],
  });
  expect(() => rendered(chart)).toThrow("no route takes the alert 'GpuIdle' of the platform (severity 'warning')");
});
