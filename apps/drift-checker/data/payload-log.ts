import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type ModelSchema, PREDICTION_LOG_COLUMNS } from 'cdk8s-mlops/contract';
import { type DataSource } from '../../common/data/data-source';
import { type Database, identifier } from '../../common/data/database';
import { type Table } from '../../common/data/table';
import { Failure, messageOf } from '../../common/failure';
import { type LogRecord, parseLogObject } from '../payload/log-record';
import { pairCall, type PredictionRow } from '../payload/pair';

/** Bytes that tell what a file is. */
const HEAD = 64 * 1024;
/** Files above it are read line by line: a text in memory has a limit. */
const WHOLE_FILE = 64 * 1024 * 1024;
const LINES_AT_ONCE = 4 * 1024 * 1024;
const FILES_AT_ONCE = 64;
const ROWS_AT_ONCE = 10_000;
const MAX_EXAMPLES = 3;

/** Whether a data set is what KServe's payload logger writes: bodies of requests and responses, and not rows. */
export async function isPayloadLog(source: DataSource): Promise<boolean> {
  if (source.format !== 'json' || source.files.every(({ name }) => name.endsWith('.zst'))) return false;
  // A flush without events leaves an empty list.
  for (const file of source.files.slice(0, FILES_AT_ONCE)) {
    const [path] = await source.fetch([file]);
    const head = await readHead(path!);
    if (!head.includes('{')) continue;
    return /"bytes"\s*:/i.test(head) && /"(reqtype|type)"\s*:/i.test(head);
  }
  return false;
}

async function readHead(path: string): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of openBytes(path)) {
    parts.push(part as Buffer);
    length += (part as Buffer).length;
    if (length >= HEAD) break;
  }
  return Buffer.concat(parts).subarray(0, HEAD).toString('utf8');
}

/** A file's bytes, unpacked. */
function openBytes(path: string): Readable {
  if (path.endsWith('.zst')) {
    throw Failure.configuration(`'${path}' is packed with zstd, which payload logs cannot be: use gzip, or none`);
  }
  const bytes = createReadStream(path);
  return path.endsWith('.gz') ? bytes.pipe(createGunzip()) : bytes;
}

/** Decodes a payload log into a table of the contract's columns. What cannot be decoded is counted, and never stops the rest. */
export async function openPayloadLog(database: Database, source: DataSource, schema: ModelSchema): Promise<Table> {
  const decoder = new PayloadDecoder(database, schema);
  await decoder.createTable();
  for await (const text of texts(source)) await decoder.take(text);
  return decoder.finish();
}

/** The files' texts, in their order; large ones in parts of whole lines. */
async function* texts(source: DataSource): AsyncGenerator<string> {
  for (let start = 0; start < source.files.length; start += FILES_AT_ONCE) {
    const paths = await source.fetch(source.files.slice(start, start + FILES_AT_ONCE));
    const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
    const small = paths.map((path, index) => (sizes[index]! <= WHOLE_FILE ? readTextFile(path) : undefined));
    for (const [index, path] of paths.entries()) {
      const whole = await small[index];
      if (whole !== undefined) yield whole;
      else yield* lines(path);
    }
  }
}

