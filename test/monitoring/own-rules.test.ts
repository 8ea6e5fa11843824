import {
  AlertComparison,
  AlertRule,
  AlertSeverity,
  Capture,
  DriftAlerting,
  type DriftAlertingProps,
  type Model,
  ModelSource,
  ModelTask,
  QualityGates,
  RolloutStrategy,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
  TrainingEngine,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { METRICS, type MetricSpec } from 'cdk8s-mlops/contract';
import { newChart, newModel, newPlatform, problemsOf } from '../support/synth';

const TEXTS = { severity: AlertSeverity.WARNING, summary: 'something is wrong', description: 'look at it' };
const REGRESSION = newModel({ task: ModelTask.regression() });
const MULTICLASS = newModel({ task: ModelTask.multiclassClassification(['a', 'b', 'c']) });

interface Options {
  readonly model?: Model;
  readonly captured?: boolean;
  readonly engine?: TrainingEngine;
  readonly rollout?: RolloutStrategy;
}

function watch(props: Partial<DriftAlertingProps>, options: Options = {}): DriftAlerting {
  const { model = newModel(), captured = true, engine, rollout } = options;
  const chart = newChart();
  const platform = newPlatform(chart, { storageInitializer: StorageInitializer.restricted() });
  const servedModel = new ServedModel(chart, 'serving', {
    ...{ platform, model, rollout, capture: captured ? undefined : Capture.off() },
    ...{ source: ModelSource.uri('s3://acme-models/churn/v1'), runtime: ServingRuntime.sklearn() },
  });
  const retrains =
    engine &&
    new TrainingPipeline(chart, 'training', {
      ...{ platform, model, engine, schedule: '0 2 * * 0', trainingDataUri: 's3://acme/data' },
      workspace: Workspace.objectStore('s3://acme/runs'),
      gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
      steps: { train: { image: 'train:1', command: ['train'] } },
    });
  const log = captured ? {} : { predictionLogUri: 's3://acme/predictions' };
  return new DriftAlerting(chart, 'drift', { servedModel, retrains, ...log, ...props });
}

const on = ({ name }: MetricSpec, alert = 'Mine'): AlertRule =>
  AlertRule.threshold({ ...TEXTS, alert, metric: name, comparison: AlertComparison.ABOVE, threshold: 0 });

test.each<[string, MetricSpec, Options, Partial<DriftAlertingProps>, string]>([
  ['captured', METRICS.predictions, { captured: false }, {}, 'serve the model with Capture.on()'],
  ['recorded', METRICS.dataPsi, {}, {}, "set 'recordingRules'"],
  ['of a classification', METRICS.accuracy, { model: REGRESSION }, {}, 'a regression has mae and rmse'],
  ['of a regression', METRICS.mae, {}, {}, 'a classification has accuracy, precision and recall'],
  ['of two classes', METRICS.auc, { model: MULTICLASS }, {}, 'only a binary classification has it'],
  ['of gates', METRICS.gatePassed, {}, {}, "name the training under 'retrains'"],
  [
    ...(['of workflows', METRICS.trainingRunsInVain, { engine: TrainingEngine.cronJob() }, {}] as const),
    "'retrains' must be a training on Argo",
  ],
  ['of roll-outs', METRICS.rolloutInconclusive, {}, {}, "serve the model with a 'rollout'"],
])('a metric that is only %s is exported by nothing elsewhere', (_, metric, options, props, fix) => {
  expect(problemsOf(() => watch({ rules: [on(metric)], ...props }, options))).toEqual([
    `'rules.Mine' ('${metric.name}') is exported by nothing for this model: ${fix}`,
  ]);
});

test('requests may be counted by a gateway, where nothing is captured', () => {
  expect(watch({ rules: [on(METRICS.inferenceRequests)] }, { captured: false }).rules.at(-1)!.alert).toBe('Mine');
});

test('where they are exported all of them are taken', () => {
  const all = [METRICS.predictions, METRICS.dataPsi, METRICS.accuracy, METRICS.auc, METRICS.gatePassed];
  const loop = [METRICS.trainingRunsInVain, METRICS.rolloutInconclusive, METRICS.driftedFeatures];
  const rules = [...all, ...loop].map((metric, index) => on(metric, `Mine${index}`));
  const options = { engine: TrainingEngine.argo(), rollout: RolloutStrategy.rolling() };
  const names = watch({ rules, recordingRules: true }, options).rules.map(({ alert }) => alert);
  expect(names.slice(-8)).toEqual(rules.map(({ alert }) => alert));
  const regression = watch({ rules: [on(METRICS.rmse)] }, { model: REGRESSION });
  expect(regression.rules.at(-1)!.alert).toBe('Mine');
});

test('both metrics of a share are looked at, and everything is said at once', () => {
  const share = AlertRule.ratio({
    ...{ ...TEXTS, alert: 'FewLeave', comparison: AlertComparison.BELOW, threshold: 0.5 },
    ...{ metric: METRICS.predictionClass.name, of: METRICS.predictions.name },
  });
  const build = (): unknown =>
    watch({ rules: [share, on(METRICS.gatePassed), on(METRICS.mae)], driftThreshold: 0 }, { captured: false });
  expect(build).toThrow("DriftAlerting 'test/drift' has 6 problems:");
  expect(problemsOf(build)).toEqual([
    "'driftThreshold' (0) must be a number above 0",
    "'rules' ('Mine') is the name of two rules: every alert has a name of its own",
    "'rules.FewLeave' ('ml_prediction_class_total') is exported by nothing for this model: serve the model with Capture.on()",
    "'rules.FewLeave' ('ml_predictions_total') is exported by nothing for this model: serve the model with Capture.on()",
    "'rules.Mine' ('ml_gate_passed') is exported by nothing for this model: name the training under 'retrains'",
    "'rules.Mine' ('ml_model_mae') is exported by nothing for this model: a classification has accuracy, precision and recall",
  ]);
});
