import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program, type Running } from '../../../test/support/program';
import { type Answer, LocalServer } from '../../common/testing/local-server';
import { repeat } from '../../common/testing/test-data';
import { type CallRecord, parseRecord } from '../collect/capture-record';
import { captureConfig, eventHeaders, seriesOf, textsIn, until } from '../collect/testing/capture-world';
import { SHOP_SCHEMA, writeFiles } from './testing/shop';

/* The program as the image has it: ended, killed and started again while it is sent to. */

const program = Program.build('drift-checker');
const BODY = JSON.stringify({ instances: [[1, 'DE']] });
let world: string;
let port: number;
const running: Running[] = [];
const agents: Agent[] = [];
const servers: LocalServer[] = [];
const at = (name: string): string => join(world, name);

beforeEach(async () => {
  world = mkdtempSync(join(tmpdir(), 'collect-'));
  port = await freePort();
  writeFiles(world, { 'schema.json': SHOP_SCHEMA });
  configure();
});
afterEach(async () => {
  for (const each of running) each.kill('SIGKILL');
  await Promise.all(running.splice(0).map(({ ended }) => ended));
  for (const agent of agents.splice(0)) agent.destroy();
  for (const server of servers.splice(0)) await server.stop();
  rmSync(world, { recursive: true, force: true });
});
afterAll(() => program.remove());

function configure(changes: Parameters<typeof captureConfig>[0] = {}): void {
  writeFiles(world, { 'capture.yaml': captureConfig({ schema: at('schema.json'), log: at('log'), ...changes }) });
}

function begin(more: readonly string[] = [], env: Record<string, string> = {}): Running {
  const options = ['--config', at('capture.yaml'), '--buffer', at('buffer'), '--port', String(port)];
  const collector = program.start(['collect', ...options, '--farewell', '0', ...more], env);
  running.push(collector);
  return collector;
}

async function ready(): Promise<void> {
  await until(() =>
    get('/readyz').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
}

function call(
  method: string,
  path: string,
  body: string,
  headers: Record<string, string>,
  agent?: Agent,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method, path, headers, agent }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, body: text })).on('error', reject);
    });
    sent.on('error', reject).end(body);
  });
}
const get = (path: string): Promise<{ status: number; body: string }> => call('GET', path, '', {});

/** Sends events one after the other on some connections until it is told to stop, or the collector is gone. */
class Sender {
  public readonly acknowledged: string[] = [];
  /** Taken, and at that time not on the disk yet. */
  public accepted = 0;
  public refused = 0;
  private ended = false;
  private readonly loops: Promise<void>[];

  constructor(name: string) {
    const agent = new Agent({ keepAlive: true });
    agents.push(agent);
    this.loops = repeat(8, (loop) => this.send(`${name}-${loop}`, agent));
  }

  public get taken(): number {
    return this.acknowledged.length + this.accepted;
  }

  public stop(): Promise<unknown> {
    this.ended = true;
    return Promise.all(this.loops);
  }

  private async send(name: string, agent: Agent): Promise<void> {
    for (let row = 0; !this.ended; row++) {
      const id = `${name}-${row}`;
      const answer = await call('POST', '/', BODY, eventHeaders({ 'ce-id': id }), agent).catch(() => undefined);
      if (!answer) return;
      if (answer.status === 200) this.acknowledged.push(id);
      else if (answer.status === 202) this.accepted++;
      else this.refused++;
    }
  }
}

const ids = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (parseRecord(line) as CallRecord).id);

/** Everything that was acknowledged is there, once. */
function expectAll(senders: readonly Sender[], text: string): void {
  const found = ids(text);
  const stored = new Set(found);
  expect(senders.flatMap(({ acknowledged }) => acknowledged).filter((id) => !stored.has(id))).toEqual([]);
  expect(found.length).toBe(stored.size);
}

async function serve(answer: () => Answer): Promise<{ AWS_ENDPOINT_URL_S3: string } & Record<string, string>> {
  const server = await LocalServer.start(answer);
  servers.push(server);
  return { AWS_ENDPOINT_URL_S3: server.url, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_MAX_ATTEMPTS: '1' };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}

test('told to end, it brings everything that it acknowledged to the store, and leaves nothing', async () => {
  const collector = begin();
  await ready();
  const sender = new Sender('a');
  await until(() => sender.acknowledged.length > 500);
  collector.kill('SIGTERM');
  const { code, stdout, errors } = await collector.ended;
  expect([code, errors]).toEqual([0, []]);
  expect(stdout).toBe(`drift-checker collects for 'shop' on port ${port}, into ${at('log')}\n`);
  await sender.stop();
  expectAll([sender], textsIn(at('log')));
  expect(readdirSync(at('buffer/events'))).toEqual([]);
});

test('killed again and again, it loses nothing that it acknowledged, and says what it had begun', async () => {
  const senders: Sender[] = [];
  for (let time = 0; time < 3; time++) {
    const collector = begin();
    await ready();
    const sender = new Sender(String(time));
    senders.push(sender);
    await until(() => sender.acknowledged.length > 300);
    collector.kill('SIGKILL');
    await Promise.all([collector.ended, sender.stop()]);
  }
  // As if the kill had come in the midst of a line.
  writeFileSync(at('buffer/events/1-torn.jsonl'), '{"kind":"request","id":"torn');
  const collector = begin();
  await ready();
  expect(
    seriesOf((await get('/metrics')).body)['ml_capture_findings_total{kind="torn_record"}'],
  ).toBeGreaterThanOrEqual(1);
  collector.kill('SIGTERM');
  expect((await collector.ended).code).toBe(0);
  expectAll(senders, textsIn(at('log')));
});

