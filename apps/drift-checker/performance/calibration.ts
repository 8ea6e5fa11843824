import { type ModelSchema } from 'cdk8s-mlops/contract';
import { type Database, literal } from '../../common/data/database';
import { isotonicRegression } from '../statistics/isotonic';
import { areaUnderRoc, f1 } from '../statistics/performance';
import { type PerformanceMetric } from './metrics';

/** A point of the map from score to probability. */
export interface CalibrationPoint {
  readonly score: number;
  readonly probability: number;
}

/** Scores are counted in cells of this width: fine enough for every metric, and no float sum depends on the order of rows. */
const CELLS = 1000;
/** Points of the calibration map, each over as many rows. */
const POINTS = 20;

const CELL = `least(greatest(floor(score * ${CELLS}), 0), ${CELLS - 1})::INTEGER`;
const midpoint = (cell: number): number => (cell + 0.5) / CELLS;

/** Where predictions are: an SQL relation with `prediction`, `score` and, for calibration, `label`. */
export interface ScoredPredictions {
  readonly database: Database;
  readonly relation: string;
  readonly task: ModelSchema['task'];
}

/**
 * What the score of each answer says is estimated: that the positive class holds (binary), or that the prediction is right
 * (multi-class).
 */
function event(task: ModelSchema['task']): string {
  return task.type === 'binary-classification' ? `label = ${literal(task.positiveClass ?? '')}` : 'label = prediction';
}

/**
 * The chance that goes with each score, learned from labelled predictions: shares in bins of equally many rows, made monotonic by
 * isotonic regression. `undefined` when the scores are no probabilities (outside 0 to 1) or nothing is labelled.
 */
export async function calibrationOf({
  database,
  relation,
  task,
}: ScoredPredictions): Promise<CalibrationPoint[] | undefined> {
  if (task.type === 'regression') return undefined;
  const { outside } = await database.row<{ outside: number }>(
    `SELECT count(*) AS outside FROM ${relation} WHERE NOT isnan(score) AND (score < 0 OR score > 1)`,
  );
  if (outside > 0) return undefined;
  const cells = await database.rows<{ cell: number; rows: number; hits: number }>(
    `SELECT ${CELL} AS cell, count(*) AS rows, count(*) FILTER (${event(task)}) AS hits
     FROM ${relation} WHERE isfinite(score) AND label IS NOT NULL GROUP BY ALL ORDER BY cell`,
  );
  const total = cells.reduce((sum, { rows }) => sum + rows, 0);
  if (total === 0) return undefined;
  const bins: { score: number; rows: number; hits: number }[] = [];
  let bin = { score: 0, rows: 0, hits: 0 };
  for (const { cell, rows, hits } of cells) {
    bin = { score: bin.score + midpoint(cell) * rows, rows: bin.rows + rows, hits: bin.hits + hits };
    if (bin.rows < total / POINTS) continue;
    bins.push(bin);
    bin = { score: 0, rows: 0, hits: 0 };
  }
  if (bin.rows > 0) bins.push(bin);
  const rates = isotonicRegression(
    bins.map(({ hits, rows }) => hits / rows),
    bins.map(({ rows }) => rows),
  );
  return bins.map(({ score, rows }, index) => ({ score: score / rows, probability: rates[index]! }));
}

/** The map's value at a score: linear between its points, level beyond them. */
export function calibrated(points: readonly CalibrationPoint[], score: number): number {
  const after = points.findIndex((point) => point.score >= score);
  if (after === 0) return points[0]!.probability;
  if (after < 0) return points.at(-1)!.probability;
  const [low, high] = [points[after - 1]!, points[after]!];
  const share = high.score > low.score ? (score - low.score) / (high.score - low.score) : 1;
  return low.probability + share * (high.probability - low.probability);
}

/**
 * Performance expected from the calibrated scores, without labels. It sees a change of the inputs that the model knows to be hard;
 * it cannot see a change of what the inputs mean.
 *
 * @see NannyML's confidence-based performance estimation (CBPE)
 */
export async function estimatedPerformance(
  { database, relation, task }: ScoredPredictions,
  points: readonly CalibrationPoint[],
): Promise<Partial<Record<PerformanceMetric, number>> | undefined> {
  const cells = await database.rows<{ prediction: string; cell: number; rows: number }>(
    `SELECT prediction, ${CELL} AS cell, count(*) AS rows FROM ${relation}
     WHERE isfinite(score) AND prediction IS NOT NULL GROUP BY ALL ORDER BY cell, prediction`,
  );
  const total = cells.reduce((sum, { rows }) => sum + rows, 0);
  if (total === 0) return undefined;
  const expected = cells.map(({ prediction, cell, rows }) => ({
    prediction,
    rows,
    chance: calibrated(points, midpoint(cell)),
  }));
  if (task.type !== 'binary-classification') {
    return { accuracy: expected.reduce((sum, { rows, chance }) => sum + rows * chance, 0) / total };
  }
  const confusion = { truePositive: 0, falsePositive: 0, falseNegative: 0, trueNegative: 0 };
  for (const { prediction, rows, chance } of expected) {
    const positive = prediction === task.positiveClass;
    confusion[positive ? 'truePositive' : 'falseNegative'] += rows * chance;
    confusion[positive ? 'falsePositive' : 'trueNegative'] += rows * (1 - chance);
  }
  const { truePositive, falsePositive, falseNegative, trueNegative } = confusion;
  const ratio = (part: number, whole: number): number | undefined => (whole > 0 ? part / whole : undefined);
  return {
    accuracy: (truePositive + trueNegative) / total,
    precision: ratio(truePositive, truePositive + falsePositive),
    recall: ratio(truePositive, truePositive + falseNegative),
    f1: f1(confusion),
    auc: areaUnderRoc(
      expected.map(({ rows, chance }) => ({ positives: rows * chance, negatives: rows * (1 - chance) })),
    ),
  };
}
