import {
  COMMANDS,
  DERIVED_NAMES,
  derivedName,
  type DerivedName,
  METRICS,
  type MetricSpec,
  MODEL_NAME_MAX_LENGTH,
  renderArguments,
  suggest,
} from 'cdk8s-mlops/contract';

const metrics = Object.values(METRICS) as readonly MetricSpec[];

describe('metrics', () => {
  test('names are unique and valid', () => {
    const names = metrics.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^(ml_[a-z0-9_]+|[a-z_]+:ml_[a-z0-9_]+:[a-z_]+)$/);
  });

  test('a counter ends in _total, and nothing else does', () => {
    for (const { name, type } of metrics)
      expect({ name, total: name.endsWith('_total') }).toEqual({ name, total: type === 'counter' });
  });

  test('every metric of the data carries model and namespace', () => {
    for (const { labels } of metrics) expect(labels).toEqual(expect.arrayContaining(['model', 'namespace']));
  });

  test('a duration is in seconds', () => {
    expect(METRICS.inferenceDuration).toMatchObject({ name: 'ml_inference_duration_seconds', unit: 'seconds' });
  });
});

describe('derived names', () => {
  test('keep their limits for the longest model name', () => {
    const model = 'm'.repeat(MODEL_NAME_MAX_LENGTH);
    for (const [key, { limit }] of Object.entries(DERIVED_NAMES) as [keyof typeof DERIVED_NAMES, DerivedName][]) {
      expect(derivedName(model, key).length).toBeLessThanOrEqual(limit);
    }
  });

  test('would break one with a character more', () => {
    const model = 'm'.repeat(MODEL_NAME_MAX_LENGTH + 1);
    const broken = Object.values(DERIVED_NAMES).filter(({ suffix, limit }) => `${model}${suffix}`.length > limit);
    expect(broken.map(({ suffix }) => suffix)).toEqual(['-drift-check', '-performance']);
  });
});

describe('renderArguments', () => {
  test('keeps the order of the table, leaves out what is not given and writes flags without value', () => {
    expect(renderArguments(COMMANDS.admit, { 'fail-on-no': true, model: 'churn', run: undefined })).toEqual([
      'admit',
      '--model',
      'churn',
      '--fail-on-no',
    ]);
  });

  test('a flag that is false is left out, an empty value is not', () => {
    expect(renderArguments(COMMANDS.admit, { 'fail-on-no': false, reason: '' })).toEqual(['admit', '--reason', '']);
  });
});

describe('suggest', () => {
  test.each([
    ['minimun', 'minimum'],
    ['Maximum', 'maximum'],
    ['tolerence', 'tolerance'],
    ['maxDisatnce', 'maxDistance'],
  ])('%s was meant to be %s', (word, meant) => {
    expect(suggest(word, ['minimum', 'maximum', 'tolerance', 'maxDistance'])).toBe(meant);
  });

  test('nothing is near enough', () => {
    expect(suggest('colour', ['minimum', 'maximum'])).toBeUndefined();
    expect(suggest('x', [])).toBeUndefined();
  });
});
