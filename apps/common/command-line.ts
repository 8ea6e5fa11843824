import { parseArgs } from 'node:util';
import { type CommandSpec, suggest } from 'cdk8s-mlops/contract';
import { Failure } from './failure';

/** One option of a command. */
export interface Option {
  /** What it does, one line. */
  readonly help: string;
  /** What stands for its value in the help; a flag takes none. */
  readonly value?: string;
  /** May be given more than once. */
  readonly repeatable?: boolean;
  readonly required?: boolean;
  /** An empty value is the same as none: engines put parameters that may be empty into their calls. */
  readonly mayBeEmpty?: boolean;
  /** Shown in the help. */
  readonly default?: string;
}

/** One command of a container. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Meaning of the arguments that are not options; a command without it takes none. */
  readonly positionals?: string;
  /** What a first-time user wants to see. */
  readonly examples: readonly string[];
}

/** A parsed call. */
export interface Call {
  readonly positionals: readonly string[];
  text(option: string): string | undefined;
  texts(option: string): readonly string[];
  flag(option: string): boolean;
  /** @throws Failure when the text is not a number within the bounds. */
  number(
    option: string,
    bounds?: { readonly min?: number; readonly max?: number; readonly integer?: boolean },
  ): number | undefined;
}

/** The options of a contract's command, so that what constructs render and what the container takes is one table. */
export function contractOptions(
  spec: CommandSpec,
  flags: readonly string[] = [],
  required: readonly string[] = [],
  mayBeEmpty: readonly string[] = [],
): Record<string, Option> {
  return Object.fromEntries(
    Object.entries(spec.options).map(([name, help]) => [
      name,
      flags.includes(name)
        ? { help }
        : {
            ...{ help, value: name.toUpperCase() },
            ...(required.includes(name) && { required: true }),
            ...(mayBeEmpty.includes(name) && { mayBeEmpty: true }),
          },
    ]),
  );
}

/** @throws Failure naming every unknown, incomplete, repeated or missing option. */
export function parseCall(command: Command, args: readonly string[]): Call {
  const options = Object.entries(command.options);
  const { tokens } = parseArgs({
    args: args.map((arg, index) => (lacksValue(command, arg, args[index + 1]) ? `${arg}=` : arg)),
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      options.map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }]),
    ),
  });
  const problems: string[] = [];
  const given = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(command.options, token.name) ? command.options[token.name] : undefined;
    const problem = optionProblem(token, option, command, given.has(token.name));
    if (problem) problems.push(problem);
    else if (token.value !== '') given.set(token.name, [...(given.get(token.name) ?? []), token.value ?? '']);
  }
  for (const [name, { required }] of options) {
    if (required && !given.has(name)) problems.push(`--${name} is missing: ${command.options[name]?.help}`);
  }
  if (positionals.length > 0 && command.positionals === undefined) {
    problems.push(
      `${positionals.map((each) => `'${each}'`).join(', ')} is not an option of '${command.name}': options begin with --`,
    );
  }
  if (problems.length > 0) {
    throw Failure.configuration(...problems.map((problem) => `${problem} ('${command.name} --help' lists all)`));
  }
  return {
    positionals,
    text: (option) => given.get(option)?.at(-1),
    texts: (option) => given.get(option) ?? [],
    flag: (option) => given.has(option),
    number: (option, bounds) => numberOption(option, given.get(option)?.at(-1), bounds),
  };
}

/** An option in the place of a value is not that value: `--option=--text` says it when it is. */
function lacksValue({ options }: Command, arg: string, next: string | undefined): boolean {
  const name = arg.startsWith('--') ? arg.slice(2) : '';
  const takesValue = Object.hasOwn(options, name) && options[name]?.value !== undefined;
  return takesValue && (next?.startsWith('--') ?? true);
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
}

function optionProblem(
  token: OptionToken,
  option: Option | undefined,
  command: Command,
  again: boolean,
): string | undefined {
  if (!option) {
    const near = suggest(token.name, Object.keys(command.options));
    return `${token.rawName} is not an option of '${command.name}'${near ? `; did you mean --${near}?` : ''}`;
  }
  if (option.value === undefined && token.value !== undefined)
    return `--${token.name} takes no value, got '${token.value}'`;
  const { mayBeEmpty = false } = option;
  if (option.value !== undefined && (token.value === undefined || (token.value === '' && !mayBeEmpty)))
    return `--${token.name} needs a value`;
  if (again && !option.repeatable) return `--${token.name} is given more than once`;
  return undefined;
}

function numberOption(
  option: string,
  text: string | undefined,
  bounds: { readonly min?: number; readonly max?: number; readonly integer?: boolean } = {},
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  const { min = -Infinity, max = Infinity, integer = false } = bounds;
  const fits =
    text.trim() !== '' &&
    Number.isFinite(value) &&
    value >= min &&
    value <= max &&
    (!integer || Number.isInteger(value));
  if (fits) return value;
  const limits = [min > -Infinity ? `at least ${min}` : '', max < Infinity ? `at most ${max}` : '']
    .filter(Boolean)
    .join(' and ');
  throw Failure.configuration(
    `--${option} must be ${integer ? 'a whole number' : 'a number'}${limits ? ` of ${limits}` : ''}, got '${text}'`,
  );
}

/** The help of one command. */
export function commandHelp(app: string, command: Command): string {
  const rows = Object.entries(command.options).map(([name, option]): [string, string] => {
    const left = `--${name}${option.value === undefined ? '' : ` ${option.value}`}`;
    const notes = [
      option.required && 'required',
      option.repeatable && 'repeatable',
      option.default && `default ${option.default}`,
    ];
    const note = notes.filter(Boolean).join(', ');
    return [left, `${option.help}${note ? ` (${note})` : ''}`];
  });
  const width = Math.max(...rows.map(([left]) => left.length), 6);
  return [
    `${app} ${command.name}: ${command.summary}`,
    '',
    `Usage: ${app} ${command.name} [options]${command.positionals ? ` ${command.positionals}` : ''}`,
    '',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

/** The help of a container: its commands. */
export function appHelp(app: string, summary: string, commands: readonly Command[], notes: readonly string[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    `${app}: ${summary}`,
    '',
    `Usage: ${app} COMMAND [options]`,
    '',
    ...commands.map(({ name, summary: about }) => `  ${name.padEnd(width)}  ${about}`),
    '',
    `'${app} COMMAND --help' explains a command.`,
    '',
    ...notes,
    '',
  ].join('\n');
}
