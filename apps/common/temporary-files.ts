import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directories = new Set<string>();

/** A directory that is gone when the program ends. */
export async function temporaryDirectory(purpose: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${purpose}-`));
  directories.add(directory);
  return directory;
}

export async function removeTemporaryFiles(): Promise<void> {
  await Promise.all([...directories].map((directory) => rm(directory, { recursive: true, force: true })));
  directories.clear();
}
