import { Duration } from 'cdk8s';
import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { COMPONENTS, CONFIG_FILES, LABELS, LOOP_KEYS } from '../contract';
import { type Model } from '../model/model';
import { type QualityGates } from '../model/quality-gates';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { checkEgress, type EgressRule, egressTo } from '../platform/network-policies';
import { type ObjectGrant } from '../platform/object-grant';
import { objectMetadata } from '../platform/object-metadata';
import { type ServedModel } from '../serving/served-model';
import { Problems } from '../validation/problems';
import { ARGO_RUN_IDENTITY, ArgoTraining } from './argo-engine';
import { builtInSteps } from './built-in-steps';
import { checkPipeline, DEFAULT_COOLDOWN, DEFAULT_KEEP_RUNS } from './check-pipeline';
import { CRON_JOB_RUN_IDENTITY, CronJobTraining } from './cron-job-engine';
import { orderSteps } from './order-steps';
import { type ExtraStep, type TrainingSteps } from './pipeline-step';
import { builtInStep, type RunContext } from './run-step';
import { checkRolloutStart, ROLLOUT_STEP, RolloutStartAccount, rolloutTemplate } from './start-rollout';
import { declareTrainingAccess } from './training-access';
import { type EngineProps, TrainingEngine } from './training-engine';
import { type Workspace } from './workspace';

/** How a model is trained, judged and registered. */
export interface TrainingPipelineProps {
  /** The platform of the model's namespace. */
  readonly platform: MlModelPlatform;

  /** The model that is trained. */
  readonly model: Model;

  /** When the model is trained: a cron expression of five fields, for example `0 2 * * 0`. */
  readonly schedule: string;

  /** The steps that only the user can bring. */
  readonly steps: TrainingSteps;

  /** What a candidate must meet before it is registered. */
  readonly gates: QualityGates;

  /** How the steps hand data over. */
  readonly workspace: Workspace;

  /**
   * What runs the steps.
   *
   * @default TrainingEngine.argo()
   */
  readonly engine?: TrainingEngine;

  /**
   * Time zone of the schedule.
   *
   * @default Etc/UTC
   */
  readonly timeZone?: string;

  /**
   * Steps of the user's own between the others.
   *
   * @default - none
   */
  readonly extraSteps?: readonly ExtraStep[];

  /**
   * Where the training data lies when no step extracts it.
   *
   * @default - the extract step brings it
   */
  readonly trainingDataUri?: string;

  /**
   * Makes a version champion as soon as it passed its gates and is registered: for models that no `ServedModel` serves, such as those of
   * batch jobs. A served model becomes champion by its roll-out, when it has answered live traffic.
   *
   * @default false
   */
  readonly promotes?: boolean;

  /**
   * The served model whose roll-out is started when a version was registered.
   *
   * @default - none: a roll-out is started by hand
   */
  readonly rollout?: ServedModel;

  /**
   * Folder in the object store under which artifacts of registered versions are kept for serving.
   *
   * @default - `<the platform's model store>/<model>`
   */
  readonly modelStore?: string;

  /**
   * Commit of the training code, recorded with every version.
   *
   * @default - not recorded
   */
  readonly gitCommit?: string;

  /**
   * How long a run may take.
   *
   * @default Duration.hours(24)
   */
  readonly deadline?: Duration;

  /**
   * How late a scheduled run may still start.
   *
   * @default Duration.hours(1)
   */
  readonly startingDeadline?: Duration;

  /**
   * How long a finished run is kept in the cluster. The loop counts recent runs, so at least a day and longer than the
   * cooldown; the alert `TrainingInVain` sees two runs in a row only where the first is still kept when the second ends.
   *
   * @default Duration.days(15)
   */
  readonly keepRuns?: Duration;

  /**
   * Time that must pass between the end of a run and the start of the next, whoever asks: a request that waited for a long run must
   * not start another one for the same drift.
   *
   * @default Duration.hours(6)
   */
  readonly cooldown?: Duration;

  /**
   * Runs in any 24 hours, whoever asks.
   *
   * @default 3
   */
  readonly maxRunsPerDay?: number;

