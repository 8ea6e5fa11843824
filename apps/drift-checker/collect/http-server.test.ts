import { connect } from 'node:net';
import { failureOf } from '../../common/testing/problems';
import { repeat, SILENT } from '../../common/testing/test-data';
import { SHOP_SCHEMA } from '../commands/testing/shop';
import { CaptureServer } from './http-server';
import { CaptureWorld, type CaptureWorldOptions, eventHeaders, RESPONSE, until } from './testing/capture-world';

let world: CaptureWorld;
const start = async (options: CaptureWorldOptions = {}): Promise<CaptureWorld> =>
  (world = await CaptureWorld.start(options));
afterEach(async () => {
  await world.stop();
  jest.restoreAllMocks();
});

const BODY = JSON.stringify({ instances: [{ amount: 1, country: 'DE' }] });
/** The head of an event, as it goes over the wire. */
const head = (more: string, changes: Record<string, string | undefined> = {}): string =>
  `POST / HTTP/1.1\r\nHost: x\r\n${Object.entries(eventHeaders(changes))
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}${more}\r\n`;
const whole = (body: string, changes?: Record<string, string | undefined>): string =>
  `${head(`Content-Length: ${body.length}\r\n`, changes)}${body}`;
const statuses = (text: string): string[] => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1]!);

describe('what there is', () => {
  test('an event is answered once it is on the disk', async () => {
    await start();
    expect(await world.event(BODY)).toMatchObject({ status: 200, body: '{"outcome":"stored"}\n' });
    expect(world.records()).toMatchObject([
      { kind: 'request', id: 'call-1', version: '1', body: JSON.parse(BODY) as object },
    ]);
    expect(await world.outcomes()).toEqual({ 'request stored': 1 });
  });

  test('it lives, it is ready until its end is announced, and it tells what it counts', async () => {
    await start();
    expect(await world.call('GET', '/healthz')).toMatchObject({ status: 200, body: '{"live":true}\n' });
    expect(await world.call('GET', '/readyz?verbose')).toMatchObject({ status: 200, body: '{"ready":true}\n' });
    const metrics = await world.call('GET', '/metrics');
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(metrics.body).toContain(
      'ml_capture_events_total{model="shop",namespace="ml",kind="label",outcome="stored"} 0',
    );
    world.server.announceEnd();
    expect(await world.call('GET', '/readyz')).toMatchObject({ status: 503, body: '{"ready":false}\n' });
    expect(await world.call('GET', '/healthz')).toMatchObject({ status: 200 });
  });

  test('HEAD is answered as GET, without a body', async () => {
    await start();
    const answer = await world.call('HEAD', '/healthz');
    expect(answer).toMatchObject({ status: 200, body: '', headers: { 'content-length': '14' } });
  });

  test.each([
    ['GET', '/'],
    ['PUT', '/v1/labels'],
    ['OPTIONS', '/v1/predictions'],
    ['DELETE', '/metrics'],
    ['GET', '/v1/models'],
  ])('%s %s is none, and no event', async (method, path) => {
    await start();
    const { status, body } = await world.call(method, path, method === 'PUT' ? 'x' : '');
    expect(status).toBe(404);
    expect(body).toContain(`there is no ${method} ${path}: there are /, /v1/predictions, /v1/labels`);
    expect(await world.outcomes()).toEqual({});
  });

  test('what is posted elsewhere is an event that nobody knows', async () => {
    await start();
    expect((await world.post('/v1/prediction', '{}')).status).toBe(404);
    expect(await world.outcomes()).toEqual({ 'unknown refused_malformed': 1 });
  });

  test('a port that is taken is said', async () => {
    await start();
    const { port, config, collector, metrics, memory } = world;
    const other = new CaptureServer({ config, collector, metrics, memory, schema: SHOP_SCHEMA, log: SILENT });
    const { exitCode, problems } = await failureOf(() => other.listen(port));
    expect(exitCode).toBe(2);
    expect(problems[0]).toContain(`cannot listen on port ${port}: `);
  });
});

