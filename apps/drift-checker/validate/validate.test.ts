import { type FeatureSchema, type ModelSchema } from 'cdk8s-mlops/contract';
import { removeTemporaryFiles } from '../../common/temporary-files';
import { repeat, SILENT, testRandom, type TestColumns, type TestValue } from '../../common/testing/test-data';
import { type Finding, type FindingKind } from '../check/drift-report';
import { findings, testFile, testProfile, testSchema } from '../check/test-check';
import { type ReferenceProfile } from '../profile/reference-profile';
import { DEFAULT_EXPECTATIONS, validateData, type ValidateOptions, type ValidationReport } from './validate-data';

const { normal, uniform, below } = testRandom(61);
const FEATURES: Record<string, Partial<FeatureSchema>> = {
  income: { required: true, minimum: -100 },
  age: {},
  country: { type: 'categorical', values: ['CH', 'DE', 'FR'] },
};
const SCHEMA = testSchema(FEATURES);
const ROWS = 5000;

function data(rows: number, changes: Readonly<Record<string, (row: number) => TestValue>> = {}): TestColumns {
  const makers: Record<string, (row: number) => TestValue> = {
    income: () => 50 + 10 * normal(),
    age: () => 18 + below(60),
    country: () => ['CH', 'DE', 'FR'][below(3)]!,
    label: () => (uniform() < 0.3 ? 'yes' : 'no'),
    ...changes,
  };
  return Object.fromEntries(Object.entries(makers).map(([name, make]) => [name, repeat(rows, make)]));
}

let previous: ReferenceProfile;
beforeAll(async () => (previous = await testProfile(SCHEMA, data(ROWS))));
afterAll(removeTemporaryFiles);

async function validate(
  columns: TestColumns,
  options: Partial<ValidateOptions> & { types?: Record<string, string>; first?: boolean } = {},
): Promise<ValidationReport> {
  const { types, first, ...more } = options;
  const reference = first ? undefined : { profile: previous, source: 'previous.json' };
  const base = { schema: SCHEMA, reference, expectations: DEFAULT_EXPECTATIONS, log: SILENT };
  return validateData({ ...base, data: await testFile(columns, types), ...more });
}

const found = (report: ValidationReport, kind: FindingKind): Omit<Finding, 'kind'>[] =>
  findings({ quality: report.findings }, kind);

const task = (change: Partial<ModelSchema['task']>): ModelSchema =>
  testSchema(FEATURES, { task: { ...SCHEMA.task, ...change } });

describe('good data passes', () => {
  test('beside the previous profile', async () => {
    const report = await validate(data(ROWS));
    expect(report).toMatchObject({ passed: true, rows: ROWS, reference: 'previous.json', findings: [] });
    expect(report.features.map(({ name }) => name)).toEqual(['income', 'age', 'country']);
  });

  test('before the first training, when there is no profile', async () => {
    const report = await validate(data(ROWS), { first: true });
    expect(report).toMatchObject({ passed: true, findings: [], features: [] });
    expect(report.reference).toBeUndefined();
  });

  test('of heavy tails and few values', async () => {
    const columns = data(ROWS, { income: () => Math.exp(normal()), age: () => (uniform() < 0.9 ? 0 : 1) });
    expect((await validate(columns, { first: true })).findings).toEqual([]);
  });

  test('with a change that is there to be learned, which is told', async () => {
    const report = await validate(data(ROWS, { income: () => 60 + 10 * normal() }));
    expect(report.passed).toBe(true);
    expect(report.findings).toEqual([
      {
        kind: 'shifted',
        severity: 'info',
        column: 'income',
        message: expect.stringMatching("'income' differs from the last training") as string,
      },
    ]);
  });
});