  /**
   * Stops every new run. Without this prop the switch belongs to people:
   * `kubectl patch configmap <model>-loop -p '{"data":{"paused":"true"}}'`.
   *
   * @default - not rendered
   */
  readonly paused?: boolean;

  /**
   * Annotations of the service account that the steps run as, for example `eks.amazonaws.com/role-arn`.
   *
   * @default - none: EKS Pod Identity needs none
   */
  readonly serviceAccountAnnotations?: { readonly [key: string]: string };

  /**
   * What the user's steps do with folders of an object store beside the workspace, `trainingDataUri` and checkpoints, which they are given by
   * themselves: the cloud half makes permissions of it. For example `ObjectGrant.read('s3://acme-lake/payments')`.
   *
   * @default - nothing
   */
  readonly access?: readonly ObjectGrant[];

  /**
   * Addresses that the steps may reach beside the object store, tracking server, Pushgateway and API server.
   *
   * @default - none
   */
  readonly egress?: readonly EgressRule[];

  /**
   * Names of Secrets with credentials of registries.
   *
   * @default - none
   */
  readonly imagePullSecrets?: readonly string[];
}

/**
 * The training of one model: admit → extract → validate → train → evaluate → profile → gate → register, on a schedule and
 * on demand, and → promote or → rollout where asked. Admission, data validation, profile, gate and registration are built in; only training has to be brought.
 */
export class TrainingPipeline extends Construct {
  /** Name of the WorkflowTemplate and CronWorkflow, or of the CronJob. */
  public readonly name: string;
  /** Service account of the steps. */
  public readonly serviceAccountName: string;
  /** The model that is trained. */
  public readonly model: Model;
  /** The platform of the model's namespace. */
  public readonly platform: MlModelPlatform;
  /** What runs the steps. */
  public readonly engine: TrainingEngine;
  /** Folder under which artifacts of registered versions are kept. */
  public readonly modelStore: string;
  /** Names of all steps, in an order in which each comes after those it waits for. */
  public readonly stepNames: readonly string[];

