import { type ModelSchema } from 'cdk8s-mlops/contract';
import { type Database, literal } from '../../common/data/database';
import { type PerformanceFacts } from '../profile/reference-profile';
import { areaUnderRoc } from '../statistics/performance';

/** Predictions with their labels: an SQL relation with the columns `prediction`, `score` and `label`. */
export interface LabelledPredictions {
  readonly database: Database;
  /** What stands after FROM. */
  readonly relation: string;
  readonly hasScore: boolean;
  readonly task: ModelSchema['task'];
}

/** Counts that every performance metric follows from; `undefined` when no prediction has a label. */
export async function performanceFacts(labelled: LabelledPredictions): Promise<PerformanceFacts | undefined> {
  return labelled.task.type === 'regression' ? regressionFacts(labelled) : classificationFacts(labelled);
}

async function classificationFacts({
  database,
  relation,
  hasScore,
  task,
}: LabelledPredictions): Promise<PerformanceFacts | undefined> {
  const cells = await database.rows<{ prediction: string; label: string; rows: number }>(
    `SELECT prediction, label, count(*) AS rows FROM ${relation} WHERE prediction IS NOT NULL AND label IS NOT NULL GROUP BY ALL`,
  );
  const classes = new Set(task.classes);
  // An answer that is no class is no answer; whoever reads the predictions says how many there are.
  const known = cells.filter(({ prediction, label }) => classes.has(prediction) && classes.has(label));
  const sum = (select: (cell: (typeof cells)[number]) => boolean): number =>
    known.filter(select).reduce((total, { rows }) => total + rows, 0);
  const labels = sum(() => true);
  if (labels === 0) return undefined;
  const correct = sum(({ prediction, label }) => prediction === label);
  if (task.type !== 'binary-classification') return { type: 'classification', labels, correct };
  const positive = task.positiveClass;
  return {
    type: 'classification',
    labels,
    correct,
    confusion: {
      truePositive: sum(({ prediction, label }) => prediction === positive && label === positive),
      falsePositive: sum(({ prediction, label }) => prediction === positive && label !== positive),
      falseNegative: sum(({ prediction, label }) => prediction !== positive && label === positive),
      trueNegative: sum(({ prediction, label }) => prediction !== positive && label !== positive),
    },
    auc: hasScore ? await rocArea(database, relation, task) : undefined,
  };
}

/** Scores are grouped by the database, which keeps the memory for a sort out of this process. */
async function rocArea(database: Database, relation: string, task: ModelSchema['task']): Promise<number | undefined> {
  const positive = literal(task.positiveClass ?? '');
  const known = (task.classes ?? []).map(literal).join(', ');
  const groups = await database.rows<{ positives: number; negatives: number }>(
    `SELECT count(*) FILTER (label = ${positive}) AS positives, count(*) FILTER (label <> ${positive}) AS negatives
     FROM ${relation} WHERE label IN (${known}) AND score IS NOT NULL AND NOT isnan(score) GROUP BY score ORDER BY score`,
  );
  return areaUnderRoc(groups);
}

async function regressionFacts({ database, relation }: LabelledPredictions): Promise<PerformanceFacts | undefined> {
  const facts = await database.inOrder(() =>
    database.row<Record<string, number | null>>(
      `SELECT count(*) AS labels, avg(abs(e)) AS mean_absolute, var_samp(abs(e)) AS variance_absolute, avg(e * e) AS mean_squared,
       var_samp(e * e) AS variance_squared
     FROM (SELECT TRY_CAST(prediction AS DOUBLE) - TRY_CAST(label AS DOUBLE) AS e FROM ${relation}) WHERE isfinite(e)`,
    ),
  );
  const value = (name: string): number => facts[name] ?? 0;
  if (value('labels') === 0) return undefined;
  return {
    type: 'regression',
    labels: value('labels'),
    meanAbsolute: value('mean_absolute'),
    varianceAbsolute: value('variance_absolute'),
    meanSquared: value('mean_squared'),
    varianceSquared: value('variance_squared'),
  };
}
