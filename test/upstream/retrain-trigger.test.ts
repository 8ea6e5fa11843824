import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AlertRule, AlertSeverity, EventBus, RetrainTrigger } from 'cdk8s-mlops';
import { checkObject } from '../conformance/check-objects';
import { SchemaStore } from '../conformance/schema-store';
import { freePort, Server } from '../integration/server';
import { platformOf, TOKEN, watch } from '../monitoring/retrain-support';
import { find, newChart, newModel, rendered, type Rendered } from '../support/synth';
import { EventSourceWebhook, made, type Triggered, triggered } from './argo-events';
import { binary, judge } from './judges';
import { type HttpNotification, httpSink, type Sink } from './notification-sinks';
import { schemasDirectory } from './schemas';

/*
 * From the alert to the Workflow: a real Alertmanager, configured by the operator's own code, sends alerts with the token to a receiver
 * on this machine; what it gets is what Argo Events' own code filters, names and creates by.
 */

const lowAccuracy = AlertRule.promql({
  ...{ alert: 'AccuracyLow', expr: 'up == 0', severity: AlertSeverity.CRITICAL, summary: 's', description: 'd' },
  retrains: true,
});

function objects(retrainTrigger = RetrainTrigger.alertmanager({ token: TOKEN })): Rendered[] {
  const chart = newChart();
  const platform = platformOf(chart);
  watch(chart, platform, { retrainTrigger, rules: [lowAccuracy] });
  watch(chart, platform, { retrainTrigger }, { model: newModel({ name: 'churn-eu' }) });
  const token = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'retraining-token', namespace: 'ml' },
    stringData: { token: 'the-token' },
  };
  return [...rendered(chart), token];
}

test('the objects are what their definitions say', () => {
  const kinds = ['EventBus', 'EventSource', 'Sensor', 'AlertmanagerConfig'];
  const store = new SchemaStore(schemasDirectory());
  const reports = objects()
    .filter(({ kind }) => kinds.includes(kind))
    .flatMap((object) => checkObject(object, store));
  const sensor = ['Sensor', 'Workflow'];
  expect(reports.map(({ object }) => object.split(' ')[0])).toEqual([
    ...['EventBus', 'EventSource', 'AlertmanagerConfig', ...sensor, ...sensor],
  ]);
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
});

test('the objects are what Argo Events takes them for', () => {
  const verdicts = judge('argo-events', objects());
  expect(verdicts.map(({ object }) => object)).toEqual([
    ...['EventBus ml/default', 'EventSource ml/retraining', 'Sensor ml/churn-retrain', 'Sensor ml/churn-eu-retrain'],
  ]);
  expect(verdicts.flatMap(({ problems }) => problems)).toEqual([]);
});