async function readTextFile(path: string): Promise<string> {
  if (!path.endsWith('.gz')) return readFile(path, 'utf8');
  const parts: Buffer[] = [];
  for await (const part of openBytes(path)) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

async function* lines(path: string): AsyncGenerator<string> {
  let part: string[] = [];
  let length = 0;
  for await (const line of createInterface({ input: openBytes(path), crlfDelay: Infinity })) {
    part.push(line);
    length += line.length;
    if (length < LINES_AT_ONCE) continue;
    yield part.join('\n');
    [part, length] = [[], 0];
  }
  if (part.length > 0) yield part.join('\n');
}

/** Pairs requests with responses and appends what they say as rows. */
class PayloadDecoder {
  private readonly table: string;
  private readonly waiting = new Map<string, LogRecord>();
  private readonly notNumbers = new Map<string, { rows: number; example: string }>();
  private readonly examples: string[] = [];
  private rows: (string | number | null)[][] = [];
  private unreadable = 0;

  constructor(
    private readonly database: Database,
    private readonly schema: ModelSchema,
  ) {
    this.table = database.newName('payloads');
  }

  public async createTable(): Promise<void> {
    const c = PREDICTION_LOG_COLUMNS;
    const regression = this.schema.task.type === 'regression';
    const columns = [
      `${c.requestId} VARCHAR`,
      `${c.timestamp} VARCHAR`,
      `${c.version} VARCHAR`,
      `${c.prediction} ${regression ? 'DOUBLE' : 'VARCHAR'}`,
      `${c.predictionScore} DOUBLE`,
      ...this.schema.features.map(
        ({ name, type }) => `${identifier(name)} ${type === 'numeric' ? 'DOUBLE' : 'VARCHAR'}`,
      ),
    ];
    await this.database.run(`CREATE TABLE ${this.table} (${columns.join(', ')})`);
  }

  public async take(text: string): Promise<void> {
    const { records, problems } = parseLogObject(text);
    for (const problem of problems) this.lose(problem);
    for (const record of records) this.pair(record);
    if (this.rows.length >= ROWS_AT_ONCE) await this.flush();
  }

  public async finish(): Promise<Table> {
    await this.flush();
    const described = await this.database.rows<{ column_name: string; column_type: string }>(`DESCRIBE ${this.table}`);
    const columns = new Map(
      described.map(({ column_name: name, column_type: type }) => [
        name,
        { name, type, kind: type === 'DOUBLE' ? ('number' as const) : ('text' as const) },
      ]),
    );
    // Without a version in the log, rows of every version are the model's.
    const { versions } = await this.database.row<{ versions: number }>(
      `SELECT count(version) AS versions FROM ${this.table}`,
    );
    if (versions === 0) columns.delete(PREDICTION_LOG_COLUMNS.version);
    return {
      name: this.table,
      format: 'json',
      columns,
      partitionColumns: new Set(),
      notNumbers: this.notNumbers,
      losses: this.losses(),
    };
  }

  private losses(): NonNullable<Table['losses']> {
    const examples = this.examples.length > 0 ? `, for example: ${this.examples.join('; ')}` : '';
    return [
      ...(this.unreadable > 0
        ? [{ rows: this.unreadable, message: `${this.unreadable} payloads could not be decoded${examples}` }]
        : []),
      ...(this.waiting.size > 0
        ? [
            {
              rows: this.waiting.size,
              message: `${this.waiting.size} requests or responses have no counterpart of the same id`,
            },
          ]
        : []),
    ];
  }

  private pair(record: LogRecord): void {
    // A shadow's calls have the ids of the calls that they copy.
    const key = `${record.inferenceService ?? ''}/${record.id}`;
    const other = this.waiting.get(key);
    if (!other || other.kind === record.kind) {
      if (other) this.lose(`two ${record.kind}s have the id '${record.id}'`);
      this.waiting.set(key, record);
      return;
    }
    this.waiting.delete(key);
    const [request, response] = record.kind === 'request' ? [record, other] : [other, record];
    try {
      for (const row of pairCall(request, response, this.schema)) this.append(row);
    } catch (error) {
      this.lose(messageOf(error));
    }
  }

  private append({ requestId, timestamp, version, prediction, score, features }: PredictionRow): void {
    const values = this.schema.features.map(({ name, type }, index) => {
      const value = features[index] ?? null;
      if (value === null) return null;
      if (type === 'categorical') return String(value);
      const number = typeof value === 'string' ? Number(value.trim() || NaN) : Number(value);
      if (!Number.isNaN(number)) return number;
      const seen = this.notNumbers.get(name) ?? { rows: 0, example: String(value) };
      this.notNumbers.set(name, { ...seen, rows: seen.rows + 1 });
      return null;
    });
    this.rows.push([requestId, timestamp?.toISOString() ?? null, version ?? null, prediction, score, ...values]);
  }

  private lose(problem: string): void {
    this.unreadable++;
    if (this.examples.length < MAX_EXAMPLES) this.examples.push(problem);
  }

  private async flush(): Promise<void> {
    await this.database.append(this.table, this.rows);
    this.rows = [];
  }
}
