import { EXIT_CODES, LIFECYCLE, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { clearOutputs, outputDirectory } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { archiveArtifacts, prepareToServe } from '../promotion/artifact-objects';
import { rollback, type Rollback, rollbackAction } from '../promotion/rollback';
import { type DecisionRecord } from '../records/decision-record';
import { type Registry } from '../registry/registry';
import { answer, asked, DECIDING_OPTIONS, recordDecision } from './decide';
import { REGISTRY_HELP, registryOrDirectory } from './open-registry';
import { lineageOf } from './promote';
import { versionRoles } from './version-metrics';

export const rollbackCommand: RunnableCommand = {
  name: 'rollback',
  summary: 'makes the version before, or a named one, champion again',
  options: {
    model: { help: 'name of the model', value: 'NAME', required: true },
    to: { help: 'version to go back to', value: 'VERSION', mayBeEmpty: true, default: 'the champion before' },
    from: { help: 'version that must be champion: asked twice, it is taken back once', value: 'VERSION' },
    reason: { help: 'why', value: 'TEXT', mayBeEmpty: true },
    registry: { help: REGISTRY_HELP, value: 'ADDRESS' },
    decisions: { help: 'URI under which the decision record is kept', value: 'URI' },
    namespace: { help: 'namespace of the model, a label of its metrics', value: 'NAME' },
    ...DECIDING_OPTIONS,
  },
  examples: [
    'gate-evaluator rollback --model fraud-detector --from 7 --registry http://mlflow:5000 --reason "false alarms"',
    'gate-evaluator rollback --model fraud-detector --to 4 --registry http://mlflow:5000 --reason "5 and 6 share the fault"',
  ],
  run,
};

async function run(context: Context): Promise<number> {
  const { call, env, log, print } = context;
  await clearOutputs(outputDirectory(env));
  const model = call.text('model')!;
  const registry = registryOrDirectory(context);
  let record: DecisionRecord | undefined;
  const { version, takenBack } = await rollback({
    ...{ registry, model, from: call.text('from'), to: call.text('to'), reason: asked(context).reason },
    prepare: (target) => prepareToServe(registry, model, target),
    record: async (done) => void (record = await recordRollback(context, registry, done)),
  });
  log.info({ model, version: version.version, takenBack: takenBack?.version }, 'rolled back');
  print(
    `${model}: version ${version.version} is champion${takenBack ? ` again, version ${takenBack.version} was taken back` : ', nothing had to be taken back'}`,
  );
  await answer(context, {
    record: record!,
    outputs: { passed: 'true', modelVersion: version.version },
    version: version.version,
    metrics: await versionRoles(registry, model),
  });
  await archiveArtifacts(registry, model, rollbackAction({ from: call.text('from') }));
  return EXIT_CODES.judged;
}

function recordRollback(
  context: Context,
  registry: Registry,
  { version: { version, runId, tags }, takenBack }: Rollback,
): Promise<DecisionRecord> {
  const { call } = context;
  // Without what was taken back now there is what an earlier try took back, which the call named.
  const from = takenBack?.version ?? call.text('from');
  const decision = {
    ...{ action: 'rollback' as const, model: call.text('model')!, modelVersion: version, runId },
    ...{ run: tags[MLFLOW_TAGS.trainingRun], at: new Date().toISOString(), ...asked(context) },
    ...{ from, to: LIFECYCLE.production, inputs: lineageOf(tags) },
  };
  // Of one that was done already, the last decision about the champion says it: this one, or what was decided since.
  return recordDecision(context, registry, decision, (last) => !takenBack && last.modelVersion === version);
}
