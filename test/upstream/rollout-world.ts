import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LABELS, ROLLOUT_PLACEHOLDERS, type RolloutEngine, type RolloutFile } from 'cdk8s-mlops/contract';
import { parseCall } from '../../apps/common/command-line';
import { createLog } from '../../apps/common/log';
import { ROLLOUT_COMMANDS, type RolloutServers } from '../../apps/gate-evaluator/commands/rollout';
import { promote } from '../../apps/gate-evaluator/promotion/promote';
import { rollback } from '../../apps/gate-evaluator/promotion/rollback';
import { type DecisionRecord } from '../../apps/gate-evaluator/records/decision-record';
import { Ledger } from '../../apps/gate-evaluator/records/ledger';
import { verifyChain } from '../../apps/gate-evaluator/records/verify-chain';
import { FileRegistry } from '../../apps/gate-evaluator/registry/file-registry';
import { type ClusterApi } from '../../apps/gate-evaluator/rollout/cluster';
import { type RolloutCluster } from './rollout-cluster';
import { type Live } from './rollout-objects';

const MODEL = 'churn';
const CANDIDATE = 'churn-candidate';
const { version, uri } = ROLLOUT_PLACEHOLDERS;
const URI_ANNOTATION = 'cdk8s-mlops.dev/uri';
const ROUTES = 'gateway.networking.k8s.io/v1';

/** What is wrong with a process that was killed. */
class Killed extends Error {}

/** What can be seen of a roll-out from outside. */
export interface Seen {
  readonly stable: unknown;
  /** Backends, and mirrors, of each route. */
  readonly routes: readonly string[];
  readonly candidate: 'there' | 'absent';
  readonly champion?: string;
  readonly challenger?: string;
  readonly previous?: string;
  readonly lifecycles: readonly (string | undefined)[];
}

/** A model with three versions that passed, the first of them champion and served, in a namespace of its own. */
export class RolloutWorld {
  public static async create(
    cluster: RolloutCluster,
    engine: RolloutEngine,
    more: Partial<RolloutFile> = {},
  ): Promise<RolloutWorld> {
    const world = new RolloutWorld(cluster, engine, more);
    await world.populate();
    return world;
  }

  private static count = 0;

  public readonly namespace = `ml-${++RolloutWorld.count}`;
  public readonly registry: FileRegistry;
  /** What commands talk to. */
  public api: ClusterApi;
  /** What was printed. */
  public readonly printed: string[] = [];

  private readonly directory = mkdtempSync(join(tmpdir(), 'rollout-'));
  private readonly file: RolloutFile;

  private constructor(
    private readonly cluster: RolloutCluster,
    private readonly engine: RolloutEngine,
    more: Partial<RolloutFile>,
  ) {
    this.api = cluster.client();
    const registry = join(this.directory, 'registry');
    this.registry = new FileRegistry(registry);
    this.file = { ...rolloutFile(engine, this.namespace, registry), ...more };
    // JSON is YAML.
    writeFileSync(join(this.directory, 'rollout.yaml'), JSON.stringify(this.file));
  }

  /** Runs a command as a pod would: `rollout weight --percent 30`. The version is `2` where it needs one. */
  public async run(line: string, api: ClusterApi = this.api): Promise<void> {
    const [first, second, ...args] = line.split(' ');
    const command = ROLLOUT_COMMANDS.find(({ name }) => name === `${first} ${second}`)!;
    const config = ['--config', join(this.directory, 'rollout.yaml')];
    const named = 'version' in command.options && second !== 'start' && !args.includes('--version');
    const call = parseCall(command, [...config, ...(named ? ['--version', '2'] : []), ...args]);
    const env = { OUTPUT_DIR: join(this.directory, 'outputs') };
    const servers: RolloutServers = { api, registry: this.registry, pace: { pollMs: 4, drainMs: 1 } };
    const context = { call, env, log: createLog('test', 'silent'), signal: new AbortController().signal };
    await command.run({ ...context, print: (text) => void this.printed.push(text) }, servers);
  }

  /**
   * Runs several commands, in a process that is killed after its `calls`-th request.
   *
   * @returns those that are left to do, the killed one first; none when it was not killed
   */
  public async killed(lines: readonly string[], calls: number): Promise<readonly string[]> {
    const api = dying(this.cluster.direct(), calls);
    for (const [index, line] of lines.entries()) {
      try {
        await this.run(line, api);
      } catch (error) {
        if (error instanceof Killed) return lines.slice(index);
        throw error;
      }
    }
    return [];
  }

  public answer(name: string): string {
    return readFileSync(join(this.directory, 'outputs', name), 'utf8');
  }

  public async rollback(): Promise<void> {
    await rollback({ registry: this.registry, model: MODEL, reason: 'errors' });
  }

  /** Actions of the decision chain, which is whole. */
  public async decisions(): Promise<string[]> {
    const { records, unreadable, head } = await new Ledger(this.registry, MODEL).chain();
    expect([unreadable, verifyChain(records, head)]).toEqual([[], []]);
    return records.map(({ action, modelVersion, to }: DecisionRecord) => `${action} ${modelVersion} ${to}`);
  }

