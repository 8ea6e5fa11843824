import Ajv2020 from 'ajv/dist/2020';
import { checkGateFile, GATE_FILE_JSON_SCHEMA } from 'cdk8s-mlops/contract';

const validate = new Ajv2020({ strict: false, allErrors: true }).compile(GATE_FILE_JSON_SCHEMA);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const FULL: Json = {
  version: 1,
  baseline: { from: { alias: 'champion' }, whenMissing: 'absoluteOnly' },
  defaults: { sameDataset: 'warn' },
  metrics: {
    accuracy: {
      minimum: 0.92,
      maximum: 1,
      comparison: 'gte',
      tolerance: '0.5%',
      improveBy: 0,
      suspiciousAbove: 0.05,
      significance: { test: 'mcnemar', alpha: 0.05, margin: 0.005, predictions: 'predictions.parquet' },
      slices: [
        { name: 'new', metric: 'accuracy.new', minimum: 0.88, maximum: 0.99, minSamples: 200 },
        { name: 'old', metric: 'accuracy.old' },
      ],
      disparity: { maxDifference: 0.1, minRatio: 0.8 },
      severity: 'block',
    },
    stability: { minimum: 0.85, derive: { spearman: { candidate: 'a.json', baseline: 'b.json' } } },
    gap: { ideal: 0, maxDistance: 0.1, comparison: 'noFarther', severity: 'warn' },
  },
};

const accepts = (file: unknown): { check: boolean; schema: boolean } => ({
  check: checkGateFile(file).length === 0,
  schema: validate(file),
});

test('the schema is one of JSON Schema 2020-12, and the full file is valid by both', () => {
  expect(new Ajv2020().validateSchema(GATE_FILE_JSON_SCHEMA)).toBe(true);
  expect([checkGateFile(FULL), accepts(FULL)]).toEqual([[], { check: true, schema: true }]);
});

test.each<[unknown]>([
  [{ metrics: { auc: { minimum: 0.9 } } }],
  [{ metrics: { auc: { minimum: 0 } } }],
  [{ metrics: { auc: { comparison: 'gte', tolerance: 0 } } }],
  [{ metrics: { auc: { comparison: 'lt', tolerance: '10%' } } }],
  [{ metrics: { auc: { significance: { test: 'bootstrap' } } } }],
  [{ metrics: { auc: { slices: [{ name: 'a', metric: 'b' }] } } }],
  [{ metrics: { 'a.b/c d': { maximum: -1 } }, baseline: {}, defaults: {} }],
  [{ metrics: { auc: { minimum: 1 } }, baseline: { from: { file: 'old.json' } } }],
])('both accept %j', (file) => expect(accepts(file)).toEqual({ check: true, schema: true }));

const gate = (rule: Json): Json => ({ metrics: { auc: rule } });

