import { type Problems } from '../validation/problems';
import { type Condition, type RatioCondition, type ThresholdCondition } from './alert-condition';
import { expressionProblems, histogramProblem, labelProblem, seriesProblem, thresholdProblem } from './known-series';

/** Reports everything that is wrong with a condition. */
export function checkCondition(condition: Condition, problems: Problems): void {
  if (condition.kind === 'promql') {
    if (condition.expr.trim() === '') problems.add('expr', condition.expr, 'must not be empty');
    for (const problem of expressionProblems(condition.expr)) problems.add('expr', condition.expr, problem);
    return;
  }
  const { metric } = condition;
  problems.check('metric', metric, condition.kind === 'quantile' ? histogramProblem(metric) : seriesProblem(metric));
  if (condition.kind === 'age') {
    problems.checkDuration('maxAge', condition.maxAge, 1);
    return;
  }
  const { threshold } = condition;
  if (!Number.isFinite(threshold)) problems.add('threshold', threshold, 'must be a finite number');
  if (condition.kind === 'ratio') {
    if (threshold < 0) problems.add('threshold', threshold, 'must be at least 0: a share is never less');
    checkRatio(condition, problems);
    return;
  }
  const isRate = condition.kind === 'threshold' && condition.rateOver !== undefined;
  problems.check('threshold', threshold, thresholdProblem(metric, threshold, isRate));
  if (condition.kind === 'quantile') {
    const { quantile, over } = condition;
    if (!(quantile > 0 && quantile < 1)) problems.add('quantile', quantile, 'must be between 0 and 1');
    problems.checkDuration('over', over, 1);
    return;
  }
  problems.checkDuration('rateOver', condition.rateOver, 1);
  checkLabels(condition, problems);
}

function checkRatio({ of, rateOver, minCount }: RatioCondition, problems: Problems): void {
  problems.check('of', of, seriesProblem(of));
  problems.checkDuration('rateOver', rateOver, 1);
  if (minCount === undefined) return;
  if (!(Number.isFinite(minCount) && minCount > 0)) problems.add('minCount', minCount, 'must be a number above 0');
  if (!rateOver) problems.add('minCount', minCount, "has no effect without 'rateOver'");
}

function checkLabels({ metric, where = {}, whereAnyOf = {} }: ThresholdCondition, problems: Problems): void {
  const labels: [string, string, unknown][] = [
    ...Object.entries(where).map(([label, value]): [string, string, unknown] => ['where', label, value]),
    ...Object.entries(whereAnyOf).map(([label, values]): [string, string, unknown] => ['whereAnyOf', label, values]),
  ];
  for (const [prop, label, value] of labels) {
    if (label === 'model' || label === 'namespace') {
      problems.add(`${prop}.${label}`, value, 'is set by whoever watches the model: leave it out');
      continue;
    }
    problems.check(`${prop}.${label}`, value, labelProblem(metric, label));
  }
  for (const [label, values] of Object.entries(whereAnyOf)) {
    if (values.length === 0) problems.add(`whereAnyOf.${label}`, values, 'must name at least one value');
    if (label in where) problems.add(`whereAnyOf.${label}`, values, "stands under 'where' too: keep one");
  }
}
