import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CAPTURE_FINDINGS,
  CAPTURE_FOLDERS,
  CAPTURE_HASH_KEY,
  CAPTURE_PORT,
  type CaptureFile,
  COMMANDS,
  EXIT_CODES,
  type ModelSchema,
} from 'cdk8s-mlops/contract';
import { type Call, contractOptions } from '../../common/command-line';
import { Failure } from '../../common/failure';
import { MlflowClient } from '../../common/mlflow';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { StoreFolder } from '../../common/store-files';
import { CaptureMetrics } from '../collect/capture-metrics';
import { Collector, type CollectorOptions } from '../collect/collector';
import { CaptureServer } from '../collect/http-server';
import { Memory } from '../collect/memory';
import { ModelVersions } from '../collect/model-versions';
import { SegmentLog } from '../collect/segment-log';
import { Uploader } from '../collect/uploader';
import { readCaptureConfig } from '../config/capture-config';
import { readModelSchema } from '../config/model-schema-file';

const MAX_PORT = 65_535;
/** How long senders may take to learn that it ends, and what is left may take to the store, in milliseconds. */
const FAREWELL = 5_000;
const DRAIN = 60_000;
const ROTATION = 1_000;
/** How long the versions that serve now may keep it from starting, in milliseconds. */
const PRELOAD = 10_000;

export const collectCommand: RunnableCommand = {
  name: COMMANDS.collect.command,
  summary: COMMANDS.collect.summary,
  options: {
    ...contractOptions(COMMANDS.collect, [], ['config', 'buffer']),
    farewell: {
      help: 'milliseconds that it goes on answering once it was told to end',
      value: 'N',
      default: String(FAREWELL),
    },
  },
  examples: ['drift-checker collect --config capture.yaml --buffer /var/lib/capture --port 8080'],
  graceMs: FAREWELL + DRAIN + 15_000,
  run,
};

async function run(context: Context): Promise<number> {
  const { call, env, log } = context;
  const config = await readCaptureConfig(call.text('config')!);
  const schema = await readModelSchema(config.schema);
  const hashKey = env[CAPTURE_HASH_KEY];
  checkCapture(call, config, schema, hashKey);
  const timing = {
    port: call.number('port', { min: 0, max: MAX_PORT, integer: true }) ?? CAPTURE_PORT,
    farewell: call.number('farewell', { min: 0, integer: true }) ?? FAREWELL,
  };
  const uploader: Uploader = new Uploader({
    ...{ store: new StoreFolder(config.log), log },
    onAttempt: (stored) => metrics.upload(stored),
  });
  const segments = (kind: 'events' | 'labels'): SegmentLog =>
    new SegmentLog({
      ...{ directory: join(call.text('buffer')!, kind), limits: config.limits, log },
      onClosed: (segment) => uploader.add({ ...segment, folder: CAPTURE_FOLDERS[kind] }),
    });
  const [events, labels] = [segments('events'), segments('labels')];
  const bufferBytes = (): number => uploader.bytes + events.bytes + labels.bytes;
  const metrics = new CaptureMetrics(config, schema, bufferBytes);
  let drain = 0;
  try {
    metrics.finding(CAPTURE_FINDINGS.tornRecord, (await events.recover()) + (await labels.recover()));
    await collect(context, { config, schema, metrics, events, labels, bufferBytes, hashKey, ...timing });
    drain = DRAIN;
  } finally {
    await uploader.drain(drain);
  }
  if (uploader.segments === 0) {
    log.info('everything is in the store');
    return EXIT_CODES.judged;
  }
  throw Failure.unreachable(
    `${uploader.segments} segments (${bufferBytes()} bytes) are not in ${config.log} yet: they are lost unless a collector starts with the same --buffer '${call.text('buffer')}'`,
  );
}

type Collecting = Omit<CollectorOptions, 'memory' | 'versions' | 'events' | 'labels'> & {
  readonly events: SegmentLog;
  readonly labels: SegmentLog;
  readonly port: number;
  readonly farewell: number;
};

/** Collects until it is told to end; then all is in closed segments. */
async function collect({ env, log, signal, print }: Context, collecting: Collecting): Promise<void> {
  const { config, schema, metrics, events, labels, port, farewell } = collecting;
  const registry =
    config.registry === undefined ? undefined : new MlflowClient({ trackingUri: config.registry, env, signal });
  const versions = new ModelVersions({
    ...{ schema, registry, log },
    onKnown: ({ version, schema: own, profile, registered }) => {
      if (registered) metrics.useVersion(version, own, profile);
    },
  });
  await Promise.race([versions.preload(), sleep(PRELOAD, undefined, { ref: false })]);
  const memory = new Memory(config.limits.memoryBytes);
  const collector = new Collector({ ...collecting, versions, memory });
  const server = new CaptureServer({ config, schema, collector, metrics, memory, log });
  const listening = await server.listen(port);
  print(`drift-checker collects for '${config.model}' on port ${listening}, into ${config.log}`);
  const rotation = setInterval(() => void Promise.all([events.rotate(), labels.rotate()]), ROTATION);
  await aborted(signal);
  server.announceEnd();
  await sleep(farewell);
  await server.close();
  clearInterval(rotation);
  await Promise.all([events.rotate(true), labels.rotate(true)]);
}

/** It may have been told before it began to listen for it. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** @throws Failure when the configuration is of another model, or what it asks for cannot be done */
function checkCapture(call: Call, config: CaptureFile, schema: ModelSchema, hashKey: string | undefined): void {
  const problems: string[] = [];
  const path = call.text('config');
  if (config.model !== schema.model)
    problems.push(`'${path}' is of model '${config.model}', the schema '${config.schema}' of '${schema.model}'`);
  const hashed = schema.features.filter(({ recorded }) => recorded === 'hashed').map(({ name }) => name);
  if (hashed.length > 0 && !hashKey)
    problems.push(`${hashed.join(', ')} must be recorded hashed: set ${CAPTURE_HASH_KEY} to the key, from a Secret`);
  if (schema.features.some(({ recorded }) => recorded === 'bucketed') && config.registry === undefined)
    problems.push(`features are recorded by the bins of the reference profile: name the registry in '${path}'`);
  if (problems.length > 0) throw Failure.configuration(...problems);
}
