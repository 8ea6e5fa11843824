import { textTable } from '../../common/text-table';
import { findingLines, terminalReport } from './terminal';
import { sampleFeature, sampleReport } from './testing/sample-report';

test('the report fits a terminal, the worst feature first', () => {
  expect(terminalReport(sampleReport())).toBe(`churn version 3: drift (severity critical)
window: 24 h before 2026-11-20T00:00:00.000Z, 12000 rows; reference: 20000 rows
  - 1 of 2 features drifted (more than 30 %): amount

column  statistic  score  threshold  p (adjusted)  missing  verdict
──────  ─────────  ─────  ─────────  ────────────  ───────  ───────
amount        psi  0.500      0.150      < 0.0001    1.0 %  drifted
age           psi  0.010      0.150        0.7000    0.0 %       ok

data drift score 0.255, 1 of 2 features drifted

retraining: needed, the data drifted
`);
});

test('findings, measured and estimated performance follow', () => {
  const text = terminalReport(
    sampleReport({
      quality: [
        { kind: 'constant', severity: 'info', message: 'third' },
        { kind: 'all-null', severity: 'critical', message: 'first' },
        { kind: 'missing-values', severity: 'warning', message: 'second' },
      ],
      performance: {
        ...{ verdict: 'degraded', labels: 250, coverage: 0.25 },
        metrics: [
          {
            ...{ metric: 'accuracy', value: 0.8, low: 0.75, high: 0.85, reference: 0.9 },
            ...{ judged: true, degraded: true, missesObjective: false },
          },
        ],
      },
      estimatedPerformance: { estimated: true, metrics: { accuracy: 0.81 } },
    }),
  );
  expect(text).toContain('data quality:\n  critical  first\n  warning   second\n  info      third\n');
  expect(text).toContain('performance: degraded, 250 labels (25.0 % of the window)\n');
  expect(text).toMatch(/ {2}accuracy {2}0\.800 {2}0\.750 to 0\.850 {6}0\.900 {2}degraded\n/);
  expect(text).toContain('estimated from the scores, without labels: accuracy 0.810\n');
});

test('a window that was extended says since when', () => {
  const window = { ...sampleReport().window, extended: true };
  expect(terminalReport(sampleReport({ window }))).toContain(', extended back to 2026-11-19T00:00:00.000Z, 12000 rows');
});

test('control characters of names cannot drive the terminal', () => {
  const text = terminalReport(
    sampleReport({
      features: [sampleFeature({ name: 'a\u001b[2Jb\u009b1m' })],
      quality: [{ kind: 'unseen-category', severity: 'info', message: 'c\u0007d\re' }],
    }),
  );
  expect(text).toContain('a�[2Jb�1m');
  expect(text).toContain('c�d�e');

  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test('a table is aligned, the first column to the left', () => {
  expect(
    textTable(
      ['a', 'b'],
      [
        ['long', '1'],
        ['x', '22'],
      ],
    ),
  ).toBe('a      b\n────  ──\nlong   1\nx     22');
});

test('lines of findings keep the order of those that are equally bad', () => {
  const finding = (message: string) => ({ kind: 'constant', severity: 'info', message }) as const;
  expect(findingLines([finding('b'), finding('a')])).toEqual(['  info      b', '  info      a']);
});
