import { type Duration } from 'cdk8s';
import { type ObjectivesSchema, type TaskType } from '../contract';
import { type Problems } from '../validation/problems';

/**
 * What a model must reach in production. Alert rules take their thresholds from here; latency and error rate are measured
 * where requests are captured.
 */
export interface ModelObjectives {
  /**
   * Lowest share of correct predictions, between 0 and 1 (classification).
   *
   * @default - no objective
   */
  readonly minAccuracy?: number;

  /**
   * Lowest share of positive predictions that are right, between 0 and 1 (classification).
   *
   * @default - no objective
   */
  readonly minPrecision?: number;

  /**
   * Lowest share of actual positives that are found, between 0 and 1 (classification).
   *
   * @default - no objective
   */
  readonly minRecall?: number;

  /**
   * Lowest harmonic mean of precision and recall, between 0 and 1 (classification).
   *
   * @default - no objective
   */
  readonly minF1?: number;

  /**
   * Lowest area under the ROC curve, between 0.5 (chance) and 1 (binary classification).
   *
   * @default - no objective
   */
  readonly minAuc?: number;

  /**
   * Highest mean absolute error, in the unit of the label (regression).
   *
   * @default - no objective
   */
  readonly maxMae?: number;

  /**
   * Highest root mean squared error, in the unit of the label (regression).
   *
   * @default - no objective
   */
  readonly maxRmse?: number;

  /**
   * Highest 95th percentile of the answer time.
   *
   * @default - no objective
   */
  readonly maxLatencyP95?: Duration;

  /**
   * Highest share of requests without an answer, between 0 and 1.
   *
   * @default - no objective
   */
  readonly maxErrorRate?: number;
}

type NumericObjective = Exclude<keyof ModelObjectives, 'maxLatencyP95'>;

interface Range {
  readonly tasks: readonly TaskType[];
  readonly valid: (value: number) => boolean;
  readonly expectation: string;
}

const CLASSIFICATION: readonly TaskType[] = ['binary-classification', 'multiclass-classification'];
const ALL: readonly TaskType[] = [...CLASSIFICATION, 'regression'];

const aRatio = { valid: (value: number) => value > 0 && value <= 1, expectation: 'must be above 0 and at most 1' };
const anError = { valid: (value: number) => value > 0, expectation: 'must be above 0' };

const RANGES: Readonly<Record<NumericObjective, Range>> = {
  minAccuracy: { tasks: CLASSIFICATION, ...aRatio },
  minPrecision: { tasks: CLASSIFICATION, ...aRatio },
  minRecall: { tasks: CLASSIFICATION, ...aRatio },
  minF1: { tasks: CLASSIFICATION, ...aRatio },
  minAuc: {
    tasks: ['binary-classification'],
    valid: (value) => value > 0.5 && value <= 1,
    expectation: 'must be above 0.5, which is chance, and at most 1',
  },
  maxMae: { tasks: ['regression'], ...anError },
  maxRmse: { tasks: ['regression'], ...anError },
  maxErrorRate: {
    tasks: ALL,
    valid: (value) => value >= 0 && value < 1,
    expectation: 'must be at least 0 and below 1',
  },
};

/** Reports objectives that are out of range or make no sense for the task. */
export function checkObjectives(objectives: ModelObjectives, task: TaskType, problems: Problems): void {
  for (const [name, range] of Object.entries(RANGES) as [NumericObjective, Range][]) {
    const value = objectives[name];
    if (value === undefined) continue;
    const prop = `objectives.${name}`;
    if (!range.tasks.includes(task)) problems.add(prop, value, `has no meaning for the task ${task}: leave it out`);
    else if (!Number.isFinite(value) || !range.valid(value)) problems.add(prop, value, range.expectation);
  }
  const latency = objectives.maxLatencyP95?.toMilliseconds({ integral: false });
  if (latency !== undefined && latency <= 0)
    problems.add('objectives.maxLatencyP95', latency, 'must be more than 0 ms');
}

/** The objectives as the schema file has them. */
export function objectivesSchema(objectives: ModelObjectives): ObjectivesSchema {
  const { maxLatencyP95, ...ratios } = objectives;
  return { ...ratios, maxLatencyP95Seconds: maxLatencyP95?.toSeconds({ integral: false }) };
}
