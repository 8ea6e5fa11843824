import { ANNOTATIONS, type FeatureSchema, type ModelSchema, type TaskSchema } from 'cdk8s-mlops/contract';
import { decodeRequest } from './instances';
import { parseLogObject, type LogRecord } from './log-record';
import { pairCall } from './pair';
import { PayloadError } from './payload-error';
import { decodeResponse } from './predictions';

const REQUEST = 'org.kubeflow.serving.inference.request';
const RESPONSE = 'org.kubeflow.serving.inference.response';

function feature(name: string, type: FeatureSchema['type'] = 'numeric'): FeatureSchema {
  return { name, type, required: true, importance: 1 };
}

const FEATURES = [feature('age'), feature('income'), feature('plan', 'categorical')];
const CHURN: TaskSchema = { type: 'binary-classification', classes: ['stays', 'leaves'], positiveClass: 'leaves' };
const IRIS: TaskSchema = { type: 'multiclass-classification', classes: ['setosa', 'versicolor', 'virginica'] };
const PRICE: TaskSchema = { type: 'regression' };

function schemaOf(task: TaskSchema, features = FEATURES): ModelSchema {
  return { version: 1, model: 'churn', task, features, objectives: {} };
}

function bytes(body: unknown): Buffer {
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function request(body: unknown, features = FEATURES): ReturnType<typeof decodeRequest> {
  return decodeRequest(bytes(body), { features });
}

function rows(body: unknown, features = FEATURES): unknown[] {
  return request(body, features).rows;
}

function answers(body: unknown, task: TaskSchema): unknown[] {
  return decodeResponse(bytes(body), task).rows.map(({ prediction, score }) => [prediction, score]);
}

function v1(predictions: unknown[], task: TaskSchema): unknown[] {
  return answers({ predictions }, task);
}

/** What KServe writes today. */
function logged(fields: object, body: unknown = { instances: [[41, 52_000, 'basic']] }): object {
  return {
    url: { Scheme: 's3', Host: 'logs' },
    bytes: bytes(body).toString('base64'),
    contentType: 'application/json',
    reqType: REQUEST,
    id: 'call-1',
    inferenceService: 'churn',
    namespace: 'ml',
    component: 'predictor',
    endpoint: 'default',
    metadata: { 'X-Team': ['growth'] },
    annotations: { [ANNOTATIONS.version]: '7' },
    occurrenceTime: '2026-03-01T10:20:30.123456789Z',
    ...fields,
  };
}

/** Why a call fails: the whole message. */
function problemOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof PayloadError) return error.message;
    throw error;
  }
  return 'none';
}

function record(kind: LogRecord['kind'], body: unknown, fields: Partial<LogRecord> = {}): LogRecord {
  return { kind, id: 'call-1', annotations: {}, body: bytes(body), ...fields };
}

