import { stringify } from 'yaml';
import { type ArgoRetryStrategy } from '../crds/argo-workflows';

/**
 * Retries what was interrupted, never what failed: a deleted pod is an error; a lost node leaves no exit code (-1); a container
 * that was told to end (SIGTERM, SIGKILL) was evicted, unless it ran out of memory or of time.
 *
 * @see https://argo-workflows.readthedocs.io/en/latest/retries/#conditional-retries
 */
const INTERRUPTED =
  'lastRetry.status == "Error" || ' +
  '(lastRetry.exitCode in ["-1", "137", "143"] && not (lastRetry.message contains "OOMKilled") && ' +
  'not (lastRetry.message contains "longer than the specified deadline"))';

/** Argo's own containers get neither a security context nor resources unless the template patches them. */
const ARGO_CONTAINER = {
  // Their root file system stays writable: the executor keeps its scripts and outputs on it.
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '512Mi' } },
};
/** What Argo's own containers of a pod get. */
export const ARGO_POD_SPEC_PATCH = stringify(
  {
    initContainers: [{ name: 'init', ...ARGO_CONTAINER }],
    containers: [{ name: 'wait', ...ARGO_CONTAINER }],
  },
  { aliasDuplicateObjects: false },
);

/** Retries of a step that was interrupted; a step that failed is not made again. */
export function retryInterrupted(limit: number): ArgoRetryStrategy | undefined {
  if (limit === 0) return undefined;
  return {
    limit: String(limit),
    retryPolicy: 'Always',
    expression: INTERRUPTED,
    // No maxDuration: it counts from the first start, and would forbid to retry a training that ran for hours.
    backoff: { duration: '1m' },
  };
}