  private readonly component = COMPONENTS.training;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: TrainingPipelineProps) {
    super(scope, id);
    const { platform, model } = props;
    this.platform = platform;
    this.model = model;
    this.engine = props.engine ?? TrainingEngine.argo();
    this.name = model.objectName('training');
    this.serviceAccountName = this.name;
    this.modelStore = props.modelStore ?? `${platform.modelStore}/${model.name}`;

    const problems = Problems.of(this);
    const onArgo = this.engine.name === 'argo';
    const settings = { ...props, platform, engine: this.engine };
    checkPipeline(settings, problems);
    if (props.rollout) checkRolloutStart(props.rollout, settings, problems);
    checkEgress(props.egress ?? [], problems);

    const context: RunContext = {
      platform,
      model: model.name,
      workspace: props.workspace,
      trainingDataUri: props.trainingDataUri,
      identity: onArgo ? ARGO_RUN_IDENTITY : CRON_JOB_RUN_IDENTITY,
      configMaps: { schema: model.objectName('schema'), gates: model.objectName('gates') },
    };
    const builtIn = builtInSteps({
      model: model.name,
      namespace: platform.namespace,
      engine: this.engine.name,
      loop: model.objectName('loop'),
      mlflowTrackingUri: platform.mlflowTrackingUri,
      modelStore: this.modelStore,
      gitCommit: props.gitCommit,
      failOnNo: !onArgo,
    });
    const steps = orderSteps(context, settings, builtIn, problems);
    problems.throwIfAny();
    this.stepNames = [...steps.map(({ name }) => name), ...(props.rollout ? [ROLLOUT_STEP] : [])];

    platform._claim('TrainingPipeline', this, model);
    this.configMaps(props);
    this.accounts(props, onArgo);
    if (props.rollout) {
      const metadata = this.metadata(model.objectName('rolloutStart'));
      new RolloutStartAccount(this, 'RolloutStart', { platform, model, metadata });
    }
    declareTrainingAccess(platform._access, this, props);
    if (props.egress?.length) {
      const pods = { [LABELS.component]: this.component, [LABELS.model]: model.name };
      platform._network.policy(this.name, pods, undefined, props.egress.map(egressTo), this);
    }

    const engineProps: EngineProps = {
      name: this.name,
      namespace: platform.namespace,
      model: model.name,
      component: this.component,
      schedule: props.schedule,
      timeZone: props.timeZone ?? 'Etc/UTC',
      startingDeadlineSeconds: (props.startingDeadline ?? Duration.hours(1)).toSeconds(),
      deadlineSeconds: (props.deadline ?? Duration.hours(24)).toSeconds(),
      keepSeconds: (props.keepRuns ?? DEFAULT_KEEP_RUNS).toSeconds(),
      serviceAccount: this.serviceAccountName,
      admitServiceAccount: this.admitAccount(onArgo),
      imagePullSecrets: props.imagePullSecrets,
      workspace: props.workspace,
      admit: builtInStep(context, builtIn.admit, []),
      conclude: builtInStep(context, builtIn.conclude, []),
      steps,
      rollout: props.rollout && rolloutTemplate(model),
    };
    if (onArgo) new ArgoTraining(this, 'Argo', engineProps);
    else new CronJobTraining(this, 'CronJob', engineProps);
  }

  /** In Argo the admitting step has a pod, and so an account, of its own. */
  private admitAccount(onArgo: boolean): string {
    return onArgo ? this.model.objectName('trainingAdmit') : this.serviceAccountName;
  }

  private metadata(name: string): ReturnType<typeof objectMetadata> {
    const { namespace } = this.platform;
    return objectMetadata({ name, namespace, app: 'training', component: this.component, model: this.model.name });
  }

  private configMaps(props: TrainingPipelineProps): void {
    new k8s.KubeConfigMap(this, 'Gates', {
      metadata: this.metadata(this.model.objectName('gates')),
      data: { [CONFIG_FILES.gates.file]: props.gates.toYaml() },
    });
    new k8s.KubeConfigMap(this, 'Loop', {
      metadata: this.metadata(this.model.objectName('loop')),
      data: {
        [LOOP_KEYS.cooldownSeconds]: String((props.cooldown ?? DEFAULT_COOLDOWN).toSeconds()),
        [LOOP_KEYS.maxRunsPerDay]: String(props.maxRunsPerDay ?? 3),
        ...(props.paused === undefined ? {} : { [LOOP_KEYS.paused]: String(props.paused) }),
      },
    });
  }

  /** One account for the steps and, in Argo, one more for the step that reads the recent runs. */
  private accounts(props: TrainingPipelineProps, onArgo: boolean): void {
    const admit = this.admitAccount(onArgo);
    const annotations = { ...props.serviceAccountAnnotations };
    new k8s.KubeServiceAccount(this, 'ServiceAccount', {
      metadata: { ...this.metadata(this.serviceAccountName), annotations },
      automountServiceAccountToken: onArgo,
    });
    if (onArgo) {
      new k8s.KubeServiceAccount(this, 'AdmitServiceAccount', { metadata: this.metadata(admit) });
      this.platform._executor.bind(this, 'ExecutorBinding', this.serviceAccountName);
      this.platform._executor.bind(this, 'AdmitExecutorBinding', admit);
    }
    const role = this.model.objectName('trainingAdmit');
    const runs = onArgo
      ? { apiGroups: ['argoproj.io'], resources: ['workflows'] }
      : { apiGroups: ['batch'], resources: ['jobs'] };
    new k8s.KubeRole(this, 'AdmitRole', {
      metadata: this.metadata(role),
      rules: [
        // Runs are found by label: a list cannot be limited to names.
        { ...runs, verbs: ['list'] },
        { apiGroups: [''], resources: ['configmaps'], resourceNames: [this.model.objectName('loop')], verbs: ['get'] },
      ],
    });
    new k8s.KubeRoleBinding(this, 'AdmitRoleBinding', {
      metadata: this.metadata(role),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role },
      subjects: [{ kind: 'ServiceAccount', name: admit, namespace: this.platform.namespace }],
    });
  }
}