test.each<[unknown]>([
  [null],
  [[]],
  ['metrics'],
  [{}],
  [{ metrics: {} }],
  [{ metrics: [] }],
  [{ metrics: null }],
  [gate(null)],
  [gate({})],
  [gate([])],
  [gate({ severity: 'warn' })],
  [gate({ minimum: 1, minimun: 2 })],
  [gate({ minimum: '1' })],
  [gate({ minimum: null })],
  [gate({ comparison: 'ge' })],
  [gate({ minimum: 1, tolerance: 0.1 })],
  [gate({ minimum: 1, improveBy: 0.1 })],
  [gate({ minimum: 1, suspiciousAbove: 0.1 })],
  [gate({ comparison: 'gte', tolerance: -1 })],
  [gate({ comparison: 'gte', tolerance: '1 %' })],
  [gate({ comparison: 'gte', tolerance: 'x1%' })],
  [gate({ comparison: 'gte', tolerance: '1%\n' })],
  [gate({ maxDistance: 1 })],
  [gate({ maxDistance: -1, ideal: 0 })],
  [gate({ significance: {} })],
  [gate({ significance: { test: 't' } })],
  [gate({ significance: { test: 'mcnemar', alpha: 0 } })],
  [gate({ significance: { test: 'mcnemar', alpha: 1 } })],
  [gate({ significance: { test: 'mcnemar', margin: -1 } })],
  [gate({ significance: { test: 'mcnemar', predictions: '' } })],
  [gate({ slices: {} })],
  [gate({ slices: [null] })],
  [gate({ slices: [{ name: 'a' }] })],
  [gate({ slices: [{ metric: 'a' }] })],
  [gate({ slices: [{ name: '', metric: 'a' }] })],
  [gate({ slices: [{ name: 'a', metric: 'b', minSamples: 0 }] })],
  [gate({ minimum: 1, disparity: { minRatio: 0.8 } })],
  [
    gate({
      slices: [
        { name: 'a', metric: 'b' },
        { name: 'c', metric: 'd' },
      ],
      disparity: {},
    }),
  ],
  [
    gate({
      slices: [
        { name: 'a', metric: 'b' },
        { name: 'c', metric: 'd' },
      ],
      disparity: { minRatio: 1 },
    }),
  ],
  [
    gate({
      slices: [
        { name: 'a', metric: 'b' },
        { name: 'c', metric: 'd' },
      ],
      disparity: { maxDifference: -1 },
    }),
  ],
  [gate({ minimum: 1, derive: {} })],
  [gate({ minimum: 1, derive: { spearman: { candidate: 'a' } } })],
  [gate({ minimum: 1, severity: 'error' })],
  [{ ...(gate({ minimum: 1 }) as object), version: 2 }],
  [{ ...(gate({ minimum: 1 }) as object), version: '1' }],
  [{ ...(gate({ minimum: 1 }) as object), baseline: { from: {} } }],
  [{ ...(gate({ minimum: 1 }) as object), baseline: { from: { alias: 'a', run: 'b' } } }],
  [{ ...(gate({ minimum: 1 }) as object), baseline: { from: { version: 7 } } }],
  [{ ...(gate({ minimum: 1 }) as object), baseline: { whenMissing: 'ask' } }],
  [{ ...(gate({ minimum: 1 }) as object), defaults: { sameDataset: true } }],
  [{ ...(gate({ minimum: 1 }) as object), require: 'all' }],
])('both refuse %j', (file) => expect(accepts(file)).toEqual({ check: false, schema: false }));

test.each<[string, unknown]>([
  ['a minimum above a maximum', gate({ minimum: 2, maximum: 1 })],
  ['a comparison against its bound', gate({ minimum: 1, comparison: 'lt' })],
  ['an ideal value that nothing measures from', gate({ minimum: 1, ideal: 0 })],
  [
    'two slices of one name',
    gate({
      slices: [
        { name: 'a', metric: 'b' },
        { name: 'a', metric: 'c' },
      ],
    }),
  ],
  ['a disparity of one slice', gate({ slices: [{ name: 'a', metric: 'b' }], disparity: { minRatio: 0.8 } })],
])('only the check knows %s', (_, file) => expect(accepts(file)).toEqual({ check: false, schema: true }));

/** Every file that differs from `value` in one place: a part left out, of another type, or one key more. */
function* changes(value: Json): Generator<Json> {
  for (const other of [null, true, -1, '', 'other', [], {}] as Json[]) yield other;
  if (Array.isArray(value)) {
    for (const index of value.keys()) {
      yield value.toSpliced(index, 1);
      for (const change of changes(value[index]!)) yield value.with(index, change);
    }
  } else if (typeof value === 'object' && value !== null) {
    yield { ...value, surplus: 1 };
    for (const [key, entry] of Object.entries(value)) {
      yield Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
      for (const change of changes(entry)) yield { ...value, [key]: change };
    }
  }
}

test('whatever the check accepts, the schema accepts; what the schema refuses, the check refuses', () => {
  const outcomes = [...changes(FULL)].map((file) => ({ file, ...accepts(file) }));
  expect(outcomes.filter(({ check, schema }) => check && !schema).map(({ file }) => JSON.stringify(file))).toEqual([]);
  const [valid, refused] = [outcomes.filter(({ check }) => check), outcomes.filter(({ schema }) => !schema)];
  expect(valid.length).toBeGreaterThan(30);
  expect(refused.length).toBeGreaterThan(200);
});
