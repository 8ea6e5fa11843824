import { ApiObject, Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  type AlertmanagerTriggerOptions,
  AlertRule,
  AlertSeverity,
  EventBus,
  type JetStreamEventBusOptions,
  Monitoring,
  RetrainTrigger,
  SecretReference,
  StorageInitializer,
  TrainingEngine,
} from 'cdk8s-mlops';
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
import { platformOf, synthesize, TOKEN, watch } from './retrain-support';

const alertmanager = (options: AlertmanagerTriggerOptions): RetrainTrigger => RetrainTrigger.alertmanager(options);
const rule = (alert: string, retrains = true): AlertRule =>
  AlertRule.promql({
    ...{ alert, retrains, expr: 'up == 0', severity: AlertSeverity.WARNING, summary: 's', description: 'd' },
  });
const rulesOf = (objects: Rendered[]): Rendered[] =>
  find(objects, 'PrometheusRule', 'churn-drift-check').spec.groups[0].rules;
const sensorOf = (objects: Rendered[]): Rendered => find(objects, 'Sensor', 'churn-retrain').spec;
const sourceOf = (objects: Rendered[]): Rendered => find(objects, 'EventSource', 'retraining').spec;
const busOf = (objects: Rendered[]): Rendered => find(objects, 'EventBus', 'default').spec.jetstream;
const routeOf = (objects: Rendered[]): Rendered => find(objects, 'AlertmanagerConfig', 'retraining').spec;
const policyOf = (objects: Rendered[], name: string): Rendered => find(objects, 'NetworkPolicy', name).spec;

const POD = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } };
const CONTAINER = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
};

describe('by default', () => {
  test('and by RetrainTrigger.direct() the check starts the training, and nothing of Argo Events is rendered', () => {
    const objects = synthesize({ retrainTrigger: undefined });
    expect(synthesize({ retrainTrigger: RetrainTrigger.direct() })).toEqual(objects);
    const kinds = new Set(objects.map(({ kind }) => kind));
    for (const kind of ['EventBus', 'EventSource', 'Sensor', 'AlertmanagerConfig']) expect(kinds).not.toContain(kind);
    expect(identities(objects)).toContain('Role churn-drift-check');
    expect(rulesOf(objects).map(({ alert }) => alert)).not.toContain('RetrainingNeeded');
    expect(find(objects, 'ConfigMap', 'churn-drift-check').data['drift-check.yaml']).not.toContain('trigger');
  });
});

