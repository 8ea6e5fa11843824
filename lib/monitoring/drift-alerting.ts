import { Duration } from 'cdk8s';
import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { stringify } from 'yaml';
import { COMPONENTS, CONFIG_FILES, DRIFT_CHECK_DEFAULTS, LABELS } from '../contract';
import { PrometheusRule, type PrometheusRuleGroup } from '../crds/prometheus-operator';
import { type Model } from '../model/model';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { type ServedModel } from '../serving/served-model';
import { type TrainingPipeline } from '../training/training-pipeline';
import { Problems } from '../validation/problems';
import { DEFAULT_ALERTS } from './alert-names';
import { type AlertRule } from './alert-rule';
import { declareCheckAccess } from './check-access';
import { checkDriftAlerting, labelsCanCome } from './check-drift-alerting';
import { checkCronJob, type CheckJob, checkMetadata, everyTenMinutes, hourly } from './check-job';
import { defaultRules } from './default-rules';
import { checksCapturedLog, driftCheckConfiguration } from './drift-check-configuration';
import { type FeatureStatistic } from './feature-statistic';
import { driftRecordingRules, RECORDING_INTERVAL } from './recording-rules';
import { RetrainSensor } from './retrain-sensor';
import { type RetrainTrigger } from './retrain-trigger';
import { RetrainWebhook } from './retrain-webhook';
import { retrainingNeeded } from './retraining-rule';

const DEFAULT_SILENT_AFTER = Duration.hours(3);
const DEFAULT_WINDOW = Duration.hours(DRIFT_CHECK_DEFAULTS.window.hours);

/** How a served model is watched, and what happens when its data drifts. */
export interface DriftAlertingProps {
  /** The model that is watched. */
  readonly servedModel: ServedModel;

  /**
   * Folder in the object store with the prediction log: live inputs and predictions, see the contract.
   *
   * @default - the one that the served model's capture writes
   */
  readonly predictionLogUri?: string;

  /**
   * Folder in the object store with the labels that come later, with the columns `request_id`, `label` and, best,
   * `label_timestamp`.
   *
   * @default - labels are posted to the capture, or the prediction log carries a column `label`; where there are none,
   * performance is only estimated
   */
  readonly labelsUri?: string;

  /**
   * Folder in the object store under which every check keeps its report, as JSON and as a page.
   *
   * @default - reports are gone with the pod
   */
  readonly reportsUri?: string;

  /**
   * The training that drift starts.
   *
   * @default - none: drift only alerts
   */
  readonly retrains?: TrainingPipeline;

  /**
   * How that training is started.
   *
   * @default RetrainTrigger.direct()
   */
  readonly retrainTrigger?: RetrainTrigger;

  /**
   * When the data is checked: a cron expression of five fields.
   *
   * @default - hourly, at a minute that follows from the model's name, so that many models do not all start at once
   */
  readonly schedule?: string;

  /**
   * When performance alone is judged, by labels that have come since: a cron expression of five fields. Has no effect where
   * labels cannot come.
   *
   * @default - every ten minutes, at minutes that follow from the model's name
   */
  readonly performanceSchedule?: string;

  /**
   * Time zone of the schedules.
   *
   * @default Etc/UTC
   */
  readonly timeZone?: string;

  /**
   * Live data that one check judges.
   *
   * @default Duration.hours(24)
   */
  readonly window?: Duration;

  /**
   * Drift score above which a feature, or the model's weighted mean, has drifted: 0 is no drift, larger is worse.
   *
   * @default 0.15
   */
  readonly driftThreshold?: number;

  /**
   * Share of drifted features above which the model has drifted, at least 0 and below 1.
   *
   * @default 0.3
   */
  readonly driftedShare?: number;

  /**
   * Features (by name, `prediction` and `prediction_score` among them) that are judged by another statistic or threshold.
   *
   * @default - all by the population stability index and `driftThreshold`
   */
  readonly statistics?: { readonly [feature: string]: FeatureStatistic };

  /**
   * Whether performance below the reference or the objectives starts a training too. Without drift the labels or the world
   * have changed, and a training may not help: so by default a person looks at it.
   *
   * @default false
   */
  readonly retrainsOnDegradedPerformance?: boolean;

  /**
   * Labelled predictions of a window below which performance is reported but not judged.
   *
   * @default 200
   */
  readonly minLabels?: number;

