import {
  COMPACTION_FINDINGS,
  type FeatureSchema,
  type ModelSchema,
  PREDICTION_LOG_COLUMNS,
} from 'cdk8s-mlops/contract';
import { type Database, identifier, literal, type TableWriter } from '../../common/data/database';
import { type CallRecord } from '../collect/capture-record';
import { categoryOf, numberOf } from '../collect/feature-values';
import { decodeRequest, type FeatureValue } from '../payload/instances';
import { PayloadError } from '../payload/payload-error';
import { decodeResponse } from '../payload/predictions';
import { type Findings } from './findings';

type Cell = number | string | null;
type Kind = 'number' | 'text';

/** Columns of both tables that no feature can be called. */
export const COLUMN = {
  /** Number of the event, in the order of reading. */
  event: '"$event"',
  call: '"$call"',
  /** Empty where the event did not say. */
  version: '"$version"',
  /** Instances of the call; -1 where its body could not be read. */
  instances: '"$instances"',
  /** Which of the instances it is, from 0. */
  instance: '"$instance"',
  /** In milliseconds since the epoch. */
  time: '"$time"',
  received: '"$received"',
  /** The caller's own id, where it gave one. */
  requestId: '"$request_id"',
} as const;

const COMMON: readonly (readonly [string, Kind])[] = [
  [COLUMN.event, 'number'],
  [COLUMN.call, 'text'],
  [COLUMN.version, 'text'],
  [COLUMN.instances, 'number'],
  [COLUMN.instance, 'number'],
  [COLUMN.time, 'number'],
  [COLUMN.received, 'number'],
  [COLUMN.requestId, 'text'],
];

const UNREADABLE = -1;
/** More than the events of any batch. */
const BEFORE = 2 ** 40;
const TYPES = { number: 'DOUBLE', text: 'VARCHAR' } as const;

export interface CallTablesOptions {
  readonly database: Database;
  readonly schema: ModelSchema;
  /** Schemas of the versions that may be met; of others the schema itself. */
  readonly versions: ReadonlyMap<string, ModelSchema>;
  readonly findings: Findings;
}

/** Requests and responses as they were decoded, a row for each instance, in two tables of a database. */
export class CallTables {
  public readonly requests: string;
  public readonly responses: string;
  /** All features of all versions. */
  public readonly features: readonly FeatureSchema[];
  private readonly indexes: ReadonlyMap<string, number>;
  private readonly answerKind: Kind;
  private writers: { readonly request: TableWriter; readonly response: TableWriter } | undefined;
  private events = 0;

  constructor(private readonly options: CallTablesOptions) {
    const { database, schema, versions } = options;
    this.requests = database.newName('requests');
    this.responses = database.newName('responses');
    const features = new Map([schema, ...versions.values()].flatMap((each) => each.features.map((f) => [f.name, f])));
    this.features = [...features.values()];
    this.indexes = new Map(this.features.map(({ name }, index) => [name, index]));
    this.answerKind = schema.task.type === 'regression' ? 'number' : 'text';
  }

  public async create(): Promise<void> {
    const define = (columns: readonly (readonly [string, Kind])[]): string =>
      columns.map(([name, kind]) => `${name} ${TYPES[kind]}`).join(', ');
    await this.options.database.run(`CREATE TABLE ${this.requests} (${define(this.requestColumns)})`);
    await this.options.database.run(`CREATE TABLE ${this.responses} (${define(this.responseColumns)})`);
  }

  /** Opens the tables for {@link take}. */
  public async open(): Promise<void> {
    const { database } = this.options;
    const kinds = (columns: readonly (readonly [string, Kind])[]): Kind[] => columns.map(([, kind]) => kind);
    this.writers = {
      request: await database.tableWriter(this.requests, kinds(this.requestColumns)),
      response: await database.tableWriter(this.responses, kinds(this.responseColumns)),
    };
  }

  public close(): void {
    this.writers?.request.close();
    this.writers?.response.close();
    this.writers = undefined;
  }

  /** Takes the rows of tables that are not needed any more. */
  public async takeOver({ requests, responses }: CallTables): Promise<void> {
    const { database } = this.options;
    for (const [from, to] of [
      [requests, this.requests],
      [responses, this.responses],
    ] as const) {
      // Events are numbered in each by itself: those that waited come first.
      await database.run(
        `INSERT INTO ${to} BY NAME SELECT * REPLACE (${COLUMN.event} - ${BEFORE} AS ${COLUMN.event}) FROM ${from}`,
      );
      await database.run(`DROP TABLE ${from}`);
    }
  }

  /** Decodes an event into rows. One that cannot be read has one row that says so: its counterpart is not without one. */
  public take(call: CallRecord): void {
    const schema =
      (call.version === undefined ? undefined : this.options.versions.get(call.version)) ?? this.options.schema;
    this.events++;
    try {
      if (call.kind === 'request') this.takeRequest(call, schema);
      else this.takeResponse(call, schema);
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      this.options.findings.add(COMPACTION_FINDINGS.undecodable, 1, `${call.kind} '${call.id}': ${error.message}`);
      this.writers?.[call.kind].append(this.head(call, UNREADABLE, 0, null));
    }
  }

  /** SQL of the columns that both have, and of what is theirs alone. */
  public get requestColumns(): (readonly [string, Kind])[] {
    return [
      ...COMMON,
      ...this.features.map(({ name, type }) => [identifier(name), type === 'numeric' ? 'number' : 'text'] as const),
    ];
  }

  public get responseColumns(): (readonly [string, Kind])[] {
    const { prediction, predictionScore } = PREDICTION_LOG_COLUMNS;
    return [...COMMON, [prediction, this.answerKind], [predictionScore, 'number']];
  }

  private takeRequest(call: CallRecord, schema: ModelSchema): void {
    const { id, rows } = decodeRequest(call.body, schema);
    const targets = schema.features.map(({ name }) => this.indexes.get(name)!);
    rows.forEach((row, instance) => {
      const cells: Cell[] = this.head(call, rows.length, instance, call.requestId ?? id ?? null);
      const start = cells.length;
      for (let index = 0; index < this.features.length; index++) cells.push(null);
      row.forEach((value, index) => {
        const target = targets[index]!;
        cells[start + target] = this.cell(value, this.features[target]!);
      });
      this.writers?.request.append(cells);
    });
    // Nothing was asked, and nothing will be answered; the response must still find its request.
    if (rows.length === 0) this.writers?.request.append(this.head(call, 0, 0, null));
  }

  private takeResponse(call: CallRecord, schema: ModelSchema): void {
    const { rows } = decodeResponse(call.body, schema.task);
    rows.forEach(({ prediction, score }, instance) => {
      this.writers?.response.append([...this.head(call, rows.length, instance, null), prediction, score]);
    });
    if (rows.length === 0) this.writers?.response.append([...this.head(call, 0, 0, null)]);
  }

  private head(
    { id, version = '', time, received }: CallRecord,
    instances: number,
    instance: number,
    requestId: string | null,
  ): Cell[] {
    return [this.events, id, version, instances, instance, time ?? null, received, requestId];
  }

  private cell(value: FeatureValue, { name, type }: FeatureSchema): Cell {
    if (value === null) return null;
    if (type === 'categorical') return categoryOf(value);
    const number = numberOf(value);
    if (!Number.isNaN(number)) return number;
    this.options.findings.add(COMPACTION_FINDINGS.retypedValue, 1, `'${name}' has ${literal(String(value))}`);
    return null;
  }
}
