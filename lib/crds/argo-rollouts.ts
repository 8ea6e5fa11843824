import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s';
import { k8s } from 'cdk8s-plus-29';
import { type Construct } from 'constructs';

/*
 * Thin L1s of Argo Rollouts 1.9: only the fields that we render.
 * https://argo-rollouts.readthedocs.io/en/stable/features/specification/
 */

/** A reference to a template of this namespace. */
export interface RolloutAnalysisRef {
  readonly templates: readonly { readonly templateName: string }[];
}

/** One step of a canary. */
export interface RolloutCanaryStep {
  readonly setWeight?: number;
  readonly pause?: { readonly duration: string };
  readonly analysis?: RolloutAnalysisRef;
}

/** Settings of the plugin `argoproj-labs/gatewayAPI`. */
export interface GatewayApiRouting {
  readonly httpRoutes: readonly { readonly name: string }[];
  readonly namespace: string;
}

export interface RolloutStrategySpec {
  readonly canary?: {
    readonly canaryMetadata: { readonly labels: Record<string, string> };
    readonly stableMetadata: { readonly labels: Record<string, string> };
    readonly maxSurge: number;
    readonly maxUnavailable: number;
    readonly canaryService?: string;
    readonly stableService?: string;
    readonly trafficRouting?: { readonly plugins: Record<string, GatewayApiRouting> };
    readonly steps: readonly RolloutCanaryStep[];
  };
  readonly blueGreen?: {
    readonly activeService: string;
    readonly previewService: string;
    readonly activeMetadata: { readonly labels: Record<string, string> };
    readonly previewMetadata: { readonly labels: Record<string, string> };
    readonly autoPromotionEnabled: boolean;
    readonly scaleDownDelaySeconds: number;
    readonly postPromotionAnalysis: RolloutAnalysisRef;
  };
}

export interface RolloutProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly replicas?: number;
    readonly revisionHistoryLimit?: number;
    readonly progressDeadlineSeconds?: number;
    readonly progressDeadlineAbort?: boolean;
    readonly selector: k8s.LabelSelector;
    readonly template: k8s.PodTemplateSpec;
    readonly strategy?: RolloutStrategySpec;
  };
}

/** A Deployment whose updates are steered step by step. */
export class Rollout extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout' };

  constructor(scope: Construct, id: string, { metadata, spec }: RolloutProps) {
    const selector = k8s.toJson_LabelSelector(spec.selector);
    const template = k8s.toJson_PodTemplateSpec(spec.template);
    super(scope, id, { ...Rollout.GVK, metadata, spec: { ...spec, selector, template } });
  }
}

export interface AnalysisMetric {
  readonly name: string;
  /** How long nothing is measured. */
  readonly initialDelay?: string;
  readonly interval: string;
  readonly count: number;
  readonly consecutiveSuccessLimit: number;
  readonly failureLimit: number;
  readonly inconclusiveLimit: number;
  readonly consecutiveErrorLimit: number;
  readonly successCondition: string;
  readonly failureCondition: string;
  readonly provider: { readonly prometheus: { readonly address: string; readonly query: string } };
}

export interface AnalysisTemplateProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: { readonly metrics: readonly AnalysisMetric[] };
}

/** What is measured before a step counts as passed. */
export class AnalysisTemplate extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'argoproj.io/v1alpha1', kind: 'AnalysisTemplate' };

  constructor(scope: Construct, id: string, props: AnalysisTemplateProps) {
    super(scope, id, { ...AnalysisTemplate.GVK, ...props });
  }
}
