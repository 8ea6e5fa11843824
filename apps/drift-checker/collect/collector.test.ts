import { CAPTURE_FINDINGS, CAPTURE_KINDS, CAPTURE_OUTCOMES, type ModelSchema } from 'cdk8s-mlops/contract';
import { repeat } from '../../common/testing/test-data';
import { SHOP_SCHEMA } from '../commands/testing/shop';
import { decodeRequest } from '../payload/instances';
import { type ReferenceProfile } from '../profile/reference-profile';
import { CaptureWorld, type CaptureWorldOptions, RESPONSE, until } from './testing/capture-world';

let world: CaptureWorld;
const start = async (options: CaptureWorldOptions = {}): Promise<CaptureWorld> =>
  (world = await CaptureWorld.start(options));
afterEach(() => world.stop());

const V1 = JSON.stringify({ instances: [{ amount: 1, country: 'DE' }] });
const YES = JSON.stringify({ predictions: ['yes'] });
const versionHeader = (version: string): Record<string, string> => ({
  'ce-annotations': JSON.stringify({ 'cdk8s-mlops.dev/version': version }),
});

const PROFILE: ReferenceProfile = {
  ...{ version: 1, model: 'shop', rows: 10, data: { digest: '', files: 1, bytes: 1 }, seed: 1, priorities: [] },
  features: [
    {
      ...{ type: 'numeric', name: 'amount', kind: 'number', missing: 1, infinite: 0, outOfRange: 0, values: 9 },
      ...{ minimum: 0, maximum: 40, mean: 15, standardDeviation: 5, edges: [10, 20], counts: [3, 3, 3], sample: [] },
    },
    {
      ...{ type: 'categorical', name: 'country', kind: 'text', missing: 0, categories: ['DE', 'FR'], counts: [5, 4] },
      ...{ other: 1, rare: ['IT'], complete: true },
    },
  ],
};

/** A registry with versions, their profiles and schemas. */
class SmallRegistry {
  public asked = 0;
  public fails = false;

  constructor(
    private readonly versions: Readonly<Record<string, { profile?: ReferenceProfile; schema?: ModelSchema }>>,
    private readonly champion?: string,
  ) {}

  public version(model: string, version: string): ReturnType<NonNullable<CaptureWorldOptions['registry']>['version']> {
    this.asked++;
    if (this.fails) return Promise.reject(new Error('the registry is gone'));
    const found = this.versions[version] && { name: model, version, runId: version, tags: {} };
    return Promise.resolve(found as never);
  }

  public versionByAlias(model: string, alias: string): ReturnType<SmallRegistry['version']> {
    return alias === 'champion' && this.champion !== undefined
      ? this.version(model, this.champion)
      : Promise.resolve(undefined as never);
  }

  public artifact(runId: string, path: string): Promise<string | undefined> {
    const { profile, schema } = this.versions[runId]!;
    const found = path.includes('profile') ? profile : schema;
    return Promise.resolve(found && JSON.stringify(found));
  }
}

const REGISTERED = { config: { registry: 'http://mlflow:5000' } };

