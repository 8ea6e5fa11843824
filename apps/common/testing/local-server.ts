import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo } from 'node:net';

/** A request as it arrived. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What is said to a request; `silence` never answers, `hang-up` closes the connection. */
export type Answer = { readonly status: number; readonly body?: string | object } | 'silence' | 'hang-up';

/** A real server on the loopback address, whose answers a test decides. */
export class LocalServer {
  /**
   * @param answer what is said to the n-th request, counted from 1
   * @param tls key and certificate, for `https`
   */
  public static async start(
    answer: (request: Received, count: number) => Answer,
    tls?: { readonly key: string; readonly cert: string },
  ): Promise<LocalServer> {
    const received: Received[] = [];
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const each = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
        received.push(each);
        const said = answer(each, received.length);
        if (said === 'silence') return;
        if (said === 'hang-up') return void request.socket.destroy();
        response.statusCode = said.status;
        response.end(typeof said.body === 'object' ? JSON.stringify(said.body) : said.body);
      });
    };
    const server = tls ? createSecureServer(tls, handle) : createServer(handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new LocalServer(server, received, tls ? 'https' : 'http');
  }

  private constructor(
    private readonly server: Server,
    /** Every request so far. */
    public readonly received: readonly Received[],
    private readonly scheme: string,
  ) {}

  public get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  public get url(): string {
    return `${this.scheme}://127.0.0.1:${this.port}`;
  }

  public async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}
