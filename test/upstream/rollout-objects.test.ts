import { Exposure } from 'cdk8s-mlops';
import { ROLLOUT_FIELD_MANAGER, ROLLOUT_PLACEHOLDERS, type RolloutFile } from 'cdk8s-mlops/contract';
import { COMBINATIONS, GATEWAY, ON, renderRollout, STRATEGIES } from '../serving/rollout-support';
import { type Rendered } from '../support/synth';
import { ApiServer } from './api-server';
import { judge, JUDGES } from './judges';
import { schemasDirectory } from './schemas';

/*
 * What each engine renders for each strategy, and what a roll-out makes of it, before the code that judges it in a cluster.
 */

let server: ApiServer;
beforeAll(async () => (server = await ApiServer.start(schemasDirectory())), 120_000);
afterAll(() => server?.stop());

/** The objects that a roll-out writes besides: candidate and routes, with a version filled in. */
function written({ candidate, routes }: RolloutFile): Rendered[] {
  const objects = [...(candidate?.manifests ?? []), ...routes.map(({ manifest }) => manifest)];
  const text = JSON.stringify(objects)
    .replaceAll(ROLLOUT_PLACEHOLDERS.version, '2')
    .replaceAll(ROLLOUT_PLACEHOLDERS.uri, 's3://acme-models/churn/v2');
  return JSON.parse(text) as Rendered[];
}

const problemsOf = (objects: readonly Rendered[]): string[] =>
  JUDGES.flatMap((name) => judge(name, objects)).flatMap(({ judge: name, object, problems }) =>
    problems.map((problem) => `${name}: ${object}: ${problem}`),
  );

/** What the API server says to an object that is created once, applied, or written by a roll-out. */
async function refusals(objects: readonly Rendered[], fieldManager: string): Promise<string[]> {
  const found: string[] = [];
  for (const object of objects.filter((each) => server.knows(each))) {
    const { status, body } = await server.apply(object, { fieldManager, force: true });
    if (status >= 300) found.push(`${object.kind} ${object.metadata.name}: ${body.message}`);
  }
  return found;
}

describe.each(COMBINATIONS)('%s, %s', (engine, strategy) => {
  test('every judge passes every object', () => {
    const { steady, bootstrap, file } = renderRollout({ ...ON[engine], rollout: STRATEGIES[strategy] });
    const objects = [...steady, ...written(file)];
    const routes = bootstrap.filter(({ kind }) => kind === 'HTTPRoute');
    expect(problemsOf([...objects, ...(file.routes.length === 0 ? routes : [])])).toEqual([]);
  });

  test('the API server takes what is rendered, what is created once, and what a roll-out writes', async () => {
    const { steady, bootstrap, file } = renderRollout({ ...ON[engine], rollout: STRATEGIES[strategy] });
    try {
      expect(await refusals(bootstrap, ROLLOUT_FIELD_MANAGER)).toEqual([]);
      expect(await refusals(steady, 'kubectl')).toEqual([]);
      expect(await refusals(written(file), ROLLOUT_FIELD_MANAGER)).toEqual([]);
    } finally {
      for (const object of [...steady, ...bootstrap, ...written(file)])
        if (server.knows(object)) await server.delete(object);
    }
  });
});

test('Argo Rollouts takes both routes of a mesh', () => {
  const exposure = Exposure.gateway({ ...GATEWAY, mesh: true });
  const { steady, file } = renderRollout({ ...ON.deployment, exposure, rollout: STRATEGIES.canary });
  expect(problemsOf([...steady, ...written(file)])).toEqual([]);
});
