import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure, messageOf } from './failure';

/**
 * Writes several files whole or not at all: all are written beside their targets first, and only then moved.
 *
 * @param files path to content
 * @throws Failure when the disk is full or the place cannot be written
 */
export async function writeFilesAtomically(files: ReadonlyMap<string, string | Uint8Array>): Promise<void> {
  const staged: [string, string][] = [];
  let current: string | undefined;
  try {
    for (const [path, content] of files) {
      current = path;
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${process.pid}.part`;
      staged.push([temporary, path]);
      await writeFile(temporary, content);
    }
    for (const [temporary, path] of staged) {
      current = path;
      await rename(temporary, path);
    }
  } catch (error) {
    await Promise.all(staged.map(([temporary]) => rm(temporary, { force: true })));
    throw Failure.configuration(`cannot write ${current}: ${diskProblem(error)}`);
  }
}

/** What a failed write means to the person who must mend it. */
export function diskProblem(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'the disk is full: give the volume more room';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission: the container runs as an unprivileged user';
  if (code === 'EROFS') return 'the file system is read-only: name a directory on a writable volume';
  return messageOf(error);
}
