import { COMMANDS, EXIT_CODES, METRICS, type RolloutAnalysis, type RolloutFile, VERDICTS } from 'cdk8s-mlops/contract';
import { contractOptions } from '../../common/command-line';
import { Failure } from '../../common/failure';
import { clearOutputs, outputDirectory, writeOutputs } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { allChecks, analyzeCandidate } from '../analysis/analyze-candidate';
import { type Clock, type Held, holdUntilJudged } from '../analysis/hold';
import { Prometheus, type PrometheusOptions } from '../analysis/prometheus';
import { readRolloutFile } from '../config/rollout-file';
import { type Decision, serializeRecord } from '../records/decision-record';
import { analysisTable } from '../report/analysis-table';
import { type EvaluationRecord, notPassed } from '../report/evaluation-table';
import { asked, pushGauges, recordDecision } from './decide';
import { openRegistry } from './open-registry';

export const analyzeCommand: RunnableCommand = {
  name: COMMANDS.analyze.command,
  summary: COMMANDS.analyze.summary,
  options: contractOptions(COMMANDS.analyze, ['fail-on-no'], ['config', 'version']),
  examples: [
    'gate-evaluator analyze --config rollout.yaml --version 8 --step "canary 10 %"',
    'gate-evaluator analyze --config rollout.yaml --version 8 --step "shadow 10 %" --fail-on-no',
  ],
  run: (context) => analyze(context),
};

/** What tests decide. */
export interface AnalyzeOptions extends Pick<PrometheusOptions, 'patience'> {
  readonly clock?: Clock;
}

/** Waits for an answer, records it and writes it down. @returns the exit code */
export async function analyze(context: Context, { clock, patience }: AnalyzeOptions = {}): Promise<number> {
  const { call, env, log, signal, print } = context;
  await clearOutputs(outputDirectory(env));
  const path = call.text('config')!;
  const file = await readRolloutFile(path);
  if (file.analysis.checks.length === 0)
    throw Failure.configuration(`${path}: 'analysis.checks' is empty: there is nothing that could be judged`);
  const registry = openRegistry(file.registry, { env, signal });
  const version = call.text('version')!;
  const prometheus = new Prometheus(file.prometheus, { signal, patience });
  const held = await holdUntilJudged(() => analyzeCandidate(file, version, prometheus), {
    ...file.analysis,
    ...{ signal, clock },
    onInconclusive: async ({ checks }, nextIn) => {
      log.info({ why: notPassed(checks).map(({ check, reason }) => `${check}: ${reason}`), nextIn }, 'no answer yet');
      await tellHeld(context, file, version);
    },
  });
  signal.throwIfAborted();
  const decision = decisionOf(context, file, held);
  const record = (await recordDecision(context, registry, decision, () => false)) as EvaluationRecord;
  print(`${analysisTable(record)}\n`);
  const passed = record.verdict === VERDICTS.pass;
  await writeOutputs(outputDirectory(env), {
    ...{ passed: String(passed), verdict: record.verdict, decision: serializeRecord(record) },
  });
  return !passed && call.flag('fail-on-no') ? EXIT_CODES.judgedNo : EXIT_CODES.judged;
}

/** So that somebody can look while there is time. That it cannot be told changes nothing about the answer. */
async function tellHeld(context: Context, { model, namespace }: RolloutFile, version: string): Promise<void> {
  try {
    await pushGauges(context, { model, namespace, version }, (set) =>
      set(METRICS.rolloutInconclusive, Date.now() / 1000),
    );
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.warn({ error: String(error) }, 'could not say that the roll-out waits');
  }
}

function decisionOf(context: Context, { model, prometheus, analysis }: RolloutFile, held: Held): Decision {
  const { call } = context;
  const { verdict, checks } = held.analysis;
  const waited = `it was asked ${held.attempts} times in ${Math.round(held.seconds)} s`;
  return {
    ...{ action: 'analyze', model, modelVersion: call.text('version'), at: new Date().toISOString() },
    ...{ ...asked(context), reason: call.text('step') ?? 'live traffic' },
    ...{ verdict, checks, notes: held.attempts > 1 ? [waited] : [] },
    inputs: { prometheus, windowSeconds: String(analysis.windowSeconds), ...queriesOf(analysis) },
  };
}

/** What was asked, so that anybody can ask again. */
function queriesOf(analysis: RolloutAnalysis): Record<string, string> {
  return Object.fromEntries(allChecks(analysis).map(({ name, query }) => [`query.${name}`, query]));
}
