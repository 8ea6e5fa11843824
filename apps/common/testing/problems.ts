import { Failure } from '../failure';

/** What a call fails with: its problems and the exit code; fails when it does not fail, or with anything else. */
export async function failureOf(
  work: () => unknown,
): Promise<{ readonly exitCode: number; readonly problems: readonly string[] }> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Failure) return { exitCode: error.exitCode, problems: error.problems };
    throw error;
  }
  throw new Error('expected a Failure, got none');
}
