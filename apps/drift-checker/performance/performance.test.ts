import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type ModelSchema } from 'cdk8s-mlops/contract';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import { repeat, testRandom, type TestColumns, type TestValue } from '../../common/testing/test-data';
import { type DriftReport, type MetricReport } from '../check/drift-report';
import { check, findings, TEST_CONFIG, type TestCheck, testFile, testProfile, testSchema } from '../check/test-check';
import { type ReferenceProfile } from '../profile/reference-profile';
import { calibrated } from './calibration';

const { normal, uniform } = testRandom(41);
const FEATURES = { a: {} };
const SCHEMA = testSchema(FEATURES);
const REGRESSION = testSchema(FEATURES, { task: { type: 'regression' } });
const ROWS = 1000;

afterAll(removeTemporaryFiles);

/** Rows of which the first `right` of each hundred are answered rightly. */
function answered(right: number, rows = ROWS): { prediction: string[]; label: string[] } {
  const label = repeat(rows, (row) => (row % 2 ? 'yes' : 'no'));
  const prediction = label.map((value, row) => (row % 100 < right ? value : value === 'yes' ? 'no' : 'yes'));
  return { prediction, label };
}

const inputs = (rows = ROWS): TestColumns => ({ a: repeat(rows, normal) });
const reference = (predictions: TestColumns, schema: ModelSchema = SCHEMA): Promise<ReferenceProfile> =>
  testProfile(schema, inputs(), predictions);

async function judge(
  current: TestColumns,
  more: Partial<TestCheck> & { profile: ReferenceProfile },
): Promise<DriftReport> {
  return check({ schema: SCHEMA, current: { ...inputs(Object.values(current)[0]!.length), ...current }, ...more });
}

const metricOf = ({ performance }: DriftReport, name: string): MetricReport =>
  performance!.metrics.find(({ metric }) => metric === name)!;

