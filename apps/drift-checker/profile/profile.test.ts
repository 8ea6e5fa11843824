import { join } from 'node:path';
import { type ModelSchema } from 'cdk8s-mlops/contract';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import {
  repeat,
  SILENT,
  testRandom,
  type TestColumns,
  type TestValue,
  writeData,
} from '../../common/testing/test-data';
import { makeProfile, type MakeProfileOptions } from './make-profile';
import { mergeProfiles } from './merge-profiles';
import {
  checkProfileModel,
  type CategoricalProfile,
  type NumericProfile,
  parseProfile,
  type PredictionProfile,
  readProfile,
  type ReferenceProfile,
  serializeProfile,
} from './reference-profile';

const BINARY: ModelSchema['task'] = { type: 'binary-classification', classes: ['no', 'yes'], positiveClass: 'yes' };

const SCHEMA: ModelSchema = {
  version: 1,
  model: 'fraud',
  task: BINARY,
  features: [
    { name: 'amount', type: 'numeric', required: true, importance: 1, minimum: -2 },
    { name: 'age', type: 'numeric', required: false, importance: 1 },
    { name: 'country', type: 'categorical', required: true, importance: 1 },
  ],
  objectives: {},
};

const { normal, uniform, below } = testRandom(11);
const ROWS = 30_000;
const DATA: TestColumns = {
  amount: repeat(ROWS, () => 1e6 + normal()),
  age: repeat(ROWS, (row) => (row % 9 === 0 ? null : row % 1000 === 1 ? Infinity : 18 + below(60))),
  country: repeat(ROWS, () => (uniform() < 0.001 ? `rare ${below(4)}` : ['CH', 'DE', 'FR', null][below(4)]!)),
};

let directory: string;
beforeAll(async () => (directory = await temporaryDirectory('profile')));
afterAll(removeTemporaryFiles);

let files = 0;
const write = (columns: TestColumns, types?: Record<string, string>): Promise<string> =>
  writeData(join(directory, `${files++}.parquet`), columns, types);

const make = (options: Partial<MakeProfileOptions> & { data: string }): Promise<ReferenceProfile> =>
  makeProfile({ schema: SCHEMA, log: SILENT, ...options });

const slice = (from: number, until: number): TestColumns =>
  Object.fromEntries(Object.entries(DATA).map(([name, values]) => [name, values.slice(from, until)]));

const numeric = ({ features }: ReferenceProfile, name: string): NumericProfile =>
  features.find((feature) => feature.name === name) as NumericProfile;
const categorical = ({ features }: ReferenceProfile, name: string): CategoricalProfile =>
  features.find((feature) => feature.name === name) as CategoricalProfile;
const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

