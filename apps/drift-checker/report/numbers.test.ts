import { serializeReport, show, showPercent } from './numbers';

test('a report is rounded to what the order of a sum cannot change', () => {
  expect(serializeReport({ a: 0.1 + 0.2, b: 1 / 3, c: 12_345_678_901_234, d: 1e-300 / 3 })).toBe(
    '{\n  "a": 0.3,\n  "b": 0.333333333333,\n  "c": 12345678901234,\n  "d": 3.33333333333e-301\n}\n',
  );
});

test('numbers that differ in the last bits give the same bytes', () => {
  expect(serializeReport({ a: 0.1 + 0.2 + 0.3 })).toBe(serializeReport({ a: 0.3 + 0.2 + 0.1 }));
});

test('what is absent is left out, and what is no number is null', () => {
  expect(serializeReport({ a: undefined, b: NaN, c: Infinity })).toBe('{\n  "b": null,\n  "c": null\n}\n');
});

test.each([
  [0, '0'],
  [2, '2'],
  [0.12345, '0.123'],
  [0.0005, '5.0e-4'],
  [-0.0005, '-5.0e-4'],
  [1_234_567, '1.2e+6'],
  [undefined, '–'],
])('%p is shown as %s', (value, expected) => {
  expect(show(value)).toBe(expected);
});

test('a share is shown in percent', () => {
  expect(showPercent(0.12345)).toBe('12.3 %');
});
