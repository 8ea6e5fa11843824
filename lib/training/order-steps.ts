import { BUILT_IN_STEPS } from '../contract';
import { type Problems } from '../validation/problems';
import { type BuiltInStep } from './built-in-steps';
import { type ExtraStep, type TrainingSteps } from './pipeline-step';
import { builtInStep, type RunContext, type RunStep, userStep } from './run-step';
import { ROLLOUT_STEP } from './start-rollout';
import { findParallelSteps, link, sortSteps } from './step-graph';
import { VolumeAccessMode, type Workspace } from './workspace';

/** What decides the order of a run. */
export interface StepOrder {
  readonly steps: TrainingSteps;
  readonly extraSteps?: readonly ExtraStep[];
  readonly workspace: Workspace;
  readonly promotes?: boolean;
}

/**
 * All steps of a run after its admission, in an order in which each comes after those it waits for:
 * extract → validate-data → validate → train → evaluate → profile → gate → register → promote, and the extra ones between.
 */
export function orderSteps(
  context: RunContext,
  { steps, extraSteps = [], workspace, promotes = false }: StepOrder,
  builtIn: Readonly<Record<keyof typeof BUILT_IN_STEPS, BuiltInStep>>,
  problems: Problems,
): RunStep[] {
  const chain: RunStep[] = [];
  const add = (make: (after: string[]) => RunStep): void => {
    const last = chain.at(-1);
    chain.push(make(last ? [last.name] : []));
  };
  const { extract, validate, train, evaluate } = steps;
  if (extract) add((after) => userStep(context, 'extract', extract, after));
  add((after) => builtInStep(context, builtIn.validate, after));
  if (validate) add((after) => userStep(context, 'validate', validate, after));
  add((after) => userStep(context, 'train', train, after));
  if (evaluate) add((after) => userStep(context, 'evaluate', evaluate, after));
  add((after) => builtInStep(context, builtIn.profile, after));
  add((after) => builtInStep(context, builtIn.gate, after));
  add((after) => builtInStep(context, builtIn.register, after));
  if (promotes) add((after) => builtInStep(context, builtIn.promote, after));

  const extra = extraSteps.map((step) =>
    userStep(context, step.name, step, step.after ?? (step.before ? [] : ['train'])),
  );
  const before = new Map(extraSteps.map((step) => [step.name, step.before ?? []]));
  const sorted = sortSteps(link([...chain, ...extra], before, problems), problems);

  const parallel = findParallelSteps(sorted);
  if (parallel && workspace._volume?.accessMode === VolumeAccessMode.READ_WRITE_ONCE) {
    const pair = `'${parallel[0]}' and '${parallel[1]}' may run side by side on two nodes`;
    const remedy = 'use VolumeAccessMode.READ_WRITE_MANY or Workspace.objectStore, or order them with after and before';
    problems.addText(`'workspace' can be mounted by one node at a time, but the steps ${pair}: ${remedy}`);
  }
  return sorted;
}

/** Names that extra steps cannot have. */
export const RESERVED_STEP_NAMES: readonly string[] = [
  ...Object.values(BUILT_IN_STEPS),
  ...['extract', 'validate', 'train', 'evaluate', 'training', 'pipeline', ROLLOUT_STEP],
];