describe('broken data does not pass', () => {
  test.each<[string, FindingKind, Record<string, (row: number) => TestValue>, string]>([
    ['an empty column', 'all-null', { age: () => null }, 'age'],
    ['a required column with gaps', 'missing-values', { income: (row) => (row % 10 ? normal() + 50 : null) }, 'income'],
    ['values out of range', 'out-of-range', { income: (row) => (row % 10 ? 50 + normal() : -999) }, 'income'],
    ['infinities', 'not-finite', { age: (row) => (row % 10 ? below(60) : Infinity) }, 'age'],
    ['text where numbers were', 'type-changed', { age: () => 'old' }, 'age'],
    [
      'categories that are not on the list',
      'unseen-category',
      { country: (row) => (row % 10 ? 'CH' : 'Mars') },
      'country',
    ],
    ['a column that stopped moving', 'constant', { age: () => 30 }, 'age'],
    ['a changed unit', 'shifted', { income: () => 5000 + 1000 * normal() }, 'income'],
  ])('%s', async (_, kind, changes, column) => {
    const report = await validate(data(ROWS, changes), {
      types: { age: typeof changes.age?.(1) === 'string' ? 'VARCHAR' : 'DOUBLE' },
    });
    expect(report.passed).toBe(false);
    expect(found(report, kind)[0]).toMatchObject({ severity: 'critical', column });
  });

  test('a missing column fails where it is required, and is told where it is not', async () => {
    const { income: _, ...poor } = data(ROWS);
    const { age: __, ...ageless } = data(ROWS);
    const [required, optional] = [await validate(poor), await validate(ageless)];
    expect([required.passed, optional.passed]).toEqual([false, true]);
    expect(found(required, 'missing-column')).toMatchObject([{ severity: 'critical', column: 'income' }]);
    expect(found(optional, 'missing-column')).toMatchObject([{ severity: 'warning', column: 'age' }]);
  });

  test('a required column with gaps fails the first training as well', async () => {
    const report = await validate(data(ROWS, { income: (row) => (row % 10 ? 50 : null) }), { first: true });
    expect(found(report, 'missing-values')).toMatchObject([{ severity: 'critical', column: 'income' }]);
  });

  test('a changed unit says from what to what', async () => {
    const report = await validate(data(ROWS, { income: () => 100 * (50 + 10 * normal()) }));
    expect(found(report, 'shifted')[0]!.message).toMatch(
      /^the median of 'income' moved from [45]\d\.\d+ to [45]\d{3}, \d{3} times its spread: has its unit changed\?$/,
    );
  });
});

describe('rows', () => {
  test.each([
    [0, 'critical', /^0 rows are too few to train on: at least 500 are expected$/],
    [499, 'critical', /^499 rows are too few to train on/],
    [2400, 'warning', /^2400 rows are 48.0 % of the 5000 of the last training$/],
  ])('%p: %s', async (rows, severity, message) => {
    const types = { income: 'DOUBLE', age: 'DOUBLE', country: 'VARCHAR', label: 'VARCHAR' };
    const report = await validate(data(rows), { types });
    expect(found(report, 'too-few-rows')).toEqual([{ severity, message: expect.stringMatching(message) as string }]);
    expect(report.passed).toBe(severity !== 'critical');
  });

  test('of a tenth of the last training are too few, whatever the minimum', async () => {
    const report = await validate(data(400), { expectations: { ...DEFAULT_EXPECTATIONS, minRows: 10 } });
    expect(found(report, 'too-few-rows')).toMatchObject([{ severity: 'critical' }]);
  });

  test.each([
    [0.02, undefined],
    [0.1, 'warning'],
    [0.6, 'critical'],
  ] as const)('of which %p repeat others, with their time: %s', async (share, severity) => {
    const columns = data(ROWS, {
      timestamp: () => '2026-11-19T00:00:00Z',
      income: (row) => (row < share * ROWS ? 7 : row),
      age: () => 40,
      country: () => 'CH',
      label: (row) => (row % 2 && row > share * ROWS ? 'no' : 'yes'),
    });
    const report = await validate(columns, { first: true });
    expect(found(report, 'duplicate-rows').map((each) => each.severity)).toEqual(severity ? [severity] : []);
  });

  test('that repeat others and have neither a time nor an id may be so by chance', async () => {
    const columns = data(ROWS, { income: () => below(3), age: () => below(3), country: () => 'CH' });
    const report = await validate(columns, { first: true });
    expect(found(report, 'duplicate-rows')).toMatchObject([{ severity: 'warning' }]);
    expect(report.passed).toBe(true);
  });

  test('with a sentinel far out are a warning', async () => {
    const report = await validate(data(ROWS, { income: (row) => (row === 9 ? 999_999 : 50 + 10 * normal()) }));
    expect(found(report, 'outliers')).toMatchObject([
      {
        severity: 'warning',
        column: 'income',
        message: expect.stringContaining('as far out as 999999; half of them are within') as string,
      },
    ]);
    expect(report.passed).toBe(true);
  });

  test('whose ids repeat are told', async () => {
    const report = await validate(data(ROWS, { request_id: (row) => row % 4000 }));
    expect(found(report, 'duplicate-ids')).toMatchObject([
      { severity: 'critical', message: '1000 of 5000 rows repeat the request_id of another row' },
    ]);
  });
});

