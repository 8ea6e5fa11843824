import { KubernetesClient } from '../../apps/common/kubernetes';
import { type ClusterApi } from '../../apps/gate-evaluator/rollout/cluster';
import { type ApiReply, type ApiRequest, KubernetesFront } from '../support/kubernetes-front';
import { ApiServer } from './api-server';
import { Controllers } from './rollout-controllers';
import { type Live, type ObjectAddress, parseAddress, PlainObjects } from './rollout-objects';

/**
 * A cluster for roll-outs: custom resources in the real API server, the kinds that it does not have beside it, and controllers that follow
 * what is written. Whatever would have been an outage is noted.
 */
export class RolloutCluster {
  public static async start(crds: string): Promise<RolloutCluster> {
    const server = await ApiServer.start(crds);
    const cluster = new RolloutCluster(server);
    cluster.front = await KubernetesFront.start((request) => cluster.answer(request));
    return cluster;
  }

  /** Versions whose pods never become ready. */
  public readonly broken = new Set<string>();
  /** What must never be, and was. */
  public readonly outages: string[] = [];
  /** Called before a request is answered. */
  public intercept: (request: ApiRequest) => Promise<void> = () => Promise.resolve();

  private readonly plain = new PlainObjects();
  private readonly controllers: Controllers;
  private front!: KubernetesFront;

  private constructor(private readonly server: ApiServer) {
    this.controllers = new Controllers(server, this.plain, this);
  }

  /** As a pod has it. */
  public client(): KubernetesClient {
    const { env, serviceAccount } = this.front;
    return new KubernetesClient({ env, serviceAccount, patience: { attempts: 2, backoffMs: 1, timeoutMs: 10_000 } });
  }

  /** The same without TLS, which takes longer than all the rest, for thousands of calls. */
  public direct(): ClusterApi {
    const ask = async (method: string, path: string, object?: object): Promise<ApiReply> => {
      const body = object ? JSON.stringify(object) : '';
      const reply = await this.answer({ method, path, body, contentType: 'application/apply-patch+yaml' });
      if (reply.status < 300 || reply.status === 404 || reply.status === 409) return reply;
      throw new Error(`${method} ${path}: ${JSON.stringify(reply.body)}`);
    };
    const bodyOf = <T>({ status, body }: ApiReply): T | undefined => (status < 300 ? (body as T) : undefined);
    return {
      get: async (path) => bodyOf(await ask('GET', path)),
      apply: async (path, object, { fieldManager, force }) =>
        bodyOf(await ask('PATCH', `${path}?fieldManager=${fieldManager}&force=${force}`, object)),
      delete: async (path) => (await ask('DELETE', path)).status === 200,
    };
  }

  /** An object; `undefined` when there is none. */
  public async find(apiVersion: string, plural: string, namespace: string, name: string): Promise<Live | undefined> {
    await this.controllers.quiet();
    const prefix = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const path = `${prefix}/namespaces/${namespace}/${plural}/${name}`;
    const { status, body } = await this.reply({ method: 'GET', path, body: '', contentType: '' });
    return status === 200 ? body : undefined;
  }

  /** Creates an object as `kubectl create` does, and lets its controllers see it. */
  public async create(object: Live): Promise<void> {
    const { namespace, name } = object.metadata;
    const group = String(object.apiVersion).includes('/') ? String(object.apiVersion).split('/')[0]! : '';
    const address = { group, namespace, name, plural: `${String(object.kind).toLowerCase()}s` };
    if (PlainObjects.serves(address)) this.plain.merge(address, object);
    else {
      const { status, body } = await this.server.create(object, 'kubectl-create');
      if (status >= 300) throw new Error(`${object.kind} ${name}: ${body.message}`);
    }
    this.controllers.noticed(address);
  }

  /** Changes an object as somebody else does. */
  public async meddle(path: string, patch: object): Promise<void> {
    const headers = { 'content-type': 'application/merge-patch+json' };
    const answer = await fetch(this.server.address + path, { method: 'PATCH', headers, body: JSON.stringify(patch) });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** Waits until all controllers are done. */
  public quiet(): Promise<void> {
    return this.controllers.quiet();
  }

  public async stop(): Promise<void> {
    await this.controllers.quiet();
    await this.front.stop();
    await this.server.stop();
  }

  private async answer(request: ApiRequest): Promise<ApiReply> {
    await this.intercept(request);
    const address = parseAddress(request.path);
    if (request.method === 'DELETE' && address) await this.checkDeletion(address);
    const reply = await this.reply(request);
    if (request.method === 'GET' || !address || reply.status >= 300) return reply;
    if (address.plural === 'httproutes') this.checkRoute(address, reply.body);
    this.controllers.noticed(address);
    return reply;
  }

  private async reply(request: ApiRequest): Promise<ApiReply> {
    const address = parseAddress(request.path);
    if (address && PlainObjects.serves(address)) return this.plain.answer(request, address);
    const { method, path, body, contentType } = request;
    const headers = { 'content-type': contentType };
    const response = await fetch(this.server.address + path, { method, headers, ...(body && { body }) });
    const text = await response.text();
    const parsed = text.startsWith('{') ? (JSON.parse(text) as object) : { message: text.trim() };
    return { status: response.status, body: parsed };
  }

  /** A route that names a candidate without ready pods is an outage on some gateways. */
  private checkRoute({ namespace }: ObjectAddress, route: Live): void {
    for (const service of new Set(candidatesIn(route))) {
      const address = { group: 'apps', plural: 'deployments', namespace, name: service };
      const { status, spec } = this.plain.get(address) ?? {};
      if (!(status?.availableReplicas >= (spec?.replicas ?? 1)))
        this.outages.push(`${namespace}: a route names ${service}, which is not ready`);
    }
  }

  private async checkDeletion({ namespace, name }: ObjectAddress): Promise<void> {
    const route = await this.find('gateway.networking.k8s.io/v1', 'httproutes', namespace, 'churn-route');
    if (route && candidatesIn(route).some((service) => service.startsWith(name)))
      this.outages.push(`${namespace}: ${name} is deleted while a route names it`);
  }
}

function candidatesIn(route: Live): string[] {
  const names = JSON.stringify(route.spec).matchAll(/"name":"([^"]*-candidate[^"]*)"/g);
  return [...names].map(([, name]) => name!);
}
