import { type ModelSchema, PREDICTION_LOG_PARTITIONS } from 'cdk8s-mlops/contract';
import { type PredictionColumns } from '../data/predictions';
import { categoryExpression, timeExpression } from '../data/table';
import { type Finding } from './drift-report';
import { type QualityQuery } from './quality';

/** Names of prediction log columns that are never inputs. */
const KNOWN = new Set<string>(PREDICTION_LOG_PARTITIONS);

/** What is wrong with a table as a whole. */
export async function tableFindings(
  query: QualityQuery,
  schema: ModelSchema,
  columns: PredictionColumns,
  scope: string,
): Promise<Finding[]> {
  return [
    ...losses(query),
    ...extraColumns(query, schema, columns),
    ...(await duplicateIds(query, columns)),
    ...(await untimedRows(query, columns, scope)),
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
  const { untimed } = await database.row<{ untimed: number }>(
    `SELECT count(*) AS untimed FROM ${table.name} WHERE (${scope}) AND ${timeExpression(timestamp)} IS NULL`,
  );
  if (untimed === 0) return [];
  return [
    {
      kind: 'no-timestamp',
      severity: 'warning',
      column: timestamp.name,
      message: `${untimed} rows have no valid ${timestamp.name}, so they belong to no window`,
    },
  ];
}
