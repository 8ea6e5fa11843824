import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelSchema } from 'cdk8s-mlops/contract';
import { Database } from '../common/data/database';
import { createLog } from '../common/log';
import { type DriftReport } from './check/drift-report';
import { type CheckConfig, runCheck } from './check/run-check';
import { makeProfile } from './profile/make-profile';
import { type ReferenceProfile } from './profile/reference-profile';
import { DEFAULT_EXPECTATIONS, validateData } from './validate/validate-data';

/*
 * Real people, real years, real labels: the American Community Survey of Massachusetts, 2015 to 2018, with the predictions of a
 * model that was trained on 2015. The figures are those of docs/guides/drift.md.
 */

const data = join(process.env.CDK8S_MLOPS_DATA ?? '', 'us-census-ma-employment');
const there = process.env.CDK8S_MLOPS_DATA !== undefined && existsSync(data);
if (!there) {
  console.warn(
    `the census data is not there, so its tests do not run: set CDK8S_MLOPS_DATA to the folder of us-census-ma-employment/`,
  );
}

const file = (name: string): string => join(data, `employment_MA_${name}.parquet`);
const codes = 'SCHL MAR RELP DIS ESP CIT MIG MIL ANC NATIVITY DEAR DEYE DREM SEX RAC1P'.split(' ');
const schema: ModelSchema = {
  version: 1,
  model: 'employment',
  task: { type: 'binary-classification', classes: ['0', '1'], positiveClass: '1', decisionThreshold: 0.5 },
  features: [
    { name: 'AGEP', type: 'numeric', required: true, importance: 1, minimum: 0, maximum: 120 },
    ...codes.map((name) => ({ name, type: 'categorical' as const, required: true, importance: 1 })),
  ],
  objectives: {},
};
const columns = { label: 'employed', prediction_score: 'predicted_probability' };
const config: CheckConfig = {
  model: 'employment',
  namespace: 'census',
  predictions: '',
  labels: file('analysis_target'),
  columns: { ...columns, request_id: 'id' },
  window: { hours: 24, minRows: 500, extendDays: 7 },
  decision: { featureThreshold: 0.15, driftedShare: 0.3, significance: 0.01, consecutiveWindows: 1 },
  performance: { minLabels: 200, maxDrop: 0.05, confidence: 0.95, onDegraded: 'review' },
};
const log = createLog('census', 'silent');

(there ? describe : describe.skip)('the census', () => {
  const directory = mkdtempSync(join(tmpdir(), 'census-'));
  let profile: ReferenceProfile;
  beforeAll(async () => {
    const reference = file('reference');
    profile = await makeProfile({ schema, data: reference, predictions: reference, columns, log });
    const database = await Database.open();
    const from = `FROM read_parquet('${file('analysis')}')`;
    await database.run(
      `COPY (SELECT * EXCLUDE (year), year::INT AS year ${from}) TO '${directory}/years' (FORMAT parquet, PARTITION_BY (year))`,
    );
    await database.run(
      `COPY (SELECT * ${from} WHERE year = 2018 AND AGEP >= 60) TO '${directory}/seniors.parquet' (FORMAT parquet)`,
    );
    database.close();
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const check = (predictions: string, partitions?: Record<string, string>): Promise<DriftReport> =>
    runCheck({
      config: { ...config, predictions },
      schema,
      profile,
      profileSource: 'profile.json',
      selection: partitions ? { by: 'partition', partitions } : { by: 'all' },
      log,
    });
  const accuracy = ({ performance, estimatedPerformance }: DriftReport): [number, number] => [
    performance!.metrics.find(({ metric }) => metric === 'accuracy')!.value,
    estimatedPerformance!.metrics.accuracy!,
  ];

  test.each([
    ['2016', 69_126, 0.825, 2],
    ['2017', 69_635, 0.829, 6],
    ['2018', 70_131, 0.828, 9],
  ])(
    '%s: what is significant does not matter, and the estimate is within half a point',
    async (year, rows, measured, significant) => {
      const report = await check(join(directory, 'years'), { year });
      expect(report).toMatchObject({ verdict: 'no-drift', severity: 'none', driftedFeatures: [], window: { rows } });
      expect(report.features.filter(({ adjustedPValue }) => adjustedPValue < 0.01)).toHaveLength(significant);
      const [real, estimated] = accuracy(report);
      expect(real).toBeCloseTo(measured, 3);
      expect(Math.abs(real - estimated)).toBeLessThan(0.005);
      expect(report.performance).toMatchObject({ verdict: 'steady', labels: rows, coverage: 1 });
    },
  );

  test('another audience is drift, a loss of accuracy, and known before any label comes', async () => {
    const report = await check(join(directory, 'seniors.parquet'));
    expect(report).toMatchObject({
      verdict: 'drift',
      severity: 'critical',
      driftedFeatures: ['AGEP', 'SCHL', 'MAR', 'RELP', 'MIL', 'DREM'],
    });
    expect(report.quality).toContainEqual(
      expect.objectContaining({ kind: 'constant', column: 'ESP', severity: 'critical' }),
    );
    expect(report.performance?.verdict).toBe('degraded');
    const [real, estimated] = accuracy(report);
    expect(real).toBeCloseTo(0.775, 3);
    expect(estimated).toBeCloseTo(0.778, 3);
  });

  test('the reference is fit to train on', async () => {
    const report = await validateData({
      schema,
      data: file('reference'),
      columns,
      expectations: DEFAULT_EXPECTATIONS,
      log,
    });
    expect(report).toMatchObject({ passed: true, rows: 68_785 });
  });

  test('the guide says what is measured here', () => {
    const guide = readFileSync(join(__dirname, '../../docs/guides/drift.md'), 'utf8');
    for (const figure of [
      '| 2016 | 69,126 | 2 of 16',
      '| 2017 | 69,635 | 6 of 16',
      '| 2018 | 70,131 | 9 of 16',
      'Accuracy fell from 0.827 to 0.775',
    ]) {
      expect(guide).toContain(figure);
    }
  });
});
