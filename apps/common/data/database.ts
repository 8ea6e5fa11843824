import { availableParallelism } from 'node:os';
import {
  DOUBLE,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBValue,
  type DuckDBVector,
  VARCHAR,
} from '@duckdb/node-api';
import { diskProblem } from '../atomic-files';
import { Failure, messageOf } from '../failure';
import { temporaryDirectory } from '../temporary-files';

/** Above it, sorts and groupings go to disk: memory must not grow with the data. */
const MEMORY_LIMIT = '160MB';

/** A value in SQL text. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
/** A name in SQL text. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** DuckDB as the reader of files: in memory, in UTC, and never loading code from the network. */
export class Database {
  /** @param options.memory above it, sorts and groupings go to disk */
  public static async open({ memory = MEMORY_LIMIT }: { readonly memory?: string } = {}): Promise<Database> {
    const spill = await temporaryDirectory('duckdb');
    const threads = Math.min(availableParallelism(), 8);
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(threads),
      memory_limit: memory,
      temp_directory: spill,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    return new Database(instance, connection, threads, { names: 0 }, true);
  }

  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly threads: number,
    private readonly counter: { names: number },
    /** Whether the data is gone when this is closed. */
    private readonly isFirst: boolean,
  ) {}

  /** The same data, asked beside whatever else is: temporary tables are of its own. */
  public async connect(): Promise<Database> {
    const connection = await this.instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    return new Database(this.instance, connection, this.threads, this.counter, false);
  }

  /** A name that nothing else in the database has. */
  public newName(prefix: string): string {
    return `${prefix}_${this.counter.names++}`;
  }

  public async run(sql: string): Promise<void> {
    await explained(() => this.connection.run(sql));
  }

  /** All rows of a small result. */
  public async rows<T extends Record<string, unknown>>(sql: string): Promise<T[]> {
    const reader = await explained(() => this.connection.runAndReadAll(sql));
    return reader.getRowObjects().map((row) => fromDuckDb(row) as T);
  }

  /** The one row of a result. */
  public async row<T extends Record<string, unknown>>(sql: string): Promise<T> {
    const [row] = await this.rows<T>(sql);
    if (!row) throw new Error(`no row: ${sql}`);
    return row;
  }

  /**
   * Works with one thread, in the order of the data: the order of a floating-point sum is part of its value, and the same input
   * must give the same report.
   */
  public async inOrder<T>(work: () => Promise<T>): Promise<T> {
    await this.run('SET threads = 1');
    try {
      return await work();
    } finally {
      await this.run(`SET threads = ${this.threads}`);
    }
  }

  /**
   * Hands a large result over chunk by chunk, in the order of the data. One thread reads ahead of the one that counts; more would
   * only hold more row groups in memory.
   */
  public async stream(sql: string, take: (chunk: DuckDBDataChunk) => void, signal?: AbortSignal): Promise<void> {
    await this.inOrder(() =>
      explained(async () => {
        const result = await this.connection.stream(sql);
        // The next chunk is read while this one is counted.
        let next = result.fetchChunk();
        for (;;) {
          const chunk = await next;
          if (!chunk || chunk.rowCount === 0) return;
          signal?.throwIfAborted();
          next = result.fetchChunk();
          // An early end leaves this promise to nobody.
          next.catch(() => undefined);
          take(chunk);
        }
      }),
    );
  }

  /** Appends rows to a table. */
  public async append(
    table: string,
    rows: readonly (readonly (string | number | boolean | Date | null)[])[],
  ): Promise<void> {
    const appender = await this.connection.createAppender(table);
    for (const row of rows) {
      for (const value of row) {
        if (value === null) appender.appendNull();
        else if (typeof value === 'string') appender.appendVarchar(value);
        else if (typeof value === 'number') appender.appendDouble(value);
        else if (typeof value === 'boolean') appender.appendVarchar(String(value));
        else appender.appendVarchar(value.toISOString());
      }
      appender.endRow();
    }
    appender.closeSync();
  }

  /** Appends to a table with columns of these kinds, many rows at a time. */
  public async tableWriter(table: string, kinds: readonly ('number' | 'text')[]): Promise<TableWriter> {
    // On a connection of its own: rows may be appended while another one is asked.
    const connection = await this.instance.connect();
    return new TableWriter(connection, await connection.createAppender(table), kinds);
  }

  public close(): void {
    this.connection.closeSync();
    if (this.isFirst) this.instance.closeSync();
  }
}

