import { type k8s } from 'cdk8s-plus-29';
import {
  COMMANDS,
  type CommandSpec,
  CONFIG_FILES,
  CONTAINER_ENTRYPOINT,
  CONTAINER_USER,
  DEFAULT_OUTPUT_DIR,
  OUTPUT_FILES,
  renderArguments,
  ROLLOUT_PARAMETERS,
  type RolloutFile,
  type RolloutStep,
  STEP_ENVIRONMENT,
  VERDICTS,
} from '../contract';
import { type ArgoDagTask, type ArgoTemplate, type ArgoWorkflowSpec } from '../crds/argo-workflows';
import { ARGO_POD_SPEC_PATCH, retryInterrupted } from '../platform/argo-pods';
import { resourceRequirements } from '../platform/container-resources';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { objectLabels } from '../platform/object-metadata';
import { restrictedContainer, restrictedPod } from '../platform/pod-security';
import { stepTitle } from './rollout-plan';

/** What the workflows of a roll-out are rendered from. */
export interface RolloutWorkflowOptions {
  readonly platform: MlModelPlatform;
  /** Name of the account, the ConfigMap and the mutex. */
  readonly name: string;
  readonly component: string;
  readonly file: RolloutFile;
  readonly imagePullSecrets: readonly string[];
}

const VERSION = 'version';
const CONFIG = `${CONFIG_FILES.rollout.directory}/${CONFIG_FILES.rollout.file}`;
/** What a call takes beside what it waits for: registry, API server, decision record. */
const CALL_SECONDS = 600;
const ENDED_SECONDS = 604_800;
const RETRIES = 3;

const STEP_COMMANDS = {
  shadow: COMMANDS.rolloutShadow,
  weight: COMMANDS.rolloutWeight,
  update: COMMANDS.rolloutUpdate,
} as const;

const input = (name: string): string => `{{inputs.parameters.${name}}}`;
const parameter = (name: string): string => `{{workflow.parameters.${name}}}`;
const versionArgument = { parameters: [{ name: VERSION, value: input(VERSION) }] };
const BY_RUN = 'run {{workflow.name}}';

/** Templates of the workflows of one model. */
export class RolloutWorkflow {
  constructor(private readonly options: RolloutWorkflowOptions) {}

  /** Brings a version into production, step by step; whatever becomes of it, its exit handler leaves the champion alone in the cluster. */
  public rollout(): ArgoWorkflowSpec {
    const { steps } = this.options.file;
    const start = this.call('start', COMMANDS.rolloutStart, this.waits('candidate', 'stable'), {
      ...{ version: parameter(ROLLOUT_PARAMETERS.version), run: parameter(ROLLOUT_PARAMETERS.run) },
      ...{ reason: parameter(ROLLOUT_PARAMETERS.reason), by: BY_RUN },
    });
    const version = `{{steps.start.outputs.parameters.${OUTPUT_FILES.modelVersion}}}`;
    const outputs = { parameters: [outputOf(OUTPUT_FILES.modelVersion)] };
    return {
      ...this.workflow('rollout'),
      onExit: 'restore',
      activeDeadlineSeconds: this.deadline(),
      synchronization: { mutexes: [{ name: this.options.name }] },
      arguments: {
        parameters: [
          {
            name: ROLLOUT_PARAMETERS.version,
            value: '',
            description: 'the version; empty for the newest that passed its gates',
          },
          { name: ROLLOUT_PARAMETERS.run, value: '', description: 'the training run whose version it is' },
          { name: ROLLOUT_PARAMETERS.reason, value: 'manual', description: 'why it is rolled out' },
        ],
      },
      templates: [
        {
          name: 'rollout',
          steps: [
            [{ name: 'start', template: 'start' }],
            [
              {
                name: phaseName(0),
                template: phaseName(0),
                arguments: { parameters: [{ name: VERSION, value: version }] },
              },
            ],
          ],
        },
        ...steps.map((step, index) => this.phase(step, index)),
        { ...start, outputs },
        ...this.steps(),
        this.call('finish', COMMANDS.rolloutFinish, this.waits('stable'), {
          ...{ version: input(VERSION), reason: parameter(ROLLOUT_PARAMETERS.reason), by: BY_RUN },
        }),
        this.restore('its roll-out ended before it became champion: see the analysis before'),
      ],
    };
  }