test('without its store it goes on, says how much waits, and brings everything once the store is back', async () => {
  writeFileSync(at('log'), 'in the way');
  configure({ limits: { segmentBytes: 20_000 } });
  const collector = begin();
  await ready();
  const sender = new Sender('a');
  await until(() => sender.acknowledged.length > 500);
  await sender.stop();
  const series = seriesOf((await get('/metrics')).body);
  expect(series.ml_capture_buffer_bytes).toBeGreaterThan(500 * 100);
  expect(series['ml_capture_uploads_total{outcome="failed"}']).toBeGreaterThan(0);
  expect(series['ml_capture_events_total{kind="request",outcome="stored"}']).toBe(sender.taken);
  rmSync(at('log'));
  collector.kill('SIGTERM');
  expect((await collector.ended).code).toBe(0);
  expectAll([sender], textsIn(at('log')));
});

test('with a full buffer it sheds, counts exactly what, and keeps what it has', async () => {
  writeFileSync(at('log'), 'in the way');
  configure({ limits: { segmentBytes: 20_000, bufferBytes: 50_000 } });
  const collector = begin();
  await ready();
  const sender = new Sender('a');
  await until(() => sender.refused > 100);
  await sender.stop();
  const series = seriesOf((await get('/metrics')).body);
  expect(series['ml_capture_events_total{kind="request",outcome="stored"}']).toBe(sender.taken);
  expect(series['ml_capture_events_total{kind="request",outcome="shed_buffer"}']).toBe(sender.refused);
  expect(series.ml_capture_buffer_bytes).toBeLessThanOrEqual(50_000);
  rmSync(at('log'));
  collector.kill('SIGTERM');
  expect((await collector.ended).code).toBe(0);
  expectAll([sender], textsIn(at('log')));
});

test('an unfinished call does not keep it from ending', async () => {
  configure({ limits: { requestSeconds: 1 } });
  const collector = begin();
  await ready();
  await call('POST', '/', BODY, eventHeaders());
  const silent = connect({ port, host: '127.0.0.1' });
  silent.on('error', () => undefined);
  await new Promise((resolve) => silent.once('connect', resolve));
  collector.kill('SIGTERM');
  expect((await collector.ended).code).toBe(0);
  silent.destroy();
  expect(ids(textsIn(at('log')))).toEqual(['call-1']);
});

test('told to end before it has begun, it ends', async () => {
  configure({ registry: (await LocalServer.start(() => 'silence').then((each) => (servers.push(each), each))).url });
  const collector = begin();
  await until(() => servers[0]!.received.length > 0);
  collector.kill('SIGTERM');
  expect((await collector.ended).code).toBe(0);
}, 30_000);

test('a store that refuses is tried again and again, while it goes on', async () => {
  configure({ log: 's3://bucket/log', limits: { segmentBytes: 1 } });
  const env = await serve(() => ({ status: 403, body: '<Error><Code>AccessDenied</Code></Error>' }));
  begin([], env);
  await ready();
  for (let row = 0; row < 4; row++) await call('POST', '/', BODY, eventHeaders({ 'ce-id': String(row) }));
  await until(() => servers[0]!.received.length >= 3);
  expect(decodeURIComponent(servers[0]!.received[0]!.path)).toMatch(
    /^\/bucket\/log\/_events\/dt=.*\/hour=.*\.jsonl\.gz/,
  );
  expect((await get('/healthz')).status).toBe(200);
});

test.each([
  ['--farewell', '-1', /farewell/],
  ['--farewell', 'soon', /farewell/],
  ['--port', '70000', /port/],
])('%s %s is refused before anything is collected', async (option, value, message) => {
  const { code, errors } = await begin([option, value]).ended;
  expect(code).toBe(2);
  expect(errors.join('\n')).toMatch(message);
});

test('a port that is taken ends it, though segments wait for a store that is gone', async () => {
  writeFileSync(at('log'), 'in the way');
  writeFiles(world, { 'buffer/events/1-a.jsonl': '{"kind":"request","id":"a","received":1,"data":{}}\n' });
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, resolve));
  const { code, errors } = await begin().ended;
  other.close();
  expect(code).toBe(2);
  expect(errors).toEqual([expect.stringContaining(`cannot listen on port ${port}: `)]);
  expect(readFileSync(at('buffer/events/1-a.jsonl'), 'utf8')).toContain('"id":"a"');
});

test('a configuration that does not fit is refused, with everything that is wrong', async () => {
  const [amount, country] = SHOP_SCHEMA.features;
  const features = [
    { ...amount, recorded: 'bucketed' },
    { ...country, recorded: 'hashed' },
  ];
  writeFiles(world, { 'schema.json': { ...SHOP_SCHEMA, model: 'shoe', features } });
  const { code, errors } = await begin().ended;
  expect(code).toBe(2);
  expect(errors).toEqual([
    `'${at('capture.yaml')}' is of model 'shop', the schema '${at('schema.json')}' of 'shoe'`,
    'country must be recorded hashed: set CAPTURE_HASH_KEY to the key, from a Secret',
    `features are recorded by the bins of the reference profile: name the registry in '${at('capture.yaml')}'`,
  ]);
});
