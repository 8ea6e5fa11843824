import { setTimeout as sleep } from 'node:timers/promises';
import { type KubernetesManifest, ROLLOUT_FIELD_MANAGER } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type KubernetesClient } from '../../common/kubernetes';
import { type Log } from '../../common/log';
import { type Readiness } from './readiness';

/** What a roll-out asks the API server. */
export type ClusterApi = Pick<KubernetesClient, 'get' | 'apply' | 'delete'>;

/** How long a roll-out waits between two looks, and for what nobody can see. */
export interface Pace {
  /** Milliseconds between two looks at a workload. */
  readonly pollMs: number;
  /** Milliseconds until every gateway has taken over a route. */
  readonly drainMs: number;
}

export const DEFAULT_PACE: Pace = { pollMs: 3_000, drainMs: 10_000 };

/** Names of kinds in addresses. */
const PLURALS: Readonly<Record<string, string>> = {
  Deployment: 'deployments',
  HorizontalPodAutoscaler: 'horizontalpodautoscalers',
  HTTPRoute: 'httproutes',
  InferenceService: 'inferenceservices',
  PodDisruptionBudget: 'poddisruptionbudgets',
  PodMonitor: 'podmonitors',
  Revision: 'revisions',
  Rollout: 'rollouts',
  Service: 'services',
  ServiceMonitor: 'servicemonitors',
};

/** How often an object is read again that somebody changed in between. */
const ATTEMPTS = 5;

/** What a manifest is found by. */
export type ObjectName = Pick<KubernetesManifest, 'apiVersion' | 'kind'> & {
  readonly metadata: Pick<KubernetesManifest['metadata'], 'name' | 'namespace'>;
};

/** An object that is there. */
export interface LiveObject {
  readonly metadata: { readonly resourceVersion?: string; readonly deletionTimestamp?: string };
}

/** Objects of a namespace, as a roll-out reads and writes them. */
export class Cluster {
  constructor(
    private readonly api: ClusterApi,
    private readonly log: Log,
    private readonly signal: AbortSignal,
    public readonly pace: Pace = DEFAULT_PACE,
  ) {}

  /** An object; undefined when there is none, or it is about to go. */
  public async find<T>(name: ObjectName): Promise<(T & LiveObject) | undefined> {
    const live = await this.read<T>(name);
    return live?.metadata.deletionTimestamp === undefined ? live : undefined;
  }

  /**
   * An object that was created with the bootstrap manifests.
   *
   * @throws Failure when it is not there
   */
  public async expect<T>(name: ObjectName): Promise<T & LiveObject> {
    const live = await this.find<T>(name);
    if (live) return live;
    throw Failure.configuration(
      `there is no ${title(name)}: it is created once, from the bootstrap manifests; apply them with 'kubectl create --field-manager=${ROLLOUT_FIELD_MANAGER}'`,
    );
  }

  /** Brings an object that exists to what the manifest says; what somebody else changes meanwhile is looked at again. */
  public async update(manifest: KubernetesManifest): Promise<void> {
    await this.write(manifest, () => this.expect(manifest));
  }

  /** The same, of an object that may not exist, or be about to go. */
  public async createOrUpdate(manifest: KubernetesManifest, seconds: number): Promise<void> {
    await this.write(manifest, async () => {
      const going = async (): Promise<Readiness> =>
        (await this.read(manifest))?.metadata.deletionTimestamp === undefined
          ? { state: 'ready' }
          : { state: 'waiting', seen: 'it is being deleted' };
      await this.until(title(manifest), seconds, going);
      return this.find(manifest);
    });
  }

  /** Has Argo Rollouts skip the steps that are left: what it goes on to has been judged before. */
  public async skipSteps({ apiVersion, kind, metadata }: ObjectName): Promise<void> {
    const path = `${pathOf({ apiVersion, kind, metadata })}/status`;
    const object = { apiVersion, kind, metadata, status: { promoteFull: true } };
    await this.api.apply(path, object, { fieldManager: ROLLOUT_FIELD_MANAGER, force: true });
  }

  /** Deletes an object that may not exist. */
  public async remove(name: ObjectName): Promise<void> {
    if (await this.api.delete(pathOf(name))) this.log.info({ object: title(name) }, 'deleted');
  }

  /**
   * Waits until something is there.
   *
   * @throws Failure with what was seen when it failed, or was not there in time
   */
  public async until(what: string, seconds: number, look: () => Promise<Readiness>): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    for (let last = ''; ;) {
      const found = await look();
      if (found.state === 'ready') return;
      if (found.seen !== last) this.log.info({ waitsFor: what }, found.seen);
      last = found.seen;
      if (found.state === 'failed') throw Failure.configuration(`${what} failed: ${found.seen}`);
      if (Date.now() >= deadline)
        throw Failure.configuration(`${what} is not ready after ${seconds} seconds: ${found.seen}`);
      await this.pause(this.pace.pollMs);
    }
  }

  public async pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.signal });
  }

  private async write(manifest: KubernetesManifest, read: () => Promise<LiveObject | undefined>): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const { resourceVersion } = (await read())?.metadata ?? {};
      const metadata = { ...manifest.metadata, ...(resourceVersion !== undefined && { resourceVersion }) };
      const options = { fieldManager: ROLLOUT_FIELD_MANAGER, force: true };
      if (await this.api.apply(pathOf(manifest), { ...manifest, metadata }, options)) {
        this.log.info({ object: title(manifest) }, 'applied');
        return;
      }
      this.log.info({ object: title(manifest), attempt }, 'somebody changed it meanwhile: it is read again');
    }
    throw Failure.unreachable(
      `${title(manifest)} was changed by somebody else each of ${ATTEMPTS} times that it was about to be written: run the command again`,
    );
  }

  private read<T>(name: ObjectName): Promise<(T & LiveObject) | undefined> {
    return this.api.get<T & LiveObject>(pathOf(name));
  }
}

/** How people call an object. */
export const title = ({ kind, metadata: { name, namespace } }: ObjectName): string => `${kind} '${namespace}/${name}'`;

function pathOf({ apiVersion, kind, metadata: { name, namespace } }: ObjectName): string {
  const plural = PLURALS[kind];
  if (plural === undefined) {
    throw Failure.configuration(
      `a roll-out cannot handle the kind '${kind}', expected one of ${Object.keys(PLURALS).join(', ')}`,
    );
  }
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${group}/namespaces/${namespace}/${plural}/${name}`;
}
