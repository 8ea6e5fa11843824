import { userInfo } from 'node:os';
import { PUSH_JOBS, STEP_ENVIRONMENT } from 'cdk8s-mlops/contract';
import { Attempts } from '../../common/attempts';
import { type Option } from '../../common/command-line';
import { exposition, type SetGauge } from '../../common/exposition';
import { writeTexts } from '../../common/object-store';
import { outputDirectory, type Outputs, writeOutputs } from '../../common/outputs';
import { pushMetrics } from '../../common/pushgateway';
import { type Context } from '../../common/run-app';
import { type Decision, type DecisionRecord, nextRecord, serializeRecord } from '../records/decision-record';
import { Ledger, recordName } from '../records/ledger';
import { type Registry } from '../registry/registry';

/** Namespace of a model that is not in a cluster. */
const NO_NAMESPACE = 'default';

/** Options that every command has which decides something. */
export const DECIDING_OPTIONS: Readonly<Record<string, Option>> = {
  by: { help: 'who or what asks', value: 'NAME', default: 'the run, or the user' },
};

/** Who asks, and why. */
export function asked({ call, env }: Context): Pick<Decision, 'by' | 'reason'> {
  const run = call.text('run');
  const by = call.text('by') ?? (run === undefined ? userName(env) : `run ${run}`);
  return { by, reason: call.text('reason') ?? 'not said' };
}

/** The user; a container's may have no name. */
function userName(env: Context['env']): string {
  try {
    return env.GITHUB_ACTOR ?? userInfo().username;
  } catch {
    return 'unknown';
  }
}

/** Puts a decision into the model's chain, and its record where the call wants it. */
export async function recordDecision(
  { call }: Context,
  registry: Registry | undefined,
  decision: Decision,
  repeats: (last: DecisionRecord) => boolean,
): Promise<DecisionRecord> {
  const record = registry
    ? await new Ledger(registry, decision.model).append(decision, repeats)
    : nextRecord(decision, undefined);
  const folder = call.text('decisions');
  if (folder !== undefined) await writeTexts(folder, { [recordName(record)]: serializeRecord(record) });
  return record;
}

/** What a decision leaves for the engine and for Prometheus. */
export interface Answer {
  /** Absent where nothing was decided. */
  readonly record?: DecisionRecord;
  /** @default - that of the call */
  readonly model?: string;
  /** @default - that of the call */
  readonly namespace?: string;
  readonly outputs: Outputs;
  /** Version of the metrics. */
  readonly version: string;
  readonly metrics: (set: SetGauge) => void;
}

/** Pushes metrics of a model where there is a Pushgateway. */
export async function pushGauges(
  { env, signal }: Pick<Context, 'env' | 'signal'>,
  labels: Readonly<Record<'model' | 'namespace', string>> & { readonly version?: string },
  metrics: (set: SetGauge) => void,
): Promise<void> {
  await push(env, signal, labels, await exposition(labels, metrics));
}

/** POST: a group holds the metrics of several commands, and one must not erase those of another. */
async function push(
  env: Context['env'],
  signal: Context['signal'],
  { model, namespace }: Readonly<Record<'model' | 'namespace', string>>,
  text: string,
): Promise<void> {
  const gateway = env[STEP_ENVIRONMENT.pushgatewayUrl];
  if (!gateway) return;
  await pushMetrics(gateway, 'POST', { job: PUSH_JOBS.gateEvaluator, namespace, model }, text, signal);
}

/** Writes the answers for the engine and pushes the metrics, each whatever becomes of the other. */
export async function answer(
  { call, env, signal }: Context,
  { record, outputs, version, metrics, model = call.text('model'), namespace = call.text('namespace') }: Answer,
): Promise<void> {
  const labels = { model: model!, namespace: namespace ?? NO_NAMESPACE, version };
  const text = await exposition(labels, metrics);
  const attempts = new Attempts();
  const files = { ...outputs, ...(record && { decision: serializeRecord(record) }), metrics: text };
  await attempts.make(() => writeOutputs(outputDirectory(env), files));
  await attempts.make(() => push(env, signal, labels, text));
  attempts.throwIfAny();
}
