import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelSchema } from 'cdk8s-mlops/contract';
import { failureOf } from '../../common/testing/problems';
import { checkConfigAgainstSchema } from './check-config-against-schema';
import { parseColumnNames, splitColumnNames } from './columns';
import { readModelSchema } from './model-schema-file';

const SCHEMA: ModelSchema = {
  version: 1,
  model: 'churn',
  task: {
    type: 'binary-classification',
    classes: ['stays', 'leaves'],
    positiveClass: 'leaves',
    decisionThreshold: 0.5,
  },
  features: [
    { name: 'amount', type: 'numeric', required: true, importance: 1, minimum: 0, maximum: 10 },
    { name: 'country', type: 'categorical', required: false, importance: 0, values: ['DE'] },
  ],
  objectives: { minAccuracy: 0.9 },
  labelDelaySeconds: 60,
};

describe('a configuration beside the schema', () => {
  const check = (config: object): void =>
    checkConfigAgainstSchema({ model: 'churn', schema: 'schema.json', ...config }, SCHEMA, 'c.yaml');

  test('may name features, the prediction and its score', () => {
    const features = { amount: { statistic: 'wasserstein' }, country: {}, prediction: {}, prediction_score: {} };
    expect(() => check({ features })).not.toThrow();
  });

  test('disagrees with every problem at once', async () => {
    const features = {
      amuont: { threshold: 1 },
      height: {},
      country: { statistic: 'wasserstein' },
      prediction: { statistic: 'kolmogorov-smirnov' },
    };
    expect(await failureOf(() => check({ model: 'fraud', features }))).toEqual({
      exitCode: 2,
      problems: [
        "c.yaml is of model 'fraud', the schema 'schema.json' of 'churn'",
        "c.yaml: 'features.amuont' is not a feature of 'churn'; did you mean 'amount'?",
        "c.yaml: 'features.height' is not a feature of 'churn'",
        "c.yaml: 'features.country.statistic' (wasserstein) needs a numeric feature, 'country' is categorical",
        "c.yaml: 'features.prediction.statistic' (kolmogorov-smirnov) needs a numeric feature, 'prediction' is categorical",
      ],
    });
  });
});

describe('names of columns', () => {
  test('are pairs of role and name', () => {
    expect(parseColumnNames(['label=employed', 'timestamp=at=once'])).toEqual({
      label: 'employed',
      timestamp: 'at=once',
    });
  });

  test('name a role that does not exist, and a pair that is none', async () => {
    const { problems } = await failureOf(() => parseColumnNames(['lable=x', 'label=', 'z']));
    const roles =
      "request_id, timestamp, model, version, prediction, prediction_score, label, label_timestamp, '=' and a column";
    expect(problems).toEqual([
      `--column 'lable=x' must be one of ${roles}; did you mean label=…?`,
      `--column 'label=' must be one of ${roles}; did you mean label=…?`,
      `--column 'z' must be one of ${roles}`,
    ]);
  });

  test('are told apart where labels lie apart', () => {
    const names = { label: 'l', label_timestamp: 'lt', request_id: 'id', timestamp: 't' };
    expect(splitColumnNames(names)).toEqual({
      predictions: { request_id: 'id', timestamp: 't' },
      labels: { label: 'l', label_timestamp: 'lt', request_id: 'id' },
    });
  });
});

describe('the schema file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'schema-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'schema.json');
  const problemsOf = async (schema: unknown): Promise<readonly string[]> => {
    writeFileSync(path, JSON.stringify(schema));
    return (await failureOf(() => readModelSchema(path))).problems.map((each) => each.replace(`${path}:`, ''));
  };

  test('is read as it is', async () => {
    writeFileSync(path, JSON.stringify(SCHEMA));
    expect(await readModelSchema(path)).toEqual(SCHEMA);
  });

  test.each([
    ['another version', { ...SCHEMA, version: 2 }, "'version': expected 1, got 2"],
    ['no features', { ...SCHEMA, features: [] }, "'features': Too small: expected array to have >=1 items, got []"],
    [
      'one class',
      { ...SCHEMA, task: { ...SCHEMA.task, classes: ['a'] } },
      '\'task.classes\': Too small: expected array to have >=2 items, got ["a"]',
    ],
    [
      'an impossible objective',
      { ...SCHEMA, objectives: { minAuc: 2 } },
      "'objectives.minAuc': Too big: expected number to be <=1, got 2",
    ],
    [
      'a negative importance',
      { ...SCHEMA, features: [{ ...SCHEMA.features[0], importance: -1 }] },
      "'features.0.importance': Too small: expected number to be >=0, got -1",
    ],
    [
      'a kind of feature that is none',
      { ...SCHEMA, features: [{ ...SCHEMA.features[0], type: 'text' }] },
      '\'features.0.type\': expected one of "numeric"|"categorical", got "text"',
    ],
    [
      'a misspelt key',
      { ...SCHEMA, features: [{ ...SCHEMA.features[0], minimun: 1 }] },
      "'features.0.minimun' is not a key here; did you mean 'minimum'?",
    ],
    [
      'two features of one name, apart from its case',
      {
        ...SCHEMA,
        features: [SCHEMA.features[0], { ...SCHEMA.features[0], name: SCHEMA.features[0]!.name.toUpperCase() }],
      },
      'is the name of another feature',
    ],
    [
      'the name of a column of the log',
      { ...SCHEMA, features: [{ ...SCHEMA.features[0], name: 'Timestamp' }] },
      "'features.0.name': is a column of the prediction log",
    ],
    [
      'a minimum above the maximum',
      { ...SCHEMA, features: [{ ...SCHEMA.features[0], type: 'numeric', minimum: 2, maximum: 1 }] },
      "'features.0.minimum': is above the maximum 1",
    ],
    [
      'a positive class that is none',
      { ...SCHEMA, task: { ...SCHEMA.task, positiveClass: 'Leaves' } },
      "'task.positiveClass': must be one of the classes",
    ],
  ])('with %s is refused', async (_, schema, problem) => {
    expect(await problemsOf(schema)).toEqual([expect.stringMatching(/^1:\d+: /)]);
    expect((await problemsOf(schema))[0]).toContain(problem);
  });
});
