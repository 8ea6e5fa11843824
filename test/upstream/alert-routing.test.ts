import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration } from 'cdk8s';
import { AlertRouting, AlertSeverity, Receiver, SecretReference } from 'cdk8s-mlops';
import { freePort, Server } from '../integration/server';
import { newChart, newPlatform, rendered, type Rendered } from '../support/synth';
import { binary } from './judges';
import { type HttpNotification, httpSink, type Mail, mailSink, type Sink } from './notification-sinks';

/*
 * A real Alertmanager with the configuration that the operator's own code builds from the rendered AlertmanagerConfig. It delivers
 * to receivers on this machine.
 */

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-routing-'));
const RUNBOOK = 'https://runbooks.example/alerts';
let http: Sink<HttpNotification>;
let mail: Sink<Mail>;
let alertmanager: Server;
let url: string;

function objects(): Rendered[] {
  const chart = newChart();
  const secret = (key: string): SecretReference => SecretReference.of('receivers', key);
  const pagerDuty = Receiver.pagerDuty({ routingKey: secret('pagerduty'), url: 'http://pagerduty.ml.svc/v2/enqueue' });
  const slack = Receiver.slack({ apiUrl: secret('slack'), channel: '#ml-alerts' });
  const email = Receiver.email({
    to: ['data@example.com', 'science@example.com'],
    from: 'alertmanager@example.com',
    smarthost: `localhost:${mail.port}`,
    requireTls: false,
  });
  const webhook = Receiver.webhook({ url: 'http://hook.ml.svc/alerts', token: secret('token') });
  const quiet = Receiver.webhook({ name: 'quiet', urlSecret: secret('quiet'), sendResolved: false });
  new AlertRouting(chart, 'routing', {
    platform: newPlatform(chart),
    groupWait: Duration.seconds(1),
    groupInterval: Duration.seconds(1),
    routes: [
      { receivers: [quiet], alerts: ['DataDriftDetected'], continues: true },
      { receivers: [webhook], labels: { topic: 'capture' } },
      { receivers: [pagerDuty, slack], severities: [AlertSeverity.CRITICAL] },
      { receivers: [email], severities: [AlertSeverity.WARNING] },
    ],
  });
  const local = `http://127.0.0.1:${http.port}`;
  const receivers = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'receivers', namespace: 'ml' },
    stringData: {
      pagerduty: 'key-of-the-service',
      slack: `${local}/slack`,
      token: 'the-token',
      quiet: `${local}/quiet`,
    },
  };
  return [...rendered(chart), receivers];
}

function built(input: readonly Rendered[]): { status: number | null; stdout: string; stderr: string } {
  const options = { input: JSON.stringify(input), encoding: 'utf8' } as const;
  return spawnSync(binary('prometheus-operator'), ['-build', '0.25.0'], options);
}

beforeAll(async () => {
  [http, mail] = await Promise.all([httpSink(), mailSink()]);
  const { status, stdout, stderr } = built(objects());
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  // Services of a cluster do not resolve here.
  const path = join(directory, 'alertmanager.yml');
  writeFileSync(path, stdout.replaceAll(/http:\/\/\w+\.ml\.svc/g, `http://127.0.0.1:${http.port}`));
  url = `http://127.0.0.1:${await freePort()}`;
  const listen = [`--web.listen-address=${new URL(url).host}`, '--cluster.listen-address='];
  const args = [`--config.file=${path}`, `--storage.path=${directory}`, ...listen];
  alertmanager = await Server.start('prometheus-alertmanager', args, {}, `${url}/-/ready`);
});

afterAll(async () => {
  await alertmanager?.stop();
  await Promise.all([http.close(), mail.close()]);
  rmSync(directory, { recursive: true });
});

interface Fired {
  readonly alert: string;
  readonly model: string;
  readonly severity?: AlertSeverity;
  readonly labels?: Readonly<Record<string, string>>;
  readonly over?: boolean;
}

/** Sends alerts as Prometheus does. */
async function send(...alerts: Fired[]): Promise<void> {
  const body = alerts.map(({ alert, model, severity = AlertSeverity.WARNING, labels, over }) => ({
    labels: { alertname: alert, part_of: 'cdk8s-mlops', model, namespace: 'ml', severity, ...labels },
    annotations: {
      summary: `${model}: p95 < 1 & "more"`,
      description: 'Look at the load.',
      value: '0.25',
      runbook_url: `${RUNBOOK}/${alert}`,
    },
    // Alertmanager waits for others of the group only from the start of the alert on.
    startsAt: new Date(Date.now() - (over ? 1000 : 0)).toISOString(),
    ...(over ? { endsAt: new Date().toISOString() } : {}),
  }));
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(`${url}/api/v2/alerts`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status).toBe(200);
}