describe('by alert', () => {
  test('everything on the way is rendered', () => {
    expect(identities(synthesize()).filter((each) => /retrain|eventbus|EventBus/.test(each))).toEqual([
      ...['NetworkPolicy eventbus', 'ServiceAccount eventbus', 'EventBus default'],
      ...['ServiceAccount retraining', 'NetworkPolicy retraining', 'EventSource retraining'],
      'AlertmanagerConfig retraining',
      ...['ServiceAccount churn-retrain', 'Role churn-retrain', 'RoleBinding churn-retrain'],
      ...['NetworkPolicy churn-retrain', 'Sensor churn-retrain'],
    ]);
  });

  test('the Sensor is the default child of its construct, and the check that of the alerting', () => {
    const chart = newChart();
    const drift = watch(chart, platformOf(chart));
    expect(ApiObject.of(drift).kind).toBe('CronJob');
    expect(ApiObject.of(drift.node.findChild('RetrainSensor')).kind).toBe('Sensor');
  });

  test('the check may do nothing in the cluster, and is told so', () => {
    const objects = synthesize({ minPredictions: 5000 });
    expect(identities(objects).filter((each) => /^Role(Binding)? churn-drift-check/.test(each))).toEqual([]);
    expect(find(objects, 'ServiceAccount', 'churn-drift-check').automountServiceAccountToken).toBe(false);
    const pod = find(objects, 'CronJob', 'churn-drift-check').spec.jobTemplate.spec.template.spec;
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(parse(find(objects, 'ConfigMap', 'churn-drift-check').data['drift-check.yaml']).retrain).toEqual({
      ...{ engine: 'argo', name: 'churn-training', loop: 'churn-loop' },
      ...{ minPredictions: 5000, trigger: 'alertmanager' },
    });
  });

  test('what the check decided is the alert, and no other default alert asks for a training', () => {
    const rules = rulesOf(synthesize({ rules: [rule('Mine'), rule('Quiet', false)] }));
    expect(rules.filter(({ labels }) => 'action' in labels).map(({ alert }) => alert)).toEqual([
      'RetrainingNeeded',
      'Mine',
    ]);
    const needed = rules.find(({ alert }) => alert === 'RetrainingNeeded');
    expect(needed.expr).toBe(
      'max by (model, namespace, version) (ml_retrain_needed{model="churn", namespace="ml"}) > 0 and on (model, namespace) ' +
        '(time() - max by (model, namespace) (ml_drift_check_last_success_timestamp_seconds{model="churn", namespace="ml"}) <= 10800)',
    );
    expect(needed.for).toBe('0s');
    expect(needed.labels).toMatchObject({ action: 'retrain', severity: 'warning', model: 'churn', namespace: 'ml' });
    // A critical alert of its topic would silence it.
    expect(needed.labels).not.toHaveProperty('topic');
  });

  test('performance without drift is for a person, unless asked otherwise: the check decides', () => {
    const onDegraded = (retrainsOnDegradedPerformance: boolean): string =>
      parse(
        find(synthesize({ retrainsOnDegradedPerformance }), 'ConfigMap', 'churn-drift-check').data['drift-check.yaml'],
      ).performance.onDegraded;
    expect(onDegraded(false)).toBe('review');
    expect(onDegraded(true)).toBe('retrain');
  });
});

describe('Alertmanager', () => {
  test('sends these alerts and no others, with the token, to the Service of the EventSource', () => {
    const { route, receivers } = routeOf(synthesize());
    expect(route).toEqual({
      receiver: 'retraining',
      matchers: [
        { name: 'namespace', matchType: '=', value: 'ml' },
        { name: 'action', matchType: '=', value: 'retrain' },
        { name: 'model', matchType: '=~', value: '.+' },
      ],
      groupBy: ['alertname', 'model'],
      ...{ groupWait: '30s', groupInterval: '30m', repeatInterval: '86400s' },
    });
    const authorization = { type: 'Bearer', credentials: { name: 'retraining-token', key: 'token' } };
    const url = 'http://retraining-eventsource-svc.ml.svc:12000/alerts';
    expect(receivers).toEqual([
      { name: 'retraining', webhookConfigs: [{ url, sendResolved: false, httpConfig: { authorization } }] },
    ]);
  });

  test('is silent about a model whose check is', () => {
    expect(routeOf(synthesize()).inhibitRules).toEqual([
      {
        sourceMatch: [
          { name: 'alertname', matchType: '=', value: 'DriftCheckSilent' },
          { name: 'model', matchType: '=~', value: '.+' },
        ],
        targetMatch: [
          { name: 'alertname', matchType: '=', value: 'RetrainingNeeded' },
          { name: 'model', matchType: '=~', value: '.+' },
        ],
        equal: ['namespace', 'model'],
      },
    ]);
  });

  test('repeats itself as often as asked', () => {
    const repeatInterval = Duration.days(2);
    const objects = synthesize({ retrainTrigger: alertmanager({ token: TOKEN, repeatInterval }) });
    expect(routeOf(objects).route.repeatInterval).toBe('172800s');
  });
});

