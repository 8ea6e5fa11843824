import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, messageOf } from './failure';

/** A request; the body is sent as it is. */
export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Certificates of the authorities that are trusted, PEM. */
  readonly ca?: string;
  readonly signal?: AbortSignal;
}

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** How often and how long an unreachable server is asked. */
export interface Patience {
  readonly attempts: number;
  /** Wait before the second attempt; doubled each time. */
  readonly backoffMs: number;
  /** Longest time for one answer. */
  readonly timeoutMs: number;
}

const DEFAULT_PATIENCE: Patience = { attempts: 5, backoffMs: 500, timeoutMs: 30_000 };

/** Statuses that pass by themselves: told to wait, or a gateway or server that restarts. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Asks a server, again with back-off when it cannot be reached or says that it is busy. Every request made here may be
 * repeated: writes are named, so a second one changes nothing.
 *
 * `node:http` and not `fetch`, which cannot be given a certificate authority.
 *
 * @throws Failure when the address is none, or no attempt got an answer
 */
export async function ask(
  url: string,
  request: HttpRequest = {},
  patience: Patience = DEFAULT_PATIENCE,
): Promise<HttpAnswer> {
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''))
    throw Failure.configuration(`'${url}' must be an address like http://host:port`);
  return patiently(url, request, patience, () => once(url, request, patience.timeoutMs));
}

/**
 * Asks for something large: the answer's body is read as it comes, and only its pauses are limited.
 *
 * @throws Failure when no attempt got an answer
 */
export function askForStream(
  url: string,
  request: HttpRequest,
  patience: Patience = DEFAULT_PATIENCE,
): Promise<{ status: number; body: IncomingMessage }> {
  return patiently(url, request, patience, async () => {
    const body = await begin(url, request, patience.timeoutMs);
    return { status: body.statusCode ?? 0, body };
  });
}

/** The first answer that is not a passing one; the last attempt's, whatever it is. */
async function patiently<T extends { readonly status: number; readonly body?: IncomingMessage }>(
  url: string,
  { signal }: HttpRequest,
  { attempts, backoffMs, timeoutMs }: Patience,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let count = 1; ; count++) {
    const answer = await attempt().catch((error: unknown) => error as Error);
    signal?.throwIfAborted();
    // Errors of Node's own are of another realm in tests.
    if (!('status' in answer)) {
      refuseCertificate(url, answer);
      if (count === attempts) {
        const why = isTimeout(answer) ? `no answer within ${timeoutMs / 1000} s` : messageOf(answer);
        throw Failure.unreachable(`${new URL(url).host} does not answer after ${count} attempts: ${why}`);
      }
    } else {
      if (!PASSING.has(answer.status) || count === attempts) return answer;
      // Nobody reads it, and it would keep its connection.
      answer.body?.resume();
    }
    await sleep(backoffMs * 2 ** (count - 1), undefined, { signal });
  }
}

/** Errors of TLS that no second attempt mends. */
const CERTIFICATE =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID)$/;

function refuseCertificate(url: string, error: Error): void {
  if (!CERTIFICATE.test((error as NodeJS.ErrnoException).code ?? '')) return;
  throw Failure.configuration(
    `the certificate of ${new URL(url).host} is not trusted (${messageOf(error)}): name its authority; for a tracking server in MLFLOW_TRACKING_SERVER_CERT_PATH`,
  );
}

function isTimeout({ name, cause }: Error): boolean {
  return name === 'TimeoutError' || (cause as Error | undefined)?.name === 'TimeoutError';
}

async function once(url: string, request: HttpRequest, timeoutMs: number): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([timeout, ...(request.signal ? [request.signal] : [])]);
  const response = await begin(url, { ...request, signal }, timeoutMs);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
}

/** Sends a request; the answer's body is still to be read. A connection that is silent for too long is an error. */
function begin(
  url: string,
  { method = 'GET', headers, body, ca, signal }: HttpRequest,
  silenceMs: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const target = new URL(url);
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const options = {
      method,
      // A connection for each request: on one that is kept, a server that sends head and body apart (as MLflow's does) waits 40 ms
      // for an acknowledgement that the other side delays. Measured: 48 ms a request kept, 8 ms fresh.
      agent: false as const,
      // Node announces no length for the body of a DELETE, and servers then take it for the next request.
      headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) },
      ca,
      signal,
    };
    const sent = send(target, options, resolve);
    sent.setTimeout(silenceMs, () => sent.destroy(new Error(`no answer within ${silenceMs / 1000} s`)));
    sent.on('error', reject);
    sent.end(body);
  });
}
