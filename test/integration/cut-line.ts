import { connect, createServer, type Server, type Socket, type AddressInfo } from 'node:net';

/** A line to a server that a test can cut, and mend. */
export class CutLine {
  public static async to(url: string): Promise<CutLine> {
    const line = new CutLine(new URL(url));
    await new Promise<void>((resolve) => line.server.listen(0, '127.0.0.1', resolve));
    return line;
  }

  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(private readonly target: URL) {
    this.server = createServer((socket) => this.join(socket));
  }

  public get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Breaks every connection, and takes no new one. */
  public cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  public mend(): void {
    this.isCut = false;
  }

  public async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(socket: Socket): void {
    if (this.isCut) return void socket.destroy();
    const other = connect(Number(this.target.port), this.target.hostname);
    for (const [each, peer] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.sockets.add(each);
      each.on('error', () => peer.destroy());
      each.on('close', () => {
        this.sockets.delete(each);
        peer.destroy();
      });
    }
    socket.pipe(other).pipe(socket);
  }
}
