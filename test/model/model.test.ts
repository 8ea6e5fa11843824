import { Duration } from 'cdk8s';
import { Feature, FeatureRecording, Model, type ModelProps, ModelTask } from 'cdk8s-mlops';
import { newModel, problemsOf } from '../support/synth';

describe('schema', () => {
  test('has everything that the props say', () => {
    const props: Required<ModelProps> = {
      name: 'credit-risk',
      task: ModelTask.binaryClassification({ positiveClass: '1', negativeClass: '0', decisionThreshold: 0.3 }),
      features: [
        Feature.numeric('income', { minimum: 0, maximum: 1e7, importance: 2 }),
        Feature.categorical('region', { values: ['north', 'south'], required: false, importance: 0 }),
      ],
      objectives: {
        minAccuracy: 0.93,
        minPrecision: 0.5,
        minRecall: 0.8,
        minF1: 0.6,
        minAuc: 0.9,
        maxErrorRate: 0,
        maxLatencyP95: Duration.millis(50),
      },
      labelDelay: Duration.days(7),
    };
    expect(JSON.parse(new Model(props).toSchemaJson())).toEqual({
      version: 1,
      model: 'credit-risk',
      task: { type: 'binary-classification', classes: ['0', '1'], positiveClass: '1', decisionThreshold: 0.3 },
      features: [
        { name: 'income', type: 'numeric', required: true, importance: 2, minimum: 0, maximum: 1e7 },
        { name: 'region', type: 'categorical', required: false, importance: 0, values: ['north', 'south'] },
      ],
      objectives: {
        minAccuracy: 0.93,
        minPrecision: 0.5,
        minRecall: 0.8,
        minF1: 0.6,
        minAuc: 0.9,
        maxErrorRate: 0,
        maxLatencyP95Seconds: 0.05,
      },
      labelDelaySeconds: 604800,
    });
  });

  test('leaves out what is not given', () => {
    expect(JSON.parse(newModel().toSchemaJson())).toEqual({
      version: 1,
      model: 'churn',
      task: {
        type: 'binary-classification',
        classes: ['stays', 'leaves'],
        positiveClass: 'leaves',
        decisionThreshold: 0.5,
      },
      features: [{ name: 'age', type: 'numeric', required: true, importance: 1 }],
      objectives: {},
    });
  });

  test('says how values are recorded that must not be recorded as they are', () => {
    const { BUCKETED, HASHED, DROPPED } = FeatureRecording;
    const { features } = newModel({
      features: [
        Feature.numeric('distance', { recording: BUCKETED }),
        Feature.numeric('income', { recording: DROPPED }),
        Feature.categorical('city', { recording: HASHED }),
        Feature.categorical('name', { recording: DROPPED }),
        Feature.categorical('plan'),
      ],
    }).schema;
    expect(features.map(({ recorded }) => recorded)).toEqual(['bucketed', 'dropped', 'hashed', 'dropped', undefined]);
  });

  test('a label delay of 0 is not the same as none', () => {
    expect(newModel({ labelDelay: Duration.seconds(0) }).schema.labelDelaySeconds).toBe(0);
    expect(newModel().schema.labelDelaySeconds).toBeUndefined();
  });

  test('multiclass and regression', () => {
    expect(ModelTask.multiclassClassification(['a', 'b', 'c']).schema).toEqual({
      type: 'multiclass-classification',
      classes: ['a', 'b', 'c'],
    });
    expect(ModelTask.regression().schema).toEqual({ type: 'regression' });
  });

  test("does not change with the caller's arrays", () => {
    const features = [Feature.numeric('age')];
    const values = ['a'];
    const model = newModel({ features: [...features, Feature.categorical('kind', { values })] });
    features.push(Feature.numeric('late'));
    values.push('late');
    expect(model.schema.features.map(({ name }) => name)).toEqual(['age', 'kind']);
    expect(model.schema.features[1]?.values).toEqual(['a']);
  });

  test('objects of the model are named after it', () => {
    expect(newModel().objectName('training')).toBe('churn-training');
  });
});

