import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { CONTAINER_USER, RUN_REASONS, STEP_ENVIRONMENT } from '../contract';
import { objectLabels, objectMetadata } from '../platform/object-metadata';
import { restrictedPod } from '../platform/pod-security';
import { type RunStep, workspaceClaim } from './run-step';
import { stepRetries, stepScheduling } from './step-scheduling';
import { type EngineProps, RUN_HISTORY_LIMIT } from './training-engine';

/** How a run names itself and its reason in a Job: the controller labels the pod with the Job's name. @internal */
export const CRON_JOB_RUN_IDENTITY: readonly k8s.EnvVar[] = [
  {
    name: STEP_ENVIRONMENT.runId,
    valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-name']" } },
  },
  { name: STEP_ENVIRONMENT.runReason, value: RUN_REASONS.schedule },
];

/** Exit codes of a container that was ended by SIGKILL or SIGTERM. */
const INTERRUPTED = [137, 143];

const API_TOKEN = 'api-token';
const API_TOKEN_MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The pipeline as a CronJob: every step but the last is an init container, so that they run one after the other. A judged
 * "no" ends the pod with an exit code of its own, which fails the Job without a retry.
 *
 * @internal
 */
export class CronJobTraining extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly props: EngineProps,
  ) {
    super(scope, id);
    const { name, namespace, model, component } = props;
    const labels = objectLabels({ app: 'training', component, model });
    new k8s.KubeCronJob(this, 'Resource', {
      metadata: objectMetadata({ name, namespace, app: 'training', component, model }),
      spec: {
        schedule: props.schedule,
        timeZone: props.timeZone,
        concurrencyPolicy: 'Forbid',
        startingDeadlineSeconds: props.startingDeadlineSeconds,
        successfulJobsHistoryLimit: RUN_HISTORY_LIMIT,
        failedJobsHistoryLimit: RUN_HISTORY_LIMIT,
        jobTemplate: {
          metadata: { labels },
          spec: {
            activeDeadlineSeconds: props.deadlineSeconds,
            ttlSecondsAfterFinished: props.keepSeconds,
            backoffLimit: Math.max(...this.all.map(({ user }) => stepRetries(user))),
            podFailurePolicy: this.podFailurePolicy(),
            template: { metadata: { labels }, spec: this.pod() },
          },
        },
      },
    });
  }

  private get all(): RunStep[] {
    return [this.props.admit, ...this.props.steps];
  }

  /**
   * An evicted pod starts again without counting; a "no" and a failed step end the Job, each with its own exit code.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
   */
  private podFailurePolicy(): k8s.PodFailurePolicy {
    return {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        // Only what was told to end (SIGTERM, SIGKILL) starts again.
        { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: INTERRUPTED } },
      ],
    };
  }

  private pod(): k8s.PodSpec {
    const { admit, serviceAccount, imagePullSecrets, workspace } = this.props;
    const containers = this.all.map((step) => this.container(step, step === admit));
    const claim = workspaceClaim(workspace);
    const volumes = new Map(this.all.flatMap((step) => step.volumes).map((volume) => [volume.name, volume]));
    const scheduling = this.all.map(({ user }) => stepScheduling(user));
    const tolerations = new Map(
      scheduling.flatMap(({ tolerations: each = [] }) => each).map((each) => [JSON.stringify(each), each]),
    );
    const nodeSelector = Object.assign({}, ...scheduling.map(({ nodeSelector: each }) => each)) as Record<
      string,
      string
    >;
    return {
      restartPolicy: 'Never',
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: restrictedPod(CONTAINER_USER),
      imagePullSecrets: imagePullSecrets?.map((name) => ({ name })),
      nodeSelector: Object.keys(nodeSelector).length > 0 ? nodeSelector : undefined,
      tolerations: tolerations.size > 0 ? [...tolerations.values()] : undefined,
      initContainers: containers.slice(0, -1),
      containers: containers.slice(-1),
      volumes: [
        ...volumes.values(),
        apiToken(),
        ...(claim ? [{ name: claim.name, ephemeral: { volumeClaimTemplate: { spec: claim.spec } } }] : []),
      ],
    };
  }

  /** A step's container: what it leaves under /tmp is its own, and only the admitting step may call the API. */
  private container({ container }: RunStep, admits: boolean): k8s.Container {
    const mounts = (container.volumeMounts ?? []).map((mount) =>
      mount.name === 'tmp' ? { ...mount, subPath: container.name } : mount,
    );
    const token = admits ? [{ name: API_TOKEN, mountPath: API_TOKEN_MOUNT, readOnly: true }] : [];
    return { ...container, volumeMounts: [...mounts, ...token] };
  }
}

/** The pod's token and what is needed to use it, as the kubelet would mount it into every container. */
function apiToken(): k8s.Volume {
  const namespace = { path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } };
  return {
    name: API_TOKEN,
    projected: {
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardApi: { items: [namespace] } },
      ],
    },
  };
}
