import { type DriftReport, type FeatureDrift, type Finding } from '../check/drift-report';
import { show, showPercent } from './numbers';
import { worstFirst } from './terminal';

/** Names and values come from data: none of them may become markup. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2733; --paper: #fff; --panel: #f5f7f9; --line: #d5dce3; --reference: #8296aa; --current: #d9692b; --bad: #b3261e; --good: #1f7a4d; --warn: #946200; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --paper: #14191f; --panel: #1d242c; --line: #36414d; --bad: #ff8a80; --good: #6fcf97; --warn: #f2c14e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
.verdict { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; border: 1px solid; font-weight: 600; }
.bad { color: var(--bad); } .good { color: var(--good); } .warn { color: var(--warn); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .5rem; margin: 1rem 0; padding: 0; }
.facts div { background: var(--panel); padding: .5rem .75rem; border-radius: .5rem; }
.facts dt { font-size: .8rem; opacity: .75; } .facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.features { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
.feature { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
.feature p { margin: .15rem 0; font-size: .85rem; }
.feature svg { width: 100%; height: auto; }
details { font-size: .85rem; } table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .15rem .5rem .15rem 0; border-bottom: 1px solid var(--line); } td + td, th + th { text-align: right; }
.scroll { overflow-x: auto; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: .15rem; margin: 0 .25rem 0 .75rem; vertical-align: -1px; }
`;

/** The report as one page that needs no network, readable on a phone. */
export function htmlReport(report: DriftReport): string {
  const version = report.modelVersion === undefined ? '' : ` version ${report.modelVersion}`;
  const title = `${report.model}${version}: ${report.verdict}`;
  const tone = report.severity === 'critical' ? 'bad' : report.severity === 'none' ? 'good' : 'warn';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(report.model + version)}</h1>