describe('what the logger sends', () => {
  test.each([
    ['V1, by name', { instances: [{ amount: 1, country: 'DE' }] }, { predictions: ['yes'] }, 1],
    [
      'V1, lists',
      {
        instances: [
          [1, 'DE'],
          [2, 'FR'],
        ],
      },
      {
        predictions: [
          [0.4, 0.6],
          [0.9, 0.1],
        ],
      },
      2,
    ],
    ['V1, columns', { inputs: { amount: [1, 2], country: ['DE', 'FR'] } }, { outputs: [0.6, 0.4] }, 2],
    [
      'V2, named tensors',
      {
        id: 'v2',
        inputs: [
          { name: 'amount', shape: [2, 1], datatype: 'FP64', data: [1, 2] },
          { name: 'country', shape: [2], datatype: 'BYTES', data: ['DE', 'FR'] },
        ],
      },
      {
        model_name: 'shop',
        id: 'v2',
        outputs: [
          { name: 'predict', shape: [2], datatype: 'BYTES', data: ['yes', 'no'] },
          { name: 'predict_proba', shape: [2, 2], datatype: 'FP64', data: [0.4, 0.6, 0.9, 0.1] },
        ],
      },
      2,
    ],
    [
      'V2, one tensor',
      { inputs: [{ name: 'input-0', shape: [1, 2], datatype: 'BYTES', data: ['1', 'DE'] }] },
      { outputs: [{ name: 'output-0', shape: [1], datatype: 'INT64', data: [1] }] },
      1,
    ],
  ])('is counted and kept: %s', async (_, request, response, rows) => {
    await start();
    const at = Date.now();
    await world.event(JSON.stringify(request), { 'ce-time': new Date(at).toISOString() });
    await world.event(JSON.stringify(response), { ...RESPONSE, 'ce-time': new Date(at + 40).toISOString() });
    expect(await world.series()).toMatchObject({
      'ml_inference_requests_total{version="1"}': 1,
      'ml_inference_responses_total{version="1"}': 1,
      'ml_predictions_total{version="1"}': rows,
      'ml_prediction_class_total{version="1",class="yes"}': 1,
      'ml_prediction_class_total{version="1",class="no"}': rows - 1,
      'ml_feature_missing_total{version="1",feature="amount"}': 0,
      'ml_inference_duration_seconds_count{version="1"}': 1,
      'ml_inference_duration_seconds_sum{version="1"}': 0.04,
      'ml_inference_duration_seconds_bucket{le="0.025",version="1"}': 0,
      'ml_inference_duration_seconds_bucket{le="0.05",version="1"}': 1,
    });
    expect(await world.findings()).toEqual({});
    expect(world.records().map((record) => 'body' in record && record.body)).toEqual([request, response]);
  });

  test('with NaN is a missing value, and no finding', async () => {
    await start();
    expect((await world.event('{"instances": [{"amount": NaN, "country": "DE"}]}')).status).toBe(200);
    expect((await world.series())['ml_feature_missing_total{version="1",feature="amount"}']).toBe(1);
    expect(await world.findings()).toEqual({});
  });
});

describe('a finding', () => {
  const deep = (inside: string): string => `${'['.repeat(200_000)}${inside}${']'.repeat(200_000)}`;
  test.each([
    ['a body that is not JSON', 'hello', {}, 'undecodable_request'],
    ['no body', '', {}, 'undecodable_request'],
    ['a body that is not JSON, of a response', '<html>', RESPONSE, 'undecodable_response'],
    ['a wrong number of values', '{"instances": [[1]]}', {}, 'undecodable_request'],
    ['values nested too deep', `{"instances": [[${deep('1,2')}, "DE"]]}`, {}, 'undecodable_request'],
    [
      'a tensor nested too deep',
      `{"inputs": [{"name": "a", "shape": [1, 2], "data": ${deep('')}}]}`,
      {},
      'undecodable_request',
    ],
    ['an answer nested too deep', `{"predictions": [${deep('')}]}`, RESPONSE, 'undecodable_response'],
    ['a name that is no feature', '{"instances": [{"amount": 1, "colour": "red"}]}', {}, 'unknown_feature'],
    ['a text in a number', '{"instances": [["many", "DE"]]}', {}, 'retyped_feature'],
    ['no version', V1, { 'ce-annotations': undefined }, 'no_version'],
    ['the future', V1, { 'ce-time': new Date(Date.now() + 3_600_000).toISOString() }, 'from_future'],
  ])('is %s: counted once, and the event is kept', async (_, body, headers, finding) => {
    await start();
    expect((await world.event(body, headers)).status).toBe(200);
    expect(await world.findings()).toEqual({ [finding]: 1 });
    expect(world.records()).toHaveLength(1);
  });

  test('is a call without the header for labels, where one is wanted', async () => {
    await start({ config: { requestIdHeader: 'X-Request-Id' } });
    await world.event(V1);
    await world.event(V1, { 'ce-id': 'b', 'ce-metadata': JSON.stringify({ 'X-Request-Id': ['r-1'] }) });
    await world.event(YES, RESPONSE);
    expect(await world.findings()).toEqual({ no_request_id: 1 });
    expect(world.records().map((record) => 'requestId' in record && record.requestId)).toEqual([false, 'r-1', false]);
  });

  test('is none: an event that comes twice, or out of order', async () => {
    await start();
    for (const headers of [RESPONSE, {}, {}]) await world.event('ce-type' in headers ? YES : V1, headers);
    expect(await world.findings()).toEqual({});
    expect((await world.series())['ml_inference_requests_total{version="1"}']).toBe(2);
    expect(world.records()).toHaveLength(3);
  });
});

