import { existsSync } from 'node:fs';
import { Failure } from './failure';
import { type AppOptions, type RunnableCommand, runApp } from './run-app';
import { temporaryDirectory } from './temporary-files';

const command = (name: string, run: RunnableCommand['run']): RunnableCommand => ({
  ...{ name, summary: `does ${name}`, options: { loud: { help: 'loud' } }, examples: [`app ${name}`], run },
});
let temporary = '';
const APP: AppOptions = {
  ...{ name: 'app', summary: 'tests', notes: ['A note.'] },
  commands: [
    command('answer', ({ call, print }) => {
      print(`loud: ${call.flag('loud')}`);
      return Promise.resolve(10);
    }),
    command('misconfigured', () => Promise.reject(Failure.configuration('a', 'b'))),
    command('unreachable', () => Promise.reject(Failure.unreachable('c'))),
    command('broken', () => Promise.reject(new TypeError('a bug'))),
    command('temporary', async () => {
      temporary = await temporaryDirectory('run-app');
      throw Failure.configuration('a');
    }),
  ],
};

let printed: string;
beforeEach(() => {
  process.env.LOG_LEVEL = 'silent';
  printed = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((printed += String(text)), true));
});
afterEach(() => {
  delete process.env.LOG_LEVEL;
  jest.restoreAllMocks();
});

test.each([
  [['answer'], 10],
  [['misconfigured'], 2],
  [['unreachable'], 3],
  [['broken'], 1],
  [['answer', '--quiet'], 2],
  [['anwser'], 2],
  [['--version'], 2],
])('%j ends with %d', async (args, code) => {
  expect(await runApp(APP, args)).toBe(code);
});

test('a command prints its result', async () => {
  await runApp(APP, ['answer', '--loud']);
  expect(printed).toBe('loud: true\n');
});

test.each([[[]], [['--help']], [['help']]])('%j shows the commands', async (args) => {
  expect(await runApp(APP, args)).toBe(0);
  expect(printed).toContain('Usage: app COMMAND [options]\n\n  answer         does answer\n');
  expect(printed).toContain('A note.\n');
});

test('the help of a command is shown whatever else is wrong', async () => {
  expect(await runApp(APP, ['answer', '--quiet', '--help'])).toBe(0);
  expect(printed).toContain('app answer: does answer');
});

test('temporary files are gone, however it ends', async () => {
  await runApp(APP, ['temporary']);
  expect(temporary).not.toBe('');
  expect(existsSync(temporary)).toBe(false);
});

test('signals are listened to only while a command runs', async () => {
  const before = process.listenerCount('SIGTERM');
  await runApp(APP, ['answer']);
  expect(process.listenerCount('SIGTERM')).toBe(before);
});

describe('a command with time to end', () => {
  let exit: jest.SpyInstance;
  beforeEach(() => {
    exit = jest.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`exit ${code}`);
    });
  });

  /** Runs a command that does something once it was told to end, which it is at once. */
  function ended(graceMs: number | undefined, atEnd: () => Promise<number>): Promise<number> {
    const slow: RunnableCommand = {
      ...command('slow', ({ signal }) => {
        const told = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        process.emit('SIGTERM', 'SIGTERM');
        return told.then(atEnd);
      }),
      graceMs,
    };
    return runApp({ ...APP, commands: [slow] }, ['slow']);
  }

  test('ends by itself, with its own exit code', async () => {
    expect(await ended(10_000, () => Promise.resolve(0))).toBe(0);
    expect(await ended(10_000, () => Promise.reject(Failure.unreachable('left')))).toBe(3);
    expect(exit).not.toHaveBeenCalled();
  });

  test('is broken off once that time is over', async () => {
    await expect(ended(1, () => new Promise(() => undefined))).rejects.toThrow('exit 143');
  });

  test('others are broken off at once', async () => {
    await expect(ended(undefined, () => Promise.resolve(0))).rejects.toThrow('exit 143');
  });
});
