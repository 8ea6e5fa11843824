import { METRICS } from 'cdk8s-mlops/contract';
import { exposition, type SetGauge } from '../../common/exposition';
import { type DriftReport, type PerformanceCheckReport } from '../check/drift-report';
import { PERFORMANCE_METRICS } from '../performance/metrics';

/** What the champion is called where no registry or log says its version. */
const UNKNOWN_VERSION = 'unknown';

/** What a report says of now, in Prometheus's text format. What could not be judged has no series. */
export function driftMetrics(report: DriftReport): Promise<string> {
  return exposition(labelsOf(report), (set) => setState(report, set));
}

/**
 * What is known of the model's performance now, of each version that was judged: of its own, since it is judged more often than anything
 * else.
 */
export function performanceMetrics(...reports: readonly PerformanceCheckReport[]): Promise<string> {
  return exposition({}, (set) => {
    for (const report of reports)
      setPerformance(report, (metric, value, more) => set(metric, value, { ...labelsOf(report), ...more }));
  });
}

/** When things happened: these outlive the next check, which may be inconclusive or ask for nothing. */
export function driftEvents(
  report: DriftReport,
  { judgedAt, retrainedAt }: { readonly judgedAt?: Date; readonly retrainedAt?: Date },
): Promise<string> {
  return exposition(labelsOf(report), (set) => {
    if (judgedAt) set(METRICS.driftCheckLastSuccess, judgedAt.getTime() / 1000);
    if (retrainedAt) set(METRICS.retrainLastTriggered, retrainedAt.getTime() / 1000);
  });
}

function labelsOf({ model, namespace, modelVersion }: PerformanceCheckReport): Readonly<Record<string, string>> {
  return { model, namespace, version: modelVersion ?? UNKNOWN_VERSION };
}

function setState(report: DriftReport, set: SetGauge): void {
  set(METRICS.driftCheckSamples, report.window.rows);
  set(METRICS.retrainNeeded, report.retraining.needed ? 1 : 0);
  if (report.verdict !== 'inconclusive') {
    set(METRICS.dataDriftScore, report.dataDriftScore);
    set(METRICS.modelDriftScore, report.driftedShare);
    set(METRICS.driftedFeatures, report.driftedFeatures.length);
    for (const { name, score } of report.features) set(METRICS.featureDriftScore, score, { feature: name });
    const predictions = report.predictions.map(({ score }) => score);
    if (predictions.length > 0) set(METRICS.predictionDriftScore, Math.max(...predictions));
  }
  for (const { name, missingRatio } of report.features)
    set(METRICS.featureMissingRatio, missingRatio, { feature: name });
  for (const { column, kind } of report.quality) {
    if (kind === 'missing-column' && column !== undefined) set(METRICS.featureMissingRatio, 1, { feature: column });
  }
}

function setPerformance(report: PerformanceCheckReport, set: SetGauge): void {
  for (const metric of PERFORMANCE_METRICS) {
    const measured = report.performance?.metrics.find((each) => each.metric === metric);
    if (measured && report.performance?.verdict !== 'inconclusive')
      set(METRICS[metric], measured.value, { estimated: 'false' });
    const estimated = report.estimatedPerformance?.metrics[metric];
    if (estimated !== undefined && report.window.rows >= report.window.minRows)
      set(METRICS[metric], estimated, { estimated: 'true' });
  }
}