  /** Makes the version before champion again, and the cluster serve it: at once, also while another one is rolled out. */
  public rollback(): ArgoWorkflowSpec {
    const { model, namespace, registry } = this.options.file;
    const reason = parameter(ROLLOUT_PARAMETERS.reason);
    return {
      ...this.workflow('rollback'),
      arguments: {
        parameters: [
          {
            name: ROLLOUT_PARAMETERS.version,
            value: '',
            description: 'the version to go back to; empty for the one before',
          },
          { name: ROLLOUT_PARAMETERS.reason, value: 'manual', description: 'why it is taken back' },
        ],
      },
      templates: [
        {
          name: 'rollback',
          steps: [[{ name: 'take-back', template: 'take-back' }], [{ name: 'restore', template: 'restore' }]],
        },
        this.call('take-back', COMMANDS.rollback, 0, {
          ...{ model, namespace, registry, reason, to: parameter(ROLLOUT_PARAMETERS.version), by: BY_RUN },
        }),
        this.restore('a rollback was asked for'),
      ],
    };
  }

  /** Mends what an exit handler cannot: it is not run for a workflow that was terminated or deleted. */
  public janitor(): ArgoWorkflowSpec {
    return {
      ...this.workflow('restore'),
      // Waits for a roll-out that is under way, and then finds nothing to do.
      synchronization: { mutexes: [{ name: this.options.name }] },
      templates: [this.restore('its roll-out is gone')],
    };
  }

  /** Act, wait, judge, and go on only on a yes. */
  private phase(step: RolloutStep, index: number): ArgoTemplate {
    const { steps } = this.options.file;
    const next = index + 1 < steps.length ? phaseName(index + 1) : 'finish';
    const act: ArgoDagTask = {
      ...{ name: step.kind, template: step.kind },
      arguments: { parameters: [...versionArgument.parameters, ...percentOf(step)] },
    };
    const seconds = { parameters: [{ name: 'seconds', value: String(step.pauseSeconds) }] };
    const title = { name: 'step', value: stepTitle(step) };
    const judge = {
      name: 'analyze',
      template: 'analyze',
      arguments: { parameters: [...versionArgument.parameters, title] },
    };
    const passed = `"{{steps.analyze.outputs.parameters.${OUTPUT_FILES.passed}}}" == "true"`;
    return {
      name: phaseName(index),
      inputs: { parameters: [{ name: VERSION }] },
      steps: [
        [act],
        ...(step.pauseSeconds > 0 ? [[{ name: 'pause', template: 'pause', arguments: seconds }]] : []),
        ...(step.judged ? [[judge]] : []),
        [{ name: next, template: next, arguments: versionArgument, ...(step.judged && { when: passed }) }],
      ],
    };
  }

  private steps(): ArgoTemplate[] {
    const { steps, analysis } = this.options.file;
    const kinds = [...new Set(steps.map(({ kind }) => kind))];
    const acts = kinds.map((kind) => {
      const hasPercent = kind !== 'update';
      return this.call(
        kind,
        STEP_COMMANDS[kind],
        this.waits('candidate', 'stable'),
        { version: input(VERSION), ...(hasPercent && { percent: input('percent') }) },
        hasPercent ? [VERSION, 'percent'] : [VERSION],
      );
    });
    const values = { version: input(VERSION), step: input('step'), by: BY_RUN };
    const analyze = this.call('analyze', COMMANDS.analyze, analysis.holdSeconds, values, [VERSION, 'step']);
    return [
      ...acts,
      ...(steps.some(({ pauseSeconds }) => pauseSeconds > 0)
        ? [{ name: 'pause', inputs: { parameters: [{ name: 'seconds' }] }, suspend: { duration: input('seconds') } }]
        : []),
      ...(steps.some(({ judged }) => judged)
        ? [
            {
              ...analyze,
              outputs: {
                parameters: [
                  outputOf(OUTPUT_FILES.passed, 'false'),
                  outputOf(OUTPUT_FILES.verdict, VERDICTS.inconclusive),
                ],
              },
            },
          ]
        : []),
    ];
  }

