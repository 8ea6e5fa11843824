import { printable, textTable } from '../../common/text-table';
import { type DriftReport, type FeatureDrift, type Finding, type PerformanceCheckReport } from '../check/drift-report';
import { show, showPercent } from './numbers';

/** Drifted columns first, then the worst score beside its threshold. */
export function worstFirst(features: readonly FeatureDrift[]): FeatureDrift[] {
  const weight = ({ drifted, score, threshold }: FeatureDrift): number => (drifted ? 1e9 : 0) + score / threshold;
  return [...features].sort((a, b) => weight(b) - weight(a) || (a.name < b.name ? -1 : 1));
}

/** Findings, the worst first. */
export function findingLines(findings: readonly Finding[]): string[] {
  const order = { critical: 0, warning: 1, info: 2 };
  return [...findings]
    .sort((a, b) => order[a.severity] - order[b.severity])
    .map(({ severity, message }) => `  ${severity.padEnd(8)}  ${message}`);
}

/** The report for a terminal. */
export function terminalReport(report: DriftReport): string {
  const { window, reference } = report;
  const row = (drift: FeatureDrift): string[] => [
    drift.name,
    drift.statistic,
    show(drift.score),
    show(drift.threshold),
    drift.adjustedPValue < 1e-4 ? '< 0.0001' : drift.adjustedPValue.toFixed(4),
    showPercent(drift.missingRatio),
    drift.drifted ? 'drifted' : drift.excluded ? 'broken' : 'ok',
  ];
  const head = ['column', 'statistic', 'score', 'threshold', 'p (adjusted)', 'missing', 'verdict'];
  const version = report.modelVersion === undefined ? '' : ` version ${report.modelVersion}`;
  const sections = [
    `${report.model}${version}: ${report.verdict} (severity ${report.severity})`,
    `window: ${window.selection}${window.extended && window.from ? `, extended back to ${window.from}` : ''}, ${window.rows} rows; reference: ${reference.rows} rows`,
    ...(window.leftOut.length > 0 ? [`left out: ${window.leftOut.join(', ')}`] : []),
    ...report.reasons.map((reason) => `  - ${reason}`),
    '',
  ];
  if (report.features.length > 0) {
    sections.push(textTable(head, [...worstFirst(report.features), ...worstFirst(report.predictions)].map(row)), '');
    sections.push(
      `data drift score ${show(report.dataDriftScore)}, ${report.driftedFeatures.length} of ${report.countedFeatures} features drifted`,
    );
  }
  if (report.quality.length > 0) sections.push('', 'data quality:', ...findingLines(report.quality));
  sections.push(...performanceLines(report));
  sections.push(
    '',
    `retraining: ${report.retraining.needed ? 'needed' : 'not needed'}, ${report.retraining.reason}`,
    '',
  );
  return printable(sections.join('\n'));
}

/** The report of a check that judged nothing but performance. */
export function performanceText(report: PerformanceCheckReport): string {
  const { window, quality } = report;
  const version = report.modelVersion === undefined ? '' : ` version ${report.modelVersion}`;
  const lines = [`${report.model}${version}: performance of ${window.selection}, ${window.rows} rows`];
  if (!report.performance) lines.push('', 'nothing is known of the labels');
  lines.push(...performanceLines(report));
  if (quality.length > 0) lines.push('', 'data quality:', ...findingLines(quality));
  return printable([...lines, ''].join('\n'));
}

function performanceLines({ performance, estimatedPerformance }: PerformanceCheckReport): string[] {
  const lines: string[] = [];
  if (performance) {
    lines.push(
      '',
      `performance: ${performance.verdict}, ${performance.labels} labels (${showPercent(performance.coverage)} of the window)`,
    );
    const rows = performance.metrics.map(({ metric, value, low, high, reference, degraded, missesObjective }) => [
      ...[`  ${metric}`, show(value), `${show(low)} to ${show(high)}`, show(reference)],
      degraded ? 'degraded' : missesObjective ? 'misses objective' : '',
    ]);
    if (rows.length > 0) lines.push(textTable(['  metric', 'value', 'interval', 'reference', ''], rows));
  }
  const estimated = Object.entries(estimatedPerformance?.metrics ?? {}).map(
    ([metric, value]) => `${metric} ${show(value)}`,
  );
  if (estimated.length > 0) lines.push('', `estimated from the scores, without labels: ${estimated.join(', ')}`);
  return lines;
}
