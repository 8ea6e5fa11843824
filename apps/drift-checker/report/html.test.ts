import { type Finding } from '../check/drift-report';
import { escapeHtml, htmlReport } from './html';
import { sampleFeature, sampleReport } from './testing/sample-report';

const EVIL = `<script>alert("x")</script>'&`;
const ESCAPED = `&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;'&amp;`;

test('what comes from data never becomes markup, wherever it is shown', () => {
  const bins = [
    { label: EVIL, reference: 1, current: 1 },
    { label: EVIL, reference: 0, current: 0 },
  ];
  const quality: Finding[] = [{ kind: 'unseen-category', severity: 'warning', message: EVIL }];
  const evil = sampleFeature({ name: EVIL, bins, excluded: EVIL });
  const page = htmlReport(
    sampleReport({
      ...{ model: EVIL, modelVersion: EVIL, reasons: [EVIL], features: [evil], predictions: [evil], quality },
      window: { ...sampleReport().window, selection: EVIL, extended: true, from: EVIL },
      retraining: { needed: false, reason: EVIL },
    }),
  );
  expect(page).not.toContain('<script');
  expect(page.split(ESCAPED).length - 1).toBeGreaterThanOrEqual(12);
});

test('text is escaped once', () => {
  expect(escapeHtml('a < b & "c"')).toBe('a &lt; b &amp; &quot;c&quot;');
});

test('the page needs no network and runs nothing', () => {
  const page = htmlReport(sampleReport());
  expect(page).not.toMatch(/https?:|\/\/|<script|<link|<img|<iframe|@import|url\(|\son\w+=/i);
});

test('the page is readable on a phone', () => {
  const page = htmlReport(sampleReport());
  expect(page).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
  expect(page).toContain('minmax(min(20rem, 100%), 1fr)');
});

test('the worst feature comes first: drifted ones, then by the score beside the threshold', () => {
  const features = [
    sampleFeature({ name: 'calm', score: 0.01, drifted: false }),
    sampleFeature({ name: 'near', score: 0.4, threshold: 1, drifted: false }),
    sampleFeature({ name: 'noisy', score: 0.5, threshold: 0.15, drifted: false }),
    sampleFeature({ name: 'drifted', score: 0.2, threshold: 0.15 }),
    sampleFeature({ name: 'drifted-most', score: 0.9, threshold: 0.15 }),
  ];
  const names = [...htmlReport(sampleReport({ features })).matchAll(/<h3>(\S+) /g)].map(([, name]) => name);
  expect(names).toEqual(['drifted-most', 'drifted', 'noisy', 'near', 'calm']);
});

test('every feature shows both distributions, its score and its verdict', () => {
  const page = htmlReport(sampleReport({ features: [sampleFeature()] }));
  expect(page).toContain('<h3>amount <span class="bad">drifted</span></h3>');
  expect(page).toContain('psi 0.500 (threshold 0.150), p &lt; 0.0001, missing 0.0 % → 1.0 %');
  expect(page).toContain('mean 10 → 12, standard deviation 2 → 2.500');
  const bars = [...page.matchAll(/height="([\d.]+)" fill="var\(--(\w+)\)"><title>([^<]*)</g)].map(
    ([, height, colour, hint]) => [Number(height), colour, hint],
  );
  expect(bars).toEqual([
    [57.5, 'reference', '≤ 10: 50.0 % of the reference'],
    [23, 'current', '≤ 10: 20.0 % of this window'],
    [57.5, 'reference', '&gt; 10: 50.0 % of the reference'],
    [92, 'current', '&gt; 10: 80.0 % of this window'],
  ]);
  expect(page).toContain('<tr><td>&gt; 10</td><td>50.0 %</td><td>80.0 %</td></tr>');
});

test('a broken column says why it does not count', () => {
  const broken = sampleFeature({ drifted: false, excluded: 'every value is missing' });
  const page = htmlReport(sampleReport({ features: [broken] }));
  expect(page).toContain('<span class="warn">broken, not counted</span>');
  expect(page).toContain('<p class="warn">every value is missing</p>');
});

test('a page of nothing is still a page', () => {
  const page = htmlReport(
    sampleReport({
      ...{ verdict: 'inconclusive', severity: 'inconclusive', features: [], modelVersion: undefined },
      window: { ...sampleReport().window, rows: 0 },
    }),
  );
  expect(page).toContain('<title>churn: inconclusive</title>');
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
});

test('estimated performance is marked as estimated', () => {
  const page = htmlReport(sampleReport({ estimatedPerformance: { estimated: true, metrics: { accuracy: 0.9 } } }));
  expect(page).toContain('Estimated from the scores, without labels: accuracy 0.900');
});

test('the same report gives the same page', () => {
  expect(htmlReport(sampleReport())).toBe(htmlReport(sampleReport()));
});