  /**
   * Windows in a row that must have drifted.
   *
   * @default 1
   */
  readonly consecutiveWindows?: number;

  /**
   * Predictions since the last training below which nothing is retrained.
   *
   * @default 10000
   */
  readonly minPredictions?: number;

  /**
   * Longest time between two checks that ended with a judgement before an alert says so.
   *
   * @default - Duration.hours(3) for the default schedule; must be given with another one
   */
  readonly silentAfter?: Duration;

  /**
   * Alert rules beside the default ones.
   *
   * @default - none
   */
  readonly rules?: readonly AlertRule[];

  /**
   * Address of the folder with the pages `<name of the alert>.md` of the default alerts, as in docs/runbooks of this library: each
   * links to its own.
   *
   * @default - no links, but those of rules that have one of their own
   */
  readonly runbooksUrl?: string;

  /**
   * Whether Prometheus records the drift of the model from what its capture counts, every three minutes: the population stability
   * index of each feature and their mean by importance, over `window`, for every version. Alerts on them need no check to have run.
   * A model of 50 features with 12 bins each has 1,351 recorded series for each version.
   *
   * @default false
   */
  readonly recordingRules?: boolean;

  /**
   * Names of Secrets with credentials of the registry of the drift-checker image.
   *
   * @default - none
   */
  readonly imagePullSecrets?: readonly string[];

  /**
   * Annotations of the service account, for example `eks.amazonaws.com/role-arn`.
   *
   * @default - none: EKS Pod Identity needs none
   */
  readonly serviceAccountAnnotations?: { readonly [key: string]: string };
}

/**
 * The watch over a served model: an hourly check of its live data against the champion's reference profile, a frequent one of its
 * performance alone where labels come, the alerts on what they find and on the check itself, and the way from drift to a retraining.
 */
export class DriftAlerting extends Construct {
  /** Name of the CronJob, its configuration and its account. */
  public readonly name: string;
  /** The rules that are rendered. */
  public readonly rules: readonly AlertRule[];

