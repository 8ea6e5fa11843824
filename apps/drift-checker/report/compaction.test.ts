import { COMPACTION_FINDINGS } from 'cdk8s-mlops/contract';
import { type CompactionReport } from '../compact/compact';
import { Findings } from '../compact/findings';
import { compactionFindings, compactionText } from './compaction';

const report = (changes: Partial<CompactionReport> = {}): CompactionReport => ({
  ...{ rows: 0, parts: [], updated: [], expired: [], segments: 0, waitingCalls: 0, waitingLabels: 0 },
  ...{ findings: new Findings(), ...changes },
});

test('what was done is told, also when it was nothing', () => {
  expect(compactionText(report())).toBe(
    '0 segments gave 0 predictions in 0 new files; 0 files got labels, 0 were deleted because of their age\n' +
      'waiting: 0 requests or responses for each other, 0 labels\n',
  );
  const done = { rows: 7, parts: ['a', 'b'], updated: ['c'], expired: ['d', 'e', 'f'], segments: 4 };
  expect(compactionText(report({ ...done, waitingCalls: 5, waitingLabels: 6 }))).toBe(
    '4 segments gave 7 predictions in 2 new files; 1 files got labels, 3 were deleted because of their age\n' +
      'waiting: 5 requests or responses for each other, 6 labels\n',
  );
});

test('who compacts at this moment is told instead', () => {
  expect(compactionText(report({ heldBy: 'pod-1' }))).toBe('nothing was compacted: pod-1 does at this moment\n');
});

test('every kind of finding has a sentence', () => {
  const findings = new Findings();
  Object.values(COMPACTION_FINDINGS).forEach((kind, index) => findings.add(kind, index + 1));
  const sentences = compactionFindings(report({ findings }));
  expect(sentences).toHaveLength(Object.keys(COMPACTION_FINDINGS).length);
  for (const sentence of sentences) expect(sentence).toMatch(/^\d+ [a-z]+ .+/);
  const text = compactionText(report({ findings }));
  for (const sentence of sentences) expect(text).toContain(sentence.replace(/^\d+ /, ''));
});

test('what was not found is not named', () => {
  const findings = new Findings();
  findings.add(COMPACTION_FINDINGS.undecodable, 0, 'nothing');
  expect(compactionFindings(report({ findings }))).toEqual([]);
});

test('of what was found there are three examples', () => {
  const findings = new Findings();
  for (const example of ['a', 'b', 'c', 'd']) findings.add(COMPACTION_FINDINGS.unreadable, 2, example);
  findings.add(COMPACTION_FINDINGS.fromFuture, 1);
  expect(findings.toJSON()).toEqual({ from_future: { count: 1 }, unreadable: { count: 8, examples: ['a', 'b', 'c'] } });
  expect([findings.count(COMPACTION_FINDINGS.unreadable), findings.count(COMPACTION_FINDINGS.unevenCall)]).toEqual([
    8, 0,
  ]);
});
