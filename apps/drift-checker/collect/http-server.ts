import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, type Socket } from 'node:net';
import { CAPTURE_OUTCOMES, CAPTURE_PATHS, type CaptureFile, type ModelSchema } from 'cdk8s-mlops/contract';
import { Failure, messageOf } from '../../common/failure';
import { type Log } from '../../common/log';
import { PayloadError } from '../payload/payload-error';
import { heldBytes, isTooLarge, readBody, UnreadBody } from './body';
import { type CaptureKind, type CaptureMetrics, type CaptureOutcome } from './capture-metrics';
import { eventKind, isCloudEvent, readEventHead } from './cloud-event';
import { type Collector } from './collector';
import { type Memory } from './memory';
import { MalformedCall, readLabels, readPredictions } from './plain-api';

export interface CaptureServerOptions {
  readonly config: CaptureFile;
  readonly schema: ModelSchema;
  readonly collector: Pick<Collector, 'takeCalls' | 'takeLabels'>;
  readonly metrics: CaptureMetrics;
  readonly memory: Memory;
  readonly log: Log;
  /**
   * How long a payload logger waits for a slow disk, in milliseconds: it has few senders, and a model server behind them.
   *
   * @default 50
   */
  readonly patienceMs?: number;
}

/** An answer: a status, and what it says. */
interface Answer {
  readonly status: number;
  readonly body: object | string;
  readonly contentType?: string;
}

const PATIENCE = 50;
const KEEP_ALIVE = 75_000;
const HEADER_BYTES = 32 * 1024;
/** How long who has been answered already may go on sending, and what was begun may take once it ends, in milliseconds. */
const PARTING = 1_000;
const LAST_CALLS = 10_000;

const STATUS: Readonly<Record<CaptureOutcome, number>> = {
  [CAPTURE_OUTCOMES.stored]: 200,
  [CAPTURE_OUTCOMES.sampled]: 200,
  [CAPTURE_OUTCOMES.shedMemory]: 503,
  [CAPTURE_OUTCOMES.shedBuffer]: 507,
  [CAPTURE_OUTCOMES.shedDisk]: 507,
  [CAPTURE_OUTCOMES.shedEnding]: 503,
  [CAPTURE_OUTCOMES.tooLarge]: 413,
  [CAPTURE_OUTCOMES.incomplete]: 408,
  [CAPTURE_OUTCOMES.malformed]: 400,
  [CAPTURE_OUTCOMES.otherModel]: 422,
};

/** What is sent to the collector over HTTP, and what Prometheus and Kubernetes ask of it. */
export class CaptureServer {
  private readonly server: Server;
  /** The call of a connection that is being read, and how many of them are not answered yet. */
  private readonly reading = new WeakMap<Socket, IncomingMessage>();
  private readonly open = new WeakMap<Socket, number>();
  private readonly refused = new WeakSet<Socket>();
  private ready = false;
  private ending = false;

