import { EXIT_CODES } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { writeText } from '../../common/object-store';
import { type RunnableCommand } from '../../common/run-app';
import { mergeProfiles } from '../profile/merge-profiles';
import { readProfile, serializeProfile } from '../profile/reference-profile';

export const mergeCommand: RunnableCommand = {
  name: 'merge',
  summary: 'merges profiles of parts of the data, made with the same bins, into the profile of the whole',
  options: { output: { help: 'URI of the profile to write', value: 'URI', required: true } },
  positionals: 'PROFILE PROFILE...',
  examples: ['drift-checker merge --output profile.json part-1.json part-2.json'],
  async run({ call, print }) {
    if (call.positionals.length < 2)
      throw Failure.configuration(`'merge' needs at least two profiles, got ${call.positionals.length}`);
    const parts = await Promise.all(
      call.positionals.map(async (source) => ({ source, profile: await readProfile(source) })),
    );
    const merged = mergeProfiles(parts);
    await writeText(call.text('output')!, serializeProfile(merged));
    print(`${call.text('output')}: ${merged.rows} rows of ${parts.length} profiles`);
    return EXIT_CODES.judged;
  },
};
