import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parse } from 'yaml';
import { checkGateFile } from 'cdk8s-mlops/contract';

const root = join(__dirname, '..');
const work = join(root, 'dist', 'snippets');
afterAll(() => rmSync(work, { recursive: true, force: true }));

const IGNORED = ['node_modules', 'build', 'dist', 'cdktf.out', '.git'];

function markdownFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (IGNORED.includes(entry.name)) return [];
    const path = join(directory, entry.name);
    return entry.isDirectory() ? markdownFiles(path) : path.endsWith('.md') ? [path] : [];
  });
}

const pages = markdownFiles(root).map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }));
const snippets = pages.flatMap(({ path, text }) =>
  [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code], index) => ({ path, index, code: code ?? '' })),
);

test('every TypeScript snippet of the documentation compiles', () => {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  for (const { path, index, code } of snippets) {
    writeFileSync(join(work, `${path.replaceAll(/[/.]/g, '-')}-${index}.ts`), code);
  }
  writeFileSync(
    join(work, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', include: ['.'], exclude: [] }),
  );
  const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '-p', work, '--noEmit'];
  expect(spawnSync(process.execPath, tsc, { cwd: work, encoding: 'utf8' }).stdout).toBe('');
  expect(snippets.length).toBeGreaterThan(0);
});

test('every gate file of the documentation is valid', () => {
  const blocks = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, code]) => ({ path, file: parse(code!) as unknown })),
  );
  const gateFiles = blocks.filter(({ file }) => typeof file === 'object' && file !== null && 'metrics' in file);
  expect(gateFiles.length).toBeGreaterThanOrEqual(2);
  expect(gateFiles.map(({ path, file }) => ({ path, problems: checkGateFile(file) }))).toEqual(
    gateFiles.map(({ path }) => ({ path, problems: [] })),
  );
});

test("the README's program runs and writes manifests", () => {
  const program = snippets.find(({ path }) => path === 'README.md');
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'program.ts'), program?.code ?? '');
  const env = { ...process.env, CDK8S_OUTDIR: join(work, 'out') };
  const tsx = [
    join(root, 'node_modules/tsx/dist/cli.mjs'),
    '--tsconfig',
    join(root, 'tsconfig.json'),
    join(work, 'program.ts'),
  ];
  const { status, stderr } = spawnSync(process.execPath, tsx, { cwd: root, env, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(readdirSync(join(work, 'out')).sort()).toEqual(['platform.k8s.yaml', 'training.k8s.yaml']);
});

test('every relative link of the documentation leads somewhere', () => {
  const broken = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:)([^)#\s]+)(#[^)]*)?\)/g)]
      .map(([, target]) => target ?? '')
      .filter((target) => !existsSync(join(root, dirname(path), target)))
      .map((target) => `${path}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test('every example has a README and a test', () => {
  for (const example of readdirSync(join(root, 'examples'))) {
    const files = readdirSync(join(root, 'examples', example));
    expect(files).toContain('README.md');
    expect(files.some((file) => file.endsWith('.test.ts'))).toBe(true);
  }
});
