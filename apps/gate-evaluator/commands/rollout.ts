import {
  COMMANDS,
  type CommandSpec,
  EXIT_CODES,
  LIFECYCLE,
  METRICS,
  MLFLOW_TAGS,
  type RolloutFile,
} from 'cdk8s-mlops/contract';
import { contractOptions } from '../../common/command-line';
import { KubernetesClient } from '../../common/kubernetes';
import { clearOutputs, outputDirectory } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { readRolloutFile } from '../config/rollout-file';
import { type Promotion } from '../promotion/promote';
import { type DecisionRecord } from '../records/decision-record';
import { type RegisteredVersion, type Registry } from '../registry/registry';
import { wantedVersion } from '../rollout/canary';
import { Cluster, type ClusterApi, type Pace } from '../rollout/cluster';
import { deliveryOf } from '../rollout/delivery';
import { direct, finish, restore, type RolloutWorld, start, update } from '../rollout/steps';
import { answer, asked, recordDecision } from './decide';
import { openRegistry } from './open-registry';
import { lineageOf, recordPromotion } from './promote';
import { versionRoles } from './version-metrics';

/** What a command talks to, where that is not a pod's own cluster and the registry of the file. */
export interface RolloutServers {
  readonly api: ClusterApi;
  readonly registry: Registry;
  readonly pace?: Pace;
}

type Step = (world: World) => Promise<void>;

interface World extends RolloutWorld {
  readonly context: Context;
  readonly file: RolloutFile;
}

/** Runs one step of a roll-out. */
export interface RolloutCommand extends RunnableCommand {
  run(context: Context, servers?: RolloutServers): Promise<number>;
}

const CONFIG = '--config /etc/mlops/rollout/rollout.yaml';

export const rolloutStartCommand = command(COMMANDS.rolloutStart, {
  required: [],
  mayBeEmpty: ['version', 'run', 'reason'],
  examples: [CONFIG, `${CONFIG} --version 7 --reason "release 2026-11"`],
  step: async (world) => {
    const { context, file, registry } = world;
    const { model } = file;
    const version = await wantedVersion(registry, model, {
      version: context.call.text('version'),
      run: context.call.text('run'),
    });
    let record: DecisionRecord | undefined;
    await start(world, version, async (done) => void (record = await recordOf(world, done)));
    context.print(`${model}: version ${version} is canary, and its candidate is ready where the engine has one`);
    await tell(world, version, record);
  },
});

export const rolloutShadowCommand = command(COMMANDS.rolloutShadow, {
  required: ['version', 'percent'],
  examples: [`${CONFIG} --version 7 --percent 10`],
  step: async (world) => {
    const { context, file } = world;
    const [version, percent] = [context.call.text('version')!, percentOf(context)];
    await direct(world, version, { weight: 0, mirror: percent });
    context.print(`${file.model}: ${percent} % of the requests are copied to version ${version}`);
  },
});

export const rolloutWeightCommand = command(COMMANDS.rolloutWeight, {
  required: ['version', 'percent'],
  examples: [`${CONFIG} --version 7 --percent 30`],
  step: async (world) => {
    const { context, file } = world;
    const [version, percent] = [context.call.text('version')!, percentOf(context)];
    await direct(world, version, { weight: percent, mirror: 0 });
    context.print(`${file.model}: version ${version} answers ${percent} % of the requests`);
  },
});

export const rolloutUpdateCommand = command(COMMANDS.rolloutUpdate, {
  required: ['version'],
  examples: [`${CONFIG} --version 7`],
  step: async (world) => {
    const { context, file } = world;
    const version = context.call.text('version')!;
    await update(world, version);
    context.print(`${file.model}: the stable object runs version ${version}`);
  },
});

export const rolloutFinishCommand = command(COMMANDS.rolloutFinish, {
  required: ['version'],
  mayBeEmpty: ['reason'],
  examples: [`${CONFIG} --version 7 --reason "passed its analysis"`],
  step: async (world) => {
    const { context, file } = world;
    const version = context.call.text('version')!;
    let record: DecisionRecord | undefined;
    await finish(world, version, async (done) => void (record = await recordOf(world, done)));
    context.print(`${file.model}: version ${version} is champion, and the stable object serves it`);
    await tell(world, version, record);
  },
});

