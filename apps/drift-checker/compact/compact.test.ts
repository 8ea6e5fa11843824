import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type FeatureSchema, type ModelSchema } from 'cdk8s-mlops/contract';
import { type StoreFolder } from '../../common/store-files';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import { failureOf } from '../../common/testing/problems';
import { serializeRecord } from '../collect/capture-record';
import { CompactionLock, LEASE, LOCK } from './compaction-lock';
import { DAY, HOUR, label, request, response, SECOND, SHOP, TestLog } from './testing/test-log';

let log: TestLog;
beforeEach(async () => (log = new TestLog(await temporaryDirectory('log'))));
afterEach(removeTemporaryFiles);

describe('a log', () => {
  test('of which there is nothing yet', async () => {
    rmSync(log.directory, { recursive: true });
    expect(await log.compact({ config: { retentionDays: 1 } })).toMatchObject({
      ...{ rows: 0, parts: [], updated: [], expired: [], segments: 0, waitingCalls: 0, waitingLabels: 0 },
    });
    expect(log.files()).toEqual([]);
  });

  test('that was compacted stays as it is', async () => {
    log.bring([request('a'), response('a'), request('b')]);
    log.bring([label('a', 'yes'), label('nobody', 'no')]);
    await log.compact();
    const before = log.files().map((name) => [name, log.state(name)]);
    const again = await log.compact();
    expect(again).toMatchObject({ rows: 0, parts: [], updated: [], expired: [], segments: 0 });
    expect(again.findings.toJSON()).toEqual({});
    expect(log.files().map((name) => [name, log.state(name)])).toEqual(before);
  });

  test('of which some is too old loses that, with its index and what was not compacted', async () => {
    for (const [id, time] of [
      ['old', DAY],
      ['young', DAY + HOUR],
    ] as const)
      log.bring([request(id, undefined, { time }), response(id, undefined, { time })], time);
    await log.compact();
    const broken = [DAY, DAY + HOUR].map((at) => log.bring(Buffer.from('no gzip'), at));
    const [old, young] = log.parts();
    const config = { retentionDays: 10 };
    expect(await log.compact({ at: DAY + 240 * HOUR, config })).toMatchObject({ expired: [] });
    const { expired } = await log.compact({ at: DAY + 240 * HOUR + 1, config });
    expect(expired).toEqual([broken[0], old]);
    expect(log.files().filter((name) => !name.startsWith('_state'))).toEqual([broken[1], `_index/${young}`, young]);
  });

  test('cannot have a feature that is called as its labels', async () => {
    const features: FeatureSchema[] = [
      ...SHOP.features,
      { name: 'Label', type: 'numeric', required: true, importance: 1 },
    ];
    log.bring([request('a', undefined, { version: '2' })]);
    for (const options of [{ schema: { ...SHOP, features } }, { versions: new Map([['2', { ...SHOP, features }]]) }])
      expect(await failureOf(() => log.compact(options))).toEqual({
        exitCode: 2,
        problems: [
          "'Label' is a feature of 'shop', and the column of the prediction log that has the labels: call the feature otherwise",
        ],
      });
  });
});