describe('sampling', () => {
  test('keeps both halves of a call or none, the right share of them, and counts all', async () => {
    await start({ config: { sampling: 0.25 } });
    const received = Date.now();
    for (let call = 0; call < 4000; call++) {
      const half = { id: `call-${call}`, version: '1', received, time: received };
      await world.collector.takeCalls([{ ...half, kind: 'request', body: V1 }], 0);
      await world.collector.takeCalls([{ ...half, kind: 'response', body: YES }], 0);
    }
    const ids = { request: new Set<string>(), response: new Set<string>() };
    for (const record of world.records()) if (record.kind !== 'label') ids[record.kind].add(record.id);
    expect(ids.request).toEqual(ids.response);
    // Five standard deviations.
    expect(Math.abs(ids.request.size - 1000)).toBeLessThan(5 * Math.sqrt(4000 * 0.25 * 0.75));
    expect((await world.series())['ml_inference_requests_total{version="1"}']).toBe(4000);
    expect(await world.outcomes()).toEqual({
      'request stored': ids.request.size,
      'request sampled': 4000 - ids.request.size,
      'response stored': ids.request.size,
      'response sampled': 4000 - ids.request.size,
    });
  });
});

describe('features that must not be recorded as they are', () => {
  const [amount, country] = SHOP_SCHEMA.features;
  const schema: ModelSchema = {
    ...SHOP_SCHEMA,
    features: [
      { ...amount!, recorded: 'bucketed' },
      { ...country!, recorded: 'hashed' },
      { name: 'name', type: 'categorical', required: false, importance: 1, recorded: 'dropped' },
    ],
  };
  const SECRETS = ['37.125', 'Liechtenstein', 'Erika Mustermann'];
  const [number, place, name] = SECRETS;
  const options = { schema, hashKey: 'key', registry: new SmallRegistry({ 1: { profile: PROFILE } }) as never };

  test.each([
    ['V1', `{"instances": [{"amount": ${number}, "country": "${place}", "name": "${name}"}]}`],
    ['V1 with a name that is no feature', `{"instances": [{"amount": ${number}, "nick": "${name}"}]}`],
    ['lists', `{"instances": [[${number}, "${place}", "${name}"]]}`],
    ['columns', `{"inputs": {"amount": [${number}], "country": ["${place}"], "name": ["${name}"]}}`],
    ['tensors', `{"inputs": [{"name": "country", "shape": [1], "datatype": "BYTES", "data": ["${place}"]}]}`],
    ['parameters', `{"instances": [[${number}, "${place}", "${name}"]], "parameters": {"of": "${name}"}}`],
    ['a number as text', `{"instances": [["${number}", "${place}", "${name}"]]}`],
    ['a name in place of a number', `{"instances": [["${name}", "${place}", null]]}`],
    ['no JSON', `${name} ${number} ${place}`],
    ['another shape', `{"rows": ["${name}", ${number}, "${place}"]}`],
    ['an empty body', ''],
  ])('never reach the disk: %s', async (_, body) => {
    await start(options);
    await world.event(V1);
    await until(() => world.versions.get('1') !== undefined);
    await world.event(body);
    await world.event(JSON.stringify({ predictions: ['yes'], echo: body }), RESPONSE);
    await world.event(body, RESPONSE);
    await world.counted();
    for (const secret of SECRETS) expect(world.text()).not.toContain(secret);
    const outcomes = await world.outcomes();
    expect(Object.values(outcomes).reduce((sum, count) => sum + count)).toBe(4);
    expect(outcomes['response stored']).toBe(1);
  });

  test('are not even known before the version is: then they are left out', async () => {
    await start({ ...options, hashKey: undefined });
    await world.event(`{"instances": [{"amount": ${number}, "country": "${place}"}]}`);
    expect(world.records()).toMatchObject([{ body: { instances: [[null, null, null]] } }]);
  });

  test('keep their bins and their equality', async () => {
    await start(options);
    await world.event(V1);
    await until(() => world.versions.get('1') !== undefined);
    const values = [-5, 10, 10.5, 20, 20.5, 1e9];
    const instances = values.map((value) => ({ amount: value, country: value > 10 ? 'FR' : 'DE' }));
    await world.event(JSON.stringify({ instances }), { 'ce-id': 'b' });
    const [, kept] = world.records();
    const { rows } = decodeRequest((kept as { body: object }).body as never, schema);
    expect(rows.map(([first]) => first)).toEqual([10, 10, 20, 20, 40, 40]);
    const hashes = rows.map(([, second]) => second);
    expect(new Set(hashes).size).toBe(2);
    expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(hashes[1]).toBe(hashes[0]);
    expect(await world.series()).toMatchObject({
      // With the first one.
      'ml_feature_bin_total{version="1",feature="amount",bin="le 10"}': 3,
      'ml_feature_bin_total{version="1",feature="amount",bin="le 20"}': 2,
      'ml_feature_bin_total{version="1",feature="amount",bin="gt 20"}': 2,
    });
  });

  test('that cannot be taken out of a call keep it from the log as a whole, and it is said', async () => {
    await start(options);
    expect(await world.event('no JSON')).toMatchObject({ status: 400 });
    expect(await world.outcomes()).toEqual({ 'request refused_malformed': 1 });
    const answer = await world.post('/v1/predictions', {
      predictions: [
        { request_id: 'a', version: '1', features: { amount: 1 }, prediction: 'yes' },
        { request_id: 'b', version: '1', features: { colour: 'red' }, prediction: 'yes' },
      ],
    });
    expect(answer.status).toBe(400);
    expect(world.text()).toBe('');
  });
});

