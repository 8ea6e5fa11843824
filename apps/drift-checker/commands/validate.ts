import { COMMANDS, EXIT_CODES, MLFLOW_ALIASES } from 'cdk8s-mlops/contract';
import { type Call, contractOptions } from '../../common/command-line';
import { MlflowClient } from '../../common/mlflow';
import { writeTexts } from '../../common/object-store';
import { clearOutputs, outputDirectory, writeOutputs } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { printable } from '../../common/text-table';
import { parseColumnNames } from '../config/columns';
import { readModelSchema } from '../config/model-schema-file';
import { readProfile } from '../profile/reference-profile';
import { versionProfile } from '../profile/version-profile';
import { serializeReport } from '../report/numbers';
import { findingLines } from '../report/terminal';
import {
  DEFAULT_EXPECTATIONS,
  validateData,
  type ValidateOptions,
  type ValidationReport,
} from '../validate/validate-data';

export const validateCommand: RunnableCommand = {
  name: COMMANDS.validate.command,
  summary: COMMANDS.validate.summary,
  options: {
    ...contractOptions(COMMANDS.validate, ['fail-on-no'], ['schema', 'data']),
    profile: { help: "URI of the profile to compare with, instead of the champion's", value: 'URI' },
    column: {
      help: 'name of a column that is not called as in the contract, for example label=employed',
      value: 'ROLE=NAME',
      repeatable: true,
    },
    'min-rows': {
      help: 'rows below which nothing is trained',
      value: 'N',
      default: String(DEFAULT_EXPECTATIONS.minRows),
    },
    'min-class-share': {
      help: 'share of a class below which labels are out of balance',
      value: 'X',
      default: String(DEFAULT_EXPECTATIONS.minClassShare),
    },
    'max-duplicates': {
      help: 'share of repeated rows from which on data is broken',
      value: 'X',
      default: String(DEFAULT_EXPECTATIONS.maxDuplicates),
    },
  },
  examples: [
    'drift-checker validate --schema schema.json --data train/ --column label=employed',
    'drift-checker validate --schema schema.json --data s3://data/train --registry http://mlflow:5000 --report s3://runs/42/validation',
  ],
  async run(context) {
    const { call, log, signal, env, print } = context;
    await clearOutputs(outputDirectory(env));
    const schema = await readModelSchema(call.text('schema')!);
    const report = await validateData({
      schema,
      data: call.text('data')!,
      columns: parseColumnNames(call.texts('column')),
      reference: await readReference(context, schema.model),
      expectations: readExpectations(call),
      log,
      signal,
    });
    signal.throwIfAborted();
    const json = serializeReport(report);
    await writeOutputs(outputDirectory(env), { passed: String(report.passed), report: json });
    const folder = call.text('report');
    if (folder !== undefined) await writeTexts(folder, { 'report.json': json });
    print(terminalValidation(report));
    return !report.passed && call.flag('fail-on-no') ? EXIT_CODES.judgedNo : EXIT_CODES.judged;
  },
};

function readExpectations(call: Call): ValidateOptions['expectations'] {
  const share = { min: 0, max: 1 };
  return {
    minRows: call.number('min-rows', { min: 1, integer: true }) ?? DEFAULT_EXPECTATIONS.minRows,
    minClassShare: call.number('min-class-share', share) ?? DEFAULT_EXPECTATIONS.minClassShare,
    maxDuplicates: call.number('max-duplicates', share) ?? DEFAULT_EXPECTATIONS.maxDuplicates,
  };
}

/** The champion's profile; a model that is trained for the first time has none, which is said and is no error. */
async function readReference(
  { call, env, signal, log }: Context,
  model: string,
): Promise<ValidateOptions['reference']> {
  const uri = call.text('profile');
  if (uri !== undefined) return { profile: await readProfile(uri, model), source: uri };
  const registry = call.text('registry');
  if (registry === undefined) return undefined;
  const client = new MlflowClient({ trackingUri: registry, env, signal });
  const champion = await client.versionByAlias(model, MLFLOW_ALIASES.champion);
  const found = champion && (await versionProfile(client, model, champion));
  if (!found) {
    log.info(
      { model },
      champion
        ? 'the champion has no reference profile: nothing to compare with'
        : 'no champion yet: nothing to compare with',
    );
  }
  return found;
}

function terminalValidation({ model, passed, rows, findings }: ValidationReport): string {
  const title = `${model}: training data ${passed ? 'passed' : 'failed'}, ${rows} rows`;
  return printable([title, ...findingLines(findings), ''].join('\n'));
}