export const rolloutRestoreCommand = command(COMMANDS.rolloutRestore, {
  required: [],
  mayBeEmpty: ['reason'],
  examples: [`${CONFIG} --reason "the error rate is too high"`],
  step: async (world) => {
    const { context, file } = world;
    let record: DecisionRecord | undefined;
    const restored = await restore(world, {
      reason: asked(context).reason,
      record: async (canary) => void (record = await recordAbort(world, canary)),
      recordPromotion: async (done) => void (record = await recordOf(world, done)),
    });
    if (!restored) {
      context.print(`${file.model}: has no champion yet, and nothing is rolled out`);
      return;
    }
    const { champion, givenUp } = restored;
    const what = givenUp ? `version ${givenUp.version} was given up` : 'nothing had to be given up';
    context.print(`${file.model}: version ${champion.version} serves and nothing else does, ${what}`);
    await tell(world, champion.version, record, givenUp?.version);
  },
});

/** All commands of the group. */
export const ROLLOUT_COMMANDS = [
  rolloutStartCommand,
  rolloutShadowCommand,
  rolloutWeightCommand,
  rolloutUpdateCommand,
  rolloutFinishCommand,
  rolloutRestoreCommand,
] as const;

interface CommandOptions {
  readonly required: readonly string[];
  readonly mayBeEmpty?: readonly string[];
  readonly examples: readonly string[];
  readonly step: Step;
}

function command(spec: CommandSpec, { required, mayBeEmpty = [], examples, step }: CommandOptions): RolloutCommand {
  return {
    name: spec.command,
    summary: spec.summary,
    options: contractOptions(spec, [], ['config', ...required], mayBeEmpty),
    examples: examples.map((example) => `gate-evaluator ${spec.command} ${example}`),
    run: async (context, servers) => {
      await clearOutputs(outputDirectory(context.env));
      const file = await readRolloutFile(context.call.text('config')!);
      await step(worldOf(context, file, servers));
      return EXIT_CODES.judged;
    },
  };
}

function worldOf(context: Context, file: RolloutFile, servers?: RolloutServers): World {
  const { env, log, signal } = context;
  const elsewhere = 'roll-outs run in the cluster';
  const { api, registry, pace } = servers ?? {
    api: new KubernetesClient({ env, signal, elsewhere }),
    registry: openRegistry(file.registry, { env, signal }),
  };
  return { context, file, registry, log, delivery: deliveryOf(file, new Cluster(api, log, signal, pace), log) };
}

const percentOf = ({ call }: Context): number => call.number('percent', { min: 0, max: 100 })!;

function recordOf({ context, file: { model }, registry }: World, done: Promotion): Promise<DecisionRecord> {
  return recordPromotion(context, registry, model, done);
}

function recordAbort(
  { context, file: { model }, registry }: World,
  { version, runId, tags }: RegisteredVersion,
): Promise<DecisionRecord> {
  const decision = {
    ...{ action: 'abort' as const, model, modelVersion: version, runId, run: tags[MLFLOW_TAGS.trainingRun] },
    ...{ at: new Date().toISOString(), ...asked(context) },
    ...{ from: version, to: LIFECYCLE.archived, inputs: lineageOf(tags) },
  };
  return recordDecision(
    context,
    registry,
    decision,
    (last) => last.action === 'abort' && last.modelVersion === version,
  );
}

/** Outputs, and the roles for whoever asks Prometheus. */
async function tell(
  { context, file: { model, namespace }, registry }: World,
  version: string,
  record: DecisionRecord | undefined,
  givenUp?: string,
): Promise<void> {
  const roles = await versionRoles(registry, model);
  await answer(context, {
    ...{ record, model, namespace, version },
    outputs: { passed: 'true', modelVersion: version },
    metrics: (set) => {
      roles(set);
      if (givenUp !== undefined) set(METRICS.rolloutGivenUp, Date.now() / 1000, { version: givenUp });
    },
  });
}