<p><span class="verdict ${tone}">${escapeHtml(report.verdict)}</span> severity ${escapeHtml(report.severity)}</p>
${list(report.reasons)}
${facts(report)}
${columns('Features, worst first', report.features)}
${columns('Predictions', report.predictions)}
${quality(report.quality)}
${performance(report)}
</body>
</html>
`;
}

function list(items: readonly string[]): string {
  return items.length === 0 ? '' : `<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join('')}</ul>`;
}

function facts(report: DriftReport): string {
  const { window, reference, retraining } = report;
  const rows: [string, string][] = [
    ['Window', `${window.selection}${window.extended && window.from ? `, extended back to ${window.from}` : ''}`],
    ['Rows', `${window.rows} (reference ${reference.rows})`],
    ...(window.leftOut.length > 0 ? [['Left out', window.leftOut.join(', ')] as [string, string]] : []),
    ['Data drift score', show(report.dataDriftScore)],
    ['Drifted features', `${report.driftedFeatures.length} of ${report.countedFeatures}`],
    ['Retraining', `${retraining.needed ? 'needed' : 'not needed'}: ${retraining.reason}`],
  ];
  return `<dl class="facts">${rows.map(([term, value]) => `<div><dt>${term}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>`;
}

function columns(title: string, drifts: readonly FeatureDrift[]): string {
  if (drifts.length === 0) return '';
  const key =
    '<span class="key"><i style="background:var(--reference)"></i>reference<i style="background:var(--current)"></i>this window</span>';
  return `<h2>${title}</h2>\n<p>${key}</p>\n<div class="features">\n${worstFirst(drifts).map(column).join('\n')}\n</div>`;
}

function column(drift: FeatureDrift): string {
  const verdict = drift.drifted
    ? ['drifted', 'bad']
    : drift.excluded
      ? ['broken, not counted', 'warn']
      : ['no drift', 'good'];
  const p = drift.adjustedPValue < 1e-4 ? 'p &lt; 0.0001' : `p = ${drift.adjustedPValue.toFixed(4)}`;
  const means =
    drift.type === 'numeric'
      ? `<p>mean ${show(drift.referenceMean)} → ${show(drift.mean)}, standard deviation ${show(drift.referenceStandardDeviation)} → ${show(drift.standardDeviation)}</p>`
      : '';
  return `<section class="feature">
<h3>${escapeHtml(drift.name)} <span class="${verdict[1]}">${verdict[0]}</span></h3>
<p>${drift.statistic} ${show(drift.score)} (threshold ${show(drift.threshold)}), ${p}, missing ${showPercent(drift.referenceMissingRatio)} → ${showPercent(drift.missingRatio)}</p>
${drift.excluded ? `<p class="warn">${escapeHtml(drift.excluded)}</p>` : ''}${means}
${chart(drift)}
<details><summary>bins and other statistics</summary><div class="scroll">${binTable(drift)}${statisticTable(drift)}</div></details>
</section>`;
}

const CHART = { width: 320, height: 110, bottom: 14 };

/** Pairs of bars: the reference's share of each bin beside the window's. */
function chart({ name, bins }: FeatureDrift): string {
  const { width, height, bottom } = CHART;
  const highest = Math.max(...bins.map(({ reference, current }) => Math.max(reference, current)), 1e-9);
  const step = width / bins.length;
  const bar = (x: number, share: number, colour: string, hint: string): string => {
    const tall = (share / highest) * (height - bottom - 4);
    return `<rect x="${x.toFixed(1)}" y="${(height - bottom - tall).toFixed(1)}" width="${(step * 0.4).toFixed(1)}" height="${tall.toFixed(1)}" fill="var(--${colour})"><title>${escapeHtml(hint)}</title></rect>`;
  };
  const bars = bins.map(({ label, reference, current }, index) => {
    const x = index * step + step * 0.08;
    return (
      bar(x, reference, 'reference', `${label}: ${showPercent(reference)} of the reference`) +
      bar(x + step * 0.42, current, 'current', `${label}: ${showPercent(current)} of this window`)
    );
  });
  const ends = `<text x="0" y="${height - 2}" font-size="10" fill="currentColor">${escapeHtml(shorten(bins[0]?.label ?? ''))}</text><text x="${width}" y="${height - 2}" font-size="10" text-anchor="end" fill="currentColor">${escapeHtml(shorten(bins.at(-1)?.label ?? ''))}</text>`;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="distribution of ${escapeHtml(name)}">${bars.join('')}<line x1="0" x2="${width}" y1="${height - bottom}" y2="${height - bottom}" stroke="var(--line)"/>${ends}</svg>`;
}

const shorten = (label: string): string => (label.length > 20 ? `${label.slice(0, 19)}…` : label);

function binTable({ bins }: FeatureDrift): string {
  const rows = bins.map(
    ({ label, reference, current }) =>
      `<tr><td>${escapeHtml(label)}</td><td>${showPercent(reference)}</td><td>${showPercent(current)}</td></tr>`,
  );
  return `<table><tr><th>bin</th><th>reference</th><th>window</th></tr>${rows.join('')}</table>`;
}

function statisticTable({ statistics }: FeatureDrift): string {
  const rows = Object.entries(statistics).map(([name, value]) => `<tr><td>${name}</td><td>${show(value)}</td></tr>`);
  return `<table><tr><th>statistic</th><th>value</th></tr>${rows.join('')}</table>`;
}

function quality(findings: readonly Finding[]): string {
  if (findings.length === 0) return '';
  const tone = { critical: 'bad', warning: 'warn', info: '' };
  const items = findings.map(
    ({ severity, message }) => `<li><span class="${tone[severity]}">${severity}</span> ${escapeHtml(message)}</li>`,
  );
  return `<h2>Data quality</h2><ul>${items.join('')}</ul>`;
}

function performance({ performance: measured, estimatedPerformance: estimated }: DriftReport): string {
  const parts: string[] = [];
  if (measured) {
    const rows = measured.metrics.map(
      ({ metric, value, low, high, reference, degraded, missesObjective }) =>
        `<tr><td>${metric}</td><td>${show(value)}</td><td>${show(low)} to ${show(high)}</td><td>${show(reference)}</td><td class="bad">${degraded ? 'degraded' : missesObjective ? 'misses objective' : ''}</td></tr>`,
    );
    parts.push(
      `<p>${measured.verdict}: ${measured.labels} labels, ${showPercent(measured.coverage)} of the window</p>`,
    );
    if (rows.length > 0)
      parts.push(
        `<div class="scroll"><table><tr><th>metric</th><th>value</th><th>interval</th><th>reference</th><th></th></tr>${rows.join('')}</table></div>`,
      );
  }
  if (estimated) {
    const values = Object.entries(estimated.metrics).map(([metric, value]) => `${metric} ${show(value)}`);
    parts.push(`<p>Estimated from the scores, without labels: ${values.join(', ')}</p>`);
  }
  return parts.length === 0 ? '' : `<h2>Performance</h2>${parts.join('\n')}`;
}