describe('a schema that differs between versions', () => {
  const feature = (name: string, type: FeatureSchema['type'] = 'numeric'): FeatureSchema => ({
    name,
    type,
    required: true,
    importance: 1,
  });
  const schemaOf = (...features: FeatureSchema[]): ModelSchema => ({ ...SHOP, features });
  const call = (version: string, instance: unknown) => [
    request(version, { instances: [instance] }, { version }),
    response(version, undefined, { version }),
  ];

  test.each([
    ['lists', [1, 2], [3, 4, 'x']],
    ['objects', { a: 1, b: 2 }, { b: 4, a: 3, c: 'x' }],
  ])('in order and number of its features: each is read by its own, from %s', async (_, one, two) => {
    const schema = schemaOf(feature('a'), feature('b'));
    const isList = Array.isArray(one);
    const versions = new Map([
      [
        '2',
        isList
          ? schemaOf(feature('a'), feature('b'), feature('c', 'categorical'))
          : schemaOf(feature('c', 'categorical'), feature('b'), feature('a')),
      ],
      ['3', schemaOf(feature('b'))],
      ['4', schemaOf(feature('b'), feature('a'))],
    ]);
    log.bring([
      ...call('1', one),
      ...call('2', two),
      ...call('3', isList ? [9] : { b: 9 }),
      ...call('4', isList ? [6, 5] : { b: 6, a: 5 }),
    ]);
    expect(await log.findings({ schema, versions })).toEqual({});
    expect(await log.rows('request_id, version, a, b, c')).toMatchObject([
      { a: 1, b: 2, c: null },
      { a: 3, b: 4, c: 'x' },
      { a: null, b: 9, c: null },
      { a: 5, b: 6, c: null },
    ]);
  });

  test.each([
    ['before', new Map([['2', schemaOf(feature('A', 'categorical'))]])],
    [
      'by then',
      new Map([
        ['1', schemaOf(feature('a'))],
        ['2', schemaOf(feature('a', 'categorical'))],
      ]),
    ],
  ])('in the type of a feature, %s: nothing of it is lost', async (_, versions) => {
    log.bring([...call('1', [1]), ...call('2', ['one'])]);
    expect(await log.findings({ schema: schemaOf(feature('a')), versions })).toEqual({});
    expect(await log.rows('request_id, version, a')).toMatchObject([{ a: '1' }, { a: 'one' }]);
  });

  test('of a version that nobody knows is the schema file', async () => {
    log.bring(call('9', [1]));
    expect(await log.findings({ schema: schemaOf(feature('a')) })).toEqual({});
    expect(await log.rows('request_id, version, a')).toMatchObject([{ version: '9', a: 1 }]);
  });

  test('and what waits is read by the one that holds when its counterpart comes', async () => {
    const [asked, answered] = call('1', [1, 'x']);
    log.bring([asked!]);
    await log.compact({ schema: schemaOf(feature('old')) });
    log.bring([answered!]);
    expect(await log.findings({ schema: schemaOf(feature('a'), feature('b', 'categorical')) })).toEqual({});
    expect(await log.rows('request_id, version, a, b')).toMatchObject([{ a: 1, b: 'x' }]);
  });

  test('and of a regression that becomes a classification', async () => {
    log.bring([request('a')]);
    await log.compact({ schema: { ...SHOP, task: { type: 'regression' } } });
    log.bring([response('a')]);
    await log.compact();
    expect(await log.rows()).toMatchObject([{ prediction: 'yes' }]);
  });
});

describe('a segment', () => {
  const whole = [request('a'), response('a')];
  const others = [request('b'), response('b')];
  const packed = gzipSync(others.map(serializeRecord).join(''));

  test.each([
    ['that is no gzip', Buffer.from('{"kind":"request"}\n')],
    ['that is cut off', packed.subarray(0, packed.length - 10)],
    ['that is damaged', Buffer.concat([packed.subarray(0, 20), Buffer.alloc(20), packed.subarray(40)])],
    ['without a byte', Buffer.alloc(0)],
  ])('%s is counted and stays; nothing else is lost', async (_, content) => {
    const broken = log.bring(content);
    log.bring(whole, DAY + SECOND);
    for (const rows of [1, 0]) {
      const report = await log.compact();
      expect(report).toMatchObject({ rows, segments: 1 + rows });
      expect(report.findings.toJSON()).toEqual({
        unreadable: { count: 1, examples: [expect.stringContaining(`'${broken}' cannot be unpacked: `)] },
      });
    }
    expect(log.segments()).toEqual([broken]);
    expect(await log.ids()).toEqual(['a']);
  });

  test('without a record is done with', async () => {
    log.bring(gzipSync(''));
    expect(await log.compact()).toMatchObject({ rows: 0, segments: 1 });
    expect(log.segments()).toEqual([]);
  });

  test.each([
    ['broken off', '{"kind":"request","id":"x","rece'],
    ['that is not JSON', 'x'],
    ['that is a list', '[1]'],
    ['that is a label', serializeRecord(label('a', 'yes')).trim()],
    ['of no kind', '{"kind":"answer","id":"x","received":1,"data":{}}'],
    ['without an id', '{"kind":"request","received":1,"data":{}}'],
    ['without the time of its receipt', '{"kind":"request","id":"x","data":{}}'],
    ['without a body', '{"kind":"request","id":"x","received":1}'],
    ['with a head that is not JSON', '{"kind":request,"id":"x","received":1,"data":{}}'],
    ['that does not end', '{"kind":"request","id":"x","received":1,"data":{"instances":[]'],
  ])('with a line %s loses no other', async (_, line) => {
    log.bring(gzipSync([serializeRecord(whole[0]!), `${line}\n`, '\n', serializeRecord(whole[1]!)].join('')));
    expect(await log.findings()).toEqual({ unreadable: 1 });
    expect([log.segments(), await log.ids()]).toEqual([[], ['a']]);
  });

  test('of labels with a line that is none loses no other', async () => {
    log.bring(whole);
    const name = log.bring([label('a', 'yes')]);
    const lines = ['x\n', serializeRecord(whole[0]!), serializeRecord(label('a', 'yes'))];
    writeFileSync(join(log.directory, name), gzipSync(lines.join('')));
    expect(await log.findings()).toEqual({ unreadable: 2 });
    expect(await log.rows()).toMatchObject([{ label: 'yes' }]);
  });

  test('whose last line has no end is read as a whole', async () => {
    log.bring(gzipSync(whole.map(serializeRecord).join('').trimEnd()));
    expect(await log.compact()).toMatchObject({ rows: 1 });
  });

  test('with a body that looks like the end of its record is that of its head', async () => {
    const body = '{},"id":"b","received":1,"data":{"instances":[[1,"x"]]}';
    log.bring([request('a', body), response('a'), response('b')]);
    expect(await log.findings()).toEqual({ undecodable: 1 });
    expect(await log.compact()).toMatchObject({ waitingCalls: 1 });
  });

  test.each([
    ['of several lines', '{\n"instances": [[1.5, "DE"]]\n}'],
    [
      'with what is no UTF-8',
      Buffer.concat([Buffer.from('{"instances": [[1.5, "D'), Buffer.from([0xff]), Buffer.from('"]]}')]),
    ],
    ['with Python’s numbers', '{"instances": [[NaN, "DE"]]}'],
  ])('with a body %s', async (_, body) => {
    log.bring([{ ...request('a'), body }, response('a')]);
    expect([await log.findings(), await log.ids()]).toEqual([{}, ['a']]);
  });

  test('under another name is none', async () => {
    const name = log.bring(whole);
    writeFileSync(join(log.directory, `${name}.part`), 'x');
    writeFileSync(join(log.directory, '_events', 'notes.txt'), 'x');
    expect(await log.compact()).toMatchObject({ rows: 1, segments: 1 });
  });
});

