import { type DriftCheckFile, type ModelSchema } from 'cdk8s-mlops/contract';
import { DataSource } from '../../common/data/data-source';
import { Database } from '../../common/data/database';
import { type Log } from '../../common/log';
import { type ModelVersion } from '../../common/mlflow';
import { splitColumnNames } from '../config/columns';
import { PredictionLog } from '../data/prediction-log';
import { type ReferenceProfile } from '../profile/reference-profile';
import { decide, modelDrift } from './decision';
import {
  type DriftReport,
  type Finding,
  REPORT_VERSION,
  type RetrainingReport,
  type WindowReport,
} from './drift-report';
import { type JudgedWindow, judgeWindow } from './judge-window';
import { tableFindings } from './table-findings';
import { countRowsSince, type LogWindow, openWindow, type WindowQuery, type WindowSelection } from './window';
import { windowPerformance } from './window-performance';

/** What a check needs, all read and validated. */
export interface CheckOptions {
  readonly config: CheckConfig;
  readonly schema: ModelSchema;
  readonly profile: ReferenceProfile;
  readonly profileSource: string;
  /** The version that is watched; absent when no registry was asked. */
  readonly modelVersion?: string;
  /** The version that was trained last, from whose registration predictions are counted. */
  readonly newestVersion?: ModelVersion;
  readonly selection: WindowSelection;
  /** What was found when the log was compacted. */
  readonly captureFindings?: readonly Finding[];
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/** The parts of the configuration that a check follows. */
export type CheckConfig = Pick<
  DriftCheckFile,
  | 'model'
  | 'namespace'
  | 'predictions'
  | 'capture'
  | 'labels'
  | 'columns'
  | 'window'
  | 'decision'
  | 'features'
  | 'performance'
  | 'retrain'
>;

/** One seed for every window: the same rows give the same sample, and so the same report. */
const SEED = 0;

/** Judges a window of live data. The same input gives the same report. */
export async function runCheck(options: CheckOptions): Promise<DriftReport> {
  const { config, schema, selection, log, signal, modelVersion } = options;
  const database = await Database.open();
  try {
    const source = await DataSource.open(config.predictions, { log, signal, mayBeEmpty: config.capture !== undefined });
    const predictionLog = new PredictionLog(database, source, schema);
    const names = config.labels === undefined ? config.columns : splitColumnNames(config.columns).predictions;
    const query: WindowQuery = { database, log: predictionLog, names, model: config.model, modelVersion };
    const window = await openWindow(query, selection, config.window.minRows);
    const judged =
      window && window.rows > 0 ? await judgeWindow({ ...options, database, window, seed: SEED }) : undefined;
    // An empty window may be one whose rows were all lost.
    const quality = judged?.quality ?? (window ? await tableFindings({ ...window, database }, schema, window) : []);
    const performance =
      window && window.rows > 0 ? await windowPerformance({ ...options, database, window }) : undefined;
    const evidence = {
      rows: window?.rows ?? 0,
      minRows: config.window.minRows,
      features: judged?.features ?? [],
      predictions: judged?.predictions ?? [],
      absent: judged?.absent ?? [],
      leftOut: window?.left.met ?? [],
      quality: [...(options.captureFindings ?? []), ...quality, ...(performance?.findings ?? [])],
      performance: performance?.measured,
      decision: config.decision,
    };
    const earlierDrifted = await countEarlierDrifted(options, query, judged, window?.from);
    const decision = decide({ ...evidence, earlierDrifted });
    return {
      version: REPORT_VERSION,
      model: config.model,
      namespace: config.namespace,
      modelVersion,
      reference: { source: options.profileSource, rows: options.profile.rows, digest: options.profile.data.digest },
      window: windowReport(options, window),
      ...decision,
      features: evidence.features,
      predictions: evidence.predictions,
      quality: evidence.quality,
      performance: performance?.measured,
      estimatedPerformance: performance?.estimated,
      retraining: await retraining(
        options,
        query,
        decision.verdict === 'drift',
        evidence.performance?.verdict === 'degraded',
        judged?.brokenRequired ?? [],
      ),
    };
  } finally {
    database.close();
  }
}

/** What is said of a window. */
export function windowReport(
  { config, selection }: Pick<CheckOptions, 'config' | 'selection'>,
  window: LogWindow | undefined,
): WindowReport {
  const { otherModels = 0, otherVersions = 0, unversioned = 0, met = [] } = window?.left ?? {};
  return {
    selection: describe(selection),
    from: window?.from?.toISOString(),
    until: window?.until?.toISOString(),
    extended: window?.extended ?? false,
    rows: window?.rows ?? 0,
    minRows: config.window.minRows,
    ...{ otherModels, otherVersions, unversioned, leftOut: met },
  };
}

function describe(selection: WindowSelection): string {
  if (selection.by === 'all') return 'all rows';
  if (selection.by === 'partition')
    return Object.entries(selection.partitions)
      .map(([key, value]) => `${key}=${value}`)
      .join(', ');
  return `${selection.hours} h before ${selection.until.toISOString()}`;
}

/** Windows before this one, each ending where the next begins, that drifted too; looked at only when that matters. */
async function countEarlierDrifted(
  options: CheckOptions,
  query: WindowQuery,
  judged: JudgedWindow | undefined,
  from: Date | undefined,
): Promise<number> {
  const { config, selection } = options;
  const { consecutiveWindows, driftedShare } = config.decision;
  if (selection.by !== 'time' || !judged || modelDrift(judged.features, judged.absent).driftedShare <= driftedShare)
    return 0;
  let until = from;
  for (let back = 1; back < consecutiveWindows; back++) {
    if (!until) return back - 1;
    const window = await openWindow(query, { ...selection, until }, config.window.minRows);
    if (!window || window.rows < config.window.minRows) return back - 1;
    const { features, absent } = await judgeWindow({ ...options, database: query.database, window, seed: SEED });
    if (modelDrift(features, absent).driftedShare <= driftedShare) return back - 1;
    until = window.from;
  }
  return consecutiveWindows - 1;
}

async function retraining(
  options: CheckOptions,
  query: WindowQuery,
  drifted: boolean,
  degraded: boolean,
  broken: readonly string[],
): Promise<RetrainingReport> {
  const { config, selection, newestVersion } = options;
  const { retrain, performance } = config;
  const review = degraded && performance.onDegraded === 'review';
  if (!drifted && !(degraded && performance.onDegraded === 'retrain')) {
    const reason = review ? 'performance is below what is expected: a person must look at it' : 'nothing asks for it';
    return { needed: false, reason };
  }
  if (!retrain) return { needed: false, reason: 'no training is configured: drift only alerts' };
  if (broken.length > 0) {
    return {
      needed: false,
      reason: `${broken.join(', ')} must be mended first: a training on broken data would learn the defect`,
    };
  }
  const until = selection.by === 'time' ? selection.until : undefined;
  const since = newestVersion?.createdAt ?? new Date(0);
  const predictions = await countRowsSince(query, since, until, retrain.minPredictions);
  const counted = { predictionsSinceTraining: Math.min(predictions, retrain.minPredictions) };
  if (predictions < retrain.minPredictions) {
    return {
      ...counted,
      needed: false,
      reason: `${predictions} predictions since the last training are too few to learn from: ${retrain.minPredictions} are needed`,
    };
  }
  return { ...counted, needed: true, reason: drifted ? 'the data drifted' : 'performance is below what is expected' };
}
