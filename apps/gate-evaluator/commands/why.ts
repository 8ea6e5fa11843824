import { EXIT_CODES } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { printable } from '../../common/text-table';
import { Ledger } from '../records/ledger';
import { explainModel } from '../why/explain-model';
import { readHistory } from '../why/history';
import { REGISTRY_HELP, registryOrDirectory } from './open-registry';

export const whyCommand: RunnableCommand = {
  name: 'why',
  summary: 'tells why the live version of a model is live, and verifies the chain of decisions behind it',
  options: {
    registry: { help: REGISTRY_HELP, value: 'ADDRESS' },
    decisions: { help: 'folder with copies of the records: what differs from the chain is named', value: 'URI' },
    all: { help: 'tell every decision, not only those behind the live version' },
    json: { help: 'print the records and what was found as JSON' },
    'fail-on-no': { help: 'exit with code 10 when a record was tampered with, or no record explains the champion' },
  },
  positionals: 'MODEL',
  examples: ['gate-evaluator why fraud-detector --registry http://mlflow:5000'],
  run,
};

async function run(context: Context): Promise<number> {
  const { call, print } = context;
  const [model, ...others] = call.positionals;
  if (model === undefined || others.length > 0) throw Failure.configuration("'why' needs the name of one model");
  const registry = registryOrDirectory(context);
  const history = await readHistory(registry, model, await new Ledger(registry, model).chain(), call.text('decisions'));
  if (call.flag('json')) print(JSON.stringify(history, undefined, 2));
  else print(printable(explainModel(history, call.flag('all'))));
  return history.problems.length > 0 && call.flag('fail-on-no') ? EXIT_CODES.judgedNo : EXIT_CODES.judged;
}
