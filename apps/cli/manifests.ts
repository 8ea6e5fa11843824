import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments } from 'yaml';

/** An object of a manifest file; what lies within is looked at as needed. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** A file of manifests. */
export interface ManifestFile {
  /** Path relative to the directory that was read. */
  readonly path: string;
  readonly objects: readonly Manifest[];
}

/**
 * All manifests under a directory, sorted by path.
 *
 * @throws Error naming file, line and column of what cannot be read.
 */
export function readManifests(directory: string): ManifestFile[] {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`'${directory}' is not a directory: synthesize first, for example with 'npx cdk8s synth'`);
  }
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .sort();
  if (files.length === 0) throw new Error(`'${directory}' has no manifests (*.yaml)`);
  return files.map((name) => readFile(directory, join(directory, name)));
}

function readFile(directory: string, path: string): ManifestFile {
  const documents = parseAllDocuments(readFileSync(path, 'utf8'));
  const parsed = 'empty' in documents ? [] : documents;
  const objects = parsed.flatMap((document) => {
    const [error] = document.errors;
    if (error) throw new Error(`${path}: ${error.message}`);
    const object = document.toJS() as Manifest | null;
    if (object === null) return [];
    if (typeof object.kind !== 'string' || typeof object.metadata?.name !== 'string') {
      throw new Error(`${path}: a document has no kind and metadata.name: is it a manifest?`);
    }
    return [object];
  });
  return { path: relative(directory, path), objects };
}
