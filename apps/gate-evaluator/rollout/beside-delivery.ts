import {
  type KubernetesManifest,
  type RolloutFile,
  type RolloutWorkload,
  type VERSION_ROLES,
} from 'cdk8s-mlops/contract';
import { type Log } from '../../common/log';
import { type Cluster, type ObjectName, title } from './cluster';
import { type Delivery } from './delivery';
import { asIs, carries, placed, type Release, versionIn } from './placeholders';
import {
  type Condition,
  type DeploymentObject,
  deploymentReadiness,
  type Readiness,
  type RolloutObject,
  rolloutReadiness,
  rolloutSeen,
  told,
  waiting,
} from './readiness';
import { routeWith, type Traffic } from './route';

const API_VERSIONS = { Deployment: 'apps/v1', Rollout: 'argoproj.io/v1alpha1' } as const;
const NO_TRAFFIC: Traffic = { weight: 0, mirror: 0 };
const ALL_TRAFFIC: Traffic = { weight: 100, mirror: 0 };

/** A candidate stands beside the stable object, and routes give it its traffic. */
export class BesideDelivery implements Delivery {
  constructor(
    private readonly file: RolloutFile,
    private readonly cluster: Cluster,
    private readonly log: Log,
  ) {}

  public async isUnderWay(version: string): Promise<boolean> {
    for (const manifest of [this.file.stable.manifest, ...this.candidates]) {
      const live = await this.cluster.find(manifest);
      if (live && versionIn(manifest, live) === version) return true;
    }
    return false;
  }

  public async bringUp(release: Release): Promise<void> {
    const { candidate } = this.file;
    if (!candidate) return;
    for (const manifest of candidate.manifests)
      await this.cluster.createOrUpdate(placed(manifest, release), candidate.workload.readySeconds);
    await this.untilCandidate(release);
  }

  public async setTraffic(release: Release, traffic: Traffic): Promise<void> {
    // A gateway may answer every request with an error while a backend or a mirror has no pods.
    await this.untilCandidate(release);
    await this.route(traffic);
  }

  public async update(release: Release): Promise<void> {
    await this.withdraw();
    await this.bringStableTo(release);
  }

  public async settle(champion: Release): Promise<void> {
    if (await this.canStandIn(champion)) {
      this.log.info({ version: champion.version }, 'the candidate takes all traffic while stable becomes its version');
      await this.route(ALL_TRAFFIC);
      await this.bringStableBack(champion);
    }
    await this.withdraw();
    await this.bringStableBack(champion);
  }

  private get candidates(): readonly KubernetesManifest[] {
    return this.file.candidate?.manifests ?? [];
  }

  /** Whether the candidate serves the champion while the stable object does not yet. */
  private async canStandIn(champion: Release): Promise<boolean> {
    if (this.file.routes.length === 0 || !this.file.candidate) return false;
    if ((await this.candidateReadiness(champion)).state !== 'ready') return false;
    return (await this.stableReadiness(champion)).state !== 'ready';
  }

  /** Ends the candidate: its traffic first, its objects last. */
  private async withdraw(): Promise<void> {
    await this.route(NO_TRAFFIC);
    let drained = false;
    for (const manifest of [...this.candidates].reverse()) {
      if (!(await this.cluster.find(manifest))) continue;
      if (!drained) await this.cluster.pause(this.cluster.pace.drainMs);
      drained = true;
      await this.cluster.remove(manifest);
    }
  }

  private async route(traffic: Traffic): Promise<void> {
    for (const route of this.file.routes) await this.cluster.update(routeWith(route, traffic));
  }

  private async bringStableTo(release: Release): Promise<void> {
    const { manifest, workload } = this.file.stable;
    await this.cluster.update(placed(manifest, release));
    await this.cluster.until(
      `${title(this.named(workload))} with version ${release.version}`,
      workload.readySeconds,
      () => this.stableReadiness(release),
    );
  }

  /** The champion has been judged before: its controller takes no steps on the way to it. */
  private async bringStableBack(champion: Release): Promise<void> {
    const { manifest, workload } = this.file.stable;
    if (workload.kind === 'Rollout') {
      await this.cluster.update(placed(manifest, champion));
      let isThere = false;
      await this.cluster.until(`the controller of ${title(manifest)}`, workload.readySeconds, async () => {
        const live = await this.cluster.expect<RolloutObject>(manifest);
        isThere = rolloutReadiness(live, champion.version).state === 'ready';
        return rolloutSeen(live, champion.version);
      });
      if (!isThere) await this.cluster.skipSteps(manifest);
    }
    await this.bringStableTo(champion);
  }

  private async untilCandidate(release: Release): Promise<void> {
    const { candidate } = this.file;
    if (!candidate) return;
    const what = `the candidate ${title(this.named(candidate.workload))} with version ${release.version}`;
    await this.cluster.until(what, candidate.workload.readySeconds, () => this.candidateReadiness(release));
  }

  private async stableReadiness(release: Release): Promise<Readiness> {
    const { manifest, workload } = this.file.stable;
    const live = await this.cluster.expect(manifest);
    if (!carries(manifest, live, release)) return { state: 'failed', seen: somethingElse(manifest, live) };
    return this.readiness(workload, release.version, 'stable');
  }

  private async candidateReadiness(release: Release): Promise<Readiness> {
    const { manifests, workload } = this.file.candidate!;
    let conditions = '';
    for (const manifest of manifests) {
      const live = await this.cluster.find<{ status?: { conditions?: readonly Condition[] } }>(manifest);
      if (!live) return { state: 'failed', seen: `there is no ${title(manifest)}: somebody deleted it` };
      if (!carries(manifest, live, release)) return { state: 'failed', seen: somethingElse(manifest, live) };
      if (manifest.kind !== workload.kind) conditions += told(live.status?.conditions);
    }
    const found = await this.readiness(workload, release.version, 'candidate');
    return found.state === 'ready' ? found : { ...found, seen: `${found.seen}${conditions}` };
  }

  private async readiness(
    workload: RolloutWorkload,
    version: string,
    role: keyof typeof VERSION_ROLES,
  ): Promise<Readiness> {
    const name = this.named(workload);
    const live = await this.cluster.find<DeploymentObject & RolloutObject>(name);
    if (!live) return waiting(`there is no ${title(name)} yet`);
    return workload.kind === 'Rollout' ? rolloutReadiness(live, version) : deploymentReadiness(live, version, role);
  }

  private named({ kind, name }: RolloutWorkload): ObjectName {
    const apiVersion = kind === 'Rollout' ? API_VERSIONS.Rollout : API_VERSIONS.Deployment;
    return { apiVersion, kind, metadata: { name, namespace: this.file.namespace } };
  }
}

function somethingElse(manifest: KubernetesManifest, live: object): string {
  return `somebody changed ${title(manifest)}, which has ${JSON.stringify(asIs(manifest, live).spec)}`;
}
