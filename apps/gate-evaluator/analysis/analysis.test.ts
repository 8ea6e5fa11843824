import { type AnalysisCheck } from 'cdk8s-mlops/contract';
import { LocalServer } from '../../common/testing/local-server';
import { failureOf } from '../../common/testing/problems';
import { type CheckVerdict } from '../gates/check-result';
import { type Analysis } from './analyze-candidate';
import { type Clock, CLOCK, holdUntilJudged } from './hold';
import { judgeReading } from './judge-reading';
import { Prometheus, type Reading } from './prometheus';

const PATIENCE = { attempts: 2, backoffMs: 1, timeoutMs: 200 };
const servers: LocalServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function prometheus(...args: Parameters<typeof LocalServer.start>): Promise<Prometheus> {
  const server = await LocalServer.start(...args);
  servers.push(server);
  return new Prometheus(`${server.url}/prefix/`, { patience: PATIENCE });
}

const success = (resultType: string, result: unknown): object => ({ status: 'success', data: { resultType, result } });
const vector = (...values: string[]): object =>
  success(
    'vector',
    values.map((value, index) => ({ metric: { version: String(index) }, value: [1, value] })),
  );

describe('a query', () => {
  test.each<[string, number, object | string, Reading]>([
    ['one value', 200, vector('0.25'), { value: 0.25 }],
    ['zero', 200, vector('0'), { value: 0 }],
    ['a scalar', 200, success('scalar', [1, '1e-7']), { value: 1e-7 }],
    ['no series', 200, vector(), { why: 'the query has no value: its series are not there, or had nothing to count' }],
    ['several series', 200, vector('1', '2'), { why: 'the query has 2 values, expected one: add them up' }],
    ['not a number', 200, vector('NaN'), { why: 'its value is NaN: there was nothing to measure' }],
    ['infinity', 200, vector('+Inf'), { why: 'its value is +Inf: there was nothing to measure' }],
    [
      'a histogram',
      200,
      success('vector', [{ metric: {}, histogram: [1, {}] }]),
      { why: 'its value is a histogram: there was nothing to measure' },
    ],
    ['a range', 200, success('matrix', []), { why: 'the query has a matrix, expected an instant vector' }],
    [
      'an error',
      400,
      { status: 'error', errorType: 'bad_data', error: 'parse error: unexpected ")"' },
      { why: 'Prometheus answered 400: parse error: unexpected ")"' },
    ],
    [
      'an error that passes, each time',
      503,
      { status: 'error', error: 'query timed out' },
      { why: 'Prometheus answered 503: query timed out' },
    ],
    ['a page of somebody else', 200, '<html>Sign in</html>', { why: 'Prometheus answered 200: <html>Sign in</html>' }],
    ['nothing', 404, '', { why: 'Prometheus answered 404: nothing' }],
    ['JSON that is none of its', 200, 'null', { why: 'Prometheus answered 200: null' }],
  ])('that answers %s', async (_, status, body, reading) => {
    const asked = await prometheus(() => ({ status, body }));
    expect(await asked.read('sum(x{a="ü&"})')).toEqual(reading);
    expect(servers[0]!.received[0]).toMatchObject({ method: 'POST', path: '/prefix/api/v1/query' });
    expect(new URLSearchParams(servers[0]!.received[0]!.body).get('query')).toBe('sum(x{a="ü&"})');
  });

  test('is asked again when it was busy', async () => {
    const asked = await prometheus((_, count) => (count === 1 ? { status: 503 } : { status: 200, body: vector('3') }));
    expect(await asked.read('x')).toEqual({ value: 3 });
  });

  test('that nobody answers is a failure, after all attempts', async () => {
    const asked = await prometheus(() => 'hang-up');
    expect(await failureOf(() => asked.read('x'))).toEqual({
      exitCode: 3,
      problems: [expect.stringMatching(/^127.0.0.1:\d+ does not answer after 2 attempts: /)],
    });
    expect(servers[0]!.received).toHaveLength(2);
  });
});

