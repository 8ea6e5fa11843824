import { type ModelSchema } from 'cdk8s-mlops/contract';
import { identifier } from '../../common/data/database';
import { type Column } from '../../common/data/table';
import { type FeatureDrift, type Finding } from '../check/drift-report';
import { type Comparison } from '../check/feature-drift';
import { type CheckedFeature, type QualityQuery } from '../check/quality';
import { answerExpression, type PredictionColumns } from '../data/predictions';
import { finiteSorted } from '../profile/bins';
import { showPercent } from '../report/numbers';
import { type Expectations } from './validate-data';

/** Interquartile ranges from the median beyond which a value is not of this distribution, however heavy its tails. */
const OUTLIER_RANGES = 100;
/** Standard deviations that a median does not move unless the unit or the meaning changed. */
const UNIT_CHANGE = 10;
/** Standard deviations between the quartiles of a normal distribution. */
const NORMAL_RANGE = 1.349;
/** A data set that shrank to this share of the last one lost a source. */
const SHRUNK = { warning: 0.5, critical: 0.1 };

/** Too few rows, on their own or beside the data of the last training. */
export function rowFindings(rows: number, before: number | undefined, { minRows }: Expectations): Finding[] {
  if (rows < minRows)
    return [
      {
        kind: 'too-few-rows',
        severity: 'critical',
        message: `${rows} rows are too few to train on: at least ${minRows} are expected`,
      },
    ];
  const share = before ? rows / before : 1;
  if (share >= SHRUNK.warning) return [];
  const severity = share < SHRUNK.critical ? 'critical' : 'warning';
  return [
    {
      kind: 'too-few-rows',
      severity,
      message: `${rows} rows are ${showPercent(share)} of the ${before} of the last training`,
    },
  ];
}

/** Values that are so far out that they are errors: a sentinel like 999999, a lost decimal point. */
export function outlierFindings({ feature, current }: CheckedFeature, sampled: number): Finding[] {
  if (current?.type !== 'numeric') return [];
  const sorted = finiteSorted(current.sample.subarray(0, sampled));
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  const [median, range] = [at(0.5), at(0.75) - at(0.25)];
  if (sorted.length < 100 || range <= 0) return [];
  const { minimum, maximum } = current.counter;
  const far = [minimum, maximum].filter((value) => Math.abs(value - median) > OUTLIER_RANGES * range);
  if (far.length === 0) return [];
  const message = `'${feature.name}' has values as far out as ${far.join(' and ')}; half of them are within ${at(0.25)} to ${at(0.75)}`;
  return [{ kind: 'outliers', severity: 'warning', column: feature.name, message }];
}

/**
 * Rows that repeat another row in every column. Where a row has an id or a time it must be unique; where all columns are coarse many
 * are equal by chance, so it is only worth a look.
 */
export async function duplicateRows(
  { database, table, rows }: QualityQuery,
  { requestId, timestamp }: PredictionColumns,
  { maxDuplicates }: Expectations,
): Promise<Finding[]> {
  if (rows === 0) return [];
  const columns = [...table.columns.keys()].filter((name) => !table.partitionColumns.has(name)).map(identifier);
  const { repeated } = await database.row<{ repeated: number | null }>(
    `SELECT sum(n - 1)::BIGINT AS repeated FROM (SELECT count(*) AS n FROM ${table.name} GROUP BY hash(${columns.join(', ')}))`,
  );
  const share = (repeated ?? 0) / rows;
  if (share < Math.min(0.05, maxDuplicates)) return [];
  const severity = share >= maxDuplicates && (requestId ?? timestamp) ? 'critical' : 'warning';
  return [
    {
      kind: 'duplicate-rows',
      severity,
      message: `${showPercent(share)} of the rows repeat another row in every column`,
    },
  ];
}

