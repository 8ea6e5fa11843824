import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type ModelSchema } from 'cdk8s-mlops/contract';
import { DataSource } from '../../common/data/data-source';
import { Database } from '../../common/data/database';
import { categoryExpression, numericExpression, openTable, type Table, timeExpression } from '../../common/data/table';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import { SILENT } from '../../common/testing/test-data';
import { isPayloadLog, openPayloadLog } from './payload-log';

let database: Database;
let folder: string;
beforeEach(async () => {
  database = await Database.open();
  folder = await temporaryDirectory('table');
});
afterEach(async () => {
  database.close();
  await removeTemporaryFiles();
});

async function parquet(name: string, select: string): Promise<void> {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  await database.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`);
}

const open = async (): Promise<Table> => openTable(database, await DataSource.open(folder, { log: SILENT }));
const values = async (table: Table, expression: string): Promise<unknown[]> =>
  (await database.rows<{ v: unknown }>(`SELECT ${expression} AS v FROM ${table.name}`)).map(({ v }) => v);

test.each([
  ["'0000002a-0000-0000-0000-000000000000'::UUID", '0000002a-0000-0000-0000-000000000000'],
  ["'b'::ENUM('a', 'b')", 'b'],
  ['3::TINYINT', '3'],
  ['3.0::DOUBLE', '3'],
  ["'3.0'", '3'],
  ['3.5::FLOAT', '3.5'],
  ['true', 'true'],
  ["'True'", 'true'],
  ["DATE '2026-11-20'", '2026-11-20'],
])('%s is the category %p', async (value, category) => {
  await parquet('a.parquet', `SELECT ${value} AS x`);
  const table = await open();
  expect(await values(table, categoryExpression(table.columns.get('x')!))).toEqual([category]);
});

test.each([
  ["' 1.5 '", 1.5],
  ["'1'::ENUM('1')", 1],
  ["'abc'", null],
  ['true', 1],
  ['12.50::DECIMAL(9,2)', 12.5],
])('%s is the number %p', async (value, number) => {
  await parquet('a.parquet', `SELECT ${value} AS x`);
  const table = await open();
  expect(await values(table, numericExpression(table.columns.get('x')!))).toEqual([number]);
});

test.each([
  ["TIMESTAMP '2026-11-20 07:00:00'"],
  ["TIMESTAMPTZ '2026-11-20 09:00:00+02'"],
  ["'2026-11-20T07:00:00Z'"],
  ["'2026-11-20 07:00:00'"],
  ['1795158000::BIGINT'],
  ['1795158000000::BIGINT'],
  ['1795158000000000::BIGINT'],
  ['1795158000.0::DOUBLE'],
])('%s is a time in UTC', async (value) => {
  await parquet('a.parquet', `SELECT ${value} AS x`);
  const table = await open();
  expect(await values(table, `epoch_ms(${timeExpression(table.columns.get('x')!)})`)).toEqual([
    Date.parse('2026-11-20T07:00:00Z'),
  ]);
});

test('partitions are the folders below the data set, and a column of the file wins', async () => {
  folder = join(folder, 'region=eu', 'log');
  await parquet('dt=2026-11-20/hour=07/a.parquet', 'SELECT 1 AS x');
  expect([...(await open()).columns.keys()].sort()).toEqual(['dt', 'hour', 'x']);
  folder = join(folder, 'other');
  await parquet('dt=2026-11-20/hour=07/a.parquet', 'SELECT 23 AS hour');
  const table = await open();
  expect(await values(table, 'hour')).toEqual([23]);
  expect(table.partitionColumns).toEqual(new Set());
});

test('a name that would be taken for a pattern is refused', async () => {
  await parquet('part1.parquet', 'SELECT 1 AS x');
  await parquet('part*.parquet', 'SELECT 2 AS x');
  await expect(open()).rejects.toThrow("'part*.parquet' of");
});

describe('payload logs', () => {
  const schema: ModelSchema = {
    version: 1,
    model: 'm',
    task: { type: 'regression' },
    features: [{ name: 'Age', type: 'numeric', required: true, importance: 1 }],
    objectives: {},
  };
  const record = (kind: string, body: object): string =>
    JSON.stringify({
      id: 'a',
      reqType: `org.kubeflow.serving.inference.${kind}`,
      bytes: Buffer.from(JSON.stringify(body)).toString('base64'),
    });
  const log = [record('request', { instances: [[41]] }), record('response', { predictions: [7] })].join('\n');

  test.each<[string, string, string | Buffer]>([
    ['behind an empty flush', 'b.jsonl', log],
    ['packed with gzip', 'b.jsonl.gz', gzipSync(log)],
  ])('are recognised %s', async (_, name, content) => {
    writeFileSync(join(folder, 'a.json'), '[]');
    writeFileSync(join(folder, name), content);
    const source = await DataSource.open(folder, { log: SILENT });
    expect(await isPayloadLog(source)).toBe(true);
    const table = await openPayloadLog(database, source, schema);
    expect(await database.rows(`SELECT request_id, prediction, "Age" FROM ${table.name}`)).toEqual([
      { request_id: 'a', prediction: 7, Age: 41 },
    ]);
  });

  test('rows of JSON are none', async () => {
    writeFileSync(join(folder, 'a.jsonl'), '{"Age": 1, "type": "x"}');
    expect(await isPayloadLog(await DataSource.open(folder, { log: SILENT }))).toBe(false);
  });
});
