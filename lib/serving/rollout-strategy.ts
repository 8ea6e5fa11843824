import { Duration } from 'cdk8s';
import { Problems } from '../validation/problems';
import { type RolloutAnalysisOptions } from './rollout-analysis';

/** Options that every strategy has. */
export interface RolloutOptions {
  /**
   * What a candidate has to reach on live traffic.
   *
   * @default - the model's objectives for errors and latency, answers much like those of the stable version, 300 or 1,000 requests
   */
  readonly analysis?: RolloutAnalysisOptions;

  /**
   * Annotations of the service account `<model>-rollout`, for example `eks.amazonaws.com/role-arn`: it reads the artifacts of versions in the
   * object store, and tags those that may expire.
   *
   * @default - none: EKS Pod Identity needs none
   */
  readonly serviceAccountAnnotations?: { readonly [key: string]: string };
}

/** Options of {@link RolloutStrategy.shadow}. */
export interface ShadowOptions extends RolloutOptions {
  /**
   * Percent of the requests that are copied to the candidate, from 1 to 100.
   *
   * @default 10
   */
  readonly percent?: number;

  /**
   * How long it is watched before it is judged.
   *
   * @default Duration.minutes(30)
   */
  readonly pause?: Duration;
}

/** One step of a canary. */
export interface CanaryStep {
  /** Percent of the requests that the candidate answers, from 1 to 100. */
  readonly weight: number;

  /**
   * How long it is watched before it is judged.
   *
   * @default Duration.minutes(10)
   */
  readonly pause?: Duration;
}

/** Options of {@link RolloutStrategy.canary}. */
export interface CanaryOptions extends RolloutOptions {
  /**
   * Steps with rising weights; the last one is 100.
   *
   * @default - 10, 30, 60 and 100 percent, ten minutes each
   */
  readonly steps?: readonly CanaryStep[];
}

/** Options of {@link RolloutStrategy.shadowThenCanary}. */
export interface ShadowThenCanaryOptions extends RolloutOptions {
  /**
   * The shadow that comes first.
   *
   * @default - 10 percent for 30 minutes
   */
  readonly shadow?: Pick<ShadowOptions, 'percent' | 'pause'>;

  /**
   * Steps of the canary that follows.
   *
   * @default - 10, 30, 60 and 100 percent, ten minutes each
   */
  readonly steps?: readonly CanaryStep[];
}

/** Options of {@link RolloutStrategy.blueGreen} and {@link RolloutStrategy.rolling}. */
export interface SwitchOptions extends RolloutOptions {
  /**
   * How long the new version is watched before it is judged.
   *
   * @default Duration.minutes(10)
   */
  readonly pause?: Duration;
}

/** The phases that a version goes through, in their order. @internal */
export interface RolloutPhases {
  readonly shadow?: Required<Pick<ShadowOptions, 'percent' | 'pause'>>;
  readonly canary?: readonly Required<CanaryStep>[];
  /** All traffic at once: to a second set of servers, or by replacing the pods of the first. */
  readonly switched?: { readonly how: 'blueGreen' | 'rolling'; readonly pause: Duration };
}

const DEFAULT_WEIGHTS: readonly CanaryStep[] = [{ weight: 10 }, { weight: 30 }, { weight: 60 }, { weight: 100 }];

/**
 * How a new version comes into production, said once: each engine does it in its own way, or the reason why it cannot is an error of the
 * synthesis. Whatever the strategy, a candidate that fails, or of which nothing can be said, is taken back. Immutable data.
 */
export class RolloutStrategy {
  /**
   * Copies requests to the candidate, whose answers are dropped, and makes it the stable version when it is judged well.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static shadow(options: ShadowOptions = {}): RolloutStrategy {
    return RolloutStrategy.of('shadow', { shadow: shadowOf(options) }, options);
  }

  /**
   * Gives the candidate a rising share of the requests, judged at each step.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static canary(options: CanaryOptions = {}): RolloutStrategy {
    return RolloutStrategy.of('canary', { canary: stepsOf(options.steps) }, options);
  }

  /**
   * A shadow, and a canary of what passed it: nobody gets an answer of a version that has not answered live requests before.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static shadowThenCanary(options: ShadowThenCanaryOptions = {}): RolloutStrategy {
    const phases = { shadow: shadowOf(options.shadow ?? {}), canary: stepsOf(options.steps) };
    return RolloutStrategy.of('shadowThenCanary', phases, options);
  }

  /**
   * Brings up as many servers of the new version, switches all requests to them at once, and keeps the old ones until it is judged.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static blueGreen(options: SwitchOptions = {}): RolloutStrategy {
    return RolloutStrategy.of('blueGreen', { switched: switchOf('blueGreen', options) }, options);
  }

  /**
   * Replaces the servers one after the other, and judges the new version when it has all requests.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static rolling(options: SwitchOptions = {}): RolloutStrategy {
    return RolloutStrategy.of('rolling', { switched: switchOf('rolling', options) }, options);
  }

  private static of(name: string, phases: RolloutPhases, options: RolloutOptions): RolloutStrategy {
    const problems = new Problems(`RolloutStrategy.${name}`);
    checkPhases(phases, problems);
    problems.throwIfAny();
    return new RolloutStrategy(name, phases, { ...options.analysis }, { ...options.serviceAccountAnnotations });
  }

  private constructor(
    /** Name of the strategy, as errors say it. */
    public readonly name: string,
    /** @internal */
    public readonly _phases: RolloutPhases,
    /** @internal */
    public readonly _analysis: RolloutAnalysisOptions,
    /** @internal */
    public readonly _serviceAccountAnnotations: Readonly<Record<string, string>>,
  ) {}
}

function shadowOf({ percent = 10, pause = Duration.minutes(30) }: ShadowOptions): NonNullable<RolloutPhases['shadow']> {
  return { percent, pause };
}

function stepsOf(steps: readonly CanaryStep[] = DEFAULT_WEIGHTS): Required<CanaryStep>[] {
  return steps.map(({ weight, pause = Duration.minutes(10) }) => ({ weight, pause }));
}

function switchOf(
  how: 'blueGreen' | 'rolling',
  { pause = Duration.minutes(10) }: SwitchOptions,
): NonNullable<RolloutPhases['switched']> {
  return { how, pause };
}

const isPercent = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 100;
const PERCENT = 'must be a whole number from 1 to 100';

function checkPhases({ shadow, canary, switched }: RolloutPhases, problems: Problems): void {
  if (shadow) {
    if (!isPercent(shadow.percent)) problems.add('shadow.percent', shadow.percent, PERCENT);
    problems.checkDuration('shadow.pause', shadow.pause, 1);
  }
  if (switched) problems.checkDuration('pause', switched.pause, 1);
  canary?.forEach(({ weight, pause }, index) => {
    const before = canary[index - 1]?.weight ?? 0;
    if (!isPercent(weight)) problems.add(`steps[${index}].weight`, weight, PERCENT);
    else if (weight <= before) {
      problems.add(`steps[${index}].weight`, weight, `must be above that of the step before, which is ${before}`);
    }
    problems.checkDuration(`steps[${index}].pause`, pause, 1);
  });
  const last = canary?.at(-1)?.weight;
  if (canary && last !== 100) {
    problems.addText(
      `'steps' must end with the weight 100, got ${last ?? 'none'}: a version is judged with all requests before it stays`,
    );
  }
}
