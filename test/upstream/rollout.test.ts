import { type RolloutEngine } from 'cdk8s-mlops/contract';
import { failureOf } from '../../apps/common/testing/problems';
import { type ApiRequest } from '../support/kubernetes-front';
import { RolloutCluster } from './rollout-cluster';
import { type Live } from './rollout-objects';
import { RolloutWorld, type Seen } from './rollout-world';
import { schemasDirectory } from './schemas';

/*
 * `gate-evaluator rollout` against the real API server, with controllers that follow what it writes.
 */

let cluster: RolloutCluster;
const worlds: RolloutWorld[] = [];

beforeAll(async () => (cluster = await RolloutCluster.start(schemasDirectory())), 120_000);
beforeEach(() => {
  cluster.broken.clear();
  cluster.intercept = () => Promise.resolve();
});
afterEach(() => {
  for (const world of worlds.splice(0)) world.remove();
  expect(cluster.outages.splice(0)).toEqual([]);
});
afterAll(() => cluster?.stop());

async function newWorld(engine: RolloutEngine): Promise<RolloutWorld> {
  const world = await RolloutWorld.create(cluster, engine);
  worlds.push(world);
  return world;
}

const FLOWS: Readonly<Record<RolloutEngine, readonly string[]>> = {
  'kserve-standard': [
    'rollout start --version 2',
    'rollout shadow --percent 10',
    'rollout weight --percent 50',
    'rollout finish',
  ],
  'kserve-knative': [
    'rollout start --version 2',
    'rollout weight --percent 10',
    'rollout weight --percent 50',
    'rollout finish',
  ],
  deployment: ['rollout start --version 2', 'rollout shadow --percent 10', 'rollout update', 'rollout finish'],
  'argo-rollouts': ['rollout start --version 2', 'rollout shadow --percent 10', 'rollout update', 'rollout finish'],
};
const ENGINES = Object.keys(FLOWS) as RolloutEngine[];

/** What is left when only a version is served. */
function atRest(engine: RolloutEngine, version: string): Pick<Seen, 'stable' | 'routes' | 'candidate'> {
  const service = engine === 'kserve-standard' ? 'churn-predictor' : 'churn';
  const serves = `${version} gs://models/churn/${version}`;
  return {
    stable: engine === 'kserve-knative' ? `${serves}, ready ${version}, rolled out ${version}` : serves,
    routes: engine === 'kserve-knative' ? [] : [`${service} 100, headers`, `${service} 100, headers`],
    candidate: 'absent',
  };
}

const finished = (engine: RolloutEngine): Seen => ({
  ...atRest(engine, '2'),
  ...{ champion: '2', challenger: undefined, previous: '1', lifecycles: ['archived', 'production', 'staged'] },
});
const givenUp = (engine: RolloutEngine): Seen => ({
  ...atRest(engine, '1'),
  ...{ champion: '1', challenger: undefined, previous: undefined, lifecycles: ['production', 'archived', 'staged'] },
});

