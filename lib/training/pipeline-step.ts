import { type Duration } from 'cdk8s';
import { STEP_ENVIRONMENT } from '../contract';
import { checkResources, type ContainerResources, resolveResources } from '../platform/container-resources';
import { type GpuRequest } from '../platform/gpu-request';
import { type NodePool } from '../platform/node-pool';
import { checkPoolFit } from '../platform/pool-fit';
import { type SecretReference } from '../platform/secret-reference';
import { imageProblem } from '../validation/image';
import { dnsLabelProblem, environmentNameProblem, labelKeyProblem, labelValueProblem } from '../validation/names';
import { type Problems } from '../validation/problems';
import { bytesProblem } from '../validation/quantity';
import { secretLiteralProblem, secretValueProblem } from '../validation/secrets';
import { objectStoreUriProblem } from '../validation/uri';

/** A taint that a step's pod tolerates. */
export interface StepToleration {
  readonly key: string;
  /**
   * Value of the taint.
   *
   * @default - any value
   */
  readonly value?: string;
  /**
   * Effect of the taint.
   *
   * @default - every effect
   */
  readonly effect?: string;
}

/** One container of a training run. It finds its inputs and outputs in the environment, see `STEP_ENVIRONMENT`. */
export interface PipelineStep {
  /** Image of the step, pinned by a tag or digest. */
  readonly image: string;

  /** Program and arguments. Required: without it Argo would have to ask the registry for the image's entry point. */
  readonly command: readonly string[];

  /**
   * Further arguments.
   *
   * @default - none
   */
  readonly args?: readonly string[];

  /**
   * Environment in plain text.
   *
   * @default - only what every step gets
   */
  readonly env?: { readonly [name: string]: string };

  /**
   * Environment from Secrets.
   *
   * @default - none
   */
  readonly secrets?: { readonly [name: string]: SecretReference };

  /**
   * What the container asks for.
   *
   * @default - 1 CPU, 2Gi of memory
   */
  readonly resources?: ContainerResources;

  /**
   * GPUs of the container.
   *
   * @default - none
   */
  readonly gpu?: GpuRequest;

  /**
   * Nodes that the step runs on: gives node selector and tolerations, and is checked against what the step asks for.
   *
   * @default - any untainted node
   */
  readonly pool?: NodePool;

  /**
   * Further labels that the node must have.
   *
   * @default - none
   */
  readonly nodeSelector?: { readonly [label: string]: string };

  /**
   * Further taints that the pod tolerates.
   *
   * @default - none
   */
  readonly tolerations?: readonly StepToleration[];

  /**
   * Size of `/dev/shm`, which data loaders of PyTorch share batches through; counts as memory of the container.
   *
   * @default - the runtime's 64 MiB
   */
  readonly sharedMemory?: string;

  /**
   * Where the step keeps checkpoints, handed over as `CHECKPOINT_URI`. A retry of the same run finds the same address.
   *
   * @default - `checkpoints/<step>` in the run's workspace
   */
  readonly checkpointUri?: string;

  /**
   * How often a step that was evicted or whose pod was lost starts again.
   *
   * @default - 10 on a spot pool, 2 elsewhere
   */
  readonly retries?: number;

  /**
   * How long the step may take.
   *
   * @default - as long as the run
   */
  readonly timeout?: Duration;

  /**
   * User and group the container runs as; not root.
   *
   * @default 65532
   */
  readonly user?: number;

  /**
   * Whether the root file system is read-only; `/tmp` can always be written.
   *
   * @default true
   */
  readonly readOnlyRootFilesystem?: boolean;

  /**
   * Whether the image may have a tag that moves, such as `latest`.
   *
   * @default false
   */
  readonly allowMutableTag?: boolean;
}

/** A step of the user's own between the others. */
export interface ExtraStep extends PipelineStep {
  /** Name of the step, unique in the pipeline. */
  readonly name: string;

  /**
   * Steps that must have succeeded before.
   *
   * @default - train; none where the step says what waits for it
   */
  readonly after?: readonly string[];

  /**
   * Steps that wait for this one.
   *
   * @default - none: a failure of this step still fails the run
   */
  readonly before?: readonly string[];
}

/** The steps that a user brings. */
export interface TrainingSteps {
  /**
   * Brings the training data to `DATA_URI`.
   *
   * @default - none: the data lies at `trainingDataUri`
   */
  readonly extract?: PipelineStep;

  /**
   * Checks of the user's own on the data, after the built-in ones. A non-zero exit ends the run.
   *
   * @default - only the built-in checks
   */
  readonly validate?: PipelineStep;

