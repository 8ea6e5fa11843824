import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { ANNOTATIONS, derivedName, LABELS, ROLLOUT_PLACEHOLDERS, type RolloutFile } from '../contract';
import { Rollout, type RolloutStrategySpec } from '../crds/argo-rollouts';
import { BootstrapChart } from '../platform/mlops-app';
import { objectMetadata } from '../platform/object-metadata';
import { DeploymentPods, progressDeadline, serviceSpec } from './deployment-pods';
import { type ServedModelSpec } from './served-model-spec';

const { version, uri } = ROLLOUT_PLACEHOLDERS;
const REVISIONS = 5;

/**
 * The model as a plain Deployment, with an init container that downloads the artifact, or, where it is rolled out step by step, as a
 * Rollout of Argo Rollouts. The artifact's address is an annotation of the pod template, read through the downward API: a roll-out changes
 * that one entry and the version, and nothing else.
 *
 * @internal
 */
export class DeploymentServing extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly spec: ServedModelSpec,
    /** The steps of Argo Rollouts; undefined where a Deployment does. */
    private readonly argo: RolloutStrategySpec | undefined,
  ) {
    super(scope, id);
    const { name, namespace, source } = spec;
    const { metadata } = this;
    const pods = new DeploymentPods(spec);
    const bootstrap = BootstrapChart.of(this);
    if (argo) {
      const { strategy: _ofDeployments, ...steady } = pods.steady();
      const settings = { progressDeadlineAbort: true, revisionHistoryLimit: REVISIONS, strategy: argo };
      new Rollout(this, 'Resource', { metadata, spec: { ...steady, ...settings } });
      const { selector, template } = pods.bootstrap(source);
      new Rollout(bootstrap, `Rollout-${namespace}-${name}`, { metadata, spec: { selector, template } });
    } else {
      new k8s.KubeDeployment(this, 'Resource', { metadata, spec: pods.steady() });
      new k8s.KubeDeployment(bootstrap, `Deployment-${namespace}-${name}`, { metadata, spec: pods.bootstrap(source) });
    }
    const service = { metadata, spec: serviceSpec(pods.selector) };
    // A selector that Argo Rollouts narrows to the pods of one version must not be widened by every apply.
    if (argo && steersServices(argo)) new k8s.KubeService(bootstrap, `Service-${namespace}-${name}`, service);
    else new k8s.KubeService(this, 'Service', service);
    this.autoscaler();
  }

  private get metadata(): ReturnType<typeof objectMetadata> {
    const { name, namespace } = this.spec;
    return objectMetadata({ name, namespace, app: 'model-server', model: name });
  }

  private autoscaler(): void {
    const { name, minReplicas, maxReplicas, target } = this.spec;
    if (!target || maxReplicas === minReplicas) return;
    new k8s.KubeHorizontalPodAutoscalerV2(this, 'Autoscaler', {
      metadata: this.metadata,
      spec: {
        scaleTargetRef: this.argo ? { ...Rollout.GVK, name } : { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas,
        maxReplicas,
        metrics: [
          {
            type: 'Resource',
            resource: { name: target.metric, target: { type: 'Utilization', averageUtilization: target.target } },
          },
        ],
      },
    });
  }
}

/** Whether Argo Rollouts changes what the Services of a model select. @internal */
export const steersServices = ({ canary, blueGreen }: RolloutStrategySpec): boolean =>
  canary?.stableService !== undefined || blueGreen !== undefined;

/** What a roll-out of this engine writes. @internal */
export function deploymentRollout(
  spec: ServedModelSpec,
  /** Seconds that the steps of Argo Rollouts take at most; undefined where a Deployment does. */
  argoSeconds: number | undefined,
  hasCandidate: boolean,
): Pick<RolloutFile, 'stable' | 'candidate'> {
  const { name, namespace } = spec;
  const readySeconds = progressDeadline(spec);
  const isArgo = argoSeconds !== undefined;
  const labels = { [LABELS.version]: version };
  const template = { metadata: { labels, annotations: { [ANNOTATIONS.uri]: uri } } };
  const gvk = isArgo ? Rollout.GVK : { apiVersion: 'apps/v1', kind: 'Deployment' };
  const kind = isArgo ? 'Rollout' : 'Deployment';
  return {
    stable: {
      manifest: { ...gvk, metadata: { name, namespace }, spec: { template } },
      workload: { kind, name, readySeconds: readySeconds + (argoSeconds ?? 0) },
    },
    ...(hasCandidate && {
      candidate: {
        manifests: new DeploymentPods(spec).candidate(),
        workload: { kind: 'Deployment' as const, name: derivedName(name, 'candidate'), readySeconds },
      },
    }),
  };
}