describe('versions', () => {
  test('are counted by the bins of their own profile, once it is known', async () => {
    await start({ registry: new SmallRegistry({ 1: { profile: PROFILE } }), ...REGISTERED });
    await world.event(V1);
    for (const [amount, country] of [
      [10, 'DE'],
      [15, 'FR'],
      [null, 'IT'],
      [1e999, null],
    ])
      await world.event(JSON.stringify({ instances: [[amount, country]] }));
    expect(await world.series()).toMatchObject({
      'ml_feature_bin_total{version="1",feature="amount",bin="le 10"}': 2,
      'ml_feature_bin_total{version="1",feature="amount",bin="le 20"}': 1,
      'ml_feature_bin_total{version="1",feature="amount",bin="missing"}': 2,
      'ml_feature_bin_total{version="1",feature="country",bin="= DE"}': 2,
      'ml_feature_bin_total{version="1",feature="country",bin="other"}': 1,
      'ml_feature_bin_total{version="1",feature="country",bin="missing"}': 1,
    });
    expect(await world.findings()).toEqual({});
  });

  test('with features of their own are counted by them, though they were met before these were known', async () => {
    const own = { ...SHOP_SCHEMA, features: [...SHOP_SCHEMA.features, { ...SHOP_SCHEMA.features[0]!, name: 'age' }] };
    const registry = new SmallRegistry({ 2: { schema: own } });
    registry.fails = true;
    await start({ registry: registry });
    const body = JSON.stringify({ instances: [{ amount: null, country: 'DE' }] });
    await world.event(body, versionHeader('2'));
    await world.counted();
    registry.fails = false;
    await until(() => world.versions.get('2') !== undefined);
    await world.event(body, versionHeader('2'));
    expect(await world.series()).toMatchObject({
      'ml_feature_missing_total{version="2",feature="amount"}': 2,
      'ml_feature_missing_total{version="2",feature="age"}': 1,
    });
  });

  test('that serve are counted from the start, at 0', async () => {
    await start({ registry: new SmallRegistry({ 7: { profile: PROFILE } }, '7') });
    await world.versions.preload();
    const series = await world.series();
    for (const name of ['requests', 'responses']) expect(series[`ml_inference_${name}_total{version="7"}`]).toBe(0);
    expect(series).toMatchObject({
      'ml_inference_duration_seconds_count{version="7"}': 0,
      'ml_inference_duration_seconds_bucket{le="60",version="7"}': 0,
      'ml_prediction_class_total{version="7",class="yes"}': 0,
      'ml_feature_missing_total{version="7",feature="country"}': 0,
      'ml_feature_bin_total{version="7",feature="amount",bin="missing"}': 0,
    });
  });

  test('of which there are too many are counted together, and asked for a few at a time', async () => {
    const registry = new SmallRegistry({ 1: { profile: PROFILE } }, '1');
    await start({ registry: registry });
    await world.versions.preload();
    for (let version = 1; version <= 100; version++) await world.event(V1, versionHeader(String(version)));
    await world.event(V1, versionHeader('x'.repeat(5000)));
    const series = await world.series();
    const counted = Object.entries(series).filter(([key]) => key.startsWith('ml_inference_requests_total'));
    expect(counted).toHaveLength(11);
    expect(counted.reduce((sum, [, count]) => sum + count, 0)).toBe(101);
    expect(series['ml_inference_requests_total{version="1"}']).toBe(1);
    expect(series['ml_inference_requests_total{version="other"}']).toBe(91);
    expect((await world.findings()).unknown_version).toBeGreaterThanOrEqual(91);
  });

  test('that were not met for an hour make room for others, and their series end', async () => {
    await start();
    const { metrics } = world;
    for (let version = 1; version <= 10; version++) metrics.version(String(version), SHOP_SCHEMA, version);
    metrics.version('1', SHOP_SCHEMA, 100);
    metrics.version('11', SHOP_SCHEMA, 3_600_001);
    expect(metrics.isNamed('11')).toBe(false);
    metrics.version('11', SHOP_SCHEMA, 3_600_002);
    expect(['1', '2', '11'].map((version) => metrics.isNamed(version))).toEqual([true, false, true]);
    const text = await metrics.text();
    expect(text).toContain('version="11"');
    expect(text).not.toContain('version="2"');
  });

  test('that a registry does not have are none, until it has them', async () => {
    const versions: Record<string, { profile: ReferenceProfile }> = {};
    await start({ registry: new SmallRegistry(versions) });
    await world.event(V1, versionHeader('5'));
    await until(() => world.versions.get('5')?.registered === false);
    versions[5] = { profile: PROFILE };
    await until(() => world.versions.get('5')?.registered === true);
    expect(world.versions.get('5')?.profile).toEqual(PROFILE);
  });

  test('are asked for again after the registry failed', async () => {
    const registry = new SmallRegistry({ 1: { profile: PROFILE } });
    registry.fails = true;
    await start({ registry: registry, ...REGISTERED });
    await world.event(V1);
    await world.counted();
    expect(await world.findings()).toEqual({ no_profile: 1 });
    registry.fails = false;
    await until(() => world.versions.get('1')?.profile !== undefined);
  });
});

