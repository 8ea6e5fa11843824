import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { archiveObjects } from './object-lifecycle';

const HEADERS = {
  'content-type': 'application/json',
  'content-encoding': 'gzip',
  'content-disposition': 'attachment',
  'content-language': 'en',
  'cache-control': 'no-transform',
  'x-amz-meta-made-by': 'train',
};
const OBJECT = { bucket: 'models', key: 'run 1/model.json.gz', bytes: 12 };
const requests: { method: string; path: string; headers: IncomingHttpHeaders }[] = [];
const saved = { ...process.env };
let server: Server;

beforeAll(async () => {
  server = createServer(({ method = '', url = '', headers }, response) => {
    requests.push({ method, path: url, headers });
    if (method === 'HEAD') return void response.writeHead(200, HEADERS).end();
    const tag = '<Tag><Key>team</Key><Value>fraud</Value></Tag>';
    if (method === 'GET') return void response.end(`<Tagging><TagSet>${tag}</TagSet></Tagging>`);
    const upload = method === 'POST' ? '<R><UploadId>u</UploadId></R>' : '<R><ETag>"e"</ETag></R>';
    response.end(upload);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' };
  Object.assign(process.env, {
    ...credentials,
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
    AWS_MAX_ATTEMPTS: '1',
  });
});
beforeEach(() => (requests.length = 0));
afterAll(async () => {
  process.env = saved;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test.each([
  ['at once', { whole: 12, part: 5 }, 'PUT'],
  ['in parts', { whole: 11, part: 5 }, 'POST'],
])('an object that is archived %s is what it was, but for its tag', async (_, limits, method) => {
  await archiveObjects([OBJECT], limits);
  const copy = requests.find((request) => request.method === method)!;
  expect(copy.path).toMatch(/^\/models\/run%201\/model\.json\.gz/);
  expect(copy.headers).toMatchObject({ ...HEADERS, 'x-amz-tagging': 'team=fraud&lifecycle=archived' });
});
