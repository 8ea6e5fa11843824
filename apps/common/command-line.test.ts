import { type Command, appHelp, commandHelp, contractOptions, parseCall } from './command-line';
import { failureOf } from './testing/problems';

const COMMAND: Command = {
  name: 'bake',
  summary: 'bakes bread',
  options: {
    flour: { help: 'kind of flour', value: 'KIND', required: true },
    minutes: { help: 'time in the oven', value: 'N', default: '40' },
    seed: { help: 'a seed on top', value: 'SEED', repeatable: true },
    dark: { help: 'bake it dark' },
  },
  examples: ['bakery bake --flour rye'],
};

const HINT = "('bake --help' lists all)";
const problemsOf = async (...args: string[]): Promise<readonly string[]> => {
  const { exitCode, problems } = await failureOf(() => parseCall(COMMAND, args));
  expect(exitCode).toBe(2);
  return problems;
};

describe('a call', () => {
  test('gives texts, repeated texts, flags and numbers', () => {
    const call = parseCall(COMMAND, ['--flour', 'rye', '--seed=sesame', '--seed', 'poppy', '--dark', '--minutes=35']);
    expect(call.text('flour')).toBe('rye');
    expect(call.texts('seed')).toEqual(['sesame', 'poppy']);
    expect(call.flag('dark')).toBe(true);
    expect(call.number('minutes')).toBe(35);
  });

  test('says nothing of options that are not given', () => {
    const call = parseCall(COMMAND, ['--flour', 'rye']);
    expect([call.text('minutes'), call.texts('seed'), call.flag('dark'), call.number('minutes')]).toEqual([
      undefined,
      [],
      false,
      undefined,
    ]);
  });

  test('takes a value that begins with a dash, and one that looks like an option after =', () => {
    expect(parseCall(COMMAND, ['--flour', '-1']).text('flour')).toBe('-1');
    expect(parseCall(COMMAND, ['--flour=--rye']).text('flour')).toBe('--rye');
    expect(parseCall(COMMAND, ['--flour=a=b']).text('flour')).toBe('a=b');
  });

  test('takes an empty value for none where an engine may put one', () => {
    const { flour: _flour, ...options } = COMMAND.options;
    const command = { ...COMMAND, options: { ...options, baker: { help: 'who', value: 'NAME', mayBeEmpty: true } } };
    expect(parseCall(command, ['--baker', '', '--dark']).text('baker')).toBeUndefined();
    expect(parseCall(command, ['--baker=']).text('baker')).toBeUndefined();
    expect(parseCall(command, ['--baker', 'ann']).text('baker')).toBe('ann');
  });

  test('has positional arguments where the command takes them', () => {
    const command = { ...COMMAND, positionals: 'LOAF...' };
    expect(parseCall(command, ['one', '--flour', 'rye', 'two', '--', '--three']).positionals).toEqual([
      'one',
      'two',
      '--three',
    ]);
  });
});

describe('a wrong call', () => {
  test('names an unknown option and the one that was meant', async () => {
    expect(await problemsOf('--flour', 'rye', '--minuets', '3')).toEqual([
      `--minuets is not an option of 'bake'; did you mean --minutes? ${HINT}`,
      `'3' is not an option of 'bake': options begin with -- ${HINT}`,
    ]);
  });

  test('names an unknown option that is like none, and short ones', async () => {
    expect(await problemsOf('--flour', 'rye', '--temperature=200', '-d')).toEqual([
      `--temperature is not an option of 'bake' ${HINT}`,
      `-d is not an option of 'bake' ${HINT}`,
    ]);
  });

  test.each([['--constructor'], ['--__proto__'], ['--toString']])('does not take %s for an option', async (option) => {
    expect(await problemsOf('--flour', 'rye', option)).toEqual([`${option} is not an option of 'bake' ${HINT}`]);
  });

  test.each([
    ['at the end', ['--flour']],
    ['that is empty', ['--flour=']],
    ['of which the next option takes the place', ['--flour', '--dark']],
  ])('names a missing value %s', async (_, args) => {
    expect(await problemsOf(...args)).toEqual([
      `--flour needs a value ${HINT}`,
      `--flour is missing: kind of flour ${HINT}`,
    ]);
  });

  test('names an option that is given twice', async () => {
    expect(await problemsOf('--flour', 'rye', '--flour', 'oat')).toEqual([`--flour is given more than once ${HINT}`]);
  });

  test('names a flag with a value', async () => {
    expect(await problemsOf('--flour', 'rye', '--dark=yes')).toEqual([`--dark takes no value, got 'yes' ${HINT}`]);
  });

  test('names a missing required option with its meaning', async () => {
    expect(await problemsOf()).toEqual([`--flour is missing: kind of flour ${HINT}`]);
  });

  test('names every problem at once', async () => {
    expect(await problemsOf('--drak', '--minutes', 'loaf')).toEqual([
      `--drak is not an option of 'bake'; did you mean --dark? ${HINT}`,
      `--flour is missing: kind of flour ${HINT}`,
    ]);
    expect(await problemsOf('--dark=1', '--seed', '--minutes', '1', '--minutes', '2')).toHaveLength(4);
  });
});

describe('a number', () => {
  const problem = async (text: string, bounds: object): Promise<readonly string[]> => {
    const call = parseCall(COMMAND, ['--flour', 'rye', `--minutes=${text}`]);
    return (await failureOf(() => call.number('minutes', bounds))).problems;
  };

  test.each([
    ['soon', {}, "--minutes must be a number, got 'soon'"],
    [' ', {}, "--minutes must be a number, got ' '"],
    ['Infinity', {}, "--minutes must be a number, got 'Infinity'"],
    ['NaN', {}, "--minutes must be a number, got 'NaN'"],
    ['1.5', { integer: true }, "--minutes must be a whole number, got '1.5'"],
    ['0', { min: 1, integer: true }, "--minutes must be a whole number of at least 1, got '0'"],
    ['2', { max: 1 }, "--minutes must be a number of at most 1, got '2'"],
    ['-1', { min: 0, max: 1 }, "--minutes must be a number of at least 0 and at most 1, got '-1'"],
  ])("'%s' within %j is refused", async (text, bounds, expected) => {
    expect(await problem(text, bounds)).toEqual([expected]);
  });

  test('may be at its bounds', () => {
    const call = parseCall(COMMAND, ['--flour', 'rye', '--minutes=5']);
    expect(call.number('minutes', { min: 5, max: 5, integer: true })).toBe(5);
  });
});

describe('help', () => {
  test('of a command shows the usage, every option with its notes, and an example', () => {
    expect(commandHelp('bakery', COMMAND)).toBe(`bakery bake: bakes bread

Usage: bakery bake [options]

  --flour KIND  kind of flour (required)
  --minutes N   time in the oven (default 40)
  --seed SEED   a seed on top (repeatable)
  --dark        bake it dark

Examples:
  bakery bake --flour rye
`);
  });

  test('of a program shows its commands', () => {
    expect(appHelp('bakery', 'bakes', [COMMAND], ['Ovens are hot.'])).toBe(`bakery: bakes

Usage: bakery COMMAND [options]

  bake  bakes bread

'bakery COMMAND --help' explains a command.

Ovens are hot.
`);
  });
});

test('options of a contract take a value unless they are named as flags', () => {
  const spec = {
    app: 'drift-checker',
    command: 'x',
    summary: '',
    options: { data: 'URI', 'fail-on-no': 'code' },
  } as const;
  expect(contractOptions(spec, ['fail-on-no'])).toEqual({
    data: { help: 'URI', value: 'DATA' },
    'fail-on-no': { help: 'code' },
  });
});
