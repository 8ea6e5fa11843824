import { DataSource } from '../../common/data/data-source';
import { type Database } from '../../common/data/database';
import { splitColumnNames } from '../config/columns';
import { predictionsView } from '../data/predictions';
import { estimatedPerformance } from '../performance/calibration';
import { joinLabels, type JoinedLabels } from '../performance/labels';
import { performanceFacts } from '../performance/performance-facts';
import { type EstimatedPerformanceReport, type Finding, type PerformanceReport } from './drift-report';
import { performanceReport } from './performance-report';
import { type CheckOptions } from './run-check';
import { type LogWindow } from './window';

/** Performance of a window, measured and estimated. */
export interface WindowPerformance {
  /** Absent when there are no labels to be had. */
  readonly measured?: PerformanceReport;
  /** Absent when the reference has no calibration, or the window no scores. */
  readonly estimated?: EstimatedPerformanceReport;
  readonly findings: readonly Finding[];
}

export interface WindowPerformanceOptions extends Pick<
  CheckOptions,
  'config' | 'schema' | 'profile' | 'log' | 'signal'
> {
  readonly database: Database;
  readonly window: LogWindow;
}

export async function windowPerformance(options: WindowPerformanceOptions): Promise<WindowPerformance> {
  const { config, schema, profile, database, window, log, signal } = options;
  const { task } = schema;
  const { columns } = window;
  if (!columns.prediction) return { findings: [] };
  const view = await predictionsView(database, window.table, columns, task, window.where);
  const calibration = profile.predictions?.calibration;
  const metrics =
    calibration && columns.score
      ? await estimatedPerformance({ database, relation: view, task }, calibration)
      : undefined;
  const estimated = metrics && { estimated: true as const, metrics };
  if (!config.labels && !columns.label) return { estimated, findings: [] };
  if (config.labels && !columns.requestId) {
    const message = `the predictions have no column 'request_id', so none of them can be joined with its label`;
    return { estimated, findings: [{ kind: 'label', severity: 'critical', message }] };
  }
  const labels =
    config.labels === undefined ? undefined : await DataSource.open(config.labels, { log, signal, mayBeEmpty: true });
  const joined = await joinLabels({
    database,
    predictions: view,
    task,
    names: splitColumnNames(config.columns).labels,
    labels,
    from: window.from,
  });
  const facts =
    joined &&
    (await performanceFacts({ database, relation: joined.relation, task, hasScore: columns.score !== undefined }));
  const rule = { schema, rule: config.performance };
  const none: JoinedLabels = {
    relation: view,
    predictions: window.rows,
    labelled: 0,
    strange: 0,
    early: 0,
    conflicting: 0,
    read: 0,
  };
  return {
    measured: performanceReport(joined ?? none, facts, profile.predictions?.performance, rule),
    estimated,
    findings: joined ? labelFindings(joined) : [],
  };
}

function labelFindings({ labelled, strange, early, conflicting, read, example }: JoinedLabels): Finding[] {
  const finding = (message: string, severity: Finding['severity'] = 'warning'): Finding => ({
    kind: 'label',
    severity,
    message,
  });
  return [
    ...(read > 0 && labelled === 0
      ? [
          finding(
            `none of ${read} labels has the id of a prediction of the window: ids of labels look like '${example}'`,
          ),
        ]
      : []),
    ...(early > 0
      ? [finding(`${early} labels are older than the prediction they belong to: is the request's id used twice?`)]
      : []),
    ...(conflicting > 0
      ? [finding(`${conflicting} requests have labels that contradict each other: the latest counts`)]
      : []),
    ...(strange > 0
      ? [
          finding(
            `${strange} labels are none of the model's classes, or no number: they were left out`,
            strange >= 0.05 * labelled ? 'critical' : 'warning',
          ),
        ]
      : []),
  ];
}
