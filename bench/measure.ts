import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One run of a process. */
interface Run {
  /** Wall time. */
  readonly seconds: number;
  /** User and system time of all threads. */
  readonly cpu: number;
  /** Highest resident set. */
  readonly mebibytes: number;
}

/** Minimum, median and maximum of several runs. */
export interface Spread {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

export type Measurement = Readonly<Record<keyof Run, Spread>>;

/** GNU time: Node does not tell the memory of a child. */
const TIME = '/usr/bin/time';

/** Runs a process several times. @throws Error when it fails */
export function measure(
  label: string,
  repeats: number,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Measurement {
  const runs = Array.from({ length: repeats }, (_, index) => {
    process.stderr.write(`${label}, run ${index + 1} of ${repeats} ...\n`);
    return run(command, args, { ...process.env, ...env });
  });
  return {
    seconds: spread(runs.map(({ seconds }) => seconds)),
    cpu: spread(runs.map(({ cpu }) => cpu)),
    mebibytes: spread(runs.map(({ mebibytes }) => mebibytes)),
  };
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Run {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const file = join(folder, 'time');
  const timed = existsSync(TIME);
  const all = timed ? [TIME, '-o', file, '-f', '%U %S %M', command, ...args] : [command, ...args];
  try {
    const start = process.hrtime.bigint();
    const { status, stderr, error } = spawnSync(all[0]!, all.slice(1), {
      encoding: 'utf8',
      env: { ...env, OUTPUT_DIR: join(folder, 'outputs') },
      maxBuffer: 2 ** 28,
    });
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    if (status !== 0) throw new Error(`${command} failed (${status}): ${error?.message ?? stderr}`);
    const [user = NaN, system = NaN, kibibytes = NaN] = timed ? readFileSync(file, 'utf8').split(' ').map(Number) : [];
    return { seconds, cpu: user + system, mebibytes: kibibytes / 1024 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { low: sorted[0]!, middle: sorted[Math.floor(sorted.length / 2)]!, high: sorted.at(-1)! };
}
