import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CAPTURE_DEFAULTS, CAPTURE_FOLDERS, type CaptureFile, type ModelSchema } from 'cdk8s-mlops/contract';
import { Database } from '../../../common/data/database';
import { StoreFolder } from '../../../common/store-files';
import { SILENT } from '../../../common/testing/test-data';
import { type CallRecord, type CaptureRecord, type LabelRecord, serializeRecord } from '../../collect/capture-record';
import { compact, type CompactionReport, type CompactOptions } from '../compact';

/** The first moment of the day that tests play. */
export const DAY = Date.parse('2026-11-19T00:00:00Z');
export const SECOND = 1000;
export const HOUR = 3_600_000;

/** The schema of a small model. */
export const SHOP: ModelSchema = {
  version: 1,
  model: 'shop',
  task: { type: 'binary-classification', classes: ['no', 'yes'], positiveClass: 'yes' },
  features: [
    { name: 'amount', type: 'numeric', required: true, importance: 1 },
    { name: 'country', type: 'categorical', required: true, importance: 1 },
  ],
  objectives: {},
};

type Half = Partial<Omit<CallRecord, 'kind'>>;

/** A request; it came when it happened. */
export function request(id: string, body: object | string = { instances: [[1.5, 'DE']] }, half: Half = {}): CallRecord {
  return call('request', id, body, half);
}

/** Its response, ten milliseconds later. */
export function response(id: string, body: object | string = { predictions: [0.75] }, half: Half = {}): CallRecord {
  const time = (half.time ?? DAY) + 10;
  return call('response', id, body, { ...half, time, received: half.received ?? time });
}

function call(kind: CallRecord['kind'], id: string, body: object | string, half: Half): CallRecord {
  const time = half.time ?? DAY;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { kind, id, version: '1', time, received: time, ...half, body: text };
}

export function label(requestId: string, value: string, time = DAY + HOUR, received = time): LabelRecord {
  return { kind: 'label', requestId, label: value, time, received };
}

/** A prediction log in a directory of this machine. */
export class TestLog {
  public readonly store: StoreFolder;

  constructor(public readonly directory: string) {
    this.store = new StoreFolder(directory);
  }

  /** Brings a segment, as a collector does. @returns its name */
  public bring(content: readonly CaptureRecord[] | Buffer, at = DAY, replica = 'collect-0'): string {
    const packed = Buffer.isBuffer(content) ? content : gzipSync(content.map(serializeRecord).join(''));
    const isLabel = !Buffer.isBuffer(content) && content[0]?.kind === 'label';
    const [date = '', time = ''] = new Date(at).toISOString().split('T');
    const folder = `${CAPTURE_FOLDERS[isLabel ? 'labels' : 'events']}/dt=${date}/hour=${time.slice(0, 2)}`;
    const name = `${folder}/${replica}-${at}-${randomUUID().replaceAll('-', '').slice(0, 12)}.jsonl.gz`;
    mkdirSync(join(this.directory, folder), { recursive: true });
    writeFileSync(join(this.directory, name), packed);
    return name;
  }

  /** Compacts at a moment, an hour after the day began unless another is given. */
  public compact(
    options: Partial<Omit<CompactOptions, 'config'>> & {
      readonly at?: number;
      readonly config?: Partial<CaptureFile>;
      /** Schemas of versions that have their own. */
      readonly versions?: ReadonlyMap<string, ModelSchema>;
    } = {},
  ): Promise<CompactionReport> {
    const { at = DAY + HOUR, config = {}, versions, ...rest } = options;
    return compact({
      ...{
        schema: SHOP,
        schemaOf: (version) => Promise.resolve(versions?.get(version)),
        store: this.store,
        log: SILENT,
        now: () => new Date(at),
        ...rest,
      },
      config: {
        ...CAPTURE_DEFAULTS,
        ...{ version: 1, model: 'shop', namespace: 'ml', schema: 'schema.json', log: this.directory },
        ...{ inferenceServices: ['shop'], ...config },
      },
    });
  }

  /** What was found, by kind. */
  public async findings(...args: Parameters<TestLog['compact']>): Promise<Record<string, number>> {
    const { findings } = await this.compact(...args);
    return Object.fromEntries(Object.entries(findings.toJSON()).map(([kind, { count }]) => [kind, count]));
  }

  /** Every row of the log, read as `check` does. */
  public async rows(columns = 'request_id, version, prediction, label'): Promise<Record<string, unknown>[]> {
    if (this.parts().length === 0) return [];
    const database = await Database.open();
    try {
      const files = `'${this.directory}/dt=*/hour=*/*.parquet'`;
      return await database.rows(
        `SELECT ${columns} FROM read_parquet(${files}, union_by_name = true, hive_partitioning = false) ORDER BY request_id, version`,
      );
    } finally {
      database.close();
    }
  }

  public async ids(): Promise<unknown[]> {
    return (await this.rows('request_id, version')).map(({ request_id: id }) => id);
  }

  /** Names of all files that a folder has. */
  public files(folder = ''): string[] {
    const all = readdirSync(join(this.directory, folder), { recursive: true, withFileTypes: true });
    return all
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.directory.length + 1))
      .sort();
  }

  public parts(): string[] {
    return this.files().filter((name) => name.startsWith('dt='));
  }

  /** Segments that are still there. */
  public segments(): string[] {
    return this.files().filter((name) => name.endsWith('.jsonl.gz'));
  }

  /** What tells whether a file was written again. */
  public state(name: string): string {
    const path = join(this.directory, name);
    const { mtimeMs, ino } = statSync(path);
    return `${mtimeMs} ${ino} ${readFileSync(path).toString('base64')}`;
  }
}
