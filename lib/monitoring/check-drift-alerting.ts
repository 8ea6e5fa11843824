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
  if (schedule !== undefined) problems.check('schedule', schedule, cronProblem(schedule));
  if (timeZone !== undefined) problems.check('timeZone', timeZone, timeZoneProblem(timeZone));
  if (driftThreshold !== undefined && !(driftThreshold > 0 && Number.isFinite(driftThreshold))) {
    problems.add('driftThreshold', driftThreshold, 'must be a number above 0');
  }
  if (driftedShare !== undefined && !(driftedShare >= 0 && driftedShare < 1)) {
    problems.add('driftedShare', driftedShare, 'must be at least 0 and below 1');
  }
  for (const [name, value] of Object.entries({ consecutiveWindows, minPredictions })) {
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
  checkRetraining(props, problems);
  checkRuleNames(props, problems);
}

function checkRetraining({ retrains, servedModel, minPredictions }: DriftAlertingProps, problems: Problems): void {
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