describe('what the controllers make', () => {
  const bus = EventBus.jetStream({ replicas: 1, volumeSize: '2Gi', storageClassName: 'gp3' });
  const trigger = RetrainTrigger.alertmanager({ token: TOKEN, eventBus: bus, imagePullSecrets: ['registry'] });
  const selects = (selector: Rendered, labels: Rendered): boolean =>
    Object.entries(selector.matchLabels ?? selector).every(([key, value]) => labels[key] === value);
  const workload = (all: Rendered[], prefix: string): Rendered =>
    all.find(({ metadata, spec }) => spec.template && metadata.name.startsWith(prefix));

  test.each([undefined, trigger])('has pods that a restricted namespace takes (%#)', (retrainTrigger) => {
    const rendering = objects(retrainTrigger);
    const pods = made(rendering);
    expect(pods.filter(({ spec }) => spec.template)).toHaveLength(4);
    const verdicts = judge('kubernetes', [find(rendering, 'Namespace', 'ml'), ...pods]);
    expect(verdicts.flatMap(({ problems }) => problems)).toEqual([]);
    const enforced = find(rendering, 'Namespace', 'ml').metadata.labels['pod-security.kubernetes.io/enforce'];
    expect(enforced).toBe('restricted');
  });

  test('runs as the accounts that are rendered, of which only those of Sensors have a token', () => {
    const rendering = objects();
    const accounts = made(rendering).flatMap(({ spec }) => spec.template?.spec.serviceAccountName ?? []);
    expect(accounts.sort()).toEqual(['churn-eu-retrain', 'churn-retrain', 'eventbus', 'retraining']);
    const mounting = accounts.filter(
      (name) => find(rendering, 'ServiceAccount', name).automountServiceAccountToken !== false,
    );
    expect(mounting).toEqual(['churn-eu-retrain', 'churn-retrain']);
  });

  test('is reached where Alertmanager sends to and the policies let it through', () => {
    const rendering = objects();
    const all = made(rendering);
    const service = find(all, 'Service', 'retraining-eventsource-svc');
    const { url } = find(rendering, 'AlertmanagerConfig', 'retraining').spec.receivers[0].webhookConfigs[0];
    expect(url).toBe(`http://${service.metadata.name}.ml.svc:${service.spec.ports[0].port}/alerts`);
    const policies = {
      retraining: 'retraining-eventsource',
      'churn-retrain': 'churn-retrain-sensor',
      eventbus: 'eventbus',
    };
    for (const [name, prefix] of Object.entries(policies)) {
      const { podSelector } = find(rendering, 'NetworkPolicy', name).spec;
      const selected = all.filter(({ spec }) => spec.template && selects(podSelector, spec.template.metadata.labels));
      expect(selected).toEqual([workload(all, prefix)]);
    }
    const { ingress, egress } = find(rendering, 'NetworkPolicy', 'eventbus').spec;
    const lets = (rule: Rendered, prefix: string): boolean =>
      rule.from.some(({ podSelector }: Rendered) =>
        selects(podSelector, workload(all, prefix).spec.template.metadata.labels),
      );
    for (const user of ['retraining-eventsource', 'churn-retrain-sensor', 'churn-eu-retrain-sensor']) {
      expect(lets(ingress[0], user)).toBe(true);
      expect(lets(ingress[1], user)).toBe(false);
    }
    const pods = workload(all, 'eventbus').spec.template;
    const container = pods.spec.containers.find(({ name }: Rendered) => name === 'main');
    const portOf = (name: string): number => container.ports.find((each: Rendered) => each.name === name).containerPort;
    expect(ingress.map(({ ports }: Rendered) => ports[0].port)).toEqual([portOf('client'), portOf('cluster')]);
    // A policy on the way to a Service must not ask for more labels than the Service does.
    const { selector } = find(all, 'Service', 'eventbus-default-js-svc').spec;
    expect(selects(egress[0].to[0].podSelector, selector)).toBe(true);
  });

  test('keeps what it is told on a volume', () => {
    const set = workload(made(objects(trigger)), 'eventbus');
    expect(set.spec.replicas).toBe(1);
    const [{ spec }] = set.spec.volumeClaimTemplates;
    expect(spec).toMatchObject({ storageClassName: 'gp3', resources: { requests: { storage: '2Gi' } } });
  });
});

describe.each<[string, (all: Rendered[]) => void, RegExp]>([
  [
    'a version that the controller does not know',
    (all) => (find(all, 'EventBus', 'default').spec.jetstream.version = '1.0.0'),
    /unsupported version "1\.0\.0"/,
  ],
  [
    'two replicas',
    (all) => (find(all, 'EventBus', 'default').spec.jetstream.replicas = 2),
    /requires 1 replica or >= 3/,
  ],
  [
    'a bus that is not there',
    (all) =>
      all.splice(
        all.findIndex(({ kind }) => kind === 'EventBus'),
        1,
      ),
    /eventbus default not found/,
  ],
  [
    'an unknown field',
    (all) => (find(all, 'EventSource', 'retraining').spec.webhook.alerts.secret = {}),
    /unknown field "secret"/,
  ],
  [
    'a webhook without a path',
    (all) => (find(all, 'EventSource', 'retraining').spec.webhook.alerts.endpoint = ''),
    /endpoint can't be empty/,
  ],
  [
    'a filter without a value',
    (all) => (find(all, 'Sensor', 'churn-retrain').spec.dependencies[0].filters.data[0].value = ['']),
    /value must be not empty/,
  ],
  [
    'a trigger without a name',
    (all) => (find(all, 'Sensor', 'churn-retrain').spec.triggers[0].template.name = ''),
    /must define a name/,
  ],
])('the judge', (name, plant, says) => {
  test(`finds ${name}`, () => {
    const all = objects();
    plant(all);
    expect(
      judge('argo-events', all)
        .flatMap(({ problems }) => problems)
        .join('\n'),
    ).toMatch(says);
  });
});

