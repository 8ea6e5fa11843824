import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DataSource } from '../../common/data/data-source';
import { Database } from '../../common/data/database';
import { openTable } from '../../common/data/table';
import { Failure } from '../../common/failure';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import { repeat, SILENT, testRandom, writeData } from '../../common/testing/test-data';
import { type DriftReport } from '../check/drift-report';
import { check, findings, testProfile, testSchema } from '../check/test-check';
import { type ReferenceProfile } from '../profile/reference-profile';

const { normal } = testRandom(51);
const SCHEMA = testSchema({ a: {}, c: { type: 'categorical' } });

let profile: ReferenceProfile;
let folder: string;
beforeAll(async () => {
  profile = await testProfile(SCHEMA, { a: repeat(2000, normal), c: repeat(2000, (row) => `c${row % 3}`) });
});
beforeEach(async () => (folder = await temporaryDirectory('bad')));
afterAll(removeTemporaryFiles);

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

const judge = (current: string): Promise<DriftReport> => check({ schema: SCHEMA, profile, current });

/** What is said; anything but a {@link Failure} would be a crash. */
async function complaint(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => new Error('nothing failed'),
    (reason: unknown) => reason,
  );
  if (error instanceof Failure) return error.message;
  throw error;
}

const lines = (rows: number, line: (row: number) => string): string => `${repeat(rows, line).join('\n')}\n`;
const csv = (rows: number, more = ''): string => `a,c\n${lines(rows, (row) => `${normal()},c${row % 3}`)}${more}`;
const json = (rows: number, more = ''): string =>
  `${lines(rows, (row) => JSON.stringify({ a: normal(), c: `c${row % 3}` }))}${more}`;

describe('a file that is not what it should be is refused, with its name', () => {
  async function parquet(rows = 5000): Promise<Buffer> {
    const path = await writeData(join(folder, 'whole.parquet'), {
      a: repeat(rows, normal),
      c: repeat(rows, (row) => `c${row % 3}`),
    });
    return readFile(path);
  }

  test('Parquet that was cut off', async () => {
    const whole = await parquet();
    for (const bytes of [3, 100, whole.length - 10])
      expect(await complaint(judge(await file('cut/x.parquet', whole.subarray(0, bytes))))).toMatch(
        /^cannot read the data: .*x\.parquet/,
      );
  });

  test('Parquet that is damaged before its data', async () => {
    const whole = Buffer.from(await parquet());
    whole.fill(0xff, 4, 60);
    expect(await complaint(judge(await file('damaged/x.parquet', whole)))).toMatch(/^cannot read the data/);
  });

  test('CSV under the name of Parquet', async () => {
    expect(await complaint(judge(await file('x.parquet', csv(100))))).toMatch(/^cannot read the data: .*x\.parquet/);
  });

  test.each(['csv', 'json', 'parquet'])('an empty %s file', async (extension) => {
    const path = await file(`x.${extension}`, '');
    expect(await complaint(judge(path))).toBe(`'x.${extension}' of '${path}' is empty (0 bytes)`);
  });

  test.each([
    ['too few', '1.5\n'],
    ['too many', '1.5,c0,surplus\n'],
  ])('CSV with rows of %s values', async (_, row) => {
    expect(await complaint(judge(await file('x.csv', csv(3000, row))))).toMatch(
      /CSV Error on Line: 3002 Original Line: 1\.5.*x\.csv/,
    );
    const late = csv(60_000, row + csv(100).slice(4));
    expect(await complaint(judge(await file('y.csv', late)))).toMatch(/CSV Error on Line: 60002 .*y\.csv/);
  });

  test('CSV with a quote that never ends', async () => {
    expect(await complaint(judge(await file('x.csv', csv(3000, '1,"open\n2,c1\n'))))).toMatch(
      /CSV Error on Line: 3002 .*x\.csv/,
    );
  });

  test('quotes that come late are quotes', async () => {
    const path = await file(
      'x.csv',
      csv(
        30_000,
        lines(3000, (row) => `1.5,"c${row % 3}"`),
      ),
    );
    expect(findings(await judge(path), 'unseen-category')).toEqual([]);
  });

  test.each([
    ['broken', '{"a": 1, "c": \n'],
    ['cut off', '{"a": 1, "c": "c'],
    ['no JSON', 'a,c\n1,2\n'],
  ])('JSON lines of which one is %s', async (_, line) => {
    for (const content of [json(2000, line), json(10, line), line])
      expect(await complaint(judge(await file('x.jsonl', content)))).toMatch(/^cannot read the data: .*x\.jsonl/);
  });

  test('text under the name of gzip', async () => {
    expect(await complaint(judge(await file('x.csv.gz', csv(100))))).toMatch(/^cannot read the data/);
  });

  test('files whose columns have nothing in common are read as one table, and what is missing is told', async () => {
    await writeData(join(folder, '1.parquet'), { a: repeat(600, normal), c: repeat(600, (row) => `c${row % 3}`) });
    await writeData(join(folder, '2.parquet'), { other: repeat(600, normal) });
    const report = await judge(folder);
    expect(report.window.rows).toBe(1200);
    expect(findings(report, 'missing-values').map(({ column }) => column)).toEqual(['a', 'c']);
    expect(findings(report, 'extra-column')).toMatchObject([{ column: 'other' }]);
  });
});

