import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type ArtifactFile, artifactFiles, transferFiles, unfinishedFile } from './artifact-files';
import { failureOf } from './testing/problems';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'files-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const text = (name: string, ...chunks: string[]): ArtifactFile => ({
  name,
  bytes: chunks.join('').length,
  open: () => Promise.resolve(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))),
});
const broken = (name: string): ArtifactFile => ({
  name,
  bytes: 10,
  open: () =>
    Promise.resolve(
      Readable.from(
        (function* () {
          yield Buffer.from('some');
          throw new Error('connection reset');
        })(),
      ),
    ),
});

test('files are in the order of their names, however they lie', async () => {
  mkdirSync(join(directory, 'a'));
  for (const name of ['b', 'a/z', 'a.txt', 'B']) writeFileSync(join(directory, name), name);
  const files = await artifactFiles(directory);
  expect(files.map(({ name, bytes }) => [name, bytes])).toEqual([
    ['B', 1],
    ['a.txt', 5],
    ['a/z', 3],
    ['b', 1],
  ]);
  expect(await artifactFiles(join(directory, 'nothing'))).toEqual([]);
});

test('a copy is whole, tells how far it is, and has the same digest as reading alone', async () => {
  const files = [text('a.bin', 'one', 'two'), text('sub/b.bin', ''), text('c.bin', 'x'.repeat(3 << 20))];
  const done: number[] = [];
  const copied = await transferFiles(files, join(directory, 'copy'), (count) => done.push(count));
  expect(await transferFiles(files, undefined, () => undefined)).toBe(copied);
  expect(done).toEqual([1, 2, 3]);
  expect(readFileSync(join(directory, 'copy/a.bin'), 'utf8')).toBe('onetwo');
  expect(readFileSync(join(directory, 'copy/sub/b.bin'), 'utf8')).toBe('');
  expect(readFileSync(join(directory, 'copy/c.bin')).length).toBe(3 << 20);
});

test.each([undefined, 'copy'])('a source that breaks off is said, and leaves no part (copied to %s)', async (name) => {
  const target = name && join(directory, name);
  const failure = await failureOf(() => transferFiles([text('a', '1'), broken('b')], target, () => undefined));
  expect(failure).toEqual({ exitCode: 3, problems: ["reading 'b' broke off: connection reset"] });
  if (target !== undefined) expect(readdirSync(target)).toEqual(['a']);
});

test('a target that cannot be written is said, and not taken for the source', async () => {
  writeFileSync(join(directory, 'file'), '');
  const failure = await failureOf(() => transferFiles([text('a', '1')], join(directory, 'file'), () => undefined));
  expect([failure.exitCode, failure.problems]).toEqual([2, [expect.stringMatching(/^cannot write .*\/file\/a: /)]]);
});

test('a file that is gone when it is its turn is said', async () => {
  writeFileSync(join(directory, 'a'), '1');
  const files = await artifactFiles(directory);
  rmSync(join(directory, 'a'));
  expect(await failureOf(() => transferFiles(files, undefined, () => undefined))).toEqual({
    exitCode: 2,
    problems: [expect.stringMatching(/^cannot read '.*\/a': ENOENT/)],
  });
});

test.each([
  ['model.bin.12.part', 'model.bin'],
  ['a/b.bin.1.part', 'a/b.bin'],
  ['model.part', undefined],
  ['model.x.part', undefined],
  ['model.bin', undefined],
])('%s is what is left of %s', (name, target) => expect(unfinishedFile(name)).toBe(target));
