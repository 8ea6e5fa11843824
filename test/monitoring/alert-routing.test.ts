import { ApiObject, type Chart, Duration } from 'cdk8s';
import {
  AlertComparison,
  AlertRouting,
  type AlertRoutingProps,
  AlertRule,
  AlertSeverity,
  AlertTier,
  DriftAlerting,
  ModelSource,
  Receiver,
  SecretReference,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import { METRICS } from 'cdk8s-mlops/contract';
import { DEFAULT_ALERTS } from '../../lib/monitoring/alert-names';
import {
  find,
  identities,
  newChart,
  newModel,
  newPlatform,
  problemsOf,
  rendered,
  type Rendered,
} from '../support/synth';

const secret = SecretReference.of('receivers', 'value');
const SELECTOR = { name: 'receivers', key: 'value' };
const slack = Receiver.slack({ apiUrl: secret });
const pagerDuty = Receiver.pagerDuty({ routingKey: secret });
const { CRITICAL, WARNING } = AlertSeverity;
const MODEL = newModel({ objectives: { minAccuracy: 0.9 }, labelDelay: Duration.days(7) });

function route(props: Partial<AlertRoutingProps> = {}, chart = newChart()): { chart: Chart; routing: AlertRouting } {
  const platform = newPlatform(chart, { storageInitializer: StorageInitializer.restricted() });
  const routing = new AlertRouting(chart, 'routing', { platform, routes: [{ receivers: [slack] }], ...props });
  return { chart, routing };
}

function watch(chart: Chart, { platform }: AlertRouting, rules: readonly AlertRule[] = []): void {
  const source = ModelSource.uri('s3://acme-models/churn/v1');
  const runtime = ServingRuntime.sklearn();
  const servedModel = new ServedModel(chart, 'serving', { platform, model: MODEL, source, runtime });
  new DriftAlerting(chart, 'drift', { servedModel, rules });
}

const specOf = (chart: Chart): Rendered => find(rendered(chart), 'AlertmanagerConfig', 'model-alerts').spec;
const integrations = (receiver: Receiver): Rendered => receiver._toIntegrations();

test('the default child is the AlertmanagerConfig, of the version that needs no conversion', () => {
  const { chart, routing } = route();
  expect(ApiObject.of(routing)).toMatchObject({
    kind: 'AlertmanagerConfig',
    apiVersion: 'monitoring.coreos.com/v1alpha1',
  });
  expect(find(rendered(chart), 'AlertmanagerConfig', 'model-alerts').metadata.namespace).toBe('ml');
});

test('without a routing nothing is rendered', () => {
  const chart = newChart();
  newPlatform(chart);
  expect(identities(rendered(chart)).filter((each) => each.startsWith('AlertmanagerConfig'))).toEqual([]);
});

test('by default every alert of this library in the namespace goes to the one receiver', () => {
  const { route: top, receivers, inhibitRules } = specOf(route().chart);
  expect(top).toEqual({
    receiver: 'none',
    matchers: [
      { name: 'namespace', matchType: '=', value: 'ml' },
      { name: 'part_of', matchType: '=', value: 'cdk8s-mlops' },
    ],
    groupBy: ['alertname', 'model'],
    groupWait: '30s',
    groupInterval: '300s',
    repeatInterval: '14400s',
    routes: [{ receiver: 'slack', matchers: [] }],
  });
  expect(receivers.map(({ name }: Rendered) => name)).toEqual(['none', 'slack']);
  expect(receivers[0]).toEqual({ name: 'none' });
  expect(inhibitRules).toHaveLength(3);
});

test('all the props', () => {
  const { chart } = route({
    groupBy: ['model'],
    groupWait: Duration.seconds(0),
    groupInterval: Duration.minutes(1),
    repeatInterval: Duration.hours(1),
    inhibits: false,
    routes: [
      {
        receivers: [pagerDuty, slack],
        severities: [CRITICAL],
        tiers: [AlertTier.DATA, AlertTier.MODEL],
        alerts: ['DataDriftDetected', 'DriftCheckSilent'],
        models: [MODEL],
        labels: { topic: 'drift' },
        continues: true,
        groupWait: Duration.seconds(10),
        groupInterval: Duration.minutes(2),
        repeatInterval: Duration.days(1),
      },
      { receivers: [slack], severities: [CRITICAL, WARNING] },
      { receivers: [Receiver.none()] },
    ],
  });
  const { route: top, receivers, inhibitRules } = specOf(chart);
  expect(top).toMatchObject({
    groupBy: ['model'],
    groupWait: '0s',
    groupInterval: '60s',
    repeatInterval: '3600s',
  });
  expect(top.routes).toEqual([
    {
      receiver: 'pagerduty+slack',
      matchers: [
        { name: 'severity', matchType: '=', value: 'critical' },
        { name: 'tier', matchType: '=~', value: 'data|model' },
        { name: 'alertname', matchType: '=~', value: 'DataDriftDetected|DriftCheckSilent' },
        { name: 'model', matchType: '=', value: 'churn' },
        { name: 'topic', matchType: '=', value: 'drift' },
      ],
      groupWait: '10s',
      groupInterval: '120s',
      repeatInterval: '86400s',
      continue: true,
    },
    { receiver: 'slack', matchers: [{ name: 'severity', matchType: '=~', value: 'critical|warning' }] },
    { receiver: 'none', matchers: [] },
  ]);
  expect(receivers.map((each: Rendered) => Object.keys(each))).toEqual([
    ['name'],
    ['name', 'pagerdutyConfigs', 'slackConfigs'],
    ['name', 'slackConfigs'],
  ]);
  expect(inhibitRules).toEqual([]);
});

test('two receivers of one kind that are told together keep both addresses', () => {
  const other = Receiver.slack({ name: 'managers', apiUrl: secret, channel: '@boss' });
  const { receivers } = specOf(route({ routes: [{ receivers: [slack, other] }] }).chart);
  expect(receivers[1]).toMatchObject({ name: 'slack+managers', slackConfigs: [{}, { channel: '@boss' }] });
});

test('a critical silences its warning, and a silent check silences drift', () => {
  const { inhibitRules } = specOf(route().chart);
  const summary = inhibitRules.map(({ sourceMatch, targetMatch, equal }: Rendered) => [
    sourceMatch[0],
    targetMatch[0],
    equal,
  ]);
  const severity = (value: string): Rendered => ({ name: 'severity', matchType: '=', value });
  const alert = (value: string): Rendered => ({ name: 'alertname', matchType: '=', value });
  expect(summary).toEqual([
    [severity('critical'), severity('warning'), ['namespace', 'model', 'version', 'alertname']],
    [severity('critical'), severity('warning'), ['namespace', 'model', 'version', 'topic']],
    [alert('DriftCheckSilent'), alert('DataDriftDetected'), ['namespace', 'model']],
  ]);
  expect(DEFAULT_ALERTS).toEqual(expect.arrayContaining(['DriftCheckSilent', 'DataDriftDetected']));
  // A label that is missing on both sides is equal for Alertmanager.
  for (const { sourceMatch, targetMatch } of inhibitRules) {
    for (const matchers of [sourceMatch, targetMatch]) {
      expect(matchers).toContainEqual({ name: 'model', matchType: '=~', value: '.+' });
    }
  }
});

test('every option of a receiver is rendered, and secrets by reference', () => {
  expect(integrations(Receiver.slack({ apiUrl: secret, channel: '#ml', sendResolved: false }))).toMatchObject({
    slackConfigs: [{ apiURL: SELECTOR, channel: '#ml', sendResolved: false }],
  });
  const url = 'https://events.eu.pagerduty.com/v2/enqueue';
  expect(integrations(Receiver.pagerDuty({ routingKey: secret, url }))).toMatchObject({
    pagerdutyConfigs: [{ routingKey: SELECTOR, url, sendResolved: true }],
  });
  const mail = { to: ['a@example.com', 'b@example.com'], from: 'c@example.com', smarthost: 'smtp.example.com:587' };
  const email = Receiver.email({ ...mail, authUsername: 'me', authPassword: secret });
  expect(integrations(email)).toMatchObject({
    emailConfigs: [
      {
        ...{ to: 'a@example.com, b@example.com', from: 'c@example.com', smarthost: 'smtp.example.com:587' },
        ...{ authUsername: 'me', authPassword: SELECTOR, requireTLS: true, sendResolved: true },
      },
    ],
  });
  expect(integrations(Receiver.email({ ...mail, requireTls: false })).emailConfigs[0].requireTLS).toBe(false);
  const webhook = { url: 'http://hook.ml.svc:8080/alerts?of=ml', token: secret, maxAlerts: 10 };
  expect(integrations(Receiver.webhook(webhook))).toEqual({
    webhookConfigs: [
      {
        ...{ sendResolved: true, url: webhook.url, maxAlerts: 10 },
        httpConfig: { authorization: { type: 'Bearer', credentials: SELECTOR } },
      },
    ],
  });
  expect(integrations(Receiver.webhook({ urlSecret: secret }))).toEqual({
    webhookConfigs: [{ sendResolved: true, urlSecret: SELECTOR }],
  });
  expect(integrations(Receiver.webhook({ url: 'https://hooks.example.com' })).webhookConfigs[0]).toEqual({
    sendResolved: true,
    url: 'https://hooks.example.com',
  });
  expect([slack, pagerDuty, email, Receiver.none()].map(({ name }) => name)).toEqual([
    ...['slack', 'pagerduty', 'email', 'none'],
  ]);
});

test('a receiver without its secret', () => {
  const nothing = undefined as unknown as SecretReference;
  expect(problemsOf(() => Receiver.slack({ apiUrl: nothing, channel: 'ml alerts', name: 'My Slack' }))).toEqual([
    expect.stringMatching(/^'name' \('My Slack'\) must consist of/),
    "'apiUrl' (undefined) must be given: SecretReference.of(name, key)",
    "'channel' ('ml alerts') must be a channel, a person or an id of Slack, for example '#ml-alerts'",
  ]);
  expect(problemsOf(() => Receiver.pagerDuty({ routingKey: nothing, url: 'events' }))).toEqual([
    "'routingKey' (undefined) must be given: SecretReference.of(name, key)",
    "'url' ('events') must be a URL, for example 'https://hooks.example.com/alerts'",
  ]);
  expect(problemsOf(() => Receiver.slack({ apiUrl: secret, name: 'none' }))[0]).toMatch(/tells nobody/);
});

test('bad mailboxes and servers', () => {
  const email = { to: ['a@b', 'x@example.com', 'x@example.com'], from: 'nobody', smarthost: 'smtp.example.com' };
  expect(problemsOf(() => Receiver.email({ ...email, authUsername: '', requireTls: false }))).toEqual([
    "'to' ('a@b') must be an e-mail address, for example 'ml-team@example.com'",
    "'to' ('x@example.com') is named twice",
    "'from' ('nobody') must be an e-mail address, for example 'ml-team@example.com'",
    "'smarthost' ('smtp.example.com') must be a host and a port, for example 'smtp.example.com:587'",
    "'authUsername' ('') must not be empty",
    "'authUsername' ('') needs 'authPassword': SecretReference.of(name, key)",
  ]);
  const plain = { to: [], from: 'a@example.com', smarthost: 'smtp:99999', authPassword: secret, requireTls: false };
  expect(problemsOf(() => Receiver.email(plain))).toEqual([
    "'to' ([]) must name at least one address",
    "'smarthost' ('smtp:99999') must be a port, 1 to 65535",
    "'authPassword' ('receivers/value') needs 'authUsername'",
    "'requireTls' (false) would send the password in plain text: leave it out",
  ]);
});

test.each([
  ['ftp://hooks.example.com', /must be an http or https URL/],
  ['http://hooks.example.com/x', /must be https: http is only for a Service of the cluster/],
  ['http://hook.ml:8080', /must be https/],
  ['https://me:secret@hooks.example.com', /must not carry credentials/],
  ['https://hooks.example.com/ghp_0123456789abcdef0123', /carries a secret in plain text/],
  ['hooks', /must be a URL/],
])('the address %s of a webhook', (url, says) => {
  const [problem, ...others] = problemsOf(() => Receiver.webhook({ url }));
  expect(problem).toMatch(says);
  expect(problem).not.toContain('me:secret');
  expect(others).toEqual([]);
});

test('a webhook with no address, with two, and with no alerts', () => {
  expect(problemsOf(() => Receiver.webhook({ maxAlerts: 0 }))).toEqual([
    "'url' or 'urlSecret' must be given: where should alerts be sent to?",
    "'maxAlerts' (0) must be a whole number from 1 on",
  ]);
  const both = { url: 'https://hooks.example.com', urlSecret: secret };
  expect(problemsOf(() => Receiver.webhook(both))).toEqual([
    "'url' ('https://hooks.example.com') stands beside 'urlSecret': keep one",
  ]);
});

test('bad routes are all reported', () => {
  const build = (): unknown =>
    route({
      groupBy: ['a-b', 'model', 'model'],
      groupInterval: Duration.millis(10),
      repeatInterval: Duration.seconds(0),
      routes: [
        { receivers: [] },
        { receivers: [slack, slack], severities: [], alerts: ['My alert'], groupWait: Duration.millis(1) },
        {
          receivers: [Receiver.slack({ apiUrl: secret, channel: '#b' })],
          labels: { 'a-b': 'x', namespace: 'y', severity: 'z', alertname: 'A', model: 'm' },
          repeatInterval: Duration.seconds(1),
          groupInterval: Duration.seconds(2),
        },
      ],
    });
  expect(build).toThrow("AlertRouting 'test/routing' has 19 problems:");
  expect(problemsOf(build)).toEqual([
    "'groupBy' ('a-b') must be the name of a label",
    "'groupBy' ('model') is named twice",
    "'groupInterval' ('10 millis') must be at least a second",
    "'repeatInterval' ('0 seconds') must be at least a second",
    "'repeatInterval' (0 s) must not be shorter than the group interval, 0.01 s",
    "'routes[0].receivers' ([]) must name at least one",
    "'routes[1].receivers' ('slack') is named twice",
    "'routes[1].severities' ([]) must name at least one",
    "'routes[1].alerts' ('My alert') must be the name of an alert",
    "'routes[1].groupWait' ('1 milli') must be whole seconds",
    "'routes[2].labels.a-b' ('x') must have the name of a label",
    "'routes[2].labels.namespace' ('y') is the platform's: leave it out",
    "'routes[2].labels.severity' ('z') belongs under 'severities'",
    "'routes[2].labels.alertname' ('A') belongs under 'alerts'",
    "'routes[2].labels.model' ('m') belongs under 'models'",
    "'routes[2].repeatInterval' (1 s) must not be shorter than the group interval, 2 s",
    "'routes[1]' is never reached: 'routes[0]' takes every alert. Put that one last",
    "'routes[2]' is never reached: 'routes[0]' takes every alert. Put that one last",
    "'receivers' ('slack') is the name of two receivers: give each a 'name' of its own",
  ]);
  expect(problemsOf(() => route({ routes: [], groupBy: [] }))).toEqual([
    "'routes' ([]) must say who is told: leave the routing out to tell nobody",
    "'groupBy' ([]) must name at least one label",
  ]);
});

test('a platform has one routing', () => {
  const { chart, routing } = route();
  const again = (): AlertRouting =>
    new AlertRouting(chart, 'more', { platform: routing.platform, routes: [{ receivers: [slack] }] });
  expect(problemsOf(again)).toEqual(["the platform has a routing already, 'test/routing': give that one all routes"]);
});

test('every alert of the app has a receiver', () => {
  const { chart, routing } = route({ routes: [{ receivers: [pagerDuty], severities: [CRITICAL] }] });
  watch(chart, routing);
  expect(() => rendered(chart)).toThrow(
    "[test/routing] no route takes the alert 'DataDriftDetected' of the model 'churn' (severity 'warning'): " +
      "add a route for it, or Receiver.none() to leave it to Alertmanager's own configuration",
  );
  const fine = route({
    routes: [{ receivers: [pagerDuty], severities: [CRITICAL] }, { receivers: [Receiver.none()] }],
  });
  watch(fine.chart, fine.routing);
  expect(specOf(fine.chart).route.routes).toHaveLength(2);
});

test('a route for an alert that does not exist, and one for an alert that others may have', () => {
  const routes = (alert: string): AlertRoutingProps['routes'] => [
    { receivers: [pagerDuty], alerts: [alert] },
    { receivers: [slack] },
  ];
  const rule = AlertRule.threshold({
    ...{ alert: 'RevenueFalling', severity: WARNING, summary: 'less', description: 'look' },
    ...{ metric: METRICS.predictions.name, comparison: AlertComparison.BELOW, threshold: 1 },
  });
  const typo = route({ routes: routes('RevenueFaling') });
  watch(typo.chart, typo.routing, [rule]);
  expect(() => rendered(typo.chart)).toThrow(
    "a route is for the alert 'RevenueFaling', which does not exist; did you mean 'RevenueFalling'?",
  );
  // A default alert that this model has no objective for, and one of rules outside the app.
  for (const name of ['ModelRecallDegraded', 'KubePodCrashLooping', 'RevenueFalling']) {
    const { chart, routing } = route({ routes: routes(name) });
    watch(chart, routing, [rule]);
    expect(specOf(chart).route.routes[0].matchers[0].value).toBe(name);
  }
});

test('a label that comes from the metric may lead to a route', () => {
  const { chart, routing } = route({
    routes: [
      { receivers: [pagerDuty], labels: { version: 'v1' } },
      { receivers: [slack], severities: [CRITICAL] },
    ],
  });
  watch(chart, routing);
  expect(specOf(chart).route.routes).toHaveLength(2);
});
