import { createHash } from 'node:crypto';
import { type ApiObjectMetadata, type Duration } from 'cdk8s';
import { type k8s } from 'cdk8s-plus-29';
import {
  COMMANDS,
  COMPONENTS,
  CONFIG_FILES,
  CONTAINER_ENTRYPOINT,
  CONTAINER_USER,
  DEFAULT_OUTPUT_DIR,
  renderArguments,
  STEP_ENVIRONMENT,
} from '../contract';
import { type Model } from '../model/model';
import { resourceRequirements } from '../platform/container-resources';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { objectLabels, objectMetadata } from '../platform/object-metadata';
import { restrictedContainer, restrictedPod } from '../platform/pod-security';

/** One of the two CronJobs that run `drift-checker check`. */
export interface CheckJob {
  readonly platform: MlModelPlatform;
  readonly model: Model;
  /** Name of the CronJob and its account. */
  readonly name: string;
  readonly schedule: string;
  readonly timeZone: string;
  /** What is judged; undefined for everything. */
  readonly only?: 'performance';
  /** Whether the log is that of the model's capture, which is compacted first. */
  readonly captured: boolean;
  /** Whether it calls the Kubernetes API. */
  readonly callsApi: boolean;
  readonly imagePullSecrets?: readonly string[];
  readonly startingDeadline: Duration;
  readonly deadline: Duration;
  readonly retries: number;
  /** How many finished Jobs are kept, and for how long. */
  readonly history: number;
  readonly keep: Duration;
}

/** What names and labels an object of the drift check. */
export function checkMetadata(
  { platform, model }: Pick<CheckJob, 'platform' | 'model'>,
  name: string,
  labels?: Record<string, string>,
): ApiObjectMetadata {
  const identity = { app: 'drift-check', component: COMPONENTS.driftCheck, model: model.name };
  return objectMetadata({ name, namespace: platform.namespace, labels, ...identity });
}

/** The CronJob. */
export function checkCronJob(job: CheckJob): k8s.KubeCronJobProps {
  const labels = objectLabels({ app: 'drift-check', component: COMPONENTS.driftCheck, model: job.model.name });
  return {
    metadata: checkMetadata(job, job.name),
    spec: {
      schedule: job.schedule,
      timeZone: job.timeZone,
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: job.startingDeadline.toSeconds(),
      successfulJobsHistoryLimit: job.history,
      failedJobsHistoryLimit: job.history,
      jobTemplate: {
        metadata: { labels },
        spec: {
          activeDeadlineSeconds: job.deadline.toSeconds(),
          backoffLimit: job.retries,
          ttlSecondsAfterFinished: job.keep.toSeconds(),
          template: { metadata: { labels }, spec: pod(job) },
        },
      },
    },
  };
}

function pod(job: CheckJob): k8s.PodSpec {
  const { platform, model, name, only, captured, callsApi } = job;
  const { schema, driftCheck, capture } = CONFIG_FILES;
  const token = platform.mlflowToken;
  const files = [
    { name: 'schema', directory: schema.directory, configMap: model.objectName('schema') },
    { name: 'config', directory: driftCheck.directory, configMap: model.objectName('driftCheck') },
    ...(captured ? [{ name: 'capture', directory: capture.directory, configMap: model.objectName('capture') }] : []),
  ];
  return {
    restartPolicy: 'Never',
    serviceAccountName: name,
    automountServiceAccountToken: callsApi,
    imagePullSecrets: job.imagePullSecrets?.map((secret) => ({ name: secret })),
    enableServiceLinks: false,
    securityContext: restrictedPod(CONTAINER_USER),
    containers: [
      {
        name: 'check',
        image: platform.images.driftChecker,
        command: [...CONTAINER_ENTRYPOINT],
        args: renderArguments(COMMANDS.check, { config: `${driftCheck.directory}/${driftCheck.file}`, only }),
        env: [
          { name: STEP_ENVIRONMENT.outputDir, value: DEFAULT_OUTPUT_DIR },
          ...(token ? [token._toEnvVar(STEP_ENVIRONMENT.mlflowTrackingToken)] : []),
        ],
        resources: resourceRequirements({ cpu: '500m', memory: '512Mi', memoryLimit: '1Gi' }),
        securityContext: restrictedContainer(),
        volumeMounts: [
          { name: 'tmp', mountPath: '/tmp' },
          ...files.map((file) => ({ name: file.name, mountPath: file.directory, readOnly: true })),
        ],
      },
    ],
    volumes: [
      { name: 'tmp', emptyDir: {} },
      ...files.map((file) => ({ name: file.name, configMap: { name: file.configMap } })),
    ],
  };
}

/** A number that is spread over models and stays the same for one. */
function spread(model: string): number {
  return createHash('sha256').update(model).digest().readUInt32BE(0);
}

/** Every hour, at a minute of the model's own. */
export function hourly(model: string): string {
  return `${spread(model) % 60} * * * *`;
}

/** Every ten minutes, at minutes of the model's own that are never that of {@link hourly}. */
export function everyTenMinutes(model: string): string {
  return `${(spread(model) + 5) % 10}-59/10 * * * *`;
}
