import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { METRICS, PUSH_GROUPING_LABELS, PUSH_JOBS } from 'cdk8s-mlops/contract';
import { CACHE } from '../support/cache';
import { find, newChart, newPlatform, rendered, type Rendered } from '../support/synth';
import { freePort, Server } from './server';

/*
 * The real servers, started with the command lines and environments that the platform renders. Only the port and the
 * mount points of the volumes are replaced, and MLflow binds to the loopback address.
 */

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-platform-'));
const chart = newChart();
newPlatform(chart);
const objects = rendered(chart);
const servers: Server[] = [];

afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

const podOf = (name: string): Rendered => find(objects, 'Deployment', name).spec.template.spec;
const environment = (container: Rendered, mounts: (text: string) => string): Record<string, string> =>
  Object.fromEntries(container.env.map(({ name, value }: Rendered) => [name, mounts(value)]));

/** The status of a GET with a Host header, which fetch does not let one set. */
function status(port: number, path: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, headers: { Host: host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on('error', reject);
    call.end();
  });
}

describe('MLflow as it is rendered', () => {
  const pod = podOf('mlflow');
  const { initContainers } = pod;
  const [server] = pod.containers;
  const data = join(directory, 'mlflow');
  const mounts = (text: string): string =>
    text.replaceAll('/mlflow', data).replaceAll('/tmp/metrics', `${data}-metrics`);
  const mlflow = join(CACHE, 'mlflow-3.15.2/bin/mlflow');
  const env: Record<string, string> = { ...environment(server, mounts), HOME: directory };
  let port: number;

  beforeAll(async () => {
    execFileSync('mkdir', ['-p', data]);
    const migrate = initContainers[0].command
      .slice(1)
      .map((argument: string) =>
        argument.replace('$(MLFLOW_BACKEND_STORE_URI)', env['MLFLOW_BACKEND_STORE_URI'] ?? ''),
      );
    execFileSync(mlflow, migrate, { env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' });
    port = await freePort();
    const args = server.command.slice(1).map((argument: string, index: number, all: string[]) => {
      if (all[index - 1] === '--port') return String(port);
      if (all[index - 1] === '--host') return '127.0.0.1';
      return all[index - 1] === '--allowed-hosts' ? argument : mounts(argument);
    });
    const ready = `http://127.0.0.1:${port}${server.readinessProbe.httpGet.path}`;
    servers.push(await Server.start(mlflow, args, env, ready));
  });

  test.each([
    'mlflow:5000',
    'mlflow.ml:5000',
    'mlflow.ml.svc:5000',
    'mlflow.ml.svc.cluster.local:5000',
    'mlflow.ml.svc',
    'localhost:8080',
    '127.0.0.1:5000',
  ])('answers callers that know it as %s', async (host) => {
    expect(await status(port, '/api/2.0/mlflow/experiments/get?experiment_id=0', host)).toBe(200);
  });

  test('refuses names that it does not have', async () => {
    for (const host of ['evil.example', 'mlflow.other.svc:5000']) {
      expect(await status(port, '/api/2.0/mlflow/experiments/get?experiment_id=0', host)).toBe(403);
    }
  });

  test.each(['10.1.2.3:5000', '172.20.1.2:5000', '192.168.7.1:5000'])(
    'lets Prometheus scrape the pod by its address %s',
    async (host) => expect(await status(port, '/metrics', host)).toBe(200),
  );

  test('registers a model and moves its alias', async () => {
    const post = async (path: string, body: object): Promise<Rendered> => {
      const response = await fetch(`http://127.0.0.1:${port}/api/2.0/mlflow/${path}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(200);
      return response.json();
    };
    await post('registered-models/create', { name: 'churn' });
    const { model_version } = await post('model-versions/create', {
      name: 'churn',
      source: 's3://acme-models/churn/1',
    });
    await post('registered-models/alias', { name: 'churn', alias: 'champion', version: model_version.version });
    const url = `http://127.0.0.1:${port}/api/2.0/mlflow/registered-models/alias?name=churn&alias=champion`;
    expect(await (await fetch(url)).json()).toMatchObject({ model_version: { version: '1' } });
  });
});

describe('Pushgateway as it is rendered', () => {
  const [container] = podOf('pushgateway').containers;
  const data = join(directory, 'pushgateway');
  const group = PUSH_GROUPING_LABELS.slice(1).map(
    (label) => `${label}/${{ namespace: 'ml', model: 'churn' }[label as 'model']}`,
  );

  async function start(): Promise<{ server: Server; url: string }> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const args = container.args.map((argument: string) => argument.replace('/data', data));
    const ready = `${url}${container.readinessProbe.httpGet.path}`;
    const server = await Server.start(
      'prometheus-pushgateway',
      [...args, `--web.listen-address=127.0.0.1:${port}`],
      {},
      ready,
    );
    servers.push(server);
    return { server, url };
  }

  test('keeps what was pushed, under the labels of the job, over a restart of the container', async () => {
    execFileSync('mkdir', ['-p', data]);
    const { name, type } = METRICS.dataDriftScore;
    const { server, url } = await start();
    const pushed = await fetch(`${url}/metrics/job/${PUSH_JOBS.driftChecker}/${group.join('/')}`, {
      method: 'PUT',
      body: `# TYPE ${name} ${type}\n${name}{version="3"} 0.21\n`,
    });
    expect(pushed.status).toBe(200);
    await server.stop();
    const again = await start();
    const metrics = await (await fetch(`${again.url}/metrics`)).text();
    expect(metrics).toContain(`${name}{instance="",job="drift-checker",model="churn",namespace="ml",version="3"} 0.21`);
    expect((await fetch(`${again.url}${container.livenessProbe.httpGet.path}`)).status).toBe(200);
  });
});
