import { type FeatureSchema } from 'cdk8s-mlops/contract';
import { type Database, identifier, literal } from '../../common/data/database';
import { categoryExpression, type Column, numericExpression, type Table } from '../../common/data/table';
import { type FeatureProfile } from '../profile/reference-profile';
import { type ColumnCounts } from '../scan/scan';
import { differenceInterval, wilsonInterval } from '../statistics/intervals';
import { type Finding, type FindingSeverity } from './drift-report';
import { currentCounts, referenceCounts, missingRatio, total } from './feature-drift';

/** A share from which on a defect of the data is more than a nuisance. */
const CRITICAL_SHARE = 0.05;
/** A rise of missing values that is worth a look, and one that means a broken source. */
const MISSING_RISE = { warning: 0.05, critical: 0.2 };
/** Chance of a window of one value below which it cannot be one, and the values that a window must have to tell. */
const CONSTANT = { chance: 1e-6, minValues: 100 };
/** Confidence that a share has risen at all. */
const CONFIDENCE = 0.99;

/** One feature of the window. */
export interface CheckedFeature {
  readonly feature: FeatureSchema;
  /** Absent when the window has no such column. */
  readonly column?: Column;
  readonly current?: ColumnCounts;
  /** Absent when there is no reference to compare with. */
  readonly profile?: FeatureProfile;
}

/** What the findings of values need to look at the rows again. */
export interface QualityQuery {
  readonly database: Database;
  readonly table: Table;
  readonly where: string;
  readonly rows: number;
}

