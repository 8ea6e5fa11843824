import { COMMANDS, EXIT_CODES, METRICS, OUTPUT_FILES, PUSH_JOBS, STEP_ENVIRONMENT } from 'cdk8s-mlops/contract';
import { Attempts } from '../../common/attempts';
import { contractOptions } from '../../common/command-line';
import { exposition } from '../../common/exposition';
import { Failure } from '../../common/failure';
import { MlflowClient } from '../../common/mlflow';
import { clearOutputs, outputDirectory, writeOutputs } from '../../common/outputs';
import { pushMetrics } from '../../common/pushgateway';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { StoreFolder } from '../../common/store-files';
import { compact, type CompactionReport } from '../compact/compact';
import { readCaptureConfig } from '../config/capture-config';
import { readModelSchema } from '../config/model-schema-file';
import { schemaOfVersion } from '../profile/version-schema';
import { compactionText } from '../report/compaction';

export const compactCommand: RunnableCommand = {
  name: COMMANDS.compact.command,
  summary: COMMANDS.compact.summary,
  options: contractOptions(COMMANDS.compact, [], ['config']),
  examples: ['drift-checker compact --config capture.yaml'],
  run,
};

async function run(context: Context): Promise<number> {
  const { call, env, print } = context;
  await clearOutputs(outputDirectory(env));
  const report = await compactLog(context, call.text('config')!, env[STEP_ENVIRONMENT.pushgatewayUrl]);
  print(compactionText(report));
  await writeOutputs(outputDirectory(env), { compaction: `${JSON.stringify(report, undefined, 2)}\n` });
  print(`report: ${outputDirectory(env)}/${OUTPUT_FILES.compaction}`);
  return EXIT_CODES.judged;
}

/**
 * Compacts what was captured for a model.
 *
 * @param pushgateway where what was found is pushed; nowhere without
 */
export async function compactLog(
  { env, log, signal }: Context,
  path: string,
  pushgateway: string | undefined,
): Promise<CompactionReport> {
  const config = await readCaptureConfig(path);
  const schema = await readModelSchema(config.schema);
  if (config.model !== schema.model)
    throw Failure.configuration(
      `'${path}' is of model '${config.model}', the schema '${config.schema}' of '${schema.model}'`,
    );
  const registry =
    config.registry === undefined ? undefined : new MlflowClient({ trackingUri: config.registry, env, signal });
  const schemaOf = registry && ((version: string) => schemaOfVersion(registry, schema, version));
  const report = await compact({ config, schema, schemaOf, store: new StoreFolder(config.log), log, signal });
  if (report.heldBy !== undefined) log.warn(`nothing was compacted: ${report.heldBy} does at this moment`);
  else if (pushgateway !== undefined) {
    const labels = { model: config.model, namespace: config.namespace };
    const attempts = new Attempts();
    const text = await exposition(labels, (set) => {
      set(METRICS.compactionLastSuccess, Date.now() / 1000);
      if (report.segments === 0) return;
      set(METRICS.compactionRows, report.rows);
      for (const [kind, { count }] of Object.entries(report.findings.toJSON()))
        set(METRICS.compactionFindings, count, { kind });
    });
    // What was found stays until something is found again.
    const method = report.segments === 0 ? 'POST' : 'PUT';
    await attempts.make(() => pushMetrics(pushgateway, method, { job: PUSH_JOBS.compaction, ...labels }, text, signal));
    attempts.throwIfAny();
  }
  return report;
}
