import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../support/cache';

/** An object as a manifest holds it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** What a judge says of one object. */
export interface Verdict {
  readonly judge: string;
  readonly object: string;
  readonly problems: readonly string[];
}

/** The judges that read objects and say what is wrong with them: a Go command each. */
export const JUDGES = [
  'kubernetes',
  'argo-workflows',
  'argo-rollouts',
  'argo-events',
  'kserve',
  'prometheus-operator',
  'external-secrets',
] as const;

/** A name of {@link JUDGES}. */
export type JudgeName = (typeof JUDGES)[number];

const BINARIES = join(CACHE, 'upstream');

/** What `go build` makes in each module's folder: a command of ours, or one of the module that it requires. */
const COMMANDS = {
  ...Object.fromEntries(JUDGES.map((name) => [name, '.'])),
  apiserver: '.',
  promtool: 'github.com/prometheus/prometheus/cmd/promtool',
};

/** Path of a built command. */
export function binary(name: string): string {
  return join(BINARIES, name);
}

/**
 * Builds every command that is not built, or whose sources changed: Go's own cache makes that a matter of seconds.
 *
 * @throws Error with the compiler's output.
 */
export function buildJudges(progress: (text: string) => void): void {
  mkdirSync(BINARIES, { recursive: true });
  for (const [name, command] of Object.entries(COMMANDS)) {
    const start = Date.now();
    const args = ['build', '-o', binary(name), command];
    const { status, stderr, error } = spawnSync('go', args, { cwd: join(__dirname, name), encoding: 'utf8' });
    if (error || status !== 0) throw new Error(`${name} does not build: ${error?.message ?? stderr}`);
    progress(`built ${name} in ${((Date.now() - start) / 1000).toFixed(1)} s\n`);
  }
}

/** Lets a judge look at all objects together. It leaves out those that are not its to judge. */
export function judge(name: JudgeName, objects: readonly object[]): Verdict[] {
  const input = JSON.stringify(objects);
  const options = { input, encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  const { status, stdout, stderr, error } = spawnSync(binary(name), [], options);
  if (error || status !== 0) throw new Error(`${name} gave no verdict: ${error?.message ?? stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ judge: name, ...(JSON.parse(line) as Omit<Verdict, 'judge'>) }));
}