  constructor(private readonly options: CaptureServerOptions) {
    const { requestSeconds, connections } = options.config.limits;
    this.server = createServer(
      {
        headersTimeout: requestSeconds * 1000,
        requestTimeout: requestSeconds * 1000,
        connectionsCheckingInterval: 500,
        keepAliveTimeout: KEEP_ALIVE,
        maxHeaderSize: HEADER_BYTES,
      },
      (request, response) => void this.handle(request, response),
    );
    this.server.maxConnections = connections;
    this.server.on('drop', () => options.metrics.event('unknown', CAPTURE_OUTCOMES.shedMemory));
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.refuseUnread(error, socket as Socket));
    this.server.on('checkContinue', (request, response) => {
      if (!isTooLarge(request, options.config.limits.bodyBytes)) response.writeContinue();
      void this.handle(request, response);
    });
  }

  /** @returns the port @throws Failure when it is taken */
  public async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error) =>
        reject(Failure.configuration(`cannot listen on port ${port}: ${error.message}`)),
      );
      this.server.listen(port, resolve);
    });
    // Such as no file descriptor for a connection: the others go on.
    this.server.on('error', (error) => this.options.log.error(`a connection was lost: ${error.message}`));
    this.ready = true;
    return (this.server.address() as AddressInfo).port;
  }

  /** Says that it is not ready any more, and goes on answering: senders learn of it later, and go elsewhere call by call. */
  public announceEnd(): void {
    this.ready = false;
  }

  /** Refuses what still comes, and closes once everything that was begun is answered or has had its time. */
  public async close(): Promise<void> {
    this.ready = false;
    this.ending = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    // A server that closes looks after slow senders no more.
    const { requestSeconds } = this.options.config.limits;
    const timer = setTimeout(() => this.server.closeAllConnections(), Math.min(requestSeconds * 1000, LAST_CALLS));
    await closed;
    clearTimeout(timer);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    this.open.set(socket, (this.open.get(socket) ?? 0) + 1);
    try {
      const { status, body, contentType } = await this.answer(request);
      if (request.destroyed && !request.complete) return;
      const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
      const close = !this.ready || !request.complete;
      response.writeHead(status, {
        'content-type': contentType ?? 'application/json',
        'content-length': Buffer.byteLength(text),
        ...(status === 503 && { 'retry-after': '5' }),
        ...(close && { connection: 'close' }),
      });
      response.write(text);
      if (!request.complete) await rest(request);
      response.end();
    } catch (error) {
      this.options.log.error({ err: error }, `unexpected: ${messageOf(error)}`);
      if (!response.headersSent) response.writeHead(500).end();
    } finally {
      this.open.set(socket, (this.open.get(socket) ?? 0) - 1);
    }
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    const path = (request.url ?? '/').split('?')[0]!;
    const { metrics } = this.options;
    if (request.method === 'POST') {
      if (path === CAPTURE_PATHS.events) return this.takeEvent(request);
      if (path === CAPTURE_PATHS.predictions) return this.takePredictions(request);
      if (path === CAPTURE_PATHS.labels) return this.takeLabels(request);
      metrics.event('unknown', CAPTURE_OUTCOMES.malformed);
    } else if (request.method === 'GET' || request.method === 'HEAD') {
      if (path === CAPTURE_PATHS.metrics)
        return { status: 200, body: await metrics.text(), contentType: metrics.contentType };
      if (path === CAPTURE_PATHS.live) return { status: 200, body: { live: true } };
      if (path === CAPTURE_PATHS.ready) return { status: this.ready ? 200 : 503, body: { ready: this.ready } };
    }
    request.resume();
    const known = Object.values(CAPTURE_PATHS).join(', ');
    return { status: 404, body: { error: `there is no ${request.method} ${path}: there are ${known}` } };
  }

  private takeEvent(request: IncomingMessage): Promise<Answer> {
    const { config, collector } = this.options;
    const { headers } = request;
    const kind = eventKind(headers) ?? 'unknown';
    return this.take(request, kind, async (body) => {
      if (!isCloudEvent(headers)) {
        const wanted = `CloudEvents in binary mode; other servers post to ${CAPTURE_PATHS.predictions}`;
        throw new PayloadError(`the call has no 'ce-' headers; expected ${wanted}`);
      }
      const { service, ...head } = readEventHead(headers, config.requestIdHeader);
      if (!config.inferenceServices.includes(service)) {
        const error = `the event is of '${service}', this collector is for ${config.inferenceServices.join(' and ')}`;
        return { outcome: CAPTURE_OUTCOMES.otherModel, error };
      }
      const taken = collector.takeCalls([{ ...head, received: Date.now(), body }], heldBytes(body));
      return { outcome: await patiently(taken, this.options.patienceMs ?? PATIENCE), held: true };
    });
  }

  private takePredictions(request: IncomingMessage): Promise<Answer> {
    return this.take(request, 'request', async (body) => {
      const calls = readPredictions(body, Date.now());
      if (calls.length === 0) return { outcome: CAPTURE_OUTCOMES.stored };
      return { outcome: await this.options.collector.takeCalls(calls, heldBytes(body)), held: true };
    });
  }

  private takeLabels(request: IncomingMessage): Promise<Answer> {
    return this.take(request, 'label', async (body) => ({
      // Whoever sends labels may wait: nobody has them but the sender.
      outcome: await this.options.collector.takeLabels(readLabels(body, Date.now(), this.options.schema.task)),
    }));
  }

  /** Reads a body within the limits and hands it on; counts what was not. */
  private async take(
    request: IncomingMessage,
    kind: CaptureKind,
    use: (body: Buffer) => Promise<Taken>,
  ): Promise<Answer> {
    const { metrics, memory, config } = this.options;
    if (this.ending) {
      request.resume();
      return this.refuse(kind, CAPTURE_OUTCOMES.shedEnding, 'the collector is ending: send it again');
    }
    let body: Buffer | undefined;
    let held = false;
    try {
      this.reading.set(request.socket, request);
      body = await readBody(request, config.limits.bodyBytes, memory);
      const { outcome, error, ...taken } = await use(body);
      held = taken.held ?? false;
      if (error !== undefined) return this.refuse(kind, outcome ?? CAPTURE_OUTCOMES.malformed, error);
      // Not on the disk yet, but on its way there.
      if (outcome === undefined) return { status: 202, body: { outcome: 'accepted' } };
      return { status: STATUS[outcome], body: { outcome } };
    } catch (error) {
      if (error instanceof UnreadBody) return this.refuse(kind, error.outcome, error.message);
      metrics.event(kind, CAPTURE_OUTCOMES.malformed);
      const problems = error instanceof MalformedCall ? error.problems : undefined;
      if (!problems && !(error instanceof PayloadError)) throw error;
      return { status: 400, body: { outcome: CAPTURE_OUTCOMES.malformed, errors: problems ?? [messageOf(error)] } };
    } finally {
      if (body && !held) memory.give(heldBytes(body));
    }
  }

  private refuse(kind: CaptureKind, outcome: CaptureOutcome, error: string): Answer {
    this.options.metrics.event(kind, outcome);
    return { status: STATUS[outcome], body: { outcome, errors: [error] } };
  }

  /** A call that came too slowly, or is no HTTP; whoever reads its body counts it. */
  private refuseUnread({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
    const isReading = this.reading.get(socket)?.complete === false;
    const isWaiting = (this.open.get(socket) ?? 0) > 0 && !isReading;
    const isCall = code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT';
    if (isCall && socket.bytesRead > 0 && !isReading && !this.refused.has(socket))
      this.options.metrics.event('unknown', CAPTURE_OUTCOMES.incomplete);
    this.refused.add(socket);
    // To somebody who waits for another answer, this one would be it.
    if (!isCall || !socket.writable || isWaiting) return void socket.destroy();
    socket.write(`HTTP/1.1 ${UNREAD_STATUS[code] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`);
    socket.destroySoon();
  }
}

const UNREAD_STATUS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

/** Waits for the rest of a body, but not for long: closed before it was sent, the connection would lose the answer. */
function rest(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, PARTING);
    request.once('end', done).once('close', done).resume();
  });
}

interface Taken {
  /** Absent when it is not known yet. */
  readonly outcome?: CaptureOutcome;
  readonly error?: string;
  /** Whether the memory is given back by whoever took the body. */
  readonly held?: boolean;
}

async function patiently<T>(work: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
