import { type KubernetesManifest, LABELS, type RolloutFile } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type Log } from '../../common/log';
import { type Cluster, title } from './cluster';
import { type Delivery } from './delivery';
import { asIs, carries, placed, type Release, versionIn } from './placeholders';
import { type Condition, type Readiness, READY, told, waiting } from './readiness';
import { type Traffic } from './route';

/** What an InferenceService of KServe's Knative mode says of itself. */
interface InferenceService {
  readonly spec?: { readonly predictor?: { readonly canaryTrafficPercent?: number } };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly components?: {
      readonly predictor?: {
        readonly latestCreatedRevision?: string;
        readonly latestReadyRevision?: string;
        readonly latestRolledoutRevision?: string;
        readonly previousRolledoutRevision?: string;
      };
    };
  };
}

/** How long KServe is given to go back to the revision before: two rounds of its controller, and most often a moment. */
const STEP_BACK_SECONDS = 60;

/**
 * Revisions of one InferenceService share its traffic. Its address and its percentage are always written together: left at 100, or removed,
 * the next change of the address would get all traffic at once.
 */
export class KnativeDelivery implements Delivery {
  constructor(
    private readonly file: RolloutFile,
    private readonly cluster: Cluster,
    private readonly log: Log,
  ) {}

  public async isUnderWay(version: string): Promise<boolean> {
    const live = await this.cluster.find(this.manifest);
    return live !== undefined && versionIn(this.manifest, live) === version;
  }

  public async bringUp(): Promise<void> {
    await this.cluster.expect(this.manifest);
  }

  public async setTraffic(release: Release, { weight, mirror }: Traffic): Promise<void> {
    if (mirror > 0)
      throw Failure.configuration(`${title(this.manifest)} is of KServe's Knative mode, which cannot copy traffic`);
    await this.write(placed(this.manifest, release), weight);
    await this.untilReady(release);
  }

  public async update(release: Release): Promise<void> {
    await this.write(placed(this.manifest, release));
    await this.untilReady(release);
    await this.untilRolledOut(release);
  }

  public async settle(champion: Release): Promise<void> {
    const live = await this.cluster.expect<InferenceService>(this.manifest);
    if (!carries(this.manifest, live, champion)) {
      await this.write(asIs(this.manifest, live), 0);
      await this.stepBack(versionIn(this.manifest, live));
      await this.write(placed(this.manifest, champion), 0);
    }
    // The revision that has the traffic keeps it until the champion's can take it.
    await this.untilReady(champion);
    await this.write(placed(this.manifest, champion));
    await this.untilRolledOut(champion);
  }

  private get manifest(): KubernetesManifest {
    return this.file.stable.manifest;
  }

  private async write(manifest: KubernetesManifest, canaryTrafficPercent?: number): Promise<void> {
    const predictor = { ...(manifest.spec.predictor as object), canaryTrafficPercent };
    await this.cluster.update({ ...manifest, spec: { ...manifest.spec, predictor } });
    const { spec } = await this.cluster.expect<InferenceService>(manifest);
    const left = spec?.predictor?.canaryTrafficPercent;
    if (canaryTrafficPercent === undefined && left !== undefined) {
      throw Failure.configuration(
        `${title(manifest)} keeps canaryTrafficPercent ${left}: another field manager owns it (see 'kubectl get --show-managed-fields'); remove it there`,
      );
    }
  }

  /** With 0 percent of a version that has been rolled out, KServe goes back to the revision before at once. */
  private async stepBack(from: string | undefined): Promise<void> {
    const { latestRolledoutRevision, previousRolledoutRevision } = await this.revisions();
    if (previousRolledoutRevision === undefined || (await this.versionOf(latestRolledoutRevision)) !== from) return;
    const steppedBack = async (): Promise<Readiness> =>
      (await this.revisions()).latestRolledoutRevision === latestRolledoutRevision
        ? waiting(`revision '${latestRolledoutRevision}' has the traffic still`)
        : READY;
    // Where it does not, the champion's new revision takes the traffic when it is ready.
    await this.cluster.until('the revision before', STEP_BACK_SECONDS, steppedBack).catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error;
      this.log.warn(error.message);
    });
  }

  private async untilReady({ version }: Release): Promise<void> {
    await this.until(`the revision of version ${version}`, async (service) => {
      const { latestCreatedRevision: created, latestReadyRevision: ready } = predictorOf(service);
      if (created !== ready) return waiting(`revision '${created}' is not ready, '${ready}' is`);
      const found = await this.versionOf(ready);
      return found === version ? READY : waiting(`the latest revision is of version ${found ?? 'unknown'}`);
    });
  }

  private async untilRolledOut({ version }: Release): Promise<void> {
    await this.until(`all traffic of version ${version}`, (service) => {
      const { latestReadyRevision: ready, latestRolledoutRevision: rolledOut } = predictorOf(service);
      return ready === rolledOut ? READY : waiting(`revision '${rolledOut}' has traffic still`);
    });
  }

  private async until(
    what: string,
    look: (service: InferenceService) => Readiness | Promise<Readiness>,
  ): Promise<void> {
    const { readySeconds } = this.file.stable.workload;
    await this.cluster.until(`${what} of ${title(this.manifest)}`, readySeconds, async () => {
      const service = await this.cluster.expect<InferenceService>(this.manifest);
      const found = await look(service);
      return found.state === 'ready' ? found : { ...found, seen: `${found.seen}${told(service.status?.conditions)}` };
    });
  }

  private async revisions(): Promise<ReturnType<typeof predictorOf>> {
    return predictorOf(await this.cluster.expect<InferenceService>(this.manifest));
  }

  /** Labels of the predictor are those of its revisions. */
  private async versionOf(revision: string | undefined): Promise<string | undefined> {
    if (revision === undefined) return undefined;
    const { namespace } = this.file;
    const found = await this.cluster.find<{ metadata: { labels?: Readonly<Record<string, string>> } }>({
      ...{ apiVersion: 'serving.knative.dev/v1', kind: 'Revision', metadata: { name: revision, namespace } },
    });
    return found?.metadata.labels?.[LABELS.version];
  }
}

function predictorOf({
  status,
}: InferenceService): NonNullable<NonNullable<NonNullable<InferenceService['status']>['components']>['predictor']> {
  return status?.components?.predictor ?? {};
}
