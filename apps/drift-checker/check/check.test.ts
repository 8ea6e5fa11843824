import { removeTemporaryFiles } from '../../common/temporary-files';
import { repeat, testRandom, type TestColumns, type TestValue } from '../../common/testing/test-data';
import { type ReferenceProfile } from '../profile/reference-profile';
import { serializeReport } from '../report/numbers';
import { type DriftReport, type FeatureDrift } from './drift-report';
import { check, findings, type TestCheck, testFile, testProfile, testSchema, testRetrain } from './test-check';

const { normal, uniform, below } = testRandom(21);
const NAMES = ['a', 'b', 'c', 'd'];
const SCHEMA = testSchema({ a: {}, b: {}, c: {}, d: { type: 'categorical' } });
const REFERENCE_ROWS = 10_000;

const column = {
  a: normal,
  b: () => Math.exp(normal()),
  c: () => below(4),
  d: () => ['x', 'y', 'z'][below(3)]!,
};

function data(rows: number, changes: Readonly<Record<string, (row: number) => TestValue>> = {}): TestColumns {
  const makers: Record<string, (row: number) => TestValue> = { ...column, ...changes };
  return Object.fromEntries(Object.entries(makers).map(([name, make]) => [name, repeat(rows, make)]));
}

const without = (columns: TestColumns, name: string): TestColumns =>
  Object.fromEntries(Object.entries(columns).filter(([other]) => other !== name));

let profile: ReferenceProfile;
beforeAll(async () => (profile = await testProfile(SCHEMA, data(REFERENCE_ROWS))));
afterAll(removeTemporaryFiles);

const judge = (current: TestColumns | string, more: Partial<TestCheck> = {}): Promise<DriftReport> =>
  check({ schema: SCHEMA, profile, current, ...more });

function featureOf(report: DriftReport, name: string): FeatureDrift {
  const feature = report.features.find((each) => each.name === name);
  if (!feature) throw new Error(`no feature '${name}'`);
  return feature;
}

describe('a window without drift', () => {
  test.each([500, 10_000])('of %p rows raises nothing', async (rows) => {
    const report = await judge(data(rows));
    const { verdict, severity, driftedFeatures, quality, reasons } = report;
    expect({ verdict, severity, driftedFeatures, quality, reasons }).toEqual({
      ...{ verdict: 'no-drift', severity: 'none', driftedFeatures: [], quality: [], reasons: [] },
    });
  });

  test('may be ten times its reference', async () => {
    const small = await testProfile(SCHEMA, data(500));
    expect((await judge(data(5000), { profile: small })).driftedFeatures).toEqual([]);
  });

  test('may have 5,000 categories in 1,000 rows', async () => {
    const schema = testSchema({ id: { type: 'categorical' } });
    const ids = (rows: number): TestColumns => ({ id: repeat(rows, () => `user-${below(5000)}`) });
    const report = await check({ schema, profile: await testProfile(schema, ids(20_000)), current: ids(1000) });
    expect([report.verdict, featureOf(report, 'id').score]).toEqual(['no-drift', 0]);
    expect(findings(report, 'unseen-category')).toEqual([]);
  });

  test('may store the same values as floats, integers or text of another file format', async () => {
    const schema = testSchema({ price: {}, code: { type: 'categorical' } });
    const rows = { price: repeat(5000, () => below(40) / 10), code: repeat(5000, () => below(5)) };
    const price = await testProfile(schema, rows);
    const report = await check({ schema, profile: price, current: rows, types: { price: 'FLOAT', code: 'INTEGER' } });
    expect(report.features.map(({ score }) => score)).toEqual([0, 0]);
    expect(report.quality).toEqual([]);
  });
});