describe('concept drift', () => {
  test.each([
    ['as good as the reference', 90, 'steady'],
    ['worse by less than the floor', 86, 'steady'],
    ['worse by more than the floor', 80, 'degraded'],
    ['better', 99, 'steady'],
  ])('a model that is %s', async (_, right, verdict) => {
    const report = await judge(answered(right), { profile: await reference(answered(90)) });
    expect([report.performance?.verdict, report.performance?.labels, report.performance?.coverage]).toEqual([
      verdict,
      ROWS,
      1,
    ]);
    expect(metricOf(report, 'accuracy')).toMatchObject({
      value: right / 100,
      reference: 0.9,
      degraded: verdict === 'degraded',
    });
    expect(report.verdict).toBe('no-drift');
  });

  test('that noise explains is none', async () => {
    const few = answered(78, 200);
    const profile = await reference(answered(85, 200));
    const report = await judge(few, { profile, config: { window: { ...TEST_CONFIG.window, minRows: 100 } } });
    expect(metricOf(report, 'accuracy')).toMatchObject({ value: 0.78, degraded: false });
    expect(report.performance?.verdict).toBe('steady');
  });

  test('is not judged with too few labels', async () => {
    const { prediction, label } = answered(10);
    const sparse = label.map((value, row) => (row < 199 ? value : null));
    const report = await judge({ prediction, label: sparse }, { profile: await reference(answered(90)) });
    expect(report.performance).toMatchObject({ verdict: 'inconclusive', labels: 199, coverage: 0.199 });
    expect(metricOf(report, 'accuracy')).toMatchObject({ judged: false, degraded: false });
    expect(report.severity).toBe('none');
  });

  test.each([
    ['review', false],
    ['retrain', true],
  ] as const)('may ask for a person or a retraining: %s', async (onDegraded, needed) => {
    const report = await judge(answered(70), {
      profile: await reference(answered(90)),
      config: {
        performance: { ...TEST_CONFIG.performance, onDegraded },
        retrain: { engine: 'argo', name: 'train', loop: 'loop', minPredictions: 10 },
      },
    });
    expect([report.severity, report.retraining.needed]).toEqual(['critical', needed]);
    expect(report.reasons).toContain('accuracy fell to 0.700 from 0.900 in the reference');
  });

  test('is an objective that is missed, with confidence, though the reference was no better', async () => {
    const schema = testSchema(FEATURES, { objectives: { minAccuracy: 0.9, minRecall: 0.7 } });
    const report = await judge(answered(80), { schema, profile: await reference(answered(80)) });
    expect(metricOf(report, 'accuracy')).toMatchObject({ degraded: false, objective: 0.9, missesObjective: true });
    expect(metricOf(report, 'recall')).toMatchObject({ objective: 0.7, missesObjective: false });
    expect(report.reasons).toContain('accuracy is 0.800, the objective is 0.9');
  });

  test('of a regression is an error that grew', async () => {
    const truth = repeat(ROWS, (row) => row);
    const off = (error: number): TestColumns => ({
      label: truth,
      prediction: truth.map((value, row) => value + (row % 2 ? error : -error / 2)),
    });
    const profile = await reference(off(2), REGRESSION);
    const same = await judge(off(2.05), { schema: REGRESSION, profile });
    expect(metricOf(same, 'mae')).toMatchObject({ reference: 1.5, degraded: false });
    const worse = await judge(off(4), { schema: REGRESSION, profile });
    expect(metricOf(worse, 'mae')).toMatchObject({ value: 3, reference: 1.5, degraded: true });
    expect(metricOf(worse, 'rmse')).toMatchObject({
      value: expect.closeTo(Math.sqrt(10), 9) as number,
      degraded: true,
    });
  });

  test('of a reference without errors is any error', async () => {
    const truth = repeat(ROWS, (row) => row);
    const profile = await reference({ prediction: truth, label: truth }, REGRESSION);
    const same = await judge({ prediction: truth, label: truth }, { schema: REGRESSION, profile });
    expect(same.performance?.verdict).toBe('steady');
    const worse = await judge(
      { prediction: truth.map((value) => value + 1), label: truth },
      { schema: REGRESSION, profile },
    );
    expect(worse.performance?.verdict).toBe('degraded');
  });

  test('of many classes is accuracy', async () => {
    const schema = testSchema(FEATURES, { task: { type: 'multiclass-classification', classes: ['0', '1', '2'] } });
    const label = repeat(ROWS, (row) => row % 3);
    const rows = (right: number): TestColumns => ({
      label,
      prediction: label.map((value, row) => (row % 100 < right ? value : (value + 1) % 3)),
    });
    const report = await judge(rows(75), { schema, profile: await reference(rows(95), schema) });
    expect(report.performance?.metrics.map(({ metric, degraded }) => [metric, degraded])).toEqual([['accuracy', true]]);
  });
});