async function until<T>(look: () => T | undefined): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`nothing came; there are ${JSON.stringify([http.got, mail.got])}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const about = (model: string, path?: string): HttpNotification[] =>
  http.got.filter((each) => JSON.stringify(each.body).includes(model) && (path === undefined || each.path === path));
const mailsAbout = (model: string): Mail[] => mail.got.filter(({ text }) => text.includes(model));

test('a critical alert reaches PagerDuty and Slack, and so does its end', async () => {
  const alert = {
    alert: 'ModelLatencyHigh',
    model: 'alpha',
    severity: AlertSeverity.CRITICAL,
    labels: { version: 'v3' },
  };
  await send(alert);
  const page = await until(() => about('alpha', '/v2/enqueue')[0]);
  expect(page.body).toMatchObject({
    routing_key: 'key-of-the-service',
    event_action: 'trigger',
    payload: {
      summary: '[CRITICAL] ModelLatencyHigh: ml/alpha',
      severity: 'critical',
      class: 'ModelLatencyHigh',
      component: 'alpha',
      group: 'ml',
      custom_details: {
        summary: 'alpha: p95 < 1 & "more"',
        description: 'Look at the load.',
        model: 'ml/alpha',
        version: 'v3',
        value: '0.25',
        runbook: `${RUNBOOK}/ModelLatencyHigh`,
      },
    },
  });
  const post = await until(() => about('alpha', '/slack')[0]);
  expect(post.body).toMatchObject({
    channel: '#ml-alerts',
    attachments: [
      {
        title: '[CRITICAL] ModelLatencyHigh: ml/alpha',
        fallback: '[CRITICAL] ModelLatencyHigh: ml/alpha',
        color: 'danger',
        mrkdwn_in: ['text'],
        fields: [
          { title: 'Model', value: 'alpha', short: true },
          { title: 'Namespace', value: 'ml', short: true },
        ],
      },
    ],
  });
  expect(post.body.attachments[0].text).toMatch(
    new RegExp(
      '^\\*alpha: p95 &lt; 1 &amp; "more"\\*\nLook at the load\\.\n' +
        `version v3 · value 0\\.25 · since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC · <${RUNBOOK}/ModelLatencyHigh\\|Runbook>\\s*$`,
    ),
  );

  await send({ ...alert, over: true });
  const resolved = await until(() => about('alpha', '/v2/enqueue').find(({ body }) => body.event_action === 'resolve'));
  expect(resolved.body).toMatchObject({ dedup_key: page.body.dedup_key });
  const good = await until(() => about('alpha', '/slack')[1]);
  expect(good.body.attachments[0]).toMatchObject({ title: '[RESOLVED] ModelLatencyHigh: ml/alpha', color: 'good' });
  expect(good.body.attachments[0].text).toContain('resolved ');
  expect(mailsAbout('alpha')).toEqual([]);
});

test('a warning reaches the mailboxes, and what is told of its end is what asks for it', async () => {
  await send({ alert: 'DataDriftDetected', model: 'beta', labels: { version: 'v7' } });
  const { from, to, text } = await until(() => mailsAbout('beta')[0]);
  expect({ from, to }).toEqual({ from: 'alertmanager@example.com', to: ['data@example.com', 'science@example.com'] });
  expect(text).toContain('Subject: [WARNING] DataDriftDetected: ml/beta');
  expect(text).toContain('beta: p95 < 1 & "more"\nLook at the load.\nversion v7 · value 0.25 · since ');
  expect(text).toContain(
    '<p><strong>beta: p95 &lt; 1 &amp; &#34;more&#34;</strong><br>Look at the load.<br>version v7',
  );
  expect(text).toContain(`<a href="${RUNBOOK}/DataDriftDetected">Runbook</a>`);
  // The route before says that others are tried too.
  await until(() => about('beta', '/quiet')[0]);
  await send({ alert: 'DataDriftDetected', model: 'beta', labels: { version: 'v7' }, over: true });
  const second = await until(() => mailsAbout('beta')[1]);
  expect(second.text).toContain('Subject: [RESOLVED] DataDriftDetected: ml/beta');
  expect(about('beta').map(({ path }) => path)).toEqual(['/quiet']);
});

test('one alert of several versions of a model is one message, of two models two', async () => {
  const labels = (version: string): Record<string, string> => ({ topic: 'capture', version });
  await send(
    { alert: 'CaptureShedding', model: 'gamma', labels: labels('v1') },
    { alert: 'CaptureShedding', model: 'gamma', labels: labels('v2') },
    { alert: 'CaptureShedding', model: 'delta', labels: labels('v1') },
  );
  const one = await until(() => about('gamma')[0]);
  await until(() => about('delta')[0]);
  expect(one.path).toBe('/alerts');
  expect(one.headers.authorization).toBe('Bearer the-token');
  expect(one.body).toMatchObject({
    status: 'firing',
    receiver: 'ml/model-alerts/webhook',
    groupLabels: { alertname: 'CaptureShedding', model: 'gamma' },
  });
  expect(one.body.alerts.map(({ labels: { version } }: Rendered) => version).sort()).toEqual(['v1', 'v2']);
  expect([...about('gamma'), ...about('delta')]).toHaveLength(2);
  expect([...mailsAbout('gamma'), ...mailsAbout('delta')]).toEqual([]);
});

test('what repeats another alert, or means nothing while it fires, is held back', async () => {
  const labels = { topic: 'errors', version: 'v1' };
  await send(
    { alert: 'ErrorsMany', model: 'epsilon', labels, severity: AlertSeverity.CRITICAL },
    { alert: 'ErrorsSome', model: 'epsilon', labels },
    { alert: 'ErrorsSome', model: 'epsilon', labels: { ...labels, version: 'v2' } },
    { alert: 'Untold', model: 'epsilon', labels: { version: 'v1' } },
    { alert: 'DriftCheckSilent', model: 'zeta' },
    { alert: 'DataDriftDetected', model: 'zeta', labels: { version: 'v1' } },
    { alert: 'DataDriftDetected', model: 'eta', labels: { version: 'v1' } },
  );
  await until(() => about('epsilon', '/slack')[0]);
  await until(() => (mailsAbout('epsilon').length >= 2 && mailsAbout('zeta').length >= 1 ? true : undefined));
  await until(() => about('eta', '/quiet').find(({ body }) => body.groupLabels.model === 'eta'));
  const subjects = (model: string): string[] =>
    mailsAbout(model)
      .map(({ text }) => /Subject: (.*)/.exec(text)?.[1] ?? '')
      .sort();
  // What is not held back would be here after another interval.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  // Another version, and an alert of no topic, say something of their own.
  expect(subjects('epsilon')).toEqual(['[WARNING] ErrorsSome: ml/epsilon', '[WARNING] Untold: ml/epsilon']);
  expect(mailsAbout('epsilon').find(({ text }) => text.includes('ErrorsSome'))?.text).toContain('version v2');
  expect(mailsAbout('epsilon').find(({ text }) => text.includes('ErrorsSome'))?.text).not.toContain('version v1');
  expect(subjects('ml/zeta')).toEqual(['[WARNING] DriftCheckSilent: ml/zeta']);
  expect(about('zeta', '/quiet').filter(({ body }) => body.groupLabels.model === 'zeta')).toEqual([]);
});

test('alerts of other namespaces, and of rules that are not of this library, are left to others', async () => {
  await send(
    { alert: 'Elsewhere', model: 'theta', labels: { namespace: 'other' } },
    { alert: 'Others', model: 'theta', labels: { part_of: '' } },
    { alert: 'Here', model: 'theta' },
  );
  const { text } = await until(() => mailsAbout('theta')[0]);
  expect(text).toContain('Here: ml/theta');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(mailsAbout('theta')).toHaveLength(1);
  expect(about('theta')).toEqual([]);
});

test('an alert of the platform, which has no model, is told as well', async () => {
  await send({ alert: 'GpuIdle', model: '', labels: { pod: 'iota-train', feature: 'iota' } });
  const { text } = await until(() => mailsAbout('iota')[0]);
  expect(text).toContain('Subject: [WARNING] GpuIdle: ml\r\n'.trimEnd());
  expect(text).not.toContain('GpuIdle: ml/');
});

test('while a secret is missing the operator takes none of the routes', () => {
  const { status, stderr } = built(objects().filter(({ kind }) => kind !== 'Secret'));
  expect(status).toBe(2);
  expect(stderr).toMatch(/secrets "receivers" not found/);
});
