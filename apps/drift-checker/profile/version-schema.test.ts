import { type FeatureSchema, type ModelSchema } from 'cdk8s-mlops/contract';
import { MlflowClient } from '../../common/mlflow';
import { LocalServer } from '../../common/testing/local-server';
import { failureOf } from '../../common/testing/problems';
import { schemaOfVersion } from './version-schema';

const feature = (name: string, more: Partial<FeatureSchema> = {}): FeatureSchema => ({
  ...{ name, type: 'numeric', required: true, importance: 1 },
  ...more,
});
const SCHEMA: ModelSchema = {
  ...{ version: 1, model: 'shop', task: { type: 'regression' }, objectives: {} },
  features: [feature('age', { recorded: 'dropped' }), feature('amount')],
};

const PATIENCE = { attempts: 2, backoffMs: 1, timeoutMs: 1000 };

let server: LocalServer;
let artifact: { readonly status: number; readonly body?: string };
let known: number;
beforeAll(async () => {
  server = await LocalServer.start(({ path }) => {
    if (path.includes('get-artifact')) return artifact;
    const model_version = { name: 'shop', version: '3', run_id: 'run', tags: [], source: 's', creation_timestamp: 1 };
    return known === 200
      ? { status: 200, body: { model_version } }
      : {
          status: known,
          body: { error_code: known === 404 ? 'RESOURCE_DOES_NOT_EXIST' : 'INTERNAL_ERROR', message: 'x' },
        };
  });
});
beforeEach(() => {
  known = 200;
  artifact = { status: 404 };
});
afterAll(() => server.stop());

const ask = (version = '3'): Promise<ModelSchema | undefined> =>
  schemaOfVersion(new MlflowClient({ trackingUri: server.url, env: {}, patience: PATIENCE }), SCHEMA, version);

test('the schema of a version is its own, with what the schema file says of recording', async () => {
  const own = {
    ...SCHEMA,
    features: [feature('amount'), feature('age', { recorded: 'bucketed' }), feature('new', { recorded: 'dropped' })],
  };
  artifact = { status: 200, body: JSON.stringify(own) };
  expect((await ask())!.features).toEqual([
    feature('amount'),
    feature('age', { recorded: 'dropped' }),
    feature('new', { recorded: 'dropped' }),
  ]);
});

test('a version without one, or that nobody knows, has none', async () => {
  expect(await ask()).toBeUndefined();
  known = 404;
  expect(await ask()).toBeUndefined();
});

test('a name that no registry gives is not asked for', async () => {
  const before = server.received.length;
  for (const version of ['', 'latest', '3; DROP', '-1', '1.5']) expect(await ask(version)).toBeUndefined();
  expect(server.received).toHaveLength(before);
});

test('what is no schema is refused, with its place', async () => {
  artifact = { status: 200, body: '{"version": 1}' };
  const { exitCode, problems } = await failureOf(() => ask());
  expect(exitCode).toBe(2);
  expect(problems[0]).toContain('models:/shop/3/');
});

test('a registry that fails is no registry without a schema', async () => {
  known = 500;
  expect(await failureOf(() => ask())).toMatchObject({ exitCode: 3 });
});