  /** Everything that matters when nothing happens any more. */
  public async seen(): Promise<Seen> {
    const { routes } = this.file;
    const served = await Promise.all(routes.map(({ manifest }) => this.route(manifest.metadata.name)));
    const aliases = ['champion', 'challenger', 'previous'].map((alias) => this.registry.versionByAlias(MODEL, alias));
    const [champion, challenger, previous] = (await Promise.all(aliases)).map((found) => found?.version);
    const versions = (await this.registry.versions(MODEL)).reverse();
    return {
      ...{ stable: await this.stable(), routes: served, candidate: await this.candidate() },
      ...{ champion, challenger, previous, lifecycles: versions.map(({ tags }) => tags.lifecycle) },
    };
  }

  /** Backends with their weights, and mirrors with their percentages. */
  public async route(name = 'churn-route'): Promise<string> {
    const { spec } = await this.cluster.find(ROUTES, 'httproutes', this.namespace, name);
    const [{ backendRefs, filters = [] }, ...others] = spec.rules;
    expect(others).toEqual([
      { name: 'health', backendRefs: [expect.objectContaining({ name: 'health' })], matches: [expect.anything()] },
    ]);
    const backends = backendRefs.map(({ name: service, weight }: Live) => `${service} ${weight}`);
    const mirrors = filters.map(({ requestMirror, requestHeaderModifier }: Live) =>
      requestHeaderModifier ? 'headers' : copied(requestMirror),
    );
    return [...backends, ...mirrors].join(', ');
  }

  /** What the stable object is told to serve, and what its pods serve. */
  public async stable(): Promise<string> {
    const { manifest, workload } = this.file.stable;
    const plural = { Deployment: 'deployments', Rollout: 'rollouts', InferenceService: 'inferenceservices' }[
      manifest.kind
    ]!;
    const live = await this.cluster.find(manifest.apiVersion, plural, this.namespace, MODEL);
    const { predictor, template } = live.spec;
    const told = predictor
      ? `${predictor.labels[LABELS.version]} ${predictor.model.storageUri}`
      : `${template.metadata.labels[LABELS.version]} ${template.metadata.annotations[URI_ANNOTATION]}`;
    if (workload.kind !== 'InferenceService') return told;
    const percent = predictor.canaryTrafficPercent;
    const { latestReadyRevision, latestRolledoutRevision } = live.status.components.predictor;
    const [ready, rolledOut] = await Promise.all(
      [latestReadyRevision, latestRolledoutRevision].map((name) => this.revision(name)),
    );
    const share = percent === undefined ? '' : ` at ${percent} %`;
    return `${told}${share}, ready ${ready}, rolled out ${rolledOut}`;
  }

  public async candidate(): Promise<Seen['candidate']> {
    const { namespace } = this;
    const found = await Promise.all([
      this.cluster.find('serving.kserve.io/v1beta1', 'inferenceservices', namespace, CANDIDATE),
      this.cluster.find('apps/v1', 'deployments', namespace, CANDIDATE),
      this.cluster.find('apps/v1', 'deployments', namespace, `${CANDIDATE}-predictor`),
      this.cluster.find('v1', 'services', namespace, CANDIDATE),
    ]);
    return found.some(Boolean) ? 'there' : 'absent';
  }

  public remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async revision(name: string): Promise<string | undefined> {
    const live = await this.cluster.find('serving.knative.dev/v1', 'revisions', this.namespace, name);
    return live?.metadata.labels[LABELS.version];
  }

  private async populate(): Promise<void> {
    mkdirSync(join(this.directory, 'outputs'));
    for (const number of ['1', '2', '3']) {
      const runId = await this.registry.run(MODEL, `run-${number}`, {});
      const source = `gs://models/churn/${number}`;
      const tags = {
        'gate.verdict': 'pass',
        'artifact.uri': source,
        lifecycle: 'staged',
        'training.run': `run-${number}`,
      };
      await this.registry.createVersion(MODEL, { source, runId, tags });
    }
    await promote({ registry: this.registry, model: MODEL, version: '1', to: 'production' });
    await this.cluster.create(bootstrap(this.engine, this.namespace));
    for (const { manifest } of this.file.routes) await this.cluster.create(manifest);
    await this.cluster.quiet();
  }
}

function copied({ backendRef, percent, fraction }: Live): string {
  const share = fraction ? `${fraction.numerator} of ${fraction.denominator}` : `${percent} %`;
  return `copy to ${backendRef.name} ${share}`;
}

/** A client whose process ends after so many requests: the last one is answered, and nobody hears it. */
function dying(client: ClusterApi, calls: number): ClusterApi {
  let left = calls;
  const once = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left <= 0) throw new Killed();
    left--;
    const answer = await work();
    if (left === 0) throw new Killed();
    return answer;
  };
  return {
    get: (path) => once(() => client.get(path)),
    apply: (path, object, options) => once(() => client.apply(path, object, options)),
    delete: (path) => once(() => client.delete(path)),
  };
}

