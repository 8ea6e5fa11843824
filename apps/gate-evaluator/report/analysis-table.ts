import { printable, textTable } from '../../common/text-table';
import { cell, type EvaluationRecord, notPassed, summaryOf } from './evaluation-table';
import { oneLine } from './one-line';

/** An analysis for a terminal. */
export function analysisTable(record: EvaluationRecord): string {
  const { model, modelVersion, reason, verdict, checks, notes, inputs, hash } = record;
  const rows = checks.map(({ check, candidate, rule, verdict: answer }) => [
    ...[oneLine(check), cell(candidate), rule, answer],
  ]);
  const lines = [
    `${model}: version ${modelVersion}, ${reason}: ${verdict.toUpperCase()}, ${summaryOf(record)}`,
    `prometheus: ${inputs.prometheus}; the last ${inputs.windowSeconds} seconds`,
    '',
    ...textTable(['check', 'value', 'limit', 'answer'], rows).split('\n'),
    '',
    ...notPassed(checks).map((check) => `  ${check.check}: ${check.reason}`),
    ...notes.map((note) => `  note: ${note}`),
    `record: ${hash}`,
  ];
  return printable(lines.map(oneLine).join('\n'));
}