/** What is wrong with one feature's values, whatever their distribution. */
export async function featureFindings(checked: CheckedFeature, query: QualityQuery): Promise<Finding[]> {
  const { feature, column, current, profile } = checked;
  const { name } = feature;
  if (!column || !current) {
    const severity = feature.required ? 'critical' : 'warning';
    return [{ kind: 'missing-column', severity, column: name, message: `the data has no column '${name}'` }];
  }
  const missing = currentCounts(current).at(-1)!;
  if (query.rows > 0 && missing === query.rows && (!profile || missingShare(profile) < 1)) {
    // There are values, and none of them is a number.
    const unreadable = (await typeFindings(checked, query)).filter(({ message }) => message.startsWith(percent(1)));
    if (unreadable.length > 0) return unreadable;
    return [
      {
        kind: 'all-null',
        severity: 'critical',
        column: name,
        message: `'${name}' has no value in any of ${query.rows} rows`,
      },
    ];
  }
  return [
    ...missingFindings(checked, missing, query.rows),
    ...(await typeFindings(checked, query)),
    ...(current.type === 'numeric'
      ? numberFindings(checked, current, query.rows)
      : await categoryFindings(checked, current, query)),
    ...constantFinding(checked, query.rows),
  ];
}

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.001 ? 3 : 1)} %`;
const graded = (share: number): FindingSeverity => (share >= CRITICAL_SHARE ? 'critical' : 'warning');
const missingShare = (profile: FeatureProfile): number => missingRatio(referenceCounts(profile));

/** Missing values are a finding when their share rose: enough to matter, and more than chance. */
function missingFindings({ feature, profile }: CheckedFeature, missing: number, rows: number): Finding[] {
  if (rows === 0 || missing === 0) return [];
  const share = missing / rows;
  const { name, required } = feature;
  if (!profile) {
    if (!required) return [];
    return [
      {
        kind: 'missing-values',
        severity: graded(share),
        column: name,
        message: `${percent(share)} of the required '${name}' is missing`,
      },
    ];
  }
  const counts = referenceCounts(profile);
  const all = total(counts);
  const before = counts.at(-1)! / all;
  const { low } = differenceInterval(
    { estimate: before, ...wilsonInterval(counts.at(-1)!, all, CONFIDENCE) },
    { estimate: share, ...wilsonInterval(missing, rows, CONFIDENCE) },
  );
  const rise = share - before;
  const matters = rise >= MISSING_RISE.warning || (required && before === 0 && share >= 0.001);
  if (low <= 0 || !matters) return [];
  const severity = rise >= (required ? MISSING_RISE.warning : MISSING_RISE.critical) ? 'critical' : 'warning';
  return [
    {
      kind: 'missing-values',
      severity,
      column: name,
      message: `${percent(share)} of '${name}' is missing, ${percent(before)} in the reference`,
    },
  ];
}

/** Values that are no numbers, and columns that became text or the other way round. */
async function typeFindings({ feature, column, profile }: CheckedFeature, query: QualityQuery): Promise<Finding[]> {
  const { name } = feature;
  const findings: Finding[] = [];
  // Text formats have no types of their own, so only their values can tell.
  const typed = query.table.format === 'parquet';
  if (
    typed &&
    profile &&
    column!.kind !== profile.kind &&
    !(isNumberLike(column!.kind) && isNumberLike(profile.kind))
  ) {
    const severity = feature.type === 'numeric' && column!.kind === 'text' ? 'critical' : 'warning';
    findings.push({
      kind: 'type-changed',
      severity,
      column: name,
      message: `'${name}' is ${column!.kind} (${column!.type}), in the reference it was ${profile.kind}`,
    });
  }
  const lost = query.table.notNumbers?.get(name);
  if (lost) findings.push(notNumbers(name, lost.rows, query.rows, lost.example));
  if (feature.type === 'numeric' && column!.kind === 'text') {
    const text = `${identifier(column!.name)}::VARCHAR`;
    const bad = `${text} IS NOT NULL AND trim(${text}) <> '' AND ${numericExpression(column!)} IS NULL`;
    const { rows, example } = await query.database.row<{ rows: number; example: string | null }>(
      `SELECT count(*) AS rows, min(${text}) AS example FROM ${query.table.name} WHERE (${query.where}) AND ${bad}`,
    );
    if (rows > 0) findings.push(notNumbers(name, rows, query.rows, example ?? ''));
  }
  return findings;
}

function notNumbers(column: string, bad: number, rows: number, example: string): Finding {
  const message = `${percent(bad / rows)} of '${column}' is no number, for example '${example.slice(0, 40)}'`;
  return { kind: 'type-changed', severity: graded(bad / rows), column, message };
}

const isNumberLike = (kind: string): boolean => kind === 'number' || kind === 'boolean';

function numberFindings(
  { feature, profile }: CheckedFeature,
  current: ColumnCounts & { type: 'numeric' },
  rows: number,
): Finding[] {
  const { counter } = current;
  const { name, minimum, maximum } = feature;
  const findings: Finding[] = [];
  const outside = counter.outOfRange / Math.max(1, rows);
  const before =
    profile?.type === 'numeric'
      ? profile.outOfRange / Math.max(1, profile.values + profile.missing + profile.infinite)
      : 0;
  if (counter.outOfRange > 0 && outside > 2 * before) {
    const range = `${minimum ?? '−∞'} to ${maximum ?? '∞'}`;
    const message = `${percent(outside)} of '${name}' is outside ${range}: the data has ${counter.minimum} to ${counter.maximum}`;
    findings.push({ kind: 'out-of-range', severity: graded(outside - before), column: name, message });
  }
  const infinite = counter.infinite / Math.max(1, rows);
  if (counter.infinite > 0) {
    findings.push({
      kind: 'not-finite',
      severity: graded(infinite),
      column: name,
      message: `${percent(infinite)} of '${name}' is infinite`,
    });
  }
  return findings;
}

async function categoryFindings(
  { feature, column, profile }: CheckedFeature,
  current: ColumnCounts & { type: 'categorical' },
  query: QualityQuery,
): Promise<Finding[]> {
  const reference = profile?.type === 'categorical' ? profile : undefined;
  const seen = reference?.complete ? [...reference.categories, ...reference.rare] : undefined;
  const known = feature.values ?? seen;
  // Values that are known can only be among the counted categories, unless the schema's list is shorter than the profile's.
  if (!known || (current.other === 0 && feature.values === undefined)) return [];
  const value = categoryExpression(column!);
  const outside = known.length > 0 ? `${value} NOT IN (${known.map(literal).join(', ')})` : 'true';
  const unseen = await query.database.rows<{ value: string; rows: number; total: number }>(
    `SELECT value, rows, sum(rows) OVER ()::BIGINT AS total FROM
       (SELECT ${value} AS value, count(*) AS rows FROM ${query.table.name} WHERE (${query.where}) AND ${value} IS NOT NULL AND ${outside} GROUP BY ALL)
     ORDER BY rows DESC, value LIMIT 5`,
  );
  const total = unseen[0]?.total ?? 0;
  if (total === 0) return [];
  const share = total / query.rows;
  const examples = unseen.map(({ value: example }) => `'${example.slice(0, 40)}'`).join(', ');
  // Only a closed list says that a new value is wrong; otherwise it may be news.
  const severity = feature.values ? graded(share) : share >= CRITICAL_SHARE ? 'warning' : 'info';
  const where = feature.values ? "the schema's values" : 'the reference';
  return [
    {
      kind: 'unseen-category',
      severity,
      column: feature.name,
      message: `${percent(share)} of '${feature.name}' is not among ${where}: ${examples}`,
    },
  ];
}

/** A column that stopped moving: a stuck sensor, or a default that stands for an error. */
function constantFinding({ feature, current, profile }: CheckedFeature, rows: number): Finding[] {
  if (!profile) return [];
  const values = rows - currentCounts(current!).at(-1)!;
  if (values < CONSTANT.minValues || !isConstant(current!) || largestShare(profile) ** values > CONSTANT.chance)
    return [];
  return [
    {
      kind: 'constant',
      severity: 'critical',
      column: feature.name,
      message: `'${feature.name}' has one value in all ${values} rows that have any; in the reference it varies`,
    },
  ];
}

/** Share of the reference's most frequent value at most; 1 where it has no other. */
function largestShare(profile: FeatureProfile): number {
  if (profile.type === 'numeric' && profile.minimum === profile.maximum) return 1;
  const counts = referenceCounts(profile).slice(0, -1);
  const all = total(counts);
  return all > 0 ? Math.max(...counts) / all : 1;
}

function isConstant(current: ColumnCounts): boolean {
  if (current.type === 'numeric')
    return current.counter.values > 0 && current.counter.minimum === current.counter.maximum;
  return current.other === 0 && current.counts.filter((count) => count > 0).length === 1;
}
