import { type ModelSchema, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { dataDigest } from '../../common/data-digest';
import { Failure } from '../../common/failure';
import { type Log } from '../../common/log';
import { type ColumnNames } from '../config/columns';
import { DataSource } from '../data/data-source';
import { Database } from '../data/database';
import { predictionColumns, predictionsView } from '../data/predictions';
import { openTable, type Table } from '../data/table';
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