describe('a shift', () => {
  const outlier = (row: number, value: number): number => (row === 777 ? 1e6 : value);

  test('of half a standard deviation is found beside one value of 1e6', async () => {
    const report = await judge(data(20_000, { a: (row) => outlier(row, 0.5 + normal()) }));
    expect(featureOf(report, 'a')).toMatchObject({ drifted: true, score: expect.closeTo(0.25, 1) as number });
  });

  test('is not what one value of 1e6 is', async () => {
    const report = await judge(data(20_000, { a: (row) => outlier(row, normal()) }));
    expect(featureOf(report, 'a')).toMatchObject({ drifted: false, score: expect.closeTo(0, 2) as number });
    expect([report.verdict, report.severity]).toEqual(['no-drift', 'none']);
  });

  test('of missing values is one too', async () => {
    const report = await judge(data(5000, { a: () => (uniform() < 0.15 ? null : normal()) }));
    expect(featureOf(report, 'a').missingRatio).toBeCloseTo(0.15, 1);
    expect(featureOf(report, 'a').score).toBeGreaterThan(0.15);
    expect(findings(report, 'missing-values')).toMatchObject([{ severity: 'warning', column: 'a' }]);
  });

  test('too small to matter is not drift, however certain it is', async () => {
    const a = featureOf(await judge(data(40_000, { a: () => 0.1 + normal() })), 'a');
    expect(a.adjustedPValue).toBeLessThan(1e-6);
    expect(a.drifted).toBe(false);
  });

  test('that chance explains is not drift, however large it is', async () => {
    const few = data(30, { a: () => 0.6 + normal() });
    const a = featureOf(await judge(few, { config: { decision: decision({ featureThreshold: 0.01 }) } }), 'a');
    expect([a.score > 0.01, a.adjustedPValue > 0.01, a.drifted]).toEqual([true, true, false]);
  });

  test('of a constant is seen upwards and downwards', async () => {
    const schema = testSchema({ k: {} });
    const constant = await testProfile(schema, { k: repeat(1000, () => 7) });
    for (const [value, drifted] of [
      [7, false],
      [7.01, true],
      [6.99, true],
    ] as const) {
      const report = await check({ schema, profile: constant, current: { k: repeat(1000, () => value) } });
      expect(featureOf(report, 'k').drifted).toBe(drifted);
      expect(report.quality).toEqual([]);
    }
  });

  test('of categories is seen, whether a category grew or is new', async () => {
    const grown = await judge(data(2000, { d: () => (uniform() < 0.6 ? 'x' : 'y') }));
    const fresh = await judge(data(2000, { d: () => (uniform() < 0.2 ? 'new' : 'x') }));
    expect([featureOf(grown, 'd').drifted, featureOf(fresh, 'd').drifted]).toEqual([true, true]);
    expect(findings(fresh, 'unseen-category')).toMatchObject([{ column: 'd', severity: 'warning' }]);
  });

  test('of every statistic that was chosen is judged by that statistic and its threshold', async () => {
    const current = data(5000, { a: () => 1 + normal() });
    const judged = async (features: TestCheck['config']): Promise<FeatureDrift> =>
      featureOf(await judge(current, { config: features }), 'a');
    for (const statistic of [
      'kolmogorov-smirnov',
      'wasserstein',
      'jensen-shannon',
      'hellinger',
      'cramers-v',
    ] as const) {
      const a = await judged({ features: { a: { statistic } } });
      expect(a).toMatchObject({ statistic, threshold: 0.1, score: a.statistics[statistic], drifted: true });
    }
    expect(await judged({ features: { a: { threshold: 100 } } })).toMatchObject({ statistic: 'psi', drifted: false });
    // The distance between two normals one standard deviation apart.
    const { statistics } = await judged({});
    expect(statistics['kolmogorov-smirnov']).toBeCloseTo(0.383, 1);
    expect(statistics.wasserstein).toBeCloseTo(1, 1);
  });
});

const decision = (change: object): NonNullable<TestCheck['config']>['decision'] => ({
  ...{ featureThreshold: 0.15, driftedShare: 0.3, significance: 0.01, consecutiveWindows: 1 },
  ...change,
});

