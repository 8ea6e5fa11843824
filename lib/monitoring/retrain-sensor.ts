import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { ALERT_ACTIONS, ALERT_LABELS, COMPONENTS, LABELS, RUN_REASONS, TRAINING_PARAMETERS } from '../contract';
import { Sensor, type SensorDataFilter } from '../crds/argo-events';
import { WorkflowTemplate } from '../crds/argo-workflows';
import { objectLabels, objectMetadata } from '../platform/object-metadata';
import { resourceName } from '../platform/resource-name';
import { type TrainingPipeline } from '../training/training-pipeline';
import { EVENTS_LABELS, eventsPod } from './events-pod';
import { RETRAIN_EVENT, type RetrainWebhook } from './retrain-webhook';

const DEPENDENCY = 'alert';
/** Of `-alert-2026-11-21-1a2b3c4d`, which closes the name of every run. */
const SUFFIX_LENGTH = 26;
/** Longest name of a Workflow that still is a label of its pods. */
const MAX_NAME = 63;

/** @internal */
export interface RetrainSensorProps {
  readonly webhook: RetrainWebhook;
  /** What is started. */
  readonly training: TrainingPipeline;
  /** Names of the alerts that start it. */
  readonly alerts: readonly string[];
}

/**
 * Starts the training of one model when one of its alerts says so, and may do nothing else.
 *
 * @internal
 */
export class RetrainSensor extends Construct {
  constructor(scope: Construct, id: string, { webhook, training, alerts }: RetrainSensorProps) {
    super(scope, id);
    const { platform, model } = training;
    const { namespace } = platform;
    const name = model.objectName('retrain');
    const identity = { app: 'retraining', component: COMPONENTS.retrainTrigger, model: model.name };
    const metadata = objectMetadata({ name, namespace, ...identity });
    new k8s.KubeServiceAccount(this, 'ServiceAccount', { metadata });
    new k8s.KubeRole(this, 'Role', {
      metadata,
      // A create cannot be limited to names; which template may run is for the run's admission to decide.
      rules: [{ apiGroups: ['argoproj.io'], resources: ['workflows'], verbs: ['create'] }],
    });
    new k8s.KubeRoleBinding(this, 'RoleBinding', {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    });
    const egress = [webhook.bus.egress(), platform._network.apiServer()];
    platform._network.policy(name, { [EVENTS_LABELS.sensor]: name }, [], egress, this);
    new Sensor(this, 'Resource', {
      metadata,
      spec: {
        eventBusName: webhook.trigger.eventBus.name,
        template: {
          metadata: { labels: objectLabels(identity) },
          serviceAccountName: name,
          ...eventsPod(webhook.trigger),
        },
        dependencies: [
          {
            name: DEPENDENCY,
            eventSourceName: RETRAIN_EVENT.source,
            eventName: RETRAIN_EVENT.name,
            filters: { data: filters(training, alerts) },
          },
        ],
        triggers: [
          {
            // Without it a failed creation is not made again.
            atLeastOnce: true,
            // 20 minutes in all: an API server that is replaced is back by then.
            retryStrategy: { steps: 6, duration: '10s', factor: 3, jitter: 0.1 },
            template: { name: 'retrain', k8s: workflow(training) },
          },
        ],
      },
    });
  }
}

/** A value of a filter: Argo Events takes it for a regular expression that may match anywhere. */
const exactly = (value: string): string => `^${value}$`;

/** All of them must be met. */
function filters({ platform, model }: TrainingPipeline, alerts: readonly string[]): SensorDataFilter[] {
  const { namespace, model: ofModel, action } = ALERT_LABELS;
  const label = (key: string, value: readonly string[]): SensorDataFilter => ({
    ...{ path: `body.commonLabels.${key}`, type: 'string', value: value.map(exactly) },
  });
  return [
    { path: 'body.status', type: 'string', value: [exactly('firing')] },
    label(action, [ALERT_ACTIONS.retrain]),
    label(namespace, [platform.namespace]),
    label(ofModel, [model.name]),
    label('alertname', alerts),
  ];
}

/**
 * Creates the Workflow under a name that follows from the model, the alert and the day on which it came: whatever asks again on that day
 * meets the run that exists. No template has a value to fall back to: a name that cannot be put together is an error, and never shared.
 */
function workflow({ name, model }: TrainingPipeline) {
  const source = { dependencyName: DEPENDENCY };
  const alert = '.Input.body.commonLabels.alertname';
  const prefix = resourceName(MAX_NAME - SUFFIX_LENGTH, name);
  const [day, of] = ['{{ .Input.time | substr 0 10 }}', `{{ ${alert} | sha256sum | trunc 8 }}`];
  return {
    operation: 'create' as const,
    source: {
      resource: {
        apiVersion: WorkflowTemplate.GVK.apiVersion,
        kind: 'Workflow',
        metadata: { name: `${prefix}-alert`, labels: { [LABELS.model]: model.name } },
        spec: {
          workflowTemplateRef: { name },
          arguments: { parameters: [{ name: TRAINING_PARAMETERS.reason, value: RUN_REASONS.alert }] },
        },
      },
    },
    parameters: [
      { src: { ...source, contextTemplate: `-${day}` }, dest: 'metadata.name', operation: 'append' as const },
      { src: { ...source, dataTemplate: `-${of}` }, dest: 'metadata.name', operation: 'append' as const },
      {
        src: { ...source, dataTemplate: ` {{ ${alert} }}` },
        dest: 'spec.arguments.parameters.0.value',
        operation: 'append' as const,
      },
    ],
  };
}
