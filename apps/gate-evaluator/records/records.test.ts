import {
  canonicalJson,
  type Decision,
  type DecisionRecord,
  isIntact,
  nextRecord,
  serializeRecord,
} from './decision-record';
import { verifyChain } from './verify-chain';

const decision = (more: Partial<Decision> = {}): Decision => ({
  action: 'promote',
  model: 'fraud',
  modelVersion: '7',
  at: '2026-11-20T07:00:00.000Z',
  by: 'run fraud-training-1',
  reason: 'schedule',
  inputs: { 'dataset.digest': 'sha256:aa' },
  ...more,
});

function chain(length: number): DecisionRecord[] {
  const records: DecisionRecord[] = [];
  for (let index = 0; index < length; index++)
    records.push(nextRecord(decision({ modelVersion: String(index) }), records.at(-1)));
  return records;
}

describe('canonical JSON', () => {
  test.each<[unknown, string]>([
    [{ b: 1, a: [true, null, 'ü"'] }, '{"a":[true,null,"ü\\""],"b":1}'],
    [{ a: undefined, b: 0.1 + 0.2, c: -0 }, '{"b":0.30000000000000004,"c":0}'],
    [{ é: 1, z: 2, Z: 3 }, '{"Z":3,"z":2,"é":1}'],
    [{}, '{}'],
  ])('%j', (value, text) => expect(canonicalJson(value)).toBe(text));

  test.each([NaN, Infinity])('has no %p', (value) => expect(() => canonicalJson({ a: value })).toThrow(/JSON has no/));
});

describe('a record', () => {
  test('has the hash of its content, whatever the order of its keys', () => {
    const record = nextRecord(decision(), undefined);
    expect(record).toMatchObject({ sequence: 1, previous: undefined, version: 1 });
    expect(record.hash).toMatch(/^sha256:[0-9a-f]{64}$/);
    const reversed = Object.fromEntries(Object.entries(decision()).reverse()) as unknown as Decision;
    expect(nextRecord(reversed, undefined)).toEqual(record);
    expect(serializeRecord(nextRecord(reversed, undefined))).toBe(serializeRecord(record));
  });

  test('is intact after it was written and read', () => {
    const record = nextRecord(decision({ verdict: 'pass', checks: [] }), { sequence: 3, hash: 'sha256:x' });
    const read = JSON.parse(serializeRecord(record)) as DecisionRecord;
    expect([isIntact(read), read.sequence, read.previous]).toEqual([true, 4, 'sha256:x']);
  });

  test.each<[string, Partial<DecisionRecord>]>([
    ['verdict', { verdict: 'pass' }],
    ['time', { at: '2026-11-21T07:00:00.000Z' }],
    ['input', { inputs: { 'dataset.digest': 'sha256:bb' } }],
    ['predecessor', { previous: 'sha256:other' }],
  ])('with another %s is not', (_, change) => {
    expect(isIntact({ ...nextRecord(decision(), undefined), ...change })).toBe(false);
  });
});

describe('a chain', () => {
  test('as it was written is whole', () => {
    const records = chain(5);
    expect(verifyChain(records, records[4]!.hash)).toEqual([]);
    expect(verifyChain([])).toEqual([]);
  });

  test('names a record that was changed', () => {
    const records = chain(4);
    records[2] = { ...records[2]!, verdict: 'pass' };
    expect(verifyChain(records)).toEqual([{ sequence: 3, problem: expect.stringMatching(/was changed/) as string }]);
  });

  test('names the place of a record that was changed and hashed again', () => {
    const records = chain(4);
    records[1] = nextRecord(decision({ reason: 'forged' }), records[0]);
    expect(verifyChain(records)).toEqual([
      { sequence: 3, problem: expect.stringMatching(/does not follow/) as string },
    ]);
  });

  test.each([
    ['in the middle', [0, 1, 3, 4], [{ sequence: 4, problem: '1 records before it are missing' }]],
    ['at the beginning', [1, 2], [{ sequence: 2, problem: '1 records before it are missing' }]],
    ['twice', [0, 1, 1, 2], [{ sequence: 2, problem: 'is there more than once' }]],
  ])('with a record missing or more %s', (_, kept, problems) => {
    const records = chain(5);
    expect(verifyChain(kept.map((index) => records[index]!))).toEqual(problems);
  });

  test('that was cut off at its end is known by the registry', () => {
    const records = chain(3);
    const head = records[2]!.hash;
    expect(verifyChain(records.slice(0, 2), head)).toEqual([
      { sequence: 3, problem: expect.stringContaining(head) as string },
    ]);
    expect(verifyChain([], head)).toHaveLength(1);
  });
});