describe('broken data is a finding and never drift', () => {
  test('a column without a value is critical, and out of the drift', async () => {
    const report = await judge(data(1000, { a: () => null }), { types: { a: 'DOUBLE' } });
    expect(findings(report, 'all-null')).toEqual([
      { severity: 'critical', column: 'a', message: "'a' has no value in any of 1000 rows" },
    ]);
    expect(featureOf(report, 'a')).toMatchObject({
      drifted: false,
      excluded: expect.stringContaining('no value') as string,
    });
    expect([report.verdict, report.severity, report.dataDriftScore < 0.01]).toEqual(['no-drift', 'critical', true]);
  });

  test('all columns without a value are no drift either, and no reason to retrain', async () => {
    const nothing = Object.fromEntries(NAMES.map((name) => [name, () => null]));
    const types = { a: 'DOUBLE', b: 'DOUBLE', c: 'DOUBLE', d: 'VARCHAR' };
    const report = await judge(data(1000, nothing), { types });
    expect([report.verdict, report.severity, report.retraining.needed]).toEqual(['inconclusive', 'critical', false]);
  });

  test('a column that was always empty may stay so', async () => {
    const schema = testSchema({ a: {}, e: { type: 'categorical' } });
    const rows = { a: repeat(1000, normal), e: repeat(1000, () => null) };
    const report = await check({ schema, profile: await testProfile(schema, rows), current: rows });
    expect([report.severity, report.quality]).toEqual(['none', []]);
  });

  test('a missing column is a finding, critical where it is required', async () => {
    const current = without(data(1000), 'b');
    expect(findings(await judge(current), 'missing-column')).toMatchObject([{ severity: 'warning', column: 'b' }]);
    const schema = testSchema({ a: {}, b: { required: true }, c: {}, d: { type: 'categorical' } });
    const report = await judge(current, { schema });
    expect(findings(report, 'missing-column')).toMatchObject([{ severity: 'critical', column: 'b' }]);
    expect([report.verdict, report.severity, report.features.length]).toEqual(['no-drift', 'critical', 3]);
  });

  test('a table without any of the columns is findings, not a crash', async () => {
    const report = await judge({ other: repeat(600, normal) });
    expect(findings(report, 'missing-column')).toHaveLength(4);
    expect(findings(report, 'extra-column')).toMatchObject([{ severity: 'info', column: 'other' }]);
    expect([report.verdict, report.window.rows, report.driftedShare]).toEqual(['inconclusive', 600, 0]);
  });

  test('infinities and NaN are counted, and leave the rest comparable', async () => {
    const report = await judge(
      data(2000, { a: (row) => (row < 10 ? Infinity : row < 20 ? -Infinity : row < 30 ? NaN : normal()) }),
    );
    expect(findings(report, 'not-finite')).toEqual([
      { severity: 'warning', column: 'a', message: "1.0 % of 'a' is infinite" },
    ]);
    expect(featureOf(report, 'a')).toMatchObject({ drifted: false, missingRatio: 0.015 });
    expect(JSON.stringify(report)).not.toMatch(/NaN|Infinity|null/);
  });

  test('values out of the range of the schema are told, with what there is', async () => {
    const schema = testSchema({ a: { minimum: -6, maximum: 6 }, b: {}, c: {}, d: { type: 'categorical' } });
    const report = await judge(data(1000, { a: (row) => (row < 100 ? -99 : normal() / 2) }), { schema });
    expect(findings(report, 'out-of-range')).toMatchObject([
      {
        severity: 'critical',
        message: expect.stringMatching(/^10.0 % of 'a' is outside -6 to 6: the data has -99 to/) as string,
      },
    ]);
  });

  test('an unseen category in one of 1,000 rows is told, and nothing more', async () => {
    const report = await judge(data(1000, { d: (row) => (row === 5 ? `new'; --` : column.d()) }));
    expect(findings(report, 'unseen-category')).toEqual([
      { severity: 'info', column: 'd', message: "0.1 % of 'd' is not among the reference: 'new'; --'" },
    ]);
    expect([report.verdict, report.severity]).toEqual(['no-drift', 'none']);
  });

  test('a category that a closed list does not have is a warning, and critical from 5 % on', async () => {
    const schema = testSchema({ a: {}, b: {}, c: {}, d: { type: 'categorical', values: ['x', 'y', 'z'] } });
    for (const [share, severity] of [
      [0.01, 'warning'],
      [0.06, 'critical'],
    ] as const) {
      const report = await judge(data(1000, { d: (row) => (row < 1000 * share ? 'q' : column.d()) }), { schema });
      expect(findings(report, 'unseen-category')).toMatchObject([{ severity }]);
    }
  });

  test('numbers that became text are a changed type', async () => {
    const report = await judge(data(1000, { a: () => String(normal()) }));
    expect(findings(report, 'type-changed')).toMatchObject([
      { severity: 'critical', message: "'a' is text (VARCHAR), in the reference it was number" },
    ]);
    expect(featureOf(report, 'a').excluded).toMatch('text');
  });

  test('text that is no number is told with an example', async () => {
    const report = await judge(data(1000, { a: (row) => (row < 100 ? 'n/a' : String(normal())) }));
    expect(findings(report, 'type-changed').map(({ message }) => message)).toContain(
      "10.0 % of 'a' is no number, for example 'n/a'",
    );
  });

  test('a column that stopped moving is critical', async () => {
    const report = await judge(data(1000, { a: () => 0.123 }));
    expect(findings(report, 'constant')).toMatchObject([{ severity: 'critical', column: 'a' }]);
    expect(featureOf(report, 'a').drifted).toBe(false);
  });

  test('a rare value that a window does not have is no stuck column', async () => {
    const schema = testSchema({ flag: { type: 'categorical' }, sparse: {} });
    const rows = (count: number, rare: (row: number) => boolean): TestColumns => ({
      flag: repeat(count, (row) => (rare(row) ? 'yes' : 'no')),
      sparse: repeat(count, (row) => (rare(row) ? row : null)),
    });
    const rarely = await testProfile(
      schema,
      rows(10_000, (row) => row % 60 === 0),
    );
    const report = await check({ schema, profile: rarely, current: rows(500, (row) => row === 3) });
    expect(findings(report, 'constant')).toEqual([]);
    const none = await check({ schema, profile: rarely, current: rows(500, () => false) });
    expect(findings(none, 'constant')).toEqual([]);
  });

  test.each([
    [1, 'warning'],
    [100, 'critical'],
  ] as const)('%p ids that repeat are a finding', async (repeated, severity) => {
    const id = (row: number): string => `r-${row < repeated ? row + 500 : row}`;
    const report = await judge(data(1000, { request_id: id }));
    expect(findings(report, 'duplicate-ids')).toEqual([
      { severity, column: 'request_id', message: `${repeated} of 1000 rows repeat the request_id of another row` },
    ]);
  });

  test('an id that another version answered as well is no duplicate', async () => {
    const report = await judge(
      data(1000, { request_id: (row) => row % 500, version: (row) => (row < 500 ? '1' : '2') }),
    );
    expect(findings(report, 'duplicate-ids')).toEqual([]);
  });
});

