import { COMMANDS, EXIT_CODES } from 'cdk8s-mlops/contract';
import { contractOptions } from '../../common/command-line';
import { Failure } from '../../common/failure';
import { writeText } from '../../common/object-store';
import { type RunnableCommand } from '../../common/run-app';
import { parseColumnNames } from '../config/columns';
import { readModelSchema } from '../config/model-schema-file';
import { makeProfile } from '../profile/make-profile';
import { readProfile, serializeProfile } from '../profile/reference-profile';

export const profileCommand: RunnableCommand = {
  name: COMMANDS.profile.command,
  summary: COMMANDS.profile.summary,
  options: {
    ...contractOptions(COMMANDS.profile, [], ['schema', 'data', 'output']),
    'model-version': { help: 'version of the model, when it is known already', value: 'VERSION' },
    'edges-from': { help: 'URI of a profile whose bins are taken over, so that both can be merged', value: 'URI' },
    bins: { help: 'bins of a numeric feature', value: 'N', default: '10' },
    seed: { help: 'seed of the sample', value: 'N', default: '0' },
    column: {
      help: 'name of a column that is not called as in the contract, for example label=employed',
      value: 'ROLE=NAME',
      repeatable: true,
    },
  },
  examples: [
    'drift-checker profile --schema schema.json --data train/ --predictions holdout.parquet --output profile.json',
    'drift-checker profile --schema schema.json --data s3://data/part=2/ --edges-from part-1.json --output part-2.json',
  ],
  async run({ call, log, signal, print }) {
    const output = call.text('output')!;
    const edgesFrom = call.text('edges-from');
    if (edgesFrom !== undefined && call.text('bins') !== undefined) {
      throw Failure.configuration(
        '--bins and --edges-from exclude each other: the bins are those of the named profile',
      );
    }
    const schema = await readModelSchema(call.text('schema')!);
    const profile = await makeProfile({
      schema,
      data: call.text('data')!,
      predictions: call.text('predictions'),
      columns: parseColumnNames(call.texts('column')),
      modelVersion: call.text('model-version'),
      binsFrom: edgesFrom === undefined ? undefined : await readProfile(edgesFrom, schema.model),
      bins: call.number('bins', { min: 2, max: 1000, integer: true }),
      seed: call.number('seed', { integer: true }),
      log,
      signal,
    });
    signal.throwIfAborted();
    await writeText(output, serializeProfile(profile));
    print(`${output}: ${profile.rows} rows, ${profile.features.length} features, ${profile.data.digest}`);
    return EXIT_CODES.judged;
  },
};
