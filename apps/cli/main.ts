import { parseArgs } from 'node:util';
import { readManifests } from './manifests';
import { printStacks, printSummary } from './print-summary';
import { readStacks } from './stacks';
import { summarize } from './summary';

const USAGE = `usage: mlops summary DIR... [--terraform DIR]

  What the manifests under each DIR amount to: objects, images, permissions, secrets, and what to run next.
  --terraform DIR   the same for the stacks that cdktf wrote to DIR
`;

interface Call {
  readonly directories: readonly string[];
  readonly terraform?: string;
}

function parse(args: string[]): Call | undefined {
  try {
    const { positionals, values } = parseArgs({
      args,
      allowPositionals: true,
      options: { terraform: { type: 'string' } },
    });
    const [command, ...directories] = positionals;
    return command === 'summary' && directories.length > 0 ? { directories, ...values } : undefined;
  } catch {
    return undefined;
  }
}

/** Runs one command; returns the exit code: 0 done, 2 wrong usage or unreadable input. */
function main(args: string[]): number {
  const call = parse(args);
  if (!call) {
    process.stderr.write(USAGE);
    return 2;
  }
  try {
    const manifests = call.directories.map((each) => printSummary(summarize(readManifests(each)), each));
    const stacks = call.terraform === undefined ? [] : [printStacks(readStacks(call.terraform))];
    process.stdout.write([...manifests, ...stacks].join('\n'));
    return 0;
  } catch (error) {
    process.stderr.write(`mlops summary: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
}

process.exitCode = main(process.argv.slice(2));
