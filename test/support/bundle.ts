import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');

/** Bundles a container's program into a folder, as its image is built. */
export function bundleApp(app: 'drift-checker' | 'gate-evaluator', out: string): void {
  const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
  execFileSync(process.execPath, [tsx, 'scripts/bundle-app.ts', app, '--out', out], { cwd: ROOT, stdio: 'pipe' });
}
