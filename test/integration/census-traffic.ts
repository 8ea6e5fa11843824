import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type ModelSchema } from 'cdk8s-mlops/contract';

/** A person of the census, what the model said, and what was true. */
export interface Person {
  readonly id: string;
  readonly features: Readonly<Record<string, string | number>>;
  readonly prediction: string;
  readonly score: number;
  readonly employed: string;
}

const NUMERIC = ['AGEP'];
const CODES = 'SCHL MAR RELP DIS ESP CIT MIG MIL ANC NATIVITY DEAR DEYE DREM SEX RAC1P'.split(' ');

/** The model that the census data has predictions of: is this person employed? */
export const EMPLOYMENT: ModelSchema = {
  version: 1,
  model: 'employment',
  task: { type: 'binary-classification', classes: ['0', '1'], positiveClass: '1', decisionThreshold: 0.5 },
  features: [
    ...NUMERIC.map((name) => ({
      name,
      type: 'numeric' as const,
      required: true,
      importance: 1,
      minimum: 0,
      maximum: 120,
    })),
    ...CODES.map((name) => ({ name, type: 'categorical' as const, required: true, importance: 1 })),
  ],
  objectives: {},
  labelDelaySeconds: 86_400,
};

export const censusFile = (name: string): string =>
  join(process.env.CDK8S_MLOPS_DATA ?? '', `us-census-ma-employment/employment_MA_${name}.parquet`);

/** People of 2018, the first by their number. */
export async function people(count: number): Promise<Person[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const reader = await connection.runAndReadAll(
    `SELECT a.*, t.employed FROM read_parquet('${censusFile('analysis')}') a JOIN read_parquet('${censusFile('analysis_target')}') t USING (id)
     WHERE a.year = 2018 ORDER BY id LIMIT ${count}`,
  );
  const rows = reader.getRowObjectsJson() as Record<string, string | number>[];
  connection.closeSync();
  return rows.map((row) => ({
    id: `person-${row.id}`,
    features: Object.fromEntries([...NUMERIC, ...CODES].map((name) => [name, row[name]!])),
    prediction: String(row.prediction),
    score: Number(row.predicted_probability),
    employed: String(row.employed),
  }));
}

/** What became of something that was sent: an HTTP status, or 0 when no answer came. */
export type Sent = number;

const agent = new Agent({ keepAlive: true, maxSockets: 32 });

export function post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<Sent> {
  return new Promise((resolve) => {
    const call = request(
      url,
      { agent, method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (answer) => {
        answer
          .resume()
          .on('end', () => resolve(answer.statusCode ?? 0))
          .on('error', () => resolve(0));
      },
    );
    call.on('error', () => resolve(0));
    call.end(body);
  });
}

/** Calls of one request each, or of several people at once; by turns in KServe's two protocols. */
export interface CensusCall {
  readonly id: string;
  readonly people: readonly Person[];
  readonly at: Date;
  readonly request: string;
  readonly response: string;
}

/** People's calls over a day; every tenth call is of three people. */
export function callsOf(all: readonly Person[], day: Date): CensusCall[] {
  const groups: Person[][] = [];
  for (let index = 0; index < all.length;) {
    const size = groups.length % 10 === 9 ? 3 : 1;
    groups.push(all.slice(index, index + size));
    index += size;
  }
  return groups.map((group, index) => ({
    id: group[0]!.id,
    people: group,
    at: new Date(day.getTime() + Math.floor((86_400_000 * index) / groups.length)),
    ...(index % 2 === 0 ? versionOne(group) : versionTwo(group)),
  }));
}

function versionOne(group: readonly Person[]): Pick<CensusCall, 'request' | 'response'> {
  return {
    request: JSON.stringify({ instances: group.map(({ features }) => features) }),
    response: JSON.stringify({ predictions: group.map(({ prediction, score }) => ({ prediction, score })) }),
  };
}

function versionTwo(group: readonly Person[]): Pick<CensusCall, 'request' | 'response'> {
  const inputs = [...NUMERIC, ...CODES].map((name) => ({
    ...{ name, shape: [group.length, 1], datatype: NUMERIC.includes(name) ? 'FP64' : 'BYTES' },
    data: group.map(({ features }) => features[name]),
  }));
  const outputs = [
    { name: 'predict', shape: [group.length], datatype: 'BYTES', data: group.map(({ prediction }) => prediction) },
    {
      ...{ name: 'predict_proba', shape: [group.length, 2], datatype: 'FP64' },
      data: group.flatMap(({ score }) => [1 - score, score]),
    },
  ];
  return { request: JSON.stringify({ inputs }), response: JSON.stringify({ model_name: 'employment', outputs }) };
}

/** The headers that KServe's payload logger sends. */
export function eventHeaders(kind: 'request' | 'response', { id, at }: CensusCall): Record<string, string> {
  return {
    'ce-specversion': '1.0',
    'ce-type': `org.kubeflow.serving.inference.${kind}`,
    'ce-id': id,
    'ce-source': 'employment-predictor-5d8f-x2kqp',
    'ce-time': new Date(at.getTime() + (kind === 'response' ? 12 : 0)).toISOString(),
    'ce-inferenceservicename': 'employment',
    'ce-namespace': 'census',
    'ce-component': 'predictor',
    'ce-endpoint': 'default',
    'ce-annotations': JSON.stringify({ 'cdk8s-mlops.dev/version': '1', 'cdk8s-mlops.dev/role': 'stable' }),
  };
}

/** Works on all items, so many at a time. */
export async function inParallel<T>(
  items: readonly T[],
  parallel: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (const [index, item] of queue) await work(item, index);
    }),
  );
}
