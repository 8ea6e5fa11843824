import { COMPACTION_FINDINGS, type ModelSchema } from 'cdk8s-mlops/contract';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import { DAY, HOUR, request, response, SECOND, SHOP, TestLog } from './testing/test-log';

let log: TestLog;
beforeEach(async () => (log = new TestLog(await temporaryDirectory('log'))));
afterEach(removeTemporaryFiles);

describe('a request and its response become a row', () => {
  const ALL =
    'request_id, "timestamp", model, version, amount, country, prediction, prediction_score, label, label_timestamp';

  test('of the hour of the request, with all columns of the log', async () => {
    log.bring([
      request('a', undefined, { time: DAY + 5 * HOUR + 1 }),
      response('a', undefined, { time: DAY + 5 * HOUR + 1 }),
    ]);
    const report = await log.compact({ at: DAY + 6 * HOUR });
    expect(report.parts).toEqual([expect.stringMatching(/^dt=2026-11-19\/hour=05\/part-[\w-]+\.parquet$/)]);
    expect({ ...report, parts: log.parts() }).toEqual({
      ...report,
      rows: 1,
      segments: 1,
      waitingCalls: 0,
      waitingLabels: 0,
      updated: [],
      expired: [],
    });
    const times = ALL.replace('"timestamp"', 'epoch_ms("timestamp") AS "timestamp"');
    expect(await log.rows(times)).toEqual([
      {
        ...{ request_id: 'a', timestamp: DAY + 5 * HOUR + 1, model: 'shop', version: '1', amount: 1.5, country: 'DE' },
        ...{ prediction: 'yes', prediction_score: 0.75, label: null, label_timestamp: null },
      },
    ]);
    expect(report.findings.toJSON()).toEqual({});
    expect(log.segments()).toEqual([]);
  });

  const A = request('a');
  const B = response('a');
  test.each<[string, (readonly (typeof A)[])[]]>([
    ['in one segment, the response first', [[B, A]]],
    ['in two segments', [[A], [B]]],
    ['in two segments, the response first', [[B], [A]]],
    [
      'among others',
      [
        [request('x'), B],
        [A, response('x')],
      ],
    ],
  ])('%s', async (_, segments) => {
    segments.forEach((records, index) => log.bring(records, DAY + index * SECOND, `collect-${index}`));
    expect(await log.findings()).toEqual({});
    expect(await log.ids()).toEqual(segments.length === 2 && segments[0]!.length === 2 ? ['a', 'x'] : ['a']);
  });

  test.each([
    ['the request first', A, B],
    ['the response first', B, A],
  ])('in segments of several hours and runs, %s', async (_, first, second) => {
    log.bring([first]);
    expect(await log.compact()).toMatchObject({ rows: 0, parts: [], waitingCalls: 1 });
    expect(log.segments()).toEqual([]);
    expect(await log.compact({ at: DAY + 2 * HOUR })).toMatchObject({ rows: 0, segments: 0, waitingCalls: 1 });
    log.bring([second], DAY + 3 * HOUR);
    const last = await log.compact({ at: DAY + 3 * HOUR });
    expect([last, last.findings.toJSON()]).toMatchObject([{ rows: 1, waitingCalls: 0 }, {}]);
    expect(await log.rows('request_id, amount, prediction')).toEqual([
      { request_id: 'a', amount: 1.5, prediction: 'yes' },
    ]);
  });

  test('for every version that answered it', async () => {
    const shadow = { version: '2' };
    log.bring([A, B, request('a', undefined, shadow), response('a', { predictions: [0.25] }, shadow)]);
    expect(await log.findings()).toEqual({});
    expect(await log.rows()).toEqual([
      { request_id: 'a', version: '1', prediction: 'yes', label: null },
      { request_id: 'a', version: '2', prediction: 'no', label: null },
    ]);
  });

  test('without a version where the event did not say one', async () => {
    const none = { version: undefined };
    log.bring([request('a', undefined, none), response('a', undefined, none)]);
    await log.compact();
    expect(await log.rows()).toMatchObject([{ request_id: 'a', version: null }]);
  });

  test('and two where versions differ: neither has its counterpart', async () => {
    log.bring([A, response('a', undefined, { version: '2' })]);
    expect(await log.compact()).toMatchObject({ rows: 0, waitingCalls: 2 });
  });

  test('for each instance of a batch, and none for an empty one', async () => {
    const instances = [
      [1, 'DE'],
      [2, 'FR'],
      [3, 'IT'],
    ];
    log.bring([request('b', { instances }), response('b', { predictions: [0.1, 0.9, 0.2] })]);
    log.bring([request('e', { instances: [] }), response('e', { predictions: [] })]);
    expect(await log.findings()).toEqual({});
    expect(await log.rows('request_id, amount, country, prediction')).toEqual([
      { request_id: 'b#0', amount: 1, country: 'DE', prediction: 'no' },
      { request_id: 'b#1', amount: 2, country: 'FR', prediction: 'yes' },
      { request_id: 'b#2', amount: 3, country: 'IT', prediction: 'no' },
    ]);
  });

  test.each([
    ['the header', 'header-id', { id: 'body-id', instances: [[1, 'DE']] }, 'header-id'],
    ['the id of a V2 body', undefined, { id: 'body-id', instances: [[1, 'DE']] }, 'body-id'],
    ['the id of the event', undefined, { instances: [[1, 'DE']] }, 'a'],
  ])('by %s', async (_, requestId, body, expected) => {
    log.bring([request('a', body, { requestId }), B]);
    await log.compact();
    expect(await log.ids()).toEqual([expected]);
  });

  test('whatever its features are called', async () => {
    const names = ['hour', 'dt', 'Label"s', "it's"];
    const features = names.map((name) => ({ name, type: 'numeric', required: true, importance: 1 }) as const);
    log.bring([request('a', { instances: [[7, 20, 3, 4]] }), B]);
    expect(await log.findings({ schema: { ...SHOP, features } })).toEqual({});
    expect(await log.rows(`request_id, version, hour, dt, "Label""s" AS l, "it's" AS i`)).toMatchObject([
      { hour: 7, dt: 20, l: 3, i: 4 },
    ]);
    expect(log.parts()).toEqual([expect.stringMatching(/^dt=2026-11-19\/hour=00\//)]);
  });

  test('of a number where the task is regression', async () => {
    const schema: ModelSchema = { ...SHOP, task: { type: 'regression' } };
    log.bring([request('a'), response('a', { predictions: [12.5] })]);
    await log.compact({ schema });
    expect(await log.rows('request_id, version, prediction, typeof(label) AS type')).toMatchObject([
      { prediction: 12.5, type: 'DOUBLE' },
    ]);
  });

  test('of the time of its receipt where the event says none', async () => {
    log.bring([{ ...A, time: undefined, received: DAY + 2 * HOUR }, B]);
    await log.compact();
    expect(await log.rows('request_id, version, epoch_ms("timestamp") AS at')).toMatchObject([{ at: DAY + 2 * HOUR }]);
  });
});

describe('calls whose halves lie far from each other', () => {
  const ids = Array.from({ length: 60 }, (_, index) => `call-${String(index).padStart(2, '0')}`);

  test.each([
    ['in the next segment', 1],
    ['two segments later', 2],
    ['many segments later', 40],
    ['many segments before', -40],
  ])('are paired, %s, whatever is worked on at once', async (_, distance) => {
    for (const batch of [
      { bytes: 1, rows: 1 },
      { bytes: 1, rows: 7 },
      { bytes: 1000, rows: 1000 },
    ]) {
      const far = new TestLog(await temporaryDirectory('far'));
      ids.forEach((id, at) => {
        far.bring([request(id, { instances: [[at, 'DE']] })], DAY + at * SECOND);
        far.bring([response(id, { predictions: [(at + 0.5) / 100] })], DAY + (at + distance) * SECOND + 1);
      });
      const report = await far.compact({ batch });
      expect([report.rows, report.waitingCalls, report.findings.toJSON()]).toEqual([60, 0, {}]);
      const rows = await far.rows('request_id, version, amount, prediction_score AS score');
      expect(rows).toEqual(
        ids.map((id, at) => ({ request_id: id, version: '1', amount: at, score: (at + 0.5) / 100 })),
      );
      expect(far.segments()).toEqual([]);
    }
  });

  test('are counted once where one came again in another batch', async () => {
    for (const [at, record] of [request('a'), request('a'), request('b'), response('a'), response('b')].entries())
      log.bring([record], DAY + at * SECOND);
    expect(await log.findings({ batch: { bytes: 1, rows: 100 } })).toEqual({ repeated_event: 1 });
    expect(await log.ids()).toEqual(['a', 'b']);
  });
});

describe('what is found is counted, and nothing else', () => {
  const undecodable = '{"instances": 7}';
  const A = request('a');
  const B = response('a');

  test.each<[string, (typeof A)[], Record<string, number>, string[]]>([
    ['a request that cannot be read', [request('a', undecodable), B], { undecodable: 1 }, []],
    ['a response that cannot be read', [A, response('a', '<html>')], { undecodable: 1 }, []],
    ['both', [request('a', undecodable), response('a', '')], { undecodable: 2 }, []],
    [
      'another number of answers',
      [
        request('a', {
          instances: [
            [1, 'DE'],
            [2, 'DE'],
          ],
        }),
        B,
      ],
      { uneven_call: 1 },
      [],
    ],
    ['an answer to nothing', [request('a', { instances: [] }), B], { uneven_call: 1 }, []],
    ['nothing for an answer', [A, response('a', { predictions: [] })], { uneven_call: 1 }, []],
    ['a request that came again', [A, A, B, A], { repeated_event: 2 }, ['a']],
    ['a response that came again', [A, B, B], { repeated_event: 1 }, ['a']],
    [
      'a batch that came again',
      [
        request('b', {
          instances: [
            [1, 'a'],
            [2, 'b'],
          ],
        }),
        request('b', {
          instances: [
            [1, 'a'],
            [2, 'b'],
          ],
        }),
        response('b', { predictions: [0, 1] }),
      ],
      { repeated_event: 1 },
      ['b#0', 'b#1'],
    ],
    [
      'requests that differ',
      [A, request('a', { instances: [[9, 'DE']] }), B, A],
      { conflicting_event: 1, repeated_event: 1 },
      ['a'],
    ],
    ['responses that differ', [A, B, response('a', { predictions: [0.1] })], { conflicting_event: 1 }, ['a']],
    [
      'one of two that cannot be read',
      [A, request('a', undecodable, { received: DAY + 1 }), B],
      { conflicting_event: 1 },
      ['a'],
    ],
    [
      'two calls with the id of one',
      [{ ...A, requestId: 'x' }, B, request('c', undefined, { requestId: 'x' }), response('c')],
      { repeated_prediction: 1 },
      ['x'],
    ],
    ['a value that is no number', [request('a', { instances: [['much', 'DE']] }), B], { retyped_value: 1 }, ['a']],
    [
      'values that are no numbers',
      [
        request('a', {
          instances: [
            ['x', 'DE'],
            [[1], 'DE'],
            [true, 'DE'],
            ['NaN', 'DE'],
            [' 7 ', 'DE'],
          ],
        }),
        response('a', { predictions: [0, 1, 0, 1, 0] }),
      ],
      { retyped_value: 1 },
      [],
    ],
    [
      'a time that is to come',
      [request('a', undefined, { time: DAY + HOUR, received: DAY }), B],
      { from_future: 1 },
      ['a'],
    ],
    [
      'a clock that is a minute fast, which is none',
      [request('a', undefined, { time: DAY + 60 * SECOND, received: DAY }), B],
      {},
      ['a'],
    ],
  ])('%s', async (_, records, findings, ids) => {
    log.bring(records);
    expect(await log.findings()).toEqual(findings);
    if (ids.length > 0) expect(await log.ids()).toEqual(ids);
    expect(log.segments()).toEqual([]);
    expect(await log.findings({ at: DAY + 48 * HOUR })).toEqual({});
  });

  test('every kind is one of the contract', () => expect(Object.values(COMPACTION_FINDINGS)).toHaveLength(13));

  test('of requests that differ the first counts, by when it was received', async () => {
    log.bring([request('a', { instances: [[2, 'DE']] }, { received: DAY + 2 }), B]);
    log.bring([request('a', { instances: [[1, 'DE']] }, { received: DAY + 1 })], DAY + SECOND);
    expect(await log.findings()).toEqual({ conflicting_event: 1 });
    expect(await log.rows('request_id, version, amount')).toMatchObject([{ amount: 1 }]);
  });

  test('a time that is to come is that of the receipt', async () => {
    log.bring([request('a', undefined, { time: DAY + 48 * HOUR, received: DAY + HOUR }), B]);
    await log.compact();
    expect(await log.rows('request_id, version, epoch_ms("timestamp") AS at')).toMatchObject([{ at: DAY + HOUR }]);
  });

  test('a call that is in the log already', async () => {
    for (const expected of [{}, { repeated_prediction: 1 }]) {
      log.bring([A, B]);
      expect(await log.findings()).toEqual(expected);
    }
    expect(await log.ids()).toEqual(['a']);
  });

  test('what is without its counterpart when its time is over', async () => {
    const at = (hours: number): { time: number } => ({ time: DAY + hours * HOUR });
    log.bring([
      request('a', undefined, at(1)),
      request(
        'b',
        {
          instances: [
            [1, 'x'],
            [2, 'y'],
          ],
        },
        at(0),
      ),
      response('c', undefined, at(0)),
    ]);
    log.bring([request('d', undecodable, at(0)), response('e', 'x', at(0))]);
    expect(await log.findings({ at: DAY + 6 * HOUR })).toEqual({});
    expect(await log.compact({ at: DAY + 6 * HOUR })).toMatchObject({ waitingCalls: 5 });
    expect(await log.findings({ at: DAY + 6 * HOUR + 11 })).toEqual({
      ...{ request_without_response: 2, response_without_request: 2 },
    });
    expect(await log.findings({ at: DAY + 7 * HOUR + 1 })).toEqual({ request_without_response: 1 });
    expect(await log.compact({ at: DAY + 8 * HOUR })).toMatchObject({ waitingCalls: 0 });
    log.bring([response('a', undefined, at(1))]);
    expect(await log.compact({ at: DAY + 8 * HOUR })).toMatchObject({ rows: 0 });
  });

  test('pairs are found in what was brought late, as a whole', async () => {
    log.bring([A], DAY);
    log.bring([B], DAY + 24 * HOUR, 'collect-1');
    expect(await log.findings({ at: DAY + 48 * HOUR })).toEqual({});
    expect(await log.ids()).toEqual(['a']);
  });
});
