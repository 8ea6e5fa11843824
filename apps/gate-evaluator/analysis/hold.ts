import { setTimeout as sleep } from 'node:timers/promises';
import { type RolloutAnalysis } from 'cdk8s-mlops/contract';
import { type Analysis } from './analyze-candidate';

/** What time it is, and how it passes. */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The machine's own, which no change of the time of day moves. */
export const CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
};

/** What an analysis came to, and what it took. */
export interface Held {
  readonly analysis: Analysis;
  readonly attempts: number;
  readonly seconds: number;
}

/** Options of {@link holdUntilJudged}. */
export interface HoldOptions extends Pick<RolloutAnalysis, 'intervalSeconds' | 'holdSeconds'> {
  readonly signal: AbortSignal;
  /** Told of every attempt that came to nothing, with the seconds until the next one. */
  readonly onInconclusive?: (analysis: Analysis, nextIn: number) => unknown;
  /** @default CLOCK */
  readonly clock?: Clock;
}

/** Analyzes until there is an answer, or the time to wait for one is over; the last attempt is made when it is. */
export async function holdUntilJudged(analyze: () => Promise<Analysis>, options: HoldOptions): Promise<Held> {
  const { intervalSeconds, holdSeconds, signal, onInconclusive, clock = CLOCK } = options;
  const begin = clock.now();
  for (let attempts = 1; ; attempts++) {
    signal.throwIfAborted();
    const analysis = await analyze();
    const seconds = (clock.now() - begin) / 1000;
    if (analysis.verdict !== 'inconclusive' || seconds >= holdSeconds) return { analysis, attempts, seconds };
    const next = Math.min(intervalSeconds, holdSeconds - seconds);
    await onInconclusive?.(analysis, next);
    await clock.sleep(next * 1000, signal);
  }
}
