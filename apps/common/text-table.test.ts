import { printable, textTable } from './text-table';

test('a table has a line for each row, numbers to the right', () => {
  const rows = [
    ['accuracy', '0.93'],
    ['p95', '12345.6'],
    ['size', ''],
  ];
  expect(textTable(['check', 'value'], rows).split('\n')).toEqual([
    'check       value',
    '────────  ───────',
    'accuracy     0.93',
    'p95       12345.6',
    'size',
  ]);
});

test('a table without rows has its head', () => {
  expect(textTable(['a', 'bc'], [])).toBe('a  bc\n─  ──');
});

test.each([
  ['\u001b[31mred\u001b[0m', '\ufffd[31mred\ufffd[0m'],
  ['a\tb\rc\u0000\u007f\u009b', 'a\ufffdb\ufffdc\ufffd\ufffd\ufffd'],
  ['lines\nstay, ümläüte ✅ too', 'lines\nstay, ümläüte ✅ too'],
])('%j cannot drive a terminal', (text, shown) => expect(printable(text)).toBe(shown));
