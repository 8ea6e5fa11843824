import { PREDICTION_LOG_PARTITIONS } from 'cdk8s-mlops/contract';
import { type DataFile } from '../../common/data/data-source';
import { type Database, identifier, literal } from '../../common/data/database';
import { categoryExpression, type Table, timeExpression } from '../../common/data/table';
import { Failure } from '../../common/failure';
import { type ColumnNames } from '../config/columns';
import { type PredictionLog } from '../data/prediction-log';
import { type PredictionColumns, predictionColumns } from '../data/predictions';

/** Which rows of the prediction log are judged. */
export type WindowSelection =
  | { readonly by: 'time'; readonly until: Date; readonly hours: number; readonly extendDays: number }
  | { readonly by: 'partition'; readonly partitions: Readonly<Record<string, string>> }
  | { readonly by: 'all' };

/** What a window is cut from. */
export interface WindowQuery {
  readonly database: Database;
  readonly log: PredictionLog;
  readonly names?: ColumnNames;
  readonly model: string;
  /** Rows of other versions are left out, where the log says which version answered. */
  readonly modelVersion?: string;
}

/** Rows of the window that are not judged. */
export interface LeftRows {
  readonly otherModels: number;
  readonly otherVersions: number;
  /** The log names versions, but not theirs. */
  readonly unversioned: number;
  /** Some of the models and versions that were met instead, for people. */
  readonly met: readonly string[];
}