describe('the EventSource', () => {
  test('takes alerts with the token on a Service', () => {
    expect(sourceOf(synthesize())).toMatchObject({
      eventBusName: 'default',
      service: { ports: [{ name: 'http', port: 12000, targetPort: 12000 }] },
      webhook: {
        alerts: {
          ...{ port: '12000', endpoint: '/alerts', method: 'POST' },
          authSecret: { name: 'retraining-token', key: 'token' },
        },
      },
    });
  });

  test('runs without a token of the API, without root', () => {
    const objects = synthesize();
    const { serviceAccountName, securityContext, container } = sourceOf(objects).template;
    expect(find(objects, 'ServiceAccount', serviceAccountName).automountServiceAccountToken).toBe(false);
    expect(securityContext).toMatchObject(POD);
    expect(container.securityContext).toEqual(CONTAINER);
    expect(container.resources).toEqual({ requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } });
  });
});

describe('the Sensor', () => {
  test('listens to the alerts of its model, and compares whole values', () => {
    const { dependencies, eventBusName } = sensorOf(synthesize({ rules: [rule('Mine'), rule('Quiet', false)] }));
    expect(eventBusName).toBe('default');
    const data = (path: string, ...value: string[]): object => ({ path: `body.${path}`, type: 'string', value });
    expect(dependencies).toEqual([
      {
        ...{ name: 'alert', eventSourceName: 'retraining', eventName: 'alerts' },
        filters: {
          data: [
            data('status', '^firing$'),
            data('commonLabels.action', '^retrain$'),
            data('commonLabels.namespace', '^ml$'),
            data('commonLabels.model', '^churn$'),
            data('commonLabels.alertname', '^RetrainingNeeded$', '^Mine$'),
          ],
        },
      },
    ]);
  });

  test('creates the Workflow of the training by reference, at least once', () => {
    const [trigger, ...others] = sensorOf(synthesize()).triggers;
    expect(others).toEqual([]);
    expect(trigger.atLeastOnce).toBe(true);
    expect(trigger.retryStrategy).toEqual({ steps: 6, duration: '10s', factor: 3, jitter: 0.1 });
    expect(trigger.template.k8s.operation).toBe('create');
    expect(trigger.template.k8s.source.resource).toEqual({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Workflow',
      metadata: { name: 'churn-training-alert', labels: { 'cdk8s-mlops.dev/model': 'churn' } },
      spec: {
        workflowTemplateRef: { name: 'churn-training' },
        arguments: { parameters: [{ name: 'reason', value: 'alert' }] },
      },
    });
  });

  test('falls back to nothing where an event cannot be read', () => {
    const { parameters } = sensorOf(synthesize()).triggers[0].template.k8s;
    expect(parameters.map(({ dest, operation }: Rendered) => [dest, operation])).toEqual([
      ['metadata.name', 'append'],
      ['metadata.name', 'append'],
      ['spec.arguments.parameters.0.value', 'append'],
    ]);
    for (const { src } of parameters) expect(src).not.toHaveProperty('value');
  });

  test('may create Workflows and nothing else', () => {
    const objects = synthesize();
    const { serviceAccountName, securityContext, container } = sensorOf(objects).template;
    expect(serviceAccountName).toBe('churn-retrain');
    expect(find(objects, 'Role', 'churn-retrain').rules).toEqual([
      { apiGroups: ['argoproj.io'], resources: ['workflows'], verbs: ['create'] },
    ]);
    const { roleRef, subjects } = find(objects, 'RoleBinding', 'churn-retrain');
    expect(roleRef.name).toBe('churn-retrain');
    expect(subjects).toEqual([{ kind: 'ServiceAccount', name: 'churn-retrain', namespace: 'ml' }]);
    expect(find(objects, 'ServiceAccount', 'churn-retrain').automountServiceAccountToken).toBeUndefined();
    expect(securityContext).toMatchObject(POD);
    expect(container.securityContext).toEqual(CONTAINER);
  });

  test('names runs within the limit of a label, whatever the model is called', () => {
    const name = (model: string): string => {
      const chart = newChart();
      watch(chart, platformOf(chart), {}, { model: newModel({ name: model }) });
      const { spec } = find(rendered(chart), 'Sensor', `${model}-retrain`);
      return spec.triggers[0].template.k8s.source.resource.metadata.name;
    };
    const [first, second] = [name(`${'m'.repeat(37)}a`), name(`${'m'.repeat(37)}b`)];
    for (const each of [first, second]) expect(`${each}-2026-11-21-1a2b3c4d`).toHaveLength(63);
    expect(first).not.toBe(second);
  });
});