describe('bad input', () => {
  test('every problem is reported at once, with the name of the model', () => {
    const build = (): Model =>
      newModel({
        name: 'Credit_Risk',
        features: [Feature.numeric('age', { minimum: 10, maximum: 1 }), Feature.numeric('age')],
        objectives: { minAccuracy: 93 },
      });
    expect(build).toThrow(
      /^Model 'Credit_Risk' has 4 problems:\n {2}- 'name' \('Credit_Risk'\) must start with a letter/,
    );
    expect(problemsOf(build)).toEqual([
      expect.stringContaining("'name' ('Credit_Risk') must start with a letter"),
      "'features.age.minimum' (10) must not be above the maximum (1)",
      "'features.age' ('age') is a duplicate: name every feature once",
      "'objectives.minAccuracy' (93) must be above 0 and at most 1",
    ]);
  });

  test.each<[string, Partial<ModelProps>, RegExp]>([
    ['a name with a digit first', { name: '1churn' }, /must start with a letter/],
    ['an empty name', { name: '' }, /must start with a letter/],
    ['a name that ends with a hyphen', { name: 'churn-' }, /not ending with a hyphen/],
    ['a name that is too long', { name: 'm'.repeat(41) }, /at most 40 characters, has 41: with suffixes/],
    ['no features', { features: [] }, /at least one feature/],
    ['a feature without a name', { features: [Feature.numeric(' ')] }, /must have a name/],
    [
      'a feature that is a column of the log',
      { features: [Feature.numeric('prediction')] },
      /column of the prediction log/,
    ],
    [
      'a feature that is a partition of the log',
      { features: [Feature.numeric('hour')] },
      /column of the prediction log/,
    ],
    ['half a second', { labelDelay: Duration.millis(1500) }, /must be whole seconds/],
    ['a bound that is not finite', { features: [Feature.numeric('a', { minimum: NaN })] }, /must be a finite number/],
    [
      'a negative importance',
      { features: [Feature.numeric('a', { importance: -1 })] },
      /must be a number of 0 or more/,
    ],
    ['only unimportant features', { features: [Feature.numeric('a', { importance: 0 })] }, /all have importance 0/],
    ['no known values', { features: [Feature.categorical('a', { values: [] })] }, /must not be empty/],
    ['a value twice', { features: [Feature.categorical('a', { values: ['x', 'x'] })] }, /has duplicates/],
    [
      'a categorical feature in buckets',
      { features: [Feature.categorical('a', { recording: FeatureRecording.BUCKETED })] },
      /'features.a.recording' \('bucketed'\) is for numeric features: hash or drop/,
    ],
    [
      'a hashed number',
      { features: [Feature.numeric('a', { recording: FeatureRecording.HASHED })] },
      /'features.a.recording' \('hashed'\) is for categorical features: bucket or drop/,
    ],
    ['one class', { task: ModelTask.multiclassClassification(['a']) }, /at least two classes/],
    ['a class twice', { task: ModelTask.multiclassClassification(['a', 'a']) }, /has duplicates/],
    ['an empty class', { task: ModelTask.multiclassClassification(['', 'a']) }, /must not have an empty class/],
    [
      'a threshold of 1',
      { task: ModelTask.binaryClassification({ positiveClass: 'a', negativeClass: 'b', decisionThreshold: 1 }) },
      /must be between 0 and 1/,
    ],
    ['an objective of another task', { objectives: { maxMae: 1 } }, /no meaning for the task binary-classification/],
    ['an AUC of chance', { objectives: { minAuc: 0.5 } }, /above 0.5, which is chance/],
    ['a recall of 0', { objectives: { minRecall: 0 } }, /must be above 0 and at most 1/],
    ['an error rate of 1', { objectives: { maxErrorRate: 1 } }, /at least 0 and below 1/],
    ['an accuracy that is no number', { objectives: { minAccuracy: NaN } }, /must be above 0 and at most 1/],
    ['no time to answer', { objectives: { maxLatencyP95: Duration.millis(0) } }, /more than 0 ms/],
  ])('%s', (_, props, reason) => {
    const problems = problemsOf(() => newModel(props));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(reason);
  });

  test('the longest allowed name is accepted', () => {
    expect(newModel({ name: 'm'.repeat(40) }).name).toHaveLength(40);
  });

  test('a regression has no accuracy', () => {
    const task = ModelTask.regression();
    expect(problemsOf(() => newModel({ task, objectives: { minAccuracy: 0.9 } }))[0]).toMatch(/task regression/);
    expect(newModel({ task, objectives: { maxMae: 2, maxRmse: 3 } }).schema.objectives).toMatchObject({ maxRmse: 3 });
  });
});
