import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

/** A stack of an example, as `cdktf synth` writes it. */
export interface ExampleStack {
  /** `example/stack`. */
  readonly name: string;
  readonly json: string;
}

/**
 * Runs the programs of all examples and reads the stacks that they write; an example without a cloud half writes none.
 *
 * @param root - folder of the examples, whose node_modules and tsconfig.json the programs run with
 */
export function exampleStacks(root = ROOT): ExampleStack[] {
  return readdirSync(join(root, 'examples'))
    .filter((example) => existsSync(join(root, 'examples', example, 'main.ts')))
    .flatMap((example) => stacksOf(root, example));
}

function stacksOf(root: string, example: string): ExampleStack[] {
  const out = mkdtempSync(join(tmpdir(), `${example}-`));
  try {
    const env = { ...process.env, CDKTF_OUTDIR: join(out, 'cloud'), CDK8S_OUTDIR: join(out, 'manifests') };
    const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
    execFileSync(process.execPath, [tsx, `examples/${example}/main.ts`], { cwd: root, env, stdio: 'pipe' });
    const stacks = join(out, 'cloud/stacks');
    return (existsSync(stacks) ? readdirSync(stacks) : []).map((stack) => ({
      name: `${example}/${stack}`,
      json: readFileSync(join(stacks, stack, 'cdk.tf.json'), 'utf8'),
    }));
  } finally {
    rmSync(out, { recursive: true });
  }
}