describe('log object', () => {
  test('a batch of one is a single record', () => {
    const body = { instances: [[41, 52_000, 'basic']] };
    expect(parseLogObject(JSON.stringify(logged({}, body)))).toEqual({
      records: [
        {
          kind: 'request',
          id: 'call-1',
          occurredAt: new Date('2026-03-01T10:20:30.123Z'),
          inferenceService: 'churn',
          endpoint: 'default',
          annotations: { [ANNOTATIONS.version]: '7' },
          body: bytes(body),
          contentType: 'application/json',
        },
      ],
      problems: [],
    });
  });

  test('a batch is an array of requests and responses', () => {
    const text = JSON.stringify([logged({ id: 'a' }), logged({ id: 'a', reqType: RESPONSE }), logged({ id: 'b' })]);
    const { records, problems } = parseLogObject(text);
    expect(records.map(({ kind, id }) => `${kind} ${id}`)).toEqual(['request a', 'response a', 'request b']);
    expect(problems).toEqual([]);
  });

  test.each(['\n', '\r\n'])('records and batches may come one per line (%j)', (newline) => {
    const lines = [logged({ id: 'a' }), [logged({ id: 'b' }), logged({ id: 'c' })], logged({ id: 'd' })];
    const text = `\ufeff${lines.map((line) => JSON.stringify(line)).join(newline)}${newline}`;
    const { records, problems } = parseLogObject(text);
    expect(records.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
    expect(problems).toEqual([]);
  });

  test('older versions write the field names of Go and no time', () => {
    const { records, problems } = parseLogObject(
      JSON.stringify({
        Url: null,
        Bytes: bytes('{}').toString('base64'),
        ContentType: '',
        ReqType: RESPONSE,
        Id: 'x',
        InferenceService: 'churn',
        Endpoint: 'canary',
        Annotations: null,
        TlsSkipVerify: false,
      }),
    );
    expect(problems).toEqual([]);
    expect(records).toEqual([
      { kind: 'response', id: 'x', inferenceService: 'churn', endpoint: 'canary', annotations: {}, body: bytes('{}') },
    ]);
    expect(records[0]?.occurredAt).toBeUndefined();
  });

  test('the attributes of CloudEvents are read', () => {
    const event = {
      specversion: '1.0',
      type: RESPONSE,
      id: 'x',
      time: '2026-03-01T11:20:30+01:00',
      inferenceservicename: 'churn',
      annotations: JSON.stringify({ [ANNOTATIONS.version]: '7' }),
      datacontenttype: 'application/json',
      data_base64: bytes('{}').toString('base64'),
    };
    expect(parseLogObject(JSON.stringify(event)).records).toEqual([
      {
        kind: 'response',
        id: 'x',
        occurredAt: new Date('2026-03-01T10:20:30Z'),
        inferenceService: 'churn',
        annotations: { [ANNOTATIONS.version]: '7' },
        body: bytes('{}'),
        contentType: 'application/json',
      },
    ]);
    const recorded = { ...event, recordedtime: '2026-03-01T10:20:29Z' };
    expect(parseLogObject(JSON.stringify(recorded)).records[0]?.occurredAt).toEqual(new Date('2026-03-01T10:20:29Z'));
  });

  test('a bad record loses no other, and is said which and why', () => {
    const { records, problems } = parseLogObject(
      JSON.stringify([
        logged({ id: 'first' }),
        logged({ bytes: '%%% not base64 %%%' }),
        logged({ bytes: null }),
        logged({ reqType: 'org.example.other' }),
        logged({ id: '' }),
        logged({ occurrenceTime: 'yesterday' }),
        logged({ annotations: 'version=7' }),
        null,
        'text',
        logged({ id: 'last' }),
      ]),
    );
    expect(records.map(({ id }) => id)).toEqual(['first', 'last']);
    expect(problems).toEqual([
      "record 1: 'bytes' is '%%% not base64 %%%'; expected base64",
      "record 2: 'bytes' is null; expected base64",
      `record 3: 'reqType' is 'org.example.other'; expected '${REQUEST}' or '${RESPONSE}'`,
      "record 4: 'id' is ''; expected text",
      "record 5: 'occurrenceTime' is 'yesterday'; expected a time such as 2026-01-31T12:00:00Z",
      "record 6: 'annotations' is 'version=7'; expected an object of texts",
      'record 7: is null; expected an object',
      "record 8: is 'text'; expected an object",
    ]);
  });

  test('a broken line is one problem', () => {
    const text = [JSON.stringify(logged({ id: 'a' })), '{"bytes": "eyJ', JSON.stringify(logged({ id: 'c' }))].join(
      '\n',
    );
    const { records, problems } = parseLogObject(text);
    expect(records.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(problems).toEqual(['record 1: is not JSON: it starts with \'{"bytes": "eyJ\'']);
  });

  test('a broken document is one problem, however many lines it has', () => {
    const text = JSON.stringify([logged({})], null, 2).slice(0, -20);
    const { records, problems } = parseLogObject(text);
    expect(records).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^record 0: is not JSON: it starts with '\[/);
  });

  test.each(['', '\n', '[]'])('%j holds nothing', (text) => {
    expect(parseLogObject(text)).toEqual({ records: [], problems: [] });
  });

  test.each([
    ['without padding', 'eyJhIjoxfQ', '{"a":1}'],
    ['with padding', 'eyJhIjoxfQ==', '{"a":1}'],
    ['in lines', 'eyJh\nIjoxfQ==\n', '{"a":1}'],
    ['with URL-safe letters', Buffer.from('{"a":"ÿ?>"}').toString('base64url'), '{"a":"ÿ?>"}'],
    ['of nothing', '', ''],
  ])('base64 %s', (_, base64, text) => {
    const { records, problems } = parseLogObject(JSON.stringify(logged({ bytes: base64 })));
    expect(problems).toEqual([]);
    expect(records[0]?.body).toEqual(Buffer.from(text));
  });

  test.each(['eyJhIj!xfQ==', 'eyJh IjoxfQ=== ', 'é'.repeat(8), 'eyJh*Ijo='])('%j is no base64', (base64) => {
    const { records, problems } = parseLogObject(JSON.stringify(logged({ bytes: base64 })));
    expect(records).toEqual([]);
    expect(problems).toEqual([expect.stringContaining('expected base64')]);
  });

  test("Go's time that was never set is no time, and a time without an offset is refused", () => {
    const unset = parseLogObject(JSON.stringify(logged({ occurrenceTime: '0001-01-01T00:00:00Z' })));
    expect(unset.problems).toEqual([]);
    expect(unset.records[0]?.occurredAt).toBeUndefined();
    expect(parseLogObject(JSON.stringify(logged({ occurrenceTime: '2026-03-01T10:20:30' }))).problems).toHaveLength(1);
    expect(parseLogObject(JSON.stringify(logged({ occurrenceTime: '2026-13-01T10:20:30Z' }))).problems).toHaveLength(1);
  });
});

describe('V1 requests', () => {
  test('instances by name come in the order of the schema', () => {
    const body = {
      instances: [
        { plan: 'basic', income: 52_000.5, age: 41 },
        { age: 29, income: 0, plan: 'plus' },
      ],
    };
    expect(request(body)).toEqual({
      rows: [
        [41, 52_000.5, 'basic'],
        [29, 0, 'plus'],
      ],
      missing: [],
      unknown: [],
    });
  });

  test('instances as lists are in the order of the schema', () => {
    expect(
      rows({
        instances: [
          [41, 52_000, 'basic'],
          [29, null, 'plus'],
        ],
      }),
    ).toEqual([
      [41, 52_000, 'basic'],
      [29, null, 'plus'],
    ]);
    expect(rows({ inputs: [[41, 52_000, 'basic']] })).toEqual([[41, 52_000, 'basic']]);
  });

  test('instances are values where there is one feature', () => {
    expect(rows({ instances: [1, null, [3], { age: 4 }] }, [feature('age')])).toEqual([[1], [null], [3], [4]]);
  });

  test('columns by name', () => {
    const body = { inputs: { plan: ['basic', null], age: [41, 29], income: [[1.5], [2.5]], channel: ['web', 'web'] } };
    expect(request(body)).toEqual({
      rows: [
        [41, 1.5, 'basic'],
        [29, 2.5, null],
      ],
      missing: [],
      unknown: ['channel'],
    });
  });

  test('missing values are null, and only features that no instance has are missing altogether', () => {
    const body = { instances: [{ age: 41 }, { age: null, plan: 'basic', channel: 'web' }, { age: 3, ip: '::1' }] };
    expect(request(body)).toEqual({
      rows: [
        [41, null, null],
        [null, null, 'basic'],
        [3, null, null],
      ],
      missing: ['income'],
      unknown: ['channel', 'ip'],
    });
  });

  test('no instances are no rows', () => {
    expect(request({ instances: [] })).toEqual({ rows: [], missing: [], unknown: [] });
    expect(request({ inputs: [] })).toEqual({ rows: [], missing: [], unknown: [] });
  });

  test('texts for numbers that JSON lacks', () => {
    const body = {
      instances: [
        ['NaN', 'inf', 'NaN'],
        ['nan', '-Infinity', 'inf'],
        ['n/a', '12', ''],
      ],
    };
    expect(rows(body)).toEqual([
      [null, Infinity, 'NaN'],
      [null, -Infinity, 'inf'],
      ['n/a', '12', ''],
    ]);
  });

  test("Python's bare NaN and Infinity, which are no JSON", () => {
    expect(rows('{"instances": [[NaN, -Infinity, "NaN, \\"Infinity\\""], [1, Infinity, "é"]]}')).toEqual([
      [null, -Infinity, 'NaN, "Infinity"'],
      [1, Infinity, 'é'],
    ]);
  });

  test('names of every object are no features', () => {
    const features = [feature('constructor'), feature('__proto__'), feature('age')];
    expect(request({ instances: [{ age: 1 }] }, features)).toEqual({
      rows: [[null, null, 1]],
      missing: ['constructor', '__proto__'],
      unknown: [],
    });
    expect(rows('{"instances": [{"age": 1, "__proto__": 2, "constructor": 3}]}', features)).toEqual([[3, 2, 1]]);
  });

  test('a body in a plain Uint8Array', () => {
    const whole = new Uint8Array(bytes('..{"instances": [["é", 1, "ü"]]}..'));
    expect(decodeRequest(whole.subarray(2, -2), { features: FEATURES }).rows).toEqual([['é', 1, 'ü']]);
  });

  test.each<[string, unknown, string]>([
    ['an empty body', '', 'the request body is empty; expected a JSON object'],
    ['no JSON', 'age=41', "the request body is not JSON: it starts with 'age=41'"],
    [
      'broken JSON with NaN',
      '{"instances": [[NaN',
      'the request body is not JSON: it starts with \'{"instances": [[NaN\'',
    ],
    ['no object', [1, 2], 'the request body is a list of 2; expected a JSON object'],
    [
      'neither protocol',
      { text: 'hello', n: 1 },
      "the request body is an object with text, n; expected a list 'instances' (V1) or 'inputs' (V1, V2)",
    ],
    [
      'a short list',
      {
        instances: [
          [1, 2, 'a'],
          [1, 2],
        ],
      },
      'instance 1 has 2 values; expected 3, one per feature',
    ],
    ['a long list', { instances: [[1, 2, 'a', 4]] }, 'instance 0 has 4 values; expected 3, one per feature'],
    ['a value', { instances: [1, 2, 3] }, 'instance 0 is 1; expected an object or a list of 3 values'],
    [
      'a nested value',
      { instances: [{ age: 1 }, { age: { years: 41 } }] },
      "instance 1: 'age' is an object with years; expected a number, a text, true, false or null",
    ],
    ['a value of columns', { inputs: { age: 41 } }, "input 'age' is 41; expected a list of values"],
    [
      'columns of different lengths',
      { inputs: { age: [1, 2], income: [1] } },
      "input 'income' has 1 values; expected 2, as the inputs before it",
    ],
    [
      'no feature at all',
      { instances: [{ b64: 'aGk=' }] },
      'the request has b64, none of which is a feature; expected age, income, plan',
    ],
  ])('%s is an error', (_, body, message) => {
    expect(problemOf(() => request(body))).toBe(message);
  });

  test('a compressed body is an error that says so', () => {
    expect(() => decodeRequest(Uint8Array.of(0x1f, 0x8b, 8), { features: FEATURES })).toThrow(/compressed \(gzip\)/);
  });
});

describe('V2 requests', () => {
  const two = [feature('x'), feature('y')];

  function tensor(name: string, shape: number[], data: unknown[], datatype = 'FP64'): object {
    return { name, shape, datatype, data };
  }

  test.each<[string, object, unknown[]]>([
    [
      'flat',
      tensor('input-0', [2, 2], [1, 2, 3, 4]),
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      'nested',
      tensor(
        'input-0',
        [2, 2],
        [
          [1, 2],
          [3, null],
        ],
      ),
      [
        [1, 2],
        [3, null],
      ],
    ],
    ['of one instance', tensor('input-0', [1, 2], [[1, 2]]), [[1, 2]]],
    ['without a batch dimension', tensor('input-0', [2], [1, 2]), [[1, 2]]],
    [
      'named after a feature',
      tensor('x', [2, 2], [1, 2, 3, 4]),
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['of nothing', tensor('input-0', [0, 2], []), []],
  ])('one tensor, %s', (_, input, expected) => {
    expect(request({ id: 'inner', inputs: [input] }, two)).toEqual({
      id: 'inner',
      rows: expected,
      missing: [],
      unknown: [],
    });
  });

  test.each<[string, object]>([
    ['[n]', tensor('input-0', [3], [1, 2, 3])],
    ['[n, 1]', tensor('input-0', [3, 1], [[1], [2], [3]])],
    ['[n] by name', tensor('x', [3], [1, 2, 3])],
  ])('one feature in a tensor of shape %s', (_, input) => {
    expect(rows({ inputs: [input] }, [feature('x')])).toEqual([[1], [2], [3]]);
  });

  test('a tensor per feature, as Triton and pandas codecs have them', () => {
    const body = {
      id: '7f1c',
      parameters: { content_type: 'pd' },
      inputs: [
        { ...tensor('plan', [2, 1], ['basic', 'plus'], 'BYTES'), parameters: { content_type: 'str' } },
        tensor('age', [2], [41, 29], 'INT64'),
        tensor('income', [2, 1], [[52_000.25], [null]]),
        tensor('embedding', [2, 3], [1, 2, 3, 4, 5, 6]),
      ],
      outputs: [{ name: 'predict_proba' }],
    };
    expect(request(body)).toEqual({
      id: '7f1c',
      rows: [
        [41, 52_000.25, 'basic'],
        [29, null, 'plus'],
      ],
      missing: [],
      unknown: ['embedding'],
    });
  });

  test('a feature without a tensor is missing', () => {
    const body = { inputs: [tensor('age', [2], [41, 29]), tensor('plan', [2], ['a', 'b'], 'BYTES')] };
    expect(request(body)).toEqual({
      rows: [
        [41, null, 'a'],
        [29, null, 'b'],
      ],
      missing: ['income'],
      unknown: [],
    });
  });

  test('booleans stay what they are', () => {
    expect(rows({ inputs: [tensor('x', [2], [true, false], 'BOOL')] }, [feature('x')])).toEqual([[true], [false]]);
  });

  test('binary tensors are an error that says what to do', () => {
    const inputs = [{ name: 'x', shape: [1, 2], datatype: 'FP64', parameters: { binary_data_size: 16 } }];
    const message = /binary tensor extension .* is not supported: send JSON tensors/;
    expect(() => request({ inputs }, two)).toThrow(message);
    expect(() => request(`${JSON.stringify({ inputs })}\u0000\u0001`, two)).toThrow(message);
  });

  test.each<[string, object[], string]>([
    [
      'a shape of another width',
      [tensor('input-0', [2, 3], [1, 2, 3, 4, 5, 6])],
      "tensor 'input-0' has the shape [2, 3]; expected [n, 2], or one tensor per feature, named after it",
    ],
    [
      'fewer data than the shape says',
      [tensor('input-0', [2, 2], [1, 2, 3])],
      "tensor 'input-0' has 3 values; expected 4 of its shape [2, 2]",
    ],
    [
      'no shape',
      [{ name: 'input-0', data: [1, 2] }],
      "tensor 'input-0' has the shape undefined; expected one or more sizes",
    ],
    ['no data', [{ name: 'input-0', shape: [1, 2] }], "tensor 'input-0' has nothing as data; expected a list"],
    [
      'a feature of several values',
      [tensor('x', [2, 3], [1, 2, 3, 4, 5, 6]), tensor('y', [2], [1, 2])],
      "tensor 'x' has the shape [2, 3]; expected [n] or [n, 1] of a feature",
    ],
    [
      'different lengths',
      [tensor('x', [2], [1, 2]), tensor('y', [1], [1])],
      "input 'y' has 1 values; expected 2, as the inputs before it",
    ],
    [
      'only other names',
      [tensor('a', [1], [1]), tensor('b', [1], [1])],
      'the request has a, b, none of which is a feature; expected x, y',
    ],
    [
      'something else among tensors',
      [tensor('x', [1], [1]), { age: 41 }],
      'tensor 1 is an object with age; expected an object with name, shape, datatype, data',
    ],
  ])('%s is an error', (_, inputs, message) => {
    expect(problemOf(() => request({ inputs }, two))).toBe(message);
  });
});

describe('V1 responses', () => {
  test('regression answers numbers', () => {
    expect(v1([1.5, [2], null, { prediction: 4 }], PRICE)).toEqual([
      [1.5, null],
      [2, null],
      [null, null],
      [4, null],
    ]);
  });

  test('classes by name, by index and by truth', () => {
    expect(v1(['leaves', 'stays', null], CHURN)).toEqual([
      ['leaves', null],
      ['stays', null],
      [null, null],
    ]);
    expect(v1([0, 1, 1], CHURN)).toEqual([
      ['stays', null],
      ['leaves', null],
      ['leaves', null],
    ]);
    expect(v1([2, 0], IRIS)).toEqual([
      ['virginica', null],
      ['setosa', null],
    ]);
    const truth: TaskSchema = { ...CHURN, classes: ['False', 'True'], positiveClass: 'True' };
    expect(v1([true, false], truth)).toEqual([
      ['True', null],
      ['False', null],
    ]);
  });

  test('numbers are names where classes are numerals', () => {
    const signs: TaskSchema = { ...CHURN, classes: ['-1', '1'], positiveClass: '1' };
    expect(v1([-1, 1], signs)).toEqual([
      ['-1', null],
      ['1', null],
    ]);
    const digits: TaskSchema = { ...IRIS, classes: ['1', '2', '3'] };
    expect(v1([1, 3], digits)).toEqual([
      ['1', null],
      ['3', null],
    ]);
  });

  test('numbers of a call are all classes or all scores', () => {
    expect(v1([0, 1, 0.5, 0.49], CHURN)).toEqual([
      ['stays', 0],
      ['leaves', 1],
      ['leaves', 0.5],
      ['stays', 0.49],
    ]);
    expect(v1([[0.83], [0.1]], CHURN)).toEqual([
      ['leaves', 0.83],
      ['stays', 0.1],
    ]);
  });

  test('the threshold of the schema decides, inclusively', () => {
    const strict: TaskSchema = { ...CHURN, decisionThreshold: 0.8 };
    expect(v1([0.79, 0.8], strict)).toEqual([
      ['stays', 0.79],
      ['leaves', 0.8],
    ]);
    expect(v1([[0.21, 0.79]], strict)).toEqual([['stays', 0.79]]);
  });

  test("probabilities are in the order of classes, and the score is the positive class's", () => {
    expect(
      v1(
        [
          [0.25, 0.75],
          [0.9, 0.1],
        ],
        CHURN,
      ),
    ).toEqual([
      ['leaves', 0.75],
      ['stays', 0.1],
    ]);
    expect(
      v1(
        [
          [0.25, 0.75],
          [0.9, 0.1],
        ],
        { ...CHURN, positiveClass: 'stays' },
      ),
    ).toEqual([
      ['leaves', 0.25],
      ['stays', 0.9],
    ]);
    expect(
      v1(
        [
          [0.2, 0.7, 0.1],
          [0.4, 0.2, 0.4],
          [0, 0, 1],
          [null, 0.5, 0.5],
        ],
        IRIS,
      ),
    ).toEqual([
      ['versicolor', 0.7],
      ['setosa', 0.4],
      ['virginica', 1],
      [null, null],
    ]);
  });

  test('objects have an answer, a score or both', () => {
    const predictions = [
      { prediction: 'stays', score: 0.7 },
      { class: 1, probability: 0.9 },
      { label: 'leaves', probabilities: [0.6, 0.4] },
      { score: 0.2 },
      { probabilities: [0.3, 0.7] },
      { prediction: 'stays' },
    ];
    expect(v1(predictions, CHURN)).toEqual([
      ['stays', 0.7],
      ['leaves', 0.9],
      ['leaves', 0.4],
      ['stays', 0.2],
      ['leaves', 0.7],
      ['stays', null],
    ]);
    expect(
      v1(
        [
          { class: 'virginica', probabilities: [0.5, 0.2, 0.3] },
          { label: 1, score: 0.4 },
        ],
        IRIS,
      ),
    ).toEqual([
      ['virginica', 0.3],
      ['versicolor', 0.4],
    ]);
  });

  test('no predictions are no rows', () => {
    expect(v1([], CHURN)).toEqual([]);
    expect(answers({ outputs: [] }, CHURN)).toEqual([]);
  });

  test('classes by name need no list of them', () => {
    expect(v1(['a'], { type: 'multiclass-classification' })).toEqual([['a', null]]);
    expect(() => v1([1], { type: 'multiclass-classification' })).toThrow(
      "prediction 0 is 1; expected a class by name: the schema's task has no classes",
    );
  });

  const binary = 'one of stays, leaves, an index from 0 to 1, a score from 0 to 1 or 2 probabilities';

  test.each<[string, TaskSchema, unknown, string]>([
    ['an unknown class', CHURN, { predictions: ['stays', 'maybe'] }, `prediction 1 is 'maybe'; expected ${binary}`],
    [
      'a number that is none',
      CHURN,
      { predictions: [1.5] },
      `prediction 0 is 1.5; expected a probability from 0 to 1; ${binary}`,
    ],
    [
      'too many probabilities',
      CHURN,
      { predictions: [[0.1, 0.2, 0.7]] },
      `prediction 0 is a list of 3; expected ${binary}`,
    ],
    [
      'no probabilities',
      CHURN,
      { predictions: [[-2.3, 4.1]] },
      `prediction 0 is -2.3; expected a probability from 0 to 1; ${binary}`,
    ],
    [
      'an object without an answer',
      CHURN,
      { predictions: [{ text: 'a' }] },
      `prediction 0 is nothing; expected ${binary}`,
    ],
    [
      'an index of no class',
      IRIS,
      { predictions: [3] },
      'prediction 0 is 3; expected one of setosa, versicolor, virginica, an index from 0 to 2 or 3 probabilities',
    ],
    ['a text for a number', PRICE, { predictions: ['high'] }, "prediction 0 is 'high'; expected a number"],
    ['several numbers', PRICE, { predictions: [[1, 2]] }, 'prediction 0 is a list of 2; expected a number'],
    [
      'an error that was sent with status 200',
      PRICE,
      { error: 'model not ready' },
      "the response body is an object with error; expected a list 'predictions' (V1) or 'outputs' (V2)",
    ],
    ['no JSON', PRICE, '<html>', "the response body is not JSON: it starts with '<html>'"],
  ])('%s is an error', (_, task, body, message) => {
    expect(problemOf(() => answers(body, task))).toBe(message);
  });

  test('a score says nothing where the schema has no positive class', () => {
    expect(() => v1([0.4], { ...CHURN, positiveClass: 'left' })).toThrow(/positive class 'left'; expected two classes/);
  });
});

describe('V2 responses', () => {
  function outputs(...tensors: [name: string, shape: number[], data: unknown[], datatype?: string][]): object {
    return {
      model_name: 'churn',
      id: 'inner',
      outputs: tensors.map(([name, shape, data, datatype = 'FP64']) => ({ name, shape, datatype, data })),
    };
  }

  test('the id is the one of the protocol', () => {
    expect(decodeResponse(bytes(outputs(['predict', [1], [3.5]])), PRICE)).toEqual({
      id: 'inner',
      rows: [{ prediction: 3.5, score: null }],
    });
  });

  test.each([[[2]], [[2, 1]]])('one output of shape %j', (shape) => {
    expect(answers(outputs(['predict', shape, [1, 0], 'INT64']), CHURN)).toEqual([
      ['leaves', null],
      ['stays', null],
    ]);
    expect(answers(outputs(['predict', shape, ['stays', 'leaves'], 'BYTES']), CHURN)).toEqual([
      ['stays', null],
      ['leaves', null],
    ]);
    expect(answers(outputs(['score', shape, [0.25, 1e6]]), PRICE)).toEqual([
      [0.25, null],
      [1e6, null],
    ]);
  });

  test('one output of probabilities, flat or nested', () => {
    const expected = [
      ['leaves', 0.75],
      ['stays', 0.1],
    ];
    expect(answers(outputs(['predict_proba', [2, 2], [0.25, 0.75, 0.9, 0.1]]), CHURN)).toEqual(expected);
    expect(
      answers(
        outputs([
          'output__0',
          [2, 2],
          [
            [0.25, 0.75],
            [0.9, 0.1],
          ],
        ]),
        CHURN,
      ),
    ).toEqual(expected);
  });

  test('an output named after a score has scores even where they are whole', () => {
    expect(answers(outputs(['probability', [1, 1], [1]]), { ...CHURN, positiveClass: 'stays' })).toEqual([
      ['stays', 1],
    ]);
  });

  test("MLServer's predict and predict_proba", () => {
    const both = outputs(['predict', [2, 1], [1, 0], 'INT64'], ['predict_proba', [2, 2], [0.4, 0.6, 0.45, 0.55]]);
    expect(answers(both, CHURN)).toEqual([
      ['leaves', 0.6],
      ['stays', 0.55],
    ]);
    const iris = outputs(['predict_proba', [1, 3], [0.1, 0.2, 0.7]], ['predict', [1, 1], [2], 'INT64']);
    expect(answers(iris, IRIS)).toEqual([['virginica', 0.7]]);
  });

  test('outputs of other runtimes', () => {
    const onnx = outputs(['label', [2], ['stays', 'leaves'], 'BYTES'], ['probabilities', [2, 2], [0.8, 0.2, 0.3, 0.7]]);
    expect(answers(onnx, CHURN)).toEqual([
      ['stays', 0.2],
      ['leaves', 0.7],
    ]);
    const more = outputs(
      ['embedding', [1, 4], [1, 2, 3, 4]],
      ['class', [1], ['leaves'], 'BYTES'],
      ['score', [1], [0.3]],
    );
    expect(answers(more, CHURN)).toEqual([['leaves', 0.3]]);
    const interval = outputs(['predict', [1], [10]], ['std', [1], [2]], ['score', [1], [0.5]]);
    expect(answers(interval, PRICE)).toEqual([[10, null]]);
  });

  test('outputs that can be meant in several ways are an error', () => {
    const body = outputs(['a', [1], [1]], ['b', [1], [2]]);
    expect(() => answers(body, PRICE)).toThrow(
      /the response has the outputs a \[1\], b \[1\]; expected one with the predictions, such as 'predict'/,
    );
    expect(() => answers(body, CHURN)).toThrow(PayloadError);
  });

  test('as many scores as predictions', () => {
    const body = outputs(['predict', [2], [1, 0], 'INT64'], ['predict_proba', [1, 2], [0.4, 0.6]]);
    expect(() => answers(body, CHURN)).toThrow('the response has 2 predictions and 1 scores; expected as many');
  });

  test('binary outputs are an error that says what to do', () => {
    const body = { outputs: [{ name: 'p', shape: [1], datatype: 'FP32', parameters: { binary_data_size: 4 } }] };
    expect(() => answers(body, PRICE)).toThrow(/binary_data_output: false/);
    expect(() => answers(`${JSON.stringify(body)}\u0000\u0000\u0080\u003f`, PRICE)).toThrow(
      /binary_data_output: false/,
    );
  });
});

describe('calls', () => {
  test('a call of one keeps its id', () => {
    const occurredAt = new Date('2026-03-01T10:20:30Z');
    const annotations = { [ANNOTATIONS.version]: '7' };
    expect(
      pairCall(
        record('request', { instances: [{ age: 41, income: 1, plan: 'basic' }] }, { occurredAt, annotations }),
        record('response', { predictions: [[0.25, 0.75]] }, { occurredAt: new Date() }),
        schemaOf(CHURN),
      ),
    ).toEqual([
      {
        requestId: 'call-1',
        timestamp: occurredAt,
        version: '7',
        features: [41, 1, 'basic'],
        prediction: 'leaves',
        score: 0.75,
      },
    ]);
  });

  test('instances of a batch are numbered', () => {
    const rowsOfCall = pairCall(
      record('request', { inputs: [{ name: 'i', shape: [2, 3], datatype: 'BYTES', data: [1, 2, 'a', 3, 4, 'b'] }] }),
      record('response', { outputs: [{ name: 'predict', shape: [2, 1], datatype: 'FP64', data: [1.5, null] }] }),
      schemaOf(PRICE),
    );
    expect(rowsOfCall).toEqual([
      { requestId: 'call-1#0', features: [1, 2, 'a'], prediction: 1.5, score: null },
      { requestId: 'call-1#1', features: [3, 4, 'b'], prediction: null, score: null },
    ]);
    expect(rowsOfCall.map(({ timestamp, version }) => [timestamp, version])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  test('a call without instances has no rows', () => {
    const call = [record('request', { instances: [] }), record('response', { predictions: [] })] as const;
    expect(pairCall(...call, schemaOf(CHURN))).toEqual([]);
  });

  test('as many predictions as instances', () => {
    const call = [
      record('request', { instances: [[1, 2, 'a']] }),
      record('response', { predictions: [0, 1] }),
    ] as const;
    expect(problemOf(() => pairCall(...call, schemaOf(CHURN)))).toBe(
      'the request has 1 instances and the response 2 predictions; expected as many',
    );
  });

  test('records of different calls are no pair', () => {
    const asked = record('request', { instances: [] });
    const answered = record('response', { predictions: [] }, { id: 'call-2' });
    expect(() => pairCall(asked, answered, schemaOf(CHURN))).toThrow(
      "got a request 'call-1' and a response 'call-2'; expected a request and its response",
    );
    expect(() => pairCall(asked, asked, schemaOf(CHURN))).toThrow(PayloadError);
  });

  test('from an object of the store to rows', () => {
    const text = JSON.stringify([
      logged({}, { instances: [[41, 52_000, 'basic']] }),
      logged({ reqType: RESPONSE }, { predictions: ['stays'] }),
    ]);
    const [asked, answered] = parseLogObject(text).records;
    expect(pairCall(asked!, answered!, schemaOf(CHURN))).toEqual([
      {
        requestId: 'call-1',
        timestamp: new Date('2026-03-01T10:20:30.123Z'),
        version: '7',
        features: [41, 52_000, 'basic'],
        prediction: 'stays',
        score: null,
      },
    ]);
  });
});
