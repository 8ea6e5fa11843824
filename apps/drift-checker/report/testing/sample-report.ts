import { type DriftReport, type FeatureDrift } from '../../check/drift-report';

/** A drifted numeric feature, with what a test cares about replaced. */
export function sampleFeature(changes: Partial<FeatureDrift> = {}): FeatureDrift {
  return {
    ...{ name: 'amount', role: 'feature', type: 'numeric', importance: 1 },
    ...{ statistic: 'psi', threshold: 0.15, score: 0.5, pValue: 1e-9, adjustedPValue: 1e-8, drifted: true },
    statistics: { psi: 0.5, wasserstein: 12.25 },
    ...{ missingRatio: 0.01, referenceMissingRatio: 0 },
    ...{ mean: 12, referenceMean: 10, standardDeviation: 2.5, referenceStandardDeviation: 2 },
    bins: [
      { label: '≤ 10', reference: 0.5, current: 0.2 },
      { label: '> 10', reference: 0.5, current: 0.8 },
    ],
    ...changes,
  };
}

/** A report of a window that drifted, with what a test cares about replaced. */
export function sampleReport(changes: Partial<DriftReport> = {}): DriftReport {
  return {
    ...{ version: 1, model: 'churn', namespace: 'ml', modelVersion: '3' },
    reference: { source: 'profile.json', rows: 20_000, digest: 'sha256:00' },
    window: {
      selection: '24 h before 2026-11-20T00:00:00.000Z',
      ...{ from: '2026-11-19T00:00:00.000Z', until: '2026-11-20T00:00:00.000Z' },
      ...{ extended: false, rows: 12_000, minRows: 500, otherModels: 0, unversioned: 0, leftOut: [], otherVersions: 0 },
    },
    ...{ verdict: 'drift', severity: 'critical', reasons: ['1 of 2 features drifted (more than 30 %): amount'] },
    ...{ dataDriftScore: 0.255, driftedShare: 0.5, driftedFeatures: ['amount'], countedFeatures: 2 },
    features: [
      sampleFeature({ name: 'age', score: 0.01, adjustedPValue: 0.7, drifted: false, missingRatio: 0 }),
      sampleFeature(),
    ],
    ...{ predictions: [], quality: [] },
    retraining: { needed: true, reason: 'the data drifted', predictionsSinceTraining: 10_000 },
    ...changes,
  };
}
