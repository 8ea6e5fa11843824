import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExampleStack, exampleStacks } from '../aws/terraform/examples';
import { CACHE } from '../support/cache';

/*
 * Holds every stack of the examples against `terraform validate`, which needs the providers and modules: from the registry, or from
 * a mirror that TF_CLI_CONFIG_FILE names. Without them, Terraform reads no more than the structure of the files.
 *
 *   npm run validate:terraform
 *
 * Ends with 0 when all stacks are valid, with 1 when one is not, and with 3 when providers or modules could not be had.
 */

const INVALID = 1;
const NOT_HAD = 3;

/** What Terraform says of a file when it has not got the provider or module that would tell more. */
const MISSING = ['Missing required provider', 'Module not installed', 'Inconsistent dependency lock file'];

interface Diagnostic {
  readonly severity: string;
  readonly summary: string;
  readonly detail: string;
  readonly snippet?: { readonly context?: string };
}

interface Result {
  readonly problems: readonly string[];
  /** Why providers or modules could not be had. */
  readonly missing?: string;
}

function terraform(cwd: string, args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const plugins = process.env.TF_PLUGIN_CACHE_DIR ?? join(CACHE, 'terraform-plugins');
  mkdirSync(plugins, { recursive: true });
  const env = { ...process.env, TF_IN_AUTOMATION: '1', CHECKPOINT_DISABLE: '1', TF_PLUGIN_CACHE_DIR: plugins };
  const { error, ...ended } = spawnSync('terraform', args, { cwd, env, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (error) throw error;
  return ended;
}

function validate({ json }: ExampleStack): Result {
  const folder = mkdtempSync(join(tmpdir(), 'terraform-validate-'));
  try {
    writeFileSync(join(folder, 'cdk.tf.json'), json);
    const init = terraform(folder, ['init', '-backend=false', '-input=false', '-no-color']);
    const { stdout } = terraform(folder, ['validate', '-json']);
    const { valid, diagnostics } = JSON.parse(stdout) as { valid: boolean; diagnostics: readonly Diagnostic[] };
    const problems = diagnostics
      .filter(({ severity, summary }) => severity === 'error' && !MISSING.includes(summary))
      .map(({ summary, detail, snippet }) => [snippet?.context, summary, detail].filter(Boolean).join(': '));
    if (init.status === 0 && !valid && problems.length === 0)
      return { problems: diagnostics.map(({ detail }) => detail) };
    return { problems, missing: init.status === 0 ? undefined : init.stderr.trim() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file without providers, which Terraform validates anywhere: a check that finds nothing in it finds nothing. */
const FAULT: ExampleStack = { name: 'fault', json: '{"output":{"a":{"value":"${terraform_data.b.output}"}}}' };

function main(): number {
  if (validate(FAULT).problems.length === 0) throw new Error('a reference to nothing was not found');
  let code = 0;
  for (const stack of exampleStacks()) {
    const { problems, missing } = validate(stack);
    for (const problem of problems) process.stderr.write(`${stack.name}: ${problem}\n`);
    if (problems.length > 0) code = INVALID;
    else if (missing !== undefined) {
      if (code === 0) process.stderr.write(`${missing}\n\n`);
      process.stderr.write(
        `${stack.name}: NOT VALIDATED, for providers or modules could not be had; its structure is well\n`,
      );
      code ||= NOT_HAD;
    } else process.stdout.write(`${stack.name}: valid\n`);
  }
  return code;
}

try {
  process.exitCode = main();
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT') throw error;
  process.stderr.write(`NOT VALIDATED: terraform is not installed (${message})\n`);
  process.exitCode = NOT_HAD;
}
