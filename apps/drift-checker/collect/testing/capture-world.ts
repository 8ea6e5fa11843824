import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { CAPTURE_DEFAULTS, type CaptureFile, type CaptureLimits, type ModelSchema } from 'cdk8s-mlops/contract';
import { SILENT } from '../../../common/testing/test-data';
import { SHOP_SCHEMA } from '../../commands/testing/shop';
import { CaptureMetrics } from '../capture-metrics';
import { type CaptureRecord, parseRecord } from '../capture-record';
import { Collector, type CollectorOptions } from '../collector';
import { CaptureServer } from '../http-server';
import { Memory } from '../memory';
import { ModelVersions, type ModelVersionsOptions } from '../model-versions';
import { type ClosedSegment, SegmentLog } from '../segment-log';

/** A configuration of the shop's collector; its limits are the defaults with these changes. */
export function captureConfig(
  changes: Partial<Omit<CaptureFile, 'limits'>> & { readonly limits?: Partial<CaptureLimits> } = {},
): CaptureFile {
  const { limits, ...others } = changes;
  return {
    ...{ version: 1, model: 'shop', namespace: 'ml', schema: 'schema.json', log: 'log' },
    ...{ inferenceServices: ['shop', 'shop-candidate'] },
    ...CAPTURE_DEFAULTS,
    ...others,
    limits: { ...CAPTURE_DEFAULTS.limits, ...limits },
  };
}

/** What a world is made of, where it is not the usual. */
export interface CaptureWorldOptions {
  readonly config?: Parameters<typeof captureConfig>[0];
  readonly schema?: ModelSchema;
  readonly registry?: ModelVersionsOptions['registry'];
  readonly hashKey?: string;
  /** How long senders of events wait for the disk: a machine that is busy must not look like a slow disk. */
  readonly patienceMs?: number;
  /** Instead of the log of events. */
  readonly events?: CollectorOptions['events'];
}

/** An answer of the collector. */
export interface CaptureAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A collector as the program puts it together, on a free port and a directory of its own, without a store. */
export class CaptureWorld {
  public static async start(options: CaptureWorldOptions = {}): Promise<CaptureWorld> {
    const world = new CaptureWorld(options);
    await world.events.recover();
    await world.labels.recover();
    world.port = await world.server.listen(0);
    return world;
  }

  public readonly directory = mkdtempSync(join(tmpdir(), 'capture-'));
  public readonly closed: ClosedSegment[] = [];
  public readonly events = this.segments('events');
  public readonly labels = this.segments('labels');
  public readonly config: CaptureFile;
  public readonly metrics: CaptureMetrics;
  public readonly memory: Memory;
  public readonly versions: ModelVersions;
  public readonly collector: Collector;
  public readonly server: CaptureServer;
  public port = 0;

  private constructor(options: CaptureWorldOptions) {
    const { schema = SHOP_SCHEMA, registry, hashKey, patienceMs = 10_000 } = options;
    const config = captureConfig(options.config);
    this.config = config;
    const bufferBytes = (): number =>
      this.closed.reduce((sum, { bytes }) => sum + bytes, this.events.bytes + this.labels.bytes);
    const metrics = new CaptureMetrics(config, schema, bufferBytes);
    const memory = new Memory(config.limits.memoryBytes);
    const versions = new ModelVersions({
      ...{ schema, registry, log: SILENT, retryMs: 0 },
      onKnown: ({ version, schema: own, profile, registered }) => {
        if (registered) metrics.useVersion(version, own, profile);
      },
    });
    const { events, labels } = this;
    this.collector = new Collector({
      ...{ config, schema, metrics, versions, labels, memory, bufferBytes, hashKey },
      events: options.events ?? events,
    });
    this.server = new CaptureServer({
      config,
      schema,
      collector: this.collector,
      metrics,
      memory,
      log: SILENT,
      patienceMs,
    });
    this.metrics = metrics;
    this.memory = memory;
    this.versions = versions;
  }

  public call(method: string, path: string, body = '', headers: Record<string, string> = {}): Promise<CaptureAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request({ port: this.port, method, path, headers, agent: false }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: Buffer.concat(parts).toString('utf8'),
          }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** Posts something to the plain API. */
  public post(path: string, body: unknown): Promise<CaptureAnswer> {
    return this.call('POST', path, typeof body === 'string' ? body : JSON.stringify(body));
  }

  /** Posts an event as KServe's payload logger does. */
  public event(body: string, headers: Record<string, string | undefined> = {}): Promise<CaptureAnswer> {
    return this.call('POST', '/', body, eventHeaders(headers));
  }