describe('labels that lie apart', () => {
  const ids = repeat(ROWS, (row) => `r-${row}`);
  const at = (seconds: number): Date => new Date(Date.parse('2026-11-19T00:00:00Z') + seconds * 1000);
  const predictions: TestColumns = {
    request_id: ids,
    timestamp: repeat(ROWS, (row) => at(row)),
    prediction: answered(90).prediction,
  };
  const labels = (rows: number, lag: number): TestColumns => ({
    request_id: ids.slice(0, rows),
    label: answered(90).label.slice(0, rows),
    label_timestamp: repeat(rows, (row) => at(row + lag)),
  });
  let profile: ReferenceProfile;
  beforeAll(async () => (profile = await reference(answered(90))));

  const joined = async (data: TestColumns, current: TestColumns = predictions): Promise<DriftReport> =>
    judge(current, { profile, config: { labels: await testFile(data) } });

  test.each([
    [0, 'inconclusive'],
    [50, 'inconclusive'],
    [ROWS, 'steady'],
  ])('%p of them are joined by the id of the request', async (count, verdict) => {
    const data =
      count === 0 ? { request_id: ['other'], label: ['yes'], label_timestamp: [at(0)] } : labels(count, 3600);
    const { performance, quality } = await joined(data);
    expect([performance?.verdict, performance?.coverage, performance?.labels]).toEqual([verdict, count / ROWS, count]);
    expect(performance?.medianLagSeconds).toBe(count === 0 ? undefined : 3600);
    const strangers = [
      expect.objectContaining({
        message: "none of 1 labels has the id of a prediction of the window: ids of labels look like 'other'",
      }),
    ];
    expect(quality).toEqual(count === 0 ? strangers : []);
  });

  test('may not be there yet', async () => {
    const empty = await mkdtemp(join(await temporaryDirectory('labels'), 'empty-'));
    const { performance } = await judge(predictions, { profile, config: { labels: empty } });
    expect(performance).toMatchObject({ verdict: 'inconclusive', labels: 0, coverage: 0 });
  });

  test('older than their prediction are told', async () => {
    const report = await joined(labels(ROWS, -10));
    expect(findings(report, 'label')).toMatchObject([
      { message: expect.stringMatching(`^${ROWS} labels are older`) as string },
    ]);
  });

  test('that contradict each other are told, and the latest counts', async () => {
    const wrong = answered(0).prediction;
    const corrected = (wrongAt: number, rightAt: number): TestColumns => ({
      request_id: [...ids, ...ids],
      label: [...wrong, ...answered(90).label],
      label_timestamp: repeat(2 * ROWS, (row) => at(row < ROWS ? wrongAt : rightAt)),
    });
    const [right, worse] = [await joined(corrected(5000, 6000)), await joined(corrected(6000, 5000))];
    expect([metricOf(right, 'accuracy').value, metricOf(worse, 'accuracy').value]).toEqual([0.9, 0.1]);
    expect(findings(right, 'label').map(({ message }) => message)).toEqual([
      `${ROWS} requests have labels that contradict each other: the latest counts`,
    ]);
  });

  test('that contradict each other at one time count the same, whatever their order', async () => {
    const pairs = repeat(2 * ROWS, (row) => ({
      request_id: ids[row % ROWS]!,
      label: row < ROWS ? 'yes' : 'no',
      label_timestamp: at(5),
    }));
    const data = (rows: typeof pairs): TestColumns => ({
      request_id: rows.map((row) => row.request_id),
      label: rows.map((row) => row.label),
      label_timestamp: rows.map((row) => row.label_timestamp),
    });
    const [one, other] = [await joined(data(pairs)), await joined(data([...pairs].reverse()))];
    expect(other.performance).toEqual(one.performance);
  });

  test('without a time are joined as well', async () => {
    const { label_timestamp: _, ...timeless } = labels(ROWS, 0);
    expect((await joined(timeless)).performance).toMatchObject({ verdict: 'steady', labels: ROWS });
  });

  test('that are no class of the model are left out, and told', async () => {
    const odd = { ...labels(ROWS, 5), label: answered(90).label.map((value, row) => (row < 7 ? 'unknown' : value)) };
    const report = await joined(odd);
    expect(report.performance?.labels).toBe(ROWS - 7);
    expect(findings(report, 'label').map(({ message }) => message)).toEqual([
      "7 labels are none of the model's classes, or no number: they were left out",
    ]);
  });

  test('count for every version that answered the request', async () => {
    const versions = { ...predictions, version: repeat(ROWS, (row) => (row % 2 ? '1' : '2')) };
    const report = await judge(versions, {
      profile,
      modelVersion: '2',
      config: { labels: await testFile(labels(ROWS, 5)) },
    });
    expect(report.performance).toMatchObject({ labels: ROWS / 2, coverage: 1 });
  });

  test('without the columns that are needed are refused, and so are predictions that cannot be joined', async () => {
    await expect(joined({ id: ['1'], y: ['yes'] })).rejects.toThrow(
      /have no column request_id and label: they have id, y/,
    );
    const { request_id: _, ...anonymous } = predictions;
    expect(findings(await joined(labels(ROWS, 5), anonymous), 'label')).toMatchObject([{ severity: 'critical' }]);
  });
});