describe('a call that is refused', () => {
  test.each([
    [
      'without the headers of an event',
      { 'ce-type': undefined, 'ce-id': undefined },
      400,
      'unknown refused_malformed',
      "the call has no 'ce-' headers",
    ],
    [
      'of another type',
      { 'ce-type': 'com.example.order' },
      400,
      'unknown refused_malformed',
      "'ce-type' is 'com.example.order'",
    ],
    ['without an id', { 'ce-id': undefined }, 400, 'request refused_malformed', "'ce-id' is missing"],
    [
      'of another model',
      { 'ce-inferenceservicename': 'fraud' },
      422,
      'request refused_other_model',
      "the event is of 'fraud'",
    ],
    ['of no model', { 'ce-inferenceservicename': undefined }, 422, 'request refused_other_model', "the event is of ''"],
    ['at no time', { 'ce-time': 'yesterday' }, 400, 'request refused_malformed', "'ce-time' is 'yesterday'"],
    [
      'with annotations that are none',
      { 'ce-annotations': '{"a"' },
      400,
      'request refused_malformed',
      "'ce-annotations' is '{\"a\"'",
    ],
  ])('%s is told why', async (_, headers, status, outcome, message) => {
    await start();
    const answer = await world.event(BODY, headers);
    expect(answer.status).toBe(status);
    expect((JSON.parse(answer.body) as { errors: string[] }).errors[0]).toContain(message);
    expect(await world.outcomes()).toEqual({ [outcome]: 1 });
    expect(world.text()).toBe('');
    expect(world.memory.bytes).toBe(0);
  });

  test('lets the connection be used again', async () => {
    await start();
    const connection = await world.raw();
    connection.say(whole(BODY, { 'ce-inferenceservicename': 'fraud' }));
    await until(() => statuses(connection.received).length === 1);
    connection.say(whole(BODY));
    await until(() => statuses(connection.received).length === 2);
    expect(statuses(connection.received)).toEqual(['422', '200']);
    connection.socket.destroy();
  });
});

describe('a body that is too large', () => {
  const limits = { bodyBytes: 1000 };
  const large = JSON.stringify({ instances: [{ amount: 1, country: 'x'.repeat(3_000_000) }] });

  test('is refused by its length, and the answer arrives though the rest is still sent', async () => {
    await start({ config: { limits } });
    for (let attempt = 0; attempt < 20; attempt++) {
      const answer = await world.event(large);
      expect(answer.status).toBe(413);
      expect(answer.body).toContain('the body is larger than 1000 bytes');
      expect(answer.headers.connection).toBe('close');
    }
    expect(await world.outcomes()).toEqual({ 'request refused_too_large': 20 });
    expect(world.memory.bytes).toBe(0);
  });

  test('is refused when it comes in chunks', async () => {
    await start({ config: { limits } });
    const connection = await world.raw();
    connection.say(head('Transfer-Encoding: chunked\r\n'));
    for (let chunk = 0; chunk < 5; chunk++) connection.say(`12c\r\n${'x'.repeat(300)}\r\n`);
    await connection.closed();
    expect(statuses(connection.received)).toEqual(['413']);
    expect(await world.outcomes()).toEqual({ 'request refused_too_large': 1 });
    expect(world.memory.bytes).toBe(0);
  });

  test('is taken when it is exactly as large as one may be', async () => {
    await start({ config: { limits } });
    const body = JSON.stringify({ instances: [{ amount: 1, country: '' }] });
    const exact = body.replace('""', `"${'x'.repeat(1000 - body.length)}"`);
    expect((await world.event(exact)).status).toBe(200);
    expect((await world.event(exact.replace('x', 'xx'))).status).toBe(413);
  });

  test('is never sent by who asks first', async () => {
    await start({ config: { limits } });
    const connection = await world.raw();
    connection.say(head('Expect: 100-continue\r\nContent-Length: 3000000\r\n'));
    await connection.closed();
    expect(statuses(connection.received)).toEqual(['413']);
    expect(await world.outcomes()).toEqual({ 'request refused_too_large': 1 });
  });

  test('is none: who asks first is told to go on, and answered once', async () => {
    await start({ config: { limits } });
    const connection = await world.raw();
    connection.say(head(`Expect: 100-continue\r\nContent-Length: ${BODY.length}\r\n`));
    await until(() => statuses(connection.received).includes('100'));
    connection.say(BODY);
    await until(() => statuses(connection.received).length > 1);
    expect(statuses(connection.received)).toEqual(['100', '200']);
    connection.socket.destroy();
  });
});