describe.each(ENGINES)('on %s', (engine) => {
  const flow = FLOWS[engine];

  test('a good version becomes champion, and stable serves it', async () => {
    const world = await newWorld(engine);
    for (const line of flow) await world.run(line);
    expect(await world.seen()).toEqual(finished(engine));
    expect(await world.decisions()).toEqual(['promote 2 canary', 'promote 2 production']);
    expect(world.answer('model_version')).toBe('2');
    expect(world.answer('metrics.prom')).toContain(`namespace="${world.namespace}"`);
    const before = await world.seen();
    await world.run('rollout finish');
    expect(await world.seen()).toEqual(before);
    await world.rollback();
    await world.run('rollout restore --reason errors');
    expect(await world.seen()).toEqual({ ...givenUp(engine), lifecycles: ['production', 'archived', 'staged'] });
  });

  test('a version that never becomes ready is said, and leaves nothing behind', async () => {
    const world = await newWorld(engine);
    cluster.broken.add('2');
    const said: string[] = [];
    for (const line of flow.slice(0, -1))
      await world.run(line).catch((error: Error) => void (said[0] ??= `${line}: ${error.message}`));
    expect(said[0]).toMatch(NEVER_READY[engine]);
    await world.run('rollout restore --reason broken');
    expect(await world.seen()).toEqual(givenUp(engine));
    expect(await world.decisions()).toEqual(['promote 2 canary', 'abort 2 archived']);
    expect(world.printed.at(-1)).toBe('churn: version 1 serves and nothing else does, version 2 was given up');
    expect(world.answer('metrics.prom')).not.toContain('role="candidate"');
    expect(world.answer('metrics.prom')).toMatch(/^ml_rollout_given_up_timestamp_seconds\{.*version="2".*\} \d+/m);
  });

  test('restore with nothing to do changes nothing', async () => {
    const world = await newWorld(engine);
    const before = await world.seen();
    await world.run('rollout restore');
    expect(await world.seen()).toEqual(before);
    expect(await world.decisions()).toEqual([]);
    expect(world.printed).toEqual(['churn: version 1 serves and nothing else does, nothing had to be given up']);
  });

  test('killed after any call, restore goes back before the promotion, and forward after it', async () => {
    const ends = await afterEveryKill(engine, async (world) => world.run('rollout restore --reason killed'));
    for (const { calls, seen, decisions } of ends) {
      const isChampion = seen.champion === '2';
      expect({ calls, seen }).toEqual({ calls, seen: isChampion ? finished(engine) : givenUp(engine) });
      const last = isChampion ? 'promote 2 production' : 'abort 2 archived';
      expect({ calls, decisions }).toEqual({ calls, decisions: ['promote 2 canary', last] });
    }
    expect(new Set(ends.map(({ seen }) => seen.champion))).toEqual(new Set(['1', '2']));
    expect(ends.length).toBeGreaterThan(15);
  });

  test('killed after any call and run again, it ends as if nothing had happened', async () => {
    const ends = await afterEveryKill(engine, async (world, left) => {
      for (const line of left) await world.run(line);
    });
    for (const end of ends) {
      const decisions = ['promote 2 canary', 'promote 2 production'];
      expect(end).toEqual({ calls: end.calls, seen: finished(engine), decisions });
    }
  });
});

const NEVER_READY: Readonly<Record<RolloutEngine, RegExp>> = {
  'kserve-standard':
    /^rollout start --version 2: the candidate Deployment 'ml-\d+\/churn-candidate-predictor' with version 2 is not ready after 1 seconds: 2 of 2 replicas are of version 2, 0 available, 2 in all \(Progressing ProgressDeadlineExceeded\)$/,
  deployment: /^rollout start --version 2: the candidate Deployment .*0 available/,
  'argo-rollouts': /^rollout start --version 2: the candidate Deployment .*0 available/,
  'kserve-knative':
    /^rollout weight --percent 10: the revision of version 2 of InferenceService 'ml-\d+\/churn' is not ready after 1 seconds: revision 'churn-predictor-00002' is not ready, 'churn-predictor-00001' is$/,
};

interface End {
  readonly calls: number;
  readonly seen: Seen;
  readonly decisions: readonly string[];
}

/** What becomes of a roll-out that is killed after its n-th call, for every n, and of what is done then. */
async function afterEveryKill(
  engine: RolloutEngine,
  then: (world: RolloutWorld, left: readonly string[]) => Promise<void>,
): Promise<End[]> {
  const ends: End[] = [];
  const endOf = async (calls: number): Promise<boolean> => {
    const world = await newWorld(engine);
    world.api = cluster.direct();
    const left = await world.killed(FLOWS[engine], calls);
    if (left.length === 0) return false;
    await then(world, left);
    ends.push({ calls, seen: await world.seen(), decisions: await world.decisions() });
    return true;
  };
  // Some at a time: most of it is waiting.
  for (let first = 0; ; first += AT_ONCE) {
    const killed = await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => endOf(first + index)));
    if (!killed.every(Boolean)) return ends.sort((a, b) => a.calls - b.calls);
  }
}

const AT_ONCE = 6;

