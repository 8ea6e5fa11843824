import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  Capture,
  type CaptureOptions,
  Feature,
  FeatureRecording,
  ModelSource,
  SecretReference,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import { CAPTURE_DEFAULTS, type CaptureFile } from 'cdk8s-mlops/contract';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../../../test/support/synth';
import { failureOf } from '../../common/testing/problems';
import { parseYaml } from '../../common/yaml-file';
import { CAPTURE_CONFIG, readCaptureConfig } from './capture-config';
import { readModelSchema } from './model-schema-file';

const VALID: CaptureFile = {
  version: 1,
  ...{ model: 'churn', namespace: 'ml', schema: '/etc/mlops/schema/schema.json', log: 's3://logs/churn' },
  ...{ inferenceServices: ['churn', 'churn-candidate'], sampling: 1, pairingHours: 6, labelDays: 30 },
  limits: CAPTURE_DEFAULTS.limits,
};

const EVERYTHING: Required<CaptureFile> = {
  ...VALID,
  ...{ registry: 'http://mlflow.ml.svc:5000', requestIdHeader: 'X-Request-Id', retentionDays: 90 },
};

const directory = mkdtempSync(join(tmpdir(), 'capture-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

const read = (config: unknown): CaptureFile => parseYaml(JSON.stringify(config), 'c.yaml', CAPTURE_CONFIG);

/** The configuration with one value replaced, by its path. */
function changed(path: string, value: unknown): unknown {
  const copy = structuredClone(EVERYTHING) as unknown as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop()!;
  const parent = keys.reduce((object, key) => object[key] as Record<string, unknown>, copy);
  parent[last] = value;
  return copy;
}

test.each([
  ['what must be', VALID],
  ['everything', EVERYTHING],
])('a file with %s is read as it is', (_, config) => {
  expect(read(config)).toEqual(config);
});

test.each([
  ['version', 2],
  ['model', ''],
  ['namespace', 5],
  ['schema', null],
  ['log', ''],
  ['inferenceServices', []],
  ['inferenceServices', 'churn'],
  ['inferenceServices.0', ''],
  ['registry', 'mlflow:5000'],
  ['requestIdHeader', ''],
  ['requestIdHeader', 'X Request Id'],
  ['sampling', 0],
  ['sampling', 1.01],
  ['sampling', '1'],
  ['retentionDays', 0],
  ['pairingHours', 0],
  ['pairingHours', 0.5],
  ['labelDays', -1],
  ['limits.bodyBytes', 0],
  ['limits.memoryBytes', '64Mi'],
  ['limits.bufferBytes', '2Gi'],
  ['limits.segmentBytes', 0],
  ['limits.segmentSeconds', 0],
  ['limits.connections', 0],
  ['limits.requestSeconds', 1.5],
])("'%s' must not be %j", async (path, value) => {
  const { exitCode, problems } = await failureOf(() => read(changed(path, value)));
  expect(exitCode).toBe(2);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^c\.yaml:1:\d+: /);
  expect(problems[0]).toContain(`: '${path}': `);
  expect(problems[0]).toMatch(new RegExp(`, got ${JSON.stringify(value).replace(/[[\]]/g, '\\$&')}$`));
});

test.each(Object.keys(VALID))("'%s' must be there", async (key) => {
  const { problems } = await failureOf(() => read({ ...VALID, [key]: undefined }));
  expect(problems).toEqual([`c.yaml:1:1: '${key}' is missing`]);
});

test.each(Object.keys(VALID.limits))("'limits.%s' must be there", async (key) => {
  const { problems } = await failureOf(() => read(changed(`limits.${key}`, undefined)));
  expect(problems).toEqual([expect.stringMatching(new RegExp(`^c\\.yaml:1:\\d+: 'limits\\.${key}' is missing$`))]);
});

test.each([
  ['bodyBytes', 'memoryBytes', 'must not be above memoryBytes: such a body would never be taken'],
  ['segmentBytes', 'bufferBytes', 'must not be above bufferBytes: such a segment would never be full'],
] as const)("'limits.%s' may be as large as '%s', and not larger", async (part, whole, because) => {
  const limits = (more: number): unknown =>
    changed('limits', { ...VALID.limits, [whole]: 1000, bodyBytes: 500, segmentBytes: 500, [part]: 1000 + more });
  expect(read(limits(0)).limits[part]).toBe(1000);
  const { problems } = await failureOf(() => read(limits(1)));
  expect(problems).toEqual([expect.stringContaining(`'limits.${part}': ${because}, got 1001`)]);
});

test('a misspelt key is named with the one that was meant', async () => {
  const { problems } = await failureOf(() => read({ ...VALID, sampeling: 1 }));
  expect(problems).toEqual([expect.stringMatching(/'sampeling' is not a key here; did you mean 'sampling'\?$/)]);
});

test('a file that is not there is named', async () => {
  const path = join(directory, 'none.yaml');
  const { exitCode, problems } = await failureOf(() => readCaptureConfig(path));
  expect(exitCode).toBe(2);
  expect(problems).toEqual([expect.stringContaining(path)]);
});

describe('what ServedModel renders', () => {
  const synthesize = (options: CaptureOptions, features = [Feature.numeric('age')]): Rendered[] => {
    const chart = newChart();
    new ServedModel(chart, 'serving', {
      platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted() }),
      ...{ model: newModel({ features }), runtime: ServingRuntime.sklearn(), capture: Capture.on(options) },
      source: ModelSource.uri('s3://acme-models/churn/v1'),
    });
    return rendered(chart);
  };
  const configuration = (options: CaptureOptions): string =>
    find(synthesize(options), 'ConfigMap', 'churn-capture').data['capture.yaml'];
  const readFile = (text: string): Promise<CaptureFile> => {
    const path = join(directory, 'capture.yaml');
    writeFileSync(path, text);
    return readCaptureConfig(path);
  };

  test('with defaults is read', async () => {
    const text = configuration({});
    expect(await readFile(text)).toEqual(parse(text));
    expect(await readFile(text)).toMatchObject({
      ...{ log: 's3://acme-predictions/churn', inferenceServices: ['churn', 'churn-candidate'], sampling: 1 },
      ...{ registry: 'http://mlflow.ml.svc:5000', pairingHours: 6, labelDays: 30 },
      limits: { ...CAPTURE_DEFAULTS.limits, bufferBytes: Math.floor(0.9 * (2048 - 112) * 1024 ** 2) },
    });
  });

  test('with everything is read', async () => {
    const text = configuration({
      ...{ predictionLogUri: 's3://logs/churn', sampling: 0.1, retention: Duration.days(90), bufferSize: '256Mi' },
      ...{ requestIdHeader: 'X-Request-Id', pairingTimeout: Duration.hours(1), labelWindow: Duration.days(60) },
    });
    expect(await readFile(text)).toEqual(parse(text));
    expect(await readFile(text)).toMatchObject({
      ...{ log: 's3://logs/churn', sampling: 0.1, retentionDays: 90, requestIdHeader: 'X-Request-Id' },
      ...{ pairingHours: 1, labelDays: 60, limits: { bufferBytes: Math.floor(0.9 * (256 - 112) * 1024 ** 2) } },
    });
  });

  test('of features that are not recorded as they are is read', async () => {
    const features = [
      Feature.numeric('age', { recording: FeatureRecording.BUCKETED }),
      Feature.categorical('account', { recording: FeatureRecording.HASHED }),
      Feature.numeric('income', { recording: FeatureRecording.DROPPED }),
    ];
    const objects = synthesize({ hashKey: SecretReference.of('capture', 'key') }, features);
    const path = join(directory, 'schema.json');
    writeFileSync(path, find(objects, 'ConfigMap', 'churn-schema').data['schema.json']);
    expect((await readModelSchema(path)).features.map(({ recorded }) => recorded)).toEqual([
      ...['bucketed', 'hashed', 'dropped'],
    ]);
  });
});
