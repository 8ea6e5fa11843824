import { setTimeout as sleep } from 'node:timers/promises';
import { LABELS } from 'cdk8s-mlops/contract';
import { type ApiServer } from './api-server';
import { type Live, type ObjectAddress, PlainObjects, podVersion } from './rollout-objects';

/** Milliseconds that a controller takes to notice something. */
const DELAY_MS = 6;

/** How versions that are no good behave: never ready, or given up by Argo Rollouts. */
export interface Faults {
  readonly broken: Set<string>;
}

/**
 * What would follow what is written in a cluster: KServe in both modes, the controllers of Deployments and of Argo Rollouts, each a moment
 * later, and pods that are ready a moment after that.
 */
export class Controllers {
  private readonly pending = new Set<Promise<void>>();
  private readonly queues = new Map<string, Promise<void>>();

  constructor(
    private readonly server: ApiServer,
    private readonly plain: PlainObjects,
    private readonly faults: Faults,
  ) {}

  /** Something was written. */
  public noticed(address: ObjectAddress): void {
    this.later(address, () => this.reconcile(address));
  }

  /** Waits until everything has been noticed. */
  public async quiet(): Promise<void> {
    while (this.pending.size > 0) await Promise.all(this.pending);
  }

  /** As real controllers do, one object is looked at by one at a time. */
  private later(address: ObjectAddress, look: () => Promise<void> | void): void {
    const key = JSON.stringify(address);
    const before = this.queues.get(key) ?? Promise.resolve();
    const work = Promise.all([before, sleep(DELAY_MS)])
      .then(look)
      .finally(() => this.pending.delete(work));
    this.queues.set(key, work);
    this.pending.add(work);
  }

  private async reconcile(address: ObjectAddress): Promise<void> {
    if (address.plural === 'deployments') return this.deployment(address);
    if (address.plural === 'rollouts') return this.rollout(address);
    if (address.plural === 'inferenceservices') return this.inferenceService(address);
  }

  private deployment(address: ObjectAddress): void {
    const seen = this.plain.get(address);
    if (!seen) return;
    const { generation } = seen.metadata;
    const before = seen.status ?? {};
    this.plain.merge(address, { status: { ...before, observedGeneration: generation, updatedReplicas: 0 } });
    this.later(address, () => {
      const live = this.plain.get(address);
      if (live?.metadata.generation !== generation) return;
      const replicas = live.spec.replicas ?? 1;
      const isBroken = this.faults.broken.has(podVersion(live) ?? '');
      const up = { replicas, updatedReplicas: replicas, availableReplicas: replicas, unavailableReplicas: 0 };
      const stuck = {
        ...{ updatedReplicas: replicas, availableReplicas: 0, unavailableReplicas: replicas, replicas },
        conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
      };
      this.plain.merge(address, { status: isBroken ? stuck : { ...up, conditions: [] } });
    });
  }

  private async rollout(address: ObjectAddress): Promise<void> {
    const { namespace, name } = address;
    const reference = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', metadata: { name, namespace } };
    const { status, body } = await this.server.get(reference);
    if (status !== 200) return;
    const { generation } = body.metadata;
    const observed = { observedGeneration: String(generation) };
    await this.setStatus(reference, { ...observed, phase: 'Progressing', message: 'more replicas need to be updated' });
    this.later(address, async () => {
      const { body: live } = await this.server.get(reference);
      if (live.metadata?.generation !== generation) return;
      const isBroken = this.faults.broken.has(podVersion(live) ?? '');
      const done = { phase: 'Healthy', message: '' };
      const aborted = { phase: 'Degraded', message: 'RolloutAborted: metric "error-rate" assessed Failed' };
      await this.setStatus(reference, { ...observed, ...(isBroken ? aborted : done) });
    });
  }