describe('what is written', () => {
  test('a candidate gets a copy, then a share, and stable changes while it has all of the traffic', async () => {
    const world = await newWorld('kserve-standard');
    const [start, shadow, weight, finish] = FLOWS['kserve-standard'] as [string, string, string, string];
    await world.run(start);
    for (const role of ['version="1",namespace="ml-N",role="stable"', 'version="2",namespace="ml-N",role="candidate"'])
      expect(world.answer('metrics.prom')).toContain(role.replace('ml-N', world.namespace));
    expect([await world.route(), await world.candidate()]).toEqual(['churn-predictor 100, headers', 'there']);
    await world.run(shadow);
    expect(await world.route()).toBe('churn-predictor 100, headers, copy to churn-candidate-predictor 10 %');
    await world.run(weight);
    for (const name of ['churn-route', 'churn-mesh-route'])
      expect(await world.route(name)).toBe('churn-predictor 50, churn-candidate-predictor 50, headers');
    await world.run('rollout weight --percent 100');
    expect(await world.route()).toBe('churn-candidate-predictor 100, headers');
    await world.run('rollout shadow --percent 12.5');
    expect(await world.route()).toBe('churn-predictor 100, headers, copy to churn-candidate-predictor 12500 of 100000');
    await world.run('rollout weight --percent 0');
    expect(await world.route()).toBe('churn-predictor 100, headers');
    const written = writes();
    await world.run(finish);
    expect(written).toEqual([
      'PATCH churn-route churn-candidate-predictor 100',
      'PATCH churn-mesh-route churn-candidate-predictor 100',
      'PATCH churn',
      'PATCH churn-route churn-predictor 100',
      'PATCH churn-mesh-route churn-predictor 100',
      'DELETE churn-candidate',
      'PATCH churn',
    ]);
  });

  test('owns what a roll-out changes, and nothing else', async () => {
    const world = await newWorld('kserve-standard');
    for (const line of FLOWS['kserve-standard']) await world.run(line);
    const kserve = ['serving.kserve.io/v1beta1', 'inferenceservices'] as const;
    const { metadata, spec } = await cluster.find(...kserve, world.namespace, 'churn');
    expect(spec.predictor.minReplicas).toBe(2);
    const ours = metadata.managedFields.filter(({ manager }: Live) => manager === 'mlops-rollout');
    const fields = { 'f:labels': { 'f:cdk8s-mlops.dev/version': {} }, 'f:model': { 'f:storageUri': {} } };
    expect(ours).toMatchObject([{ operation: 'Apply', fieldsV1: { 'f:spec': { 'f:predictor': fields } } }]);
    expect(Object.keys(ours[0].fieldsV1['f:spec']['f:predictor'])).toEqual(Object.keys(fields));
  });

  test('a candidate of before that is still going is waited for', async () => {
    const world = await newWorld('kserve-standard');
    await world.run('rollout start --version 3');
    const path = `/apis/serving.kserve.io/v1beta1/namespaces/${world.namespace}/inferenceservices/churn-candidate`;
    await cluster.meddle(path, { metadata: { finalizers: ['example.com/slow'] } });
    await world.run('rollout restore');
    expect(await world.candidate()).toBe('there');
    const starting = world.run('rollout start --version 2');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await cluster.meddle(path, { metadata: { finalizers: null } });
    await starting;
    const { spec } = await cluster.find(
      'serving.kserve.io/v1beta1',
      'inferenceservices',
      world.namespace,
      'churn-candidate',
    );
    expect(spec.predictor.model.storageUri).toBe('gs://models/churn/2');
  });

  test('a canary that is given up loses its traffic first', async () => {
    const world = await newWorld('deployment');
    await world.run('rollout start --version 2');
    await world.run('rollout weight --percent 30');
    const written = writes();
    await world.run('rollout restore --reason slow');
    expect(written).toEqual([
      'PATCH churn-route churn 100',
      'PATCH churn-mesh-route churn 100',
      'DELETE churn-candidate',
      'DELETE churn-candidate',
      'PATCH churn',
    ]);
  });

  test('Knative gets address and percentage together, and loses the percentage last', async () => {
    const world = await newWorld('kserve-knative');
    await world.run('rollout start --version 2');
    expect(await world.stable()).toBe('1 gs://models/churn/1, ready 1, rolled out 1');
    await world.run('rollout weight --percent 10');
    expect(await world.stable()).toBe('2 gs://models/churn/2 at 10 %, ready 2, rolled out 1');
    const written = writes();
    await world.run('rollout restore --reason slow');
    expect(written).toEqual(['PATCH churn 2 at 0', 'PATCH churn 1 at 0', 'PATCH churn 1']);
    expect(await failureOf(() => world.run('rollout shadow --percent 10'))).toMatchObject({
      problems: [expect.stringMatching(/^version 2 of 'churn' is not rolled out any more/)],
    });
  });

  test('Argo Rollouts takes its steps on the way to a new version, and none on the way back', async () => {
    const world = await newWorld('argo-rollouts');
    const skipped: unknown[] = [];
    cluster.intercept = ({ method, path, body }) => {
      if (method === 'PATCH' && path.includes('/churn/status')) skipped.push((JSON.parse(body) as Live).status);
      return Promise.resolve();
    };
    for (const line of FLOWS['argo-rollouts']) await world.run(line);
    expect(skipped).toEqual([]);
    await world.rollback();
    await world.run('rollout restore --reason errors');
    expect(skipped).toEqual([{ promoteFull: true }]);
    await world.run('rollout restore');
    expect(skipped).toHaveLength(1);
  });

  test('Knative goes back to the revision before at once', async () => {
    const world = await newWorld('kserve-knative');
    for (const line of FLOWS['kserve-knative']) await world.run(line);
    await world.rollback();
    const rolledOut: string[] = [];
    cluster.intercept = async ({ method, body }) => {
      if (method === 'PATCH' && body.includes('"1"')) rolledOut.push(await world.stable());
    };
    await world.run('rollout restore --reason errors');
    expect(rolledOut[0]).toBe('2 gs://models/churn/2 at 0 %, ready 2, rolled out 1');
    expect(await world.stable()).toBe('1 gs://models/churn/1, ready 1, rolled out 1');
  });
});

