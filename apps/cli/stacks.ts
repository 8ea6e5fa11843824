import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A Terraform stack as cdktf wrote it. */
export interface Stack {
  readonly name: string;
  /** Directory that terraform runs in. */
  readonly directory: string;
  /** Number of resources by type. */
  readonly resources: ReadonlyMap<string, number>;
}

interface CdktfManifest {
  readonly stacks: Readonly<Record<string, { readonly name: string; readonly workingDirectory: string }>>;
}

interface Configuration {
  readonly resource?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/**
 * The stacks that cdktf wrote to a directory.
 *
 * @throws Error when it is not one of cdktf's.
 */
export function readStacks(directory: string): Stack[] {
  const path = join(directory, 'manifest.json');
  if (!existsSync(path)) throw new Error(`'${directory}' has no manifest.json: is it the output directory of cdktf?`);
  const { stacks } = JSON.parse(readFileSync(path, 'utf8')) as CdktfManifest;
  return Object.values(stacks).map(({ name, workingDirectory }) => {
    const working = join(directory, workingDirectory);
    const { resource = {} } = JSON.parse(readFileSync(join(working, 'cdk.tf.json'), 'utf8')) as Configuration;
    const resources = new Map(Object.entries(resource).map(([type, each]) => [type, Object.keys(each).length]));
    return { name, directory: working, resources };
  });
}
