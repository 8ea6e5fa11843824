import { judgedColumns, SAMPLE_STATISTICS, suggest } from '../contract';
import { FeatureRecording } from '../model/feature';
import { cronProblem, timeZoneProblem } from '../validation/cron';
import { dnsSubdomainProblem } from '../validation/names';
import { type Problems } from '../validation/problems';
import { httpUrlProblem, objectStoreUriProblem } from '../validation/uri';
import { checkExported } from './check-exported';
import { checkRetrainTrigger } from './check-retrain-trigger';
import { checkRules } from './check-rules';
import { type DriftAlertingProps } from './drift-alerting';
import { checksCapturedLog } from './drift-check-configuration';

/** Whether labels can come after their predictions: the model has a delay, and there is a place that they come to. */
export function labelsCanCome(props: DriftAlertingProps): boolean {
  const place = checksCapturedLog(props) || props.labelsUri !== undefined;
  return place && props.servedModel.model.labelDelay !== undefined;
}

/** Reports everything that is wrong with the props of a drift alerting. */
export function checkDriftAlerting(props: DriftAlertingProps, problems: Problems): void {
  const { schedule, timeZone, driftThreshold, driftedShare, consecutiveWindows, minPredictions } = props;
  const { predictionLogUri, labelsUri, reportsUri } = props;
  for (const [name, uri] of Object.entries({ predictionLogUri, labelsUri, reportsUri })) {
    if (uri !== undefined) problems.check(name, uri, objectStoreUriProblem(uri));
  }
  if (predictionLogUri === undefined && props.servedModel.predictionLogUri === undefined) {
    problems.addText(
      "'predictionLogUri' must be given, because the served model captures nothing: name a log that somebody else writes, " +
        'or serve it with Capture.on()',
    );
  }
  if (schedule !== undefined) problems.check('schedule', schedule, cronProblem(schedule));
  checkPerformanceSchedule(props, problems);
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
  const { runbooksUrl } = props;
  if (runbooksUrl !== undefined) problems.check('runbooksUrl', runbooksUrl, httpUrlProblem(runbooksUrl));
  if (props.recordingRules && props.servedModel.captureUrl === undefined) {
    problems.add('recordingRules', true, 'has no effect where nothing is captured: serve the model with Capture.on()');
  }
  for (const name of props.imagePullSecrets ?? []) problems.check('imagePullSecrets', name, dnsSubdomainProblem(name));
  checkStatistics(props, problems);
  checkRetraining(props, problems);
  checkRetrainTrigger(props, problems);
  checkRules(props.rules ?? [], problems);
  checkExported(props.rules ?? [], props, problems);
}

function checkPerformanceSchedule(props: DriftAlertingProps, problems: Problems): void {
  const { performanceSchedule } = props;
  if (performanceSchedule === undefined) return;
  problems.check('performanceSchedule', performanceSchedule, cronProblem(performanceSchedule));
  if (!labelsCanCome(props)) {
    const needs = "the model needs a 'labelDelay', and labels a capture or a 'labelsUri'";
    problems.add('performanceSchedule', performanceSchedule, `has no effect where labels cannot come: ${needs}`);
  }
}

function checkStatistics(props: DriftAlertingProps, problems: Problems): void {
  const { statistics = {}, servedModel } = props;
  const { schema } = servedModel.model;
  // Who writes another log decides what is in it.
  const recordings = checksCapturedLog(props) ? schema.features : [];
  const recorded = new Map<string, string | undefined>(recordings.map((feature) => [feature.name, feature.recorded]));
  const types = judgedColumns(schema);
  for (const [name, { statistic, threshold }] of Object.entries(statistics)) {
    const prop = `statistics.${name}`;
    const ofSamples = SAMPLE_STATISTICS.includes(statistic);
    const type = types.get(name);
    if (type === undefined) {
      const near = suggest(name, [...types.keys()]);
      problems.add(prop, statistic, `must name a feature of the model${near ? `; did you mean '${near}'?` : ''}`);
    } else if (type === 'categorical' && ofSamples) {
      problems.add(prop, statistic, `needs a numeric feature, '${name}' is categorical`);
    }
    const recording = recorded.get(name);
    if (recording === FeatureRecording.HASHED || recording === FeatureRecording.DROPPED) {
      problems.add(prop, statistic, `has no values to compare: '${name}' is recorded ${recording}`);
    } else if (recording === FeatureRecording.BUCKETED && ofSamples) {
      problems.add(prop, statistic, `needs the values themselves: '${name}' is recorded ${recording}`);
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
