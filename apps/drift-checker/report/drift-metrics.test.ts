import { driftEvents, driftMetrics, performanceMetrics } from './drift-metrics';
import { sampleFeature, sampleReport } from './testing/sample-report';

const seriesOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .sort();

test('a judged window has a series for the model and for each feature', async () => {
  expect(seriesOf(await driftMetrics(sampleReport()))).toEqual([
    'ml_data_drift_score{model="churn",version="3",namespace="ml"} 0.255',
    'ml_drift_check_samples{model="churn",version="3",namespace="ml"} 12000',
    'ml_feature_drift_score{model="churn",version="3",namespace="ml",feature="age"} 0.01',
    'ml_feature_drift_score{model="churn",version="3",namespace="ml",feature="amount"} 0.5',
    'ml_feature_missing_ratio{model="churn",version="3",namespace="ml",feature="age"} 0',
    'ml_feature_missing_ratio{model="churn",version="3",namespace="ml",feature="amount"} 0.01',
    'ml_model_drift_score{model="churn",version="3",namespace="ml"} 0.5',
    'ml_model_drifted_features{model="churn",version="3",namespace="ml"} 1',
    'ml_retrain_needed{model="churn",version="3",namespace="ml"} 1',
  ]);
});

test('a retraining that is not needed is a 0, so that the alert on it ends', async () => {
  const text = await driftMetrics(sampleReport({ retraining: { needed: false, reason: 'nothing asks for it' } }));
  expect(text).toContain('ml_retrain_needed{model="churn",version="3",namespace="ml"} 0\n');
});

test('an inconclusive window has no scores: a score of nothing would read as no drift', async () => {
  const text = await driftMetrics(sampleReport({ verdict: 'inconclusive', severity: 'inconclusive' }));
  expect(text).not.toMatch(/_score|drifted_features/);
  expect(text).toContain('ml_drift_check_samples{model="churn",version="3",namespace="ml"} 12000');
});

test('a window without drift has scores of 0, not none', async () => {
  const features = [sampleFeature({ score: 0, drifted: false })];
  const text = await driftMetrics(
    sampleReport({ verdict: 'no-drift', dataDriftScore: 0, driftedShare: 0, driftedFeatures: [], features }),
  );
  expect(seriesOf(text)).toEqual(
    expect.arrayContaining([
      'ml_data_drift_score{model="churn",version="3",namespace="ml"} 0',
      'ml_model_drifted_features{model="churn",version="3",namespace="ml"} 0',
    ]),
  );
});

test('the prediction drift is that of the worse of score and class', async () => {
  const prediction = (score: number): ReturnType<typeof sampleFeature> => sampleFeature({ role: 'prediction', score });
  const text = await driftMetrics(sampleReport({ predictions: [prediction(0.2), prediction(0.3)] }));
  expect(text).toContain('ml_prediction_drift_score{model="churn",version="3",namespace="ml"} 0.3\n');
});

test('a feature whose column is gone is missing everywhere', async () => {
  const quality = [{ kind: 'missing-column', severity: 'critical', column: 'age', message: 'x' } as const];
  const text = await driftMetrics(sampleReport({ features: [], quality }));
  expect(text).toContain('ml_feature_missing_ratio{model="churn",version="3",namespace="ml",feature="age"} 1\n');
});

test('measured and estimated performance are told apart', async () => {
  const accuracy = { metric: 'accuracy', value: 0.9, low: 0.8, high: 0.95, judged: true } as const;
  const performance = {
    ...({ verdict: 'steady', labels: 300, coverage: 0.5 } as const),
    metrics: [{ ...accuracy, degraded: false, missesObjective: false }],
  };
  const report = sampleReport({ performance, estimatedPerformance: { estimated: true, metrics: { accuracy: 0.88 } } });
  expect(await driftMetrics(report)).not.toContain('ml_model_accuracy');
  expect(seriesOf(await performanceMetrics(report))).toEqual([
    'ml_model_accuracy{model="churn",version="3",namespace="ml",estimated="false"} 0.9',
    'ml_model_accuracy{model="churn",version="3",namespace="ml",estimated="true"} 0.88',
  ]);
});

test('names are escaped, and an unknown version says so', async () => {
  const text = await driftMetrics(
    sampleReport({ modelVersion: undefined, features: [sampleFeature({ name: 'a"b\\c\nd' })] }),
  );
  expect(text).toContain(
    'ml_feature_drift_score{model="churn",version="unknown",namespace="ml",feature="a\\"b\\\\c\\nd"} 0.5\n',
  );
});

test('events are only those that happened', async () => {
  const judgedAt = new Date('2026-11-20T00:05:00Z');
  expect(seriesOf(await driftEvents(sampleReport(), { judgedAt }))).toEqual([
    'ml_drift_check_last_success_timestamp_seconds{model="churn",namespace="ml"} 1795133100',
  ]);
  expect(seriesOf(await driftEvents(sampleReport(), { judgedAt, retrainedAt: judgedAt }))).toEqual([
    'ml_drift_check_last_success_timestamp_seconds{model="churn",namespace="ml"} 1795133100',
    'ml_retrain_last_triggered_timestamp_seconds{model="churn",namespace="ml"} 1795133100',
  ]);
  expect(seriesOf(await driftEvents(sampleReport(), {}))).toEqual([]);
});
