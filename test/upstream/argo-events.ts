import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Server } from '../integration/server';
import { type Rendered } from '../support/synth';
import { binary } from './judges';

/** A request that the webhook of an EventSource took. */
export interface ReceivedAlert {
  /** When it came. */
  readonly time: string;
  readonly body: object;
}

/** What a Sensor did with one of them. */
export interface Triggered {
  readonly sensor: string;
  /** Whether it met the filters. */
  readonly passed: boolean;
  /** What was created. */
  readonly object?: Rendered;
  readonly error?: string;
}

function run(args: readonly string[], objects: readonly object[]): Rendered[] {
  const input = JSON.stringify(objects);
  const { status, stdout, stderr, error } = spawnSync(binary('argo-events'), args, { input, encoding: 'utf8' });
  if (error || status !== 0) throw new Error(`argo-events gave no answer: ${error?.message ?? stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Rendered);
}

/** The workloads and Services that the controllers of Argo Events make of objects. */
export function made(objects: readonly object[]): Rendered[] {
  return run(['-objects'], objects);
}

/** What every Sensor does with every alert, in order, in a namespace that remembers what was created. */
export function triggered(objects: readonly object[], alerts: readonly ReceivedAlert[]): Triggered[] {
  const directory = mkdtempSync(join(tmpdir(), 'argo-events-'));
  try {
    const path = join(directory, 'events.json');
    const header = { 'Content-Type': ['application/json'] };
    const events = alerts.map(({ time, body }, index) => ({ context: { id: String(index), time }, header, body }));
    writeFileSync(path, JSON.stringify(events));
    return run(['-events', path], objects);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The webhook of an EventSource, as the library runs it, but for the question for the token. */
export class EventSourceWebhook {
  public static async start(objects: readonly object[]): Promise<EventSourceWebhook> {
    const directory = mkdtempSync(join(tmpdir(), 'argo-events-'));
    const input = join(directory, 'objects.json');
    writeFileSync(input, JSON.stringify(objects));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const command = `exec '${binary('argo-events')}' -listen ${port} < '${input}'`;
    const server = await Server.start('sh', ['-c', command], {}, `${url}/health`);
    return new EventSourceWebhook(url, server, directory);
  }

  private constructor(
    /** Its base address. */
    public readonly url: string,
    private readonly server: Server,
    private readonly directory: string,
  ) {}

  /** What it put on the bus. */
  public get events(): Rendered[] {
    return this.server.output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Rendered);
  }

  public async stop(): Promise<void> {
    await this.server.stop();
    rmSync(this.directory, { recursive: true });
  }
}