/** Labels that are missing, unknown, or of one class only. */
export async function labelFindings(
  { database, table, rows }: QualityQuery,
  { task }: ModelSchema,
  label: Column | undefined,
  { minClassShare }: Expectations,
): Promise<Finding[]> {
  if (!label) {
    const has = [...table.columns.keys()].join(', ');
    return [
      {
        kind: 'label',
        severity: 'critical',
        message: `the data has no column 'label': it has ${has}; name it with --column label=…`,
      },
    ];
  }
  if (rows === 0) return [];
  const answer = answerExpression(label, task);
  if (task.type === 'regression') {
    const { numbers } = await database.row<{ numbers: number }>(
      `SELECT count(*) FILTER (isfinite(${answer})) AS numbers FROM ${table.name}`,
    );
    return unlabelled(rows - numbers, rows, label.name);
  }
  const counts = await database.rows<{ value: string | null; rows: number }>(
    `SELECT ${answer} AS value, count(*) AS rows FROM ${table.name} GROUP BY ALL ORDER BY rows DESC, value LIMIT 1000`,
  );
  const classes = new Map((task.classes ?? []).map((name) => [name, 0]));
  let missing = 0;
  const unknown: string[] = [];
  for (const { value, rows: count } of counts) {
    if (value === null) missing = count;
    else if (classes.has(value)) classes.set(value, count);
    else unknown.push(`'${value.slice(0, 40)}' (${count} rows)`);
  }
  const findings = unlabelled(missing, rows, label.name);
  if (unknown.length > 0) {
    const expected = [...classes.keys()].join(', ');
    findings.push({
      kind: 'label',
      severity: 'critical',
      column: label.name,
      message: `'${label.name}' has ${unknown.slice(0, 5).join(', ')}, which is none of the classes ${expected}`,
    });
  }
  for (const [name, count] of classes) {
    const share = count / rows;
    if (share >= minClassShare) continue;
    const severity = count === 0 ? 'critical' : 'warning';
    findings.push({
      kind: 'label-balance',
      severity,
      column: label.name,
      message: `class '${name}' is ${showPercent(share)} of the rows (${count}), at least ${showPercent(minClassShare)} is expected`,
    });
  }
  return findings;
}

function unlabelled(missing: number, rows: number, column: string): Finding[] {
  if (missing === 0) return [];
  const severity = missing / rows >= 0.05 ? 'critical' : 'warning';
  return [{ kind: 'label', severity, column, message: `${showPercent(missing / rows)} of the rows have no ${column}` }];
}

/** A change since the last training. Following it is what a retraining is for, unless it is too large to be true. */
export function shiftFindings({ name, drifted, score }: FeatureDrift, comparison: Comparison): Finding[] {
  const { before, now, spread } = middles(comparison);
  const moved = spread > 0 ? Math.abs(now - before) / spread : 0;
  if (moved > UNIT_CHANGE) {
    const message = `the median of '${name}' moved from ${before.toPrecision(4)} to ${now.toPrecision(4)}, ${moved.toFixed(0)} times its spread: has its unit changed?`;
    return [{ kind: 'shifted', severity: 'critical', column: name, message }];
  }
  if (!drifted) return [];
  const message = `'${name}' differs from the last training (score ${score.toFixed(3)})`;
  return [{ kind: 'shifted', severity: 'info', column: name, message }];
}

/** Medians, and the spread around the first of them, none of which one value that is far out can move. */
function middles({ profile, current, sampled }: Comparison): { before: number; now: number; spread: number } {
  if (profile.type !== 'numeric' || current.type !== 'numeric') return { before: 0, now: 0, spread: 0 };
  const reference = finiteSorted(profile.sample);
  const window = finiteSorted(current.sample.subarray(0, sampled));
  if (reference.length === 0 || window.length === 0) return { before: 0, now: 0, spread: 0 };
  const at = (sorted: Float64Array, share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!;
  const range = at(reference, 0.75) - at(reference, 0.25);
  const spread = range > 0 ? range / NORMAL_RANGE : profile.standardDeviation;
  return { before: at(reference, 0.5), now: at(window, 0.5), spread };
}
