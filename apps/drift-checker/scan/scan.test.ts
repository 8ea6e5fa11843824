import { join } from 'node:path';
import { DataSource } from '../../common/data/data-source';
import { Database } from '../../common/data/database';
import { openTable } from '../../common/data/table';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import {
  repeat,
  SILENT,
  testRandom,
  type TestColumns,
  type TestValue,
  writeData,
} from '../../common/testing/test-data';
import { type ColumnCounts, type ColumnPlan, scan, type ScanResult } from './scan';

type Plan =
  | { readonly type: 'numeric'; readonly edges: readonly number[] }
  | { readonly type: 'categorical'; readonly categories: readonly string[] };

interface Scanned extends ScanResult {
  readonly of: Readonly<Record<string, ColumnCounts>>;
}

async function scanned(
  file: string,
  data: TestColumns,
  plans: Readonly<Record<string, Plan>>,
  options: { types?: Record<string, string>; where?: string; seed?: number; sampleSize?: number } = {},
): Promise<Scanned> {
  const path = await writeData(join(await temporaryDirectory('scan'), file), data, options.types);
  const database = await Database.open();
  try {
    const table = await openTable(database, await DataSource.open(path, { log: SILENT }));
    const named = Object.entries(plans);
    const result = await scan({
      ...{ database, table, log: SILENT, where: options.where ?? 'true' },
      ...{ seed: options.seed ?? 0, sampleSize: options.sampleSize ?? 100 },
      plans: named.map(([name, plan]): ColumnPlan => ({ ...plan, column: table.columns.get(name)! })),
    });
    return { ...result, of: Object.fromEntries(named.map(([name], index) => [name, result.columns[index]!])) };
  } finally {
    database.close();
  }
}

const categories = (...names: string[]): Plan => ({ type: 'categorical', categories: names });
const numeric = (...edges: number[]): Plan => ({ type: 'numeric', edges });

function categoryCounts(counts: ColumnCounts | undefined): { counts: number[]; other: number; missing: number } {
  if (counts?.type !== 'categorical') throw new Error('not counted by category');
  return { counts: [...counts.counts], other: counts.other, missing: counts.missing };
}

function numericCounts(counts: ColumnCounts | undefined): ColumnCounts & { type: 'numeric' } {
  if (counts?.type !== 'numeric') throw new Error('not counted as numbers');
  return counts;
}

afterAll(removeTemporaryFiles);

describe('categories', () => {
  test('are counted by name, all others together, and nulls apart', async () => {
    const { of, rows } = await scanned(
      'x.parquet',
      { c: ['a', 'b', 'a', null, 'z', 'A', ''] },
      { c: categories('a', 'b', 'gone') },
    );
    expect(rows).toBe(7);
    expect(categoryCounts(of.c)).toEqual({ counts: [2, 1, 0], other: 3, missing: 1 });
  });

  test('without bins, rows are other or missing', async () => {
    const { of } = await scanned('x.parquet', { c: ['a', null, 'b'] }, { c: categories() });
    expect(categoryCounts(of.c)).toEqual({ counts: [], other: 2, missing: 1 });
  });

  test('may have any name, and are never read as SQL', async () => {
    const names = [`'`, `it's`, `"; DROP TABLE x; --`, `') OR 1=1 --`, 'é€𝄞', ' a', 'a', '\\', '\n', '%', 'null'];
    const { of } = await scanned('x.parquet', { c: [...names, null] }, { c: categories(...names.slice(0, -1)) });
    expect(categoryCounts(of.c)).toEqual({ counts: repeat(10, () => 1), other: 1, missing: 1 });
  });

  const codes: readonly (readonly [string, string, TestValue[]])[] = [
    ['integers', 'INTEGER', [1, 2, 2, 30, null]],
    ['doubles, as a data frame with a null has them', 'DOUBLE', [1, 2, 2, 30, NaN]],
    ['floats', 'FLOAT', [1, 2, 2, 30, null]],
    ['text', 'VARCHAR', ['1', '2', '2', '30', null]],
    ['text of doubles', 'VARCHAR', ['1.0', '2.0', '2', '30.0', null]],
  ];
  test.each(codes)('are the same whether a code was stored as %s', async (_, type, values) => {
    const { of } = await scanned('x.parquet', { c: values }, { c: categories('1', '2', '3') }, { types: { c: type } });
    expect(categoryCounts(of.c)).toEqual({ counts: [1, 2, 0], other: 1, missing: 1 });
  });

  test('of doubles may be fractions, huge or infinite', async () => {
    const values = [0.5, 1e300, Infinity, -Infinity, 123_456_789_012, -0, null];
    const { of } = await scanned('x.parquet', { c: values }, { c: categories('0.5', '123456789012', '0') });
    expect(categoryCounts(of.c)).toEqual({ counts: [1, 1, 1], other: 3, missing: 1 });
  });

  test('may be booleans', async () => {
    const { of } = await scanned('x.parquet', { c: [true, false, true, null] }, { c: categories('true', 'false') });
    expect(categoryCounts(of.c)).toEqual({ counts: [2, 1], other: 0, missing: 1 });
  });
});