describe('values that are not what they should be are told', () => {
  test('mixed types in CSV', async () => {
    const path = await file(
      'x.csv',
      `a,c\n${lines(1000, (row) => `${row % 10 === 0 ? 'n/a' : normal()},c${row % 3}`)}`,
    );
    const report = await judge(path);
    expect(findings(report, 'type-changed')).toEqual([
      { severity: 'critical', column: 'a', message: "10.0 % of 'a' is no number, for example 'n/a'" },
    ]);
    expect(report.window.rows).toBe(1000);
  });

  test('a type that changes after the part that a reader would sample', async () => {
    const path = await file(
      'x.jsonl',
      json(
        30_000,
        lines(30_000, () => '{"a": "broken", "c": 7}'),
      ),
    );
    const report = await judge(path);
    expect(report.window.rows).toBe(60_000);
    expect(findings(report, 'type-changed')).toMatchObject([
      { message: "50.0 % of 'a' is no number, for example 'broken'" },
    ]);
    expect(findings(report, 'unseen-category')).toMatchObject([
      { message: "50.0 % of 'c' is not among the reference: '7'" },
    ]);
  });

  test('NaN and infinities in text', async () => {
    const odd = ['NaN', 'inf', '-Infinity', '', '1e999'];
    const path = await file('x.csv', `a,c\n${lines(1000, (row) => `${odd[row] ?? normal()},c${row % 3}`)}`);
    const report = await judge(path);
    expect(report.features.find(({ name }) => name === 'a')).toMatchObject({ drifted: false, missingRatio: 0.005 });
    expect(report.window.rows).toBe(1000);
  });

  test('a nested value of a numeric feature', async () => {
    const path = await file(
      'x.jsonl',
      lines(600, (row) => JSON.stringify({ a: [row], c: 'c1' })),
    );
    expect(findings(await judge(path), 'type-changed').concat(findings(await judge(path), 'all-null'))).toMatchObject([
      { severity: 'critical', column: 'a' },
    ]);
  });

  test('a list of numbers where a number is expected', async () => {
    const path = join(folder, 'x.parquet');
    await writeData(path, { a: repeat(600, () => '[1, 2]'), c: repeat(600, () => 'c1') }, { a: 'DOUBLE[]' });
    const report = await judge(path);
    expect(report.severity).toBe('critical');
  });

  test('what only looks like SQL or a wildcard is a value', async () => {
    const path = await file(`it's/x.csv`, `a,c\n${lines(600, () => `1.5,"'; DROP TABLE x; --"`)}`);
    expect(findings(await judge(path), 'unseen-category')).toMatchObject([
      { message: expect.stringContaining('DROP TABLE') as string },
    ]);
  });
});