describe('calls on one connection', () => {
  test('may come in chunks, and in one piece with others', async () => {
    await start();
    const connection = await world.raw();
    const chunked = `${head('Transfer-Encoding: chunked\r\n', { 'ce-id': 'chunked' })}a\r\n${BODY.slice(0, 10)}\r\n${(BODY.length - 10).toString(16)}\r\n${BODY.slice(10)}\r\n0\r\n\r\n`;
    connection.say(repeat(50, (row) => whole(BODY, { 'ce-id': `call-${row}` })).join('') + chunked);
    await until(() => statuses(connection.received).length === 51);
    expect(new Set(statuses(connection.received))).toEqual(new Set(['200']));
    expect(world.records().map((record) => 'id' in record && record.id)).toEqual([
      ...repeat(50, (row) => `call-${row}`),
      'chunked',
    ]);
    await world.counted();
    expect(world.memory.bytes).toBe(0);
    connection.socket.destroy();
  });

  test('that are followed by something else are stored, and what follows is counted once', async () => {
    await start();
    const connection = await world.raw();
    connection.say(`${whole(BODY)}this is no HTTP\r\n\r\n`);
    await connection.closed();
    expect(statuses(connection.received).filter((status) => status !== '200')).toEqual([]);
    await until(() => world.text() !== '');
    expect(await world.outcomes()).toEqual({ 'request stored': 1, 'unknown refused_incomplete': 1 });
  });
});

