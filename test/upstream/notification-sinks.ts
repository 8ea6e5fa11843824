import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { type Rendered } from '../support/synth';

/** What an HTTP receiver got. */
export interface HttpNotification {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Rendered;
}

/** What the mail server got. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body, with quoted-printable undone. */
  readonly text: string;
}

/** A receiver that keeps what it gets. */
export interface Sink<T> {
  readonly port: number;
  readonly got: readonly T[];
  close(): Promise<void>;
}

async function listen<T>(server: Server, got: readonly T[]): Promise<Sink<T>> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return { port: (server.address() as AddressInfo).port, got, close };
}

/** Takes JSON at any path, as Slack, PagerDuty and webhooks do. */
export function httpSink(): Promise<Sink<HttpNotification>> {
  const got: HttpNotification[] = [];
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Rendered;
      got.push({ path: request.url ?? '', headers: request.headers, body });
      // PagerDuty says 202, Slack 200; Alertmanager takes either from a webhook.
      response.statusCode = request.url === '/v2/enqueue' ? 202 : 200;
      response.setHeader('Connection', 'close');
      response.end('ok');
    });
  });
  return listen(server, got);
}

/** Takes mail, as RFC 5321 has it, without TLS or a login. */
export function mailSink(): Promise<Sink<Mail>> {
  const got: Mail[] = [];
  return listen(
    createTcpServer((socket) => receive(socket, got)),
    got,
  );
}

function receive(socket: Socket, got: Mail[]): void {
  let buffer = '';
  let from = '';
  let to: string[] = [];
  let data: string[] | undefined;
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  const onLine = (line: string): void => {
    if (data && line !== '.') return void data.push(line.replace(/^\.\./, '.'));
    if (data) {
      got.push({ from, to, text: unquoted(data.join('\n')) });
      [from, to, data] = ['', [], undefined];
      return say('250 taken');
    }
    const address = /<([^>]*)>/.exec(line)?.[1] ?? '';
    const [command] = line.toUpperCase().split(/[ :]/);
    if (command === 'MAIL') from = address;
    if (command === 'RCPT') to.push(address);
    if (command === 'DATA') {
      data = [];
      return say('354 go on');
    }
    if (command === 'QUIT') {
      say('221 bye');
      return void socket.end();
    }
    say('250 ok');
  };
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    buffer += chunk.toString();
    const lines = buffer.split('\r\n');
    buffer = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  say('220 here');
}

function unquoted(text: string): string {
  const bytes = text
    .replace(/=\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