describe('a profile', () => {
  test('has the same bytes when it is made again, and reads back as it was written', async () => {
    const data = await write(DATA);
    const [first, second] = [serializeProfile(await make({ data })), serializeProfile(await make({ data }))];
    expect(second).toBe(first);
    expect(serializeProfile(parseProfile(first, 'p.json'))).toBe(first);
  });

  test('accounts for every row of every feature', async () => {
    const profile = await make({ data: await write(DATA) });
    expect(profile.rows).toBe(ROWS);
    for (const feature of profile.features) {
      const outside = feature.type === 'numeric' ? feature.infinite : feature.other;
      expect(total(feature.counts) + feature.missing + outside).toBe(ROWS);
    }
    const age = numeric(profile, 'age');
    expect([age.missing, age.infinite]).toEqual([
      DATA.age!.filter((value) => value === null).length,
      DATA.age!.filter((value) => value === Infinity).length,
    ]);
    const country = categorical(profile, 'country');
    expect([...country.categories].sort()).toEqual(['CH', 'DE', 'FR']);
    expect(country.rare).toEqual(expect.arrayContaining(['rare 0', 'rare 1']));
    expect(country.complete).toBe(true);
  });

  test('keeps a sample of 10,000 whole rows', async () => {
    const profile = await make({ data: await write(DATA) });
    expect(profile.priorities).toHaveLength(10_000);
    const [amount, age] = [numeric(profile, 'amount').sample, numeric(profile, 'age').sample];
    const ageOf = new Map(DATA.amount!.map((value, row) => [value, DATA.age![row]]));
    amount.forEach((value, slot) => {
      const expected = ageOf.get(value);
      expect(age[slot]).toBe(expected === Infinity ? null : expected);
    });
  });

  test('of values too large to be squared can be read again', async () => {
    const schema = { ...SCHEMA, features: [SCHEMA.features[1]!] };
    const data = await write({ age: repeat(500, (row) => (row % 2 ? 1e300 : -1e300) * (row + 1)) });
    const text = serializeProfile(await make({ schema, data }));
    expect(parseProfile(text, 'p.json').rows).toBe(500);
  });

  test('of a feature without a value can be read again', async () => {
    const optional = SCHEMA.features.slice(1).map((feature) => ({ ...feature, required: false }));
    const schema = { ...SCHEMA, features: optional };
    const data = await write({ age: repeat(50, () => null), country: repeat(50, () => null) }, { age: 'DOUBLE' });
    const profile = parseProfile(serializeProfile(await make({ schema, data })), 'p.json');
    expect(numeric(profile, 'age')).toMatchObject({ values: 0, missing: 50, edges: [], counts: [0] });
    expect(categorical(profile, 'country')).toMatchObject({ missing: 50, categories: [], other: 0 });
  });

  test('is not made of a required feature without a value, or of numbers that cannot be read', async () => {
    const data = await write(
      { amount: repeat(50, () => '0,5'), age: repeat(50, () => null), country: repeat(50, () => 'DE') },
      { age: 'DOUBLE' },
    );
    await expect(make({ data })).rejects.toThrow(/feature 'amount' has no number in any of 50 rows of/);
  });

  test('names every feature that has no column, and the columns that there are', async () => {
    const data = await write({ amount: [1, 2] });
    await expect(make({ data })).rejects.toThrow(/'age' has no column in .*it has amount\n.*'country'/);
  });

  test('is not made of no rows', async () => {
    const data = await write({ amount: [], age: [], country: [] }, { amount: 'DOUBLE', age: 'DOUBLE' });
    await expect(make({ data })).rejects.toThrow('has no rows: a reference needs some');
  });
});

