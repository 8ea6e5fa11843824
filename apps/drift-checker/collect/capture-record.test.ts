import { type CallRecord, type LabelRecord, parseRecord, serializeRecord } from './capture-record';

const HEAD = { kind: 'request', id: 'call-1', version: '1', time: 5, received: 7, requestId: 'r-1' } as const;
const LABEL: LabelRecord = { kind: 'label', requestId: 'r-1', label: 'yes', time: 1, received: 2 };
const lineOf = (body: CallRecord['body'], head: Omit<CallRecord, 'body'> = HEAD): string =>
  serializeRecord({ ...head, body });
const read = (line: string): unknown => parseRecord(line.slice(0, -1));

test.each([
  ['an object', '{"instances": [[1, "ü€ "]]}', { instances: [[1, 'ü€ ']] }],
  ['an empty object', '{}', {}],
  ['lines', '{"a":\n1}', '{"a":\n1}'],
  ['a list', '[1]', '[1]'],
  ['nothing', '', ''],
  ['a text', 'hello "you" \\ \u0000', 'hello "you" \\ \u0000'],
  ["Python's NaN", '{"instances": [[NaN]]}', '{"instances": [[NaN]]}'],
  ['what begins as an object', '{"instances"', '{"instances"'],
  ['too many braces', '{}}}', '{}}}'],
])('a body that is %s is kept as it is', (_, body, expected) => {
  for (const each of [body, Buffer.from(body)]) {
    const line = lineOf(each);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(read(line)).toMatchObject({ ...HEAD, ...(expected !== '' && { body: expected }) });
  }
});

test('a body that is no text is kept byte by byte', () => {
  const body = Buffer.from([0x1f, 0x8b, 0xff, 0x0a, 0x7b]);
  expect(read(lineOf(body))).toMatchObject({ ...HEAD, body });
});

test.each([
  [{ kind: 'response', id: 'a', received: 1 }],
  [{ kind: 'request', id: '"\\\n', received: 1, version: 'ü' }],
])('what an event did not say is absent: %j', (head) => {
  const { body, ...rest } = read(lineOf('{"a":1}', head as CallRecord)) as CallRecord;
  expect(body).toEqual({ a: 1 });
  expect(JSON.parse(JSON.stringify(rest))).toMatchObject(head);
  expect(rest).not.toHaveProperty('requestId');
});

test.each([
  ['{"a":1},"id":"another","data":{"b":2}'],
  ['{},"kind":"label","label":"yes","data":{}'],
  ['{},"received":0,"data":{}'],
  ['{},"version":"9"'],
  ['{},"v\\u0065rsion":"9","data":{}'],
  ['{},"time":1,"data":{}'],
])('a body cannot pretend to be of another call: %s', (body) => {
  const { version: _, time: __, ...head } = HEAD;
  for (const each of [HEAD, head]) {
    const { body: kept, ...rest } = read(lineOf(body, each)) as CallRecord;
    expect(JSON.parse(JSON.stringify(rest))).toMatchObject(each);
    expect(
      Object.keys(rest)
        .filter((key) => key !== 'data')
        .sort(),
    ).toEqual(Object.keys(each).sort());
    expect(kept).toBe(body);
  }
});

test('a label is kept as it is', () => {
  expect(read(serializeRecord(LABEL))).toEqual(LABEL);
});

test.each([
  ['a request', lineOf('{"instances": [{"a": "}"}]}')],
  ['a request with a text', lineOf('[1, 2]')],
  ['a request with bytes', lineOf(Buffer.from([0xff]))],
  ['a label', serializeRecord(LABEL)],
])('%s that was cut off anywhere is none', (_, line) => {
  for (let length = 0; length < line.length - 1; length++) {
    let body: unknown = 'none';
    try {
      ({ body } = parseRecord(line.slice(0, length)) as CallRecord);
    } catch (error) {
      expect((error as Error).message).toMatch(/^is not JSON|^is /);
    }
    // Cut behind a brace of its body it is a line whose body is broken, which nobody takes for the whole one.
    if (body !== 'none') expect(typeof body).toBe('string');
  }
});

test.each([
  ['{}'],
  ['{"kind":"request","id":"a"}'],
  ['{"kind":"order","id":"a","received":1,"body":""}'],
  ['[]'],
  ['5'],
  ['no'],
])('%s is no record', (line) => {
  expect(() => parseRecord(line)).toThrow(/^is /);
});
