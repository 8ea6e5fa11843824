import { COMMANDS, EXIT_CODES, METRICS } from 'cdk8s-mlops/contract';
import { contractOptions } from '../../common/command-line';
import { Failure } from '../../common/failure';
import { KubernetesClient } from '../../common/kubernetes';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { type RunsApi, trainingWorkflows, type Workflow } from '../admission/recent-runs';
import { outcomeOf, runsInVain } from '../admission/runs-in-vain';
import { pushGauges } from './decide';

export const concludeCommand: RunnableCommand = {
  name: COMMANDS.conclude.command,
  summary: COMMANDS.conclude.summary,
  options: contractOptions(COMMANDS.conclude, [], ['model', 'namespace', 'run', 'status']),
  examples: [
    'gate-evaluator conclude --model fraud-detector --namespace ml --run fraud-detector-training-x7k2p --status Failed',
  ],
  run: (context) => {
    const { env, signal } = context;
    return conclude(context, new KubernetesClient({ env, signal, elsewhere: 'it is the exit handler of a training' }));
  },
};

/** Counts by what an API server says, and tells Prometheus. */
export async function conclude(context: Context, api: RunsApi): Promise<number> {
  const { call, print, log } = context;
  const [model, namespace, name, status] = ['model', 'namespace', 'run', 'status'].map((each) => call.text(each)!);
  const workflows = await trainingWorkflows(api, namespace!, model!);
  const run = workflows.find(({ metadata }) => metadata.name === name);
  if (!run) {
    throw Failure.configuration(
      `there is no Workflow '${name}' of the training of '${model}' in the namespace '${namespace}'`,
    );
  }
  const outcome = outcomeOf(run, status);
  if (outcome === undefined) {
    throw Failure.configuration(`--status must be how the run ended: Succeeded, Failed or Error, got '${status}'`);
  }
  log.info({ run: name, outcome }, 'ended');
  if (outcome === 'not-admitted') {
    print(`${name}: was not let run, which changes nothing`);
    return EXIT_CODES.judged;
  }
  const started = ({ metadata, status: of }: Workflow): number =>
    Date.parse(of?.startedAt ?? metadata.creationTimestamp);
  const before = workflows.filter((each) => each !== run && started(each) <= started(run));
  // What has not ended yet says nothing; what is not known ends the row.
  const ended = before
    .filter((each) => each.status?.phase !== undefined && !['Pending', 'Running'].includes(each.status.phase))
    .sort((a, b) => started(b) - started(a));
  const inVain = runsInVain([outcome, ...ended.map((each) => outcomeOf(each))]);
  print(`${name}: ${outcome}; ${inVain} runs in a row registered no version`);
  await pushGauges(context, { model: model!, namespace: namespace! }, (set) => {
    set(METRICS.trainingRunFailed, Number(status !== 'Succeeded'));
    set(METRICS.trainingRunsInVain, inVain);
  });
  return EXIT_CODES.judged;
}