describe('the bus', () => {
  test('keeps what it has on volumes, and runs without root', () => {
    const objects = synthesize();
    const bus = busOf(objects);
    expect(bus).toMatchObject({ version: '2.10.29', replicas: 3, persistence: { volumeSize: '1Gi' } });
    expect(bus.persistence).toEqual({ volumeSize: '1Gi' });
    expect(bus).not.toHaveProperty('streamConfig');
    expect(bus.securityContext).toMatchObject({ ...POD, fsGroup: 1000 });
    for (const each of ['containerTemplate', 'reloaderContainerTemplate', 'metricsContainerTemplate']) {
      expect(bus[each].securityContext).toEqual(CONTAINER);
      expect(bus[each].resources.limits).toHaveProperty('memory');
    }
    expect(find(objects, 'ServiceAccount', bus.serviceAccountName).automountServiceAccountToken).toBe(false);
    const [{ podAffinityTerm }] = bus.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution;
    expect(podAffinityTerm).toEqual({
      labelSelector: { matchLabels: { 'eventbus-name': 'default' } },
      topologyKey: 'kubernetes.io/hostname',
    });
  });

  const busWith = (options: JetStreamEventBusOptions): Rendered =>
    busOf(synthesize({ retrainTrigger: alertmanager({ token: TOKEN, eventBus: EventBus.jetStream(options) }) }));

  test('of one pod keeps one copy', () => {
    const bus = busWith({ replicas: 1 });
    expect(bus.replicas).toBe(1);
    expect(parse(bus.streamConfig)).toEqual({ replicas: 1 });
    expect(bus).not.toHaveProperty('affinity');
  });

  test('is of the version, size and class that are asked for', () => {
    const options = { version: '2.9.16', replicas: 5, volumeSize: '10Gi', storageClassName: 'gp3' };
    const { version, replicas, persistence } = busWith(options);
    expect({ version, replicas, ...persistence }).toEqual(options);
  });

  test('may be one that exists', () => {
    const objects = synthesize({
      retrainTrigger: alertmanager({ token: TOKEN, eventBus: EventBus.existing('events') }),
    });
    expect(identities(objects).filter((each) => /EventBus|ServiceAccount eventbus/.test(each))).toEqual([]);
    expect([sourceOf(objects).eventBusName, sensorOf(objects).eventBusName]).toEqual(['events', 'events']);
    const { podSelector, policyTypes, ingress } = policyOf(objects, 'eventbus');
    expect(podSelector).toEqual({ matchLabels: { 'eventbus-name': 'events' } });
    // What else its pods may do is for whoever runs it to say.
    expect(policyTypes).toEqual(['Ingress']);
    expect(ingress).toHaveLength(1);
    for (const name of ['retraining', 'churn-retrain']) {
      expect(policyOf(objects, name).egress[0].to).toEqual([{ podSelector }]);
    }
  });
});

describe('the network', () => {
  const bus = { podSelector: { matchLabels: { 'eventbus-name': 'default' } } };
  const port = (number: number): object[] => [{ port: number, protocol: 'TCP' }];
  const toBus = { to: [bus], ports: port(4222) };

  test('lets Alertmanager to the EventSource, and that to the bus', () => {
    const chart = newChart();
    const monitoring = Monitoring.kubePrometheusStack({ namespace: 'observability' });
    watch(chart, newPlatform(chart, { monitoring, storageInitializer: StorageInitializer.restricted() }));
    const from = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'observability' } } }];
    expect(policyOf(rendered(chart), 'retraining')).toEqual({
      podSelector: { matchLabels: { 'eventsource-name': 'retraining' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from, ports: port(12000) }],
      egress: [toBus],
    });
  });

  test('lets the Sensor to the bus and the API server', () => {
    const { podSelector, ingress, egress } = policyOf(synthesize(), 'churn-retrain');
    expect(podSelector).toEqual({ matchLabels: { 'sensor-name': 'churn-retrain' } });
    expect(ingress).toEqual([]);
    expect(egress).toEqual([toBus, expect.objectContaining({ ports: [...port(443), ...port(6443)] })]);
  });

  test("lets the bus's users and its pods to the bus", () => {
    const controller = (name: string): object => ({ podSelector: { matchLabels: { controller: name } } });
    expect(policyOf(synthesize(), 'eventbus')).toEqual({
      podSelector: bus.podSelector,
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [controller('eventsource-controller'), controller('sensor-controller')], ports: port(4222) },
        { from: [bus], ports: port(6222) },
      ],
      egress: [{ to: [bus], ports: port(6222) }],
    });
  });
});

