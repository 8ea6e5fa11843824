import { DOMParser, type Element } from '@xmldom/xmldom';
import { type CheckResult } from '../gates/check-result';
import { nextRecord } from '../records/decision-record';
import { cell, evaluationTable, type EvaluationRecord, notPassed } from './evaluation-table';
import { evaluationJunit } from './junit';
import { evaluationMarkdown } from './markdown';

const check = (more: Partial<CheckResult> = {}): CheckResult => ({
  check: 'auc',
  metric: 'auc',
  rule: 'at least 0.9',
  candidate: 0.93,
  limit: 0.9,
  verdict: 'pass',
  severity: 'block',
  reason: '0.93 is at least 0.9',
  ...more,
});

const FAILED = check({ check: 'f1', metric: 'f1', candidate: 0.5, verdict: 'fail', reason: '0.5 is below' });
const OPEN = check({ check: 'f1.new', candidate: undefined, verdict: 'inconclusive', reason: 'too few' });
const WARNED = check({
  check: 'size',
  candidate: 600,
  baseline: 550,
  verdict: 'fail',
  severity: 'warn',
  reason: 'big',
});

const record = (checks: readonly CheckResult[], more: Partial<EvaluationRecord> = {}): EvaluationRecord =>
  nextRecord(
    {
      action: 'evaluate',
      model: 'fraud',
      run: 'run-1',
      at: '2026-11-20T07:00:00.000Z',
      by: 'alice',
      reason: 'schedule',
      verdict: 'fail',
      checks,
      notes: [],
      inputs: { metrics: 'metrics.json' },
      ...more,
    },
    undefined,
  ) as EvaluationRecord;

test('what did not pass is in the order of its weight', () => {
  const open = { ...OPEN, severity: 'warn' as const };
  expect(notPassed([open, WARNED, OPEN, check(), FAILED])).toEqual([FAILED, OPEN, WARNED, open]);
});

test.each<[number | undefined, string]>([
  [undefined, '–'],
  [0, '0'],
  [-0.5, '-0.5'],
  [1 / 3, '0.333333'],
  [1e21, '1e+21'],
  [123456789, '123457000'],
])('the cell of %p is %s', (value, text) => expect(cell(value)).toBe(text));

describe('the table', () => {
  test('shows every check, why some did not pass, and the notes', () => {
    const evaluation = record([check(), FAILED, OPEN, WARNED], { notes: ['other data'] });
    expect(evaluationTable(evaluation).split('\n')).toEqual([
      'fraud: run-1: FAIL, 1 of 4 checks passed',
      'metrics: metrics.json; baseline: none',
      '',
      'check   candidate  baseline  limit          answer',
      '──────  ─────────  ────────  ─────  ──────────────',
      'auc          0.93         –    0.9            pass',
      'f1            0.5         –    0.9            fail',
      'f1.new          –         –    0.9    inconclusive',
      'size          600       550    0.9  warning (fail)',
      '',
      '  f1: 0.5 is below (expected: at least 0.9)',
      '  f1.new: too few (expected: at least 0.9)',
      '  size: big (expected: at least 0.9)',
      '  note: other data',
      `record: ${evaluation.hash}`,
    ]);
  });

  test.each<[Partial<EvaluationRecord>, string]>([
    [{ modelVersion: '7' }, 'fraud: version 7: PASS, 0 of 0 checks passed'],
    [{ run: undefined }, 'fraud: the candidate: PASS, 0 of 0 checks passed'],
  ])('of %j without checks is short', (more, head) => {
    const evaluation = record([], { ...more, verdict: 'pass', inputs: { metrics: 'a', baseline: 'models:/fraud/3' } });
    expect(evaluationTable(evaluation).split('\n')).toEqual([
      head,
      'metrics: a; baseline: models:/fraud/3',
      '',
      `record: ${evaluation.hash}`,
    ]);
  });

  test('of more checks than a screen holds shows those that did not pass', () => {
    const many = Array.from({ length: 500 }, (_, n) => check({ check: `m${n}` }));
    const lines = evaluationTable(record([...many, FAILED, WARNED])).split('\n');
    expect(lines.slice(5, 9)).toEqual([
      expect.stringMatching(/^f1 .* fail$/) as string,
      expect.stringMatching(/^size .* warning \(fail\)$/) as string,
      'and 500 more, in the decision record',
      '',
    ]);
    const failing = Array.from({ length: 500 }, (_, n) => ({ ...FAILED, check: `m${n}` }));
    expect(evaluationTable(record(failing)).split('\n').length).toBeLessThan(80);
    expect(evaluationTable(record(many)).split('\n').length).toBeLessThan(10);
  });

  test('cannot be driven by what names hold', () => {
    const evil = check({ check: 'a\u001b[2J\nrecord: forged\r\u009b', verdict: 'fail', reason: 'x\ny' });
    const table = evaluationTable(record([evil], { notes: ['n\nrecord: forged'], model: 'm\nx', run: '\u0007' }));
    expect(table).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(table.split('\n').filter((line) => line.startsWith('record: '))).toEqual([
      expect.stringMatching(/^record: sha256:[0-9a-f]{64}$/) as string,
    ]);
  });
});

