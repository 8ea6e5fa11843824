import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { BUILT_IN_STEPS, LABELS, ROLLOUT_PARAMETERS, TRAINING_PARAMETERS } from '../contract';
import { type ArgoDagTask, type ArgoTemplate, WorkflowTemplate } from '../crds/argo-workflows';
import { type Model } from '../model/model';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { type objectMetadata } from '../platform/object-metadata';
import { type ServedModel } from '../serving/served-model';
import { type Problems } from '../validation/problems';
import { type TrainingEngine } from './training-engine';

/** Name of the step that starts the roll-out. */
export const ROLLOUT_STEP = 'rollout';
const SECONDS = 300;

/** The task that follows a registration: a version that was not registered is not rolled out. */
export const ROLLOUT_TASK: ArgoDagTask = {
  ...{ name: ROLLOUT_STEP, template: ROLLOUT_STEP },
  depends: `${BUILT_IN_STEPS.register}.Succeeded`,
};

/** Creates the Workflow of a roll-out, as the account that may. The run does not wait for it. */
export function rolloutTemplate(model: Model): ArgoTemplate {
  const template = model.objectName('rollout');
  // A reason may have any character: as JSON it is also YAML.
  const manifest = `apiVersion: ${WorkflowTemplate.GVK.apiVersion}
kind: Workflow
metadata:
  generateName: ${template}-
spec:
  workflowTemplateRef: {name: ${template}}
  arguments:
    parameters:
      - {name: ${ROLLOUT_PARAMETERS.run}, value: "{{workflow.name}}"}
      - {name: ${ROLLOUT_PARAMETERS.reason}, value: {{=toJson(workflow.parameters.${TRAINING_PARAMETERS.reason})}}}
`;
  return {
    name: ROLLOUT_STEP,
    metadata: { labels: { [LABELS.step]: ROLLOUT_STEP } },
    serviceAccountName: model.objectName('rolloutStart'),
    activeDeadlineSeconds: SECONDS,
    resource: { action: 'create', manifest },
  };
}

/** @internal */
export interface RolloutStartAccountProps {
  readonly platform: MlModelPlatform;
  readonly model: Model;
  readonly metadata: ReturnType<typeof objectMetadata>;
}

/**
 * The account that may create workflows, which the steps of a training may not.
 *
 * @internal
 */
export class RolloutStartAccount extends Construct {
  constructor(scope: Construct, id: string, { platform, model, metadata }: RolloutStartAccountProps) {
    super(scope, id);
    const name = model.objectName('rolloutStart');
    new k8s.KubeServiceAccount(this, 'ServiceAccount', { metadata });
    new k8s.KubeRole(this, 'Role', {
      metadata,
      // What is created has no name yet that a rule could have.
      rules: [{ apiGroups: ['argoproj.io'], resources: ['workflows'], verbs: ['create'] }],
    });
    new k8s.KubeRoleBinding(this, 'RoleBinding', {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: platform.namespace }],
    });
    platform._executor.bind(this, 'ExecutorBinding', name);
  }
}

/** Reports a roll-out that this pipeline cannot start. */
export function checkRolloutStart(
  served: ServedModel,
  pipeline: {
    readonly platform: MlModelPlatform;
    readonly model: Model;
    readonly engine: TrainingEngine;
    readonly promotes?: boolean;
  },
  problems: Problems,
): void {
  const add = (problem: string): void => problems.addText(`'rollout' (${served.node.path}) ${problem}`);
  if (served.model.name !== pipeline.model.name)
    add(`serves '${served.model.name}', and '${pipeline.model.name}' is trained`);
  if (served.platform.namespace !== pipeline.platform.namespace) {
    add(`is in the namespace '${served.platform.namespace}', and the runs are in '${pipeline.platform.namespace}'`);
  }
  if (!served.rollout) add("has no strategy: give it a 'rollout', or leave this prop out");
  if (pipeline.engine.name !== 'argo') add('is a workflow of Argo: use TrainingEngine.argo(), or start it by hand');
  if (pipeline.promotes === true)
    add("makes a version champion when it has answered live requests: leave 'promotes' out");
}
