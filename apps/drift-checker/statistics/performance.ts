import { requireNonNegative } from '../../common/statistics/checks';
import { wilsonInterval, type Interval } from './intervals';

/** Counts of a binary classifier's outcomes. They may be fractional: expected counts of an estimated performance. */
export interface Confusion {
  readonly truePositive: number;
  readonly falsePositive: number;
  readonly falseNegative: number;
  readonly trueNegative: number;
}

/** The labels of all records that share one score. */
export interface ScoreGroup {
  readonly positives: number;
  readonly negatives: number;
}

/**
 * TP / (TP + FP), undefined when nothing was predicted positive. Source: `sklearn.metrics.precision_score`.
 *
 * @throws RangeError when a count is negative or not finite
 */
export function precision(confusion: Confusion): number | undefined {
  requireCounts(confusion);
  return ratio(confusion.truePositive, confusion.truePositive + confusion.falsePositive);
}

/**
 * TP / (TP + FN), undefined when nothing was positive. Source: `sklearn.metrics.recall_score`.
 *
 * @throws RangeError when a count is negative or not finite
 */
export function recall(confusion: Confusion): number | undefined {
  requireCounts(confusion);
  return ratio(confusion.truePositive, confusion.truePositive + confusion.falseNegative);
}

/**
 * 2 TP / (2 TP + FP + FN), undefined when nothing was positive nor predicted so. Source: `sklearn.metrics.f1_score`.
 *
 * @throws RangeError when a count is negative or not finite
 */
export function f1(confusion: Confusion): number | undefined {
  requireCounts(confusion);
  const { truePositive, falsePositive, falseNegative } = confusion;
  return ratio(2 * truePositive, 2 * truePositive + falsePositive + falseNegative);
}

/**
 * (TP + TN) / all, undefined when there is nothing. Source: `sklearn.metrics.accuracy_score`.
 *
 * @throws RangeError when a count is negative or not finite
 */
export function accuracy(confusion: Confusion): number | undefined {
  requireCounts(confusion);
  const { truePositive, falsePositive, falseNegative, trueNegative } = confusion;
  const right = truePositive + trueNegative;
  return ratio(right, right + falsePositive + falseNegative);
}

/**
 * Confidence interval of F1, undefined where F1 is. F1 = 2J / (1 + J) rises with J = TP / (TP + FP + FN), a proportion;
 * so Wilson's interval of J maps to one of F1.
 *
 * Source: the "Wilson indirect" method of K. F. Y. Lam, V. Gopal and J. Qian, "Confidence intervals for the F1 score: a
 * comparison of four methods", arXiv:2309.14621, 2023.
 *
 * @throws RangeError when a count is negative or not finite, or confidence not between 0 and 1
 */
export function f1Interval(confusion: Confusion, confidence: number): Interval | undefined {
  requireCounts(confusion);
  const { truePositive, falsePositive, falseNegative } = confusion;
  const trials = truePositive + falsePositive + falseNegative;
  if (trials === 0) return undefined;
  const jaccard = wilsonInterval(truePositive, trials, confidence);
  return { low: f1OfJaccard(jaccard.low), high: f1OfJaccard(jaccard.high) };
}

/**
 * Area under the ROC curve: the probability that a positive scores above a negative, ties counting one half. Undefined
 * when either class is absent.
 *
 * Source: Mann-Whitney U / (positives negatives); `sklearn.metrics.roc_auc_score`.
 *
 * @param groups one for each distinct score, in ascending order of score; the weights may be fractional
 * @throws RangeError when a count is negative or not finite
 */
export function areaUnderRoc(groups: Iterable<ScoreGroup>): number | undefined {
  let won = 0;
  let allPositives = 0;
  let negativesBelow = 0;
  for (const { positives, negatives } of groups) {
    requireNonNegative('positives of a group', positives);
    requireNonNegative('negatives of a group', negatives);
    won += positives * (negativesBelow + negatives / 2);
    allPositives += positives;
    negativesBelow += negatives;
  }
  return ratio(won, allPositives * negativesBelow);
}

function ratio(numerator: number, denominator: number): number | undefined {
  return denominator === 0 ? undefined : numerator / denominator;
}

function f1OfJaccard(jaccard: number): number {
  return (2 * jaccard) / (1 + jaccard);
}

function requireCounts(confusion: Confusion): void {
  requireNonNegative('truePositive', confusion.truePositive);
  requireNonNegative('falsePositive', confusion.falsePositive);
  requireNonNegative('falseNegative', confusion.falseNegative);
  requireNonNegative('trueNegative', confusion.trueNegative);
}