test('credentials of a registry reach every pod', () => {
  const objects = synthesize({ retrainTrigger: alertmanager({ token: TOKEN, imagePullSecrets: ['quay', 'hub'] }) });
  const secrets = [{ name: 'quay' }, { name: 'hub' }];
  expect(busOf(objects).imagePullSecrets).toEqual(secrets);
  expect(sourceOf(objects).template.imagePullSecrets).toEqual(secrets);
  expect(sensorOf(objects).template.imagePullSecrets).toEqual(secrets);
  expect(busOf(synthesize())).not.toHaveProperty('imagePullSecrets');
});

describe('models of one namespace', () => {
  const both = (...triggers: readonly RetrainTrigger[]): Rendered[] => {
    const chart = newChart();
    const platform = platformOf(chart);
    triggers.forEach((retrainTrigger, index) => {
      watch(chart, platform, { retrainTrigger }, { model: newModel({ name: `model-${index}` }) });
    });
    return rendered(chart);
  };

  test('share everything but the Sensor', () => {
    const objects = both(
      alertmanager({ token: TOKEN }),
      alertmanager({ token: SecretReference.of('retraining-token', 'token') }),
    );
    const count = (kind: string): number => objects.filter((each) => each.kind === kind).length;
    expect(['EventBus', 'EventSource', 'AlertmanagerConfig', 'Sensor'].map(count)).toEqual([1, 1, 1, 2]);
  });

  test('may be triggered directly beside it', () => {
    expect(identities(both(alertmanager({ token: TOKEN }), RetrainTrigger.direct()))).toContain(
      'Role model-1-drift-check',
    );
  });

  test('have platforms of their own in other namespaces', () => {
    const chart = newChart();
    const trigger = alertmanager({ token: TOKEN });
    watch(chart, platformOf(chart), { retrainTrigger: trigger });
    const other = newChart();
    watch(other, newPlatform(other, { namespace: 'two', storageInitializer: StorageInitializer.restricted() }), {
      retrainTrigger: trigger,
    });
    expect(find(rendered(other), 'EventBus', 'default').metadata.namespace).toBe('two');
    expect(find(rendered(chart), 'EventBus', 'default').metadata.namespace).toBe('ml');
  });

  test.each<[string, AlertmanagerTriggerOptions]>([
    ['bus', { token: TOKEN, eventBus: EventBus.existing('events') }],
    ['bus in size', { token: TOKEN, eventBus: EventBus.jetStream({ replicas: 1 }) }],
    ['token', { token: SecretReference.of('retraining-token', 'other') }],
    ['repetition', { token: TOKEN, repeatInterval: Duration.days(2) }],
    ['registry', { token: TOKEN, imagePullSecrets: ['quay'] }],
  ])('cannot have another %s', (_, options) => {
    expect(problemsOf(() => both(alertmanager({ token: TOKEN }), alertmanager(options)))).toEqual([
      "'retrainTrigger' ('alertmanager') is shared by all models of a namespace, and another model of the namespace 'ml' has one " +
        'with other options: give all its models the same RetrainTrigger',
    ]);
  });

  test('may say the same with another unit of time', () => {
    const [hours, days] = [Duration.hours(24), Duration.days(1)];
    const trigger = (repeatInterval: Duration): RetrainTrigger => alertmanager({ token: TOKEN, repeatInterval });
    expect(() => both(trigger(hours), trigger(days))).not.toThrow();
  });
});

