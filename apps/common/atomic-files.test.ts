import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskProblem, writeFilesAtomically } from './atomic-files';
import { failureOf } from './testing/problems';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'atomic-files-'))));
afterEach(() => rmSync(directory, { recursive: true }));

const files = (...entries: [string, string][]): Map<string, string> =>
  new Map(entries.map(([name, text]) => [join(directory, name), text]));

test('all files are written, and their folders made', async () => {
  await writeFilesAtomically(files(['a', '1'], ['b/c/d', '2']));
  expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('1');
  expect(readdirSync(directory, { recursive: true }).sort()).toEqual(['a', 'b', 'b/c', 'b/c/d']);
});

test('a file that exists is replaced', async () => {
  await writeFilesAtomically(files(['a', 'long before']));
  await writeFilesAtomically(files(['a', 'now']));
  expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('now');
});

test('a full disk leaves every file as it was', async () => {
  writeFileSync(join(directory, 'a'), 'before');
  // What is written beside the second file lands on a device that is always full.
  symlinkSync('/dev/full', join(directory, `b.${process.pid}.part`));
  const { exitCode, problems } = await failureOf(() =>
    writeFilesAtomically(files(['a', 'after'], ['b', 'x'], ['c', 'y'])),
  );
  expect(exitCode).toBe(2);
  expect(problems).toEqual([`cannot write ${join(directory, 'b')}: the disk is full: give the volume more room`]);
  expect(readdirSync(directory)).toEqual(['a']);
  expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('before');
});

test('a path whose folder is a file is named', async () => {
  writeFileSync(join(directory, 'a'), '');
  const { problems } = await failureOf(() => writeFilesAtomically(files(['b', 'x'], ['a/c', 'y'])));
  expect(problems[0]).toMatch(new RegExp(`^cannot write ${join(directory, 'a/c')}: (EEXIST|ENOTDIR)`));
  expect(readdirSync(directory)).toEqual(['a']);
});

test('a target that cannot be replaced is named', async () => {
  mkdirSync(join(directory, 'a/b'), { recursive: true });
  const { problems } = await failureOf(() => writeFilesAtomically(files(['a', 'x'], ['c', 'y'])));
  expect(problems[0]).toMatch(new RegExp(`^cannot write ${join(directory, 'a')}: `));
  expect(readdirSync(directory)).toEqual(['a']);
});

const unprivileged = process.getuid?.() === 0 ? test.skip : test;
unprivileged('a folder without permission says who the container runs as', async () => {
  chmodSync(directory, 0o500);
  const { problems } = await failureOf(() => writeFilesAtomically(files(['a', 'x'])));
  chmodSync(directory, 0o700);
  expect(problems).toEqual([
    `cannot write ${join(directory, 'a')}: no permission: the container runs as an unprivileged user`,
  ]);
});

test.each([
  ['ENOSPC', 'the disk is full: give the volume more room'],
  ['EDQUOT', 'the disk is full: give the volume more room'],
  ['EACCES', 'no permission: the container runs as an unprivileged user'],
  ['EPERM', 'no permission: the container runs as an unprivileged user'],
  ['EROFS', 'the file system is read-only: name a directory on a writable volume'],
])('%s says what to mend', (code, expected) => {
  expect(diskProblem(Object.assign(new Error('x'), { code }))).toBe(expected);
});

test('other problems keep their message', () => {
  expect(diskProblem(new Error('EIO: i/o error'))).toBe('EIO: i/o error');
});
