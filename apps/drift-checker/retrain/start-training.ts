import { createHash } from 'node:crypto';
import {
  type DriftCheckFile,
  LABELS,
  LOOP_KEYS,
  RUN_REASONS,
  STEP_ENVIRONMENT,
  TRAINING_PARAMETERS,
} from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type KubernetesClient } from '../../common/kubernetes';
import { type DriftReport } from '../check/drift-report';

/** What became of a request for a retraining. */
export interface TrainingStart {
  readonly outcome: 'started' | 'already-started' | 'paused';
  /** Name of the Workflow or Job. */
  readonly run?: string;
}

/** The two calls that a start takes. */
type KubernetesApi = Pick<KubernetesClient, 'get' | 'create'>;

/** Longest name of a Workflow or Job that still is a label of its pods. */
const MAX_NAME = 63;

/**
 * A name that depends on the window and nothing else: whoever asks again for the same window, a retried pod or a second checker,
 * meets the run that exists.
 */
export function runName(training: string, report: DriftReport): string {
  const { window, model, modelVersion } = report;
  const key = JSON.stringify([model, modelVersion, window.until ?? window.selection]);
  const suffix = `-drift-${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
  return `${training.slice(0, MAX_NAME - suffix.length)}${suffix}`;
}

/**
 * Starts the training through the Kubernetes API, unless the loop is paused. Whether a run is due at all (cooldown, daily limit) is
 * decided by its first step, whoever started it.
 */
export async function startTraining(
  client: KubernetesApi,
  retrain: NonNullable<DriftCheckFile['retrain']>,
  report: DriftReport,
): Promise<TrainingStart> {
  const { namespace } = report;
  const loop = await client.get<{ data?: Record<string, string> }>(
    `/api/v1/namespaces/${namespace}/configmaps/${retrain.loop}`,
  );
  if (loop?.data?.[LOOP_KEYS.paused] === 'true') return { outcome: 'paused' };
  const run = runName(retrain.name, report);
  const created =
    retrain.engine === 'argo'
      ? await createWorkflow(client, retrain.name, run, report)
      : await createJob(client, retrain.name, run, report);
  return { outcome: created ? 'started' : 'already-started', run };
}

function createWorkflow(
  client: KubernetesApi,
  template: string,
  name: string,
  { model, namespace }: DriftReport,
): Promise<boolean> {
  return client.create(`/apis/argoproj.io/v1alpha1/namespaces/${namespace}/workflows`, {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Workflow',
    metadata: { name, namespace, labels: { [LABELS.model]: model } },
    spec: {
      workflowTemplateRef: { name: template },
      arguments: { parameters: [{ name: TRAINING_PARAMETERS.reason, value: RUN_REASONS.drift }] },
    },
  });
}

interface CronJob {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: {
    readonly jobTemplate: {
      readonly metadata?: { readonly labels?: object; readonly annotations?: object };
      readonly spec: JobSpec;
    };
  };
}

interface JobSpec {
  readonly template: {
    readonly spec: { readonly containers: readonly Container[]; readonly initContainers?: readonly Container[] };
  };
}

interface Container {
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

/** A Job of the CronJob's template, as `kubectl create job --from` makes it, with the reason in every container. */
async function createJob(
  client: KubernetesApi,
  cronJob: string,
  name: string,
  { namespace }: DriftReport,
): Promise<boolean> {
  const path = `/apis/batch/v1/namespaces/${namespace}`;
  const source = await client.get<CronJob>(`${path}/cronjobs/${cronJob}`);
  if (!source)
    throw Failure.configuration(
      `there is no CronJob '${cronJob}' in namespace '${namespace}' to start the training from`,
    );
  const { metadata, spec } = source.spec.jobTemplate;
  const pod = spec.template.spec;
  const withReason = (container: Container): Container => ({
    ...container,
    env: (container.env ?? []).map((entry) =>
      entry.name === STEP_ENVIRONMENT.runReason ? { name: entry.name, value: RUN_REASONS.drift } : entry,
    ),
  });
  return client.create(`${path}/jobs`, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace,
      labels: metadata?.labels,
      annotations: { ...metadata?.annotations, 'cronjob.kubernetes.io/instantiate': 'manual' },
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'CronJob',
          name: source.metadata.name,
          uid: source.metadata.uid,
          controller: true,
        },
      ],
    },
    spec: {
      ...spec,
      template: {
        ...spec.template,
        spec: {
          ...pod,
          containers: pod.containers.map(withReason),
          initContainers: pod.initContainers?.map(withReason),
        },
      },
    },
  });
}
