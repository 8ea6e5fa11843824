import { BUILT_IN_STEPS } from 'cdk8s-mlops/contract';
import { admission, nodesOf, type Workflow } from './recent-runs';

/** What became of a run that has ended. */
export type RunOutcome =
  /** A version was registered. */
  | 'registered'
  /** A step failed, was interrupted too often, or ran out of time. */
  | 'failed'
  /** The data or the candidate was refused. */
  | 'refused'
  /** It was not let run: it did nothing. */
  | 'not-admitted';

/** How a workflow of Argo ends that does not end well. */
const FAILED = ['Failed', 'Error'];
const ENDED = ['Succeeded', ...FAILED];

/**
 * What became of a run; undefined where it has not ended, or nobody knows any more.
 *
 * @param phase how its workflow ended, where the object does not say it yet
 */
export function outcomeOf(workflow: Workflow, phase = workflow.status?.phase): RunOutcome | undefined {
  if (phase === undefined || !ENDED.includes(phase)) return undefined;
  const nodes = nodesOf(workflow);
  const registers = ({ templateName, phase: ended }: NonNullable<typeof nodes>[number]): boolean =>
    templateName === BUILT_IN_STEPS.register && ended === 'Succeeded';
  if (nodes?.some(registers)) return 'registered';
  if (FAILED.includes(phase)) return 'failed';
  if (!nodes) return undefined;
  return admission(workflow) === 'yes' ? 'refused' : 'not-admitted';
}

/** Runs in a row, from the newest on, that registered no version. A run of which nobody knows ends the row. */
export function runsInVain(newestFirst: readonly (RunOutcome | undefined)[]): number {
  const admitted = newestFirst.filter((outcome) => outcome !== 'not-admitted');
  const good = admitted.findIndex((outcome) => outcome === 'registered' || outcome === undefined);
  return good === -1 ? admitted.length : good;
}