/** The rows that are judged. */
export interface LogWindow {
  readonly table: Table;
  readonly columns: PredictionColumns;
  /** SQL condition of the rows. */
  readonly where: string;
  /** SQL condition of the model's rows, whatever their time. */
  readonly scope: string;
  readonly rows: number;
  readonly left: LeftRows;
  readonly from?: Date;
  readonly until?: Date;
  readonly extended: boolean;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The last time that there is. */
const LAST_TIME = 8.64e15;
const [DATE, HOUR_OF_DAY] = PREDICTION_LOG_PARTITIONS;

/** The end of the last full hour: a second check in the same hour judges the same window. */
export function lastFullHour(now: Date): Date {
  return new Date(Math.floor(now.getTime() / HOUR) * HOUR);
}

/**
 * Opens a window. One by time with fewer rows than `minRows` is extended back, hour by hour, until it has them.
 *
 * @returns undefined when the log has no file for it
 */
export async function openWindow(
  query: WindowQuery,
  selection: WindowSelection,
  minRows: number,
): Promise<LogWindow | undefined> {
  if (selection.by !== 'time') return openSelected(query, selection);
  const { until, hours, extendDays } = selection;
  const from = new Date(until.getTime() - hours * HOUR);
  const window = await openTimes(query, from, until);
  if ((window?.rows ?? 0) >= minRows || extendDays * DAY <= hours * HOUR) return window;
  const earliest = new Date(until.getTime() - extendDays * DAY);
  const extended = await openTimes(query, earliest, until);
  if (!extended) return undefined;
  const start = await startWithRows(query.database, extended, minRows, from);
  return start === undefined
    ? { ...extended, extended: true }
    : { ...(await openTimes(query, start, until))!, extended: true };
}

/** What a writer may be late: rows of an hour that lie in the folder of the next. */
const LATE = HOUR;

/** Files that may hold rows of a time, by their partitions, which are in UTC. */
export function filesOf(files: readonly DataFile[], from: Date, until: Date): DataFile[] {
  return files.filter(({ partitions }) => {
    const [date, hour] = [partitions[DATE], partitions[HOUR_OF_DAY]];
    if (date === undefined) return true;
    const start = Date.parse(`${date}T${(hour ?? '00').padStart(2, '0')}:00:00Z`);
    if (Number.isNaN(start)) return true;
    return start < until.getTime() + LATE && start + (hour === undefined ? DAY : HOUR) > from.getTime();
  });
}

async function openTimes(query: WindowQuery, from: Date, until: Date): Promise<LogWindow | undefined> {
  const files = filesOf(query.log.source.files, from, until);
  if (files.length === 0) return undefined;
  const table = await query.log.open(files);
  const columns = predictionColumns(table, query.names);
  if (!columns.timestamp) {
    const has = [...table.columns.keys()].join(', ');
    throw Failure.configuration(
      `'${query.log.source.uri}' has no column 'timestamp', which a window by time needs: it has ${has}; name it with --column timestamp=…, or judge --all rows`,
    );
  }
  const time = timeExpression(columns.timestamp);
  const within = `${time} >= ${timestamp(from)} AND ${time} < ${timestamp(until)}`;
  return { ...(await counted(query, table, columns, within)), from, until, extended: false };
}

const timestamp = (date: Date): string => `TIMESTAMPTZ ${literal(date.toISOString())}`;

async function openSelected(
  query: WindowQuery,
  selection: WindowSelection & { by: 'partition' | 'all' },
): Promise<LogWindow | undefined> {
  const wanted = selection.by === 'partition' ? Object.entries(selection.partitions) : [];
  const files = query.log.source.files.filter(({ partitions }) =>
    wanted.every(([key, value]) => partitions[key] === undefined || partitions[key] === value),
  );
  if (files.length === 0) throw unknownPartition(query, wanted);
  const table = await query.log.open(files);
  const unknown = wanted.filter(([key]) => !table.columns.has(key));
  if (unknown.length > 0) {
    throw Failure.configuration(
      ...unknown.map(
        ([key]) =>
          `'${query.log.source.uri}' has no partition or column '${key}': it has ${[...table.columns.keys()].join(', ')}`,
      ),
    );
  }
  const within = wanted.map(([key, value]) => `CAST(${identifier(key)} AS VARCHAR) = ${literal(value)}`).join(' AND ');
  return { ...(await counted(query, table, predictionColumns(table, query.names), within || 'true')), extended: false };
}

function unknownPartition({ log }: WindowQuery, wanted: readonly (readonly [string, string])[]): Failure {
  const values = (key: string): string[] =>
    [...new Set(log.source.files.flatMap(({ partitions }) => partitions[key] ?? []))].sort();
  const has = wanted.map(([key]) => `${key}=${values(key).slice(0, 10).join(', ')}`).join('; ');
  return Failure.configuration(
    `'${log.source.uri}' has no partition ${wanted.map(([key, value]) => `${key}=${value}`).join(', ')}: it has ${has}`,
  );
}

async function counted(
  { database, model, modelVersion }: WindowQuery,
  table: Table,
  columns: PredictionColumns,
  within: string,
): Promise<Omit<LogWindow, 'extended'>> {
  const conditions = [
    ...(columns.model ? [`${categoryExpression(columns.model)} = ${literal(model)}`] : []),
    ...(columns.version && modelVersion !== undefined
      ? [`${categoryExpression(columns.version)} = ${literal(modelVersion)}`]
      : []),
  ];
  const scope = conditions.join(' AND ') || 'true';
  const { rows, total } = await database.row<{ rows: number; total: number }>(
    `SELECT count(*) FILTER (${scope}) AS rows, count(*) AS total FROM ${table.name} WHERE ${within}`,
  );
  const left = rows === total ? NOTHING_LEFT : await leftRows(database, table, columns, { model, within, scope });
  return { table, columns, where: `(${scope}) AND (${within})`, scope, rows, left };
}

const NOTHING_LEFT: LeftRows = { otherModels: 0, otherVersions: 0, unversioned: 0, met: [] };
const MET = 5;

async function leftRows(
  database: Database,
  table: Table,
  columns: PredictionColumns,
  { model, within, scope }: { readonly model: string; readonly within: string; readonly scope: string },
): Promise<LeftRows> {
  const name = columns.model ? categoryExpression(columns.model) : literal(model);
  const version = columns.version ? categoryExpression(columns.version) : 'NULL';
  const met = await database.rows<{ model: string | null; version: string | null; rows: number }>(
    `SELECT ${name} AS model, ${version} AS version, count(*) AS rows FROM ${table.name}
     WHERE (${within}) AND (${scope}) IS NOT TRUE GROUP BY ALL ORDER BY rows DESC, model, version`,
  );
  const sum = (select: (each: (typeof met)[number]) => boolean): number =>
    met.filter(select).reduce((all, { rows }) => all + rows, 0);
  return {
    otherModels: sum((each) => each.model !== model),
    otherVersions: sum((each) => each.model === model && each.version !== null),
    unversioned: sum((each) => each.model === model && each.version === null),
    met: met
      .slice(0, MET)
      .map(
        (each) => `${each.rows} of ${each.model === model ? '' : `model '${each.model}' `}version '${each.version}'`,
      ),
  };
}

/** The latest hour from which on there are enough rows; undefined when there are not. */
async function startWithRows(
  database: Database,
  window: LogWindow,
  minRows: number,
  latest: Date,
): Promise<Date | undefined> {
  const hours = await database.rows<{ hour: number; rows: number }>(
    `SELECT epoch_ms(date_trunc('hour', ${timeExpression(window.columns.timestamp!)})) AS hour, count(*) AS rows
     FROM ${window.table.name} WHERE ${window.where} GROUP BY ALL ORDER BY hour DESC`,
  );
  let rows = 0;
  for (const { hour, rows: more } of hours) {
    rows += more;
    if (rows >= minRows) return new Date(Math.max(Math.min(hour, latest.getTime()), window.from!.getTime()));
  }
  return undefined;
}

/** Rows of the model and version from a time on, counted back from the newest files and no further than `enough`. */
export async function countRowsSince(
  query: WindowQuery,
  since: Date,
  until: Date | undefined,
  enough: number,
): Promise<number> {
  const files = filesOf(query.log.source.files, since, until ?? new Date(LAST_TIME));
  const days = new Map<string, DataFile[]>();
  for (const file of files) {
    const day = file.partitions[DATE] ?? '';
    days.set(day, [...(days.get(day) ?? []), file]);
  }
  let rows = 0;
  let last: string | undefined;
  for (const day of [...days.keys()].sort().reverse()) {
    const table = await query.log.open(days.get(day));
    // A log of payloads is one table, whatever its files.
    if (table.name === last) return rows;
    last = table.name;
    const columns = predictionColumns(table, query.names);
    const time = columns.timestamp && timeExpression(columns.timestamp);
    const before = until ? ` AND ${time} < ${timestamp(until)}` : '';
    const within = time ? `${time} >= ${timestamp(since)}${before}` : 'true';
    rows += (await counted(query, table, columns, within)).rows;
    if (rows >= enough) return rows;
  }
  return rows;
}
