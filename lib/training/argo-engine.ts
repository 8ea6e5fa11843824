import { type k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import {
  CONTAINER_USER,
  DEFAULT_OUTPUT_DIR,
  LABELS,
  OUTPUT_FILES,
  RUN_REASONS,
  STEP_ENVIRONMENT,
  TRAINING_PARAMETERS,
} from '../contract';
import { type ArgoDagTask, type ArgoTemplate, CronWorkflow, WorkflowTemplate } from '../crds/argo-workflows';
import { ARGO_POD_SPEC_PATCH, retryInterrupted } from '../platform/argo-pods';
import { objectLabels, objectMetadata } from '../platform/object-metadata';
import { restrictedPod } from '../platform/pod-security';
import { type RunStep, workspaceClaim } from './run-step';
import { ROLLOUT_TASK } from './start-rollout';
import { stepRetries, stepScheduling } from './step-scheduling';
import { type EngineProps, RUN_HISTORY_LIMIT } from './training-engine';

const ENTRYPOINT = 'training';
const PIPELINE = 'pipeline';

/** How a run names itself and its reason in Argo. @internal */
export const ARGO_RUN_IDENTITY: readonly k8s.EnvVar[] = [
  { name: STEP_ENVIRONMENT.runId, value: '{{workflow.name}}' },
  { name: STEP_ENVIRONMENT.runReason, value: `{{workflow.parameters.${TRAINING_PARAMETERS.reason}}}` },
];

/**
 * The pipeline as a WorkflowTemplate, which is the only definition: the CronWorkflow, the drift-checker and the alert
 * path all run it by reference.
 *
 * @internal
 */
export class ArgoTraining extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly props: EngineProps,
  ) {
    super(scope, id);
    const { name, namespace, model, schedule, timeZone } = props;
    const labels = objectLabels({ app: 'training', component: props.component, model });
    const metadata = objectMetadata({ name, namespace, app: 'training', component: props.component, model });
    const claim = workspaceClaim(props.workspace);

    new WorkflowTemplate(this, 'Resource', {
      metadata,
      spec: {
        entrypoint: ENTRYPOINT,
        onExit: props.conclude.name,
        serviceAccountName: props.serviceAccount,
        arguments: {
          parameters: [
            {
              name: TRAINING_PARAMETERS.reason,
              value: RUN_REASONS.manual,
              description: 'why the run was started',
            },
          ],
        },
        activeDeadlineSeconds: props.deadlineSeconds,
        ttlStrategy: { secondsAfterCompletion: props.keepSeconds },
        podGC: { strategy: 'OnPodSuccess', deleteDelayDuration: '10m' },
        podMetadata: { labels },
        workflowMetadata: { labels },
        securityContext: restrictedPod(CONTAINER_USER),
        imagePullSecrets: props.imagePullSecrets?.map((secret) => ({ name: secret })),
        synchronization: { mutexes: [{ name }] },
        ...(claim && {
          volumeClaimTemplates: [{ metadata: { name: claim.name }, spec: claim.spec }],
          volumeClaimGC: { strategy: 'OnWorkflowCompletion' },
        }),
        templates: this.templates(),
      },
    });
    new CronWorkflow(this, 'Schedule', {
      metadata,
      spec: {
        schedules: [schedule],
        timezone: timeZone,
        concurrencyPolicy: 'Forbid',
        startingDeadlineSeconds: props.startingDeadlineSeconds,
        successfulJobsHistoryLimit: RUN_HISTORY_LIMIT,
        failedJobsHistoryLimit: RUN_HISTORY_LIMIT,
        workflowMetadata: { labels },
        workflowSpec: {
          workflowTemplateRef: { name },
          arguments: { parameters: [{ name: TRAINING_PARAMETERS.reason, value: RUN_REASONS.schedule }] },
        },
      },
    });
  }

  private templates(): ArgoTemplate[] {
    const { admit, conclude, steps, rollout, admitServiceAccount } = this.props;
    const judges = new Set(steps.filter((step) => step.judges).map(({ name }) => name));
    return [
      {
        name: ENTRYPOINT,
        steps: [
          [{ name: admit.name, template: admit.name }],
          [{ name: PIPELINE, template: PIPELINE, when: passed('steps', admit.name) }],
        ],
      },
      {
        name: PIPELINE,
        dag: { tasks: [...steps.map((step) => dagTask(step, judges)), ...(rollout ? [ROLLOUT_TASK] : [])] },
      },
      { ...this.template(admit), serviceAccountName: admitServiceAccount },
      ...steps.map((step) => this.template(step)),
      ...(rollout ? [rollout] : []),
      { ...this.template(conclude), serviceAccountName: admitServiceAccount },
    ];
  }

  private template(step: RunStep): ArgoTemplate {
    const user = step.user?.user;
    return {
      name: step.name,
      metadata: { labels: { [LABELS.step]: step.name } },
      volumes: step.volumes,
      podSpecPatch: ARGO_POD_SPEC_PATCH,
      ...stepScheduling(step.user),
      ...(user === undefined ? {} : { securityContext: restrictedPod(user) }),
      retryStrategy: retryInterrupted(stepRetries(step.user)),
      activeDeadlineSeconds: step.user?.timeout?.toSeconds(),
      container: { ...step.container, name: 'main' },
      ...(step.judges ? { outputs: { parameters: [PASSED] } } : {}),
    };
  }
}

const PASSED = {
  name: OUTPUT_FILES.passed,
  // A container that wrote no answer did not say yes.
  valueFrom: { path: `${DEFAULT_OUTPUT_DIR}/${OUTPUT_FILES.passed}`, default: 'false' },
};

function passed(kind: 'steps' | 'tasks', name: string): string {
  return `"{{${kind}.${name}.outputs.parameters.${OUTPUT_FILES.passed}}}" == "true"`;
}

function dagTask({ name, after }: RunStep, judges: ReadonlySet<string>): ArgoDagTask {
  const conditions = after.filter((step) => judges.has(step)).map((step) => passed('tasks', step));
  return {
    name,
    template: name,
    // `.Succeeded` and not the plain name, which also holds for a step that was skipped after a "no".
    depends: after.length > 0 ? after.map((step) => `${step}.Succeeded`).join(' && ') : undefined,
    when: conditions.length > 0 ? conditions.join(' && ') : undefined,
  };
}
