import { type FeatureSchema, type ModelSchema, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { type Database } from '../../common/data/database';
import { type Column } from '../../common/data/table';
import { Failure } from '../../common/failure';
import { isComparable } from '../collect/recorded-features';
import { type FeatureProfile, type ReferenceProfile } from '../profile/reference-profile';
import { SAMPLE_SIZE } from '../scan/sampler';
import { type ColumnCounts, type ColumnPlan, scan } from '../scan/scan';
import { type FeatureDrift, type Finding } from './drift-report';
import { type Comparison, currentCounts, featureDrift } from './feature-drift';
import { featureFindings } from './quality';
import { type CheckOptions } from './run-check';
import { tableFindings } from './table-findings';
import { type LogWindow } from './window';

/** Drift and quality of one window. */
export interface JudgedWindow {
  readonly features: readonly FeatureDrift[];
  readonly predictions: readonly FeatureDrift[];
  readonly quality: readonly Finding[];
  /** Features without a column: counted, and never as drifted. */
  readonly absent: readonly FeatureSchema[];
  /** Required features whose data is broken or not there. */
  readonly brokenRequired: readonly string[];
}

export interface JudgeWindowOptions extends Pick<
  CheckOptions,
  'config' | 'schema' | 'profile' | 'profileSource' | 'log' | 'signal'
> {
  readonly database: Database;
  readonly window: LogWindow;
  readonly seed: number;
}

interface JudgedColumn {
  readonly profile: FeatureProfile;
  readonly feature?: FeatureSchema;
  readonly column: Column | undefined;
}

/** Counts a window once and compares every column with the reference. */
export async function judgeWindow(options: JudgeWindowOptions): Promise<JudgedWindow> {
  const { database, window, schema, config, log, signal, seed } = options;
  const columns = [...featureColumns(options), ...predictionColumnsOf(options)];
  const present = columns.filter((each): each is JudgedColumn & { column: Column } => each.column !== undefined);
  const plans = present.map(({ profile, column, feature }): ColumnPlan =>
    profile.type === 'numeric'
      ? { type: 'numeric', column, edges: profile.edges, minimum: feature?.minimum, maximum: feature?.maximum }
      : { type: 'categorical', column, categories: profile.categories },
  );
  const scanned = await scan({
    database,
    table: window.table,
    plans,
    where: window.where,
    seed,
    sampleSize: SAMPLE_SIZE,
    log,
    signal,
  });
  const counts = new Map(
    present.map((each, index): [FeatureProfile, ColumnCounts] => [each.profile, scanned.columns[index]!]),
  );
  const query = { database, table: window.table, where: window.where, rows: scanned.rows };
  const quality: Finding[] = [];
  const comparisons: Comparison[] = [];
  const absent: FeatureSchema[] = [];
  const brokenRequired: string[] = [];
  for (const { profile, feature, column } of columns) {
    const current = counts.get(profile);
    const findings = feature
      ? await featureFindings({ feature, column, current, profile }, query)
      : predictionFindings(profile, current, scanned.rows, schema.task);
    quality.push(...findings);
    const broken = findings.find(({ severity }) => severity === 'critical');
    if (broken && feature?.required) brokenRequired.push(feature.name);
    if (!current) {
      if (feature) absent.push(feature);
      continue;
    }
    comparisons.push({
      ...{ profile, current, sampled: scanned.priorities.length },
      role: feature ? 'feature' : 'prediction',
      importance: feature?.importance ?? 0,
      // What retraining on broken data would learn is the defect.
      excluded: broken && `its data is broken: ${broken.message}`,
    });
  }
  quality.push(...(await tableFindings(query, schema, window)));
  const drift = featureDrift(comparisons, config);
  return {
    features: drift.filter(({ role }) => role === 'feature'),
    predictions: drift.filter(({ role }) => role === 'prediction'),
    quality,
    absent,
    brokenRequired,
  };
}

/** @throws Failure when the reference has no such feature, or of another type: it belongs to another schema */
function featureColumns({ schema, profile, profileSource, window }: JudgeWindowOptions): JudgedColumn[] {
  const profiles = new Map(profile.features.map((feature) => [feature.name, feature]));
  const problems: string[] = [];
  // What is hashed or not recorded has nothing in common with the reference.
  const columns = schema.features.filter(isComparable).flatMap((feature): JudgedColumn[] => {
    const found = profiles.get(feature.name);
    if (!found)
      problems.push(
        `the reference profile '${profileSource}' has no feature '${feature.name}': profile the model again`,
      );
    else if (found.type !== feature.type)
      problems.push(
        `feature '${feature.name}' is ${feature.type} in the schema, ${found.type} in the reference profile '${profileSource}'`,
      );
    else return [{ profile: found, feature, column: window.table.columns.get(feature.name) }];
    return [];
  });
  if (problems.length > 0) throw Failure.configuration(...problems);
  return columns;
}

function predictionColumnsOf({ profile, window }: Pick<JudgeWindowOptions, 'profile' | 'window'>): JudgedColumn[] {
  const { predictions }: ReferenceProfile = profile;
  const { prediction, score } = window.columns;
  const scoreColumn = predictions?.score?.name === PREDICTION_LOG_COLUMNS.prediction ? prediction : score;
  return [
    ...(predictions?.score ? [{ profile: predictions.score, column: scoreColumn }] : []),
    ...(predictions?.class ? [{ profile: predictions.class, column: prediction }] : []),
  ];
}

/** Predictions without a value, or with one that the model cannot give, are an outage of the model or of the capture. */
function predictionFindings(
  profile: FeatureProfile,
  current: ColumnCounts | undefined,
  rows: number,
  task: ModelSchema['task'],
): Finding[] {
  const { name } = profile;
  const answer = name === PREDICTION_LOG_COLUMNS.prediction;
  // A log may have classes without scores; an answer must be there.
  const worst = answer ? 'critical' : 'warning';
  if (!current)
    return [{ kind: 'missing-column', severity: worst, column: name, message: `the data has no column '${name}'` }];
  const graded = (share: number): Finding['severity'] => (share >= 0.05 ? worst : 'warning');
  const missing = currentCounts(current).at(-1)!;
  if (missing === rows)
    return [
      { kind: 'all-null', severity: worst, column: name, message: `'${name}' has no value in any of ${rows} rows` },
    ];
  const findings: Finding[] = [];
  if (answer && missing > 0) {
    const message = `${missing} of ${rows} rows have no ${name}`;
    findings.push({ kind: 'missing-values', severity: graded(missing / rows), column: name, message });
  }
  if (profile.type === 'categorical' && current.type === 'categorical') {
    const classes = new Set(task.classes);
    const strange = profile.categories.reduce(
      (sum, category, bin) => sum + (classes.has(category) ? 0 : current.counts[bin]!),
      current.other,
    );
    if (strange > 0 && profile.categories.length === classes.size) {
      const message = `${strange} of ${rows} rows have a ${name} that is none of the classes ${[...classes].join(', ')}`;
      findings.push({ kind: 'unseen-category', severity: graded(strange / rows), column: name, message });
    }
  }
  return findings;
}
