import { type DriftCheckFile, type FeatureSchema } from 'cdk8s-mlops/contract';
import { isError } from '../performance/metrics';
import {
  type DriftReport,
  type FeatureDrift,
  type Finding,
  type PerformanceReport,
  type Severity,
} from './drift-report';

/** What a verdict is made of. */
export interface Evidence {
  readonly rows: number;
  readonly minRows: number;
  readonly features: readonly FeatureDrift[];
  readonly predictions: readonly FeatureDrift[];
  /** Features that the window has no column of. */
  readonly absent: readonly Pick<FeatureSchema, 'importance'>[];
  /** What the window has instead of the model's rows, for people. */
  readonly leftOut: readonly string[];
  readonly quality: readonly Finding[];
  readonly performance?: PerformanceReport;
  readonly decision: DriftCheckFile['decision'];
  /** Earlier windows in a row, the latest first, that drifted as well. */
  readonly earlierDrifted: number;
}

/** The verdict, and a sentence for each thing that led to it. */
export type Decision = Pick<
  DriftReport,
  'verdict' | 'severity' | 'reasons' | 'dataDriftScore' | 'driftedShare' | 'driftedFeatures' | 'countedFeatures'
>;

/**
 * Share of the features that drifted, and their weighted score. Features without importance are reported, never counted; broken and
 * absent ones are counted, and never as drifted: a source that loses columns must not look like drift.
 */
export function modelDrift(
  features: readonly FeatureDrift[],
  absent: readonly Pick<FeatureSchema, 'importance'>[],
): Omit<Decision, 'verdict' | 'severity' | 'reasons'> {
  const counted = features.filter(({ importance }) => importance > 0);
  const lost = absent.filter(({ importance }) => importance > 0);
  const weight = [...counted, ...lost].reduce((sum, { importance }) => sum + importance, 0);
  const all = counted.length + lost.length;
  const drifted = counted.filter((feature) => feature.drifted);
  return {
    // A column that is broken has a quality finding; its distance would drown what drifted.
    dataDriftScore:
      weight > 0
        ? counted.reduce((sum, { importance, score, excluded }) => sum + (excluded ? 0 : importance * score), 0) /
          weight
        : 0,
    driftedShare: all > 0 ? drifted.length / all : 0,
    driftedFeatures: drifted.map(({ name }) => name),
    countedFeatures: all,
  };
}

/** @returns the verdict on a window: too few rows are never "no drift", and findings of quality never make drift */
export function decide(evidence: Evidence): Decision {
  const { rows, minRows, decision, features, predictions, performance } = evidence;
  const drift = modelDrift(features, evidence.absent);
  const enough = rows >= minRows;
  const judgeable = features.some(({ importance, excluded }) => importance > 0 && excluded === undefined);
  const wide = enough && drift.driftedShare > decision.driftedShare;
  const windows = wide ? 1 + evidence.earlierDrifted : 0;
  const drifted = wide && windows >= decision.consecutiveWindows;
  const critical = evidence.quality.filter(({ severity }) => severity === 'critical');
  const warnings = evidence.quality.filter(({ severity }) => severity === 'warning');
  const shifted = enough ? predictions.filter((prediction) => prediction.drifted) : [];
  const degraded = performance?.verdict === 'degraded';
  const verdict = !enough || !judgeable ? 'inconclusive' : drifted ? 'drift' : 'no-drift';
  const reasons = [
    ...(enough
      ? []
      : [
          `${rows} rows are too few to judge: at least ${minRows} are needed${evidence.leftOut.length > 0 ? `; left out: ${evidence.leftOut.join(', ')}` : ''}`,
        ]),
    ...(enough && !judgeable ? ['no feature could be judged: all are missing or broken'] : []),
    ...(wide
      ? [
          `${drift.driftedFeatures.length} of ${drift.countedFeatures} features drifted (more than ${percent(decision.driftedShare)}): ${drift.driftedFeatures.join(', ')}`,
        ]
      : []),
    ...(wide && !drifted ? [`${windows} of the ${decision.consecutiveWindows} windows in a row that are needed`] : []),
    ...(enough && !wide && drift.driftedFeatures.length > 0
      ? [
          `${drift.driftedFeatures.join(', ')} drifted: ${drift.driftedFeatures.length} of ${drift.countedFeatures} features, not more than ${percent(decision.driftedShare)}`,
        ]
      : []),
    ...shifted.map(({ name, score }) => `the distribution of '${name}' shifted (score ${score.toFixed(3)})`),
    ...(degraded ? degradedReasons(performance) : []),
    ...critical.map(({ message }) => message),
  ];
  const bad = drifted || degraded || critical.length > 0;
  const notable = wide || drift.driftedFeatures.length > 0 || shifted.length > 0 || warnings.length > 0;
  const severity: Severity = bad
    ? 'critical'
    : verdict === 'inconclusive'
      ? 'inconclusive'
      : notable
        ? 'warning'
        : 'none';
  return { verdict, severity, reasons, ...drift };
}

const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;

function degradedReasons({ metrics }: PerformanceReport): string[] {
  return metrics.flatMap(({ metric, value, reference, degraded, objective, missesObjective }) => [
    ...(degraded
      ? [
          `${metric} ${isError(metric) ? 'rose' : 'fell'} to ${value.toFixed(3)} from ${reference?.toFixed(3)} in the reference`,
        ]
      : []),
    ...(missesObjective ? [`${metric} is ${value.toFixed(3)}, the objective is ${objective}`] : []),
  ]);
}