/** Everything that is changed from now on. */
function writes(): string[] {
  const written: string[] = [];
  cluster.intercept = ({ method, path, body }) => {
    const name = /\/([^/?]+)(\?.*)?$/.exec(path)![1]!;
    const { spec = {} } = (body ? JSON.parse(body) : {}) as Live;
    const [rule] = spec.rules ?? [];
    const backend = rule ? ` ${rule.backendRefs[0].name} ${rule.backendRefs[0].weight}` : '';
    const { canaryTrafficPercent: percent, labels = {} } = spec.predictor ?? {};
    const isKnative = percent !== undefined || written.some((line) => line.includes(' at '));
    const share = isKnative
      ? ` ${labels['cdk8s-mlops.dev/version']}${percent === undefined ? '' : ` at ${percent}`}`
      : '';
    if (method !== 'GET') written.push(`${method} ${name}${backend}${share}`);
    return Promise.resolve();
  };
  return written;
}

describe('somebody else', () => {
  test.each<[RolloutEngine, readonly string[]]>([
    ['kserve-standard', ['rollout start --version 2']],
    ['kserve-knative', ['rollout start --version 2', 'rollout weight --percent 10']],
    ['argo-rollouts', ['rollout start --version 2', 'rollout update']],
  ])('who starts a second roll-out on %s is refused until the first has ended', async (engine, lines) => {
    const world = await newWorld(engine);
    for (const line of lines) await world.run(line);
    const before = await world.seen();
    expect(await failureOf(() => world.run('rollout start --version 3'))).toEqual({
      exitCode: 2,
      problems: [
        "version 2 of 'churn' is being rolled out: wait until that has ended, or end it with 'gate-evaluator rollout restore', and then roll out version 3",
      ],
    });
    expect(await world.seen()).toEqual(before);
    await world.run('rollout restore --reason later');
    await world.run('rollout start --version 3');
    expect((await world.seen()).challenger).toBe('3');
  });

  test('who takes over a canary that never began is not hindered', async () => {
    const world = await newWorld('kserve-standard');
    await world.registry.setAlias('churn', 'challenger', '2');
    await world.run('rollout start --version 3');
    expect((await world.seen()).challenger).toBe('3');
    expect(await failureOf(() => world.run('rollout weight --percent 10'))).toEqual({
      exitCode: 2,
      problems: [
        "version 2 of 'churn' is not rolled out any more (version 3 is canary, version 1 is champion): it was given up, or another roll-out took over; begin anew with 'gate-evaluator rollout start'",
      ],
    });
  });

  test('who rolls back in the middle ends the roll-out', async () => {
    const world = await newWorld('kserve-standard');
    for (const line of FLOWS['kserve-standard']) await world.run(line);
    for (const line of ['rollout start', 'rollout weight --version 3 --percent 30']) await world.run(line);
    await world.rollback();
    await world.run('rollout restore --reason wrong');
    const ended = { ...givenUp('kserve-standard'), lifecycles: ['production', 'archived', 'archived'] };
    expect(await world.seen()).toEqual(ended);
    for (const line of [
      'rollout weight --version 3 --percent 60',
      'rollout update --version 3',
      'rollout finish --version 3',
    ])
      await expect(world.run(line)).rejects.toThrow(
        /^version 3 of 'churn' is not rolled out any more \(no version is canary/,
      );
    expect(await world.seen()).toEqual(ended);
  });

  test('who gives up a canary while its traffic is being written has the last word', async () => {
    const world = await newWorld('kserve-standard');
    await world.run('rollout start --version 2');
    once(
      ({ method, path }) => method === 'PATCH' && path.includes('httproutes'),
      () => world.run('rollout restore'),
    );
    await expect(world.run('rollout shadow --percent 10')).rejects.toThrow(/is not rolled out any more/);
    expect(await world.seen()).toEqual(givenUp('kserve-standard'));
    // For a moment it could not be helped, on both routes.
    expect(cluster.outages.splice(0)).toHaveLength(2);
  });

  test.each<[string, (request: ApiRequest) => boolean]>([
    ['before its candidate goes', ({ method }) => method === 'DELETE'],
    ['while stable changes', ({ method, path }) => method === 'PATCH' && path.includes('inferenceservices')],
  ])('who rolls back what is being finished has the last word: %s', async (_, moment) => {
    const world = await newWorld('kserve-standard');
    for (const line of FLOWS['kserve-standard'].slice(0, -1)) await world.run(line);
    once(moment, async () => {
      await world.rollback();
      await world.run('rollout restore --reason wrong');
    });
    await expect(world.run('rollout finish')).rejects.toThrow(/version 2|'ml-\d+\/churn'/);
    expect((await world.seen()).stable).toBe('1 gs://models/churn/1');
    await world.run('rollout restore');
    expect(await world.seen()).toEqual(givenUp('kserve-standard'));
  });

  test('who changes the route at the same moment is not overwritten unseen', async () => {
    const world = await newWorld('kserve-standard');
    await world.run('rollout start --version 2');
    const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${world.namespace}/httproutes/churn-route`;
    const written = writes();
    const { intercept } = cluster;
    let meddled = 0;
    const meddle = async (): Promise<void> =>
      cluster.meddle(path, { metadata: { annotations: { meddled: String(++meddled) } } });
    cluster.intercept = async (request) => {
      await intercept(request);
      if (request.method === 'PATCH' && meddled === 0) await meddle();
    };
    await world.run('rollout weight --percent 10');
    expect(written.filter((line) => line.startsWith('PATCH churn-route'))).toHaveLength(2);
    cluster.intercept = async ({ method }) => {
      if (method === 'PATCH') await meddle();
    };
    expect(await failureOf(() => world.run('rollout weight --percent 20'))).toEqual({
      exitCode: 3,
      problems: [
        `HTTPRoute '${world.namespace}/churn-route' was changed by somebody else each of 5 times that it was about to be written: run the command again`,
      ],
    });
    expect(await world.route()).toBe('churn-predictor 90, churn-candidate-predictor 10, headers');
  });

  test('who deletes the candidate is told apart from one that is slow', async () => {
    const world = await newWorld('kserve-standard');
    await world.run('rollout start --version 2');
    const path = `/apis/serving.kserve.io/v1beta1/namespaces/${world.namespace}/inferenceservices/churn-candidate`;
    await cluster.client().delete(path);
    await expect(world.run('rollout weight --percent 10')).rejects.toThrow(
      /failed: there is no InferenceService 'ml-\d+\/churn-candidate': somebody deleted it$/,
    );
    await world.run('rollout restore');
    expect(await world.seen()).toEqual(givenUp('kserve-standard'));
  });
});

/** Does something before the first request that fits is answered. */
function once(fits: (request: ApiRequest) => boolean, work: () => Promise<void>): void {
  cluster.intercept = async (request) => {
    if (!fits(request)) return;
    cluster.intercept = () => Promise.resolve();
    await work();
  };
}

describe('start', () => {
  test('takes the newest version after the champion that passed and was not given up', async () => {
    const world = await newWorld('kserve-standard');
    await world.run('rollout start');
    expect(world.answer('model_version')).toBe('3');
    await world.run('rollout restore');
    await world.run('rollout start');
    expect(world.answer('model_version')).toBe('2');
    await world.run('rollout restore');
    expect(await failureOf(() => world.run('rollout start'))).toMatchObject({
      exitCode: 2,
      problems: [
        expect.stringMatching(/^'churn' has no version to roll out in .*: none after version 1, the champion/),
      ],
    });
    await world.run('rollout start --run run-2');
    expect((await world.seen()).challenger).toBe('2');
  });

  test('ends first what a killed roll-out left', async () => {
    const world = await newWorld('kserve-standard');
    for (const line of FLOWS['kserve-standard'].slice(0, -1)) await world.run(line);
    expect(await world.killed(['rollout finish'], 3)).toEqual(['rollout finish']);
    expect(await world.seen()).toMatchObject({ champion: '2', stable: '1 gs://models/churn/1', candidate: 'there' });
    await world.run('rollout start --version 3');
    const { routes } = atRest('kserve-standard', '2');
    const serves = { stable: '2 gs://models/churn/2', routes, candidate: 'there' };
    expect(await world.seen()).toMatchObject({ champion: '2', challenger: '3', ...serves });
  });

  test.each([
    ['--version 1', /^version 1 of 'churn' is the champion already/],
    ['--version 9', /^model 'churn' has no version 9/],
    ['--run run-9', /^no version of 'churn' in .* is of the run 'run-9'/],
  ])('%s is refused', async (args, message) => {
    const world = await newWorld('kserve-standard');
    const before = await world.seen();
    await expect(world.run(`rollout start ${args}`)).rejects.toThrow(message);
    expect(await world.seen()).toEqual(before);
  });

  test('without a champion says what to do', async () => {
    const world = await newWorld('kserve-standard');
    await world.registry.deleteAlias('churn', 'champion');
    await expect(world.run('rollout start')).rejects.toThrow(/^'churn' has no champion in .*take in what runs with/);
  });

  test('without a champion there is nothing to restore', async () => {
    const world = await newWorld('kserve-standard');
    await world.registry.deleteAlias('churn', 'champion');
    const before = await world.seen();
    await world.run('rollout restore');
    expect(await world.seen()).toEqual(before);
  });
});

test.each([
  [
    'httproutes',
    'gateway.networking.k8s.io/v1',
    'churn-route',
    /^there is no HTTPRoute 'ml-\d+\/churn-route': it is created once, from the bootstrap manifests/,
  ],
  [
    'inferenceservices',
    'serving.kserve.io/v1beta1',
    'churn',
    /^there is no InferenceService 'ml-\d+\/churn': it is created once/,
  ],
])('%s that were never created are said', async (plural, apiVersion, name, message) => {
  const world = await newWorld('kserve-standard');
  await cluster.client().delete(`/apis/${apiVersion}/namespaces/${world.namespace}/${plural}/${name}`);
  await expect(world.run('rollout restore')).rejects.toThrow(message);
});