  /** Trains the model from `DATA_URI` and leaves the artifact at `MODEL_URI`. */
  readonly train: PipelineStep;

  /**
   * Leaves `metrics.json`, `predictions.parquet` and what else the gates name at `EVALUATION_URI`.
   *
   * @default - none: train does so
   */
  readonly evaluate?: PipelineStep;
}

/** What a step's container asks for when it does not say. */
export const DEFAULT_STEP_RESOURCES: ContainerResources = { cpu: '1', memory: '2Gi' };

const TAINT_EFFECTS: readonly string[] = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const RESERVED_VARIABLES: readonly string[] = Object.values(STEP_ENVIRONMENT);

/** Reports everything that is wrong with one step. */
export function checkStep(prop: string, step: PipelineStep, problems: Problems): void {
  problems.check(`${prop}.image`, step.image, imageProblem(step.image, step.allowMutableTag));
  if (step.command.length === 0) problems.add(`${prop}.command`, step.command, 'must name the program to run');
  checkEnvironment(prop, step, problems);
  checkResources(`${prop}.resources`, resolveResources(step.resources, DEFAULT_STEP_RESOURCES), problems);
  if (step.sharedMemory !== undefined) {
    problems.check(`${prop}.sharedMemory`, step.sharedMemory, bytesProblem(step.sharedMemory));
  }
  if (step.retries !== undefined && !(Number.isInteger(step.retries) && step.retries >= 0)) {
    problems.add(`${prop}.retries`, step.retries, 'must be a whole number from 0 on');
  }
  if (step.user !== undefined && !(Number.isInteger(step.user) && step.user > 0)) {
    problems.add(`${prop}.user`, step.user, 'must be a user id above 0: the namespace refuses root');
  }
  problems.checkDuration(`${prop}.timeout`, step.timeout, 1);
  if (step.checkpointUri !== undefined) {
    problems.check(`${prop}.checkpointUri`, step.checkpointUri, objectStoreUriProblem(step.checkpointUri));
  }
  for (const [label, value] of Object.entries(step.nodeSelector ?? {})) {
    problems.check(`${prop}.nodeSelector`, label, labelKeyProblem(label));
    problems.check(`${prop}.nodeSelector.${label}`, value, labelValueProblem(value));
  }
  for (const { key, value, effect } of step.tolerations ?? []) {
    problems.check(`${prop}.tolerations`, key, labelKeyProblem(key));
    if (value !== undefined) problems.check(`${prop}.tolerations.${key}`, value, labelValueProblem(value));
    if (effect !== undefined && !TAINT_EFFECTS.includes(effect)) {
      problems.add(`${prop}.tolerations.${key}`, effect, `must be one of ${TAINT_EFFECTS.join(', ')}`);
    }
  }
  const resources = resolveResources(step.resources, DEFAULT_STEP_RESOURCES);
  checkPoolFit(`${prop}.`, { pool: step.pool, gpu: step.gpu, resources }, problems);
}

/** Reports an extra step's name that is none or taken. */
export function checkStepName(name: string, taken: ReadonlySet<string>, problems: Problems): void {
  problems.check('extraSteps.name', name, dnsLabelProblem(name, 40));
  if (/^\d/.test(name)) problems.add('extraSteps.name', name, 'must not start with a digit: Argo refuses it as a task');
  if (taken.has(name)) problems.add('extraSteps.name', name, 'is taken: every step has a name of its own');
}

function checkEnvironment(prop: string, step: PipelineStep, problems: Problems): void {
  const { env = {}, secrets = {}, command, args = [] } = step;
  for (const name of [...Object.keys(env), ...Object.keys(secrets)]) {
    problems.check(`${prop}.env`, name, environmentNameProblem(name));
    if (RESERVED_VARIABLES.includes(name)) {
      problems.add(`${prop}.env`, name, 'is set by the pipeline itself: choose another name');
    }
  }
  for (const argument of [...command, ...args]) {
    const problem = secretValueProblem(argument);
    if (problem !== undefined) problems.addText(`'${prop}' has an argument that ${problem}`);
  }
  for (const [name, value] of Object.entries(env)) {
    const problem = secretLiteralProblem(name, value);
    // The value is not repeated: it may be a secret.
    if (problem !== undefined) problems.addText(`'${prop}.env.${name}' ${problem}`);
    if (name in secrets) problems.add(`${prop}.env`, name, 'stands under env and under secrets: keep one');
  }
}