/** Rows of a chunk. */
const CHUNK = 2048;

/** Appends rows, which are handed to the database by column. */
export class TableWriter {
  private readonly numbers: readonly (Float64Array | undefined)[];
  private readonly texts: readonly (string | null)[][];
  /** One for all: it is copied when it is handed over, and to make one for each would be a third of the work. */
  private readonly chunk: DuckDBDataChunk;
  private readonly vectors: readonly DuckDBVector[];
  private rows = 0;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly appender: DuckDBAppender,
    kinds: readonly ('number' | 'text')[],
  ) {
    const types = kinds.map((kind) => (kind === 'number' ? DOUBLE : VARCHAR));
    this.chunk = DuckDBDataChunk.create(types, CHUNK);
    this.vectors = kinds.map((_, column) => this.chunk.getColumnVector(column));
    this.numbers = kinds.map((kind) => (kind === 'number' ? new Float64Array(CHUNK).fill(NaN) : undefined));
    this.texts = kinds.map((kind) => (kind === 'text' ? new Array<null>(CHUNK).fill(null) : []));
  }

  /** Sets a number of the row that {@link endRow} ends; NaN is none, and so is what is not set. */
  public number(column: number, value: number | null): void {
    if (value !== null) this.numbers[column]![this.rows] = value;
  }

  /** Sets a text of the row that {@link endRow} ends. */
  public text(column: number, value: string | null): void {
    this.texts[column]![this.rows] = value;
  }

  public endRow(): void {
    if (++this.rows === CHUNK) this.write();
  }

  public append(row: readonly (number | string | null)[]): void {
    row.forEach((value, column) => {
      if (typeof value === 'number') this.number(column, value);
      else if (value !== null) this.text(column, value);
    });
    this.endRow();
  }

  /** Hands over the last rows; nothing can be appended any more. */
  public close(): void {
    if (this.rows > 0) this.write();
    this.appender.closeSync();
    this.connection.closeSync();
  }

  private write(): void {
    this.chunk.reset();
    this.chunk.rowCount = this.rows;
    this.vectors.forEach((vector, column) => {
      const numbers = this.numbers[column];
      const texts = this.texts[column]!;
      for (let row = 0; row < this.rows; row++) {
        const number = numbers?.[row];
        vector.setItem(row, number === undefined ? texts[row]! : Number.isNaN(number) ? null : number);
      }
      vector.flush();
      numbers?.fill(NaN);
      texts.fill(null);
    });
    this.appender.appendDataChunk(this.chunk);
    this.rows = 0;
  }
}

/** 64-bit counts as numbers; none here exceeds 2^53. */
function fromDuckDb(row: Record<string, DuckDBValue>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  );
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = messageOf(error);
    if (error instanceof Failure || (error as Error | null)?.name === 'AbortError') throw error;
    if (/No space left|ENOSPC/i.test(message))
      throw Failure.configuration(`cannot read the data: ${diskProblem({ code: 'ENOSPC' })}`);
    if (
      /^(Invalid Input|IO|Conversion|CSV|JSON|Out of Memory|Serialization|Not implemented|Binder) Error|^Invalid Error|Error: (Invalid|IO)/i.test(
        message,
      )
    ) {
      throw Failure.configuration(`cannot read the data: ${readable(message)}`);
    }
    throw error;
  }
}

/** The first lines of DuckDB's message: what and where, without its list of options. */
function readable(message: string): string {
  const file = /\n {2}file ?= ?(.*)/.exec(message)?.[1];
  const text = message
    .split(/\n\s*\n|\n {2}file ?=|\nPossible (?:fixes|solutions)/i)[0]!
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
  return file === undefined || text.includes(file) ? text : `${text} (in '${file}')`;
}
