import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CAPTURE_FOLDERS } from 'cdk8s-mlops/contract';
import { serializeRecord } from '../../apps/drift-checker/collect/capture-record';

/** What is made: a day of calls, spread evenly, and labels for some of them. */
export interface SegmentsOptions {
  readonly log: string;
  readonly calls: number;
  readonly labels: number;
  /** When the day began. */
  readonly start: Date;
  readonly features: number;
}

const HOURS = 24;
const HOUR = 3_600_000;
const CALLS_EACH = 20_000;

/** Writes the segments that two collectors would have brought: each has half of the events, so that most calls lie in two files. */
export function writeSegments({ log, calls, labels, start, features }: SegmentsOptions): void {
  const perHour = Math.ceil(calls / HOURS);
  let made = 0;
  let labelled = 0;
  for (let hour = 0; hour < HOURS && made < calls; hour++) {
    const hourStart = start.getTime() + hour * HOUR;
    const inHour = Math.min(perHour, calls - made);
    for (let done = 0; done < inHour; done += CALLS_EACH) {
      const size = Math.min(CALLS_EACH, inHour - done);
      const at = (index: number): number => hourStart + Math.floor((HOUR * (done + index)) / inHour);
      const lines: [string[], string[]] = [[], []];
      const labelLines: string[] = [];
      for (let index = 0; index < size; index++) {
        const call = { id: randomUUID(), version: '1', time: at(index), received: at(index) + 2 };
        const data = Array.from({ length: features }, () => Math.round(Math.random() * 1e6) / 1000);
        const score = Math.round(Math.random() * 1000) / 1000;
        const inputs = [{ name: 'input', shape: [1, features], datatype: 'FP64', data }];
        const outputs = [{ name: 'predict', shape: [1, 2], datatype: 'FP64', data: [1 - score, score] }];
        lines[index % 2]!.push(serializeRecord({ ...call, kind: 'request', body: JSON.stringify({ inputs }) }));
        lines[(index + (index % 3 === 0 ? 0 : 1)) % 2]!.push(
          serializeRecord({ ...call, kind: 'response', time: at(index) + 10, body: JSON.stringify({ outputs }) }),
        );
        if (labelled < ((made + index + 1) * labels) / calls) {
          labelled++;
          const label = Math.random() < score ? 'yes' : 'no';
          const time = at(index) + 7 * 24 * HOUR;
          labelLines.push(serializeRecord({ kind: 'label', requestId: call.id, label, time, received: time }));
        }
      }
      made += size;
      lines.forEach((each, replica) => put(log, 'events', `${hostname()}-${replica}`, at(0), each));
      if (labelLines.length > 0) put(log, 'labels', hostname(), at(0) + 7 * 24 * HOUR, labelLines);
    }
  }
}

function put(
  log: string,
  kind: 'events' | 'labels',
  replica: string,
  openedAt: number,
  lines: readonly string[],
): void {
  const [date = '', time = ''] = new Date(openedAt).toISOString().split('T');
  const folder = join(log, CAPTURE_FOLDERS[kind], `dt=${date}`, `hour=${time.slice(0, 2)}`);
  mkdirSync(folder, { recursive: true });
  const name = `${replica}-${openedAt}-${randomUUID().replaceAll('-', '').slice(0, 12)}.jsonl.gz`;
  writeFileSync(join(folder, name), gzipSync(lines.join(''), { level: 1 }));
}
