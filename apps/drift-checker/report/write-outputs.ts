import { join } from 'node:path';
import { DEFAULT_OUTPUT_DIR, OUTPUT_FILES, STEP_ENVIRONMENT } from 'cdk8s-mlops/contract';
import { writeFilesAtomically } from '../../common/atomic-files';

/** Answers of a container by their file names. */
export type Outputs = Partial<Record<keyof typeof OUTPUT_FILES, string>>;

/** Where the answers of this run belong. */
export function outputDirectory(env: Readonly<Record<string, string | undefined>>): string {
  return env[STEP_ENVIRONMENT.outputDir] || DEFAULT_OUTPUT_DIR;
}

/** Writes the answers, all or none. */
export async function writeOutputs(directory: string, outputs: Outputs): Promise<void> {
  const files = Object.entries(outputs).map(([key, text]): [string, string] => [
    join(directory, OUTPUT_FILES[key as keyof Outputs]),
    text,
  ]);
  await writeFilesAtomically(new Map(files));
}
