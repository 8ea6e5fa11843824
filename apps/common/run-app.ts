import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_CODES, suggest } from 'cdk8s-mlops/contract';
import { appHelp, type Call, type Command, commandHelp, parseCall } from './command-line';
import { Failure, messageOf } from './failure';
import { createLog, type Log } from './log';
import { removeTemporaryFiles } from './temporary-files';

/** What a command gets to work with. */
export interface Context {
  readonly call: Call;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends with SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Writes the result for people to standard output. */
  readonly print: (text: string) => void;
}

/** A command and what it does; the answer is the exit code. */
export interface RunnableCommand extends Command {
  /**
   * How long it may take to end once it was told to, in milliseconds; ending is then its way to succeed.
   *
   * @default - it is broken off
   */
  readonly graceMs?: number;
  run(context: Context): Promise<number>;
}

/** A container's program. */
export interface AppOptions {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly RunnableCommand[];
  readonly notes: readonly string[];
}

/** Exit code of a program that was ended by SIGTERM, as shells count it. */
const TERMINATED = 143;

/** How long a call that was ended may take to finish what it is writing. */
const GRACE_MS = 2_000;

/** Parses the arguments, runs the command and turns what happens into an exit code of the contract. */
export async function runApp(app: AppOptions, args: readonly string[]): Promise<number> {
  const log = createLog(app.name, process.env.LOG_LEVEL ?? 'info');
  const ended = new AbortController();
  // Every download and request listens; the warning is for signals that outlive their listeners.
  setMaxListeners(0, ended.signal);
  const end = (signal: NodeJS.Signals): void => ended.abort(new Error(`ended by ${signal}`));
  // Not once: who sends a signal to a whole group of processes may well send it twice.
  process.on('SIGTERM', end).on('SIGINT', end);
  let work: Promise<number> | undefined;
  let graceMs: number | undefined;
  const print = (text: string): void => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  try {
    const command = findCommand(app, args);
    if (!command) {
      print(appHelp(app.name, app.summary, app.commands, app.notes));
      return EXIT_CODES.judged;
    }
    if (args.includes('--help')) {
      print(commandHelp(app.name, command));
      return EXIT_CODES.judged;
    }
    const call = parseCall(command, args.slice(command.name.split(' ').length));
    ({ graceMs } = command);
    work = command.run({ call, log, env: process.env, signal: ended.signal, print });
    return await Promise.race([work, aborted(ended.signal, graceMs)]);
  } catch (error) {
    // Of a command with time to end only the lack of it: how it ended otherwise is its own to say.
    if (ended.signal.aborted && (graceMs === undefined || error === ended.signal.reason)) {
      await Promise.race([work?.catch(() => undefined), sleep(GRACE_MS)]);
      log.error(
        `${messageOf(ended.signal.reason)} before it was done: files are whole or absent, and no retraining is asked for any more`,
      );
      await removeTemporaryFiles();
      // A read that waits for an answer, or a query, would keep the process for as long as it takes.
      process.exit(TERMINATED);
    }
    if (!(error instanceof Failure)) {
      log.error({ err: error }, `unexpected: ${messageOf(error)}`);
      return 1;
    }
    for (const problem of error.problems) log.error(problem);
    return error.exitCode;
  } finally {
    process.off('SIGTERM', end).off('SIGINT', end);
    await removeTemporaryFiles();
  }
}

/** A command's name has one word or two. */
function findCommand(app: AppOptions, args: readonly string[]): RunnableCommand | undefined {
  const [first, second] = args;
  if (first === undefined || first === '--help' || first === 'help') return undefined;
  const command = app.commands.find((each) => each.name === first || each.name === `${first} ${second}`);
  if (command) return command;
  const names = app.commands.map((each) => each.name);
  const isGroup = names.some((each) => each.startsWith(`${first} `)) && second?.startsWith('-') === false;
  const name = isGroup ? `${first} ${second}` : first;
  const near = suggest(name, names);
  throw Failure.configuration(
    `'${name}' is not a command of ${app.name}${near ? `; did you mean '${near}'?` : `: ${names.join(', ')}`}`,
  );
}

/** Fails when the call was ended, after the time that it has for that. */
function aborted(signal: AbortSignal, graceMs = 0): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => {
      const reason = signal.reason instanceof Error ? signal.reason : new Error('ended');
      // A timer would keep a program that is done.
      if (graceMs > 0) setTimeout(() => reject(reason), graceMs).unref();
      else reject(reason);
    };
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail, { once: true });
  });
}
