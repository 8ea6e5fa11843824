import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';

/** A port of the loopback address that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until an address answers with success. */
export async function untilReady(url: string, timeout = 90_000): Promise<void> {
  const deadline = Date.now() + timeout;
  while (!(await fetch(url).catch(() => undefined))?.ok) {
    if (Date.now() > deadline) throw new Error(`${url} did not become ready`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A server that runs for the time of a test. */
export class Server {
  /** Starts a program and waits until `readyUrl` answers with success. */
  public static async start(
    command: string,
    args: string[],
    env: Record<string, string>,
    readyUrl: string,
  ): Promise<Server> {
    const child = spawn(command, args, { env: { PATH: process.env.PATH, ...env }, detached: true });
    const server = new Server(child);
    await server.untilReady(readyUrl, 90_000);
    return server;
  }

  /** What the server has written so far, to both of its outputs. */
  public output = '';
  private ended = false;

  private constructor(private readonly child: ChildProcess) {
    const keep = (chunk: Buffer): void => void (this.output += chunk.toString());
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('error', (error) => keep(Buffer.from(String(error))));
    child.on('exit', () => (this.ended = true));
  }

  /** Ends the server and everything that it started, and waits for it. */
  public async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.ended || this.child.pid === undefined) return;
    const exited = new Promise((resolve) => this.child.once('exit', resolve));
    process.kill(-this.child.pid, signal);
    await exited;
  }

  private async untilReady(url: string, timeout: number): Promise<void> {
    const deadline = Date.now() + timeout;
    while (Date.now() < deadline) {
      if (this.ended) break;
      const response = await fetch(url).catch(() => undefined);
      if (response?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.stop('SIGKILL');
    throw new Error(`${url} did not become ready: run test/integration/setup.sh first\n${this.output.slice(-4000)}`);
  }
}
