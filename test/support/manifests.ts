import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';

const ROOT = join(__dirname, '../..');

/** Runs every example's program; returns a new directory with a folder for what each wrote. */
export function synthesizeExamples(progress: (text: string) => void): string {
  const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-examples-'));
  for (const example of readdirSync(join(ROOT, 'examples'))) {
    const program = join('examples', example, 'main.ts');
    if (!existsSync(join(ROOT, program))) continue;
    progress(`synthesizing ${program}\n`);
    const env = { ...process.env, CDK8S_OUTDIR: join(directory, example), CDKTF_OUTDIR: join(directory, 'cdktf.out') };
    execFileSync(join(ROOT, 'node_modules/.bin/tsx'), [program], { cwd: ROOT, env, stdio: 'inherit' });
  }
  return directory;
}

/** Paths of the manifest files under a directory, sorted. */
export function manifestFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => join(directory, name))
    .sort();
}

/** The documents of a manifest file. */
export function readDocuments(path: string): unknown[] {
  return loadAll(readFileSync(path, 'utf8')).filter((document) => document !== null && document !== undefined);
}