describe('profiles of partitions', () => {
  let whole: ReferenceProfile;
  let parts: ReferenceProfile[];
  const named = (profiles: readonly ReferenceProfile[]): { source: string; profile: ReferenceProfile }[] =>
    profiles.map((profile, index) => ({ source: `part-${index}.json`, profile }));

  beforeAll(async () => {
    const first = await make({ data: await write(slice(0, 5000)) });
    whole = await make({ data: await write(DATA), binsFrom: first });
    const bounds = [0, 1000, 12_000, ROWS];
    parts = [];
    for (let part = 0; part < 3; part++)
      parts.push(await make({ data: await write(slice(bounds[part]!, bounds[part + 1]!)), binsFrom: first }));
  });

  test('merge to the counts of the whole, and its moments', () => {
    const merged = mergeProfiles(named(parts));
    expect(merged.rows).toBe(ROWS);
    merged.features.forEach((feature, index) => {
      const expected = whole.features[index]!;
      if (feature.type === 'numeric' && expected.type === 'numeric') {
        const { sample: _, mean, standardDeviation, ...counts } = feature;
        const { sample: __, mean: wholeMean, standardDeviation: wholeSpread, ...wholeCounts } = expected;
        expect(counts).toEqual(wholeCounts);
        expect(Math.abs(mean / wholeMean - 1)).toBeLessThan(1e-9);
        expect(Math.abs(standardDeviation / wholeSpread - 1)).toBeLessThan(1e-9);
      } else if (feature.type === 'categorical' && expected.type === 'categorical') {
        expect({ ...feature, rare: undefined }).toEqual({ ...expected, rare: undefined });
        expect(feature.rare).toEqual([...expected.rare].sort());
      } else throw new Error(`'${feature.name}' changed its type`);
    });
  });

  test('keep a sample of the whole: each part by its share, values of a row together', () => {
    const merged = mergeProfiles(named(parts));
    expect(merged.priorities).toHaveLength(10_000);
    const rowOf = new Map(DATA.amount!.map((value, row) => [value, row]));
    const rows = numeric(merged, 'amount').sample.map((value) => rowOf.get(value)!);
    expect(new Set(rows).size).toBe(10_000);
    const shares = [rows.filter((row) => row < 1000), rows.filter((row) => row >= 1000 && row < 12_000)];
    expect(Math.abs(shares[0]!.length - 333)).toBeLessThan(75);
    expect(Math.abs(shares[1]!.length - 3667)).toBeLessThan(250);
    rows.forEach((row, slot) => {
      const age = DATA.age![row];
      expect(numeric(merged, 'age').sample[slot]).toBe(age === Infinity ? null : age);
    });
  });

  test('are sampled independently of each other, though their seed is the same', () => {
    const [first, second] = [parts[1]!.priorities, parts[2]!.priorities];
    expect(second.filter((priority) => first.includes(priority))).toEqual([]);
  });

  test('merge to the same whatever the order of the parts', () => {
    const [a, b] = [mergeProfiles(named(parts)), mergeProfiles(named([...parts].reverse()))];
    expect(b.data.digest).toBe(a.data.digest);
    expect(b.features.map(({ counts }) => counts)).toEqual(a.features.map(({ counts }) => counts));
    expect(numeric(b, 'amount').sample).toEqual(numeric(a, 'amount').sample);
    expect(b.priorities).toEqual(a.priorities);
  });

  test('that cannot be merged are refused, each with its reason', async () => {
    const [first, second] = parts as [ReferenceProfile, ReferenceProfile];
    const other = await make({ data: await write(slice(0, 700)) });
    const refusal =
      (profile: ReferenceProfile): (() => ReferenceProfile) =>
      () =>
        mergeProfiles(named([first, profile]));
    expect(refusal(other)).toThrow(
      /'part-1.json' cannot be merged with 'part-0.json': feature 'amount' has other bins.*--edges-from/,
    );
    expect(refusal({ ...second, model: 'churn' })).toThrow("it is of model 'churn', not 'fraud'");
    expect(refusal({ ...second, modelVersion: '2' })).toThrow('it is of version 2');
    expect(refusal({ ...second, features: second.features.slice(1) })).toThrow('its features are age, country');
    expect(refusal(first)).toThrow("'part-1.json' is of the same data as another part");
    expect(() => mergeProfiles(named([first]))).toThrow('at least two');
  });

  test('take the predictions of the one part that has them, and refuse different ones', async () => {
    const predictions = await write({ prediction: ['yes', 'no'], label: ['yes', 'yes'] });
    const others = await write({ prediction: ['yes', 'no'], label: ['no', 'yes'] });
    const [first, second, third] = parts as [ReferenceProfile, ReferenceProfile, ReferenceProfile];
    const withSome = await make({ data: await write(slice(5, 500)), binsFrom: first, predictions });
    const withOthers = await make({ data: await write(slice(500, 900)), binsFrom: first, predictions: others });
    expect(mergeProfiles(named([second, withSome, third])).predictions?.performance).toMatchObject({
      labels: 2,
      correct: 1,
    });
    expect(() => mergeProfiles(named([withSome, withOthers]))).toThrow('have different predictions');
  });
});

