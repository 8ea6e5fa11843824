import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo } from 'node:net';

/** A request on its way. */
export interface Passing {
  /** From 1 on, in the order of arrival. */
  readonly count: number;
  readonly method: string;
  readonly path: string;
  /** Lets the server answer; the client gets the answer when {@link Meddle} is done. */
  readonly forward: () => Promise<void>;
}

/** What becomes of a request: answered when it was forwarded, and hung up otherwise. */
export type Meddle = (passing: Passing) => Promise<'answer' | 'hang-up'>;

/** Something between a program and its server that a test decides about. */
export class Proxy {
  public static async start(
    target: string,
    meddle: Meddle,
    tls?: { readonly key: string; readonly cert: string },
  ): Promise<Proxy> {
    let count = 0;
    const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', () => undefined);
      incoming.on('end', () => {
        const { method = '', url = '' } = incoming;
        let answer: Awaited<ReturnType<typeof ask>> | undefined;
        const forward = async (): Promise<void> => {
          answer = await ask(`${target}${url}`, incoming, Buffer.concat(chunks));
        };
        meddle({ count: ++count, method, path: url, forward }).then(
          (then) => {
            if (then === 'hang-up' || !answer) return void incoming.socket.destroy();
            outgoing.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body);
          },
          () => incoming.socket.destroy(),
        );
      });
    };
    const server = tls ? createSecureServer(tls, handle) : createServer(handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Proxy(server, tls ? 'https' : 'http');
  }

  private constructor(
    private readonly server: Server,
    private readonly scheme: string,
  ) {}

  public get url(): string {
    return `${this.scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  public async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

function ask(
  url: string,
  { method, headers }: IncomingMessage,
  body: Buffer,
): Promise<{ status: number; type: string; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const { host: _, ...others } = headers;
    const sent = request(url, { method, headers: { ...others, connection: 'close' }, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers: said } = response;
        resolve({ status, type: said['content-type'] ?? 'text/plain', body: Buffer.concat(chunks) });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
