import { textTable } from '../../common/text-table';
import { type CompactionReport } from '../compact/compact';

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  conflicting_event: 'requests or responses of one id that differ: the first counts',
  conflicting_label: 'labels of one id that differ: the latest counts',
  from_future: 'predictions with a time after that of their receipt, which counts instead',
  label_without_prediction: 'labels for which no prediction came in time',
  repeated_event: 'requests or responses that came again',
  repeated_label: 'labels that came again',
  repeated_prediction: 'predictions that are in the log already',
  request_without_response: 'requests whose response did not come in time: the call failed, or its event was lost',
  response_without_request: 'responses whose request did not come in time',
  retyped_value: 'values of numeric features that are no numbers: recorded as missing',
  undecodable: 'requests or responses that cannot be read as the model’s',
  uneven_call: 'calls whose request and response have different numbers of instances',
  unreadable: 'records or segments that are none',
};

/** What a compaction found, a sentence each. */
export function compactionFindings({ findings }: CompactionReport): string[] {
  return Object.entries(findings.toJSON()).map(([kind, { count }]) => `${count} ${DESCRIPTIONS[kind] ?? kind}`);
}

/** What a compaction did, for people. */
export function compactionText(report: CompactionReport): string {
  if (report.heldBy !== undefined) return `nothing was compacted: ${report.heldBy} does at this moment\n`;
  const { rows, parts, updated, expired, segments, waitingCalls, waitingLabels, findings } = report;
  const lines = [
    `${segments} segments gave ${rows} predictions in ${parts.length} new files; ${updated.length} files got labels, ${expired.length} were deleted because of their age`,
    `waiting: ${waitingCalls} requests or responses for each other, ${waitingLabels} labels`,
  ];
  const found = Object.entries(findings.toJSON()).map(([kind, { count }]) => [
    DESCRIPTIONS[kind] ?? kind,
    String(count),
  ]);
  if (found.length > 0) lines.push('', textTable(['found', 'count'], found));
  return `${lines.join('\n')}\n`;
}