describe('who is slow', () => {
  const limits = { requestSeconds: 1 };

  test('with the headers is cut off, and counted once', async () => {
    await start({ config: { limits } });
    const connection = await world.raw();
    connection.say('POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    await connection.closed();
    expect(statuses(connection.received)).toEqual(['408']);
    expect(await world.outcomes()).toEqual({ 'unknown refused_incomplete': 1 });
  });

  test('with the body is cut off, and counted once as what it is', async () => {
    await start({ config: { limits } });
    const connection = await world.raw();
    connection.say(`${head('Content-Length: 100\r\n', RESPONSE)}{"pre`);
    await connection.closed();
    expect(statuses(connection.received)).toEqual(['408']);
    await until(async () => Object.keys(await world.outcomes()).length > 0);
    expect(await world.outcomes()).toEqual({ 'response refused_incomplete': 1 });
    expect(world.memory.bytes).toBe(0);
  });

  test('and does not hang up is hung up on', async () => {
    await start({ config: { limits } });
    const socket = connect({ port: world.port, host: '127.0.0.1', allowHalfOpen: true }, () =>
      socket.write(`${head('Content-Length: 100\r\n')}x`),
    );
    socket.on('error', () => undefined).resume();
    await new Promise<void>((resolve) => socket.once('end', resolve));
    const server = (
      world.server as unknown as { server: { getConnections(f: (_: unknown, count: number) => void): void } }
    ).server;
    await until(() => new Promise<boolean>((resolve) => server.getConnections((_, count) => resolve(count === 0))));
    socket.destroy();
  });

  test('and says nothing at all is no call', async () => {
    await start({ config: { limits } });
    const connection = await world.raw();
    await connection.closed();
    expect(await world.outcomes()).toEqual({});
  });

  test('does not keep others from being answered', async () => {
    await start({ config: { limits: { requestSeconds: 60 } } });
    const slow = await Promise.all(repeat(200, () => world.raw()));
    for (const each of slow) each.say(head('Content-Length: 100\r\n'));
    expect((await world.event(BODY)).status).toBe(200);
    for (const each of slow) each.socket.destroy();
    await until(async () => (await world.outcomes())['request refused_incomplete'] === 200);
    expect(world.memory.bytes).toBe(0);
  });
});

describe('who breaks off', () => {
  test.each([
    ['in the headers', 'POST / HTTP/1.1\r\nHost', 'unknown refused_incomplete'],
    ['in the body', `${head('Content-Length: 100\r\n')}{"ins`, 'request refused_incomplete'],
    ['in a chunk', `${head('Transfer-Encoding: chunked\r\n')}ff\r\n{"ins`, 'request refused_incomplete'],
  ])('%s is counted once', async (_, text, outcome) => {
    await start();
    const connection = await world.raw();
    connection.say(text);
    connection.socket.end();
    await until(async () => (await world.outcomes())[outcome] === 1);
    await connection.closed();
    expect(await world.outcomes()).toEqual({ [outcome]: 1 });
    expect(world.memory.bytes).toBe(0);
  });

  test('after an answer has sent no call', async () => {
    await start();
    const connection = await world.raw();
    connection.say(whole(BODY));
    await until(() => connection.received.includes('200 OK'));
    connection.socket.resetAndDestroy();
    expect((await world.event(BODY)).status).toBe(200);
    expect(await world.outcomes()).toEqual({ 'request stored': 2 });
  });

  test.each([
    ['no HTTP', 'hello\r\n\r\n', '400'],
    ['a flood of headers', `POST / HTTP/1.1\r\nHost: x\r\n${'X-Flood: 0123456789\r\n'.repeat(3000)}\r\n`, '431'],
    ['a contradiction', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n', '400'],
    ['a length that is none', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n', '400'],
  ])('by %s is told, and counted once', async (_, text, status) => {
    await start();
    const connection = await world.raw();
    connection.say(text);
    await connection.closed();
    expect(statuses(connection.received)).toEqual([status]);
    expect(await world.outcomes()).toEqual({ 'unknown refused_incomplete': 1 });
  });
});

describe('too much', () => {
  test('connections: those beyond the limit are dropped and counted, and the others go on', async () => {
    await start({ config: { limits: { connections: 3 } } });
    const held = await Promise.all(repeat(3, () => world.raw()));
    await until(() => new Promise((resolve) => setImmediate(resolve, true)));
    const dropped = await Promise.all(repeat(4, () => world.raw()));
    await Promise.all(dropped.map((each) => each.closed()));
    held[0]!.say(whole(BODY));
    await until(() => statuses(held[0]!.received).length === 1);
    for (const each of held) each.socket.destroy();
    expect(await world.outcomes()).toEqual({ 'request stored': 1, 'unknown shed_memory': 4 });
  });

  test('in memory: bodies beyond it are shed, counted exactly, and taken again once there is room', async () => {
    await start({ config: { limits: { memoryBytes: 20_000, bodyBytes: 8000 } } });
    const connections = await Promise.all(repeat(3, () => world.raw()));
    for (const each of connections.slice(0, 2)) each.say(`${head('Content-Length: 7000\r\n')}${'x'.repeat(6999)}`);
    await until(() => world.memory.bytes > 17_000);
    connections[2]!.say(`${head('Content-Length: 7000\r\n')}${'x'.repeat(6999)}`);
    await until(() => statuses(connections[2]!.received).length === 1);
    expect(statuses(connections[2]!.received)).toEqual(['503']);
    expect(connections[2]!.received).toContain('retry-after: 5');
    for (const each of connections.slice(0, 2)) each.say('x');
    await until(() => connections.slice(0, 2).every((each) => statuses(each.received)[0] === '200'));
    for (const each of connections) each.socket.destroy();
    await until(async () => (await world.outcomes())['request shed_memory'] === 1);
    expect(await world.outcomes()).toEqual({ 'request stored': 2, 'request shed_memory': 1 });
    expect(world.memory.bytes).toBe(0);
    expect((await world.event(BODY)).status).toBe(200);
  });

  test('in memory: many small calls are bounded as well as few large ones while the disk hangs', async () => {
    const release: (() => void)[] = [];
    const events = { append: () => new Promise<void>((resolve) => release.push(resolve)) };
    await start({ events, patienceMs: 50, config: { limits: { memoryBytes: 100_000, bodyBytes: 1000 } } });
    const answers = await Promise.all(repeat(100, () => world.event(BODY)));
    const taken = answers.filter(({ status }) => status === 202);
    expect(taken.length).toBeLessThan(50);
    expect(taken.length).toBeGreaterThan(30);
    expect(taken[0]!.body).toBe('{"outcome":"accepted"}\n');
    for (const each of release) each();
    await until(async () => (await world.outcomes())['request stored'] === taken.length);
    expect(await world.outcomes()).toEqual({
      'request stored': taken.length,
      'request shed_memory': 100 - taken.length,
    });
    expect(world.memory.bytes).toBe(0);
  });

  test('on the disk: events are shed before labels, and counted exactly', async () => {
    await start({ config: { limits: { bufferBytes: 3000, segmentBytes: 3000 } } });
    const answers = await Promise.all(repeat(40, (row) => world.event(BODY, { 'ce-id': `call-${row}` })));
    const stored = answers.filter(({ status }) => status === 200).length;
    const shed = answers.filter(({ status }) => status === 507);
    expect(shed[0]!.body).toBe('{"outcome":"shed_buffer"}\n');
    expect(stored + shed.length).toBe(40);
    expect(world.records()).toHaveLength(stored);
    expect(world.text().length).toBeLessThanOrEqual(3000);
    expect((await world.post('/v1/labels', { request_id: 'a', label: 'yes' })).status).toBe(200);
    expect(await world.outcomes()).toEqual({
      'request stored': stored,
      'request shed_buffer': shed.length,
      'label stored': 1,
    });
  });

  test('of the disk: what it refuses is shed and counted, and said', async () => {
    await start({ events: { append: () => Promise.reject(new Error('ENOSPC')) } });
    expect(await world.event(BODY)).toMatchObject({ status: 507, body: '{"outcome":"shed_disk"}\n' });
    expect(await world.outcomes()).toEqual({ 'request shed_disk': 1 });
    await world.counted();
    expect(world.memory.bytes).toBe(0);
  });
});

describe('the unexpected', () => {
  test('is answered with 500, counted, and gives its memory back', async () => {
    await start();
    jest.spyOn(world.collector, 'takeCalls').mockRejectedValueOnce(new TypeError('a bug'));
    expect((await world.event(BODY)).status).toBe(500);
    expect(await world.outcomes()).toEqual({ 'request refused_malformed': 1 });
    expect(world.memory.bytes).toBe(0);
    expect((await world.event(BODY)).status).toBe(200);
  });
});

describe('the end', () => {
  test('is announced: calls are still taken, and sent elsewhere from then on', async () => {
    await start();
    world.server.announceEnd();
    const answer = await world.call('POST', '/', BODY, { ...eventHeaders(), connection: 'keep-alive' });
    expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
  });

  test('comes: what was begun is answered, what begins then is refused', async () => {
    await start();
    const [begun, open] = [await world.raw(), await world.raw()];
    begun.say(`${head(`Content-Length: ${BODY.length}\r\n`)}${BODY.slice(0, 5)}`);
    open.say('POST / HTTP/1.1\r\n');
    await until(() => world.memory.bytes > 0);
    const closed = world.server.close();
    open.say(whole(BODY).slice('POST / HTTP/1.1\r\n'.length));
    begun.say(BODY.slice(5));
    await closed;
    await Promise.all([begun.closed(), open.closed()]);
    expect(statuses(begun.received)).toEqual(['200']);
    expect(statuses(open.received)).toEqual(['503']);
    expect(await world.outcomes()).toEqual({ 'request stored': 1, 'request shed_ending': 1 });
  });

  test('waits for nobody for longer than a call may take', async () => {
    await start({ config: { limits: { requestSeconds: 1 } } });
    const [silent, slow] = [await world.raw(), await world.raw()];
    slow.say(`${head('Content-Length: 100\r\n')}x`);
    await until(() => world.memory.bytes > 0);
    await world.server.close();
    await Promise.all([silent.closed(), slow.closed()]);
    await until(async () => Object.keys(await world.outcomes()).length > 0);
    expect(await world.outcomes()).toEqual({ 'request refused_incomplete': 1 });
  });
});
