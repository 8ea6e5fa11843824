import { type ModelSchema } from 'cdk8s-mlops/contract';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import { writeData } from '../../common/testing/test-data';
import { DAY, HOUR, label, request, response, SECOND, SHOP, TestLog } from './testing/test-log';

const WEEK = 7 * 24 * HOUR;

let log: TestLog;
beforeEach(async () => (log = new TestLog(await temporaryDirectory('log'))));
afterEach(removeTemporaryFiles);

/** Calls of some ids, one an hour. */
function bringCalls(...ids: string[]): void {
  ids.forEach((id, hour) => {
    const time = DAY + hour * HOUR;
    log.bring([request(id, undefined, { time }), response(id, undefined, { time })], time);
  });
}

const labels = async (): Promise<unknown[]> =>
  (await log.rows('request_id, version, label')).map(({ request_id: id, label: value }) => [id, value]);

describe('a label joins its prediction', () => {
  test('with its time, when both come at once', async () => {
    bringCalls('a');
    log.bring([label('a', 'yes', DAY + HOUR)]);
    expect(await log.compact()).toMatchObject({ rows: 1, segments: 2, updated: [], waitingLabels: 1 });
    expect(await log.rows('request_id, version, label, epoch_ms(label_timestamp) AS at')).toEqual([
      { request_id: 'a', version: '1', label: 'yes', at: DAY + HOUR },
    ]);
    expect(log.segments()).toEqual([]);
  });

  test('later, and only the parts that have it are written again', async () => {
    bringCalls('a', 'b', 'c');
    await log.compact();
    const before = new Map(log.files().map((name) => [name, log.state(name)]));
    log.bring([label('b', 'no', DAY + WEEK)], DAY + WEEK);
    const report = await log.compact({ at: DAY + WEEK });
    expect(report.updated).toEqual([expect.stringMatching(/^dt=2026-11-19\/hour=01\//)]);
    expect(report.findings.toJSON()).toEqual({});
    const changed = log.files().filter((name) => !name.startsWith('_state/') && log.state(name) !== before.get(name));
    expect(changed).toEqual(report.updated);
    expect(await labels()).toEqual([
      ['a', null],
      ['b', 'no'],
      ['c', null],
    ]);
  });

  test('earlier, and waits for it', async () => {
    log.bring([label('a', 'yes')]);
    expect(await log.compact()).toMatchObject({ rows: 0, waitingLabels: 1 });
    expect(await log.compact()).toMatchObject({ segments: 0, waitingLabels: 1 });
    bringCalls('a');
    const { updated, findings } = await log.compact();
    expect([updated, findings.toJSON()]).toEqual([[], {}]);
    expect(await labels()).toEqual([['a', 'yes']]);
    expect(await log.findings({ at: DAY + 60 * 24 * HOUR })).toEqual({});
  });

  test('of every version that answered, also of one that is paired later', async () => {
    bringCalls('a');
    log.bring([label('a', 'yes')]);
    await log.compact();
    log.bring([request('a', undefined, { version: '2' }), response('a', undefined, { version: '2' })]);
    expect(await log.findings({ at: DAY + 2 * HOUR })).toEqual({});
    expect(await labels()).toEqual([
      ['a', 'yes'],
      ['a', 'yes'],
    ]);
  });

  test('of one instance of a batch, and of no call as a whole', async () => {
    log.bring([
      request('b', {
        instances: [
          [1, 'x'],
          [2, 'y'],
        ],
      }),
      response('b', { predictions: [0, 1] }),
    ]);
    log.bring([label('b#1', 'yes'), label('b', 'no')]);
    expect(await log.compact()).toMatchObject({ waitingLabels: 2 });
    expect(await labels()).toEqual([
      ['b#0', null],
      ['b#1', 'yes'],
    ]);
  });

  test('as a number where the task is regression', async () => {
    const schema: ModelSchema = { ...SHOP, task: { type: 'regression' } };
    log.bring([request('a'), response('a', { predictions: [1] }), request('b'), response('b', { predictions: [2] })]);
    log.bring([label('a', '12.5'), label('b', 'dear'), label('c', '')]);
    expect(await log.findings({ schema })).toEqual({ unreadable: 2 });
    expect(await labels()).toEqual([
      ['a', 12.5],
      ['b', null],
    ]);
  });
});

describe('labels that came again or contradict', () => {
  test.each<[string, [string, number][][], string, Record<string, number>[]]>([
    [
      'at once, the same',
      [
        [
          ['yes', 1],
          ['yes', 1],
        ],
      ],
      'yes',
      [{ repeated_label: 1 }],
    ],
    [
      'at once: the latest counts',
      [
        [
          ['yes', 2],
          ['no', 1],
        ],
      ],
      'yes',
      [{ conflicting_label: 1 }],
    ],
    [
      'at once, of one time: the highest counts',
      [
        [
          ['yes', 1],
          ['no', 1],
        ],
      ],
      'yes',
      [{ conflicting_label: 1 }],
    ],
    [
      'three times',
      [
        [
          ['no', 1],
          ['yes', 2],
          ['no', 1],
        ],
      ],
      'yes',
      [{ conflicting_label: 1, repeated_label: 1 }],
    ],
    ['later, the same', [[['yes', 1]], [['yes', 1]]], 'yes', [{}, { repeated_label: 1 }]],
    ['later: the latest counts', [[['yes', 1]], [['no', 2]]], 'no', [{}, { conflicting_label: 1 }]],
    ['later, and older: the latest counts', [[['no', 2]], [['yes', 1]]], 'no', [{}, { conflicting_label: 1 }]],
    ['later, of one time: the highest counts', [[['no', 1]], [['yes', 1]]], 'yes', [{}, { conflicting_label: 1 }]],
    ['later, of one time and lower', [[['yes', 1]], [['no', 1]]], 'yes', [{}, { conflicting_label: 1 }]],
  ])('%s', async (_, runs, expected, findings) => {
    for (const [apart, step] of [
      // The label is known from the last run, or was forgotten since.
      ['soon', HOUR],
      ['late', 24 * HOUR],
    ] as const) {
      const id = apart;
      bringCalls(id);
      await log.compact();
      for (const [run, found] of findings.entries()) {
        const at = DAY + (run + 1) * step;
        log.bring(
          runs[run]!.map(([value, second]) => label(id, value, DAY + second * SECOND, at)),
          at,
        );
        expect({ apart, run, found: await log.findings({ at }) }).toEqual({ apart, run, found });
        await log.compact({ at: at + (apart === 'late' ? 7 : 0) * HOUR });
      }
      expect(
        await log.rows('request_id, version, label').then((rows) => rows.find((row) => row.request_id === id)),
      ).toMatchObject({ label: expected });
    }
  });

  test('of numbers of one time: the highest number counts', async () => {
    const schema: ModelSchema = { ...SHOP, task: { type: 'regression' } };
    log.bring([request('a'), response('a', { predictions: [1] })]);
    log.bring([label('a', '9', DAY), label('a', '10', DAY)]);
    await log.compact({ schema });
    expect(await labels()).toEqual([['a', 10]]);
  });

  test('a label that is the same does not touch the log', async () => {
    bringCalls('a');
    log.bring([label('a', 'yes')]);
    await log.compact();
    const [before] = log.parts().map((name) => log.state(name));
    log.bring([label('a', 'yes', DAY + 3 * HOUR)]);
    expect(await log.compact()).toMatchObject({ updated: [] });
    expect(log.parts().map((name) => log.state(name))).toEqual([before]);
  });
});

describe('a label without a prediction', () => {
  test('is given up, and counted, when its time is over', async () => {
    log.bring([label('a', 'yes', DAY), label('b', 'yes', DAY + HOUR)]);
    const config = { labelDays: 2 };
    expect(await log.findings({ at: DAY + 48 * HOUR, config })).toEqual({});
    expect(await log.findings({ at: DAY + 48 * HOUR + 1, config })).toEqual({ label_without_prediction: 1 });
    expect(await log.compact({ at: DAY + 49 * HOUR, config })).toMatchObject({ waitingLabels: 1 });
    expect(await log.findings({ at: DAY + 50 * HOUR, config })).toEqual({ label_without_prediction: 1 });
    expect(await log.compact({ at: DAY + 50 * HOUR, config })).toMatchObject({ waitingLabels: 0 });
  });

  test('that comes later than labels may does not look for it', async () => {
    bringCalls('a', 'b');
    await log.compact({ at: DAY + 2 * HOUR });
    const at = DAY + 2 * HOUR + 24 * HOUR;
    log.bring([label('a', 'yes', at), label('b', 'yes', at)], at);
    expect(await log.compact({ at: at - 1, config: { labelDays: 1 } })).toMatchObject({
      updated: [expect.stringMatching(/hour=01/)],
    });
  });
});

describe('the index of a part', () => {
  test('keeps parts that have none of the labels from being opened', async () => {
    bringCalls('a', 'b');
    await log.compact();
    const [first, second] = log.parts();
    expect(log.files('_index')).toEqual([`_index/${first}`, `_index/${second}`]);
    const opened: string[] = [];
    const store = Object.assign(Object.create(log.store) as typeof log.store, {
      fetch: (names: string[], directory: string) => {
        opened.push(...names.filter((name) => name.startsWith('dt=')));
        return log.store.fetch(names, directory);
      },
    });
    log.bring([label('b', 'yes'), label('nobody', 'no')]);
    await log.compact({ store });
    expect(opened).toEqual([second]);
  });

  test('is not needed: it is made where a part is opened', async () => {
    bringCalls('a', 'b');
    await log.compact();
    const indexes = log.files('_index');
    await log.store.remove(indexes);
    log.bring([label('b', 'yes')]);
    await log.compact();
    expect(await labels()).toEqual([
      ['a', null],
      ['b', 'yes'],
    ]);
    expect(log.files('_index')).toEqual(indexes);
  });
});

describe('parts that others have written', () => {
  test('get labels, whatever their columns are', async () => {
    const at = (name: string): string => `${log.directory}/dt=2026-11-19/hour=03/${name}.parquet`;
    await writeData(at('ids'), { request_id: ['x', 'y'], amount: [1, 2] });
    await writeData(
      at('numbers'),
      { request_id: [7, 8], label: [null, null] },
      { request_id: 'BIGINT', label: 'VARCHAR' },
    );
    await writeData(at('none'), { amount: [1] });
    log.bring([label('x', 'yes'), label('8', 'no')]);
    const { updated } = await log.compact({ at: DAY + 4 * HOUR });
    expect(updated.map((name) => name.split('/').at(-1))).toEqual(['ids.parquet', 'numbers.parquet']);
    expect(await log.rows('request_id, NULL AS version, label')).toMatchObject([
      { request_id: '7', label: null },
      { request_id: '8', label: 'no' },
      { request_id: 'x', label: 'yes' },
      { request_id: 'y', label: null },
      { request_id: null, label: null },
    ]);
  });

  test('are looked through for calls that are in the log already', async () => {
    const folder = `${log.directory}/dt=2026-11-19/hour=00`;
    await writeData(`${folder}/mine.parquet`, { request_id: ['a'], version: ['1'] });
    await writeData(`${folder}/other.parquet`, { request_id: ['b'] });
    await writeData(`${folder}/none.parquet`, { amount: [1] });
    log.bring([request('a'), response('a'), request('b'), response('b')]);
    expect(await log.findings()).toEqual({ repeated_prediction: 1 });
  });
});
