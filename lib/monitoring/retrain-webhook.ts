import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { ALERT_ACTIONS, ALERT_LABELS, COMPONENTS } from '../contract';
import { EventSource } from '../crds/argo-events';
import { AlertmanagerConfig, type SecretKeySelector } from '../crds/prometheus-operator';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { namespaceNamed, ports } from '../platform/network-policies';
import { objectLabels, objectMetadata } from '../platform/object-metadata';
import { equals, present } from './alert-inhibition';
import { ALERTS } from './alert-names';
import { EVENTS_LABELS, eventsPod } from './events-pod';
import { RetrainBus } from './retrain-bus';
import { type AlertmanagerTrigger } from './retrain-trigger';

/** Names of the EventSource and of its one event. */
export const RETRAIN_EVENT = { source: 'retraining', name: 'alerts' } as const;

const ID = 'RetrainWebhook';
const PORT = 12_000;
const ENDPOINT = '/alerts';
const IDENTITY = { app: 'retraining', component: COMPONENTS.retrainTrigger };

/** @internal */
export interface RetrainWebhookProps {
  readonly platform: MlModelPlatform;
  readonly trigger: AlertmanagerTrigger;
}

/**
 * The way of alerts into a namespace, once for all its models: Alertmanager's route, the webhook that it leads to, and the bus behind it.
 *
 * @internal
 */
export class RetrainWebhook extends Construct {
  /** The one of a platform, if a model has asked for it. */
  public static find(platform: MlModelPlatform): RetrainWebhook | undefined {
    return platform.node.tryFindChild(ID) as RetrainWebhook | undefined;
  }

  /** What it was made from. */
  public readonly trigger: AlertmanagerTrigger;
  /** What carries the alerts on. */
  public readonly bus: RetrainBus;

  private readonly token: SecretKeySelector;

  constructor({ platform, trigger }: RetrainWebhookProps) {
    super(platform, ID);
    this.trigger = trigger;
    this.token = { name: trigger.token.name, key: trigger.token.key };
    this.bus = new RetrainBus(this, 'Bus', { platform, trigger });
    this.source(platform);
    this.route(platform);
  }

  private source({ namespace, monitoring, _network: network }: MlModelPlatform): void {
    const { source, name } = RETRAIN_EVENT;
    const metadata = objectMetadata({ name: source, namespace, ...IDENTITY });
    new k8s.KubeServiceAccount(this, 'ServiceAccount', { metadata, automountServiceAccountToken: false });
    const alertmanager = { namespaceSelector: namespaceNamed(monitoring.namespace) };
    const ingress = [{ from: [alertmanager], ports: ports(PORT) }];
    network.policy(source, { [EVENTS_LABELS.source]: source }, ingress, [this.bus.egress()], this);
    new EventSource(this, 'Resource', {
      metadata,
      spec: {
        eventBusName: this.trigger.eventBus.name,
        service: { ports: [{ name: 'http', port: PORT, targetPort: PORT }] },
        template: {
          metadata: { labels: objectLabels(IDENTITY) },
          serviceAccountName: source,
          ...eventsPod(this.trigger),
        },
        webhook: { [name]: { port: String(PORT), endpoint: ENDPOINT, method: 'POST', authSecret: this.token } },
      },
    });
  }

  private route({ namespace }: MlModelPlatform): void {
    const { action, model, namespace: ofNamespace } = ALERT_LABELS;
    const { source } = RETRAIN_EVENT;
    const asked = equals(action, ALERT_ACTIONS.retrain);
    const webhook = {
      url: `http://${source}-eventsource-svc.${namespace}.svc:${PORT}${ENDPOINT}`,
      sendResolved: false,
      httpConfig: { authorization: { type: 'Bearer' as const, credentials: this.token } },
    };
    new AlertmanagerConfig(this, 'Route', {
      metadata: objectMetadata({ name: source, namespace, ...IDENTITY }),
      spec: {
        route: {
          receiver: source,
          // The namespace said again, because the operator's matcher can be configured away.
          matchers: [equals(ofNamespace, namespace), asked, present(model)],
          groupBy: ['alertname', model],
          groupWait: '30s',
          groupInterval: '30m',
          repeatInterval: `${this.trigger.repeatSeconds}s`,
        },
        receivers: [{ name: source, webhookConfigs: [webhook] }],
        // What a silent check said last is of long ago. Alerts on what collectors count need no check.
        inhibitRules: [
          {
            sourceMatch: [equals('alertname', ALERTS.checkSilent), present(model)],
            targetMatch: [equals('alertname', ALERTS.retrainingNeeded), present(model)],
            equal: [ofNamespace, model],
          },
        ],
      },
    });
  }
}
