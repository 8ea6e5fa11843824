import { LOOP_KEYS } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type AdmittedRun } from './recent-runs';

/** What keeps a loop from running wild. */
export interface LoopLimits {
  readonly paused: boolean;
  readonly cooldownSeconds: number;
  readonly maxRunsPerDay: number;
}

/** Whether a run may go on, and why. */
export interface Admission {
  readonly admitted: boolean;
  readonly reason: string;
}

const DAY_SECONDS = 24 * 60 * 60;
/** Thirty years: above it a slip of the finger, and soon no date any more. */
const MAX_VALUE = 1e9;

/**
 * The limits in a ConfigMap's data.
 *
 * @throws Failure naming every value that is none: a switch that nobody understands must not be taken for "go on"
 */
export function parseLimits(data: Readonly<Record<string, string>>, name: string): LoopLimits {
  const problems: string[] = [];
  const whole = (key: string): number => {
    const text = data[key];
    if (text !== undefined && /^\d+$/.test(text.trim()) && Number(text) <= MAX_VALUE) return Number(text);
    problems.push(
      `'${key}' in the ConfigMap '${name}' must be a whole number of at most ${MAX_VALUE}, got ${text === undefined ? 'nothing' : `'${text}'`}`,
    );
    return 0;
  };
  const paused = data[LOOP_KEYS.paused]?.trim().toLowerCase() ?? 'false';
  if (paused !== 'true' && paused !== 'false') {
    problems.push(
      `'${LOOP_KEYS.paused}' in the ConfigMap '${name}' must be 'true' or 'false', got '${data[LOOP_KEYS.paused]}'`,
    );
  }
  const limits = {
    paused: paused === 'true',
    cooldownSeconds: whole(LOOP_KEYS.cooldownSeconds),
    maxRunsPerDay: whole(LOOP_KEYS.maxRunsPerDay),
  };
  if (problems.length > 0) throw Failure.configuration(...problems);
  return limits;
}

/** Decides by the limits and the runs that were admitted before. */
export function decideAdmission(limits: LoopLimits, runs: readonly AdmittedRun[], now: Date): Admission {
  if (limits.paused) return { admitted: false, reason: `the loop is paused ('${LOOP_KEYS.paused}' is true)` };
  // Clocks differ: what seems to start later started now.
  const age = ({ startedAt }: AdmittedRun): number => Math.max(0, now.getTime() - startedAt.getTime()) / 1000;
  const newestFirst = [...runs].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  const [last] = newestFirst;
  const describe = (run: AdmittedRun): string => `'${run.name}' started at ${run.startedAt.toISOString()}`;
  const working = newestFirst.find(({ underWay }) => underWay);
  if (working) return { admitted: false, reason: `${describe(working)} and is still under way` };
  // From its end on: a request that waited for a long run is as old as what that run was to mend.
  const touched = ({ startedAt, endedAt }: AdmittedRun): number => (endedAt ?? startedAt).getTime();
  const [latest] = [...runs].sort((a, b) => touched(b) - touched(a));
  if (latest && Math.max(0, now.getTime() - touched(latest)) / 1000 < limits.cooldownSeconds) {
    const until = new Date(touched(latest) + limits.cooldownSeconds * 1000).toISOString();
    const did = latest.endedAt ? `'${latest.name}' ended at ${latest.endedAt.toISOString()}` : describe(latest);
    const reason = `${did}, less than the cooldown of ${limits.cooldownSeconds} s ago: none before ${until}`;
    return { admitted: false, reason };
  }
  const today = newestFirst.filter((run) => age(run) < DAY_SECONDS);
  if (today.length >= limits.maxRunsPerDay) {
    // The limit may have been lowered since: so many must be older than a day that one less than the limit is left.
    const blocking = today[limits.maxRunsPerDay - 1];
    const until = blocking && new Date(blocking.startedAt.getTime() + DAY_SECONDS * 1000).toISOString();
    const reason = `${today.length} runs in 24 hours, ${limits.maxRunsPerDay} are allowed${until ? `: none before ${until}` : ''}`;
    return { admitted: false, reason };
  }
  const before = last ? `the last run, ${describe(last)}` : 'no run before';
  return { admitted: true, reason: `${before}; ${today.length} of ${limits.maxRunsPerDay} runs in 24 hours` };
}
