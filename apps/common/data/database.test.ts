import { removeTemporaryFiles } from '../temporary-files';
import { Database } from './database';

let database: Database;
beforeEach(async () => (database = await Database.open()));
afterEach(() => database.close());
afterAll(removeTemporaryFiles);

describe('a writer of a table', () => {
  const write = async (rows: readonly (readonly (number | string | null)[])[]): Promise<void> => {
    await database.run('CREATE TABLE t (n DOUBLE, s VARCHAR, m DOUBLE)');
    const writer = await database.tableWriter('t', ['number', 'text', 'number']);
    for (const row of rows) writer.append(row);
    writer.close();
  };

  test.each([[0], [1], [2047], [2048], [2049], [10_000]])(
    'hands over %d rows, whatever came before them',
    async (count) => {
      // Long and short texts lie in different places, and nothing may stay of the rows before.
      const rows = Array.from({ length: count }, (_, row) => [
        row % 3 === 0 ? null : row / 2,
        row % 5 === 0 ? null : `${'x'.repeat(row % 40)}é${row}`,
        row < 2048 ? row : null,
      ]);
      await write(rows);
      const read = await database.rows<{ n: number; s: string; m: number }>('SELECT * FROM t');
      expect(read.map(({ n, s, m }) => [n, s, m])).toEqual(rows);
    },
  );

  test('has a row of nothing where nothing was set, and NaN is nothing', async () => {
    await database.run('CREATE TABLE t (n DOUBLE, s VARCHAR)');
    const writer = await database.tableWriter('t', ['number', 'text']);
    for (const value of [1, null, NaN, Infinity, 0]) {
      writer.number(0, value);
      writer.endRow();
    }
    writer.text(1, '');
    writer.endRow();
    writer.close();
    expect(await database.rows('SELECT * FROM t')).toEqual([
      ...[1, null, null, Infinity, 0].map((n) => ({ n, s: null })),
      { n: null, s: '' },
    ]);
  });

  test('of a table that is not there is refused', async () => {
    await expect(database.tableWriter('none', ['number'])).rejects.toThrow('none');
  });
});

describe('a second connection', () => {
  test('has the data, in UTC, and temporary tables of its own', async () => {
    const other = await database.connect();
    await database.run("CREATE TABLE t AS SELECT TIMESTAMPTZ '2026-11-19 00:00:00Z' AS moment");
    await database.run('CREATE TEMP TABLE mine AS SELECT 1');
    await other.run('CREATE TEMP TABLE mine AS SELECT 2 AS n');
    expect(await other.row("SELECT strftime(moment, '%H') AS hour, n FROM t, mine")).toEqual({ hour: '00', n: 2 });
    other.close();
    expect(await database.row('SELECT count(*) AS rows FROM t')).toEqual({ rows: 1 });
  });

  test('has no name that the first one has', async () => {
    const other = await database.connect();
    expect([database.newName('t'), other.newName('t'), database.newName('t')]).toEqual(['t_0', 't_1', 't_2']);
    other.close();
  });
});