describe('a profile of predictions', () => {
  const data = (): Promise<string> => write(slice(0, 100));
  const profiled = async (task: ModelSchema['task'], predictions: TestColumns): Promise<PredictionProfile> =>
    (await make({ schema: { ...SCHEMA, task }, data: await data(), predictions: await write(predictions) }))
      .predictions!;

  test('counts the confusion of a binary model, and its AUC with ties', async () => {
    const { performance, class: classes } = await profiled(BINARY, {
      prediction: ['yes', 'yes', 'no', 'no', 'yes', 'no', 'no'],
      label: ['yes', 'no', 'yes', 'no', 'yes', null, null],
      prediction_score: [0.9, 0.5, 0.5, 0.1, 0.8, 0.7, 0.2],
    });
    // Of 3 positives and 2 negatives, 5 pairs are in order and one is tied.
    expect(performance).toEqual({
      type: 'classification',
      labels: 5,
      correct: 3,
      confusion: { truePositive: 2, falsePositive: 1, falseNegative: 1, trueNegative: 1 },
      auc: 5.5 / 6,
    });
    expect(classes).toMatchObject({ categories: ['no', 'yes'], counts: [4, 3] });
  });

  test('counts the right answers of a model of many classes', async () => {
    const task = { type: 'multiclass-classification', classes: ['0', '1', '2'] } as const;
    const { performance } = await profiled(task, { prediction: [0, 1, 2, 2], label: [0, 1, 1, 2] });
    expect(performance).toEqual({ type: 'classification', labels: 4, correct: 3 });
  });

  test('measures the errors of a regression', async () => {
    const { performance } = await profiled(
      { type: 'regression' },
      { prediction: [1, 2, 3, 9], label: [2, 2, 5, null] },
    );
    // Errors −1, 0 and −2.
    expect(performance).toMatchObject({ type: 'regression', labels: 3, meanAbsolute: 1, varianceAbsolute: 1 });
    expect(performance).toMatchObject({ meanSquared: 5 / 3, varianceSquared: expect.closeTo(13 / 3, 12) as number });
  });

  test('learns what a score means, monotonic and near the truth', async () => {
    const score = repeat(20_000, uniform);
    const label = score.map((value) => (uniform() < value ** 2 ? 'yes' : 'no'));
    const prediction = score.map((value) => (value > 0.7 ? 'yes' : 'no'));
    const { calibration } = await profiled(BINARY, { prediction, label, prediction_score: score });
    expect(calibration).toHaveLength(20);
    for (const point of calibration!) expect(Math.abs(point.probability - point.score ** 2)).toBeLessThan(0.05);
    const probabilities = calibration!.map(({ probability }) => probability);
    expect(probabilities).toEqual([...probabilities].sort((a, b) => a - b));
  });

  test.each<[string, TestValue]>([
    ['a margin', 2.5],
    ['negative', -0.1],
    ['infinite', Infinity],
  ])('does not take a score for a probability that is %s', async (_, odd) => {
    const { calibration } = await profiled(BINARY, {
      ...{ prediction: ['yes', 'no', 'no'], label: ['yes', 'no', 'no'], prediction_score: [0.9, 0.1, odd] },
    });
    expect(calibration).toBeUndefined();
  });

  test('leaves out a score that is NaN', async () => {
    const { calibration } = await profiled(BINARY, {
      ...{ prediction: ['yes', 'no', 'no'], label: ['yes', 'no', 'no'], prediction_score: [0.9, 0.1, NaN] },
    });
    expect(calibration).toHaveLength(2);
  });

  test('is refused without predictions: without the column, or without rows', async () => {
    await expect(profiled(BINARY, { label: ['yes'] })).rejects.toThrow("has no column 'prediction': it has label");
    await expect(profiled(BINARY, { prediction: [], label: [] })).rejects.toThrow('has no rows');
  });
});

describe('reading a profile', () => {
  test.each([
    ['cut off', '{"version": 1, "mod', /it is not JSON, or it was cut off/],
    ['of another version', '{"version": 2}', /got version 2; make it again/],
    ['no profile', '[]', /no reference profile of version 1/],
    ['null', 'null', /no reference profile of version 1/],
    ['incomplete', '{"version": 1, "model": "m"}', /'p.json': rows/],
  ])('%s: it is refused', (_, text, message) => {
    expect(() => parseProfile(text, 'p.json')).toThrow(message);
  });

  test('of another model, or where there is none, is refused', async () => {
    const profile = await make({ data: await write(slice(0, 50)) });
    expect(() => checkProfileModel(profile, 'churn', 'p.json')).toThrow(
      "'p.json' is the reference profile of model 'fraud', not of 'churn'",
    );
    await expect(readProfile(join(directory, 'none.json'))).rejects.toThrow('there is no reference profile at');
  });
});