describe('a value', () => {
  const check = (limits: Pick<AnalysisCheck, 'atMost' | 'atLeast'>): AnalysisCheck => ({
    ...{ name: 'x', query: 'x', summary: 'what it is' },
    ...limits,
  });

  test.each<[Pick<AnalysisCheck, 'atMost' | 'atLeast'>, number, CheckVerdict, string, number]>([
    [{ atMost: 0.02 }, 0.01, 'pass', '0.01 is at most 0.02', 0.02],
    [{ atMost: 0.3 }, 0.1 + 0.2, 'pass', '0.3 is at most 0.3', 0.3],
    [{ atMost: 0.02 }, 0.0201, 'fail', '0.0201 is above 0.02 (what it is)', 0.02],
    [{ atMost: 0 }, 0, 'pass', '0 is at most 0', 0],
    [{ atMost: 0 }, 0.001, 'fail', '0.001 is above 0 (what it is)', 0],
    [{ atLeast: 0.93 }, 0.93, 'pass', '0.93 is at least 0.93', 0.93],
    [{ atLeast: 0 }, 0, 'pass', '0 is at least 0', 0],
    [{ atLeast: 0.93 }, 0.92999999, 'fail', '0.92999999 is below 0.93 (what it is)', 0.93],
    [{ atLeast: 1, atMost: 2 }, 1.5, 'pass', '1.5 is at least 1 and at most 2', 1],
    [{ atLeast: 1, atMost: 2 }, 0.5, 'fail', '0.5 is below 1 (what it is)', 1],
    [{ atLeast: 1, atMost: 2 }, 2.5, 'fail', '2.5 is above 2 (what it is)', 2],
    [{ atMost: -1 }, -1, 'pass', '-1 is at most -1', -1],
  ])('within %p, %p: %s', (limits, value, verdict, reason, limit) => {
    expect(judgeReading(check(limits), { value })).toMatchObject({
      ...{ check: 'x', candidate: value, verdict, reason, limit, severity: 'block' },
    });
  });

  test('that is not there, or may not be judged yet, is inconclusive', () => {
    const missing = judgeReading(check({ atMost: 1 }), { why: 'nobody knows' });
    expect(missing).toMatchObject({ verdict: 'inconclusive', reason: 'nobody knows', limit: 1, rule: 'at most 1' });
    expect(missing).not.toHaveProperty('candidate');
    const early = judgeReading(check({ atMost: 1 }), { value: 7 }, 'too few');
    expect(early).toMatchObject({ verdict: 'inconclusive', reason: 'too few', candidate: 7 });
  });
});

describe('who waits', () => {
  /** A clock that only passes where somebody sleeps, or works. */
  class TestClock implements Clock {
    public readonly slept: number[] = [];
    private time = 5_000;

    public now(): number {
      return this.time;
    }

    public work(seconds: number): void {
      this.time += seconds * 1000;
    }

    public sleep(milliseconds: number): Promise<void> {
      this.slept.push(milliseconds / 1000);
      this.work(milliseconds / 1000);
      return Promise.resolve();
    }
  }

  const answers =
    (clock: TestClock, seconds: number, ...verdicts: CheckVerdict[]) =>
    (): Promise<Analysis> => {
      clock.work(seconds);
      return Promise.resolve({ verdict: verdicts.length > 1 ? verdicts.shift()! : verdicts[0]!, checks: [] });
    };
  const hold = { intervalSeconds: 60, holdSeconds: 150, signal: new AbortController().signal };

  test.each<[string, CheckVerdict[], number, number, CheckVerdict, number[], number]>([
    ['has an answer at once', ['pass'], 0, 150, 'pass', [], 1],
    ['ends at a clear no', ['fail', 'pass'], 0, 150, 'fail', [], 1],
    ['asks again until it passes', ['inconclusive', 'inconclusive', 'pass'], 0, 150, 'pass', [60, 60], 3],
    ['ends at a no after a while', ['inconclusive', 'fail'], 0, 150, 'fail', [60], 2],
    ['gives up at the end, and asks once more then', ['inconclusive'], 0, 150, 'inconclusive', [60, 60, 30], 4],
    ['counts the time that asking takes', ['inconclusive'], 20, 150, 'inconclusive', [60, 50], 3],
    ['does not wait without time to', ['inconclusive', 'pass'], 0, 0, 'inconclusive', [], 1],
  ])('%s', async (_, verdicts, takes, holdSeconds, verdict, slept, attempts) => {
    const clock = new TestClock();
    const told: number[] = [];
    const held = await holdUntilJudged(answers(clock, takes, ...verdicts), {
      ...{ ...hold, holdSeconds, clock },
      onInconclusive: (__, nextIn) => told.push(nextIn),
    });
    expect([held.analysis.verdict, held.attempts, clock.slept]).toEqual([verdict, attempts, slept]);
    expect(told).toEqual(slept);
    expect(held.seconds).toBe((clock.now() - 5_000) / 1000);
  });

  test('ends when it is told to, also while it waits', async () => {
    const ended = new AbortController();
    const waiting = holdUntilJudged(() => Promise.resolve({ verdict: 'inconclusive', checks: [] }), {
      ...{ ...hold, signal: ended.signal, clock: CLOCK },
      onInconclusive: () => setImmediate(() => ended.abort(new Error('ended by SIGTERM'))),
    });
    await expect(waiting).rejects.toThrow(/abort/);
    await expect(
      holdUntilJudged(() => Promise.reject(new Error('asked')), { ...hold, signal: ended.signal }),
    ).rejects.toThrow('ended by SIGTERM');
  });
});