describe('labels', () => {
  test('are answered once they are on the disk, one or many', async () => {
    await start();
    const labels = repeat(5, (row) => ({ request_id: `r-${row}`, label: 'no' }));
    expect((await world.post('/v1/labels', { labels })).status).toBe(200);
    expect(world.records('labels').map((record) => 'requestId' in record && record.requestId)).toEqual(
      labels.map(({ request_id: id }) => id),
    );
    expect((await world.post('/v1/labels', labels[0])).status).toBe(200);
    expect((await world.post('/v1/labels', { labels: [] })).status).toBe(200);
    expect(await world.outcomes()).toEqual({ 'label stored': 6 });
  });

  test('are taken all or none', async () => {
    await start();
    const answer = await world.post('/v1/labels', {
      labels: [
        { request_id: 'a', label: 'yes' },
        { request_id: 'b', label: 'maybe' },
      ],
    });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toEqual({
      outcome: 'refused_malformed',
      errors: ["labels[1].label is 'maybe'; expected one of no, yes"],
    });
    expect(world.text('labels')).toBe('');
  });
});

test('every series of what can become of something is there from the start', async () => {
  await start();
  const series = await world.series();
  for (const kind of CAPTURE_KINDS)
    for (const outcome of Object.values(CAPTURE_OUTCOMES))
      expect(series[`ml_capture_events_total{kind="${kind}",outcome="${outcome}"}`]).toBe(0);
  for (const kind of Object.values(CAPTURE_FINDINGS))
    expect(series[`ml_capture_findings_total{kind="${kind}"}`]).toBe(0);
  for (const outcome of ['stored', 'failed']) expect(series[`ml_capture_uploads_total{outcome="${outcome}"}`]).toBe(0);
  expect(series.ml_capture_buffer_bytes).toBe(0);
  expect(series.ml_capture_buffer_limit_bytes).toBe(2 * 1024 ** 3);
});
