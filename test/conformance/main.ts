import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { loadAll } from 'js-yaml';
import { checkObject, isManifest } from './check-objects';
import { SchemaStore } from './schema-store';

const USAGE = `Holds rendered manifests against the upstream schemas, strictly: an unknown field is an error.

  npm run conformance -- --schemas DIR                    all examples of this repository
  npm run conformance -- --schemas DIR --manifests PATH   a file or directory of manifests, any number of times

  --schemas    directory with CustomResourceDefinitions (*.yaml) and Kubernetes' OpenAPI documents (swagger*.json)
  --manifests  file or directory of YAML manifests
  --quiet      print only what is wrong

Exit code: 0 nothing found, 1 findings, 2 wrong usage.`;

interface Options {
  readonly schemas: string;
  readonly manifests: readonly string[];
  readonly quiet: boolean;
}

function options(): Options {
  const { values } = parseArgs({
    options: {
      schemas: { type: 'string' },
      manifests: { type: 'string', multiple: true, default: [] },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || values.schemas === undefined) throw new Error(USAGE);
  for (const path of [values.schemas, ...values.manifests]) {
    if (!existsSync(path)) throw new Error(`'${path}' does not exist\n\n${USAGE}`);
  }
  return { schemas: values.schemas, manifests: values.manifests, quiet: values.quiet };
}

/** Runs every example's program; returns the directory with what they wrote. */
function synthesizeExamples(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-conformance-'));
  const root = join(__dirname, '../..');
  for (const example of readdirSync(join(root, 'examples'))) {
    const program = join('examples', example, 'main.ts');
    if (!existsSync(join(root, program))) continue;
    process.stdout.write(`synthesizing ${program}\n`);
    const env = { ...process.env, CDK8S_OUTDIR: join(directory, example), CDKTF_OUTDIR: join(directory, 'cdktf.out') };
    execFileSync(join(root, 'node_modules/.bin/tsx'), [program], { cwd: root, env, stdio: 'inherit' });
  }
  return directory;
}

function manifestFiles(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => join(path, name))
    .sort();
}

/** @returns the number of objects with findings */
function check(paths: readonly string[], { schemas, quiet }: Options): { objects: number; failed: number } {
  const store = new SchemaStore(schemas);
  let [objects, failed] = [0, 0];
  for (const path of paths) {
    for (const file of manifestFiles(path)) {
      for (const document of loadAll(readFileSync(file, 'utf8'))) {
        if (document === null || document === undefined) continue;
        const reports = isManifest(document)
          ? checkObject(document, store)
          : [{ object: 'document', schemas: [], problems: ['has no apiVersion and kind'] }];
        for (const { object, schemas: against, problems } of reports) {
          objects += 1;
          if (problems.length > 0) failed += 1;
          if (quiet && problems.length === 0) continue;
          const verdict = problems.length > 0 ? 'FAIL' : 'ok  ';
          process.stdout.write(`${verdict} ${relative(path, file)}: ${object} [${against.join(', ')}]\n`);
          for (const problem of problems) process.stdout.write(`       ${problem}\n`);
        }
      }
    }
  }
  return { objects, failed };
}

function main(): number {
  let settings: Options;
  try {
    settings = options();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  const examples = settings.manifests.length === 0 ? synthesizeExamples() : undefined;
  try {
    const { objects, failed } = check(examples === undefined ? settings.manifests : [examples], settings);
    process.stdout.write(`conformance: ${objects - failed} passed, ${failed} failed\n`);
    // A run that saw nothing proves nothing.
    return failed === 0 && objects > 0 ? 0 : 1;
  } finally {
    if (examples !== undefined) rmSync(examples, { recursive: true });
  }
}

process.exitCode = main();
