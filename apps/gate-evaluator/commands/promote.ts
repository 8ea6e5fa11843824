import { COMMANDS, EXIT_CODES, LIFECYCLE, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { type Call, contractOptions } from '../../common/command-line';
import { Failure } from '../../common/failure';
import { clearOutputs, outputDirectory } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { archiveArtifacts, prepareToServe } from '../promotion/artifact-objects';
import { promote, promoteAction, type Promotion, type PromotionTarget } from '../promotion/promote';
import { type DecisionRecord } from '../records/decision-record';
import { type Registry } from '../registry/registry';
import { answer, asked, DECIDING_OPTIONS, recordDecision } from './decide';
import { REGISTRY_HELP, registryOrDirectory } from './open-registry';
import { versionRoles } from './version-metrics';
import { versionOfRun } from './version-of-run';

export const promoteCommand: RunnableCommand = {
  name: COMMANDS.promote.command,
  summary: COMMANDS.promote.summary,
  options: {
    ...contractOptions(COMMANDS.promote, [], ['model', 'to']),
    version: { help: 'the version that is promoted, instead of a run', value: 'VERSION' },
    registry: { help: REGISTRY_HELP, value: 'ADDRESS' },
    ...DECIDING_OPTIONS,
  },
  examples: [
    'gate-evaluator promote --model fraud-detector --version 7 --to canary --registry http://mlflow:5000 --reason "release 2026-11"',
    'gate-evaluator promote --model fraud-detector --run fraud-detector-training-x7k2p --to production --registry http://mlflow:5000',
  ],
  run,
};

async function run(context: Context): Promise<number> {
  const { call, env, log, print } = context;
  await clearOutputs(outputDirectory(env));
  const model = call.text('model')!;
  const wanted = targetOf(call.text('to')!);
  const registry = registryOrDirectory(context);
  const version = await versionOf(call, registry, model);
  let record: DecisionRecord | undefined;
  const { previous, already, to } = await promote({
    ...{ registry, model, version, to: wanted },
    prepare: (candidate) => prepareToServe(registry, model, candidate),
    record: async (promotion) => void (record = await recordPromotion(context, registry, model, promotion)),
  });
  log.info({ model, version, to, already, previous: previous?.version }, 'promoted');
  const before = previous ? `, version ${previous.version} is archived and what a rollback goes back to` : '';
  print(
    `${model}: version ${version} is ${to === LIFECYCLE.canary ? 'canary' : 'champion'}${already ? ' already' : ''}${before}`,
  );
  await answer(context, {
    record: record!,
    outputs: { passed: 'true', modelVersion: version },
    version,
    metrics: await versionRoles(registry, model),
  });
  // Last: nothing that failed here may keep the loop from knowing who serves.
  await archiveArtifacts(registry, model, promoteAction({ version, to: wanted }));
  return EXIT_CODES.judged;
}

/** Puts a promotion into the chain of decisions. */
export function recordPromotion(
  context: Context,
  registry: Registry,
  model: string,
  { version: { version, runId, tags }, previous, already, to }: Promotion,
): Promise<DecisionRecord> {
  const decision = {
    ...{ action: 'promote' as const, model, modelVersion: version, runId },
    ...{ run: tags[MLFLOW_TAGS.trainingRun], at: new Date().toISOString(), ...asked(context) },
    ...{ from: previous?.version, to, inputs: lineageOf(tags) },
  };
  // What is so already has a record that made it so, unless an earlier try was killed before it was written.
  const repeats = (last: DecisionRecord): boolean => already && last.modelVersion === version && last.to === to;
  return recordDecision(context, registry, decision, repeats);
}

function targetOf(text: string): PromotionTarget {
  if (text === LIFECYCLE.canary || text === LIFECYCLE.production) return text;
  throw Failure.configuration(`--to must be ${LIFECYCLE.canary} or ${LIFECYCLE.production}, got '${text}'`);
}

/** What a decision about a version rests on. */
export function lineageOf(tags: Readonly<Record<string, string>>): Record<string, string> {
  const { gateVerdict, gateReportSha256, datasetDigest, gitCommit, artifactSha256, artifactUri } = MLFLOW_TAGS;
  const known = [gateVerdict, gateReportSha256, datasetDigest, gitCommit, artifactSha256, artifactUri];
  return Object.fromEntries(known.flatMap((tag) => (tags[tag] ? [[tag, tags[tag]]] : [])));
}

async function versionOf(call: Call, registry: Registry, model: string): Promise<string> {
  const [version, run] = [call.text('version'), call.text('run')];
  if ((version === undefined) === (run === undefined))
    throw Failure.configuration(`'promote' needs --version or --run, and not both`);
  if (version !== undefined) return version;
  const found = await versionOfRun(registry, model, run!);
  if (found) return found.version;
  throw Failure.configuration(
    `no version of '${model}' in ${registry.address} is of the run '${run}': register it first`,
  );
}