describe('estimated performance', () => {
  const scored = (rows: number, chance: (score: number) => number, draw = uniform): TestColumns => {
    const score = repeat(rows, draw);
    return {
      prediction_score: score,
      prediction: score.map((value) => (value >= 0.5 ? 'yes' : 'no')),
      label: score.map((value): TestValue => (uniform() < chance(value) ? 'yes' : 'no')),
    };
  };

  test('is near the real one, without a label, when the inputs become harder', async () => {
    const profile = await reference(scored(10_000, (score) => score));
    const harder = scored(
      20_000,
      (score) => score,
      () => 0.3 + 0.4 * uniform(),
    );
    const { performance } = await judge(harder, { profile });
    const { label: _, ...unlabelled } = harder;
    const { estimatedPerformance, performance: none } = await judge(unlabelled, { profile });
    expect(none).toBeUndefined();
    expect(estimatedPerformance?.estimated).toBe(true);
    for (const metric of ['accuracy', 'precision', 'recall', 'f1', 'auc'] as const) {
      const real = performance!.metrics.find((each) => each.metric === metric)!.value;
      expect(Math.abs(estimatedPerformance!.metrics[metric]! - real)).toBeLessThan(0.03);
    }
  });

  test('equals its formula', async () => {
    // One calibrated point per cell: 4 scores, of which 0.1, 0.3, 0.6 and 0.9 hold.
    const at = [0.1005, 0.3005, 0.6005, 0.9005];
    const chances = [1, 3, 6, 9];
    const rows = repeat(4000, (row) => row);
    const labelled = {
      prediction_score: rows.map((row) => at[row % 4]!),
      prediction: rows.map((row) => (row % 4 > 1 ? 'yes' : 'no')),
      label: rows.map((row) => (Math.floor(row / 4) % 10 < chances[row % 4]! ? 'yes' : 'no')),
    };
    const profile = await reference(labelled);
    const { label: _, ...current } = labelled;
    const { estimatedPerformance } = await judge(current, { profile });
    // Per four rows: TP 0.6 + 0.9, FP 0.4 + 0.1, FN 0.1 + 0.3, TN 0.9 + 0.7.
    const [tp, fp, fn, tn] = [1.5, 0.5, 0.4, 1.6];
    const positives = [0.1, 0.3, 0.6, 0.9];
    let won = 0;
    positives.forEach((p, i) =>
      positives.forEach((q, j) => (won += i > j ? p * (1 - q) : i === j ? (p * (1 - q)) / 2 : 0)),
    );
    const expected = {
      ...{ accuracy: (tp + tn) / 4, precision: tp / (tp + fp), recall: tp / (tp + fn) },
      ...{ f1: (2 * tp) / (2 * tp + fp + fn), auc: won / (1.9 * 2.1) },
    };
    for (const [metric, value] of Object.entries(expected))
      expect(estimatedPerformance!.metrics[metric as 'auc']).toBeCloseTo(value, 9);
  });

  test('of many classes is the chance that an answer is right', async () => {
    const schema = testSchema(FEATURES, { task: { type: 'multiclass-classification', classes: ['x', 'y', 'z'] } });
    const rows = repeat(4000, (row) => row);
    const labelled = {
      prediction_score: rows.map((row) => (row % 2 ? 0.9 : 0.4)),
      prediction: rows.map(() => 'x'),
      label: rows.map((row) => (row % 2 ? (row % 10 === 1 ? 'y' : 'x') : row % 4 ? 'x' : 'z')),
    };
    const { label: _, ...current } = labelled;
    const { estimatedPerformance } = await judge(current, { schema, profile: await reference(labelled, schema) });
    expect(estimatedPerformance!.metrics).toEqual({ accuracy: expect.closeTo((0.8 + 0.5) / 2, 9) as number });
  });

  test('is level beyond its points and linear between them', () => {
    const points = [
      { score: 0.2, probability: 0.1 },
      { score: 0.6, probability: 0.5 },
      { score: 0.6, probability: 0.7 },
    ];
    expect([0, 0.2, 0.4, 0.6, 1].map((score) => calibrated(points, score))).toEqual([
      ...[0.1, 0.1, expect.closeTo(0.3, 12) as number, 0.5, 0.7],
    ]);
  });
});
