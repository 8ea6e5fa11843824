import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import { repeat, testRandom, type TestColumns, type TestValue, writeData } from '../../common/testing/test-data';
import { type ReferenceProfile } from '../profile/reference-profile';
import { type DriftReport } from './drift-report';
import {
  check,
  findings,
  TEST_CONFIG,
  type TestCheck,
  testFile,
  testProfile,
  testRetrain,
  testSchema,
} from './test-check';
import { filesOf, lastFullHour, type WindowSelection } from './window';

const { normal } = testRandom(31);
const SCHEMA = testSchema({ a: {} });
const UNTIL = new Date('2026-11-20T00:00:00Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let profile: ReferenceProfile;
beforeAll(async () => (profile = await testProfile(SCHEMA, { a: repeat(10_000, normal) })));
afterAll(removeTemporaryFiles);

const lastHours = (hours = 24, extendDays = 7, until = UNTIL): WindowSelection => ({
  by: 'time',
  until,
  hours,
  extendDays,
});

/** Rows of the given times. */
const rowsAt = (times: readonly TestValue[], more: TestColumns = {}, value = normal): TestColumns => ({
  timestamp: times,
  a: times.map(value),
  ...more,
});

/** So many times, spread over the hours before an end. */
const spread = (rows: number, hours: number, until = UNTIL): Date[] =>
  repeat(rows, (row) => new Date(until.getTime() - ((row + 1) * hours * HOUR) / (rows + 1)));

const judge = (current: TestCheck['current'], more: Partial<TestCheck> = {}): Promise<DriftReport> =>
  check({ schema: SCHEMA, profile, selection: lastHours(), current, ...more });

describe('the ends of a window', () => {
  const IN = ['2026-11-19T00:00:00.000Z', '2026-11-19T23:59:59.999Z'];
  const OUT = ['2026-11-18T23:59:59.999Z', '2026-11-20T00:00:00.000Z'];
  const naive = (time: string): string => time.slice(0, -1).replace('T', ' ');

  test.each([
    ['times with a zone', 'TIMESTAMPTZ', [...IN, ...OUT]],
    ['times without one, which are in UTC', 'TIMESTAMP', [...IN, ...OUT].map(naive)],
    ['times in nanoseconds', 'TIMESTAMP_NS', [...IN, ...OUT].map(naive)],
    ['text in UTC', 'VARCHAR', [...IN, ...OUT]],
    ['text without a zone', 'VARCHAR', [...IN, ...OUT].map(naive)],
    [
      'text of other zones',
      'VARCHAR',
      [
        '2026-11-19T05:30:00+05:30',
        '2026-11-19T15:59:59-08:00',
        '2026-11-19T01:00:00+02:00',
        '2026-11-20T01:00:00+01:00',
      ],
    ],
  ])('the start is in it and the end is not: %s', async (_, type, times) => {
    const report = await judge(rowsAt(times), { types: { timestamp: type }, selection: lastHours(24, 0) });
    expect(report.window).toMatchObject({ rows: 2, from: IN[0], until: OUT[1], extended: false });
  });

  test('dates are midnights in UTC', async () => {
    const times = ['2026-11-18', '2026-11-19', '2026-11-20'];
    const report = await judge(rowsAt(times), { types: { timestamp: 'DATE' }, selection: lastHours(24, 0) });
    expect(report.window.rows).toBe(1);
  });

  test('the last full hour is the same for every check of an hour', () => {
    expect(lastFullHour(new Date('2026-11-20T10:59:59.999Z')).toISOString()).toBe('2026-11-20T10:00:00.000Z');
    expect(lastFullHour(new Date('2026-11-20T10:00:00.000Z')).toISOString()).toBe('2026-11-20T10:00:00.000Z');
  });

  test('rows without a valid time belong to none, and that is told', async () => {
    const times = [...spread(600, 24).map((time) => time.toISOString()), 'yesterday', null, ''];
    const report = await judge(rowsAt(times), { selection: lastHours(24, 0) });
    expect(report.window.rows).toBe(600);
    expect(findings(report, 'no-timestamp')).toMatchObject([
      {
        message: "3 rows have no valid timestamp, for example 'yesterday', so they belong to no window",
        severity: 'warning',
      },
    ]);
  });

  test('rows without a valid time are told when there are no others', async () => {
    const report = await judge(rowsAt(repeat(600, () => 'yesterday')));
    expect(report.verdict).toBe('inconclusive');
    expect(findings(report, 'no-timestamp')).toMatchObject([{ message: expect.stringMatching('^600 rows') as string }]);
  });

  test.each([1, 1e3, 1e6])('times may be epochs, of which %p are a second', async (unit) => {
    const epochs = spread(600, 24).map((time) => Math.floor((time.getTime() / 1000) * unit));
    const report = await judge(
      { timestamp: epochs, a: repeat(600, normal) },
      { types: { timestamp: 'BIGINT' }, selection: lastHours(24, 0) },
    );
    expect(report.window.rows).toBe(600);
  });

  test('a log without times is refused', async () => {
    await expect(judge({ a: [1, 2] })).rejects.toThrow(
      /has no column 'timestamp'.*--column timestamp=…, or judge --all/,
    );
  });
});

describe('a window with too few rows', () => {
  test('is extended back by whole hours until it has enough', async () => {
    // 30 rows an hour: 500 are there after 17 hours.
    const times = spread(30 * 72, 72);
    const report = await judge(rowsAt(times), { selection: lastHours(2) });
    expect(report.window).toMatchObject({
      extended: true,
      rows: 510,
      from: '2026-11-19T07:00:00.000Z',
      until: UNTIL.toISOString(),
    });
    expect(report.verdict).toBe('no-drift');
  });

  test('is extended by the given days at most, and inconclusive then', async () => {
    const old = spread(600, 24, new Date(UNTIL.getTime() - 7 * DAY));
    const report = await judge(rowsAt([...spread(100, 24), ...old]));
    expect(report.window).toMatchObject({ extended: true, rows: 100, from: '2026-11-13T00:00:00.000Z' });
    expect(report.verdict).toBe('inconclusive');
    expect((await judge(rowsAt([...spread(100, 24), ...old]), { selection: lastHours(24, 9) })).verdict).toBe(
      'no-drift',
    );
  });

  test('is not extended when it has enough, though there is more', async () => {
    const report = await judge(rowsAt(spread(2000, 48)));
    expect(report.window).toMatchObject({ extended: false, from: '2026-11-19T00:00:00.000Z' });
    expect(report.window.rows).toBe(1000);
  });
});

describe('partitions', () => {
  /** A log of a file a day, with as many rows each. */
  async function log(days: readonly string[], rows: number, extension = 'parquet'): Promise<string> {
    const folder = await temporaryDirectory('log');
    for (const day of days) {
      const times = spread(rows, 24, new Date(Date.parse(`${day}T00:00:00Z`) + DAY)).map((time) => time.toISOString());
      await writeData(join(folder, `dt=${day}`, `part.${extension}`), rowsAt(times));
    }
    return folder;
  }

  test('that a window does not touch are not read', async () => {
    const folder = await log(['2026-11-19'], 600);
    for (const day of ['2026-10-01', '2026-11-12', '2026-11-21']) {
      await mkdir(join(folder, `dt=${day}`));
      await writeFile(join(folder, `dt=${day}`, 'part.parquet'), 'not read');
    }
    expect((await judge(folder)).window.rows).toBe(600);
  });

  test.each(['parquet', 'csv', 'jsonl'])(
    'of %s files are read, and their columns are no surprise',
    async (extension) => {
      const folder = await log(['2026-11-18', '2026-11-19'], 600, extension);
      const report = await judge(folder);
      expect(report.window.rows).toBe(600);
      expect(report.quality).toEqual([]);
    },
  );

  test('in local time are noticed', async () => {
    const folder = await temporaryDirectory('log');
    const times = spread(600, 20);
    for (const shift of [0, 5]) {
      const name = (time: Date): string => new Date(time.getTime() + shift * HOUR).toISOString();
      const hours = new Map<string, Date[]>();
      for (const time of times) {
        const key = `${shift}/dt=${name(time).slice(0, 10)}/hour=${name(time).slice(11, 13)}`;
        hours.set(key, [...(hours.get(key) ?? []), time]);
      }
      for (const [key, rows] of hours) await writeData(join(folder, key, 'part.parquet'), rowsAt(rows));
    }
    expect((await judge(join(folder, '0'))).quality).toEqual([]);
    const report = await judge(join(folder, '5'), { selection: lastHours(24, 0) });
    expect(findings(report, 'misplaced-rows')).toMatchObject([
      { severity: 'critical', message: expect.stringContaining('are in UTC') as string },
    ]);
  });

  test('that are called like a feature leave it alone, and folders above the log are no partitions', async () => {
    const folder = join(await temporaryDirectory('log'), 'model=old', 'a=1');
    await writeData(join(folder, 'dt=2026-11-19/hour=03/part.parquet'), {
      ...rowsAt(spread(600, 24)),
      hour: repeat(600, (row) => row % 24),
    });
    const report = await judge(folder, { selection: lastHours(24, 0) });
    expect(report.window.rows).toBe(600);
    expect(report.quality.filter(({ severity }) => severity !== 'info')).toEqual([]);
  });

  test('may be named instead of a time', async () => {
    const folder = await log(['2026-11-17', '2026-11-18', '2026-11-19'], 500);
    const selection: WindowSelection = { by: 'partition', partitions: { dt: '2026-11-18' } };
    expect((await judge(folder, { selection })).window).toMatchObject({ rows: 500, selection: 'dt=2026-11-18' });
    const none: WindowSelection = { by: 'partition', partitions: { dt: '2025-01-01' } };
    await expect(judge(folder, { selection: none })).rejects.toThrow(
      'has no partition dt=2025-01-01: it has dt=2026-11-17, 2026-11-18, 2026-11-19',
    );
    const unknown: WindowSelection = { by: 'partition', partitions: { region: 'eu' } };
    await expect(judge(folder, { selection: unknown })).rejects.toThrow("has no partition or column 'region': it has");
  });

  test('that are not percent-encoded, or no dates, are names like others', async () => {
    const folder = await temporaryDirectory('log');
    await writeData(join(folder, 'dt=100%', 'part.parquet'), rowsAt(spread(600, 24)));
    expect((await judge(folder)).window.rows).toBe(600);
  });

  test('of hours and days are cut as their times say', () => {
    const file = (
      partitions: Record<string, string>,
    ): { name: string; bytes: number; partitions: Record<string, string> } => ({
      ...{ name: Object.values(partitions).join('/'), bytes: 1, partitions },
    });
    const files = [
      file({ dt: '2026-11-18' }),
      file({ dt: '2026-11-19' }),
      file({ dt: '2026-11-19', hour: '21' }),
      file({ dt: '2026-11-19', hour: '22' }),
      file({ dt: '2026-11-19', hour: '23' }),
      file({ dt: '2026-11-20', hour: '0' }),
      file({ dt: '2026-11-20' }),
      file({ region: 'eu' }),
      file({ dt: 'unknown' }),
    ];
    const from = new Date('2026-11-19T22:30:00Z');
    expect(filesOf(files, from, UNTIL).map(({ name }) => name)).toEqual([
      // A writer may be an hour late.
      ...['2026-11-19', '2026-11-19/22', '2026-11-19/23', '2026-11-20/0', '2026-11-20', 'eu', 'unknown'],
    ]);
  });

  test('without any rows of a window are inconclusive', async () => {
    const report = await judge(await log(['2026-10-01'], 10));
    expect([report.verdict, report.window.rows]).toEqual(['inconclusive', 0]);
  });
});

describe('versions', () => {
  const times = spread(3000, 24);
  const versions = {
    version: repeat(3000, (row) => (row % 3 === 0 ? 7 : 8)),
    model: repeat(3000, (row) => (row % 2 ? 'fraud' : 'churn')),
  };

  test('other than the one that is watched are left out, and other models', async () => {
    const report = await judge(rowsAt(times, versions), { modelVersion: '8' });
    expect(report.window).toMatchObject({ rows: 1000, otherVersions: 500, otherModels: 1500, unversioned: 0 });
    expect(report.window.leftOut).toEqual([
      "1000 of model 'churn' version '8'",
      "500 of model 'churn' version '7'",
      "500 of version '7'",
    ]);
  });

  test('that do not match are told beside the rows that are missing', async () => {
    const report = await judge(rowsAt(times, { version: repeat(3000, () => 'v3') }), { modelVersion: '3' });
    expect(report.reasons).toContain(
      "0 rows are too few to judge: at least 500 are needed; left out: 3000 of version 'v3'",
    );
  });

  test('that rows do not say are a finding', async () => {
    const some = { version: repeat(3000, (row) => (row % 2 ? '8' : null)) };
    const report = await judge(rowsAt(times, some), { modelVersion: '8', types: { version: 'VARCHAR' } });
    expect(report.window).toMatchObject({ rows: 1500, unversioned: 1500 });
    expect(findings(report, 'no-version')).toMatchObject([{ severity: 'critical' }]);
  });

  test('are all judged where none is watched, or the log does not tell them', async () => {
    expect((await judge(rowsAt(times, { model: versions.model }), { modelVersion: '8' })).window.rows).toBe(1500);
    expect((await judge(rowsAt(times, versions))).window).toMatchObject({ rows: 1500, otherModels: 1500 });
  });
});

describe('windows in a row', () => {
  /** 600 rows a day before the end, which are shifted or not; the latest day first. */
  const days = (...shifted: readonly boolean[]): TestColumns => {
    const times = shifted.flatMap((_, day) => spread(600, 24, new Date(UNTIL.getTime() - day * DAY)));
    return { timestamp: times, a: times.map((_, row) => normal() + (shifted[Math.floor(row / 600)] ? 2 : 0)) };
  };
  const consecutive = (windows: number): TestCheck['config'] => ({
    decision: { ...TEST_CONFIG.decision, consecutiveWindows: windows },
  });

  test.each<[boolean[], number, string]>([
    [[true], 1, 'drift'],
    [[true], 2, 'no-drift'],
    [[true, false, true], 2, 'no-drift'],
    [[true, true], 2, 'drift'],
    [[true, true, false], 3, 'no-drift'],
    [[true, true, true], 3, 'drift'],
    [[false, true, true], 2, 'no-drift'],
  ])('shifted %p of which %p must drift: %s', async (shifted, windows, verdict) => {
    const report = await judge(days(...shifted), { config: consecutive(windows) });
    expect(report.verdict).toBe(verdict);
  });

  test('that are extended back for lack of rows follow one another', async () => {
    // 150 rows a day: a window takes four days to fill.
    const slow = (from: number): TestColumns => {
      const times = Array.from({ length: 12 }, (_, day) =>
        spread(150, 24, new Date(UNTIL.getTime() - day * DAY)),
      ).flat();
      return { timestamp: times, a: times.map((_, row) => normal() + (row / 150 < from ? 2 : 0)) };
    };
    const both = await judge(slow(12), { config: consecutive(2) });
    expect([both.verdict, both.window.extended]).toEqual(['drift', true]);
    expect((await judge(slow(4), { config: consecutive(2) })).verdict).toBe('no-drift');
  });

  test('that are too few say so, and are a warning', async () => {
    const report = await judge(days(true, false), { config: consecutive(2) });
    expect(report.reasons).toContain('1 of the 2 windows in a row that are needed');
    expect(report.severity).toBe('warning');
  });
});

describe('retraining', () => {
  const drifted = (rows: number, hours: number): TestColumns => rowsAt(spread(rows, hours), {}, () => 2 + normal());

  test('needs enough predictions since the last training, counted back over days', async () => {
    const folder = await temporaryDirectory('log');
    for (let day = 0; day < 4; day++) {
      const times = spread(1000, 24, new Date(UNTIL.getTime() - day * DAY));
      const name = new Date(UNTIL.getTime() - (day + 1) * DAY).toISOString().slice(0, 10);
      await writeData(
        join(folder, `dt=${name}`, 'part.parquet'),
        rowsAt(times, {}, () => 2 + normal()),
      );
    }
    const retraining = async (config: TestCheck['config'], daysAgo: number): Promise<DriftReport['retraining']> => {
      const createdAt = new Date(UNTIL.getTime() - daysAgo * DAY);
      const newestVersion = { version: '3', createdAt } as TestCheck['newestVersion'];
      return (await judge(folder, { config, newestVersion })).retraining;
    };
    expect(await retraining(testRetrain(3000), 10)).toEqual({
      needed: true,
      reason: 'the data drifted',
      predictionsSinceTraining: 3000,
    });
    expect(await retraining(testRetrain(3000), 3)).toMatchObject({ needed: true, predictionsSinceTraining: 3000 });
    expect(await retraining(testRetrain(3000), 2)).toEqual({
      needed: false,
      predictionsSinceTraining: 2000,
      reason: '2000 predictions since the last training are too few to learn from: 3000 are needed',
    });
    expect(await retraining(testRetrain(5000), 10)).toMatchObject({ needed: false, predictionsSinceTraining: 4000 });
  });

  test('counts all rows where all rows are judged', async () => {
    const report = await judge(drifted(700, 24), { selection: { by: 'all' }, config: testRetrain(600) });
    expect(report.retraining).toMatchObject({ needed: true, predictionsSinceTraining: 600 });
  });

  test('is not needed without drift, nor possible without a training', async () => {
    const steady = await judge(rowsAt(spread(700, 24)), { config: testRetrain(1) });
    expect(steady.retraining).toEqual({ needed: false, reason: 'nothing asks for it' });
    const alone = await judge(drifted(700, 24));
    expect([alone.verdict, alone.retraining]).toEqual([
      'drift',
      { needed: false, reason: 'no training is configured: drift only alerts' },
    ]);
  });

  test('is not needed for a window that is too small to judge, however far it is off', async () => {
    const report = await judge(drifted(400, 24), { config: testRetrain(1) });
    expect([report.verdict, report.retraining.needed]).toEqual(['inconclusive', false]);
  });
});

describe('a payload log', () => {
  const record = (kind: string, id: number, body: unknown): string =>
    JSON.stringify({
      bytes: Buffer.from(JSON.stringify(body)).toString('base64'),
      ...{
        reqType: `org.kubeflow.serving.inference.${kind}`,
        id: `r-${id}`,
        contentType: 'application/json',
        inferenceService: 'fraud',
      },
      occurrenceTime: new Date(UNTIL.getTime() - (id + 1) * 1000).toISOString(),
    });

  async function payloads(path: string, ids: readonly number[], instance: (id: number) => unknown): Promise<void> {
    const lines = ids.flatMap((id) => [
      record('request', id, { instances: [instance(id)] }),
      record('response', id, { predictions: ['no'] }),
    ]);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${lines.join('\n')}\n`);
  }

  test('is judged like rows', async () => {
    const path = join(await temporaryDirectory('log'), 'log.json');
    await payloads(
      path,
      repeat(600, (id) => id),
      () => [normal()],
    );
    const report = await judge(path);
    expect([report.verdict, report.window.rows, report.quality]).toEqual(['no-drift', 600, []]);
  });

  test('none of which can be read says so', async () => {
    const path = join(await temporaryDirectory('log'), 'log.json');
    await payloads(
      path,
      repeat(20, (id) => id),
      () => [1, 2, 3],
    );
    const report = await judge(path);
    expect([report.verdict, report.severity]).toEqual(['inconclusive', 'critical']);
    expect(findings(report, 'unreadable')).toMatchObject([{ severity: 'critical' }]);
  });

  test('in folders of days is counted once', async () => {
    const folder = await temporaryDirectory('log');
    const shifted = (): unknown => [2 + normal()];
    await payloads(
      join(folder, 'dt=2026-11-18', 'log.json'),
      repeat(100, (id) => 86_400 + id),
      shifted,
    );
    await payloads(
      join(folder, 'dt=2026-11-19', 'log.json'),
      repeat(600, (id) => id),
      shifted,
    );
    const report = await judge(folder, { config: testRetrain(1000) });
    expect(report.retraining).toMatchObject({ needed: false, predictionsSinceTraining: 700 });
  });
});

test('columns of other names are found by the names that are given', async () => {
  const path = await testFile({ at: spread(600, 24), a: repeat(600, normal) });
  expect((await judge(path, { config: { columns: { timestamp: 'at' } } })).window.rows).toBe(600);
  await expect(judge(path, { config: { columns: { timestamp: 'when' } } })).rejects.toThrow(
    "column 'when' (for 'timestamp') is not in the data: it has at, a",
  );
});
