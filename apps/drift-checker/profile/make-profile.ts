import { type ModelSchema, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { DataSource } from '../../common/data/data-source';
import { Database, literal } from '../../common/data/database';
import { openTable, type Table } from '../../common/data/table';
import { dataDigest } from '../../common/data-digest';
import { Failure } from '../../common/failure';
import { type Log } from '../../common/log';
import { type ColumnNames } from '../config/columns';
import { predictionColumns, predictionsView } from '../data/predictions';
import { calibrationOf } from '../performance/calibration';
import { performanceFacts } from '../performance/performance-facts';
import { DEFAULT_BINS } from './bins';
import { profileColumns, type ProfiledColumn, type ProfiledColumns } from './profile-columns';
import {
  type CategoricalProfile,
  type NumericProfile,
  type PredictionProfile,
  PROFILE_VERSION,
  type ReferenceProfile,
} from './reference-profile';

/** What a reference profile is made of. */
export interface MakeProfileOptions {
  readonly schema: ModelSchema;
  /** URI of the training data. */
  readonly data: string;
  /** URI of the model's predictions on data that it was not trained on. */
  readonly predictions?: string;
  readonly columns?: ColumnNames;
  readonly modelVersion?: string;
  /** A profile whose bins are taken over, so that both can be merged. */
  readonly binsFrom?: ReferenceProfile;
  /** @default 10 */
  readonly bins?: number;
  /** @default 0 */
  readonly seed?: number;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/** Profiles a data set. @throws Failure when a feature has no column, or there are no rows */
export async function makeProfile(options: MakeProfileOptions): Promise<ReferenceProfile> {
  const { schema, seed = 0, binsFrom, log, signal } = options;
  const database = await Database.open();
  try {
    const source = await DataSource.open(options.data, { log, signal });
    const table = await openTable(database, source);
    const binsOf = binsFrom && new Map(binsFrom.features.map((feature) => [feature.name, feature]));
    const files = await source.fetch();
    const digest = await dataDigest(source.files.map(({ name }, index) => ({ name, path: files[index]! })));
    const common = { database, where: 'true', bins: options.bins ?? DEFAULT_BINS, log, signal };
    const profiled = await profileColumns({
      ...common,
      seed: seedOf(seed, digest),
      table,
      columns: featureColumns(schema, table, options.data),
      binsOf,
    });
    if (profiled.rows === 0) throw Failure.configuration(`'${options.data}' has no rows: a reference needs some`);
    checkReadable(profiled, options);
    return {
      version: PROFILE_VERSION,
      model: schema.model,
      modelVersion: options.modelVersion,
      rows: profiled.rows,
      data: {
        digest,
        files: files.length,
        bytes: source.files.reduce((sum, { bytes }) => sum + bytes, 0),
      },
      seed,
      features: [...profiled.profiles],
      priorities: [...profiled.priorities],
      predictions:
        options.predictions === undefined ? undefined : await predictionProfile(database, options.predictions, options),
    };
  } finally {
    database.close();
  }
}

/** Samples of different data are independent of each other, as merging them takes for granted; the same data has the same. */
function seedOf(seed: number, digest: string): number {
  return (seed ^ Number.parseInt(digest.slice(-8), 16)) | 0;
}

/** Share of a column without a usable value from which on it is said. */
const MANY_MISSING = 0.05;
/** Share of answers that are no class of the model from which on they are not those of this model. */
const MANY_STRANGE = 0.05;

/** @throws Failure for a feature without any value: it could not be compared with anything */
function checkReadable({ profiles, rows }: ProfiledColumns, { schema, data, log }: MakeProfileOptions): void {
  const required = new Set(schema.features.flatMap((feature) => (feature.required ? [feature.name] : [])));
  const problems: string[] = [];
  for (const profile of profiles) {
    const missing = profile.type === 'numeric' ? profile.missing + profile.infinite : profile.missing;
    const kind = profile.type === 'numeric' && profile.kind === 'text' ? 'number' : 'value';
    const unreadable = kind === 'number' || required.has(profile.name);
    if (missing === rows && unreadable)
      problems.push(`feature '${profile.name}' has no ${kind} in any of ${rows} rows of '${data}'`);
    else if (required.has(profile.name) && missing >= MANY_MISSING * rows) {
      log.warn(
        { feature: profile.name, missing, rows },
        `the required '${profile.name}' has no ${kind} in many rows: 'drift-checker validate' says why`,
      );
    }
  }
  if (problems.length > 0) throw Failure.configuration(...problems);
}

function featureColumns(schema: ModelSchema, table: Table, data: string): ProfiledColumn[] {
  const missing = schema.features.filter(({ name }) => !table.columns.has(name));
  if (missing.length > 0) {
    const has = [...table.columns.keys()].join(', ');
    throw Failure.configuration(
      ...missing.map(({ name }) => `feature '${name}' has no column in '${data}': it has ${has}`),
    );
  }
  return schema.features.map((feature) => ({ feature, column: table.columns.get(feature.name)! }));
}

async function predictionProfile(
  database: Database,
  uri: string,
  options: MakeProfileOptions,
): Promise<PredictionProfile> {
  const { schema, seed = 0, binsFrom, log, signal } = options;
  const { task } = schema;
  const source = await DataSource.open(uri, { log, signal });
  const table = await openTable(database, source);
  const columns = predictionColumns(table, options.columns);
  if (!columns.prediction) {
    throw Failure.configuration(
      `'${uri}' has no column '${PREDICTION_LOG_COLUMNS.prediction}': it has ${[...table.columns.keys()].join(', ')}`,
    );
  }
  const view = await predictionsView(database, table, columns, task, 'true');
  const score = task.type === 'regression' ? columns.prediction : columns.score;
  const known = binsFrom?.predictions;
  const profile = (
    column: ProfiledColumn['column'],
    name: string,
    type: 'numeric' | 'categorical',
    earlier?: NumericProfile | CategoricalProfile,
  ): Promise<ProfiledColumns> =>
    profileColumns({
      ...{ database, table, where: 'true', bins: options.bins ?? DEFAULT_BINS, seed, log, signal },
      columns: [{ column, feature: { name, type } }],
      binsOf: earlier && new Map([[name, earlier]]),
    });
  const { prediction, predictionScore } = PREDICTION_LOG_COLUMNS;
  await checkAnswers(database, view, uri, options);
  const scores =
    score && (await profile(score, task.type === 'regression' ? prediction : predictionScore, 'numeric', known?.score));
  const classes =
    task.type === 'regression' ? undefined : await profile(columns.prediction, prediction, 'categorical', known?.class);
  const rows = (scores ?? classes)?.rows ?? 0;
  if (rows === 0) throw Failure.configuration(`'${uri}' has no rows: without predictions there is nothing to profile`);
  const labelled = { database, relation: view, task, hasScore: columns.score !== undefined };
  const files = await source.fetch();
  return {
    rows,
    digest: await dataDigest(source.files.map(({ name }, index) => ({ name, path: files[index]! }))),
    score: scores?.profiles[0] as NumericProfile | undefined,
    class: classes?.profiles[0] as CategoricalProfile | undefined,
    performance: columns.label && (await performanceFacts(labelled)),
    calibration: columns.label && columns.score ? await calibrationOf(labelled) : undefined,
  };
}

/** @throws Failure when many predictions or labels are no classes of the model: its reference performance would be nonsense */
async function checkAnswers(
  database: Database,
  view: string,
  uri: string,
  { schema, log }: MakeProfileOptions,
): Promise<void> {
  const { type, classes = [] } = schema.task;
  if (type === 'regression') return;
  const known = classes.map(literal).join(', ');
  const problems: string[] = [];
  for (const column of ['prediction', 'label']) {
    const { strange, rows, example } = await database.row<{ strange: number; rows: number; example: string | null }>(
      `SELECT count(*) FILTER (${column} NOT IN (${known})) AS strange, count(*) AS rows,
         min(${column}) FILTER (${column} NOT IN (${known})) AS example FROM ${view}`,
    );
    if (strange === 0) continue;
    const message = `${strange} of ${rows} rows of '${uri}' have the ${column} '${example}' or others that are none of the classes ${classes.join(', ')}`;
    if (strange >= MANY_STRANGE * rows) problems.push(message);
    else log.warn(`${message}: they do not count`);
  }
  if (problems.length > 0) throw Failure.configuration(...problems);
}
