import { type CallRecord, serializeRecord } from '../collect/capture-record';
import { CallLine } from './call-line';

const CALL: CallRecord = { kind: 'request', id: 'a', received: 1, body: '{"instances":[[1]]}' };
const before = `${'x'.repeat(40)}\n`;

/** A line is read where it stands among others. */
function parse(line: string): CallLine {
  return CallLine.parse(`${before}${line}\n${line}`, before.length, before.length + line.length);
}

test.each<[string, Partial<CallRecord>]>([
  ['all that may be said', { version: '7', time: 1795235989141, received: 1795235989150.5, requestId: 'order-1' }],
  ['nothing that need not be', {}],
  ['a response', { kind: 'response', version: '' }],
  ['an empty id', { id: '' }],
  ['quotes and what looks like the next field', { id: 'a","version":"9', requestId: '\\","data":{' }],
  ['control characters', { id: 'a\tb\u0000' }],
  ['letters of other scripts', { id: 'größe-数', version: 'é' }],
  ['a time before the epoch, and a fraction', { time: -0.5 }],
  ['numbers with exponents', { time: 1e21, received: 1e-7 }],
  ['a body that is text', { body: 'nothing, "data":{}' }],
  ['a body with several lines', { body: '{\n"instances": []}' }],
  ['a body of bytes', { body: Buffer.from([0xff, 0x7b]) }],
  ['a body that ends its record and begins another', { body: '{}},"version":"9","data":{}' }],
])('a head with %s is read as the record says it', (_, said) => {
  const record = { ...CALL, ...said };
  const line = parse(serializeRecord(record).slice(0, -1));
  const { kind, id, version = '', time, received, requestId } = record;
  expect(line).toMatchObject({ kind, id, version, time, received, requestId });
  const sent = Buffer.isBuffer(record.body) ? record.body : Buffer.from(record.body as string);
  expect(Buffer.from(line.body as string)).toEqual(sent);
  expect(parse(line.text)).toMatchObject({ id, body: line.body });
});

test.each([
  ['is cut off', serializeRecord(CALL).slice(0, -3)],
  ['is cut off before its body', '{"kind":"request","id":"a","received":1,"data":'],
  ['is a label', '{"kind":"label","requestId":"a","label":"yes","time":1,"received":1}'],
  ['is none', '{}'],
  ['has a number as id', '{"kind":"request","id":1,"received":1,"data":{}}'],
])('a line that %s is refused', (_, line) => {
  expect(() => parse(line)).toThrow(/^is /);
});
