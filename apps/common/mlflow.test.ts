import { MlflowClient } from './mlflow';
import { type Answer, LocalServer, type Received } from './testing/local-server';
import { failureOf } from './testing/problems';

let server: LocalServer;
afterEach(() => server?.stop());

async function client(
  answer: Answer | ((request: Received) => Answer),
  env: Record<string, string> = {},
): Promise<MlflowClient> {
  server = await LocalServer.start(typeof answer === 'function' ? answer : () => answer);
  return new MlflowClient({
    ...{ trackingUri: `${server.url}/`, env },
    patience: { attempts: 2, backoffMs: 5, timeoutMs: 1000 },
  });
}

const VERSION = { name: 'churn', version: 3, run_id: 'r1', creation_timestamp: '1700000000000', source: 's3://a/3' };

describe('the version of an alias', () => {
  test('is read, whatever the types of its numbers', async () => {
    const mlflow = await client({
      status: 200,
      body: { model_version: { ...VERSION, tags: [{ key: 'a', value: 'b' }] } },
    });
    expect(await mlflow.versionByAlias('a model', 'champion')).toEqual({
      version: '3',
      runId: 'r1',
      source: 's3://a/3',
      ready: true,
      createdAt: new Date('2023-11-14T22:13:20Z'),
      tags: { a: 'b' },
    });
    expect(server.received[0]?.path).toBe('/api/2.0/mlflow/registered-models/alias?name=a+model&alias=champion');
  });

  test.each([
    [400, { error_code: 'INVALID_PARAMETER_VALUE', message: 'Registered model alias champion not found.' }],
    [404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'Registered Model with name=churn not found' }],
  ])('is nothing when there is none (%d)', async (status, body) => {
    expect(await (await client({ status, body })).versionByAlias('churn')).toBeUndefined();
  });

  test('is not nothing when another server answers 404', async () => {
    const mlflow = await client({ status: 404, body: '<html>nothing here</html>' });
    const { exitCode, problems } = await failureOf(() => mlflow.versionByAlias('churn'));
    expect(exitCode).toBe(2);
    expect(problems).toEqual([
      `the tracking server ${server.url}/ answered 404 for the version 'churn@champion': <html>nothing here</html>`,
    ]);
  });

  test('is not nothing when the request was wrong', async () => {
    const mlflow = await client({ status: 400, body: { message: 'Invalid alias name' } });
    expect((await failureOf(() => mlflow.versionByAlias('churn', '§'))).problems[0]).toContain('Invalid alias name');
  });

  test('has no run when the run is empty', async () => {
    const mlflow = await client({ status: 200, body: { model_version: { ...VERSION, run_id: '' } } });
    expect((await mlflow.versionByAlias('churn'))?.runId).toBeUndefined();
  });
});

describe('a version by its number', () => {
  test('is read', async () => {
    const mlflow = await client({ status: 200, body: { model_version: VERSION } });
    expect(await mlflow.version('churn', '3')).toMatchObject({ version: '3', runId: 'r1' });
    expect(server.received[0]?.path).toBe('/api/2.0/mlflow/model-versions/get?name=churn&version=3');
  });

  test('is nothing when there is none', async () => {
    const mlflow = await client({ status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } });
    expect(await mlflow.version('churn', '9')).toBeUndefined();
  });
});

describe('the newest version', () => {
  test('is the first of those that were registered last', async () => {
    const mlflow = await client({ status: 200, body: { model_versions: [VERSION] } });
    expect(await mlflow.newestVersion('churn')).toMatchObject({ version: '3' });
    const { searchParams } = new URL(server.received[0]!.path, server.url);
    expect(Object.fromEntries(searchParams)).toEqual({
      filter: "name='churn'",
      max_results: '1',
      order_by: 'creation_timestamp DESC',
    });
  });

  test('is nothing when none was registered', async () => {
    expect(await (await client({ status: 200, body: {} })).newestVersion('churn')).toBeUndefined();
  });
});

