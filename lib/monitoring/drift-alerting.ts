import { createHash } from 'node:crypto';
import { Duration } from 'cdk8s';
import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { stringify } from 'yaml';
import {
  COMMANDS,
  COMPONENTS,
  CONFIG_FILES,
  CONTAINER_ENTRYPOINT,
  CONTAINER_USER,
  DEFAULT_OUTPUT_DIR,
  DRIFT_CHECK_DEFAULTS,
  DRIFT_CHECK_FILE_VERSION,
  type DriftCheckFile,
  LABELS,
  MLFLOW_ALIASES,
  renderArguments,
  STEP_ENVIRONMENT,
} from '../contract';
import { PrometheusRule } from '../crds/prometheus-operator';
import { type Model } from '../model/model';
import { resourceRequirements } from '../platform/container-resources';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { objectLabels, objectMetadata } from '../platform/object-metadata';
import { restrictedContainer, restrictedPod } from '../platform/pod-security';
import { type ServedModel } from '../serving/served-model';
import { type TrainingPipeline } from '../training/training-pipeline';
import { Problems } from '../validation/problems';
import { type AlertRule } from './alert-rule';
import { checkDriftAlerting } from './check-drift-alerting';
import { defaultRules } from './default-rules';
import { type FeatureStatistic } from './feature-statistic';

/** How a served model is watched, and what happens when its data drifts. */
export interface DriftAlertingProps {
  /** The model that is watched. */
  readonly servedModel: ServedModel;

  /** Folder in the object store with the prediction log: live inputs and predictions, see the contract. */
  readonly predictionLogUri: string;

  /**
   * Folder in the object store with the labels that come later, with the columns `request_id`, `label` and, best,
   * `label_timestamp`.
   *
   * @default - the prediction log carries a column `label`, or there are no labels and performance is only estimated
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
   * When the data is checked: a cron expression of five fields.
   *
   * @default - hourly, at a minute that follows from the model's name, so that many models do not all start at once
   */
  readonly schedule?: string;

  /**
   * Time zone of the schedule.
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
 * The watch over a served model: an hourly check of its live data against the champion's reference profile, the alerts on
 * what the check finds and on the check itself, and the way from drift to a retraining.
 */
export class DriftAlerting extends Construct {
  /** Name of the CronJob, its configuration and its account. */
  public readonly name: string;
  /** The rules that are rendered. */
  public readonly rules: readonly AlertRule[];

  private readonly platform: MlModelPlatform;
  private readonly model: Model;
  private readonly driftThreshold: number;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: DriftAlertingProps) {
    super(scope, id);
    const { platform, model } = props.servedModel;
    this.platform = platform;
    this.model = model;
    this.driftThreshold = props.driftThreshold ?? DRIFT_CHECK_DEFAULTS.decision.featureThreshold;
    this.name = model.objectName('driftCheck');
    const problems = Problems.of(this);
    checkDriftAlerting(props, problems);
    problems.throwIfAny();
    platform._claim('DriftAlerting', this, model);
    this.rules = [
      ...defaultRules({
        model,
        driftThreshold: this.driftThreshold,
        silentAfter: props.silentAfter ?? Duration.hours(3),
      }),
      ...(props.rules ?? []),
    ];

    this.account(props);
    const config = stringify(this.configuration(props));
    new k8s.KubeConfigMap(this, 'Config', {
      metadata: this.metadata(),
      data: { [CONFIG_FILES.driftCheck.file]: config },
    });
    platform._network.policy(
      this.name,
      { [LABELS.component]: COMPONENTS.driftCheck, [LABELS.model]: this.model.name },
      [],
      platform._network.jobEgress(),
      this,
    );
    this.cronJob(props);
    const alertScope = { model: this.model.name, namespace: platform.namespace };
    new PrometheusRule(this, 'Rules', {
      metadata: this.metadata(platform.monitoring.selectionLabels),
      spec: { groups: [{ name: this.name, rules: this.rules.map((rule) => rule._compile(alertScope)) }] },
    });
  }

  private metadata(labels?: Record<string, string>): ReturnType<typeof objectMetadata> {
    const { namespace } = this.platform;
    return objectMetadata({
      ...{ name: this.name, namespace, labels },
      ...{ app: 'drift-check', component: COMPONENTS.driftCheck, model: this.model.name },
    });
  }

