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

export interface PrometheusRuleProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly groups: readonly { readonly name: string; readonly rules: readonly PrometheusAlertingRule[] }[];
  };
}

/** Rules that Prometheus evaluates. */
export class PrometheusRule extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule' };

  constructor(scope: Construct, id: string, props: PrometheusRuleProps) {
    super(scope, id, { ...PrometheusRule.GVK, ...props });
  }
}
