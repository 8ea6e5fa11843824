import { type ModelSchema, PREDICTION_LOG_PARTITIONS } from 'cdk8s-mlops/contract';
import { identifier } from '../../common/data/database';
import { categoryExpression, timeExpression } from '../../common/data/table';
import { type PredictionColumns } from '../data/predictions';
import { type Finding } from './drift-report';
import { type QualityQuery } from './quality';
import { type LeftRows } from './window';

/** Names of prediction log columns that are never inputs. */
const KNOWN = new Set<string>(PREDICTION_LOG_PARTITIONS);

/** What is wrong with a table as a whole. */
export async function tableFindings(
  query: QualityQuery,
  schema: ModelSchema,
  { columns, scope, left }: FindingsWindow,
): Promise<Finding[]> {
  return [
    ...losses(query),
    ...extraColumns(query, schema, columns),
    ...unversioned(left, query.rows),
    ...(await duplicateIds(query, columns)),
    ...(await untimedRows(query, columns, scope)),
    ...(await misplacedRows(query, columns, scope)),
  ];
}

/** What findings of a whole table depend on; training data leaves no rows out. */
export interface FindingsWindow {
  readonly columns: PredictionColumns;
  readonly scope: string;
  readonly left?: LeftRows;
}

const CRITICAL_SHARE = 0.05;

function unversioned(left: LeftRows | undefined, rows: number): Finding[] {
  if (!left || left.unversioned === 0) return [];
  const severity = left.unversioned >= CRITICAL_SHARE * (rows + left.unversioned) ? 'critical' : 'warning';
  return [
    {
      kind: 'no-version',
      severity,
      message: `${left.unversioned} rows do not say which version answered: they were left out`,
    },
  ];
}

function losses({ table, rows }: QualityQuery): Finding[] {
  return (table.losses ?? []).map(({ rows: lost, message }) => ({
    kind: 'unreadable',
    severity: lost >= 0.05 * (rows + lost) ? 'critical' : 'warning',
    message,
  }));
}

function extraColumns({ table }: QualityQuery, schema: ModelSchema, columns: PredictionColumns): Finding[] {
  const roles = Object.values(columns).map((column: { name: string } | undefined) => column?.name);
  const expected = new Set([...schema.features.map(({ name }) => name), ...roles, ...KNOWN, ...table.partitionColumns]);
  return [...table.columns.keys()]
    .filter((name) => !expected.has(name))
    .map((name) => ({
      kind: 'extra-column',
      severity: 'info',
      column: name,
      message: `'${name}' is not a feature of the schema`,
    }));
}

async function duplicateIds(
  { database, table, where, rows }: QualityQuery,
  { requestId, version }: PredictionColumns,
): Promise<Finding[]> {
  if (!requestId || rows === 0) return [];
  // A shadow repeats the id under another version. Hashes keep the grouping small.
  const id = categoryExpression(requestId);
  const key = version ? `hash(${id}, ${categoryExpression(version)})` : `hash(${id})`;
  const { repeated } = await database.row<{ repeated: number | null }>(
    `SELECT sum(n - 1)::BIGINT AS repeated FROM (SELECT count(*) AS n FROM ${table.name} WHERE (${where}) AND ${id} IS NOT NULL GROUP BY ${key})`,
  );
  if (!repeated) return [];
  const severity = repeated / rows >= 0.05 ? 'critical' : 'warning';
  return [
    {
      kind: 'duplicate-ids',
      severity,
      column: requestId.name,
      message: `${repeated} of ${rows} rows repeat the ${requestId.name} of another row`,
    },
  ];
}

/** Rows without a time belong to no window: they would be lost without a word. */
async function untimedRows(
  { database, table }: QualityQuery,
  { timestamp }: PredictionColumns,
  scope: string,
): Promise<Finding[]> {
  if (!timestamp) return [];
  const value = `CAST(${identifier(timestamp.name)} AS VARCHAR)`;
  const { untimed, rows, example } = await database.row<{ untimed: number; rows: number; example: string | null }>(
    `SELECT count(*) FILTER (t IS NULL) AS untimed, count(*) AS rows, max(v) FILTER (t IS NULL) AS example
     FROM (SELECT ${timeExpression(timestamp)} AS t, ${value} AS v FROM ${table.name} WHERE ${scope})`,
  );
  if (untimed === 0) return [];
  const shown = !example ? '' : `, for example '${example.slice(0, 40)}'`;
  const message = `${untimed} rows have no valid ${timestamp.name}${shown}, so they belong to no window`;
  const severity = untimed >= CRITICAL_SHARE * rows ? 'critical' : 'warning';
  return [{ kind: 'no-timestamp', severity, column: timestamp.name, message }];
}

/**
 * Rows in the folder of another time: only folders that overlap a window are opened, so a window may miss such rows. Most often the
 * folders are in local time. A writer may be an hour late.
 */
async function misplacedRows(
  { database, table }: QualityQuery,
  { timestamp }: PredictionColumns,
  scope: string,
): Promise<Finding[]> {
  const [date, hour] = PREDICTION_LOG_PARTITIONS;
  if (!timestamp || !table.partitionColumns.has(date)) return [];
  const hourly = table.partitionColumns.has(hour);
  const start = `TRY_CAST(${identifier(date)} || ' ' || ${hourly ? `lpad(${identifier(hour)}, 2, '0')` : "'00'"} || ':00:00+00' AS TIMESTAMPTZ)`;
  const { misplaced, rows } = await database.row<{ misplaced: number; rows: number }>(
    `SELECT count(*) FILTER (t >= s + INTERVAL ${hourly ? '1 HOUR' : '1 DAY'} OR t < s - INTERVAL 1 HOUR) AS misplaced, count(*) AS rows
     FROM (SELECT ${timeExpression(timestamp)} AS t, ${start} AS s FROM ${table.name} WHERE ${scope})`,
  );
  if (misplaced === 0) return [];
  const message = `${misplaced} of ${rows} rows lie in the folder of another time (${date}= and ${hour}= are in UTC), so a window may miss some`;
  return [{ kind: 'misplaced-rows', severity: misplaced >= CRITICAL_SHARE * rows ? 'critical' : 'warning', message }];
}
