import { promote } from '../../apps/gate-evaluator/promotion/promote';
import { Ledger } from '../../apps/gate-evaluator/records/ledger';
import { MlflowRegistry } from '../../apps/gate-evaluator/registry/mlflow-registry';
import { type History } from '../../apps/gate-evaluator/why/history';
import { type Ended, type Running } from '../support/program';
import { type Meddle, Proxy } from './gate-evaluator-proxy';
import { GateWorld, type ModelState } from './gate-evaluator-world';

/*
 * The bundled program is killed at every request that it makes to a real MLflow server, run again, and raced with itself.
 */

let world: GateWorld;
let models = 0;

beforeAll(async () => {
  world = await GateWorld.start();
}, 120_000);
afterAll(() => world?.stop());

/** A fresh model: three versions that passed their gates, the first of them champion by decision. */
async function freshModel(...promoted: string[]): Promise<string> {
  const model = `model-${models++}`;
  const registry = new MlflowRegistry({ trackingUri: world.url, env: {} });
  const runId = await registry.run(model, 'training', {});
  await world.api('POST', 'registered-models/create', { name: model });
  const tags = [
    { key: 'gate.verdict', value: 'pass' },
    { key: 'lifecycle', value: 'staged' },
  ];
  for (const version of ['1', '2', '3'])
    await world.api('POST', 'model-versions/create', {
      name: model,
      source: `gs://models/${version}`,
      run_id: runId,
      tags,
    });
  for (const version of promoted) await promote({ registry, model, version, to: 'production' });
  const last = promoted.at(-1);
  if (last !== undefined) {
    const decision = { action: 'promote' as const, model, modelVersion: last, at: '2026-11-01T00:00:00.000Z' };
    const who = { by: 'set-up', reason: 'set-up', to: 'production', inputs: {} };
    await new Ledger(registry, model).append({ ...decision, ...who }, () => false);
  }
  return model;
}

/** A call through a proxy of its own, which decides about each request; `kill` ends the program. */
async function meddled(
  args: readonly string[],
  meddle: (passing: Parameters<Meddle>[0], kill: () => void) => ReturnType<Meddle>,
): Promise<Ended> {
  let running: Running | undefined;
  const proxy = await Proxy.start(world.url, (passing) => meddle(passing, () => running!.kill('SIGKILL')));
  try {
    running = world.start(args, { MLFLOW_TRACKING_URI: proxy.url });
    return await running.ended;
  } finally {
    await proxy.stop();
  }
}

/** What a command leaves behind: the registry's state and the decisions, without what differs from model to model. */
async function leftBehind(model: string): Promise<{ state: ModelState; decisions: unknown[]; problems: unknown }> {
  const why = await world.run(['why', model, '--json', '--fail-on-no']);
  const { records, problems } = JSON.parse(why.stdout) as History;
  const decisions = records.map(({ sequence, action, modelVersion, from, to, by, reason }) => {
    return { sequence, action, modelVersion, from, to, by, reason };
  });
  return { state: await world.state(model), decisions, problems: { problems, exitCode: why.code } };
}

const WHO = ['--by', 'test', '--reason', 'crash'];

describe.each<[string, readonly string[], (model: string) => string[], object]>([
  [
    'promote to production',
    ['1'],
    (model) => ['promote', '--model', model, '--version', '2', '--to', 'production', ...WHO],
    { champion: '2', previous: '1' },
  ],
  [
    'rollback',
    ['1', '2', '3'],
    (model) => ['rollback', '--model', model, '--from', '3', ...WHO],
    { champion: '2', previous: '1' },
  ],
])('%s', (_, promoted, command, aliases) => {
  test('killed at any request and run again, ends as if nothing had happened', async () => {
    const undisturbed = await freshModel(...promoted);
    const requests: boolean[] = [];
    const { code } = await meddled(command(undisturbed), async ({ method, path, forward }) => {
      requests.push(method !== 'GET' && !path.endsWith('/search'));
      await forward();
      return 'answer';
    });
    expect(code).toBe(0);
    const expected = await leftBehind(undisturbed);
    expect(expected).toMatchObject({ state: { aliases, locks: [] }, problems: { problems: [], exitCode: 0 } });
    expect(expected.decisions).toHaveLength(2);
    expect(requests.length).toBeGreaterThan(20);

    // After a request that only reads, all is as before the next one.
    const cases = requests.flatMap((writes, index) =>
      (writes ? (['before', 'after'] as const) : (['before'] as const)).map((when) => ({ nth: index + 1, when })),
    );
    const queue = cases.values();
    const worker = async (): Promise<void> => {
      for (const { nth, when } of queue) {
        const model = await freshModel(...promoted);
        const killed = await meddled(command(model), async ({ count, forward }, kill) => {
          if (count < nth || when === 'after') await forward();
          if (count < nth) return 'answer';
          kill();
          return 'hang-up';
        });
        expect({ nth, when, code: killed.code }).toEqual({ nth, when, code: null });
        const again = await world.run(command(model));
        expect({ nth, when, code: again.code, errors: again.errors }).toEqual({ nth, when, code: 0, errors: [] });
        expect({ nth, when, ...(await leftBehind(model)) }).toEqual({ nth, when, ...expected });
      }
    };
    await Promise.all([worker(), worker()]);
  }, 300_000);
});

const promotion = (model: string, version: string): string[] => [
  ...['promote', '--model', model, '--version', version, '--to', 'production'],
  ...WHO,
];