describe('a data set', () => {
  const open = (uri: string, mayBeEmpty = false): Promise<DataSource> =>
    DataSource.open(uri, { log: SILENT, mayBeEmpty });

  test('without files is refused, unless it may be empty', async () => {
    expect(await complaint(open(folder))).toBe(
      `'${folder}' has no data: expected .parquet, .csv, .json, .jsonl or .ndjson files`,
    );
    expect((await open(folder, true)).files).toEqual([]);
    await file('README.txt', 'x');
    expect(await complaint(open(folder))).toMatch(/got 'README.txt'$/);
  });

  test('that is not there is refused', async () => {
    expect(await complaint(open(join(folder, 'none')))).toMatch(/cannot be read: there is no/);
    expect(await complaint(open(join(folder, 'none', '*.csv')))).toMatch(/cannot be read: there is no/);
    await symlink(join(folder, 'gone'), join(folder, 'link.csv'));
    expect(await complaint(open(folder))).toMatch(/'link.csv' of .* cannot be read/);
  });

  test('of mixed kinds is refused, with an example of each', async () => {
    await file('a.csv', csv(1));
    await file('b.parquet', 'x');
    expect(await complaint(open(folder))).toMatch(/mixes csv \('a.csv'\) and parquet \('b.parquet'\)/);
  });

  test('has its files in one order, without hidden or unfinished ones', async () => {
    for (const name of [
      'b/2.csv',
      'a/10.csv',
      'a/9.csv',
      '_SUCCESS',
      '.x.csv',
      '_temporary/0.csv',
      'a/.tmp/1.csv',
      'notes.md',
    ])
      await file(name, 'a\n1\n');
    expect((await open(folder)).files.map(({ name }) => name)).toEqual(['a/10.csv', 'a/9.csv', 'b/2.csv']);
    expect((await open(`${folder}/a/*.csv`)).files.map(({ name }) => name)).toEqual(['10.csv', '9.csv']);
    expect((await open(`${folder}/**/{2,9}.csv`)).files.map(({ name }) => name)).toEqual(['a/9.csv', 'b/2.csv']);
    expect((await open(join(folder, 'b', '2.csv'))).files).toEqual([{ name: '2.csv', bytes: 4, partitions: {} }]);
  });

  test('has the Hive partitions of its paths as columns', async () => {
    for (const [dt, hour] of [
      ['2026-11-19', '07'],
      ['2026-11-20', '08'],
    ])
      await file(`dt=${dt}/hour=${hour}/x.csv`, 'a\n1\n2\n');
    const source = await open(folder);
    expect(source.files[1]!.partitions).toEqual({ dt: '2026-11-20', hour: '08' });
    const database = await Database.open();
    const table = await openTable(database, source);
    const rows = await database.rows(`SELECT dt, hour, count(*) AS rows FROM ${table.name} GROUP BY ALL ORDER BY dt`);
    expect(rows).toEqual([
      { dt: '2026-11-19', hour: '07', rows: 2 },
      { dt: '2026-11-20', hour: '08', rows: 2 },
    ]);
    expect([...table.partitionColumns]).toEqual(['dt', 'hour']);
    database.close();
  });

  test('may be compressed', async () => {
    await file('x.csv.gz', gzipSync(csv(700)));
    expect((await judge(folder)).window.rows).toBe(700);
    const other = await file('json/x.jsonl.gz', gzipSync(json(700)));
    expect((await judge(other)).window.rows).toBe(700);
  });
});

test('a database has its threads back after work in order', async () => {
  const database = await Database.open();
  const threads = async (): Promise<unknown> => database.row("SELECT current_setting('threads') AS threads");
  const before = await threads();
  expect(await database.inOrder(threads)).toEqual({ threads: 1 });
  expect(await threads()).toEqual(before);
  await expect(database.inOrder(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await threads()).toEqual(before);
  database.close();
});
