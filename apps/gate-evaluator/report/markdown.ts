import { answerOf, cell, type EvaluationRecord, notPassed, summaryOf } from './evaluation-table';

const ICONS: Readonly<Record<string, string>> = { pass: '✅', fail: '❌', inconclusive: '❔' };

/** Text in a table's cell, or in a line: names come from files, and none may write Markdown or HTML. */
function plain(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\\`*_{}[\]<>()#|~!@]/g, (character) => `\\${character}`)
    .replaceAll('&', '&amp;');
}

/** An evaluation for a pull request. */
export function evaluationMarkdown(record: EvaluationRecord): string {
  const { model, verdict, checks, notes, inputs } = record;
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const table = checks.map((check) =>
    row([
      `${check.severity === 'warn' && check.verdict !== 'pass' ? '⚠️' : ICONS[check.verdict]} ${answerOf(check)}`,
      ...[plain(check.check), cell(check.candidate), cell(check.baseline), plain(check.rule)],
    ]),
  );
  const reasons = notPassed(checks).map(({ check, reason }) => `- **${plain(check)}**: ${plain(reason)}`);
  return [
    `### ${ICONS[verdict]} Quality gates of ${plain(model)}: ${verdict}`,
    '',
    `${summaryOf(record)}. Metrics: ${plain(inputs.metrics ?? '')}; baseline: ${plain(inputs.baseline ?? 'none')}.`,
    '',
    row(['answer', 'check', 'candidate', 'baseline', 'rule']),
    row(['---', '---', '---:', '---:', '---']),
    ...table,
    ...(reasons.length > 0 ? ['', ...reasons] : []),
    ...(notes.length > 0 ? ['', ...notes.map((note) => `> ${plain(note)}`)] : []),
    '',
    `Decision record \`${record.hash}\``,
    '',
  ].join('\n');
}
