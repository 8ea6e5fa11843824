import { EXIT_CODES, LIFECYCLE, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { clearOutputs, outputDirectory } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { archiveArtifacts, prepareToServe } from '../promotion/artifact-objects';
import { rollback } from '../promotion/rollback';
import { answer, asked, DECIDING_OPTIONS, recordDecision } from './decide';
import { REGISTRY_HELP, registryOrDirectory } from './open-registry';
import { lineageOf } from './promote';
import { versionRoles } from './version-metrics';

export const rollbackCommand: RunnableCommand = {
  name: 'rollback',
  summary: 'makes the version before, or a named one, champion again',
  options: {
    model: { help: 'name of the model', value: 'NAME', required: true },
    to: { help: 'version to go back to', value: 'VERSION', default: 'the champion before' },
    from: { help: 'version that must be champion: asked twice, it is taken back once', value: 'VERSION' },
    reason: { help: 'why', value: 'TEXT' },
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
  const who = asked(context);
  const { version, takenBack } = await rollback({
    ...{ registry, model, from: call.text('from'), to: call.text('to'), reason: who.reason },
    prepare: (target) => prepareToServe(registry, model, target),
  });
  const { runId, tags } = version;
  const from = takenBack?.version ?? call.text('from');
  const decision = {
    ...{ action: 'rollback' as const, model, modelVersion: version.version, run: tags[MLFLOW_TAGS.trainingRun], runId },
    ...{ at: new Date().toISOString(), ...who, from, to: LIFECYCLE.production },
    inputs: lineageOf(tags),
  };
  // Of one that was done already, the last decision about the champion says it: this one, or what was decided since.
  const record = await recordDecision(
    ...([context, registry, decision] as const),
    (last) => !takenBack && last.modelVersion === version.version,
  );
  log.info({ model, version: version.version, takenBack: takenBack?.version }, 'rolled back');
  print(
    `${model}: version ${version.version} is champion${takenBack ? ` again, version ${takenBack.version} was taken back` : ', nothing had to be taken back'}`,
  );
  await answer(context, {
    record,
    outputs: { passed: 'true', modelVersion: version.version },
    version: version.version,
    metrics: await versionRoles(registry, model),
  });
  await archiveArtifacts(registry, model);
  return EXIT_CODES.judged;
}