describe('bad input', () => {
  test('without a training to start', () => {
    for (const retrainTrigger of [alertmanager({ token: TOKEN }), RetrainTrigger.direct()]) {
      expect(problemsOf(() => synthesize({ retrainTrigger }, { engine: 'none' }))).toEqual([
        `'retrainTrigger' ('${retrainTrigger.name}') has no effect without 'retrains'`,
      ]);
    }
  });

  test('a training that is no Workflow', () => {
    expect(problemsOf(() => synthesize({}, { engine: TrainingEngine.cronJob() }))).toEqual([
      "'retrainTrigger' ('alertmanager') starts Workflows of Argo, and 'churn-training' is a CronJob: train on " +
        'TrainingEngine.argo(), or use RetrainTrigger.direct()',
    ]);
    const direct = { retrainTrigger: RetrainTrigger.direct() };
    expect(() => synthesize(direct, { engine: TrainingEngine.cronJob() })).not.toThrow();
  });

  test.each([undefined, RetrainTrigger.direct()])('a rule that nothing hears (%#)', (retrainTrigger) => {
    expect(problemsOf(() => synthesize({ retrainTrigger, rules: [rule('Mine'), rule('Quiet', false)] }))).toEqual([
      "'rules' ('Mine') asks for a training, and nothing hears it: give 'retrainTrigger' RetrainTrigger.alertmanager({ … }), or " +
        "leave 'retrains' out of the rule",
    ]);
  });

  test('a rule of the name of the alert that starts trainings', () => {
    expect(problemsOf(() => synthesize({ rules: [rule('RetrainingNeeded')] }))).toHaveLength(1);
  });

  test('a trigger with several faults', () => {
    const options = { token: undefined as never, repeatInterval: Duration.hours(23), imagePullSecrets: ['Quay'] };
    expect(problemsOf(() => alertmanager(options))).toEqual([
      "'token' (undefined) must be given: SecretReference.of(name, key)",
      expect.stringMatching(/^'repeatInterval' \('23 hours'\) must be at least/),
      expect.stringMatching(/^'imagePullSecrets' \('Quay'\) must be labels/),
    ]);
  });

  test('repetitions that Alertmanager would forget', () => {
    const repeat = (repeatInterval: Duration): RetrainTrigger => alertmanager({ token: TOKEN, repeatInterval });
    expect(problemsOf(() => repeat(Duration.hours(121)))).toEqual([
      expect.stringContaining('must be at most 120 hours'),
    ]);
    expect(() => [repeat(Duration.hours(120)), repeat(Duration.hours(24))]).not.toThrow();
  });

  test('a bus with several faults', () => {
    const options = { version: 'latest', replicas: 2, volumeSize: '0', storageClassName: 'GP3' };
    expect(problemsOf(() => EventBus.jetStream(options))).toEqual([
      "'version' ('latest') must be a version that is pinned, for example '2.10.29'",
      "'replicas' (2) must be 1, or at least 3: two cannot agree when one is gone",
      "'volumeSize' ('0') must be more than 0",
      expect.stringMatching(/^'storageClassName' \('GP3'\)/),
    ]);
    for (const replicas of [0, -1, 1.5, NaN])
      expect(problemsOf(() => EventBus.jetStream({ replicas }))).toHaveLength(1);
    expect(problemsOf(() => EventBus.existing('Events'))).toEqual([expect.stringMatching(/^'name' \('Events'\)/)]);
  });

  test.each(['retraining', 'eventbus'])('a model that is called as the shared objects are: %s', (name) => {
    const chart = newChart();
    expect(problemsOf(() => watch(chart, platformOf(chart), {}, { model: newModel({ name }) }))).toHaveLength(1);
  });
});
