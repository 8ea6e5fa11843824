import { type DecisionRecord, isIntact } from './decision-record';

/** A record that is not what it should be. */
export interface BrokenRecord {
  readonly sequence: number;
  readonly problem: string;
}

/**
 * Every record of a model that was changed, removed, added or reordered.
 *
 * @param records in the order of their sequence
 * @param head hash of the last record, as the registry remembers it: without it a chain that was cut off at its end looks whole
 */
export function verifyChain(records: readonly DecisionRecord[], head?: string): BrokenRecord[] {
  const broken: BrokenRecord[] = [];
  records.forEach((record, index) => {
    const { sequence } = record;
    const before = records[index - 1];
    const expected = (before?.sequence ?? 0) + 1;
    if (!isIntact(record))
      broken.push({ sequence, problem: 'was changed after it was written: its content does not have its hash' });
    if (sequence !== expected) {
      const problem =
        sequence > expected ? `${sequence - expected} records before it are missing` : 'is there more than once';
      broken.push({ sequence, problem });
    } else if (record.previous !== before?.hash) {
      broken.push({ sequence, problem: 'does not follow the record before it: one of them was replaced' });
    }
  });
  const last = records.at(-1);
  if (head === undefined || last?.hash === head) return broken;
  const counted = records.findIndex(({ hash }) => hash === head);
  if (counted < 0) {
    broken.push({
      sequence: (last?.sequence ?? 0) + 1,
      problem: `records at the end are missing: the last one had the hash ${head}`,
    });
  }
  for (const { sequence } of counted < 0 ? [] : records.slice(counted + 1)) {
    const problem =
      'was written and not counted: a command was killed there, which the next decision settles, or somebody added it';
    broken.push({ sequence, problem });
  }
  return broken;
}
