import { PREDICTION_LOG_PARTITIONS } from 'cdk8s-mlops/contract';
import { type ModelSchema } from 'cdk8s-mlops/contract';
import { type DataSource } from '../../common/data/data-source';
import { type Database, literal } from '../../common/data/database';
import { categoryExpression, openTable, timeExpression } from '../../common/data/table';
import { Failure } from '../../common/failure';
import { type ColumnNames } from '../config/columns';
import { answerExpression, predictionColumns } from '../data/predictions';

/** Predictions of a window with their labels, and how they came. */
export interface JoinedLabels {
  /** An SQL relation with `prediction`, `score` and `label`. */
  readonly relation: string;
  readonly predictions: number;
  readonly labelled: number;
  /** Labels that are none of the classes, or no number. */
  readonly strange: number;
  /** Labels that were read, whether they belong to the window or not, and the id of one. */
  readonly read: number;
  readonly example?: string;
  /** Half of the labels were known after as many seconds. */
  readonly medianLagSeconds?: number;
  /** Labels older than their prediction. */
  readonly early: number;
  /** Requests with labels that contradict each other; the latest counts. */
  readonly conflicting: number;
}

/** What is joined. */
export interface JoinLabelsOptions {
  readonly database: Database;
  /** A view of `predictionsView`. */
  readonly predictions: string;
  readonly task: ModelSchema['task'];
  readonly names?: ColumnNames;
  /** Labels that lie apart; without them the predictions' own `label` counts. */
  readonly labels?: DataSource;
  /** Labels before it belong to other windows. */
  readonly from?: Date;
}

/** Joins predictions with labels on the request's id; a label counts for every version that answered the request. */
export async function joinLabels(options: JoinLabelsOptions): Promise<JoinedLabels | undefined> {
  const { database, predictions, labels, task } = options;
  const joined = labels ? await joinedView(options, labels) : undefined;
  if (labels && !joined) return undefined;
  const relation = joined?.relation ?? predictions;
  const lag = joined
    ? `quantile_disc(epoch(label_timestamp) - epoch(timestamp), 0.5) FILTER (label IS NOT NULL)`
    : 'NULL::DOUBLE';
  const early = joined ? 'count(*) FILTER (label IS NOT NULL AND label_timestamp < timestamp)' : '0';
  const conflicting = joined ? 'count(*) FILTER (answers > 1)' : '0';
  const classes = (task.classes ?? []).map(literal).join(', ');
  const strange =
    task.type === 'regression'
      ? 'count(*) FILTER (NOT isfinite(label))'
      : `count(*) FILTER (label NOT IN (${classes}))`;
  const counts = await database.row<{
    predictions: number;
    labelled: number;
    strange: number;
    lag: number | null;
    early: number;
    conflicting: number;
  }>(
    `SELECT count(*) AS predictions, count(label) AS labelled, ${strange} AS strange, ${lag} AS lag, ${early} AS early,
       ${conflicting} AS conflicting FROM ${relation}`,
  );
  const { lag: medianLagSeconds, ...rest } = counts;
  const { read = 0, example } = joined ?? {};
  return { relation, read, example, ...rest, medianLagSeconds: medianLagSeconds ?? undefined };
}

const SLACK = 86_400_000;

async function joinedView(
  { database, predictions, task, names, from }: JoinLabelsOptions,
  labels: DataSource,
): Promise<{ relation: string; read: number; example?: string } | undefined> {
  const [date] = PREDICTION_LOG_PARTITIONS;
  // Folders of labels may be in local time, or of the day of the request.
  const first = from ? new Date(from.getTime() - SLACK).toISOString().slice(0, 10) : '';
  const files = labels.files.filter(({ partitions }) => (partitions[date] ?? first) >= first);
  if (files.length === 0) return undefined;
  const table = await openTable(database, labels, files);
  const columns = predictionColumns(table, names);
  const { requestId, label, labelTimestamp } = columns;
  if (!requestId || !label) {
    const lacking = [!requestId && 'request_id', !label && 'label'].filter(Boolean).join(' and ');
    throw Failure.configuration(
      `the labels '${labels.uri}' have no column ${lacking}: they have ${[...table.columns.keys()].join(', ')}`,
    );
  }
  const time = labelTimestamp ? timeExpression(labelTimestamp) : 'NULL::TIMESTAMPTZ';
  const answer = answerExpression(label, task);
  // Of labels of one time the highest counts, so that the answer does not depend on the order of the rows.
  const latest = labelTimestamp
    ? 'coalesce(arg_max(label, (label_timestamp, label)) FILTER (label_timestamp IS NOT NULL), max(label))'
    : 'max(label)';
  const view = database.newName('labelled');
  await database.run(
    `CREATE VIEW ${view} AS
     WITH labels AS (
       SELECT request_id, ${latest} AS label, max(label_timestamp) AS label_timestamp, count(DISTINCT label) AS answers
       FROM (SELECT ${categoryExpression(requestId)} AS request_id, ${answer} AS label, ${time} AS label_timestamp FROM ${table.name})
       WHERE request_id IS NOT NULL AND label IS NOT NULL GROUP BY request_id)
     SELECT p.prediction, p.score, p.timestamp, l.label, l.label_timestamp, l.answers
     FROM ${predictions} p LEFT JOIN labels l ON p.request_id = l.request_id`,
  );
  const id = categoryExpression(requestId);
  const { read, example } = await database.row<{ read: number; example: string | null }>(
    `SELECT count(*) AS read, min(${id}) AS example FROM ${table.name}`,
  );
  return { relation: view, read, example: example ?? undefined };
}