describe('the JUnit report', () => {
  const parse = (xml: string): Element => new DOMParser().parseFromString(xml, 'text/xml').documentElement!;
  const cases = (xml: string): Element[] => [...parse(xml).getElementsByTagName('testcase')];
  const childOf = (each: Element, name: string): Element | undefined => [...each.getElementsByTagName(name)][0];

  test('has a case a check: what fails the gate is a failure, what warns is not', () => {
    const open = { ...OPEN, severity: 'warn' as const };
    const xml = evaluationJunit(record([check(), FAILED, OPEN, WARNED, open]));
    const suite = [...parse(xml).getElementsByTagName('testsuite')][0]!;
    expect(['name', 'timestamp', 'tests', 'failures', 'errors'].map((name) => suite.getAttribute(name))).toEqual([
      'fraud quality gates',
      '2026-11-20T07:00:00.000Z',
      '5',
      '1',
      '1',
    ]);
    const [passed, failed, inconclusive, warned, openWarned] = cases(xml);
    expect(['classname', 'name', 'time'].map((name) => failed!.getAttribute(name))).toEqual(['fraud.f1', 'f1', '0']);
    expect(childOf(passed!, 'system-out')?.textContent).toBe('0.93 is at least 0.9 (expected: at least 0.9)');
    expect(childOf(failed!, 'failure')?.getAttribute('message')).toBe('0.5 is below (expected: at least 0.9)');
    expect(childOf(inconclusive!, 'error')?.getAttribute('message')).toBe(
      'inconclusive: too few (expected: at least 0.9)',
    );
    for (const each of [warned!, openWarned!]) {
      expect(childOf(each, 'system-out')?.textContent).toMatch(/^warning: /);
      expect([childOf(each, 'failure'), childOf(each, 'error')]).toEqual([undefined, undefined]);
    }
  });

  test('without checks is a report without cases', () => {
    expect(cases(evaluationJunit(record([])))).toEqual([]);
  });

  test.each(['<b>&amp;"\'', ']]></system-out><failure/>', '<!-- -->', 'ünïcode 😀', 'a{{b}}${c}'])(
    'carries %j as it is',
    (name) => {
      const [passed, failed] = cases(
        evaluationJunit(record([check({ check: name, reason: name }), { ...FAILED, check: name, reason: name }])),
      );
      for (const each of [passed!, failed!]) expect(each.getAttribute('name')).toBe(name);
      expect(childOf(passed!, 'system-out')?.textContent).toBe(`${name} (expected: at least 0.9)`);
      expect(childOf(passed!, 'failure')).toBeUndefined();
      expect(childOf(failed!, 'failure')?.getAttribute('message')).toBe(`${name} (expected: at least 0.9)`);
    },
  );

  test('leaves out what XML cannot hold', () => {
    const [first] = cases(evaluationJunit(record([check({ check: 'a\u0000b\u001b\ud800c', reason: '\uffff' })])));
    expect(first?.getAttribute('name')).toBe('abc');
  });
});

describe('the Markdown summary', () => {
  test('shows every check, why some did not pass, and the notes', () => {
    const evaluation = record([check(), FAILED, OPEN, WARNED], { notes: ['other data'] });
    expect(evaluationMarkdown(evaluation).split('\n')).toEqual([
      '### ❌ Quality gates of fraud: fail',
      '',
      '1 of 4 checks passed. Metrics: metrics.json; baseline: none.',
      '',
      '| answer | check | candidate | baseline | rule |',
      '| --- | --- | ---: | ---: | --- |',
      '| ✅ pass | auc | 0.93 | – | at least 0.9 |',
      '| ❌ fail | f1 | 0.5 | – | at least 0.9 |',
      '| ❔ inconclusive | f1.new | – | – | at least 0.9 |',
      '| ⚠️ warning (fail) | size | 600 | 550 | at least 0.9 |',
      '',
      '- **f1**: 0.5 is below',
      '- **f1.new**: too few',
      '- **size**: big',
      '',
      '> other data',
      '',
      `Decision record \`${evaluation.hash}\``,
      '',
    ]);
  });

  test.each<[string, string]>([
    ['a|b', 'a\\|b'],
    ['`rm`', '\\`rm\\`'],
    ['a\\|b', 'a\\\\\\|b'],
    ['<img src=x onerror="y">', '\\<img src=x onerror="y"\\>'],
    ['</td></table>', '\\</td\\>\\</table\\>'],
    ['&lt;script&gt;', '&amp;lt;script&amp;gt;'],
    ['[x](http://evil)', '\\[x\\]\\(http://evil\\)'],
    ['![x](y)', '\\!\\[x\\]\\(y\\)'],
    ['# head', '\\# head'],
    ['*bold* _it_ ~~no~~', '\\*bold\\* \\_it\\_ \\~\\~no\\~\\~'],
    ['one\n\n| two |\r\nthree', 'one \\| two \\| three'],
    ['@everyone', '\\@everyone'],
  ])('%j is only text', (evil, plain) => {
    const bad = { ...FAILED, check: evil, reason: evil, rule: evil };
    const lines = evaluationMarkdown(
      record([bad], { model: evil, notes: [evil], inputs: { metrics: evil, baseline: evil } }),
    ).split('\n');
    expect(lines[0]).toBe(`### ❌ Quality gates of ${plain}: fail`);
    expect(lines[2]).toBe(`0 of 1 checks passed. Metrics: ${plain}; baseline: ${plain}.`);
    expect(lines[6]).toBe(`| ❌ fail | ${plain} | 0.5 | – | ${plain} |`);
    expect([lines[8], lines[10], lines.length]).toEqual([`- **${plain}**: ${plain}`, `> ${plain}`, 14]);
  });

  test.each(['pass', 'fail', 'inconclusive'] as const)('without checks: %s', (verdict) => {
    const [head, , summary] = evaluationMarkdown(record([], { verdict })).split('\n');
    const icon = { pass: '✅', fail: '❌', inconclusive: '❔' }[verdict];
    expect([head, summary]).toEqual([
      `### ${icon} Quality gates of fraud: ${verdict}`,
      '0 of 0 checks passed. Metrics: metrics.json; baseline: none.',
    ]);
  });
});
