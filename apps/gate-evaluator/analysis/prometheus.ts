import { ask, type HttpAnswer, type Patience } from '../../common/http';

/** What a query answered: its value, or why there is none that could be judged. */
export type Reading = { readonly value: number } | { readonly why: string };

/** One series of an answer. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** As Prometheus wrote it: also `NaN` and `+Inf`. */
  readonly value: string;
}

export interface PrometheusOptions {
  readonly signal?: AbortSignal;
  /** @default - three attempts of 15 seconds: who waits for an answer asks again anyway */
  readonly patience?: Patience;
}

const PATIENCE: Patience = { attempts: 3, backoffMs: 500, timeoutMs: 15_000 };
/** Longest part of an answer that a reason shows. */
const SHOWN = 200;

/** A Prometheus, or what speaks its language. */
export class Prometheus {
  constructor(
    public readonly address: string,
    private readonly options: PrometheusOptions = {},
  ) {}

  /**
   * The value of a query that has one.
   *
   * @throws Failure when nothing answers
   */
  public async read(query: string): Promise<Reading> {
    const samples = await this.query(query);
    if (typeof samples === 'string') return { why: samples };
    const [sample, ...more] = samples;
    if (!sample) return { why: 'the query has no value: its series are not there, or had nothing to count' };
    if (more.length > 0) return { why: `the query has ${samples.length} values, expected one: add them up` };
    const value = Number(sample.value);
    if (!Number.isFinite(value)) return { why: `its value is ${sample.value}: there was nothing to measure` };
    return { value };
  }

  /**
   * Every series of a query, now.
   *
   * @returns why there are none to be had, as a text
   * @throws Failure when nothing answers
   */
  public async query(query: string): Promise<readonly Sample[] | string> {
    const url = `${this.address.replace(/\/+$/, '')}/api/v1/query`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ query }).toString();
    const { signal, patience = PATIENCE } = this.options;
    return samplesOf(await ask(url, { method: 'POST', headers, body, signal }, patience));
  }
}

/** As much of an answer as is looked at. */
interface QueryAnswer {
  readonly status?: unknown;
  readonly error?: unknown;
  readonly data?: { readonly resultType?: unknown; readonly result?: unknown };
}

function samplesOf({ status, text }: HttpAnswer): readonly Sample[] | string {
  const answer = parsed(text);
  if (answer?.status !== 'success' || status !== 200) {
    const said = typeof answer?.error === 'string' ? answer.error : text;
    return `Prometheus answered ${status}: ${said.trim().slice(0, SHOWN) || 'nothing'}`;
  }
  const { resultType, result } = answer.data ?? {};
  if (resultType === 'scalar') return [{ labels: {}, value: String((result as [number, string])[1]) }];
  if (resultType !== 'vector') return `the query has a ${String(resultType)}, expected an instant vector`;
  const series = result as { metric: Sample['labels']; value?: [number, string] }[];
  return series.map(({ metric, value }) => ({ labels: metric, value: value ? value[1] : 'a histogram' }));
}

function parsed(text: string): QueryAnswer | undefined {
  try {
    return JSON.parse(text) as QueryAnswer | undefined;
  } catch {
    return undefined;
  }
}