const labels = { [LABELS.version]: version };

function rolloutFile(engine: RolloutEngine, namespace: string, registry: string): RolloutFile {
  const isKserve = engine.startsWith('kserve');
  const named = (name: string): { name: string; namespace: string } => ({ name, namespace });
  const pods = { template: { metadata: { labels, annotations: { [URI_ANNOTATION]: uri } } } };
  const predictor = { labels, model: { storageUri: uri } };
  const kind = {
    'kserve-standard': 'Deployment',
    'kserve-knative': 'InferenceService',
    deployment: 'Deployment',
    'argo-rollouts': 'Rollout',
  } as const;
  const gvk = { apiVersion: engine === 'argo-rollouts' ? 'argoproj.io/v1alpha1' : 'apps/v1', kind: kind[engine] };
  const kserve = { apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService' };
  const suffix = engine === 'kserve-standard' ? '-predictor' : '';
  const standard = {
    metadata: { ...named(CANDIDATE), annotations: { 'serving.kserve.io/deploymentMode': 'Standard' } },
  };
  const manifests = isKserve
    ? [
        {
          ...kserve,
          ...standard,
          spec: {
            predictor: {
              ...predictor,
              minReplicas: 2,
              model: { ...predictor.model, modelFormat: { name: 'sklearn' } },
            },
          },
        },
      ]
    : [
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: named(CANDIDATE), spec: { replicas: 2, ...pods } },
        { apiVersion: 'v1', kind: 'Service', metadata: named(CANDIDATE), spec: { ports: [{ port: 80 }] } },
      ];
  const readySeconds = 1;
  const routes = [`churn-route`, 'churn-mesh-route'].map((name) => ({
    ...{
      manifest: route(named(name), `churn${suffix}`),
      stableService: `churn${suffix}`,
      candidateService: `${CANDIDATE}${suffix}`,
      port: 80,
    },
  }));
  return {
    ...{ version: 1, model: MODEL, namespace, engine, registry, prometheus: 'http://prometheus:9090', steps: [] },
    analysis: {
      windowSeconds: 60,
      intervalSeconds: 1,
      holdSeconds: 1,
      requests: { query: 'x', atLeast: 1 },
      checks: [],
    },
    stable: {
      manifest: isKserve
        ? { ...kserve, metadata: named(MODEL), spec: { predictor } }
        : { ...gvk, metadata: named(MODEL), spec: pods },
      workload: { kind: kind[engine], name: `churn${suffix}`, readySeconds },
    },
    ...(engine !== 'kserve-knative' && {
      candidate: { manifests, workload: { kind: 'Deployment', name: `${CANDIDATE}${suffix}`, readySeconds } },
    }),
    routes: engine === 'kserve-knative' ? [] : routes,
  };
}

function route(
  metadata: { name: string; namespace: string },
  service: string,
): RolloutFile['routes'][number]['manifest'] {
  const path = (value: string): object => ({ path: { type: 'PathPrefix', value } });
  const headers = {
    type: 'RequestHeaderModifier',
    requestHeaderModifier: { set: [{ name: 'x-model', value: MODEL }] },
  };
  return {
    ...{ apiVersion: ROUTES, kind: 'HTTPRoute', metadata },
    spec: {
      parentRefs: [{ name: 'gateway' }],
      rules: [
        { matches: [path('/')], filters: [headers], backendRefs: [{ name: service, port: 80, weight: 100 }] },
        { name: 'health', matches: [path('/health')], backendRefs: [{ name: 'health', port: 80 }] },
      ],
    },
  };
}

/** What is created once, with the first version. */
function bootstrap(engine: RolloutEngine, namespace: string): Live {
  const first = { [LABELS.version]: '1' };
  const metadata = { name: MODEL, namespace };
  if (engine.startsWith('kserve')) {
    const mode = engine === 'kserve-knative' ? 'Knative' : 'Standard';
    const model = { modelFormat: { name: 'sklearn' }, storageUri: 'gs://models/churn/1' };
    const annotations = { 'serving.kserve.io/deploymentMode': mode };
    const spec = { predictor: { minReplicas: 2, labels: first, model } };
    return {
      apiVersion: 'serving.kserve.io/v1beta1',
      kind: 'InferenceService',
      metadata: { ...metadata, annotations },
      spec,
    };
  }
  const template = {
    metadata: { labels: { app: MODEL, ...first }, annotations: { [URI_ANNOTATION]: 'gs://models/churn/1' } },
  };
  const pod = { spec: { containers: [{ name: 'server', image: 'churn:1' }] } };
  const spec = { replicas: 2, selector: { matchLabels: { app: MODEL } }, template: { ...template, ...pod } };
  return engine === 'argo-rollouts'
    ? { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', metadata, spec: { ...spec, strategy: { canary: {} } } }
    : { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec };
}
