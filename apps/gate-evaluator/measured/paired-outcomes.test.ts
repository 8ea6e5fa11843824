import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GateSignificance } from 'cdk8s-mlops/contract';
import { failureOf } from '../../common/testing/problems';
import { repeat, SILENT, type TestColumns, type TestValue, writeData } from '../../common/testing/test-data';
import { type PairedOutcomes } from '../gates/check-significance';
import { readPairedOutcomes } from './paired-outcomes';

const directory = mkdtempSync(join(tmpdir(), 'paired-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
const newFile = (format: string): string => join(directory, `${files++}.${format}`);

const FORMATS = ['parquet', 'csv', 'jsonl'] as const;

const columnsOf = (
  label: readonly TestValue[],
  prediction: readonly TestValue[],
  baseline: readonly TestValue[],
): TestColumns => ({ label, prediction, baseline_prediction: baseline });

const readAll = (
  gates: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, PairedOutcomes | string>> => {
  const metrics = Object.entries(gates).map(([metric, predictions]) => {
    const significance: GateSignificance = { test: 'bootstrap', predictions };
    return [metric, { significance }];
  });
  return readPairedOutcomes({
    gates: { metrics: Object.fromEntries(metrics) as Record<string, { significance: GateSignificance }> },
    evaluationFile: (path) => (path.startsWith('/') ? path : join(directory, path)),
    log: SILENT,
  });
};

async function read(metric: string, path: string): Promise<PairedOutcomes> {
  const outcome = (await readAll({ [metric]: path }))[metric]!;
  if (typeof outcome === 'string') throw new Error(outcome);
  return outcome;
}

/** Mean gain and its standard deviation over all rows. */
function momentsOf({ gains, rows }: PairedOutcomes): { mean: number; deviation: number } {
  const mean = gains.reduce((sum, { gain, rows: count }) => sum + gain * count, 0) / rows;
  const square = gains.reduce((sum, { gain, spread = 0, rows: n }) => sum + (gain ** 2 + spread ** 2) * n, 0) / rows;
  return { mean, deviation: Math.sqrt(square - mean ** 2) };
}

describe('classes', () => {
  const kinds: [string, TestValue[], Record<string, string>][] = [
    ['texts', ['yes', 'no', 'perhaps'], {}],
    ['integers', [0, 1, 2], { label: 'INTEGER', prediction: 'BIGINT', baseline_prediction: 'TINYINT' }],
    ['integers as floats', [0, 1, 2], { label: 'INTEGER', prediction: 'DOUBLE', baseline_prediction: 'FLOAT' }],
    ['integers as texts', ['0', '1', '2'], { label: 'INTEGER', prediction: 'VARCHAR', baseline_prediction: 'DOUBLE' }],
    ['booleans', [false, true, true], { label: 'BOOLEAN', prediction: 'BOOLEAN', baseline_prediction: 'BOOLEAN' }],
    ['Python’s booleans', ['False', 'True', 'True'], { baseline_prediction: 'BOOLEAN' }],
  ];

  test.each(kinds.flatMap(([name, codes, types]) => FORMATS.map((format) => [name, format, codes, types] as const)))(
    'as %s in %s are right or wrong',
    async (_, format, [no, yes, other], types) => {
      const columns = columnsOf(
        [yes!, yes!, yes!, no!, no!, no!],
        [yes!, yes!, no!, no!, no!, yes!],
        [yes!, no!, yes!, other!, no!, other!],
      );
      const staged = types.baseline_prediction === 'BOOLEAN' ? { ...types, baseline_prediction: 'VARCHAR' } : types;
      expect(await read('accuracy', await writeData(newFile(format), columns, staged))).toEqual({
        rows: 6,
        candidateOnly: 2,
        baselineOnly: 1,
        gains: [
          { gain: 1, rows: 2 },
          { gain: 0, rows: 3 },
          { gain: -1, rows: 1 },
        ],
        leftOut: 0,
      });
    },
  );

  test.each(FORMATS)('leave out rows of %s without a label or an answer, and count them', async (format) => {
    const columns = columnsOf(['a', null, 'a', 'b', 'b'], ['a', 'a', null, 'b', 'b'], ['b', 'a', 'a', null, 'b']);
    expect(await read('f1', await writeData(newFile(format), columns))).toEqual({
      rows: 2,
      candidateOnly: 1,
      baselineOnly: 0,
      gains: [
        { gain: 1, rows: 1 },
        { gain: 0, rows: 1 },
      ],
      leftOut: 3,
    });
  });

  test.each(FORMATS)('of two models that always agree have no gain: %s', async (format) => {
    const same = repeat(50, (row) => (row % 3 ? 'a' : 'b'));
    const { candidateOnly, baselineOnly, gains } = await read(
      'f1',
      await writeData(newFile(format), columnsOf(same, same, same)),
    );
    expect([candidateOnly, baselineOnly, gains]).toEqual([0, 0, [{ gain: 0, rows: 50 }]]);
  });

  test('of which none was ever right are told apart from equally good ones', async () => {
    const path = await writeData(newFile('parquet'), columnsOf(['fraud', 'honest'], [1, 0], [1, 1]));
    expect(await readAll({ f1: path })).toEqual({
      f1: 'neither model answered any of 2 rows right: write labels and predictions in the same way',
    });
  });

  test.each(FORMATS)('of no row that both answered have no rows: %s', async (format) => {
    const columns = columnsOf(['a', 'b'], ['a', null], [null, 'b']);
    expect(await read('f1', await writeData(newFile(format), columns))).toMatchObject({
      rows: 0,
      gains: [],
      leftOut: 2,
    });
  });

  test('of a million rows are three groups', async () => {
    const count = 1_000_000;
    const label = new Array<number>(count).fill(1);
    const columns = columnsOf(
      label,
      label.map((_, row) => Number(row % 10 !== 0)),
      label.map((_, row) => Number(row % 8 !== 0)),
    );
    const path = await writeData(newFile('parquet'), columns, {
      ...{ label: 'INTEGER', prediction: 'INTEGER', baseline_prediction: 'INTEGER' },
    });
    expect(await read('accuracy', path)).toMatchObject({ rows: count, candidateOnly: 100_000, baselineOnly: 75_000 });
  });
});

describe('numbers', () => {
  const LABELS = [10, 20, 30, 40];
  const OURS = [11, 22, 30.5, 40];
  const THEIRS = [13, 21, 31, 44];

  test.each<[string, number[]]>([
    ['mae', [2, -1, 0.5, 4]],
    ['eval.mape', [2, -1, 0.5, 4]],
    ['validation_loss', [2, -1, 0.5, 4]],
    ['mse', [8, -3, 0.75, 16]],
    ['RMSE', [8, -3, 0.75, 16]],
    ['test-rmse', [8, -3, 0.75, 16]],
    ['r2', [2, -1, 0.5, 4]],
  ])('%s gains %j', async (metric, gains) => {
    for (const format of FORMATS) {
      const outcome = await read(metric, await writeData(newFile(format), columnsOf(LABELS, OURS, THEIRS)));
      expect([outcome.rows, outcome.leftOut, outcome.candidateOnly]).toEqual([4, 0, undefined]);
      expect(outcome.gains).toEqual([...gains].sort((a, b) => a - b).map((gain) => ({ gain, spread: 0, rows: 1 })));
    }
  });

  test('without fractions are numbers by the name of the metric, and classes otherwise', async () => {
    const path = await writeData(newFile('csv'), columnsOf([1, 2, 3], [1, 2, 5], [1, 4, 3]));
    const { mae, accuracy, formatted } = await readAll({ mae: path, accuracy: path, formatted: path });
    expect(mae).toMatchObject({ rows: 3, gains: [{ gain: -2 }, { gain: 0 }, { gain: 2 }] });
    for (const classes of [accuracy, formatted]) expect(classes).toMatchObject({ candidateOnly: 1, baselineOnly: 1 });
  });

  test.each(FORMATS)('leave out rows of %s that are not finite, and count them', async (format) => {
    const columns = columnsOf([1.5, NaN, 3.5, 4.5, null], [1.5, 2, Infinity, 4, 5], [2, 2, 3, -Infinity, 5]);
    expect(await read('mae', await writeData(newFile(format), columns))).toEqual({
      rows: 1,
      gains: [{ gain: 0.5, spread: 0, rows: 1 }],
      leftOut: 4,
    });
  });

  test('that are texts of no numbers are left out', async () => {
    const columns = columnsOf(['1.5', 'x', ''], ['1.5', '2', '3'], ['2', '2', '3']);
    expect(await read('mae', await writeData(newFile('csv'), columns))).toMatchObject({ rows: 1, leftOut: 2 });
  });

  test('of many rows are groups of like gains, with the mean and the deviation of all', async () => {
    const count = 20_000;
    const label = repeat(count, () => 0);
    const theirs = repeat(count, (row) => ((row * 7919) % 1000) / 100);
    const ours = repeat(count, (row) => ((row * 104729) % 997) / 100);
    const outcome = await read('mae', await writeData(newFile('parquet'), columnsOf(label, ours, theirs)));
    expect([outcome.rows, outcome.gains.length]).toEqual([count, 1000]);
    const gains = theirs.map((value, row) => value - ours[row]!);
    const mean = gains.reduce((sum, gain) => sum + gain, 0) / count;
    const deviation = Math.sqrt(gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / count);
    expect(momentsOf(outcome).mean).toBeCloseTo(mean, 9);
    expect(momentsOf(outcome).deviation).toBeCloseTo(deviation, 9);
  });

  test('whose squares are too large to take a mean pass nothing', async () => {
    const path = await writeData(newFile('parquet'), columnsOf([0.5, 0.5], [1e200, 1], [1, 1e200]));
    const { rmse } = await readAll({ rmse: path });
    const finite = typeof rmse !== 'string' && rmse!.gains.every(({ gain }) => Number.isFinite(gain));
    expect(finite).toBe(false);
  });
});

describe('paired predictions', () => {
  test('that nobody asks for are not looked for', async () => {
    const gates = { metrics: { auc: { minimum: 0.9 } } };
    const evaluationFile = (): string => {
      throw new Error('asked for');
    };
    expect(await readPairedOutcomes({ gates, evaluationFile, log: SILENT })).toEqual({});
  });

  test('that are not there are said, under the name that is the default', async () => {
    expect(await readAll({ auc: undefined, f1: 'eval/pairs.csv' })).toEqual({
      auc: `there are no paired predictions at '${join(directory, 'predictions.parquet')}'`,
      f1: `there are no paired predictions at '${join(directory, 'eval/pairs.csv')}'`,
    });
  });

  test.each<[string[], string]>([
    [['label', 'prediction'], "'baseline_prediction'"],
    [['prediction', 'baseline_prediction'], "'label'"],
    [['label'], "'prediction' and 'baseline_prediction'"],
    [['other'], "'label' and 'prediction' and 'baseline_prediction'"],
  ])('with only the columns %j are said', async (names, missing) => {
    for (const format of FORMATS) {
      const path = await writeData(newFile(format), Object.fromEntries(names.map((name) => [name, ['a', 'b']])));
      expect(await readAll({ auc: path })).toEqual({
        auc: `'${path}' has no column ${missing}: let the evaluation ask candidate and baseline the same rows and keep both answers`,
      });
    }
  });

  test.each([
    ['parquet', 'this is no Parquet'],
    ['parquet', ''],
    ['jsonl', '{"label": '],
  ])('in a broken %s file are refused, with its name: %j', async (format, text) => {
    const path = newFile(format);
    writeFileSync(path, text);
    const { exitCode, problems } = await failureOf(() => readAll({ auc: path }));
    expect([exitCode, problems[0]]).toEqual([2, expect.stringContaining(path)]);
  });

  test('of several metrics may be in one file or in several', async () => {
    const one = await writeData(newFile('csv'), columnsOf(['a', 'b'], ['a', 'b'], ['b', 'b']));
    const two = await writeData(newFile('parquet'), columnsOf(['a', 'b'], ['b', 'b'], ['a', 'b']));
    const { f1, accuracy, recall } = await readAll({ f1: one, accuracy: one, recall: two });
    expect(accuracy).toEqual(f1);
    expect([f1, recall]).toMatchObject([
      { candidateOnly: 1, baselineOnly: 0 },
      { candidateOnly: 0, baselineOnly: 1 },
    ]);
  });
});