  /** A connection on which a test says what it likes. */
  public async raw(): Promise<RawConnection> {
    const socket = connect({ port: this.port, host: '127.0.0.1' });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawConnection(socket);
  }

  /** Waits until everything that was taken is counted. */
  public async counted(): Promise<void> {
    await until(() => this.collector.backlog === 0);
  }

  /** The values of all series, by name and labels but `model` and `namespace`. */
  public async series(): Promise<Record<string, number>> {
    await this.counted();
    return seriesOf(await this.metrics.text());
  }

  /** What became of what was sent; those of which nothing was sent are left out. */
  public async outcomes(): Promise<Record<string, number>> {
    return nonZero(await this.series(), /^ml_capture_events_total\{kind="(.*)",outcome="(.*)"\}$/);
  }

  public async findings(): Promise<Record<string, number>> {
    return nonZero(await this.series(), /^ml_capture_findings_total\{kind="(.*)"\}$/);
  }

  /** What is on the disk. */
  public records(kind: 'events' | 'labels' = 'events'): CaptureRecord[] {
    return this.text(kind)
      .split('\n')
      .filter((line) => line !== '')
      .map(parseRecord);
  }

  public text(kind: 'events' | 'labels' = 'events'): string {
    return textsIn(join(this.directory, kind));
  }

  public async stop(): Promise<void> {
    await this.server.close();
    await Promise.all([this.events.rotate(true), this.labels.rotate(true)]);
    rmSync(this.directory, { recursive: true, force: true });
  }

  private segments(kind: 'events' | 'labels'): SegmentLog {
    const directory = join(this.directory, kind);
    mkdirSync(directory);
    const limits = { segmentBytes: 1 << 25, segmentSeconds: 3600 };
    return new SegmentLog({ directory, limits, log: SILENT, onClosed: (segment) => this.closed.push(segment) });
  }
}

/** A connection below HTTP. */
export class RawConnection {
  public received = '';
  public isClosed = false;

  constructor(public readonly socket: Socket) {
    socket.on('data', (part: Buffer) => (this.received += part.toString('latin1')));
    socket.on('close', () => (this.isClosed = true)).on('error', () => undefined);
  }

  public say(text: string): void {
    this.socket.write(text);
  }

  public closed(): Promise<void> {
    return until(() => this.isClosed);
  }
}

/** Headers of an event of the logger; those that are undefined are left out. */
export function eventHeaders(changes: Record<string, string | undefined> = {}): Record<string, string> {
  const headers: Record<string, string | undefined> = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-type': 'org.kubeflow.serving.inference.request',
    'ce-id': 'call-1',
    'ce-source': 'shop-predictor-7d9c',
    'ce-time': new Date().toISOString(),
    'ce-inferenceservicename': 'shop',
    'ce-namespace': 'ml',
    'ce-component': 'predictor',
    'ce-endpoint': 'default',
    'ce-annotations': JSON.stringify({ 'cdk8s-mlops.dev/version': '1', 'cdk8s-mlops.dev/role': 'stable' }),
    ...changes,
  };
  return Object.fromEntries(Object.entries(headers).filter((each): each is [string, string] => each[1] !== undefined));
}

export const RESPONSE = { 'ce-type': 'org.kubeflow.serving.inference.response' };

/** Everything in a directory's files, packed or not. */
export function textsIn(directory: string): string {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.jsonl(\.gz)?$/.test(name),
  );
  return names
    .map((name) => readFileSync(join(directory, name)))
    .map((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('utf8'))
    .join('');
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited 30 s in vain for ${condition.toString()}`);
    await sleep(5);
  }
}

/** Series of a text in Prometheus's format, which it is held against. */
export function seriesOf(text: string): Record<string, number> {
  const series: Record<string, number> = {};
  for (const line of text.split('\n')) {
    if (line === '' || /^# (HELP|TYPE) [a-z_]+ \S/.test(line)) continue;
    const [, name, labels, value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined || Number.isNaN(Number(value))) throw new Error(`no line of the format: ${line}`);
    const own = (labels ?? '').replace(/model="shop",namespace="ml",?/, '');
    series[own === '' ? name : `${name}{${own}}`] = Number(value);
  }
  return series;
}

function nonZero(series: Record<string, number>, pattern: RegExp): Record<string, number> {
  const found = Object.entries(series).flatMap(([name, value]) => {
    const parts = pattern.exec(name)?.slice(1);
    return parts && value > 0 ? [[parts.join(' '), value] as const] : [];
  });
  return Object.fromEntries(found);
}
