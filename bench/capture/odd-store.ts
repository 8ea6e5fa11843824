import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** How the store behaves; between two moments in seconds it may be gone. */
export interface StoreMood {
  readonly delayMs?: number;
  /** Share of the requests that fail with 500. */
  readonly failing?: number;
  readonly goneFrom?: number;
  readonly goneUntil?: number;
}

/** A store that takes objects of S3's PUT, and is slow, failing or gone; it counts the records that it has. */
export class OddStore {
  public static async start(mood: StoreMood): Promise<OddStore> {
    const store = new OddStore(mood);
    await new Promise<void>((resolve) => store.server.listen(0, '127.0.0.1', resolve));
    return store;
  }

  private readonly server: Server;
  private readonly objects = new Map<string, number>();
  private readonly start = Date.now();

  private constructor(private readonly mood: StoreMood) {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => this.take(request.url ?? '', Buffer.concat(parts), response));
      request.on('error', () => undefined);
    });
  }

  public get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Records of all objects. */
  public get records(): number {
    return [...this.objects.values()].reduce((sum, count) => sum + count, 0);
  }

  public stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private take(key: string, body: Buffer, response: ServerResponse): void {
    const { delayMs = 0, failing = 0, goneFrom = Infinity, goneUntil = 0 } = this.mood;
    const seconds = (Date.now() - this.start) / 1000;
    if (seconds >= goneFrom && seconds < goneUntil) return void response.destroy();
    setTimeout(() => {
      if (Math.random() < failing) return void response.writeHead(500).end();
      this.objects.set(key, countLines(gunzipSync(unchunked(body))));
      response.writeHead(200, { etag: '"e"' }).end();
    }, delayMs);
  }
}

/** What the SDK sends in signed chunks of its own, as it was. */
function unchunked(body: Buffer): Buffer {
  if (body[0] === 0x1f && body[1] === 0x8b) return body;
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const end = body.indexOf('\r\n', at);
    const size = parseInt(body.toString('latin1', at, end), 16);
    if (!(size > 0)) break;
    parts.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return Buffer.concat(parts);
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}
