import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s';
import { type Construct } from 'constructs';

/*
 * Thin L1s of the Prometheus operator: only the fields that we render.
 * https://prometheus-operator.dev/docs/api-reference/api/
 */

export interface Relabeling {
  readonly action: string;
  readonly regex?: string;
  readonly sourceLabels?: readonly string[];
  readonly targetLabel?: string;
  readonly replacement?: string;
}

export interface ScrapeEndpoint {
  readonly port: string;
  readonly path?: string;
  readonly interval?: string;
  readonly honorLabels?: boolean;
  readonly relabelings?: readonly Relabeling[];
}

export interface ServiceMonitorProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly selector: { readonly matchLabels: Record<string, string> };
    readonly endpoints: readonly ScrapeEndpoint[];
  };
}

/** What Prometheus scrapes through a Service. */
export class ServiceMonitor extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'monitoring.coreos.com/v1', kind: 'ServiceMonitor' };

  constructor(scope: Construct, id: string, props: ServiceMonitorProps) {
    super(scope, id, { ...ServiceMonitor.GVK, ...props });
  }
}

export interface PodMonitorProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly selector: { readonly matchLabels: Record<string, string> };
    readonly podTargetLabels?: readonly string[];
    readonly podMetricsEndpoints: readonly ScrapeEndpoint[];
  };
}

/** What Prometheus scrapes from pods. */
export class PodMonitor extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PodMonitor' };

  constructor(scope: Construct, id: string, props: PodMonitorProps) {
    super(scope, id, { ...PodMonitor.GVK, ...props });
  }
}

export interface PrometheusAlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}

export interface PrometheusRecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface PrometheusRuleGroup {
  readonly name: string;
  readonly interval?: string;
  readonly rules: readonly (PrometheusAlertingRule | PrometheusRecordingRule)[];
}

export interface PrometheusRuleProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: { readonly groups: readonly PrometheusRuleGroup[] };
}

/** Rules that Prometheus evaluates. */
export class PrometheusRule extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule' };

  constructor(scope: Construct, id: string, props: PrometheusRuleProps) {
    super(scope, id, { ...PrometheusRule.GVK, ...props });
  }
}

export interface SecretKeySelector {
  readonly name: string;
  readonly key: string;
}

export interface AlertMatcher {
  readonly name: string;
  readonly matchType: '=' | '=~';
  readonly value: string;
}

export interface AlertmanagerRoute {
  readonly receiver: string;
  readonly matchers: readonly AlertMatcher[];
  readonly groupBy?: readonly string[];
  readonly groupWait?: string;
  readonly groupInterval?: string;
  readonly repeatInterval?: string;
  readonly continue?: boolean;
  readonly routes?: readonly AlertmanagerRoute[];
}

export interface InhibitRule {
  readonly sourceMatch: readonly AlertMatcher[];
  readonly targetMatch: readonly AlertMatcher[];
  readonly equal: readonly string[];
}

export interface SlackConfig {
  readonly sendResolved: boolean;
  readonly apiURL: SecretKeySelector;
  readonly channel?: string;
  readonly color: string;
  readonly title: string;
  readonly text: string;
  readonly fallback: string;
  readonly fields: readonly { readonly title: string; readonly value: string; readonly short: boolean }[];
  readonly mrkdwnIn: readonly string[];
}

export interface PagerDutyConfig {
  readonly sendResolved: boolean;
  readonly routingKey: SecretKeySelector;
  readonly url?: string;
  readonly description: string;
  readonly severity: string;
  readonly class: string;
  readonly component: string;
  readonly group: string;
  readonly details: readonly { readonly key: string; readonly value: string }[];
}

export interface EmailConfig {
  readonly sendResolved: boolean;
  readonly to: string;
  readonly from: string;
  readonly smarthost: string;
  readonly authUsername?: string;
  readonly authPassword?: SecretKeySelector;
  readonly requireTLS: boolean;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
  readonly html: string;
  readonly text: string;
}

export interface WebhookConfig {
  readonly sendResolved: boolean;
  readonly url?: string;
  readonly urlSecret?: SecretKeySelector;
  readonly maxAlerts?: number;
  readonly httpConfig?: {
    readonly authorization: { readonly type: 'Bearer'; readonly credentials: SecretKeySelector };
  };
}

/** Where one receiver sends what it gets. */
export interface ReceiverIntegrations {
  readonly slackConfigs?: readonly SlackConfig[];
  readonly pagerdutyConfigs?: readonly PagerDutyConfig[];
  readonly emailConfigs?: readonly EmailConfig[];
  readonly webhookConfigs?: readonly WebhookConfig[];
}

export interface AlertmanagerConfigProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly route: AlertmanagerRoute;
    readonly receivers: readonly ({ readonly name: string } & ReceiverIntegrations)[];
    readonly inhibitRules: readonly InhibitRule[];
  };
}

/** Routes and receivers of Alertmanager for the alerts of one namespace. */
export class AlertmanagerConfig extends ApiObject {
  // v1beta1 needs a conversion webhook, and is not among the definitions that kube-prometheus-stack installs.
  public static readonly GVK: GroupVersionKind = {
    apiVersion: 'monitoring.coreos.com/v1alpha1',
    kind: 'AlertmanagerConfig',
  };

  constructor(scope: Construct, id: string, props: AlertmanagerConfigProps) {
    super(scope, id, { ...AlertmanagerConfig.GVK, ...props });
  }
}