describe('a source that loses columns does not look like drift', () => {
  const shifted = (): TestColumns => data(600, { c: () => 1000 + normal() });
  const lost = (): TestColumns => ({ ...shifted(), a: repeat(600, () => null), b: repeat(600, () => null) });
  const types = { a: 'DOUBLE', b: 'DOUBLE' };

  test.each<[string, () => TestColumns]>([
    ['have no value', lost],
    ['are not there', () => without(without(shifted(), 'a'), 'b')],
  ])('when columns %s', async (_, columns) => {
    const current = columns();
    const report = await judge(current, { types: 'a' in current ? types : undefined });
    expect(report).toMatchObject({
      verdict: 'no-drift',
      countedFeatures: 4,
      driftedFeatures: ['c'],
    });
    expect(report.driftedShare).toBe(0.25);
  });

  test('and a training waits for required columns to be mended', async () => {
    const schema = testSchema({ a: {}, b: {}, c: { required: true } });
    const reference = await testProfile(schema, {
      a: repeat(5000, normal),
      b: repeat(5000, normal),
      c: repeat(5000, normal),
    });
    const current = {
      a: repeat(600, () => 9 + normal()),
      b: repeat(600, () => 9 + normal()),
      c: repeat(600, () => null),
    };
    const report = await check({ schema, profile: reference, current, types: { c: 'DOUBLE' }, config: testRetrain(1) });
    expect(report.verdict).toBe('drift');
    expect(report.retraining).toEqual({
      needed: false,
      reason: 'c must be mended first: a training on broken data would learn the defect',
    });
  });
});

