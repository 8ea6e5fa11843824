import { repeat } from '../../common/testing/test-data';
import { SHOP_SCHEMA } from '../commands/testing/shop';
import { MalformedCall, readLabels, readPredictions } from './plain-api';

const bytes = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const PREDICTION = { request_id: 'r-1', version: '3', features: { amount: 1, country: 'DE' }, prediction: 'yes' };
const LABEL = { request_id: 'r-1', label: 'yes' };

function problemsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof MalformedCall) return error.problems;
    throw error;
  }
  return [];
}
const predictionProblems = (value: unknown): readonly string[] => problemsOf(() => readPredictions(bytes(value), 1000));
const labelProblems = (value: unknown, task = SHOP_SCHEMA.task): readonly string[] =>
  problemsOf(() => readLabels(bytes(value), 1000, task));

describe('a prediction', () => {
  test('becomes a request and its response, received now', () => {
    expect(readPredictions(bytes(PREDICTION), 1000)).toEqual([
      {
        ...{ kind: 'request', id: 'r-1', version: '3', time: 1000, received: 1000 },
        body: '{"instances":[{"amount":1,"country":"DE"}]}',
      },
      { kind: 'response', id: 'r-1', version: '3', time: 1000, received: 1000, body: '{"predictions":["yes"]}' },
    ]);
  });

  test('has a time, a duration and a score if it says so', () => {
    const call = { ...PREDICTION, timestamp: '2026-01-31T12:00:00+01:00', duration_seconds: 0.25, prediction_score: 0 };
    const [request, response] = readPredictions(bytes(call), 1000);
    expect(request?.time).toBe(Date.parse('2026-01-31T11:00:00Z'));
    expect(response).toMatchObject({
      time: Date.parse('2026-01-31T11:00:00.250Z'),
      body: '{"predictions":[{"prediction":"yes","score":0}]}',
    });
  });

  test('may say null where it has nothing to say', () => {
    const call = { ...PREDICTION, prediction: null, timestamp: null, duration_seconds: null, prediction_score: null };
    const records = readPredictions(bytes({ ...call, features: { amount: null } }), 1000);
    // A request without a response: an error.
    expect(records).toMatchObject([{ kind: 'request', time: 1000, body: '{"instances":[{"amount":null}]}' }]);
  });

  test("may have Python's NaN", () => {
    const text = JSON.stringify(PREDICTION).replace('"amount":1', '"amount":NaN');
    expect(readPredictions(bytes(text), 1)[0]?.body).toBe('{"instances":[{"amount":null,"country":"DE"}]}');
  });

  test.each([
    ['request_id', ''],
    ['request_id', 5],
    ['request_id', undefined],
    ['request_id', 'x'.repeat(513)],
    ['version', 3],
    ['version', ''],
    ['features', [1]],
    ['features', undefined],
    ['prediction', undefined],
    ['prediction', { class: 'yes' }],
    ['prediction', [[0.1, 0.9]]],
    ['prediction_score', '0.5'],
    ['duration_seconds', -1],
    ['duration_seconds', '1'],
    ['timestamp', '2026-01-31T12:00:00'],
    ['timestamp', 1_700_000_000],
  ])('with %s %j is told so', (field, value) => {
    const problems = predictionProblems({ ...PREDICTION, [field]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^the body\\.${field} is .*; expected `));
  });

  test('with a number that is too large for one is told so', () => {
    const text = JSON.stringify({ ...PREDICTION, prediction_score: 5, duration_seconds: 6 });
    expect(predictionProblems(text.replace(':5', ':1e999').replace(':6', ':1e999'))).toEqual([
      'the body.prediction_score is Infinity; expected a number',
      'the body.duration_seconds is Infinity; expected the seconds from request to response',
    ]);
  });

  test('with a feature that is no plain value is told so, however deep it is', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const text = JSON.stringify(PREDICTION).replace('"amount":1', `"amount":${deep}`);
    expect(predictionProblems(text)).toEqual([
      'the body.features.amount is a list of 1; expected a number, a text, true, false or null',
    ]);
  });
});

describe('a label', () => {
  test('is one of the classes, known now or at its time', () => {
    expect(readLabels(bytes(LABEL), 1000, SHOP_SCHEMA.task)).toEqual([
      { kind: 'label', requestId: 'r-1', label: 'yes', time: 1000, received: 1000 },
    ]);
    const [label] = readLabels(bytes({ ...LABEL, label_timestamp: '1970-01-01T00:00:05Z' }), 1000, SHOP_SCHEMA.task);
    expect(label?.time).toBe(5000);
  });

  test('may be a number or a boolean where classes are called so', () => {
    const task = { type: 'binary-classification', classes: ['0', 'true'] } as const;
    const labels = readLabels(
      bytes({
        labels: [
          { ...LABEL, label: 0 },
          { ...LABEL, label: true },
        ],
      }),
      1,
      task,
    );
    expect(labels.map(({ label }) => label)).toEqual(['0', 'true']);
  });

  test.each([['maybe'], [null], [undefined], [1], [['yes']], [{}]])('%j is none', (label) => {
    expect(labelProblems({ ...LABEL, label })).toEqual([
      expect.stringMatching(/^the body\.label is .*; expected one of no, yes$/),
    ]);
  });

  test('of a regression is a number, 0 too', () => {
    const task = { type: 'regression' } as const;
    expect(readLabels(bytes({ ...LABEL, label: 0 }), 1, task)[0]?.label).toBe('0');
    expect(labelProblems({ ...LABEL, label: '5' }, task)).toEqual(["the body.label is '5'; expected a number"]);
    expect(labelProblems('{"request_id":"a","label":1e999}', task)).toEqual([
      'the body.label is Infinity; expected a number',
    ]);
  });
});

describe('many', () => {
  test('are taken all, or none: what is wrong is said with its place', () => {
    const labels = [LABEL, { ...LABEL, label: 'maybe' }, 5, { ...LABEL, request_id: '', comment: 'x' }];
    expect(labelProblems({ labels })).toEqual([
      "labels[1].label is 'maybe'; expected one of no, yes",
      'labels[2] is 5; expected an object',
      'labels[3] has comment; expected request_id, label, label_timestamp',
      "labels[3].request_id is ''; expected a text of 1 to 512 characters",
    ]);
    expect(readPredictions(bytes({ predictions: repeat(3, () => PREDICTION) }), 1)).toHaveLength(6);
    expect(readPredictions(bytes({ predictions: [] }), 1)).toEqual([]);
  });

  test('problems are listed up to twenty, and those of a large call cost little', () => {
    const problems = labelProblems(`{"labels":[${repeat(300_000, () => '{}').join(',')}]}`);
    expect(problems).toHaveLength(21);
    expect(problems[20]).toBe('and 599980 more');
    const names = Object.fromEntries(repeat(1000, (index) => [`field${index}`, 1]));
    expect(labelProblems({ ...LABEL, ...names })[0]).toMatch(
      /^the body has field0, .*, field7 and 992 more; expected /,
    );
  });

  test.each([
    ['', 'the body is empty; expected a JSON object'],
    ['labels=1', "the body is not JSON: it starts with 'labels=1'"],
    ['[]', 'the body is a list of 0; expected a JSON object'],
    ['{"labels": {}}', "'labels' is an empty object; expected a list"],
    ['{"labels": [], "more": 1}', 'the body has more; expected labels'],
  ])('%s is no call', (text, problem) => {
    expect(labelProblems(text)).toEqual([problem]);
  });
});
