import { type Duration } from 'cdk8s';
import { type IConstruct } from 'constructs';
import { durationProblem } from './durations';

/** Bad input: every problem at once, with the place they are in. */
export class ValidationError extends Error {
  /** What is wrong, one sentence each. */
  public readonly problems: readonly string[];

  /** The construct path or the name of the thing that is wrong. */
  public readonly subject: string;

  constructor(subject: string, problems: readonly string[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(`${subject} has ${count}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ValidationError';
    this.subject = subject;
    this.problems = [...problems];
  }
}

/** A value as it is shown in an error; a password within an address is not. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.replace(/\/\/[^\s/:@]+:[^\s/@]+@/g, '//***:***@')}'`;
  // JSON has no NaN, no infinities and no big integers.
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** Collects problems so that all of them are reported in one error. */
export class Problems {
  /** Problems of a construct, named by its path. */
  public static of(construct: IConstruct): Problems {
    return new Problems(`${construct.constructor.name} '${construct.node.path}'`);
  }

  private readonly found: string[] = [];

  constructor(private readonly subject: string) {}

  /** `'prop' (value) expectation`, for example `'schedule' ('x') must be ...`. */
  public add(prop: string, value: unknown, expectation: string): void {
    this.found.push(`'${prop}' (${shown(value)}) ${expectation}`);
  }

  /** A problem that no single value shows. */
  public addText(problem: string): void {
    this.found.push(problem);
  }

  /** Takes over what a check of one value found: undefined when it is fine. */
  public check(prop: string, value: unknown, expectation: string | undefined): void {
    if (expectation !== undefined) this.add(prop, value, expectation);
  }

  /** A duration that is rendered in whole seconds; undefined is fine. */
  public checkDuration(prop: string, duration: Duration | undefined, atLeastSeconds: number): void {
    if (duration) this.check(prop, duration.toHumanString(), durationProblem(duration, atLeastSeconds));
  }

  /** @throws ValidationError when anything was added. */
  public throwIfAny(): void {
    if (this.found.length > 0) throw new ValidationError(this.subject, this.found);
  }
}
