import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskProblem } from './atomic-files';
import { Failure } from './failure';

const directories = new Set<string>();

/** A directory that is gone when the program ends. */
export async function temporaryDirectory(purpose: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${purpose}-`)).catch((error: unknown) => {
    throw Failure.configuration(`cannot make a temporary directory in ${tmpdir()}: ${diskProblem(error)}`);
  });
  directories.add(directory);
  return directory;
}

/** Removes them all. What cannot be removed stays: that must not change how the program ends. */
export async function removeTemporaryFiles(): Promise<void> {
  await Promise.allSettled([...directories].map((directory) => rm(directory, { recursive: true, force: true })));
  directories.clear();
}