describe('columns', () => {
  test.each(['a "quoted" name', `it's`, 'with space', 'größe ☃', 'select', 'x; DROP TABLE y', 'a.b', '100%'])(
    'may be called %p',
    async (name) => {
      const { of } = await scanned('x.parquet', { [name]: [1, 2, 3] }, { [name]: numeric(2) });
      expect([...numericCounts(of[name]).counter.counts]).toEqual([2, 1]);
    },
  );

  test.each(['x.parquet', 'x.csv', 'x.jsonl'])('are counted alike from %s', async (file) => {
    const { normal, below } = testRandom(4);
    const data = {
      n: repeat(3000, (row) => (row % 10 === 0 ? null : normal())),
      c: repeat(3000, (row) => (row % 7 === 0 ? null : `c${below(3)}`)),
    };
    const { of, rows } = await scanned(file, data, { n: numeric(-1, 0, 1), c: categories('c0', 'c1') });
    expect(rows).toBe(3000);
    const expected = [0, 0, 0, 0];
    for (const value of data.n) if (value !== null) expected[[-1, 0, 1].filter((edge) => value > edge).length]!++;
    expect([...numericCounts(of.n).counter.counts]).toEqual(expected);
    expect(numericCounts(of.n).counter.missing).toBe(300);
    const of2 = (name: string): number => data.c.filter((value) => value === name).length;
    expect(categoryCounts(of.c)).toEqual({ counts: [of2('c0'), of2('c1')], other: of2('c2'), missing: 429 });
  });

  test.each(['TINYINT', 'UINTEGER', 'BIGINT', 'DECIMAL(9,2)', 'FLOAT', 'DOUBLE', 'VARCHAR'])(
    'of numbers may be stored as %s',
    async (type) => {
      const values = type === 'VARCHAR' ? ['1', ' 2 ', '30', null, 'x'] : [1, 2, 30, null, null];
      const { of } = await scanned('x.parquet', { n: values }, { n: numeric(1, 2) }, { types: { n: type } });
      const { counter } = numericCounts(of.n);
      expect([[...counter.counts], counter.missing, counter.mean]).toEqual([[1, 1, 1], 2, 11]);
    },
  );

  test('may be none at all: the rows are counted', async () => {
    expect((await scanned('x.parquet', { n: [1, 2, 3] }, {})).rows).toBe(3);
  });

  test('NaN and infinities of a file are no values', async () => {
    const { of } = await scanned('x.parquet', { n: [1, NaN, Infinity, -Infinity, null, 2] }, { n: numeric(1) });
    const { counter } = numericCounts(of.n);
    expect([[...counter.counts], counter.missing, counter.infinite]).toEqual([[1, 1], 2, 2]);
  });
});

describe('rows', () => {
  test('that do not meet the condition are left out, however long the gaps are', async () => {
    const data = { n: repeat(200_000, (row) => row) };
    const { rows, of } = await scanned(
      'x.parquet',
      data,
      { n: numeric(10, 199_990) },
      { where: 'n < 5 OR n >= 199990' },
    );
    expect(rows).toBe(15);
    expect([...numericCounts(of.n).counter.counts]).toEqual([5, 1, 9]);
  });

  test('are sampled together: the values of a row stay in one slot', async () => {
    const data = { a: repeat(5000, (row) => row), b: repeat(5000, (row) => (row % 3 === 0 ? null : -row)) };
    const { of, priorities } = await scanned('x.parquet', data, { a: numeric(), b: numeric() }, { sampleSize: 200 });
    const [a, b] = [numericCounts(of.a).sample, numericCounts(of.b).sample];
    expect(priorities).toHaveLength(200);
    expect(new Set(a).size).toBe(200);
    a.forEach((value, slot) => expect(b[slot]).toEqual(value % 3 === 0 ? NaN : -value));
  });

  test('fewer than the sample are all in it, the rest of the slots are empty', async () => {
    const { of, priorities } = await scanned('x.parquet', { n: [5, 6, 7] }, { n: numeric() }, { sampleSize: 5 });
    expect([...numericCounts(of.n).sample]).toEqual([5, 6, 7, NaN, NaN]);
    expect(priorities).toHaveLength(3);
  });

  test('are sampled alike by the same seed, and otherwise by another', async () => {
    const sample = async (seed: number): Promise<number[]> => {
      const data = { n: repeat(2000, (row) => row) };
      const { of } = await scanned('x.parquet', data, { n: numeric() }, { sampleSize: 20, seed });
      return [...numericCounts(of.n).sample];
    };
    expect(await sample(1)).toEqual(await sample(1));
    expect(await sample(1)).not.toEqual(await sample(2));
  });
});

test('a signal ends the pass', async () => {
  const path = await writeData(join(await temporaryDirectory('scan'), 'x.parquet'), {
    n: repeat(100_000, (row) => row),
  });
  const database = await Database.open();
  const table = await openTable(database, await DataSource.open(path, { log: SILENT }));
  const signal = AbortSignal.abort(new Error('stopped'));
  const running = scan({ database, table, plans: [], where: 'true', seed: 0, sampleSize: 1, log: SILENT, signal });
  await expect(running).rejects.toThrow('stopped');
  database.close();
});
