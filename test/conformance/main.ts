import { existsSync, rmSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { manifestFiles, readDocuments, synthesizeExamples } from '../support/manifests';
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

/** @returns the number of objects with findings */
function check(paths: readonly string[], { schemas, quiet }: Options): { objects: number; failed: number } {
  const store = new SchemaStore(schemas);
  let [objects, failed] = [0, 0];
  for (const path of paths) {
    for (const file of statSync(path).isFile() ? [path] : manifestFiles(path)) {
      for (const document of readDocuments(file)) {
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
  const examples =
    settings.manifests.length === 0 ? synthesizeExamples((text) => process.stdout.write(text)) : undefined;
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
