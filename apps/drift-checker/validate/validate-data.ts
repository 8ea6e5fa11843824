import { DRIFT_CHECK_DEFAULTS, type ModelSchema } from 'cdk8s-mlops/contract';
import { DataSource } from '../../common/data/data-source';
import { Database } from '../../common/data/database';
import { openTable } from '../../common/data/table';
import { type Log } from '../../common/log';
import { type Finding, type FeatureDrift } from '../check/drift-report';
import { type Comparison, featureDrift } from '../check/feature-drift';
import { type CheckedFeature, featureFindings, type QualityQuery } from '../check/quality';
import { tableFindings } from '../check/table-findings';
import { type ColumnNames } from '../config/columns';
import { predictionColumns } from '../data/predictions';
import { type ReferenceProfile } from '../profile/reference-profile';
import { SAMPLE_SIZE } from '../scan/sampler';
import { type ColumnPlan, scan } from '../scan/scan';
import { duplicateRows, labelFindings, outlierFindings, rowFindings, shiftFindings } from './training-findings';

/** Limits of the expectations. */
export interface Expectations {
  /** Rows below which nothing is trained. */
  readonly minRows: number;
  /** Share of a class below which the labels are out of balance. */
  readonly minClassShare: number;
  /** Share of rows that repeat another row from which on the data is broken. */
  readonly maxDuplicates: number;
}

export const DEFAULT_EXPECTATIONS: Expectations = { minRows: 500, minClassShare: 0.01, maxDuplicates: 0.5 };

/** What is validated, and against what. */
export interface ValidateOptions {
  readonly schema: ModelSchema;
  readonly data: string;
  readonly columns?: ColumnNames;
  /** The previous profile, and where it is from; absent when the model is trained for the first time. */
  readonly reference?: { readonly profile: ReferenceProfile; readonly source: string };
  readonly expectations: Expectations;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/** The answer of `validate`. A critical finding fails the data. */
export interface ValidationReport {
  readonly version: 1;
  readonly model: string;
  readonly data: string;
  readonly passed: boolean;
  readonly rows: number;
  readonly reference?: string;
  readonly findings: readonly Finding[];
  /** How far each feature is from the previous profile: to know, since a retraining is there to follow a change. */
  readonly features: readonly FeatureDrift[];
}

const SEED = 0;

/** Judges training data before anything is trained on it. */
export async function validateData(options: ValidateOptions): Promise<ValidationReport> {
  const { schema, data, reference, expectations, log, signal } = options;
  const database = await Database.open();
  try {
    const table = await openTable(database, await DataSource.open(data, { log, signal }));
    const columns = predictionColumns(table, options.columns);
    const known = new Map(reference?.profile.features.map((feature) => [feature.name, feature]));
    const checked = schema.features.map((feature): CheckedFeature => {
      const profile = known.get(feature.name);
      return {
        feature,
        column: table.columns.get(feature.name),
        profile: profile?.type === feature.type ? profile : undefined,
      };
    });
    const present = checked.filter(({ column }) => column !== undefined);
    const scanned = await scan({
      database,
      table,
      plans: present.map(planOf),
      where: 'true',
      seed: SEED,
      sampleSize: SAMPLE_SIZE,
      log,
      signal,
    });
    const query: QualityQuery = { database, table, where: 'true', rows: scanned.rows };
    const counted = checked.map((each) => ({ ...each, current: scanned.columns[present.indexOf(each)] }));
    const findings: Finding[] = rowFindings(scanned.rows, reference?.profile.rows, expectations);
    for (const each of counted) {
      findings.push(...(await featureFindings(each, query)));
      findings.push(...outlierFindings(each, scanned.priorities.length));
    }
    findings.push(...(await tableFindings(query, schema, { columns, scope: 'true' })));
    findings.push(...(await duplicateRows(query, columns, expectations)));
    findings.push(...(await labelFindings(query, schema, columns.label, expectations)));
    const compared = reference && scanned.rows > 0 ? comparisons(counted, scanned.priorities.length) : [];
    const features = featureDrift(compared, RULE);
    findings.push(...features.flatMap((feature, index) => shiftFindings(feature, compared[index]!)));
    return {
      version: 1,
      model: schema.model,
      data,
      passed: findings.every(({ severity }) => severity !== 'critical'),
      rows: scanned.rows,
      reference: reference?.source,
      findings,
      features,
    };
  } finally {
    database.close();
  }
}

function planOf({ feature, column, profile }: CheckedFeature): ColumnPlan {
  if (feature.type === 'categorical') {
    const categories = profile?.type === 'categorical' ? profile.categories : (feature.values ?? []);
    return { type: 'categorical', column: column!, categories };
  }
  const edges = profile?.type === 'numeric' ? profile.edges : [];
  return { type: 'numeric', column: column!, edges, minimum: feature.minimum, maximum: feature.maximum };
}

/** The rule of `check`, so that both say the same of the same change. */
const RULE = { decision: DRIFT_CHECK_DEFAULTS.decision };

function comparisons(counted: readonly CheckedFeature[], sampled: number): Comparison[] {
  return counted.flatMap(({ feature, profile, current }) =>
    profile && current ? [{ profile, current, sampled, role: 'feature' as const, importance: feature.importance }] : [],
  );
}