describe('predictions', () => {
  const schema = testSchema({ a: {} });
  const answers = (rows: number, share: number): TestColumns => ({
    a: repeat(rows, normal),
    prediction: repeat(rows, () => (uniform() < share ? 'yes' : 'no')),
    prediction_score: repeat(rows, () => share * uniform()),
  });

  test('that shift are a warning of their own, and no drift of the features', async () => {
    const reference = await testProfile(schema, { a: repeat(5000, normal) }, answers(5000, 0.2));
    const steady = await check({ schema, profile: reference, current: answers(2000, 0.2) });
    expect(steady.predictions.map(({ name, drifted }) => [name, drifted])).toEqual([
      ['prediction_score', false],
      ['prediction', false],
    ]);
    const report = await check({ schema, profile: reference, current: answers(2000, 0.6) });
    expect(report.predictions.map(({ drifted }) => drifted)).toEqual([true, true]);
    expect([report.verdict, report.severity, report.driftedShare]).toEqual(['no-drift', 'warning', 0]);
    expect(report.reasons.join()).toMatch("the distribution of 'prediction' shifted");
  });

  test('that are not there, or have no value, are an outage and not silence', async () => {
    const reference = await testProfile(schema, { a: repeat(5000, normal) }, answers(5000, 0.2));
    const kinds = ({ quality }: DriftReport): unknown =>
      quality.map(({ kind, column, severity }) => [kind, column, severity]);
    expect(kinds(await check({ schema, profile: reference, current: { a: repeat(2000, normal) } }))).toEqual([
      ['missing-column', 'prediction_score', 'warning'],
      ['missing-column', 'prediction', 'critical'],
    ]);
    const current = { ...answers(2000, 0.2), prediction: repeat(2000, () => null) };
    const report = await check({ schema, profile: reference, current, types: { prediction: 'VARCHAR' } });
    expect(kinds(report)).toEqual([['all-null', 'prediction', 'critical']]);
    expect(report.predictions.map(({ name, drifted }) => [name, drifted])).toEqual([
      ['prediction_score', false],
      ['prediction', false],
    ]);
  });

  test('that are no classes of the model are an outage, and have no accuracy', async () => {
    const reference = await testProfile(
      schema,
      { a: repeat(5000, normal) },
      { ...answers(5000, 0.2), label: repeat(5000, () => 'no') },
    );
    const capitals = { ...answers(2000, 0.2), prediction: repeat(2000, () => 'YES'), label: repeat(2000, () => 'yes') };
    const report = await check({ schema, profile: reference, current: capitals });
    expect(findings(report, 'unseen-category')).toEqual([
      {
        severity: 'critical',
        column: 'prediction',
        message: '2000 of 2000 rows have a prediction that is none of the classes no, yes',
      },
    ]);
    expect(report.performance).toMatchObject({ verdict: 'inconclusive', labels: 0, metrics: [] });
  });

  test('of a regression are numbers', async () => {
    const regression = testSchema({ a: {} }, { task: { type: 'regression' } });
    const values = (mean: number): TestColumns => ({
      a: repeat(2000, normal),
      prediction: repeat(2000, () => mean + normal()),
    });
    const reference = await testProfile(regression, { a: repeat(2000, normal) }, values(0));
    const report = await check({ schema: regression, profile: reference, current: values(1) });
    expect(report.predictions).toMatchObject([{ name: 'prediction', type: 'numeric', drifted: true }]);
  });
});

describe('too few rows', () => {
  test.each([0, 1, 499])('%p rows are inconclusive, never "no drift", and never a reason to retrain', async (rows) => {
    const types = { a: 'DOUBLE', b: 'DOUBLE', c: 'DOUBLE', d: 'VARCHAR' };
    const report = await judge(data(rows, { a: () => 50 + normal(), b: () => -50, c: () => 99 }), { types });
    expect([report.verdict, report.window.rows, report.retraining.needed]).toEqual(['inconclusive', rows, false]);
    expect(report.reasons).toContain(`${rows} rows are too few to judge: at least 500 are needed`);
  });

  test('500 are enough', async () => {
    expect((await judge(data(500))).verdict).toBe('no-drift');
  });
});

describe('a report', () => {
  test('has the same bytes when the same rows are judged again, by as many threads as there are', async () => {
    const rows = data(15_000, {
      a: () => 0.3 + normal(),
      request_id: (row) => `r-${row % 14_000}`,
      prediction: () => (uniform() < 0.3 ? 'yes' : 'no'),
      prediction_score: uniform,
      label: () => (uniform() < 0.3 ? 'yes' : 'no'),
    });
    const path = await testFile(rows);
    const first = await judge(path);
    const again = await Promise.all(repeat(2, () => judge(path)));
    for (const report of again) expect(serializeReport(report)).toBe(serializeReport(first));
  });

  test('has shares of bins that add up to 1 on both sides', async () => {
    const { features } = await judge(
      data(1000, { a: (row) => (row % 5 ? normal() : null), d: (row) => (row % 3 ? 'x' : 'new') }),
    );
    for (const { bins } of features) {
      expect(bins.reduce((sum, { current }) => sum + current, 0)).toBeCloseTo(1, 9);
      expect(bins.reduce((sum, { reference }) => sum + reference, 0)).toBeCloseTo(1, 9);
    }
  });

  test('is refused for a reference of other features or types', async () => {
    const schema = testSchema({ a: { type: 'categorical' }, b: {}, c: {}, e: {} });
    await expect(judge(data(500), { schema })).rejects.toThrow(
      /'a' is categorical in the schema, numeric in the reference profile 'profile.json'[^]*has no feature 'e': profile the model again/,
    );
  });
});
