import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s';
import { k8s } from 'cdk8s-plus-29';
import { type Construct } from 'constructs';

/*
 * Thin L1s of Argo Workflows 3.6 to 4.x: only the fields that we render.
 * https://argo-workflows.readthedocs.io/en/latest/fields/
 */

export interface ArgoParameter {
  readonly name: string;
  readonly value?: string;
  readonly description?: string;
  readonly valueFrom?: { readonly path: string; readonly default?: string };
}

/** Parameters that are handed to a template. */
export interface ArgoArguments {
  readonly parameters: readonly ArgoParameter[];
}

export interface ArgoRetryStrategy {
  readonly limit: string;
  readonly retryPolicy: 'Always' | 'OnError' | 'OnFailure' | 'OnTransientError';
  readonly expression?: string;
  readonly backoff?: { readonly duration: string };
}

export interface ArgoDagTask {
  readonly name: string;
  readonly template: string;
  readonly arguments?: ArgoArguments;
  readonly depends?: string;
  readonly when?: string;
}

export interface ArgoTemplate {
  readonly name: string;
  readonly metadata?: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
  readonly steps?: readonly (readonly ArgoDagTask[])[];
  readonly dag?: { readonly tasks: readonly ArgoDagTask[] };
  readonly container?: k8s.Container;
  readonly suspend?: { readonly duration: string };
  /** An object that the executor itself writes; `manifest` is YAML. */
  readonly resource?: {
    readonly action: 'create' | 'apply';
    readonly manifest: string;
    readonly flags?: readonly string[];
  };
  readonly inputs?: ArgoArguments;
  readonly serviceAccountName?: string;
  readonly volumes?: readonly k8s.Volume[];
  readonly nodeSelector?: Record<string, string>;
  readonly tolerations?: readonly k8s.Toleration[];
  readonly affinity?: k8s.Affinity;
  readonly securityContext?: k8s.PodSecurityContext;
  readonly podSpecPatch?: string;
  readonly retryStrategy?: ArgoRetryStrategy;
  readonly activeDeadlineSeconds?: number;
  readonly outputs?: { readonly parameters: readonly ArgoParameter[] };
}

export interface ArgoVolumeClaim {
  readonly metadata: { readonly name: string };
  readonly spec: k8s.PersistentVolumeClaimSpec;
}

export interface ArgoWorkflowSpec {
  readonly entrypoint?: string;
  readonly workflowTemplateRef?: { readonly name: string };
  readonly arguments?: ArgoArguments;
  readonly onExit?: string;
  readonly serviceAccountName?: string;
  readonly activeDeadlineSeconds?: number;
  readonly ttlStrategy?: { readonly secondsAfterCompletion: number };
  readonly podGC?: { readonly strategy: string; readonly deleteDelayDuration?: string };
  readonly podMetadata?: { readonly labels: Record<string, string> };
  readonly workflowMetadata?: { readonly labels: Record<string, string> };
  readonly securityContext?: k8s.PodSecurityContext;
  readonly imagePullSecrets?: readonly { readonly name: string }[];
  readonly synchronization?: { readonly mutexes: readonly { readonly name: string }[] };
  readonly volumeClaimTemplates?: readonly ArgoVolumeClaim[];
  readonly volumeClaimGC?: { readonly strategy: string };
  readonly templates?: readonly ArgoTemplate[];
}

export interface WorkflowTemplateProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: ArgoWorkflowSpec;
}

/** A reusable workflow definition. */
export class WorkflowTemplate extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'argoproj.io/v1alpha1', kind: 'WorkflowTemplate' };

  constructor(scope: Construct, id: string, props: WorkflowTemplateProps) {
    super(scope, id, { ...WorkflowTemplate.GVK, metadata: props.metadata, spec: toJson(props.spec) });
  }
}

/** The pod parts of a workflow are typed as cdk8s-plus types them, and have to be rendered as it renders them. */
function toJson(spec: ArgoWorkflowSpec): object {
  return {
    ...spec,
    volumeClaimTemplates: spec.volumeClaimTemplates?.map(({ metadata, spec: claim }) => ({
      metadata,
      spec: k8s.toJson_PersistentVolumeClaimSpec(claim),
    })),
    templates: spec.templates?.map((template) => ({
      ...template,
      container: k8s.toJson_Container(template.container),
      volumes: template.volumes?.map((volume) => k8s.toJson_Volume(volume)),
    })),
  };
}

export interface CronWorkflowProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly schedules: readonly string[];
    readonly timezone: string;
    readonly concurrencyPolicy: 'Allow' | 'Forbid' | 'Replace';
    readonly startingDeadlineSeconds: number;
    readonly successfulJobsHistoryLimit: number;
    readonly failedJobsHistoryLimit: number;
    readonly workflowSpec: ArgoWorkflowSpec;
    readonly workflowMetadata?: { readonly labels: Record<string, string> };
  };
}

/** A workflow that runs on a schedule. */
export class CronWorkflow extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'argoproj.io/v1alpha1', kind: 'CronWorkflow' };

  constructor(scope: Construct, id: string, props: CronWorkflowProps) {
    const { workflowSpec, ...spec } = props.spec;
    const { metadata } = props;
    super(scope, id, { ...CronWorkflow.GVK, metadata, spec: { ...spec, workflowSpec: toJson(workflowSpec) } });
  }
}
