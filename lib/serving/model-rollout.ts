import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { stringify } from 'yaml';
import {
  ANNOTATIONS,
  COMPONENTS,
  CONFIG_FILES,
  type DerivedNameKey,
  LABELS,
  ROLLOUT_FILE_VERSION,
  type RolloutAnalysis,
  type RolloutFile,
} from '../contract';
import { AnalysisTemplate } from '../crds/argo-rollouts';
import { CronWorkflow, WorkflowTemplate } from '../crds/argo-workflows';
import { httpRouteManifest, type HttpRouteProps } from '../crds/gateway-api';
import { type Model } from '../model/model';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { BootstrapChart } from '../platform/mlops-app';
import { namespaceNamed, ports } from '../platform/network-policies';
import { objectLabels, objectMetadata, selectorLabels } from '../platform/object-metadata';
import { deploymentRollout, steersServices } from './deployment-engine';
import { SERVICE_PORT, serviceSpec } from './deployment-pods';
import { kserveRollout } from './kserve-engine';
import { rolloutRules } from './rollout-access';
import { rolloutAnalysis } from './rollout-analysis';
import { MEASUREMENT_SECONDS, measurementsOf, type RolloutPlan } from './rollout-plan';
import { type RolloutStrategy } from './rollout-strategy';
import { RolloutWorkflow } from './rollout-workflow';
import { candidateService } from './routes';
import { type ServedModelSpec } from './served-model-spec';

const JANITOR_SCHEDULE = '*/10 * * * *';
const JANITOR_HISTORY = 3;

/** @internal */
export interface ModelRolloutProps {
  readonly platform: MlModelPlatform;
  readonly model: Model;
  readonly spec: ServedModelSpec;
  readonly strategy: RolloutStrategy;
  readonly plan: RolloutPlan;
  readonly routes: readonly HttpRouteProps[];
  /** The stable version's Service. */
  readonly service: string;
}

/**
 * What brings new versions of a model into production and takes them back: the workflows, the file that tells `gate-evaluator` what to
 * write, and an account that may write just that.
 *
 * @internal
 */