describe('an artifact', () => {
  test('is read by the run', async () => {
    const mlflow = await client({ status: 200, body: 'text' });
    expect(await mlflow.artifact('r1', 'monitoring/a.json')).toBe('text');
    expect(server.received[0]?.path).toBe('/get-artifact?run_uuid=r1&path=monitoring%2Fa.json');
  });

  test.each([
    [404, 'Not Found'],
    [500, 'FileNotFoundError: No such file or directory'],
  ])('is nothing when there is none (%d)', async (status, body) => {
    expect(await (await client({ status, body })).artifact('r1', 'a')).toBeUndefined();
  });

  test('is nothing, without a question, when the version has no run', async () => {
    const mlflow = await client({ status: 500 });
    expect(await mlflow.artifact(undefined, 'a')).toBeUndefined();
    expect(server.received).toHaveLength(0);
  });

  test('is not nothing when the server failed', async () => {
    const mlflow = await client({ status: 500, body: 'database is locked' });
    expect(await failureOf(() => mlflow.artifact('r1', 'a'))).toEqual({
      exitCode: 3,
      problems: [`the tracking server ${server.url}/ answered 500 for the artifact 'a' of run r1: database is locked`],
    });
  });
});

describe('a refusal', () => {
  const refusal = async (status: number, body: string): Promise<{ exitCode: number; problem: string }> => {
    const mlflow = await client({ status, body });
    const { exitCode, problems } = await failureOf(() => mlflow.versionByAlias('churn'));
    return { exitCode, problem: problems.join().replace(server.url, 'URL') };
  };

  test('of the host name says what to add, and where', async () => {
    expect(await refusal(403, 'Invalid Host header - possible DNS rebinding attack detected')).toEqual({
      exitCode: 2,
      problem:
        'the tracking server URL/ refuses its own name (Invalid Host header): add the name, with port, to its --allowed-hosts',
    });
  });

  test.each([[401], [403]])('of the credentials names the variable (%d)', async (status) => {
    expect(await refusal(status, 'Permission denied')).toEqual({
      exitCode: 2,
      problem: `the tracking server URL/ refuses to tell the version 'churn@champion' (${status}): check MLFLOW_TRACKING_TOKEN (or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD) and the permissions that come with it`,
    });
  });

  test.each([[429], [500], [503]])('that may pass is tried again, and then unreachable (%d)', async (status) => {
    expect((await refusal(status, 'later')).exitCode).toBe(3);
    expect(server.received).toHaveLength(2);
  });

  test('by something else than a tracking server shows what came', async () => {
    expect(await refusal(200, '<!doctype html><title>Login</title>')).toEqual({
      exitCode: 3,
      problem:
        "URL/ is not a tracking server: got '<!doctype html><title>Login</title>' for the version 'churn@champion'",
    });
  });

  test.each([['{"status": "ok"}'], ['null'], ['[]']])('by the JSON %s shows it', async (body) => {
    expect((await refusal(200, body)).problem).toContain(`is not a tracking server: got '${body}'`);
  });
});

describe('the identity', () => {
  test.each([
    [{ MLFLOW_TRACKING_TOKEN: 't', MLFLOW_TRACKING_USERNAME: 'u' }, 'Bearer t'],
    [{ MLFLOW_TRACKING_USERNAME: 'u', MLFLOW_TRACKING_PASSWORD: 'pä' }, 'Basic dTpww6Q='],
    [{ MLFLOW_TRACKING_USERNAME: 'u' }, 'Basic dTo='],
    [{}, undefined],
  ])('of %j is sent as %s', async (env, expected) => {
    const mlflow = await client({ status: 200, body: {} }, env);
    await mlflow.newestVersion('churn');
    expect(server.received[0]?.headers.authorization).toBe(expected);
  });
});

test('certificates that cannot be read are said before anything is asked', async () => {
  const mlflow = await client({ status: 200, body: {} }, { MLFLOW_TRACKING_SERVER_CERT_PATH: '/nowhere/ca.pem' });
  const { exitCode, problems } = await failureOf(() => mlflow.newestVersion('churn'));
  expect([exitCode, problems]).toEqual([
    2,
    [expect.stringMatching(/^cannot read MLFLOW_TRACKING_SERVER_CERT_PATH: ENOENT/)],
  ]);
  expect(server.received).toEqual([]);
});
