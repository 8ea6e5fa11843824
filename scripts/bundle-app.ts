import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

/**
 * Bundles a container's program into one file, with the native parts that it loads at run time beside it:
 * `npm run bundle -- drift-checker [--out DIR] [--platform linux-arm64]`.
 */
const ROOT = join(__dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string' }, platform: { type: 'string', default: `${process.platform}-${process.arch}` } },
});
const app = positionals[0];
if (app === undefined || !existsSync(join(ROOT, 'apps', app, 'main.ts'))) {
  console.error(
    `usage: npm run bundle -- APP [--out DIR] [--platform OS-ARCH]; '${app ?? ''}' is no folder of apps/ with a main.ts`,
  );
  process.exit(2);
}
const out = values.out ?? join(ROOT, 'dist', 'apps', app);
/** Packages whose files are loaded by path, so that they cannot be part of a bundle. */
const NATIVE = ['@duckdb/node-bindings', `@duckdb/node-bindings-${values.platform}`];

async function main(name: string): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const result = await build({
    entryPoints: [join(ROOT, 'apps', name, 'main.ts')],
    outdir: out,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // What is imported when it is needed is a file of its own: compiling it would double the time to start.
    splitting: true,
    // A CommonJS package that is imported late would have its names under `default` only.
    mainFields: ['module', 'main'],
    chunkNames: 'chunks/[name]-[hash]',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    minify: true,
    keepNames: true,
    legalComments: 'external',
    tsconfig: join(ROOT, 'tsconfig.json'),
    external: ['@duckdb/node-bindings'],
    metafile: true,
  });
  writeFileSync(join(out, 'package.json'), '{ "type": "module" }\n');
  const inputs = Object.keys(result.metafile.inputs);
  if (!inputs.some((input) => input.includes('@duckdb/node-api'))) return;
  const from = createRequire(join(ROOT, 'apps', name, 'package.json'));
  for (const native of NATIVE) {
    const source = dirname(from.resolve(`${native}/package.json`));
    cpSync(source, join(out, 'node_modules', native), { recursive: true, dereference: true });
  }
}

void main(app);