  private async inferenceService(address: ObjectAddress): Promise<void> {
    const { namespace, name } = address;
    const reference = {
      apiVersion: 'serving.kserve.io/v1beta1',
      kind: 'InferenceService',
      metadata: { name, namespace },
    };
    const { status, body } = await this.server.get(reference);
    const predictor = { namespace, plural: 'deployments', name: `${name}-predictor`, group: 'apps' };
    if (status !== 200) return this.plain.remove(predictor);
    if (body.metadata.annotations?.['serving.kserve.io/deploymentMode'] === 'Knative')
      return this.revisions(address, body);
    const { labels, minReplicas = 1, model } = body.spec.predictor;
    const annotations = { 'internal.serving.kserve.io/storage-initializer-sourceuri': model.storageUri };
    const template = { metadata: { labels, annotations } };
    const before = this.plain.get(predictor)?.metadata.generation;
    const { metadata } = this.plain.merge(predictor, { spec: { replicas: minReplicas, template } });
    if (metadata.generation !== before) this.noticed(predictor);
  }

  /** Knative: a revision for every change of the template, and traffic for the latest one that is ready. */
  private async revisions(address: ObjectAddress, service: Live): Promise<void> {
    const { name, namespace } = address;
    const revisionOf = (revision: string): ObjectAddress => ({
      ...{ group: 'serving.knative.dev', plural: 'revisions', namespace, name: revision },
    });
    const { canaryTrafficPercent: _percent, ...template } = service.spec.predictor;
    const names = this.plain.names({ plural: 'revisions', namespace });
    const latest = names.at(-1);
    const isNew =
      latest === undefined || JSON.stringify(this.plain.get(revisionOf(latest)).spec) !== JSON.stringify(template);
    const created = isNew ? `${name}-predictor-${String(names.length + 1).padStart(5, '0')}` : latest;
    if (isNew) this.plain.merge(revisionOf(created), { metadata: { labels: template.labels }, spec: template });
    await this.setPredictor(service, (known) => ({ ...known, latestCreatedRevision: created }));
    this.later(address, async () => {
      const isBroken = this.faults.broken.has(template.labels[LABELS.version]);
      await this.setPredictor(service, (known, percent) => {
        if (known.latestCreatedRevision !== created) return known;
        return traffic({ ...known, latestReadyRevision: isBroken ? known.latestReadyRevision : created }, percent);
      });
    });
  }

  private async setPredictor(service: Live, change: (known: Live, percent: number | undefined) => Live): Promise<void> {
    const { status, body } = await this.server.get(service);
    if (status !== 200) return;
    const predictor = change(body.status?.components?.predictor ?? {}, body.spec.predictor.canaryTrafficPercent);
    await this.setStatus(service, { components: { predictor } });
  }

  private async setStatus(reference: Live, status: object): Promise<void> {
    const { apiVersion, kind, metadata } = reference;
    const plural = `${String(kind).toLowerCase()}s`;
    const path = `/apis/${apiVersion}/namespaces/${metadata.namespace}/${plural}/${metadata.name}/status`;
    const headers = { 'content-type': 'application/merge-patch+json' };
    const response = await fetch(this.server.address + path, {
      method: 'PATCH',
      headers,
      body: JSON.stringify({ status }),
    });
    if (!response.ok && response.status !== 404) throw new Error(`${path}: ${await response.text()}`);
    await response.text();
  }
}

/** What KServe makes of a percentage: see its `PropagateStatus`. */
function traffic(known: Live, percent = 100): Live {
  const { latestReadyRevision: ready, latestRolledoutRevision: rolledOut, previousRolledoutRevision: previous } = known;
  if (ready === undefined || (rolledOut === ready && percent >= 100)) return known;
  if (rolledOut === undefined || percent >= 100)
    return { ...known, latestRolledoutRevision: ready, previousRolledoutRevision: rolledOut };
  return rolledOut === ready && previous !== undefined ? { ...known, latestRolledoutRevision: previous } : known;
}
