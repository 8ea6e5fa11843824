import { type Duration } from 'cdk8s';

/** What is wrong with a duration that is rendered in whole seconds, or undefined. */
export function durationProblem(duration: Duration, atLeastSeconds: number): string | undefined {
  const seconds = duration.toSeconds({ integral: false });
  if (seconds < atLeastSeconds) {
    return atLeastSeconds === 0 ? 'must not be negative' : `must be at least ${spoken(atLeastSeconds)}`;
  }
  return seconds % 1 === 0 ? undefined : 'must be whole seconds';
}

function spoken(seconds: number): string {
  if (seconds === 60) return 'a minute';
  return seconds === 1 ? 'a second' : `${seconds} seconds`;
}