describe('an alert', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-retraining-'));
  let sink: Sink<HttpNotification>;
  let alertmanager: Server;
  let url: string;

  beforeAll(async () => {
    sink = await httpSink();
    const input = JSON.stringify(objects());
    const { status, stdout, stderr } = spawnSync(binary('prometheus-operator'), ['-build', '0.25.0'], {
      ...{ input, encoding: 'utf8' },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const path = join(directory, 'alertmanager.yml');
    // Services of a cluster do not resolve here, and a day is too long to wait for a repetition.
    const configuration = stdout
      .replaceAll('http://retraining-eventsource-svc.ml.svc:12000', `http://127.0.0.1:${sink.port}`)
      .replace(/(group_wait"?: ?"?)30s/, '$11s')
      .replace(/(group_interval"?: ?"?)30m/, '$11s')
      .replace(/(repeat_interval"?: ?"?)86400s/, '$12s');
    writeFileSync(path, configuration);
    url = `http://127.0.0.1:${await freePort()}`;
    const listen = [`--web.listen-address=${new URL(url).host}`, '--cluster.listen-address='];
    const args = [`--config.file=${path}`, `--storage.path=${directory}`, ...listen];
    alertmanager = await Server.start('prometheus-alertmanager', args, {}, `${url}/-/ready`);
  });

  afterAll(async () => {
    await alertmanager?.stop();
    await sink?.close();
    rmSync(directory, { recursive: true });
  });

  /** Sends alerts as Prometheus does, with the labels that the rendered rules have. */
  async function fire(...alerts: { model: string; alert?: string; version?: string; over?: boolean }[]): Promise<void> {
    const all = objects();
    const body = alerts.map(({ model, alert = 'RetrainingNeeded', version = '3', over }) => {
      const { rules } = find(all, 'PrometheusRule', `${model}-drift-check`).spec.groups[0];
      const { labels } = rules.find((rule: Rendered) => rule.alert === alert);
      return {
        labels: { ...labels, alertname: alert, version },
        startsAt: new Date(Date.now() - 1000).toISOString(),
        ...(over ? { endsAt: new Date().toISOString() } : {}),
      };
    });
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(`${url}/api/v2/alerts`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(response.status).toBe(200);
  }

  const about = (model: string, alert = 'RetrainingNeeded'): HttpNotification[] =>
    sink.got.filter(({ body: { commonLabels } }) => commonLabels.model === model && commonLabels.alertname === alert);

  async function until<T>(look: () => T | undefined): Promise<T> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`nothing came; there are ${JSON.stringify(sink.got)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  test('comes with the token, again while it fires, and not when it is over', async () => {
    // This one asks for nothing, and is sent first.
    await fire({ model: 'churn', alert: 'DataDriftDetected' });
    await fire({ model: 'churn' }, { model: 'churn-eu' }, { model: 'churn', alert: 'AccuracyLow' });
    const first = await until(() => about('churn')[0]);
    expect(first.path).toBe('/alerts');
    expect(first.headers).toMatchObject({ authorization: 'Bearer the-token', 'content-type': 'application/json' });
    expect(first.body).toMatchObject({
      status: 'firing',
      groupLabels: { alertname: 'RetrainingNeeded', model: 'churn' },
    });
    await until(() => about('churn')[1]);
    await until(() => about('churn-eu')[0]);
    await until(() => about('churn', 'AccuracyLow')[0]);

    await fire({ model: 'churn', over: true });
    // Its end is sent to nobody: the other goes on repeating itself meanwhile.
    const [before, others] = [about('churn').length, about('churn-eu').length];
    await until(() => about('churn-eu')[others + 2]);
    expect(about('churn').length).toBeLessThanOrEqual(before + 1);
    expect(new Set(sink.got.map(({ body }) => body.status))).toEqual(new Set(['firing']));
    expect(sink.got.filter(({ body }) => body.commonLabels.action !== 'retrain')).toEqual([]);
  }, 60_000);

  test('is taken by the webhook, at the path and with the method that Alertmanager has', async () => {
    const { path, body } = about('churn')[0]!;
    const webhook = await EventSourceWebhook.start(objects());
    try {
      const post = (where: string, method = 'POST'): Promise<Response> =>
        fetch(webhook.url + where, {
          ...{ method, headers: { Authorization: 'Bearer the-token', 'Content-Type': 'application/json' } },
          ...(method === 'POST' && { body: JSON.stringify(body) }),
        });
      expect((await post(path)).status).toBe(200);
      expect((await post('/other')).status).toBe(404);
      expect((await post(path, 'GET')).status).toBe(400);
      // The token is not among what goes on the bus.
      expect(webhook.events).toEqual([
        { body, header: expect.objectContaining({ Authorization: ['*** Masked Auth Secret ***'] }) },
      ]);
    } finally {
      await webhook.stop();
    }
  });

  describe('once received', () => {
    const created = ({ object }: { object?: Rendered }): string => object?.metadata.name;
    const received = (time: string, body: object): { time: string; body: object } => ({ time, body });

    test('creates the Workflow of its model, once a day for each alert', () => {
      const [drift, again, accuracy] = [
        about('churn')[0]!.body,
        about('churn')[1]!.body,
        about('churn', 'AccuracyLow')[0]!.body,
      ];
      const results = triggered(objects(), [
        received('2026-11-21T08:00:00Z', drift),
        received('2026-11-21T23:59:59Z', again),
        received('2026-11-22T00:00:01Z', again),
        received('2026-11-21T09:00:00Z', accuracy),
      ]).filter(({ sensor }) => sensor === 'churn-retrain');
      expect(results.map(({ passed }) => passed)).toEqual([true, true, true, true]);
      const [first, second, next, other] = results as [Triggered, Triggered, Triggered, Triggered];
      expect(first.object).toMatchObject({
        ...{ apiVersion: 'argoproj.io/v1alpha1', kind: 'Workflow' },
        metadata: { namespace: 'ml', labels: { 'cdk8s-mlops.dev/model': 'churn' } },
        spec: {
          workflowTemplateRef: { name: 'churn-training' },
          arguments: { parameters: [{ name: 'reason', value: 'alert RetrainingNeeded' }] },
        },
      });
      expect(created(first)).toMatch(/^churn-training-alert-2026-11-21-[0-9a-f]{8}$/);
      expect(second.error).toMatch(new RegExp(`"${created(first)}" already exists`));
      expect(created(next)).toBe(created(first).replace('2026-11-21', '2026-11-22'));
      expect(created(other)).toMatch(/^churn-training-alert-2026-11-21-[0-9a-f]{8}$/);
      expect(created(other)).not.toBe(created(first));
      expect(other.object.spec.arguments.parameters[0].value).toBe('alert AccuracyLow');
    });

    test('starts no other model, whose name its own may begin with', () => {
      const bodies = [about('churn')[0]!.body, about('churn-eu')[0]!.body];
      const results = triggered(
        objects(),
        bodies.map((body) => received('2026-11-21T08:00:00Z', body)),
      );
      expect(results.map(({ sensor, passed }) => [sensor, passed])).toEqual([
        ...[
          ['churn-retrain', true],
          ['churn-eu-retrain', false],
        ],
        ...[
          ['churn-retrain', false],
          ['churn-eu-retrain', true],
        ],
      ]);
      expect(created(results[3]!)).toMatch(/^churn-eu-training-alert-/);
    });

    test.each<[string, (body: Rendered) => void]>([
      ['that is over', (body) => (body.status = 'resolved')],
      ['of another namespace', (body) => (body.commonLabels.namespace = 'ml-2')],
      ['that asks for nothing', (body) => delete body.commonLabels.action],
      ['that nobody knows', (body) => (body.commonLabels.alertname = 'RetrainingNeededNot')],
      ['of no model', (body) => delete body.commonLabels.model],
    ])('starts nothing %s', (_, change) => {
      const body = structuredClone(about('churn')[0]!.body);
      change(body);
      const results = triggered(objects(), [received('2026-11-21T08:00:00Z', body)]);
      expect(results.map(({ passed, object }) => ({ passed, object }))).toEqual([{ passed: false }, { passed: false }]);
    });

    test('whose name cannot be put together creates nothing', () => {
      const all = objects();
      const sensor = find(all, 'Sensor', 'churn-retrain').spec;
      sensor.triggers[0].template.k8s.parameters[1].src.dataTemplate = '{{ fail "no" }}';
      const [result] = triggered(all, [received('2026-11-21T08:00:00Z', about('churn')[0]!.body)]);
      expect(result).toMatchObject({ passed: true, error: expect.stringContaining('unable to resolve') });
      expect(result!.object).toBeUndefined();
    });

    test('creates what Argo Workflows takes, under a name that a label can have', () => {
      const all = objects();
      const [{ object } = {}] = triggered(all, [received('2026-11-21T08:00:00Z', about('churn')[0]!.body)]);
      const verdict = (objects: Rendered[]): readonly string[] | undefined =>
        judge('argo-workflows', objects).find((each) => each.object.startsWith('Workflow ml/'))?.problems;
      expect(verdict([...all, object])).toEqual([]);
      expect(verdict([object])?.join()).toMatch(/"churn-training" not found/);
      // The parameter that it sets is one that the template has, which hands it to the admission.
      const template = find(all, 'WorkflowTemplate', 'churn-training').spec;
      expect(template.arguments.parameters.map(({ name }: Rendered) => name)).toContain('reason');
      const admit = template.templates.find(({ name }: Rendered) => name === 'admit').container;
      expect(admit.env).toContainEqual({ name: 'RUN_REASON', value: '{{workflow.parameters.reason}}' });
      expect(object.metadata.name.length).toBeLessThanOrEqual(63);
      expect(checkObject(object, new SchemaStore(schemasDirectory())).flatMap((each) => each.problems)).toEqual([]);
    });
  });
});