  private readonly platform: MlModelPlatform;
  private readonly model: Model;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: DriftAlertingProps) {
    super(scope, id);
    const { platform, model } = props.servedModel;
    this.platform = platform;
    this.model = model;
    this.name = model.objectName('driftCheck');
    const problems = Problems.of(this);
    checkDriftAlerting(props, problems);
    problems.throwIfAny();
    platform._claim('DriftAlerting', this, model);
    this.rules = [
      ...defaultRules({
        ...{ model, namespace: platform.namespace },
        driftThreshold: props.driftThreshold ?? DRIFT_CHECK_DEFAULTS.decision.featureThreshold,
        silentAfter: props.silentAfter ?? DEFAULT_SILENT_AFTER,
        captured: props.servedModel.captureUrl !== undefined,
        training: props.retrains && { name: props.retrains.name, engine: props.retrains.engine.name },
        rolledOut: props.servedModel.rollout !== undefined,
        labelled: labelsCanCome(props),
        labelsPosted: labelsCanCome(props) && checksCapturedLog(props) && props.labelsUri === undefined,
      }),
      ...(props.retrainTrigger?._alertmanager
        ? [retrainingNeeded(model.name, platform.namespace, props.silentAfter ?? DEFAULT_SILENT_AFTER)]
        : []),
      ...(props.rules ?? []),
    ];

    this.account(props);
    declareCheckAccess(this.name, props, true);
    new k8s.KubeConfigMap(this, 'Config', {
      metadata: this.metadata(),
      data: { [CONFIG_FILES.driftCheck.file]: stringify(driftCheckConfiguration(props)) },
    });
    platform._network.policy(
      this.name,
      { [LABELS.component]: COMPONENTS.driftCheck, [LABELS.model]: this.model.name },
      [],
      platform._network.jobEgress(),
      this,
    );
    new k8s.KubeCronJob(this, 'Resource', checkCronJob(this.checkJob(props)));
    if (labelsCanCome(props)) this.performance(props);
    this.retrainByAlert(props);
    new PrometheusRule(this, 'Rules', {
      metadata: this.metadata(platform.monitoring.selectionLabels),
      spec: { groups: this.ruleGroups(props) },
    });
  }

  private ruleGroups({
    recordingRules,
    runbooksUrl,
    window = DEFAULT_WINDOW,
  }: DriftAlertingProps): PrometheusRuleGroup[] {
    const { name, model } = this;
    const { namespace } = this.platform;
    const runbook = (alert: string): string | undefined =>
      runbooksUrl === undefined || !DEFAULT_ALERTS.includes(alert) ? undefined : `${runbooksUrl}/${alert}.md`;
    const alerts = this.rules.map((rule) => rule._compile({ model: model.name, namespace }, runbook(rule.alert)));
    if (!recordingRules) return [{ name, rules: alerts }];
    const recorded = driftRecordingRules({ model, namespace, window });
    return [
      { name, rules: alerts },
      { name: `${name}-recorded`, interval: RECORDING_INTERVAL, rules: recorded },
    ];
  }

  private metadata(labels?: Record<string, string>, name = this.name): ReturnType<typeof checkMetadata> {
    const { platform, model } = this;
    return checkMetadata({ platform, model }, name, labels);
  }

  /** The check may start a run of the one pipeline that it retrains, and nothing else. */
  private account(props: DriftAlertingProps): void {
    const retrains = startedByCheck(props);
    new k8s.KubeServiceAccount(this, 'ServiceAccount', {
      metadata: { ...this.metadata(), annotations: { ...props.serviceAccountAnnotations } },
      automountServiceAccountToken: retrains !== undefined,
    });
    if (!retrains) return;
    const rules: k8s.PolicyRule[] =
      retrains.engine.name === 'argo'
        ? // A create cannot be limited to names; which template may run is for the run's admission to decide.
          [{ apiGroups: ['argoproj.io'], resources: ['workflows'], verbs: ['create'] }]
        : [
            { apiGroups: ['batch'], resources: ['cronjobs'], resourceNames: [retrains.name], verbs: ['get'] },
            { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create'] },
          ];
    rules.push({
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: [this.model.objectName('loop')],
      verbs: ['get'],
    });
    new k8s.KubeRole(this, 'Role', { metadata: this.metadata(), rules });
    new k8s.KubeRoleBinding(this, 'RoleBinding', {
      metadata: this.metadata(),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: this.name },
      subjects: [{ kind: 'ServiceAccount', name: this.name, namespace: this.platform.namespace }],
    });
  }

  private checkJob(props: DriftAlertingProps): CheckJob {
    const { platform, model, name } = this;
    return {
      ...{ platform, model, name },
      schedule: props.schedule ?? hourly(model.name),
      timeZone: props.timeZone ?? 'Etc/UTC',
      captured: checksCapturedLog(props),
      callsApi: startedByCheck(props) !== undefined,
      imagePullSecrets: props.imagePullSecrets,
      startingDeadline: Duration.minutes(10),
      deadline: Duration.minutes(50),
      retries: 2,
      history: 3,
      keep: Duration.days(1),
    };
  }

  /** Lets the alerts that ask for it start the training. */
  private retrainByAlert({ retrains, retrainTrigger }: DriftAlertingProps): void {
    const trigger = retrainTrigger?._alertmanager;
    if (!retrains || !trigger) return;
    const { platform } = this;
    const webhook = RetrainWebhook.find(platform) ?? new RetrainWebhook({ platform, trigger });
    const alerts = this.rules.filter((rule) => rule.retrains).map(({ alert }) => alert);
    new RetrainSensor(this, 'RetrainSensor', { webhook, training: retrains, alerts });
  }

  /** Judges labels soon after they come. It never starts a training, and so may do nothing in the cluster. */
  private performance(props: DriftAlertingProps): void {
    const name = this.model.objectName('performance');
    declareCheckAccess(name, props, false);
    new k8s.KubeServiceAccount(this, 'PerformanceServiceAccount', {
      metadata: { ...this.metadata(undefined, name), annotations: { ...props.serviceAccountAnnotations } },
      automountServiceAccountToken: false,
    });
    const job: CheckJob = {
      ...this.checkJob(props),
      name,
      only: 'performance',
      schedule: props.performanceSchedule ?? everyTenMinutes(this.model.name),
      callsApi: false,
      startingDeadline: Duration.minutes(5),
      deadline: Duration.minutes(9),
      retries: 0,
      history: 1,
      keep: Duration.hours(1),
    };
    new k8s.KubeCronJob(this, 'Performance', checkCronJob(job));
  }
}

/** The training that the check itself starts: at most one way leads to it. */
function startedByCheck({ retrains, retrainTrigger }: DriftAlertingProps): TrainingPipeline | undefined {
  return retrainTrigger?._alertmanager ? undefined : retrains;
}
