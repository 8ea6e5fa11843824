import { createServer, type Server } from 'node:net';
import { ask, type Patience } from './http';
import { type Answer, LocalServer } from './testing/local-server';
import { failureOf } from './testing/problems';

const SHORT: Patience = { attempts: 3, backoffMs: 20, timeoutMs: 150 };
let server: LocalServer;
afterEach(() => server?.stop());

/** A server that says one thing after the other, the last one for ever. */
async function answers(...all: Answer[]): Promise<void> {
  server = await LocalServer.start((_, count) => all[Math.min(count, all.length) - 1]!);
}

test('a request arrives as it is meant, and its answer is returned', async () => {
  await answers({ status: 201, body: 'grüße' });
  const request = { method: 'PUT', headers: { 'x-a': 'b' }, body: 'ÿ' } as const;
  expect(await ask(`${server.url}/a?b=c`, request)).toEqual({ status: 201, text: 'grüße' });
  expect(server.received).toMatchObject([{ method: 'PUT', path: '/a?b=c', body: 'ÿ', headers: { 'x-a': 'b' } }]);
});

test.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('the body of a %s arrives with its length', async (method) => {
  await answers({ status: 200 });
  await ask(server.url, { method, body: '{"name":"ü"}' });
  expect(server.received).toMatchObject([{ method, body: '{"name":"ü"}', headers: { 'content-length': '13' } }]);
});

test.each([[408], [425], [429], [500], [502], [503], [504]])('%d is asked again', async (status) => {
  await answers({ status }, { status: 200, body: 'done' });
  expect(await ask(server.url, {}, SHORT)).toEqual({ status: 200, text: 'done' });
  expect(server.received).toHaveLength(2);
});

test.each([[200], [301], [400], [401], [403], [404], [409], [422]])('%d is an answer', async (status) => {
  await answers({ status, body: 'x' });
  expect(await ask(server.url, {}, SHORT)).toEqual({ status, text: 'x' });
  expect(server.received).toHaveLength(1);
});

test('a status that does not pass is returned after the last attempt', async () => {
  await answers({ status: 503, body: 'busy' });
  expect(await ask(server.url, {}, SHORT)).toEqual({ status: 503, text: 'busy' });
  expect(server.received).toHaveLength(3);
});

test('the wait doubles with each attempt', async () => {
  const times: number[] = [];
  server = await LocalServer.start(() => (times.push(Date.now()), { status: 503 }));
  await ask(server.url, {}, { attempts: 4, backoffMs: 50, timeoutMs: 1000 });
  const waits = times.slice(1).map((time, index) => time - times[index]!);
  expect(waits.map((wait, index) => wait >= 50 * 2 ** index - 2)).toEqual([true, true, true]);
});

test('a connection that is closed is asked again', async () => {
  await answers('hang-up', { status: 200, body: 'done' });
  expect((await ask(server.url, {}, SHORT)).text).toBe('done');
});

test('a server that does not listen is unreachable, by its name', async () => {
  await answers({ status: 200 });
  const { port } = server;
  await server.stop();
  const { exitCode, problems } = await failureOf(() => ask(`http://127.0.0.1:${port}/a`, {}, SHORT));
  expect(exitCode).toBe(3);
  expect(problems).toEqual([
    `127.0.0.1:${port} does not answer after 3 attempts: connect ECONNREFUSED 127.0.0.1:${port}`,
  ]);
});

test('a server that never answers is given up after the time of every attempt', async () => {
  await answers('silence');
  const started = Date.now();
  const { exitCode, problems } = await failureOf(() => ask(server.url, {}, SHORT));
  expect(Date.now() - started).toBeLessThan(5_000);
  expect(exitCode).toBe(3);
  expect(problems).toEqual([`127.0.0.1:${server.port} does not answer after 3 attempts: no answer within 0.15 s`]);
  expect(server.received).toHaveLength(3);
});

describe('an answer that stops in the middle', () => {
  let raw: Server;
  afterEach(() => new Promise((resolve) => raw.close(resolve)));

  /** @param after what happens after the first bytes of the body */
  async function cut(after: 'end' | 'stall'): Promise<string> {
    raw = createServer((socket) => {
      socket.on('error', () => undefined).resume();
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
      if (after === 'end') setTimeout(() => socket.destroy(), 20);
    });
    await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(raw.address() as { port: number }).port}`;
  }

  test.each(['end', 'stall'] as const)('(%s) is no answer', async (after) => {
    const url = await cut(after);
    const { exitCode, problems } = await failureOf(() => ask(url, {}, { ...SHORT, attempts: 2 }));
    expect(exitCode).toBe(3);
    expect(problems[0]).toContain('does not answer after 2 attempts');
  });
});

test('an end is told at once, in the middle of a request and of a wait', async () => {
  await answers('silence');
  const slow: Patience = { attempts: 3, backoffMs: 60_000, timeoutMs: 60_000 };
  const reason = new Error('ended by SIGTERM');
  const asked = ask(server.url, { signal: AbortSignal.timeout(50) }, slow);
  await expect(asked).rejects.toThrow('aborted due to timeout');
  await server.stop();
  await answers({ status: 503 });
  const ended = new AbortController();
  const waiting = ask(server.url, { signal: ended.signal }, slow);
  setTimeout(() => ended.abort(reason), 50);
  await expect(waiting).rejects.toThrow();
  expect(server.received).toHaveLength(1);
});

test.each([['mlflow:5000'], ['mlflow'], ['ftp://host/'], ['http://']])(
  '%s is not an address, and never asked',
  async (url) => {
    expect(await failureOf(() => ask(url, {}, SHORT))).toEqual({
      exitCode: 2,
      problems: [`'${url}' must be an address like http://host:port`],
    });
  },
);
