import {
  COMPACTION_FINDINGS,
  type FeatureSchema,
  type ModelSchema,
  PREDICTION_LOG_COLUMNS,
} from 'cdk8s-mlops/contract';
import { type Database, identifier, literal, type TableWriter } from '../../common/data/database';
import { categoryOf, numberOf } from '../collect/feature-values';
import { type Prediction } from '../payload/answers';
import { decodeRequest, type FeatureRow, type FeatureValue } from '../payload/instances';
import { PayloadError } from '../payload/payload-error';
import { decodeResponse } from '../payload/predictions';
import { type CallLine } from './call-line';
import { type Findings } from './findings';

const c = PREDICTION_LOG_COLUMNS;
const HOUR = 3_600_000;
/** Clocks differ by this much without being wrong, in milliseconds. */
const CLOCK_TOLERANCE = 60_000;

/** Columns that are not the log's, and that no feature can be called. */
export const OWN = {
  /** In milliseconds since the epoch. */
  time: '"$time"',
  /** In hours since the epoch. */
  hour: '"$hour"',
} as const;

export interface PredictionTableOptions {
  readonly database: Database;
  readonly schema: ModelSchema;
  /** Schemas of the versions that may be met; of others the schema itself. */
  readonly versions: ReadonlyMap<string, ModelSchema>;
  readonly findings: Findings;
}

interface Feature extends Pick<FeatureSchema, 'name' | 'type'> {
  readonly column: number;
}

/** Predictions on their way to the log: a row for each instance of a call. */
export class PredictionTable {
  public static async create(options: PredictionTableOptions): Promise<PredictionTable> {
    const table = new PredictionTable(options);
    await table.open();
    return table;
  }

  public readonly name: string;
  /** How many predictions were added. */
  public rows = 0;
  private readonly features: ReadonlyMap<string, Feature>;
  /** The features of each version's schema, in their order. */
  private readonly ofSchema = new Map<ModelSchema, readonly Feature[]>();
  private readonly answer: 'number' | 'text';
  private writer: TableWriter | undefined;

  private constructor(private readonly options: PredictionTableOptions) {
    const { database, schema, versions } = options;
    this.name = database.newName('predictions');
    this.answer = schema.task.type === 'regression' ? 'number' : 'text';
    const features = new Map<string, Feature>();
    const schemas = [schema, ...versions.values()];
    for (const { name, type } of schemas.flatMap((each) => each.features)) {
      // Columns of a table differ by more than the case of their names.
      const earlier = features.get(name.toLowerCase());
      // What is a number for one version and a category for another is a text: nothing of it is lost.
      const widest = earlier?.type === 'categorical' ? 'categorical' : type;
      const column = earlier?.column ?? COLUMNS.length + features.size;
      features.set(name.toLowerCase(), { name: earlier?.name ?? name, type: widest, column });
    }
    this.features = features;
    for (const each of schemas)
      this.ofSchema.set(
        each,
        each.features.map(({ name }) => features.get(name.toLowerCase())!),
      );
  }

  /** SQL of a selection of all columns as the log has them. */
  public get selection(): string {
    const features = [...this.features.values()].map(({ name }) => identifier(name));
    return [
      `${c.requestId}, make_timestamptz((1000 * ${OWN.time})::BIGINT) AS ${c.timestamp}`,
      `${literal(this.options.schema.model)} AS ${c.model}, nullif(${c.version}, '') AS ${c.version}`,
      ...features,
      `${c.prediction}, ${c.predictionScore}`,
    ].join(', ');
  }

  /** Adds the predictions of a call; none where its halves cannot be read, or do not fit each other. */
  public add(request: CallLine, response: CallLine): void {
    const { schema, versions, findings } = this.options;
    const own = versions.get(request.version) ?? schema;
    const asked = this.decoded(request, () => decodeRequest(request.body, own));
    const answered = this.decoded(response, () => decodeResponse(response.body, own.task));
    if (!asked || !answered) return;
    const [{ rows }, { rows: answers }] = [asked, answered];
    if (rows.length !== answers.length) {
      const example = `'${request.id}' has ${rows.length} instances and ${answers.length} answers`;
      findings.add(COMPACTION_FINDINGS.unevenCall, 1, example);
      return;
    }
    const time = this.timeOf(request);
    const id = request.requestId ?? asked.id ?? request.id;
    rows.forEach((row, instance) => {
      const rowId = rows.length > 1 ? `${id}#${instance}` : id;
      this.append(rowId, request.version, time, row, this.ofSchema.get(own)!, answers[instance]!);
    });
  }

  /** Hands over the last rows; nothing can be added any more. */
  public close(): void {
    this.writer?.close();
    this.writer = undefined;
  }

  private async open(): Promise<void> {
    const { database } = this.options;
    const features = [...this.features.values()].map(({ name, type }) => {
      return [identifier(name), type === 'numeric' ? 'number' : 'text'] as const;
    });
    const columns = [
      ...COLUMNS,
      ...features,
      [c.prediction, this.answer] as const,
      [c.predictionScore, 'number'] as const,
    ];
    const defined = columns.map(([name, kind]) => `${name} ${kind === 'number' ? 'DOUBLE' : 'VARCHAR'}`);
    await database.run(`CREATE TABLE ${this.name} (${defined.join(', ')})`);
    this.writer = await database.tableWriter(
      this.name,
      columns.map(([, kind]) => kind),
    );
  }

  private decoded<T>(line: CallLine, decode: () => T): T | undefined {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      const example = `${line.kind} '${line.id}': ${error.message}`;
      this.options.findings.add(COMPACTION_FINDINGS.undecodable, 1, example);
      return undefined;
    }
  }

  private timeOf({ id, time, received }: CallLine): number {
    const isFuture = time !== undefined && time > received + CLOCK_TOLERANCE;
    if (isFuture) this.options.findings.add(COMPACTION_FINDINGS.fromFuture, 1, `'${id}'`);
    // A clock that has never been set is not that of the call.
    return time === undefined || isFuture || time < 0 ? received : time;
  }

  private append(
    id: string,
    version: string,
    time: number,
    row: FeatureRow,
    features: readonly Feature[],
    { prediction, score }: Prediction,
  ): void {
    const writer = this.writer!;
    writer.text(0, id);
    writer.text(1, version);
    writer.number(2, time);
    writer.number(3, Math.floor(time / HOUR));
    for (let index = 0; index < features.length; index++) {
      const feature = features[index]!;
      const value = row[index]!;
      if (feature.type === 'numeric') writer.number(feature.column, this.number(value, feature.name));
      else writer.text(feature.column, value === null ? null : categoryOf(value));
    }
    const last = COLUMNS.length + this.features.size;
    if (this.answer === 'text') writer.text(last, prediction === null ? null : String(prediction));
    else writer.number(last, prediction === null ? null : Number(prediction));
    writer.number(last + 1, score);
    writer.endRow();
    this.rows++;
  }

  private number(value: FeatureValue, name: string): number | null {
    if (value === null) return null;
    const number = numberOf(value);
    if (!Number.isNaN(number)) return number;
    this.options.findings.add(COMPACTION_FINDINGS.retypedValue, 1, `'${name}' has ${literal(String(value))}`);
    return null;
  }
}

/** Columns before those of the features. */
const COLUMNS: readonly (readonly [string, 'number' | 'text'])[] = [
  [c.requestId, 'text'],
  [c.version, 'text'],
  [OWN.time, 'number'],
  [OWN.hour, 'number'],
];
