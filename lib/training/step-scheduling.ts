import { type k8s } from 'cdk8s-plus-29';
import { type PipelineStep } from './pipeline-step';

/** Where a step's pod may run. */
export interface StepScheduling {
  readonly nodeSelector?: Record<string, string>;
  readonly tolerations?: k8s.Toleration[];
}

/** Node selector and tolerations of a step: those of its pool and its own. */
export function stepScheduling(step: PipelineStep | undefined): StepScheduling {
  const nodeSelector = { ...step?.pool?.labels, ...step?.nodeSelector };
  const own = (step?.tolerations ?? []).map(({ key, value, effect }) => ({
    key,
    operator: value === undefined ? 'Exists' : 'Equal',
    value,
    effect,
  }));
  const tolerations = [...(step?.pool?._tolerations ?? []), ...own];
  return {
    nodeSelector: Object.keys(nodeSelector).length > 0 ? nodeSelector : undefined,
    tolerations: tolerations.length > 0 ? tolerations : undefined,
  };
}

/** How often an evicted step starts again. */
export function stepRetries(step: PipelineStep | undefined): number {
  return step?.retries ?? (step?.pool?.spot ? 10 : 2);
}
