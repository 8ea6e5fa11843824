import { DataSource } from '../../common/data/data-source';
import { Database } from '../../common/data/database';
import { splitColumnNames } from '../config/columns';
import { PredictionLog } from '../data/prediction-log';
import { type Finding, type PerformanceCheckReport, REPORT_VERSION } from './drift-report';
import { type CheckOptions, windowReport } from './run-check';
import { openWindow } from './window';
import { windowPerformance } from './window-performance';

/**
 * Judges the labels of a window, and nothing else: cheap enough for every few minutes.
 *
 * @param among whether other versions answer as well, so that a log that does not say which of them did says nothing of this one
 */
export async function runPerformanceCheck(options: CheckOptions, among = false): Promise<PerformanceCheckReport> {
  const { config, schema, selection, log, signal, modelVersion } = options;
  const database = await Database.open();
  try {
    const source = await DataSource.open(config.predictions, { log, signal, mayBeEmpty: config.capture !== undefined });
    const predictionLog = new PredictionLog(database, source, schema);
    const names = config.labels === undefined ? config.columns : splitColumnNames(config.columns).predictions;
    const query = { database, log: predictionLog, names, model: config.model, modelVersion };
    const window = await openWindow(query, selection, config.window.minRows);
    const isOfVersion = !among || window?.columns.version !== undefined;
    const judged =
      window && isOfVersion && window.rows > 0 ? await windowPerformance({ ...options, database, window }) : undefined;
    const findings: readonly Finding[] = judged?.findings ?? [];
    return {
      version: REPORT_VERSION,
      model: config.model,
      namespace: config.namespace,
      modelVersion,
      window: windowReport(options, window),
      quality: findings,
      performance: judged?.measured,
      estimatedPerformance: judged?.estimated,
    };
  } finally {
    database.close();
  }
}
