import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { COMPONENTS } from '../contract';
import { EventBus } from '../crds/argo-events';
import { resourceRequirements } from '../platform/container-resources';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { ports } from '../platform/network-policies';
import { objectLabels, objectMetadata } from '../platform/object-metadata';
import { restrictedContainer, restrictedPod } from '../platform/pod-security';
import { type JetStreamSettings } from './event-bus';
import { EVENTS_LABELS, EVENTS_USER, imagePullSecrets } from './events-pod';
import { type AlertmanagerTrigger } from './retrain-trigger';

/** Of the bus's account and policy. */
const NAME = 'eventbus';
const PORTS = { client: 4222, cluster: 6222 } as const;

/** @internal */
export interface RetrainBusProps {
  readonly platform: MlModelPlatform;
  readonly trigger: AlertmanagerTrigger;
}

/**
 * What carries alerts from the webhook to the Sensors of a namespace: rendered, or only let through to.
 *
 * @internal
 */
export class RetrainBus extends Construct {
  private readonly labels: Record<string, string>;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: RetrainBusProps,
  ) {
    super(scope, id);
    const { platform, trigger } = props;
    const { name, _jetStream: jetStream } = trigger.eventBus;
    this.labels = { [EVENTS_LABELS.bus]: name };
    const users = ['eventsource-controller', 'sensor-controller'].map((controller) => ({
      podSelector: { matchLabels: { [EVENTS_LABELS.controller]: controller } },
    }));
    const fromUsers = { from: users, ports: ports(PORTS.client) };
    if (!jetStream) {
      platform._network.policy(NAME, this.labels, [fromUsers], undefined, this);
      return;
    }
    const peers = [{ podSelector: { matchLabels: this.labels } }];
    const [fromPeers, toPeers] = [
      { from: peers, ports: ports(PORTS.cluster) },
      { to: peers, ports: ports(PORTS.cluster) },
    ];
    platform._network.policy(NAME, this.labels, [fromUsers, fromPeers], [toPeers], this);
    this.render(jetStream);
  }

  /** The way of pods to the bus. */
  public egress(): k8s.NetworkPolicyEgressRule {
    // The bus's own labels: the policies of Amazon EKS open a Service only where it selects by all labels that a policy names.
    return { to: [{ podSelector: { matchLabels: this.labels } }], ports: ports(PORTS.client) };
  }

  private render({ version, replicas, volumeSize, storageClassName }: JetStreamSettings): void {
    const { platform, trigger } = this.props;
    const identity = { app: 'retraining', component: COMPONENTS.eventBus };
    const metadata = (name: string) => objectMetadata({ name, namespace: platform.namespace, ...identity });
    new k8s.KubeServiceAccount(this, 'ServiceAccount', {
      metadata: metadata(NAME),
      automountServiceAccountToken: false,
    });
    const securityContext = restrictedContainer();
    const helper = {
      securityContext,
      resources: resourceRequirements({ cpu: '10m', memory: '32Mi', memoryLimit: '64Mi' }),
    };
    new EventBus(this, 'Resource', {
      metadata: metadata(trigger.eventBus.name),
      spec: {
        jetstream: {
          ...{ version, replicas },
          persistence: { volumeSize, ...(storageClassName !== undefined && { storageClassName }) },
          // A stream cannot have more copies than there are pods, and the controller asks for three.
          ...(replicas < 3 && { streamConfig: `replicas: ${replicas}\n` }),
          metadata: { labels: objectLabels(identity) },
          serviceAccountName: NAME,
          securityContext: restrictedPod(EVENTS_USER),
          ...imagePullSecrets(trigger),
          ...(replicas > 1 && { affinity: apart(this.labels) }),
          containerTemplate: {
            securityContext,
            resources: resourceRequirements({ cpu: '50m', memory: '128Mi', memoryLimit: '512Mi' }),
          },
          reloaderContainerTemplate: helper,
          metricsContainerTemplate: helper,
        },
      },
    });
  }
}

/** On nodes of their own, where there are enough. */
function apart(matchLabels: Record<string, string>): k8s.Affinity {
  const podAffinityTerm = { labelSelector: { matchLabels }, topologyKey: 'kubernetes.io/hostname' };
  return { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] } };
}
