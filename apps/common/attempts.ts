import { EXIT_CODES } from 'cdk8s-mlops/contract';
import { Failure, messageOf } from './failure';

/** Things that do not need each other: a report that cannot be kept must not keep a training from being started. */
export class Attempts {
  private readonly failures: unknown[] = [];

  /** @returns undefined when it failed, which is thrown when all have been made */
  public async make<T>(work: () => Promise<T>): Promise<T | undefined> {
    return work().catch((error: unknown) => {
      this.failures.push(error);
      return undefined;
    });
  }

  public throwIfAny(): void {
    const unexpected = this.failures.find((error) => !(error instanceof Failure));
    if (unexpected !== undefined) throw new Error(messageOf(unexpected), { cause: unexpected });
    const failures = this.failures.filter((error): error is Failure => error instanceof Failure);
    if (failures.length === 0) return;
    const problems = [...new Set(failures.flatMap((failure) => failure.problems))];
    const passing = failures.every(({ exitCode }) => exitCode === EXIT_CODES.unreachable);
    throw passing ? Failure.unreachable(...problems) : Failure.configuration(...problems);
  }
}