describe('of two at once', () => {
  test('the second does nothing, and says who is at it', async () => {
    const lock = await CompactionLock.take(log.store, () => DAY + HOUR);
    log.bring([request('a'), response('a')]);
    const report = await log.compact({ at: DAY + HOUR + LEASE - 1 });
    expect(report).toMatchObject({
      rows: 0,
      segments: 0,
      heldBy: expect.stringMatching(/\/\d+\/[0-9a-f-]{36}$/) as string,
    });
    await (lock as CompactionLock).release();
    expect(await log.compact()).toMatchObject({ rows: 1 });
    expect(log.files().filter((name) => name === LOCK)).toEqual([]);
  });

  test('one that was killed holds up others for the time of its lease', async () => {
    await CompactionLock.take(log.store, () => DAY);
    expect(await log.compact({ at: DAY + LEASE - 1 })).toHaveProperty('heldBy');
    expect(await log.compact({ at: DAY + LEASE })).not.toHaveProperty('heldBy');
  });

  test('a lease that cannot be read holds up nobody', async () => {
    await log.store.create(LOCK, 'x');
    expect(await log.compact()).not.toHaveProperty('heldBy');
  });

  test('all of them at one moment: one does it', async () => {
    log.bring([request('a'), response('a')]);
    const reports = await Promise.all(Array.from({ length: 5 }, () => log.compact()));
    expect(reports.map(({ rows }) => rows).sort()).toEqual([0, 0, 0, 0, 1]);
    expect(await log.ids()).toEqual(['a']);
  });

  test('one that lost its lease stops before it writes, and the other does all', async () => {
    log.bring([request('a'), response('a')]);
    log.bring([label('a', 'yes')]);
    let now = DAY + HOUR;
    let other: CompactionLock | undefined;
    const store = Object.assign(Object.create(log.store) as StoreFolder, {
      // It takes longer than its lease to read.
      fetch: async (names: string[], directory: string) => {
        now = DAY + HOUR + LEASE;
        other ??= (await CompactionLock.take(log.store, () => now)) as CompactionLock;
        return log.store.fetch(names, directory);
      },
    });
    expect(await failureOf(() => log.compact({ store, now: () => new Date(now) }))).toEqual({
      exitCode: 3,
      problems: [
        'another compaction has taken over: this one did not go on for 10 minutes; the next one does the rest',
      ],
    });
    expect([log.parts(), log.segments().length]).toEqual([[], 2]);
    expect(await log.compact({ at: now })).toHaveProperty('heldBy');
    await other!.release();
    await log.compact();
    expect(await log.rows()).toMatchObject([{ request_id: 'a', label: 'yes' }]);
  });

  test('one that works for longer than a lease keeps it', async () => {
    let now = DAY;
    const lock = (await CompactionLock.take(log.store, () => now)) as CompactionLock;
    for (; now < DAY + 3 * LEASE; now += LEASE / 5) {
      await lock.renew();
      expect(await CompactionLock.take(log.store, () => now)).toHaveProperty('heldBy');
    }
  });

  test('one that was told to end does', async () => {
    log.bring([request('a'), response('a')]);
    const signal = AbortSignal.abort(new Error('ended'));
    await expect(log.compact({ signal })).rejects.toThrow('ended');
    expect([log.parts(), log.files('_state')]).toEqual([[], []]);
  });
});
