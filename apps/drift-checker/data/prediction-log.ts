import { type ModelSchema } from 'cdk8s-mlops/contract';
import { type DataFile, type DataSource } from '../../common/data/data-source';
import { type Database } from '../../common/data/database';
import { openTable, type Table } from '../../common/data/table';
import { isPayloadLog, openPayloadLog } from './payload-log';

/** Predictions as rows, whether they were written as rows or as the payloads of requests and responses. */
export class PredictionLog {
  private payloads: Promise<Table | undefined> | undefined;

  constructor(
    private readonly database: Database,
    public readonly source: DataSource,
    private readonly schema: ModelSchema,
  ) {}

  /** A table of the given files. */
  public async open(files: readonly DataFile[] = this.source.files): Promise<Table> {
    const payloads = await (this.payloads ??= this.openPayloads());
    return payloads ?? openTable(this.database, this.source, files);
  }

  /** The whole log: a request and its response may lie in different files, whose names say nothing of their time. */
  private async openPayloads(): Promise<Table | undefined> {
    return (await isPayloadLog(this.source)) ? openPayloadLog(this.database, this.source, this.schema) : undefined;
  }
}
