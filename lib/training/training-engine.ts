import { type ArgoTemplate } from '../crds/argo-workflows';
import { type RunStep } from './run-step';
import { type Workspace } from './workspace';

/** What runs the steps. Immutable data. */
export class TrainingEngine {
  /**
   * Argo Workflows 3.6 or later: a WorkflowTemplate as the only definition, a CronWorkflow that runs it, one pod a step.
   */
  public static argo(): TrainingEngine {
    return new TrainingEngine('argo');
  }

  /** A plain Kubernetes CronJob, for clusters without Argo: all steps in order in one pod. */
  public static cronJob(): TrainingEngine {
    return new TrainingEngine('cronjob');
  }

  private constructor(
    /** How the containers of the loop are told which engine it is. */
    public readonly name: 'argo' | 'cronjob',
  ) {}
}

/**
 * Finished runs that a schedule keeps. Their age alone decides (`keepRuns`): the loop counts recent runs, so a lower limit would
 * let it forget some. @internal
 */
export const RUN_HISTORY_LIMIT = 1000;

/** What an engine renders a pipeline from. @internal */
export interface EngineProps {
  /** Name of the pipeline's objects. */
  readonly name: string;
  readonly namespace: string;
  readonly model: string;
  readonly component: string;
  readonly schedule: string;
  readonly timeZone: string;
  readonly startingDeadlineSeconds: number;
  readonly deadlineSeconds: number;
  readonly keepSeconds: number;
  readonly serviceAccount: string;
  /** Says what became of a run; a Job has no place for it. */
  readonly conclude: RunStep;
  /** Account of the steps that read the recent runs. */
  readonly admitServiceAccount: string;
  readonly imagePullSecrets?: readonly string[];
  readonly workspace: Workspace;
  /** The step that decides whether a run may go on. */
  readonly admit: RunStep;
  /** The other steps, in an order in which each comes after those it waits for. */
  readonly steps: readonly RunStep[];
  /** Starts the roll-out of what was registered; undefined where nobody asked for it. */
  readonly rollout?: ArgoTemplate;
}
