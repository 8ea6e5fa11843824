import { Failure } from '../../common/failure';
import { type RunnableCommand } from '../../common/run-app';
import { readGateFile } from '../gates/read-gate-file';

export const checkCommand: RunnableCommand = {
  name: 'check',
  summary: 'says everything that is wrong in a gate file, and judges nothing',
  options: {},
  positionals: 'FILE...',
  examples: ['gate-evaluator check gates.yaml'],
  async run({ call, print }) {
    if (call.positionals.length === 0) throw Failure.configuration("'check' needs the path of a gate file");
    const problems: string[] = [];
    for (const path of call.positionals) {
      try {
        const { gates } = await readGateFile(path);
        const all = Object.values(gates.metrics);
        const warnings = all.filter(({ severity }) => severity === 'warn').length;
        print(`${path}: ${all.length} metrics, ${warnings} of them only warn: valid`);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        problems.push(...error.problems);
      }
    }
    if (problems.length > 0) throw Failure.configuration(...problems);
    return 0;
  },
};