export class ModelRollout extends Construct {
  private readonly name: string;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ModelRolloutProps,
  ) {
    super(scope, id);
    const { model, platform, spec } = props;
    this.name = model.objectName('rollout');
    const file = this.file();
    new k8s.KubeConfigMap(this, 'Config', {
      metadata: this.metadata('rollout'),
      data: { [CONFIG_FILES.rollout.file]: stringify(file, { aliasDuplicateObjects: false }) },
    });
    this.access(file);
    if (props.plan.argo) this.argoRollouts(file.analysis);
    this.workflows(
      new RolloutWorkflow({
        ...{ platform, file, name: this.name, component: COMPONENTS.rollout },
        imagePullSecrets: spec.imagePullSecrets,
      }),
    );
  }

  private metadata(key: DerivedNameKey, annotations?: Record<string, string>): ReturnType<typeof objectMetadata> {
    const { platform, model } = this.props;
    return objectMetadata({
      ...{ name: model.objectName(key), namespace: platform.namespace, annotations },
      ...{ app: 'rollout', component: COMPONENTS.rollout, model: model.name },
    });
  }

  private file(): RolloutFile {
    const { platform, model, spec, strategy, plan, routes, service } = this.props;
    const parts = spec.engine._deploymentMode
      ? kserveRollout(spec, plan.hasCandidate)
      : deploymentRollout(spec, plan.argo?.seconds, plan.hasCandidate);
    return {
      version: ROLLOUT_FILE_VERSION,
      model: model.name,
      namespace: platform.namespace,
      engine: plan.engine,
      registry: platform.mlflowTrackingUri,
      prometheus: platform.monitoring.prometheusUrl,
      steps: plan.steps,
      analysis: rolloutAnalysis(strategy._analysis, model, platform.namespace),
      ...parts,
      routes: routes.map((route) => ({
        manifest: httpRouteManifest(route),
        ...{ stableService: service, candidateService: candidateService(spec), port: SERVICE_PORT },
      })),
    };
  }

  private access(file: RolloutFile): void {
    const { platform, model, strategy } = this.props;
    new k8s.KubeServiceAccount(this, 'ServiceAccount', {
      metadata: this.metadata('rollout', strategy._serviceAccountAnnotations),
    });
    new k8s.KubeRole(this, 'Role', { metadata: this.metadata('rollout'), rules: rolloutRules(file) });
    new k8s.KubeRoleBinding(this, 'RoleBinding', {
      metadata: this.metadata('rollout'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: this.name },
      subjects: [{ kind: 'ServiceAccount', name: this.name, namespace: platform.namespace }],
    });
    platform._executor.bind(this, 'ExecutorBinding', this.name);
    platform._access.addForArtifacts(model.name, {
      ...{ serviceAccountName: this.name, reads: true, writes: true, deletes: false, archives: true },
      purpose: 'keeps artifacts that serve, and lets those of archived versions expire',
    });
    const prometheus = new URL(file.prometheus);
    const port = Number(prometheus.port || (prometheus.protocol === 'https:' ? 443 : 80));
    platform._network.policy(
      this.name,
      { [LABELS.component]: COMPONENTS.rollout, [LABELS.model]: model.name },
      [],
      [
        ...platform._network.jobEgress(),
        { to: [{ namespaceSelector: namespaceNamed(platform.monitoring.namespace) }], ports: ports(port) },
      ],
      this,
    );
  }

  /** What Argo Rollouts judges by: the same queries and limits, and no answer is no pass. */
  private argoRollouts({ requests, checks, holdSeconds }: RolloutAnalysis): void {
    const { platform, model, plan, strategy } = this.props;
    const { blueGreen } = plan.argo!.strategy;
    // A canary has steps to wait; what is switched at once is measured from the switch on.
    const { switched } = strategy._phases;
    const delay = blueGreen && switched ? { initialDelay: `${switched.pause.toSeconds()}s` } : {};
    const count = measurementsOf(holdSeconds / MEASUREMENT_SECONDS);
    const address = platform.monitoring.prometheusUrl;
    new AnalysisTemplate(this, 'Analysis', {
      metadata: this.metadata('rollout'),
      spec: {
        metrics: checks.map(({ name, query, atMost, atLeast }) => {
          const limit = atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`;
          const known = 'len(result) > 0 && !isNaN(result[0])';
          return {
            ...delay,
            ...{ name, interval: `${MEASUREMENT_SECONDS}s`, count },
            // One measurement that passes is enough, one that fails too much; without either it is inconclusive in the end.
            ...{ consecutiveSuccessLimit: 1, failureLimit: 0, inconclusiveLimit: count, consecutiveErrorLimit: count },
            successCondition: `${known} && result[0] ${limit}`,
            failureCondition: `${known} && !(result[0] ${limit})`,
            provider: {
              prometheus: { address, query: `(${query}) and on () (${requests.query} >= ${requests.atLeast})` },
            },
          };
        }),
      },
    });
    if (!steersServices(plan.argo!.strategy)) return;
    // Argo Rollouts narrows what it selects to the pods of the new version.
    const spec = serviceSpec(selectorLabels('model-server', model.name));
    const service = { metadata: this.metadata('canary'), spec };
    new k8s.KubeService(BootstrapChart.of(this), `Service-${platform.namespace}-${this.name}`, service);
  }

  private workflows(workflow: RolloutWorkflow): void {
    const { model } = this.props;
    const labels = objectLabels({ app: 'rollout', component: COMPONENTS.rollout, model: model.name });
    const callers = { [ANNOTATIONS.callers]: inClusterCallers(this.props) };
    new WorkflowTemplate(this, 'Rollout', { metadata: this.metadata('rollout', callers), spec: workflow.rollout() });
    new WorkflowTemplate(this, 'Rollback', { metadata: this.metadata('rollback'), spec: workflow.rollback() });
    new CronWorkflow(this, 'Janitor', {
      metadata: this.metadata('janitor'),
      spec: {
        schedules: [JANITOR_SCHEDULE],
        timezone: 'Etc/UTC',
        concurrencyPolicy: 'Forbid',
        startingDeadlineSeconds: 300,
        successfulJobsHistoryLimit: JANITOR_HISTORY,
        failedJobsHistoryLimit: JANITOR_HISTORY,
        workflowMetadata: { labels },
        workflowSpec: workflow.janitor(),
      },
    });
  }
}

/** What pods of the cluster get that call the model's Service. */
function inClusterCallers({ spec, service, plan }: ModelRolloutProps): string {
  const everybody = `${service}: the same share of the candidate as everybody`;
  if (spec.exposure._gateway?.mesh === true) return `${everybody}, by the route of the mesh`;
  // Knative, a single set of pods, or a Service that is switched: what is called is what divides the requests.
  const byRoute = plan.argo
    ? plan.argo.strategy.canary?.trafficRouting !== undefined
    : plan.engine !== 'kserve-knative' && plan.steps.some(({ kind }) => kind === 'weight');
  return byRoute
    ? `${service}: the stable version only; a share of the candidate gets who calls through the Gateway`
    : everybody;
}
