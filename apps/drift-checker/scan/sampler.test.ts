import { chiSquareSurvival } from '../../common/statistics/special-functions';
import { repeat } from '../../common/testing/test-data';
import { Sampler } from './sampler';

/** The rows that a sampler keeps, by slot. */
function sampled(seed: number, size: number, chunks: readonly number[]): { kept: number[]; sampler: Sampler } {
  const sampler = new Sampler(seed, size);
  const kept: number[] = [];
  let start = 0;
  for (const rows of chunks) {
    sampler.next(rows, (row, slot) => (kept[slot] = start + row));
    start += rows;
  }
  return { kept, sampler };
}

test.each([
  ['one chunk', [200]],
  ['many chunks, some of them empty', [3, 0, 1, 50, 46, 0, 99, 1]],
])('every row is kept equally often: %s', (_, chunks) => {
  const [rows, size, repeats] = [200, 20, 3000];
  const counts = new Float64Array(rows);
  for (let seed = 0; seed < repeats; seed++) for (const row of sampled(seed, size, chunks).kept) counts[row]!++;
  const expected = (repeats * size) / rows;
  // Rows are drawn without replacement, which makes their counts less variable than the test assumes.
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / (expected * (1 - size / rows)), 0);
  expect(chiSquareSurvival(statistic, rows - 1)).toBeGreaterThan(0.001);
  expect(1 - chiSquareSurvival(statistic, rows - 1)).toBeGreaterThan(0.001);
});

test('the rows that are kept are those with the lowest priorities, each in its slot once', () => {
  const { kept, sampler } = sampled(
    5,
    100,
    repeat(50, () => 200),
  );
  expect(new Set(kept).size).toBe(100);
  expect(sampler.priorities).toHaveLength(100);
  // The highest of the 100 lowest of 10,000 uniform numbers is near 1 %.
  expect(Math.max(...sampler.priorities)).toBeGreaterThan(0.007);
  expect(Math.max(...sampler.priorities)).toBeLessThan(0.014);
});

test('a seed keeps the same rows however they come in chunks, and another seed others', () => {
  const whole = sampled(7, 50, [5000]);
  const parts = sampled(
    7,
    50,
    repeat(500, () => 10),
  );
  expect(parts.kept).toEqual(whole.kept);
  expect(parts.sampler.priorities).toEqual(whole.sampler.priorities);
  expect(sampled(8, 50, [5000]).kept).not.toEqual(whole.kept);
});

test('rows that fit are all kept', () => {
  expect(sampled(1, 100, [60, 40]).kept).toEqual(repeat(100, (row) => row));
  expect(sampled(1, 100, [3]).kept).toEqual([0, 1, 2]);
  expect(sampled(1, 100, []).kept).toEqual([]);
});

test('the slot that is replaced is always the one with the highest priority', () => {
  const sampler = new Sampler(3, 25);
  let before: number[] = [];
  for (let row = 0; row < 5000; row++) {
    const highest = Math.max(...before);
    sampler.next(1, (_, slot) => {
      if (before.length < 25) return;
      expect(before[slot]).toBe(highest);
      expect(sampler.priorities[slot]).toBeLessThan(highest);
    });
    before = [...sampler.priorities];
  }
});

test('rows that cannot get in are passed over and not drawn', () => {
  let kept = 0;
  const sampler = new Sampler(1, 10);
  for (let chunk = 0; chunk < 1000; chunk++) sampler.next(1_000_000, () => kept++);
  // 10 · ln(1e9 / 10) replacements are expected.
  expect(kept).toBeGreaterThan(100);
  expect(kept).toBeLessThan(300);
});
