import { printable, textTable } from '../../common/text-table';
import { show } from '../gates/amount';
import { type CheckResult } from '../gates/check-result';
import { type DecisionRecord } from '../records/decision-record';
import { oneLine } from './one-line';

/** What a report is made of. */
export type EvaluationRecord = DecisionRecord & Required<Pick<DecisionRecord, 'verdict' | 'checks' | 'notes'>>;

/** Lines of a table that still fit on a screen; of more checks only those are shown that did not pass. */
const SCREEN = 30;

/** What people call a check's answer: a failed warning blocks nothing. */
export function answerOf({ verdict, severity }: CheckResult): string {
  return severity === 'warn' && verdict !== 'pass' ? `warning (${verdict})` : verdict;
}

/** Checks that did not pass, the blocking ones first. */
export function notPassed(checks: readonly CheckResult[]): CheckResult[] {
  const weight = ({ severity, verdict }: CheckResult): number =>
    (severity === 'block' ? 0 : 2) + (verdict === 'fail' ? 0 : 1);
  return checks.filter(({ verdict }) => verdict !== 'pass').sort((a, b) => weight(a) - weight(b));
}

/** One sentence: how many passed. */
export function summaryOf({ checks }: Pick<EvaluationRecord, 'checks'>): string {
  const passed = checks.filter(({ verdict }) => verdict === 'pass').length;
  return `${passed} of ${checks.length} checks passed`;
}

/** A value of a table. */
export const cell = (value: number | undefined): string => (value === undefined ? '–' : show(value));

/** An evaluation for a terminal, one screen. */
export function evaluationTable(record: EvaluationRecord): string {
  const { model, modelVersion, run, verdict, checks, notes, inputs } = record;
  const who = modelVersion === undefined ? (run ?? 'the candidate') : `version ${modelVersion}`;
  const rows = checks.length > SCREEN ? notPassed(checks).slice(0, SCREEN) : checks;
  const lines = [
    `${model}: ${who}: ${verdict.toUpperCase()}, ${summaryOf(record)}`,
    `metrics: ${inputs.metrics}; baseline: ${inputs.baseline ?? 'none'}`,
    '',
  ];
  if (rows.length > 0) {
    const table = rows.map((check) => [
      ...[oneLine(check.check), cell(check.candidate), cell(check.baseline), cell(check.limit), answerOf(check)],
    ]);
    lines.push(...textTable(['check', 'candidate', 'baseline', 'limit', 'answer'], table).split('\n'));
    if (rows.length < checks.length) lines.push(`and ${checks.length - rows.length} more, in the decision record`);
    lines.push('');
  }
  lines.push(
    ...notPassed(checks)
      .slice(0, SCREEN)
      .map((check) => `  ${check.check}: ${check.reason} (expected: ${check.rule})`),
    ...notes.map((note) => `  note: ${note}`),
    `record: ${record.hash}`,
  );
  return printable(lines.map(oneLine).join('\n'));
}