  private restore(reason: string): ArgoTemplate {
    const template = this.call(
      'restore',
      COMMANDS.rolloutRestore,
      this.waits('candidate', 'stable'),
      { reason, by: BY_RUN },
      [],
    );
    // An exit handler of a stopped workflow is not retried: the command repeats what can be repeated by itself.
    return template;
  }

  private call<C extends CommandSpec>(
    name: string,
    command: C,
    waits: number,
    values: { readonly [K in keyof C['options']]?: string | boolean },
    inputs: readonly string[] = name === 'finish' ? [VERSION] : [],
  ): ArgoTemplate {
    const hasConfig = 'config' in command.options;
    const volumes = [
      { name: 'tmp', emptyDir: {} },
      ...(hasConfig ? [{ name: 'config', configMap: { name: this.options.name } }] : []),
    ];
    return {
      name,
      ...(inputs.length > 0 && { inputs: { parameters: inputs.map((each) => ({ name: each })) } }),
      volumes,
      podSpecPatch: ARGO_POD_SPEC_PATCH,
      retryStrategy: retryInterrupted(RETRIES),
      activeDeadlineSeconds: CALL_SECONDS + waits,
      container: {
        name: 'main',
        image: this.options.platform.images.gateEvaluator,
        command: [...CONTAINER_ENTRYPOINT],
        args: renderArguments(command, { ...(hasConfig && { config: CONFIG }), ...values }),
        env: this.environment(),
        resources: resourceRequirements({ cpu: '100m', memory: '128Mi', memoryLimit: '256Mi' }),
        securityContext: restrictedContainer(),
        volumeMounts: [
          { name: 'tmp', mountPath: '/tmp' },
          ...(hasConfig ? [{ name: 'config', mountPath: CONFIG_FILES.rollout.directory, readOnly: true }] : []),
        ],
      },
    };
  }

  private environment(): k8s.EnvVar[] {
    const { mlflowToken, mlflowTrackingUri, pushgatewayUrl } = this.options.platform;
    return [
      { name: STEP_ENVIRONMENT.outputDir, value: DEFAULT_OUTPUT_DIR },
      { name: STEP_ENVIRONMENT.mlflowTrackingUri, value: mlflowTrackingUri },
      { name: STEP_ENVIRONMENT.pushgatewayUrl, value: pushgatewayUrl },
      ...(mlflowToken ? [mlflowToken._toEnvVar(STEP_ENVIRONMENT.mlflowTrackingToken)] : []),
    ];
  }

  private workflow(entrypoint: string): ArgoWorkflowSpec {
    const { name, component, file, imagePullSecrets } = this.options;
    const labels = objectLabels({ app: 'rollout', component, model: file.model });
    return {
      entrypoint,
      serviceAccountName: name,
      ttlStrategy: { secondsAfterCompletion: ENDED_SECONDS },
      podGC: { strategy: 'OnPodSuccess', deleteDelayDuration: '10m' },
      podMetadata: { labels },
      workflowMetadata: { labels },
      securityContext: restrictedPod(CONTAINER_USER),
      imagePullSecrets: imagePullSecrets.length > 0 ? imagePullSecrets.map((secret) => ({ name: secret })) : undefined,
    };
  }

  private waits(...of: readonly ('stable' | 'candidate')[]): number {
    return of.reduce((sum, each) => sum + (this.options.file[each]?.workload.readySeconds ?? 0), 0);
  }

  /** What all steps may take together. */
  private deadline(): number {
    const { steps, analysis } = this.options.file;
    const each = CALL_SECONDS + this.waits('candidate', 'stable');
    const paused = steps.reduce(
      (sum, step) => sum + step.pauseSeconds + (step.judged ? analysis.holdSeconds + CALL_SECONDS : 0),
      0,
    );
    return paused + (steps.length + 2) * each;
  }
}

const phaseName = (index: number): string => `step-${index + 1}`;

const percentOf = ({ percent }: RolloutStep): { readonly name: string; readonly value: string }[] =>
  percent === undefined ? [] : [{ name: 'percent', value: String(percent) }];

function outputOf(name: string, otherwise?: string): NonNullable<ArgoTemplate['outputs']>['parameters'][number] {
  return {
    name,
    valueFrom: { path: `${DEFAULT_OUTPUT_DIR}/${name}`, ...(otherwise !== undefined && { default: otherwise }) },
  };
}
