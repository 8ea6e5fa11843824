import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { DASHBOARDS } from './dashboards/index';

/** Writes lib/monitoring/dashboards from scripts/dashboards; with `--check` only says whether it is current. */

const DIRECTORY = join(__dirname, '../lib/monitoring/dashboards');

async function main(): Promise<number> {
  mkdirSync(DIRECTORY, { recursive: true });
  let stale = 0;
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    const path = join(DIRECTORY, `${name}.json`);
    const text = await format(JSON.stringify(dashboard), { ...(await resolveConfig(path)), filepath: path });
    if (!process.argv.includes('--check')) writeFileSync(path, text);
    else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
      process.stderr.write(`lib/monitoring/dashboards/${name}.json is not current: run \`npm run dashboards\`\n`);
      stale++;
    }
  }
  return Math.min(stale, 1);
}

void main().then((code) => (process.exitCode = code));
