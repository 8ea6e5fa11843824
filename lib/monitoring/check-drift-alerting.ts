import { PREDICTION_LOG_COLUMNS, suggest } from '../contract';
import { cronProblem, timeZoneProblem } from '../validation/cron';
import { dnsSubdomainProblem } from '../validation/names';
import { type Problems } from '../validation/problems';
import { objectStoreUriProblem } from '../validation/uri';
import { DEFAULT_ALERTS } from './default-rules';
import { type DriftAlertingProps } from './drift-alerting';

/** Reports everything that is wrong with the props of a drift alerting. */
export function checkDriftAlerting(props: DriftAlertingProps, problems: Problems): void {
  const { schedule, timeZone, driftThreshold, driftedShare, consecutiveWindows, minPredictions } = props;
  problems.check('predictionLogUri', props.predictionLogUri, objectStoreUriProblem(props.predictionLogUri));
  for (const [name, uri] of Object.entries({ labelsUri: props.labelsUri, reportsUri: props.reportsUri })) {
    if (uri !== undefined) problems.check(name, uri, objectStoreUriProblem(uri));
  }
  if (schedule !== undefined) problems.check('schedule', schedule, cronProblem(schedule));
  if (timeZone !== undefined) problems.check('timeZone', timeZone, timeZoneProblem(timeZone));
  if (driftThreshold !== undefined && !(driftThreshold > 0 && Number.isFinite(driftThreshold))) {
    problems.add('driftThreshold', driftThreshold, 'must be a number above 0');
  }
  if (driftedShare !== undefined && !(driftedShare >= 0 && driftedShare < 1)) {
    problems.add('driftedShare', driftedShare, 'must be at least 0 and below 1');
  }
  for (const [name, value] of Object.entries({ consecutiveWindows, minPredictions, minLabels: props.minLabels })) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) {
      problems.add(name, value, 'must be a whole number from 1 on');
    }
  }
  for (const [name, duration] of Object.entries({ window: props.window, silentAfter: props.silentAfter })) {
    const hours = duration?.toHours({ integral: false });
    if (hours !== undefined && (hours < 1 || hours % 1 !== 0)) {
      problems.add(name, duration?.toHumanString(), 'must be whole hours, at least one');
    }
  }
  if (schedule !== undefined && props.silentAfter === undefined) {
    problems.add('schedule', schedule, "needs 'silentAfter': more than the longest time between two checks");
  }
  for (const name of props.imagePullSecrets ?? []) problems.check('imagePullSecrets', name, dnsSubdomainProblem(name));
  checkStatistics(props, problems);
  checkRetraining(props, problems);
  checkRuleNames(props, problems);
}

/** Statistics of samples need numbers to sort. */
const NUMERIC_ONLY: readonly string[] = ['kolmogorov-smirnov', 'wasserstein'];

function checkStatistics({ statistics = {}, servedModel }: DriftAlertingProps, problems: Problems): void {
  const { features, task } = servedModel.model.schema;
  const types = new Map<string, string>(features.map(({ name, type }) => [name, type]));
  types.set(PREDICTION_LOG_COLUMNS.prediction, task.type === 'regression' ? 'numeric' : 'categorical');
  types.set(PREDICTION_LOG_COLUMNS.predictionScore, 'numeric');
  for (const [name, { statistic, threshold }] of Object.entries(statistics)) {
    const prop = `statistics.${name}`;
    const type = types.get(name);
    if (type === undefined) {
      const near = suggest(name, [...types.keys()]);
      problems.add(prop, statistic, `must name a feature of the model${near ? `; did you mean '${near}'?` : ''}`);
    } else if (type === 'categorical' && NUMERIC_ONLY.includes(statistic)) {
      problems.add(prop, statistic, `needs a numeric feature, '${name}' is categorical`);
    }
    if (threshold !== undefined && !(threshold > 0 && Number.isFinite(threshold))) {
      problems.add(prop, threshold, 'must have a threshold above 0');
    }
  }
}

function checkRetraining(
  { retrains, servedModel, minPredictions, retrainsOnDegradedPerformance }: DriftAlertingProps,
  problems: Problems,
): void {
  if (retrainsOnDegradedPerformance && !retrains) {
    problems.add('retrainsOnDegradedPerformance', true, "has no effect without 'retrains'");
  }
  if (minPredictions !== undefined && !retrains) {
    problems.add('minPredictions', minPredictions, "has no effect without 'retrains'");
  }
  if (retrains && retrains.model.toSchemaJson() !== servedModel.model.toSchemaJson()) {
    const watched = servedModel.model.name;
    problems.add('retrains', retrains.model.name, `trains another model than the one that is watched, '${watched}'`);
  }
  if (retrains && retrains.platform !== servedModel.platform) {
    problems.add('retrains', retrains.platform.namespace, 'belongs to another platform than the served model');
  }
}

function checkRuleNames({ rules = [] }: DriftAlertingProps, problems: Problems): void {
  const names = [...DEFAULT_ALERTS, ...rules.map(({ alert }) => alert)];
  for (const name of new Set(names.filter((each, index) => names.indexOf(each) !== index))) {
    problems.add('rules', name, 'is the name of two rules: every alert has a name of its own');
  }
}
