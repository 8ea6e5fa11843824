import { Duration } from 'cdk8s';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { cronProblem, timeZoneProblem } from '../validation/cron';
import { dnsSubdomainProblem } from '../validation/names';
import { type Problems } from '../validation/problems';
import { objectStoreUriProblem } from '../validation/uri';
import { RESERVED_STEP_NAMES } from './order-steps';
import { checkStep, checkStepName, type ExtraStep, type PipelineStep, type TrainingSteps } from './pipeline-step';
import { type TrainingEngine } from './training-engine';
import { type Workspace } from './workspace';

/** Time between the end of a run and the start of the next unless another is asked for. */
export const DEFAULT_COOLDOWN = Duration.hours(6);

/** How long finished runs are kept unless something else is asked for: of a weekly training, the last two are always there. */
export const DEFAULT_KEEP_RUNS = Duration.days(15);

/** The props of a pipeline that can be wrong by themselves. */
export interface PipelineSettings {
  readonly platform: MlModelPlatform;
  readonly engine: TrainingEngine;
  readonly schedule: string;
  readonly timeZone?: string;
  readonly steps: TrainingSteps;
  readonly workspace: Workspace;
  readonly extraSteps?: readonly ExtraStep[];
  readonly trainingDataUri?: string;
  readonly modelStore?: string;
  readonly gitCommit?: string;
  readonly deadline?: Duration;
  readonly startingDeadline?: Duration;
  readonly keepRuns?: Duration;
  readonly cooldown?: Duration;
  readonly maxRunsPerDay?: number;
  readonly imagePullSecrets?: readonly string[];
}

/** Reports everything that is wrong with the props of a pipeline. */
export function checkPipeline(props: PipelineSettings, problems: Problems): void {
  const { schedule, timeZone, gitCommit, maxRunsPerDay } = props;
  problems.check('schedule', schedule, cronProblem(schedule));
  if (timeZone !== undefined) problems.check('timeZone', timeZone, timeZoneProblem(timeZone));
  if (gitCommit !== undefined && !/^[0-9a-f]{7,64}$/.test(gitCommit)) {
    problems.add('gitCommit', gitCommit, 'must be the hash of a commit');
  }
  if (maxRunsPerDay !== undefined && !(Number.isInteger(maxRunsPerDay) && maxRunsPerDay >= 1)) {
    problems.add('maxRunsPerDay', maxRunsPerDay, "must be a whole number from 1 on; to stop all runs use 'paused'");
  }
  for (const name of props.imagePullSecrets ?? []) {
    problems.check('imagePullSecrets', name, dnsSubdomainProblem(name));
  }
  checkAddresses(props, problems);
  checkDurations(props, problems);
  checkSteps(props, problems);
}

function checkAddresses(props: PipelineSettings, problems: Problems): void {
  const { modelStore, trainingDataUri, steps, platform } = props;
  if (modelStore !== undefined) problems.check('modelStore', modelStore, objectStoreUriProblem(modelStore));
  if (modelStore === undefined && platform.modelStore === undefined) {
    problems.addText("'modelStore' must be given, here or on the platform: registered versions are served from it");
  }
  if (trainingDataUri !== undefined) {
    problems.check('trainingDataUri', trainingDataUri, objectStoreUriProblem(trainingDataUri));
  }
  if (!steps.extract && trainingDataUri === undefined) {
    problems.addText(
      "'trainingDataUri' must be given where there is no extract step: the data is validated and profiled",
    );
  }
  if (steps.extract && trainingDataUri !== undefined) {
    problems.add('trainingDataUri', trainingDataUri, 'has no effect: the extract step brings the data; leave one out');
  }
}

function checkDurations(props: PipelineSettings, problems: Problems): void {
  const { keepRuns = DEFAULT_KEEP_RUNS, cooldown = DEFAULT_COOLDOWN } = props;
  problems.checkDuration('deadline', props.deadline, 60);
  problems.checkDuration('startingDeadline', props.startingDeadline, 60);
  problems.checkDuration('cooldown', cooldown, 0);
  problems.checkDuration('keepRuns', keepRuns, 0);
  const kept = keepRuns.toSeconds({ integral: false });
  if (kept < Math.max(cooldown.toSeconds({ integral: false }), Duration.days(1).toSeconds())) {
    const rule = `must be at least a day and the cooldown (${cooldown.toHumanString()})`;
    problems.add(
      'keepRuns',
      keepRuns.toHumanString(),
      `${rule}: cooldown and daily limit count the runs that are kept`,
    );
  }
}

function checkSteps({ steps, extraSteps = [], engine, workspace }: PipelineSettings, problems: Problems): void {
  const named = Object.entries(steps) as [string, PipelineStep | undefined][];
  for (const [name, step] of named) if (step) checkStep(`steps.${name}`, step, problems);
  const taken = new Set(RESERVED_STEP_NAMES);
  for (const step of extraSteps) {
    checkStepName(step.name, taken, problems);
    taken.add(step.name);
    checkStep(`extraSteps.${step.name}`, step, problems);
  }
  if (engine.name !== 'cronjob') return;
  const all = [...named, ...extraSteps.map((step) => [step.name, step] as const)];
  checkOnePod(all, problems);
  for (const [name, step] of all) {
    if (workspace._volume && step?.pool?.spot && step.checkpointUri === undefined) {
      const remedy = 'give a checkpointUri in an object store, or use Workspace.objectStore';
      problems.addText(
        `'steps.${name}' would lose its checkpoints when a spot node is reclaimed: on TrainingEngine.cronJob() a volume lives as ` +
          `long as one pod; ${remedy}`,
      );
    }
  }
}

/** In one pod there is one node: two pools, or two values of a label, cannot both be had. */
function checkOnePod(steps: readonly (readonly [string, PipelineStep | undefined])[], problems: Problems): void {
  const selected = new Map<string, string>();
  for (const [name, step] of steps) {
    for (const [label, value] of Object.entries({ ...step?.pool?.labels, ...step?.nodeSelector })) {
      const other = selected.get(label) ?? value;
      if (other !== value) {
        const both = `'${label}' is asked to be both '${other}' and '${value}'`;
        problems.addText(`'steps' run in one pod on TrainingEngine.cronJob() and need one pool: ${both}`);
      }
      selected.set(label, other);
    }
    if (step?.timeout) {
      const rule = 'cannot be kept by TrainingEngine.cronJob(), whose steps share a pod: set the deadline of the run';
      problems.add(`steps.${name}.timeout`, step.timeout.toHumanString(), rule);
    }
  }
}
