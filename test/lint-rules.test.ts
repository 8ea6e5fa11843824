import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** A file, the code that would stand in it, and what is said of that: nothing where it is allowed. */
const CASES: ReadonlyArray<readonly [path: string, code: string, reason: string | undefined]> = [
  ['lib/index.ts', "export * from 'cdktf';", 'only lib/aws may import cdktf'],
  ['lib/index.ts', "export * from './aws';", 'only lib/aws may import cdktf or the cloud half'],
  ['lib/model/model.ts', "export * from '../aws/index';", 'only lib/aws'],
  ['lib/index.ts', "export * from '@cdktf/provider-aws/lib/s3-bucket';", 'only lib/aws'],
  ['lib/aws/index.ts', "export * from '@cdktf/provider-aws';", "import the resource's own path"],
  ['lib/aws/index.ts', "export * from 'node:fs';", 'touches no file'],
  ['lib/index.ts', "export * from 'node:fs';", 'touches no file'],
  ['lib/index.ts', "export * from 'fs/promises';", 'touches no file'],
  ['lib/index.ts', "export * from 'node:child_process';", 'touches no file'],
  ['lib/index.ts', "export * from 'https';", 'touches no file'],
  ['lib/contract/index.ts', "export * from 'yaml';", 'imports nothing but its own files'],
  ['lib/contract/index.ts', "export * from '../model/model';", 'imports nothing but its own files'],
  ['lib/index.ts', "console.log('x');", 'no-console'],
  ['lib/index.ts', 'export const home = process.env.HOME;', 'lib/ reads no environment'],
  ['lib/index.ts', "export const x = fetch('http://localhost');", 'no-restricted-globals'],
  ['lib/model/quality-gates.ts', "export * from 'node:fs';", undefined],
  ['lib/aws/index.ts', "export * from '@cdktf/provider-aws/lib/s3-bucket';", undefined],
];

const { stdout, stderr } = spawnSync(process.execPath, [join(__dirname, 'support/lint-texts.mjs')], {
  cwd: join(__dirname, '..'),
  encoding: 'utf8',
  input: JSON.stringify(CASES.map(([path, code]) => ({ path, code }))),
});
const results = stdout === '' ? [] : (JSON.parse(stdout) as string[][]);

test('the linter ran', () => {
  expect(stderr).toBe('');
  expect(results).toHaveLength(CASES.length);
});

describe('folder boundaries', () => {
  test.each(CASES.map(([path, code, reason], index) => ({ path, code, reason, index })))(
    '$path: $code',
    ({ reason, index }) => {
      if (reason === undefined) expect(results[index]).toEqual([]);
      else expect(results[index]?.join('\n')).toContain(reason);
    },
  );
});
