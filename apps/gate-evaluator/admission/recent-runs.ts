import { gunzipSync } from 'node:zlib';
import { BUILT_IN_STEPS, COMPONENTS, EXIT_CODES, LABELS, OUTPUT_FILES } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type KubernetesClient } from '../../common/kubernetes';

/** A run of a model's training that went on after its first step, or may have. */
export interface AdmittedRun {
  readonly name: string;
  readonly startedAt: Date;
  /** When it ended, where that is known. */
  readonly endedAt?: Date;
  /** Whether it still works. Runs of Argo never do while another one asks: their mutex keeps them apart. */
  readonly underWay?: boolean;
}

/** What runs trainings. */
export type Engine = 'argo' | 'cronjob';

/** The one call that is made. */
export type RunsApi = Pick<KubernetesClient, 'get'>;

interface Page<T> {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly T[];
}

interface Metadata {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
}

interface WorkflowNode {
  readonly templateName?: string;
  readonly phase?: string;
  readonly outputs?: { readonly parameters?: readonly { readonly name: string; readonly value?: string }[] };
}

/** A run of Argo, as far as it is looked at. */
export interface Workflow extends Metadata {
  readonly status?: {
    readonly startedAt?: string;
    readonly finishedAt?: string | null;
    readonly phase?: string;
    readonly nodes?: Readonly<Record<string, WorkflowNode>>;
    /** Gzip and base64, where the nodes are too many for an object. */
    readonly compressedNodes?: string;
    /** Set where they are in a database. */
    readonly offloadNodeStatusVersion?: string;
  };
}

interface Job extends Metadata {
  readonly status?: {
    readonly startTime?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status?: string;
      readonly lastTransitionTime?: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
  };
}

const PAGE = 250;

/**
 * Runs that were admitted, with the time of their start, in no order. One that was refused did no work and counts for nothing; one of
 * which it cannot be known counts.
 *
 * @param self name of the run that asks, which is left out, with all that started after it: of two Jobs that ask at the same time one
 *   must win
 */
export async function admittedRuns(
  api: RunsApi,
  engine: Engine,
  { namespace, model, self }: { readonly namespace: string; readonly model: string; readonly self: string },
): Promise<AdmittedRun[]> {
  if (engine === 'argo') {
    const workflows = await trainingWorkflows(api, namespace, model);
    return workflows
      .filter(({ metadata }) => metadata.name !== self)
      .filter((workflow) => admission(workflow) !== 'no')
      .map((workflow) => runOf(workflow, workflow.status?.startedAt, workflow.status?.finishedAt));
  }
  const jobs = await list<Job>(api, `/apis/batch/v1/namespaces/${namespace}/jobs`, selectorOf(model));
  const own = jobs.find(({ metadata }) => metadata.name === self);
  const mine = own && runOf(own, own.status?.startTime);
  return jobs
    .filter((job) => job !== own && !wasRefused(job))
    .map((job) => ({ ...runOf(job, job.status?.startTime, endOf(job)), ...(!endOf(job) && { underWay: true }) }))
    .filter((run) => !mine || isBefore(run, mine));
}

/** All runs of a model's training on Argo that are kept. */
export function trainingWorkflows(api: RunsApi, namespace: string, model: string): Promise<Workflow[]> {
  return list(api, `/apis/argoproj.io/v1alpha1/namespaces/${namespace}/workflows`, selectorOf(model));
}

const selectorOf = (model: string): string => `${LABELS.model}=${model},${LABELS.component}=${COMPONENTS.training}`;

async function list<T>(api: RunsApi, path: string, labelSelector: string): Promise<T[]> {
  const items: T[] = [];
  for (let token = ''; ;) {
    const query = new URLSearchParams({ labelSelector, limit: String(PAGE), ...(token && { continue: token }) });
    const page = await api.get<Page<T>>(`${path}?${query.toString()}`);
    if (!page) throw Failure.configuration(`the API server does not know ${path}: is the operator's CRD installed?`);
    items.push(...(page.items ?? []));
    token = page.metadata?.continue ?? '';
    if (token === '') return items;
  }
}

/** A mutex keeps runs apart, so that of all without an answer none is being decided but the one that asks. */
export function admission(workflow: Workflow): 'yes' | 'no' | 'unknown' {
  const nodes = nodesOf(workflow);
  if (!nodes) return 'unknown';
  const answers = nodes
    .filter(({ templateName }) => templateName === BUILT_IN_STEPS.admit)
    .flatMap(({ outputs }) => outputs?.parameters ?? [])
    .filter(({ name }) => name === OUTPUT_FILES.passed)
    .map(({ value }) => value);
  return answers.includes('true') ? 'yes' : 'no';
}

/** The steps of a run, as far as they are known. */
export function nodesOf({ status }: Workflow): readonly WorkflowNode[] | undefined {
  if (status?.offloadNodeStatusVersion) return undefined;
  const nodes = status?.compressedNodes ? inflate(status.compressedNodes) : (status?.nodes ?? {});
  return nodes && Object.values(nodes);
}

function inflate(text: string): Readonly<Record<string, WorkflowNode>> | undefined {
  try {
    return JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString('utf8')) as Record<string, WorkflowNode>;
  } catch {
    return undefined;
  }
}

/** @see https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy for the message of its condition */
function wasRefused({ status }: Job): boolean {
  const refusal = new RegExp(
    `Container ${BUILT_IN_STEPS.admit} for pod \\S+ failed with exit code ${EXIT_CODES.judgedNo}\\b`,
  );
  return (status?.conditions ?? []).some(
    ({ reason, message = '' }) => reason === 'PodFailurePolicy' && refusal.test(message),
  );
}

function runOf(
  { metadata: { name, creationTimestamp } }: Metadata,
  startedAt: string | undefined,
  endedAt?: string | null,
): AdmittedRun {
  return { name, startedAt: new Date(startedAt ?? creationTimestamp), ...(endedAt && { endedAt: new Date(endedAt) }) };
}

/** @see https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions */
function endOf({ status }: Job): string | undefined {
  return (status?.conditions ?? []).find((each) => ['Complete', 'Failed'].includes(each.type) && each.status === 'True')
    ?.lastTransitionTime;
}

function isBefore(a: AdmittedRun, b: AdmittedRun): boolean {
  const difference = a.startedAt.getTime() - b.startedAt.getTime();
  return difference < 0 || (difference === 0 && a.name < b.name);
}
