import { LABELS, VERSION_ROLES } from 'cdk8s-mlops/contract';

/** Whether something is there, and if not, what is there instead. */
export type Readiness = { readonly state: 'ready' } | { readonly state: 'waiting' | 'failed'; readonly seen: string };

/** A condition of a status. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Workload {
  readonly metadata?: { readonly generation?: number };
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } };
  };
}

/** What a Deployment says of itself. */
export interface DeploymentObject extends Workload {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly unavailableReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

/** What a Rollout of Argo Rollouts says of itself. */
export interface RolloutObject extends Workload {
  readonly status?: {
    /** A number, as text. */
    readonly observedGeneration?: string;
    readonly phase?: string;
    readonly message?: string;
    readonly pauseConditions?: readonly { readonly reason: string }[];
  };
}

export const READY: Readiness = { state: 'ready' };
export const waiting = (seen: string): Readiness => ({ state: 'waiting', seen });

/** Whether all pods of a Deployment are of a version, and no others are left. */
export function deploymentReadiness(
  { metadata, spec, status = {} }: DeploymentObject,
  version: string,
  role: keyof typeof VERSION_ROLES,
): Readiness {
  const early = notYet(metadata?.generation, status.observedGeneration, spec, version);
  if (early) return early;
  const wanted = spec?.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, unavailableReplicas = 0, conditions } = status;
  // A stable version that somebody scaled to zero is not ours to wake; a candidate without pods cannot be judged.
  if (wanted === 0 && role === VERSION_ROLES.candidate) return waiting('it is scaled to 0 replicas');
  const rolledOut = [replicas, updatedReplicas, availableReplicas].every((count) => count === wanted);
  if (rolledOut && unavailableReplicas === 0) return READY;
  return waiting(
    `${updatedReplicas} of ${wanted} replicas are of version ${version}, ${availableReplicas} available, ${replicas} in all${told(conditions)}`,
  );
}

/** Whether the controller knows of a version already. */
export function rolloutSeen({ metadata, spec, status = {} }: RolloutObject, version: string): Readiness {
  const observed = status.observedGeneration === undefined ? undefined : Number(status.observedGeneration);
  return notYet(metadata?.generation, observed, spec, version) ?? READY;
}

/** Whether Argo Rollouts is done with a version. */
export function rolloutReadiness({ metadata, spec, status = {} }: RolloutObject, version: string): Readiness {
  const seenIt = rolloutSeen({ metadata, spec, status }, version);
  if (seenIt.state !== 'ready') return seenIt;
  const { phase = 'unknown', message, pauseConditions = [] } = status;
  const seen = `its phase is ${[phase, ...pauseConditions.map(({ reason }) => reason)].join(', ')}${message ? `: ${message}` : ''}`;
  if (phase === 'Healthy') return READY;
  const given = phase === 'Degraded' || pauseConditions.some(({ reason }) => reason === 'InconclusiveAnalysisRun');
  return { state: given ? 'failed' : 'waiting', seen };
}

/** What keeps a status from saying anything about a version: it is still that of another one. */
function notYet(
  generation: number | undefined,
  observed: number | undefined,
  spec: Workload['spec'],
  version: string,
): Readiness | undefined {
  const label = spec?.template?.metadata?.labels?.[LABELS.version];
  if (label !== version)
    return waiting(`its pods are of ${label === undefined ? 'no version' : `version ${label}`}, not ${version}`);
  if (generation !== observed)
    return waiting(`its controller has not seen generation ${generation} (it has seen ${observed ?? 'none'})`);
  return undefined;
}

/** Conditions that are not as one wants them. */
export function told(conditions: readonly Condition[] = []): string {
  const bad = conditions.filter(({ type, status }) =>
    /Failure|Stopped/.test(type) ? status === 'True' : status === 'False',
  );
  const words = bad.map(({ type, reason, message }) => `${type} ${[reason, message].filter(Boolean).join(' ')}`);
  return words.length === 0 ? '' : ` (${words.join('; ')})`;
}
