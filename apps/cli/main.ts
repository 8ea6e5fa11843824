import { readManifests } from './manifests';
import { printSummary } from './print-summary';
import { summarize } from './summary';

const USAGE = `usage: mlops <command>

  summary DIR   what the manifests under DIR amount to: objects, images, permissions, secrets, and what to run next
`;

/** Runs one command; returns the exit code: 0 done, 2 wrong usage or unreadable input. */
function main([command, ...args]: readonly string[]): number {
  const [directory] = args;
  if (command !== 'summary' || directory === undefined || args.length > 1) {
    process.stderr.write(USAGE);
    return 2;
  }
  try {
    process.stdout.write(printSummary(summarize(readManifests(directory)), directory));
    return 0;
  } catch (error) {
    process.stderr.write(`mlops summary: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
}

process.exitCode = main(process.argv.slice(2));
