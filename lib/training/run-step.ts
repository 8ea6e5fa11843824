import { k8s } from 'cdk8s-plus-29';
import { CONFIG_FILES, CONTAINER_ENTRYPOINT, DEFAULT_OUTPUT_DIR, STEP_ENVIRONMENT, WORKSPACE_PATHS } from '../contract';
import { resolveResources, resourceRequirements } from '../platform/container-resources';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { restrictedContainer } from '../platform/pod-security';
import { type BuiltInStep } from './built-in-steps';
import { DEFAULT_STEP_RESOURCES, type PipelineStep } from './pipeline-step';
import { type Workspace, WORKSPACE_MOUNT } from './workspace';

/** A step of a run, as both engines render it. */
export interface RunStep {
  readonly name: string;
  readonly after: readonly string[];
  /** Whether it answers `passed`: what follows runs only on a yes. */
  readonly judges: boolean;
  readonly container: k8s.Container;
  readonly volumes: readonly k8s.Volume[];
  /** The user's step; undefined for a built-in one. */
  readonly user?: PipelineStep;
}

/** What every step of a pipeline shares. */
export interface RunContext {
  readonly platform: MlModelPlatform;
  readonly model: string;
  readonly workspace: Workspace;
  /** Where the training data lies when no step extracts it. */
  readonly trainingDataUri?: string;
  /** The variables `RUN_ID` and `RUN_REASON`, as the engine knows them. */
  readonly identity: readonly k8s.EnvVar[];
  /** Names of the ConfigMaps that are mounted, by key of `CONFIG_FILES`. */
  readonly configMaps: { readonly schema: string; readonly gates: string };
}

const WORKSPACE_ROOT = `$(${STEP_ENVIRONMENT.workspaceUri})`;
const TMP = 'tmp';
const SHARED_MEMORY = 'shared-memory';
const WORKSPACE = 'workspace';

/** A step that the user brings. */
export function userStep(context: RunContext, name: string, step: PipelineStep, after: readonly string[]): RunStep {
  const { gpu, sharedMemory } = step;
  const extended = gpu ? { [gpu.resourceName]: String(gpu.count) } : {};
  // Most images' home is not writable for the user that runs here.
  const plain = { HOME: '/tmp', ...step.env };
  const env = [
    ...environment(context),
    { name: STEP_ENVIRONMENT.checkpointUri, value: step.checkpointUri ?? checkpoints(name) },
    ...Object.entries(plain).map(([key, value]) => ({ name: key, value })),
    ...Object.entries(step.secrets ?? {}).map(([key, reference]) => reference._toEnvVar(key)),
  ];
  // Named after the step: on a CronJob the steps share a pod.
  const shmName = `${SHARED_MEMORY}-${name}`;
  const shm = sharedMemory === undefined ? [] : [{ name: shmName, mountPath: '/dev/shm' }];
  return {
    name,
    after,
    judges: false,
    user: step,
    container: {
      name,
      image: step.image,
      command: [...step.command],
      args: step.args && [...step.args],
      env,
      resources: resourceRequirements(resolveResources(step.resources, DEFAULT_STEP_RESOURCES), extended),
      securityContext: {
        ...restrictedContainer(step.readOnlyRootFilesystem ?? true),
        ...(step.user === undefined ? {} : { runAsUser: step.user, runAsGroup: step.user }),
      },
      volumeMounts: [...mounts(context), ...shm],
    },
    volumes: [...temporary(), ...sharedMemoryVolume(shmName, sharedMemory)],
  };
}

/** A built-in step. */
export function builtInStep(context: RunContext, step: BuiltInStep, after: readonly string[]): RunStep {
  const { images } = context.platform;
  const config = step.config.map((key) => ({ ...CONFIG_FILES[key], volume: `config-${key}`, key }));
  return {
    name: step.name,
    after,
    judges: 'fail-on-no' in step.command.options,
    container: {
      name: step.name,
      image: step.command.app === 'drift-checker' ? images.driftChecker : images.gateEvaluator,
      command: [...CONTAINER_ENTRYPOINT],
      args: [...step.args],
      env: environment(context),
      resources: resourceRequirements(step.resources),
      securityContext: restrictedContainer(),
      volumeMounts: [
        ...mounts(context),
        ...config.map(({ volume, directory }) => ({ name: volume, mountPath: directory, readOnly: true })),
      ],
    },
    volumes: [
      ...temporary(),
      ...config.map(({ volume, key }) => ({ name: volume, configMap: { name: configMapName(context, key) } })),
    ],
  };
}

function configMapName(context: RunContext, key: keyof typeof CONFIG_FILES): string {
  return key === 'gates' ? context.configMaps.gates : context.configMaps.schema;
}

/** What every step finds in its environment. The identity comes first: later values refer to it. */
function environment(context: RunContext): k8s.EnvVar[] {
  const { platform, model, workspace, trainingDataUri } = context;
  const names = STEP_ENVIRONMENT;
  const root = WORKSPACE_ROOT;
  const values: Record<string, string> = {
    [names.modelName]: model,
    [names.workspaceUri]: workspace._uriOf(`$(${names.runId})`),
    [names.dataUri]: trainingDataUri ?? `${root}/${WORKSPACE_PATHS.data}`,
    [names.modelUri]: `${root}/${WORKSPACE_PATHS.model}`,
    [names.evaluationUri]: `${root}/${WORKSPACE_PATHS.evaluation}`,
    [names.outputDir]: DEFAULT_OUTPUT_DIR,
    [names.mlflowTrackingUri]: platform.mlflowTrackingUri,
    [names.pushgatewayUrl]: platform.pushgatewayUrl,
  };
  const token = platform.mlflowToken ? [platform.mlflowToken._toEnvVar(names.mlflowTrackingToken)] : [];
  return [...context.identity, ...Object.entries(values).map(([name, value]) => ({ name, value })), ...token];
}

function checkpoints(step: string): string {
  return `${WORKSPACE_ROOT}/${WORKSPACE_PATHS.checkpoints}/${step}`;
}

function mounts({ workspace }: RunContext): k8s.VolumeMount[] {
  const volume = workspace._volume ? [{ name: WORKSPACE, mountPath: WORKSPACE_MOUNT }] : [];
  return [{ name: TMP, mountPath: '/tmp' }, ...volume];
}

function temporary(): k8s.Volume[] {
  return [{ name: TMP, emptyDir: {} }];
}

function sharedMemoryVolume(name: string, size: string | undefined): k8s.Volume[] {
  if (size === undefined) return [];
  return [{ name, emptyDir: { medium: 'Memory', sizeLimit: k8s.Quantity.fromString(size) } }];
}

/** The claim that a volume workspace is made from. */
export function workspaceClaim(
  workspace: Workspace,
): { name: string; spec: k8s.PersistentVolumeClaimSpec } | undefined {
  const volume = workspace._volume;
  if (!volume) return undefined;
  return {
    name: WORKSPACE,
    spec: {
      accessModes: [volume.accessMode],
      storageClassName: volume.storageClassName,
      resources: { requests: { storage: k8s.Quantity.fromString(volume.size) } },
    },
  };
}
