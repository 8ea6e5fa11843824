import { type CompactionReport } from '../compact';
import { LEASE } from '../compaction-lock';
import { DAY, HOUR, label, request, response, SECOND, type TestLog } from './test-log';

/** A log before a compaction that has everything to do. */
export interface CrashScene {
  readonly options: {
    readonly at: number;
    readonly config: { readonly retentionDays: number };
    readonly batch: { readonly bytes: number; readonly rows: number };
  };
  /** Id, version and label of all rows in the end. */
  readonly expected: readonly string[];
}

const OLD = DAY - 30 * 24 * HOUR;

/** Something waits, something is in the log, and something of every kind has come. */
export async function crashScene(log: TestLog): Promise<CrashScene> {
  const pair = (id: string, time: number) => [request(id, undefined, { time }), response(id, undefined, { time })];
  log.bring([...pair('expired', OLD)], OLD);
  log.bring([...pair('kept', DAY), ...pair('corrected', DAY), request('asked'), response('answered')]);
  log.bring([label('early', 'yes', DAY), label('corrected', 'no', DAY + SECOND)]);
  await log.compact({ at: DAY + HOUR });
  const at = DAY + 2 * HOUR;
  // Halves in several segments and hours, and what waits for them; each segment is a batch of its own.
  log.bring(
    [...pair('early', DAY + HOUR), request('split', undefined, { time: DAY + HOUR }), response('asked')],
    DAY + HOUR,
  );
  log.bring(
    [response('split', undefined, { time: DAY + HOUR }), request('answered'), ...pair('kept', DAY)],
    DAY + HOUR + SECOND,
  );
  log.bring([...pair('early', DAY + HOUR), request('alone', undefined, { time: at })], DAY + HOUR + 2 * SECOND);
  const shadow = { version: '2', time: DAY + HOUR };
  log.bring([request('corrected', undefined, shadow), response('corrected', undefined, shadow)], at);
  log.bring([label('kept', 'yes'), label('corrected', 'yes'), label('later', 'no')], at);
  log.bring([label('split', 'no')], at + SECOND);
  return {
    options: { at, config: { retentionDays: 20 }, batch: { bytes: 1, rows: 2 } },
    expected: [
      ...[
        'alone 1 null',
        'answered 1 null',
        'asked 1 null',
        'corrected 1 yes',
        'corrected 2 yes',
        'early 1 yes',
        'kept 1 yes',
      ],
      ...['later 1 no', 'split 1 no'],
    ],
  };
}

/** What comes afterwards finds what waits. A half whose call was written before the kill may wait again, in vain: that adds a finding, and no row. */
export async function playCrash(
  log: TestLog,
  { options }: CrashScene,
): Promise<{
  rows: Record<string, unknown>[];
  waitingLabels: number;
  segments: string[];
  last: Partial<CompactionReport>;
}> {
  const at = options.at + 2 * LEASE;
  const time = DAY + HOUR;
  log.bring(
    [
      response('alone', undefined, { time }),
      request('later', undefined, { time }),
      response('later', undefined, { time }),
    ],
    at,
  );
  const { rows: added, waitingLabels, expired } = await log.compact({ ...options, at });
  return {
    rows: await log.rows('request_id, version, amount, country, prediction, label, epoch_ms("timestamp") AS at'),
    waitingLabels,
    segments: log.segments(),
    last: { rows: added, expired },
  };
}
