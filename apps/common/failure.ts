import { EXIT_CODES } from 'cdk8s-mlops/contract';

/**
 * Something that a person can mend: the message says what is wrong, where, what was got and expected, and the fix. Its exit
 * code is the contract's; a stack trace would only hide the message.
 */
export class Failure extends Error {
  /** The call, its files or its data are wrong: trying again changes nothing. */
  public static configuration(...problems: readonly string[]): Failure {
    return new Failure(EXIT_CODES.configuration, problems);
  }

  /** Something that is talked to did not answer or refused: trying again may help. */
  public static unreachable(...problems: readonly string[]): Failure {
    return new Failure(EXIT_CODES.unreachable, problems);
  }

  private constructor(
    public readonly exitCode: number,
    public readonly problems: readonly string[],
  ) {
    super(
      problems.length === 1
        ? problems[0]
        : `${problems.length} problems:\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
    this.name = 'Failure';
  }
}

/** The message of whatever was thrown: values that are not errors, and aggregates without a message of their own, too. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  if (typeof error === 'object' && error !== null && 'message' in error) {
    const { message, cause } = error as { message: unknown; cause?: unknown };
    return cause === undefined ? String(message) : `${String(message)} (${messageOf(cause)})`;
  }
  return String(error);
}
