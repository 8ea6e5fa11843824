import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readText, writeText, writeTexts } from './object-store';
import { failureOf } from './testing/problems';

const directory = mkdtempSync(join(tmpdir(), 'object-store-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('texts are written under a folder of this machine and read back', async () => {
  await writeTexts(join(directory, 'a/b'), { 'one.json': '1', 'two.html': 'ä' });
  expect(readdirSync(join(directory, 'a/b')).sort()).toEqual(['one.json', 'two.html']);
  expect(await readText(`file://${directory}/a/b/two.html`)).toBe('ä');
});

test('a relative path is one from where the program runs', async () => {
  const before = process.cwd();
  process.chdir(directory);
  await writeText('plain.json', 'x');
  await writeText('./deep/er.json', 'y');
  process.chdir(before);
  expect(readFileSync(join(directory, 'plain.json'), 'utf8')).toBe('x');
  expect(readFileSync(join(directory, 'deep/er.json'), 'utf8')).toBe('y');
});

test('a text that is not there is nothing; a folder is no text', async () => {
  expect(await readText(join(directory, 'no'))).toBeUndefined();
  expect((await failureOf(() => readText(directory))).problems[0]).toMatch(/^cannot read '.*': EISDIR/);
});

test('a text needs a name', async () => {
  expect((await failureOf(() => writeText(`${directory}/`, 'x'))).problems).toEqual([
    `'${directory}/' must name a file`,
  ]);
});

test('a bucket is not the name of a file', async () => {
  const { exitCode, problems } = await failureOf(() => writeText('s3://bucket', 'x'));
  expect(exitCode).toBe(2);
  expect(problems).toEqual(["'s3://bucket' must name a file"]);
});
