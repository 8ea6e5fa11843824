import { pushMetrics } from './pushgateway';
import { LocalServer } from './testing/local-server';
import { failureOf } from './testing/problems';

const GROUP = { job: 'drift-checker', namespace: 'ml', model: 'a/b' };
let server: LocalServer;
afterEach(() => server.stop());

test.each(['PUT', 'POST'] as const)('%s goes to the group, in the order of its labels', async (method) => {
  server = await LocalServer.start(() => ({ status: 200 }));
  await pushMetrics(`${server.url}/`, method, GROUP, 'a 1\n');
  expect(server.received).toMatchObject([
    { method, path: '/metrics/job/drift-checker/namespace/ml/model/a%2Fb', body: 'a 1\n' },
  ]);
});

test('a refusal is told with what the gateway says', async () => {
  server = await LocalServer.start(() => ({ status: 400, body: 'text format parsing error' }));
  expect(await failureOf(() => pushMetrics(server.url, 'PUT', GROUP, 'x'))).toEqual({
    exitCode: 3,
    problems: [`the Pushgateway ${server.url} answered 400: text format parsing error`],
  });
});
