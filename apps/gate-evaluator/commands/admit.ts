import { COMMANDS, EXIT_CODES } from 'cdk8s-mlops/contract';
import { contractOptions } from '../../common/command-line';
import { Failure } from '../../common/failure';
import { KubernetesClient } from '../../common/kubernetes';
import { clearOutputs, outputDirectory, writeOutputs } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { decideAdmission, parseLimits } from '../admission/admission';
import { admittedRuns, type Engine, type RunsApi } from '../admission/recent-runs';

export const admitCommand: RunnableCommand = {
  name: COMMANDS.admit.command,
  summary: COMMANDS.admit.summary,
  options: contractOptions(COMMANDS.admit, ['fail-on-no'], ['model', 'namespace', 'engine', 'run', 'loop']),
  examples: [
    'gate-evaluator admit --model fraud-detector --namespace ml --engine argo --run fraud-detector-training-x7k2p --loop fraud-detector-loop',
  ],
  run: (context) => {
    const { env, signal } = context;
    return admit(context, new KubernetesClient({ env, signal, elsewhere: 'it is the first step of a training run' }));
  },
};

/** Decides by what an API server says. */
export async function admit({ call, env, log, print }: Omit<Context, 'signal'>, api: RunsApi): Promise<number> {
  const directory = outputDirectory(env);
  await clearOutputs(directory);
  const [model, namespace, self, loop] = ['model', 'namespace', 'run', 'loop'].map((name) => call.text(name)!);
  const engine = engineOf(call.text('engine')!);
  const map = await api.get<{ data?: Record<string, string> }>(`/api/v1/namespaces/${namespace}/configmaps/${loop}`);
  if (!map) {
    throw Failure.configuration(
      `there is no ConfigMap '${loop}' in the namespace '${namespace}': the training pipeline renders it; apply it`,
    );
  }
  const limits = parseLimits(map.data ?? {}, loop!);
  const runs = limits.paused
    ? []
    : await admittedRuns(api, engine, { namespace: namespace!, model: model!, self: self! });
  const { admitted, reason } = decideAdmission(limits, runs, new Date());
  const asked = call.text('reason');
  const decision = { model, run: self, askedBy: asked, admitted, reason, limits, runs, at: new Date().toISOString() };
  await writeOutputs(directory, { passed: String(admitted), decision: `${JSON.stringify(decision, undefined, 2)}\n` });
  log.info({ run: self, admitted, askedBy: asked }, reason);
  print(`${self}: ${admitted ? 'may go on' : 'ends here'}: ${reason}`);
  return !admitted && call.flag('fail-on-no') ? EXIT_CODES.judgedNo : EXIT_CODES.judged;
}

function engineOf(text: string): Engine {
  if (text === 'argo' || text === 'cronjob') return text;
  throw Failure.configuration(`--engine must be argo or cronjob, got '${text}'`);
}
