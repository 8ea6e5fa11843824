import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** A file of a data set: its name in the set, and where it lies here. */
export interface DigestedFile {
  readonly name: string;
  readonly path: string;
}

/** SHA-256 over the names and contents of a data set's files: the same data has the same digest wherever it lies. */
export async function dataDigest(files: readonly DigestedFile[]): Promise<string> {
  const whole = createHash('sha256');
  for (const { name, path } of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const content = createHash('sha256');
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), content);
    whole.update(`${name}\0${content.digest('hex')}\n`);
  }
  return `sha256:${whole.digest('hex')}`;
}

/** SHA-256 of a text, as records and tags have it. */
export function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