  private configuration(props: DriftAlertingProps): DriftCheckFile {
    const { retrains } = props;
    const { window, decision, performance } = DRIFT_CHECK_DEFAULTS;
    return {
      version: DRIFT_CHECK_FILE_VERSION,
      model: this.model.name,
      namespace: this.platform.namespace,
      schema: `${CONFIG_FILES.schema.directory}/${CONFIG_FILES.schema.file}`,
      predictions: props.predictionLogUri,
      ...(props.labelsUri !== undefined && { labels: props.labelsUri }),
      reference: { registry: this.platform.mlflowTrackingUri, alias: MLFLOW_ALIASES.champion },
      window: { ...window, hours: props.window?.toHours() ?? window.hours },
      decision: {
        featureThreshold: this.driftThreshold,
        driftedShare: props.driftedShare ?? decision.driftedShare,
        significance: decision.significance,
        consecutiveWindows: props.consecutiveWindows ?? decision.consecutiveWindows,
      },
      ...(props.statistics && {
        features: Object.fromEntries(Object.entries(props.statistics).map(([name, each]) => [name, each._toRule()])),
      }),
      performance: {
        minLabels: props.minLabels ?? performance.minLabels,
        maxDrop: performance.maxDrop,
        confidence: performance.confidence,
        onDegraded: props.retrainsOnDegradedPerformance ? 'retrain' : performance.onDegraded,
      },
      ...(retrains && {
        retrain: {
          engine: retrains.engine.name,
          name: retrains.name,
          loop: this.model.objectName('loop'),
          minPredictions: props.minPredictions ?? 10_000,
        },
      }),
      ...(props.reportsUri !== undefined && { reports: props.reportsUri }),
      pushgateway: this.platform.pushgatewayUrl,
    };
  }

  /** The check may start a run of the one pipeline that it retrains, and nothing else. */
  private account({ retrains, serviceAccountAnnotations }: DriftAlertingProps): void {
    new k8s.KubeServiceAccount(this, 'ServiceAccount', {
      metadata: { ...this.metadata(), annotations: { ...serviceAccountAnnotations } },
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

  private cronJob(props: DriftAlertingProps): void {
    const labels = objectLabels({ app: 'drift-check', component: COMPONENTS.driftCheck, model: this.model.name });
    new k8s.KubeCronJob(this, 'Resource', {
      metadata: this.metadata(),
      spec: {
        schedule: props.schedule ?? hourly(this.model.name),
        timeZone: props.timeZone ?? 'Etc/UTC',
        concurrencyPolicy: 'Forbid',
        startingDeadlineSeconds: 600,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 3,
        jobTemplate: {
          metadata: { labels },
          spec: {
            activeDeadlineSeconds: 3000,
            backoffLimit: 2,
            ttlSecondsAfterFinished: Duration.days(1).toSeconds(),
            template: { metadata: { labels }, spec: this.pod(props) },
          },
        },
      },
    });
  }

  private pod({ retrains, imagePullSecrets }: DriftAlertingProps): k8s.PodSpec {
    const { schema, driftCheck } = CONFIG_FILES;
    const token = this.platform.mlflowToken;
    return {
      restartPolicy: 'Never',
      serviceAccountName: this.name,
      automountServiceAccountToken: retrains !== undefined,
      imagePullSecrets: imagePullSecrets?.map((name) => ({ name })),
      enableServiceLinks: false,
      securityContext: restrictedPod(CONTAINER_USER),
      containers: [
        {
          name: 'check',
          image: this.platform.images.driftChecker,
          command: [...CONTAINER_ENTRYPOINT],
          args: renderArguments(COMMANDS.check, { config: `${driftCheck.directory}/${driftCheck.file}` }),
          env: [
            { name: STEP_ENVIRONMENT.outputDir, value: DEFAULT_OUTPUT_DIR },
            ...(token ? [token._toEnvVar(STEP_ENVIRONMENT.mlflowTrackingToken)] : []),
          ],
          resources: resourceRequirements({ cpu: '500m', memory: '512Mi', memoryLimit: '1Gi' }),
          securityContext: restrictedContainer(),
          volumeMounts: [
            { name: 'tmp', mountPath: '/tmp' },
            { name: 'schema', mountPath: schema.directory, readOnly: true },
            { name: 'config', mountPath: driftCheck.directory, readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: 'tmp', emptyDir: {} },
        { name: 'schema', configMap: { name: this.model.objectName('schema') } },
        { name: 'config', configMap: { name: this.name } },
      ],
    };
  }
}

/** Every hour at a minute that is spread over models and stays the same for one. */
function hourly(model: string): string {
  const minute = createHash('sha256').update(model).digest().readUInt32BE(0) % 60;
  return `${minute} * * * *`;
}
