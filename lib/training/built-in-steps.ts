import {
  BUILT_IN_STEPS,
  COMMANDS,
  type CommandSpec,
  CONFIG_FILES,
  LIFECYCLE,
  renderArguments,
  STEP_ENVIRONMENT,
  WORKSPACE_PATHS,
} from '../contract';
import { type ContainerResources } from '../platform/container-resources';

/** A built-in step: one command of one of our containers. */
export interface BuiltInStep {
  readonly name: string;
  readonly command: CommandSpec;
  readonly args: readonly string[];
  /** Rendered configuration that is mounted: keys of `CONFIG_FILES`. */
  readonly config: readonly (keyof typeof CONFIG_FILES)[];
  readonly resources: ContainerResources;
}

/** What the built-in steps must know of the pipeline. */
export interface BuiltInStepsOptions {
  readonly model: string;
  readonly namespace: string;
  readonly engine: string;
  /** Name of the ConfigMap with the limits of the loop. */
  readonly loop: string;
  readonly mlflowTrackingUri: string;
  /** Where artifacts of registered versions are kept. */
  readonly modelStore: string;
  readonly gitCommit?: string;
  /** For engines that see only exit codes. */
  readonly failOnNo: boolean;
}

const JUDGE: ContainerResources = { cpu: '100m', memory: '128Mi', memoryLimit: '256Mi' };
const READ_DATA: ContainerResources = { cpu: '1', memory: '512Mi', memoryLimit: '1Gi' };

/** How Argo tells an exit handler what became of the workflow. */
const WORKFLOW_STATUS = '{{workflow.status}}';

const variable = (name: string): string => `$(${name})`;
const { runId, runReason, workspaceUri, dataUri, modelUri, evaluationUri } = STEP_ENVIRONMENT;
const inWorkspace = (path: string): string => `${variable(workspaceUri)}/${path}`;

/** The built-in steps, with exactly the arguments that the containers take. */
export function builtInSteps(options: BuiltInStepsOptions): Record<keyof typeof BUILT_IN_STEPS, BuiltInStep> {
  const { model, mlflowTrackingUri: registry, failOnNo } = options;
  const run = { run: variable(runId), reason: variable(runReason) };
  const schema = `${CONFIG_FILES.schema.directory}/${CONFIG_FILES.schema.file}`;
  const gates = `${CONFIG_FILES.gates.directory}/${CONFIG_FILES.gates.file}`;
  const data = variable(dataUri);
  const metrics = inWorkspace(WORKSPACE_PATHS.metrics);
  const profile = inWorkspace(WORKSPACE_PATHS.profile);
  const decisions = inWorkspace(WORKSPACE_PATHS.decisions);
  return {
    admit: {
      name: BUILT_IN_STEPS.admit,
      command: COMMANDS.admit,
      args: renderArguments(COMMANDS.admit, {
        ...{ model, namespace: options.namespace, engine: options.engine, ...run },
        ...{ loop: options.loop, 'fail-on-no': failOnNo },
      }),
      config: [],
      resources: JUDGE,
    },
    validate: {
      name: BUILT_IN_STEPS.validate,
      command: COMMANDS.validate,
      args: renderArguments(COMMANDS.validate, {
        ...{ schema, data, registry },
        ...{ report: inWorkspace('validation'), 'fail-on-no': failOnNo },
      }),
      config: ['schema'],
      resources: READ_DATA,
    },
    profile: {
      name: BUILT_IN_STEPS.profile,
      command: COMMANDS.profile,
      args: renderArguments(COMMANDS.profile, {
        ...{ schema, data, output: profile },
        predictions: inWorkspace(WORKSPACE_PATHS.predictions),
      }),
      config: ['schema'],
      resources: READ_DATA,
    },
    gate: {
      name: BUILT_IN_STEPS.gate,
      command: COMMANDS.evaluate,
      args: renderArguments(COMMANDS.evaluate, {
        ...{ model, gates, metrics, evaluation: variable(evaluationUri), ...run },
        ...{ registry, decisions, namespace: options.namespace, 'fail-on-no': failOnNo },
      }),
      config: ['gates'],
      resources: JUDGE,
    },
    register: {
      name: BUILT_IN_STEPS.register,
      command: COMMANDS.register,
      args: renderArguments(COMMANDS.register, {
        ...{ model, artifact: variable(modelUri), store: options.modelStore, schema, data, metrics, profile },
        ...{ configuration: inWorkspace(WORKSPACE_PATHS.configuration), 'git-commit': options.gitCommit },
        ...{ ...run, registry, decisions, namespace: options.namespace },
      }),
      config: ['schema'],
      resources: JUDGE,
    },
    promote: {
      name: BUILT_IN_STEPS.promote,
      command: COMMANDS.promote,
      args: renderArguments(COMMANDS.promote, {
        ...{ model, to: LIFECYCLE.production, ...run },
        ...{ registry, decisions, namespace: options.namespace },
      }),
      config: [],
      resources: JUDGE,
    },
    conclude: {
      name: BUILT_IN_STEPS.conclude,
      command: COMMANDS.conclude,
      args: renderArguments(COMMANDS.conclude, {
        ...{ model, namespace: options.namespace, run: run.run, status: WORKFLOW_STATUS },
      }),
      config: [],
      resources: JUDGE,
    },
  };
}