describe('a promotion that was killed', () => {
  test('keeps others away by name, until it is run again', async () => {
    const model = await freshModel('1');
    await meddled(promotion(model, '2'), async ({ path, forward }, kill) => {
      await forward();
      if (!path.includes('set-tag')) return 'answer';
      kill();
      return 'hang-up';
    });
    const other = await world.run(promotion(model, '3'));
    expect([other.code, other.errors]).toEqual([
      2,
      [
        expect.stringMatching(
          /^cannot promote version 3 to production of 'model-\d+': since \S+Z somebody wants to promote version 2 to production; wait until that is done, or 5 minutes/,
        ),
      ],
    ]);
    expect((await world.state(model)).aliases).toEqual({ champion: '1' });
    await world.done(promotion(model, '2'));
    await world.done(promotion(model, '3'));
    expect((await world.state(model)).aliases).toEqual({ champion: '3', previous: '2' });
  });
});

describe('two at once', () => {
  test('promotions of different versions: one champion, and the other waits its turn or is refused', async () => {
    for (let round = 0; round < 4; round++) {
      const model = await freshModel('1');
      const calls = await Promise.all(['2', '3'].map((version) => world.run(promotion(model, version))));
      for (const { code, errors } of calls) {
        expect([0, 2]).toContain(code);
        if (code === 2) expect(errors).toEqual([expect.stringMatching(/somebody wants to promote version [23] to/)]);
      }
      const succeeded = calls.filter(({ code }) => code === 0).length;
      expect(succeeded).toBeGreaterThanOrEqual(1);
      const { state, decisions, problems } = await leftBehind(model);
      expect(problems).toEqual({ problems: [], exitCode: 0 });
      expect(decisions).toHaveLength(1 + succeeded);
      const { champion, previous } = state.aliases;
      const order = ['1', ...decisions.slice(1).map((each) => (each as { modelVersion: string }).modelVersion)];
      expect([previous, champion]).toEqual(order.slice(-2));
      const production = Object.entries(state.versions).filter(([, { lifecycle }]) => lifecycle === 'production');
      expect(production.map(([version]) => version)).toEqual([champion]);
      expect(state.locks).toEqual([]);
    }
  });

  // The second begins while the first holds the lock, waits for it, and finds everything done.
  test('the same promotion twice is done once, with one record', async () => {
    const model = await freshModel('1');
    let meanwhile: Promise<Ended> | undefined;
    const first = await meddled(promotion(model, '2'), async ({ path, forward }) => {
      if (path.includes('set-tag')) meanwhile ??= world.run(promotion(model, '2'));
      await forward();
      return 'answer';
    });
    expect([first.code, (await meanwhile)?.code]).toEqual([0, 0]);
    const { state, decisions, problems } = await leftBehind(model);
    expect(problems).toEqual({ problems: [], exitCode: 0 });
    expect(state).toMatchObject({ aliases: { champion: '2', previous: '1' }, locks: [] });
    expect(decisions).toHaveLength(2);
  });

  const evaluation = (model: string, version: string): string[] => [
    ...['evaluate', '--model', model, '--gates', world.at('gates.yaml'), '--metrics', `models:/${model}/${version}`],
    ...WHO,
  ];

  test('evaluations of different versions leave one whole chain', async () => {
    world.file('gates.yaml', 'metrics: { accuracy: { minimum: 0.8 } }');
    for (let round = 0; round < 4; round++) {
      const model = await freshModel('1');
      const calls = await Promise.all(['2', '3'].map((version) => world.run(evaluation(model, version))));
      expect(calls.map(({ code, errors }) => ({ code, errors }))).toEqual(Array(2).fill({ code: 0, errors: [] }));
      const { decisions, problems, state } = await leftBehind(model);
      expect(problems).toEqual({ problems: [], exitCode: 0 });
      expect(decisions.length).toBe(3);
      expect(state.locks).toEqual([]);
    }
  });

  // Others of which one is the same begin when the first is about to write its record.
  test('evaluations at once, of which two are the same, break no chain', async () => {
    world.file('gates.yaml', 'metrics: { accuracy: { minimum: 0.8 } }');
    const model = await freshModel('1');
    let meanwhile: Promise<Ended>[] | undefined;
    const first = await meddled(evaluation(model, '2'), async ({ method, path, forward }) => {
      const records = method === 'PUT' && /decisions\/\d{8}\.json$/.test(path);
      if (records) meanwhile ??= ['2', '3'].map((version) => world.run(evaluation(model, version)));
      await forward();
      return 'answer';
    });
    expect([first, ...(await Promise.all(meanwhile!))].map(({ code }) => code)).toEqual([0, 0, 0]);
    const { decisions, problems } = await leftBehind(model);
    expect(problems).toEqual({ problems: [], exitCode: 0 });
    // Said again at once it is no new decision; after another one it is, and which of them came first is chance.
    expect([
      ['2', '3'],
      ['2', '3', '2'],
    ]).toContainEqual((decisions as { modelVersion: string }[]).slice(1).map(({ modelVersion }) => modelVersion));
  });

  // Another promotion begins as soon as the lock is given back.
  test('a promotion that is slow to write its record is not told as the last one', async () => {
    const model = await freshModel('1');
    let meanwhile: Ended | undefined;
    const slow = await meddled(promotion(model, '2'), async ({ method, path, forward }) => {
      await forward();
      if (!meanwhile && method === 'DELETE' && path.endsWith('registered-models/delete'))
        meanwhile = await world.run(promotion(model, '3'));
      return 'answer';
    });
    expect([slow.code, slow.errors]).toEqual([0, []]);
    expect(meanwhile).toBeDefined();
    const { state, decisions, problems } = await leftBehind(model);
    expect(problems).toEqual({ problems: [], exitCode: 0 });
    expect(decisions.at(-1)).toMatchObject({ modelVersion: state.aliases.champion });
  });
});
