import { type FeatureSchema } from 'cdk8s-mlops/contract';
import { type Database } from '../../common/data/database';
import { categoryExpression, type Column, type Table } from '../../common/data/table';
import { type Log } from '../../common/log';
import { SAMPLE_SIZE } from '../scan/sampler';
import { type ColumnCounts, type ColumnPlan, scan, type ScanResult } from '../scan/scan';
import { categoryBins, finiteSorted, quantileEdges } from './bins';
import { type CategoricalProfile, type FeatureProfile, type NumericProfile } from './reference-profile';

/** A column that is profiled, and how the schema describes it. */
export interface ProfiledColumn {
  readonly column: Column;
  readonly feature: Pick<FeatureSchema, 'name' | 'type' | 'minimum' | 'maximum'>;
}

/** What is read, and how. */
export interface ProfileColumnsOptions {
  readonly database: Database;
  readonly table: Table;
  readonly where: string;
  readonly columns: readonly ProfiledColumn[];
  readonly bins: number;
  readonly seed: number;
  readonly log: Log;
  readonly signal?: AbortSignal;
  /** Bins of an earlier profile, by name: taken over instead of made. */
  readonly binsOf?: ReadonlyMap<string, FeatureProfile>;
}

/** Profiles of columns, and the priorities of their sampled rows. */
export interface ProfiledColumns {
  readonly rows: number;
  readonly profiles: readonly FeatureProfile[];
  readonly priorities: readonly number[];
}

/** Other categories whose names are kept, so that a value never seen before can be told from a rare one. */
const MAX_KNOWN = 1000;

/** Two passes: a sample and the categories give the bins, then the rows are counted into them. */
export async function profileColumns(options: ProfileColumnsOptions): Promise<ProfiledColumns> {
  const categories = await Promise.all(options.columns.map((each) => knownCategories(options, each)));
  const sampled = options.binsOf
    ? undefined
    : await pass(
        options,
        options.columns.map((each) => plan(each, [], [])),
      );
  const plans = options.columns.map((each, index): ColumnPlan => {
    const earlier = options.binsOf?.get(each.feature.name);
    if (earlier) return earlier.type === 'numeric' ? plan(each, earlier.edges, []) : plan(each, [], earlier.categories);
    const counts = sampled?.columns[index];
    if (counts?.type === 'numeric') return plan(each, quantileEdges(finiteSorted(counts.sample), options.bins), []);
    const { listed = [], rows = 0 } = categories[index] ?? {};
    return plan(each, [], categoryBins(listed, rows));
  });
  const counted = await pass(options, plans);
  const sampleRows = counted.priorities.length;
  const profiles = options.columns.map((each, index): FeatureProfile => {
    const [columnPlan, counts] = [plans[index]!, counted.columns[index]!];
    return counts.type === 'numeric' && columnPlan.type === 'numeric'
      ? numericProfile(each, columnPlan.edges, counts, sampleRows)
      : categoricalProfile(each, columnPlan, counts, categories[index]);
  });
  return { rows: counted.rows, profiles, priorities: counted.priorities };
}

function plan(
  { column, feature }: ProfiledColumn,
  edges: readonly number[],
  categories: readonly string[],
): ColumnPlan {
  if (feature.type === 'categorical') return { type: 'categorical', column, categories };
  return { type: 'numeric', column, edges, minimum: feature.minimum, maximum: feature.maximum };
}

function pass(
  { database, table, where, seed, log, signal }: ProfileColumnsOptions,
  plans: readonly ColumnPlan[],
): Promise<ScanResult> {
  return scan({ database, table, where, seed, log, signal, plans, sampleSize: SAMPLE_SIZE });
}

interface KnownCategories {
  /** Most frequent first; one more than is kept when there are more. */
  readonly listed: readonly { readonly value: string; readonly rows: number }[];
  /** Rows with any category. */
  readonly rows: number;
}

async function knownCategories(
  { database, table, where }: ProfileColumnsOptions,
  { column, feature }: ProfiledColumn,
): Promise<KnownCategories | undefined> {
  if (feature.type === 'numeric') return undefined;
  const value = categoryExpression(column);
  const grouped = `SELECT ${value} AS value, count(*) AS rows FROM ${table.name} WHERE (${where}) AND ${value} IS NOT NULL GROUP BY ALL`;
  const listed = await database.rows<{ value: string; rows: number; total: number }>(
    `SELECT value, rows, sum(rows) OVER ()::BIGINT AS total FROM (${grouped}) ORDER BY rows DESC, value LIMIT ${MAX_KNOWN + 1}`,
  );
  return { listed, rows: listed[0]?.total ?? 0 };
}

function numericProfile(
  { column, feature }: ProfiledColumn,
  edges: readonly number[],
  { counter, sample }: ColumnCounts & { type: 'numeric' },
  sampleRows: number,
): NumericProfile {
  return {
    type: 'numeric',
    name: feature.name,
    kind: column.kind,
    missing: counter.missing,
    infinite: counter.infinite,
    outOfRange: counter.outOfRange,
    values: counter.values,
    ...(counter.values > 0 && { minimum: counter.minimum, maximum: counter.maximum }),
    mean: counter.mean,
    standardDeviation: counter.standardDeviation,
    edges: [...edges],
    counts: [...counter.counts],
    sample: Array.from(sample.subarray(0, sampleRows), (value) => (Number.isFinite(value) ? value : null)),
  };
}

function categoricalProfile(
  { column, feature }: ProfiledColumn,
  columnPlan: ColumnPlan,
  counts: ColumnCounts,
  known: KnownCategories | undefined,
): CategoricalProfile {
  if (columnPlan.type !== 'categorical' || counts.type !== 'categorical')
    throw new Error(`'${feature.name}' was not counted by category`);
  const { categories } = columnPlan;
  const bins = new Set(categories);
  const listed = (known?.listed ?? []).slice(0, MAX_KNOWN).map(({ value }) => value);
  return {
    type: 'categorical',
    name: feature.name,
    kind: column.kind,
    missing: counts.missing,
    categories: [...categories],
    counts: [...counts.counts],
    other: counts.other,
    rare: listed.filter((value) => !bins.has(value)),
    complete: (known?.listed.length ?? 0) <= MAX_KNOWN,
  };
}
