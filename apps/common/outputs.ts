import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_OUTPUT_DIR, OUTPUT_FILES, STEP_ENVIRONMENT } from 'cdk8s-mlops/contract';
import { diskProblem, writeFilesAtomically } from './atomic-files';
import { Failure } from './failure';

/** Answers of a container by their file names. */
export type Outputs = Partial<Record<keyof typeof OUTPUT_FILES, string>>;

/** Where the answers of this run belong. */
export function outputDirectory(env: Readonly<Record<string, string | undefined>>): string {
  return env[STEP_ENVIRONMENT.outputDir] || DEFAULT_OUTPUT_DIR;
}

/** Removes the answers of an earlier call: whoever finds an answer must find this call's. */
export async function clearOutputs(directory: string): Promise<void> {
  const names = Object.values(OUTPUT_FILES);
  const removed = await Promise.allSettled(names.map((name) => rm(join(directory, name), { force: true })));
  const problems = removed.flatMap((each, index) =>
    each.status === 'rejected' && (each.reason as NodeJS.ErrnoException).code !== 'ENOTDIR'
      ? [`cannot write ${join(directory, names[index]!)}: ${diskProblem(each.reason)}`]
      : [],
  );
  if (problems.length > 0) throw Failure.configuration(...problems);
}

/** Writes the answers, all or none. */
export async function writeOutputs(directory: string, outputs: Outputs): Promise<void> {
  const files = Object.entries(outputs).map(([key, text]): [string, string] => [
    join(directory, OUTPUT_FILES[key as keyof Outputs]),
    text,
  ]);
  await writeFilesAtomically(new Map(files));
}