describe('labels', () => {
  test('that are not there fail the data, with how to name them', async () => {
    const { label, ...unlabelled } = data(ROWS);
    const report = await validate({ ...unlabelled, outcome: label! });
    expect(found(report, 'label')).toEqual([
      {
        severity: 'critical',
        message: "the data has no column 'label': it has income, age, country, outcome; name it with --column label=…",
      },
    ]);
    const named = await validate({ ...unlabelled, outcome: label! }, { columns: { label: 'outcome' } });
    expect(named).toMatchObject({ passed: true, findings: [] });
  });

  test.each([
    [0.01, 'warning'],
    [0.1, 'critical'],
  ])('of which %p are missing: %s', async (share, severity) => {
    const report = await validate(data(ROWS, { label: (row) => (row < share * ROWS ? null : row % 2 ? 'yes' : 'no') }));
    expect(found(report, 'label')).toMatchObject([{ severity, column: 'label' }]);
  });

  test('that are no class of the model fail the data', async () => {
    const report = await validate(data(ROWS, { label: (row) => (row < 3 ? 'maybe' : row % 2 ? 'yes' : 'no') }));
    expect(found(report, 'label')).toMatchObject([
      { severity: 'critical', message: "'label' has 'maybe' (3 rows), which is none of the classes no, yes" },
    ]);
  });

  test.each<[string, (row: number) => string, string, string]>([
    [
      'rare',
      (row) => (row < 10 ? 'yes' : 'no'),
      'warning',
      "class 'yes' is 0.2 % of the rows (10), at least 1.0 % is expected",
    ],
    ['absent', () => 'no', 'critical', "class 'yes' is 0.0 % of the rows (0), at least 1.0 % is expected"],
  ])('of which a class is %s', async (_, label, severity, message) => {
    const report = await validate(data(ROWS, { label }));
    expect(found(report, 'label-balance')).toEqual([{ severity, column: 'label', message }]);
  });

  test('may be codes in any width', async () => {
    const report = await validate(data(ROWS, { label: (row) => row % 2 }), {
      schema: task({ classes: ['0', '1'], positiveClass: '1' }),
    });
    expect(report.findings).toEqual([]);
  });

  test('of a regression are numbers', async () => {
    const schema = testSchema(FEATURES, { task: { type: 'regression' } });
    expect((await validate(data(ROWS, { label: normal }), { schema })).findings).toEqual([]);
    const odd = await validate(data(ROWS, { label: (row) => (row % 10 ? normal() : NaN) }), { schema });
    expect(found(odd, 'label')).toMatchObject([{ severity: 'critical', message: '10.0 % of the rows have no label' }]);
    const text = await validate(data(ROWS, { label: () => 'high' }), { schema });
    expect(found(text, 'label')).toMatchObject([
      { severity: 'critical', message: '100.0 % of the rows have no label' },
    ]);
  });
});

test('a feature whose type the schema changed is not compared with the profile of before', async () => {
  const schema = testSchema({ ...FEATURES, age: { type: 'categorical' } });
  const report = await validate(data(ROWS), { schema });
  expect(report.features.map(({ name }) => name)).toEqual(['income', 'country']);
  expect(report.passed).toBe(true);
});
