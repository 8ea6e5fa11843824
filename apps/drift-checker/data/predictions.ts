import { type ModelSchema, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { type Database } from '../../common/data/database';
import {
  categoryExpression,
  type Column,
  numericExpression,
  type Table,
  timeExpression,
} from '../../common/data/table';
import { type ColumnNames, roleColumn } from '../config/columns';

const c = PREDICTION_LOG_COLUMNS;

/** The columns of a table that speak of predictions; features are told apart by the schema. */
export interface PredictionColumns {
  readonly requestId?: Column;
  readonly timestamp?: Column;
  readonly model?: Column;
  readonly version?: Column;
  readonly prediction?: Column;
  readonly score?: Column;
  readonly label?: Column;
  readonly labelTimestamp?: Column;
}

export function predictionColumns(table: Table, names: ColumnNames = {}): PredictionColumns {
  const column = (role: keyof typeof c): Column | undefined => roleColumn(table, c[role], names);
  return {
    requestId: column('requestId'),
    timestamp: column('timestamp'),
    model: column('model'),
    version: column('version'),
    prediction: column('prediction'),
    score: column('predictionScore'),
    label: column('label'),
    labelTimestamp: column('labelTimestamp'),
  };
}

/** A prediction or label as the task means it: the name of a class, or a number. */
export function answerExpression(column: Column, task: ModelSchema['task']): string {
  return task.type === 'regression' ? `${numericExpression(column)}::DOUBLE` : categoryExpression(column);
}

/** A view with `request_id`, `version`, `timestamp`, `prediction`, `score` and `label` of the rows that meet a condition. */
export async function predictionsView(
  database: Database,
  table: Table,
  columns: PredictionColumns,
  task: ModelSchema['task'],
  where: string,
): Promise<string> {
  const nothing = task.type === 'regression' ? 'NULL::DOUBLE' : 'NULL::VARCHAR';
  const text = (column: Column | undefined): string => (column ? categoryExpression(column) : 'NULL::VARCHAR');
  const answer = (column: Column | undefined): string => (column ? answerExpression(column, task) : nothing);
  const view = database.newName('predictions');
  await database.run(
    `CREATE VIEW ${view} AS SELECT ${text(columns.requestId)} AS request_id, ${text(columns.version)} AS version,
       ${columns.timestamp ? timeExpression(columns.timestamp) : 'NULL::TIMESTAMPTZ'} AS timestamp,
       ${answer(columns.prediction)} AS prediction,
       ${columns.score ? `${numericExpression(columns.score)}::DOUBLE` : 'NULL::DOUBLE'} AS score,
       ${answer(columns.label)} AS label
     FROM ${table.name} WHERE ${where}`,
  );
  return view;
}
