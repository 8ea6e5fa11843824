import { join } from 'node:path';
import { type DriftCheckFile, METRICS, OUTPUT_FILES, PUSH_JOBS, STEP_ENVIRONMENT } from 'cdk8s-mlops/contract';
import { Attempts } from '../../common/attempts';
import { KubernetesClient } from '../../common/kubernetes';
import { writeTexts } from '../../common/object-store';
import { outputDirectory, writeOutputs } from '../../common/outputs';
import { pushMetrics } from '../../common/pushgateway';
import { type Context } from '../../common/run-app';
import { joinUri } from '../../common/uri';
import { type DriftReport, type PerformanceCheckReport } from '../check/drift-report';
import { driftEvents, driftMetrics, performanceMetrics } from '../report/drift-metrics';
import { htmlReport } from '../report/html';
import { serializeReport } from '../report/numbers';
import { startTraining } from '../retrain/start-training';

/** Where a report goes, and what may follow from it. */
export type PublishSettings = Pick<DriftCheckFile, 'reports' | 'retrain'> & { readonly pushgateway?: string };

/**
 * Everything that leaves the process, the answers for the engine first: whoever reads them must not miss a retraining.
 *
 * @param others what is known of the performance of other versions
 */
export async function publish(
  context: Context,
  settings: PublishSettings,
  report: DriftReport,
  others: readonly PerformanceCheckReport[] = [],
): Promise<void> {
  const { call, env, log } = context;
  const dryRun = call.flag('dry-run');
  const json = serializeReport(report);
  const page = htmlReport(report);
  const outputs = {
    driftDetected: report.verdict === 'inconclusive' ? 'inconclusive' : String(report.verdict === 'drift'),
    retrainNeeded: String(report.retraining.needed),
    driftScore:
      report.verdict === 'inconclusive' ? 'inconclusive' : String(Number(report.dataDriftScore.toPrecision(12))),
    severity: report.severity,
    report: json,
    page,
  };
  const [metrics, performance] = [await driftMetrics(report), await performanceMetrics(report, ...others)];
  const directory = outputDirectory(env);
  await writeOutputs(directory, { ...outputs, metrics: metrics + performance });
  context.print(`report: ${join(directory, OUTPUT_FILES.page)}\n`);
  const attempts = new Attempts();
  if (settings.reports !== undefined) {
    const folder = joinUri(settings.reports, `${report.model}/${reportFolder(report)}`);
    await attempts.make(() => writeTexts(folder, { 'report.json': json, 'report.html': page }));
    log.info({ folder }, 'report kept');
  }
  if (!dryRun) await announce(context, settings, report, { metrics, performance }, attempts);
  attempts.throwIfAny();
}

/** The same of a check that judged nothing but performance: it never starts a training. */
export async function publishPerformance(
  { call, env, signal }: Context,
  { pushgateway }: Pick<PublishSettings, 'pushgateway'>,
  report: PerformanceCheckReport,
  others: readonly PerformanceCheckReport[] = [],
): Promise<void> {
  const metrics = await performanceMetrics(report, ...others);
  await writeOutputs(outputDirectory(env), { report: serializeReport(report), metrics });
  const gateway = pushgateway ?? env[STEP_ENVIRONMENT.pushgatewayUrl];
  if (!gateway || call.flag('dry-run')) return;
  const group = { job: PUSH_JOBS.driftCheckerPerformance, namespace: report.namespace, model: report.model };
  await pushMetrics(gateway, 'PUT', group, metrics, signal);
}

/** Metrics, the training, and when both happened. */
async function announce(
  context: Context,
  settings: PublishSettings,
  report: DriftReport,
  { metrics, performance }: { readonly metrics: string; readonly performance: string },
  attempts: Attempts,
): Promise<void> {
  const { env, signal } = context;
  const now = new Date();
  const gateway = settings.pushgateway ?? env[STEP_ENVIRONMENT.pushgatewayUrl];
  const group = { namespace: report.namespace, model: report.model };
  const push = async (method: 'PUT' | 'POST', job: string, text: string): Promise<void> => {
    if (gateway) await attempts.make(() => pushMetrics(gateway, method, { ...group, job }, text, signal));
  };
  await push('PUT', PUSH_JOBS.driftChecker, metrics);
  await push('PUT', PUSH_JOBS.driftCheckerPerformance, performance);
  const started = await attempts.make(() => retrain(context, settings, report));
  // A check that could not ask for a due training has not done its work: it stays silent, and the alert on silence speaks.
  const judgedAt = report.verdict === 'inconclusive' || started === undefined ? undefined : now;
  const retrainedAt = started ? now : undefined;
  if (!judgedAt && !retrainedAt) return;
  await push('POST', PUSH_JOBS.driftCheckerEvents, await driftEvents(report, { judgedAt, retrainedAt }));
}

/** @returns whether a training was asked for */
async function retrain(
  { env, log, signal }: Context,
  settings: PublishSettings,
  report: DriftReport,
): Promise<boolean> {
  if (!report.retraining.needed || !settings.retrain) return false;
  if (settings.retrain.trigger === 'alertmanager') {
    log.info({ metric: METRICS.retrainNeeded.name }, 'retraining is asked for by the alert on this metric');
    return true;
  }
  const { outcome, run: name } = await startTraining(new KubernetesClient({ env, signal }), settings.retrain, report);
  log.info({ outcome, run: name }, 'retraining');
  return outcome !== 'paused';
}

/** One folder a window, in the order of time. */
function reportFolder({ window, modelVersion }: DriftReport): string {
  const version = modelVersion === undefined ? '' : `-version-${modelVersion}`;
  const length = window.until === undefined ? '' : `-${window.selection.split(' before ')[0]}`;
  return `${window.until ?? window.selection}${length}${version}`.replaceAll(/[^A-Za-z0-9=_.-]+/g, '-');
}
