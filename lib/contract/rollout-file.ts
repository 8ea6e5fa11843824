/** Version of the roll-out file's format. */
export const ROLLOUT_FILE_VERSION = 1;

/**
 * What stands in the manifests of a roll-out file for what only a roll-out knows. Every text of a manifest that is one of them is
 * replaced.
 */
export const ROLLOUT_PLACEHOLDERS = { version: '$(VERSION)', uri: '$(URI)' } as const;

/** What changes the share of the traffic that a candidate gets. */
export type RolloutEngine = 'kserve-standard' | 'kserve-knative' | 'deployment' | 'argo-rollouts';

/**
 * One step of a roll-out: `shadow` copies a share of the traffic to the candidate, `weight` gives it a share, `update` brings the version to
 * the stable object itself, whose controller replaces its pods.
 */
export interface RolloutStep {
  readonly kind: 'shadow' | 'weight' | 'update';
  /** Percent of the traffic; absent for `update`. */
  readonly percent?: number;
  /** Seconds before it is judged. */
  readonly pauseSeconds: number;
  /** Whether it is judged by `gate-evaluator analyze`: the controller of Argo Rollouts judges by itself. */
  readonly judged: boolean;
}

/** A Kubernetes object as JSON has it. */
export interface KubernetesManifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What says that a version runs: its observed generation, replicas and version label. */
export interface RolloutWorkload {
  /** `Deployment` of `apps/v1`, `Rollout` of `argoproj.io/v1alpha1`, or, on Knative, the `InferenceService` and its revisions. */
  readonly kind: 'Deployment' | 'Rollout' | 'InferenceService';
  readonly name: string;
  /** Seconds until it has to be there. */
  readonly readySeconds: number;
}

/** A route whose backends and mirrors a roll-out sets, in its first rule. */
export interface RolloutRoute {
  /** The whole HTTPRoute, as it is when nothing is rolled out. */
  readonly manifest: KubernetesManifest;
  readonly stableService: string;
  readonly candidateService: string;
  readonly port: number;
}

/** One query of an analysis, and what its value has to be. */
export interface AnalysisCheck {
  /** Short name, for example `error-rate`. */
  readonly name: string;
  /** PromQL with one value; of which version it is, `ml_model_version_info` says. */
  readonly query: string;
  /** The highest value that passes. */
  readonly atMost?: number;
  /** The lowest value that passes. */
  readonly atLeast?: number;
  /** What it says, for people. */
  readonly summary: string;
}

/** How a candidate is judged by live traffic. */
export interface RolloutAnalysis {
  /** Seconds of traffic that are looked at. */
  readonly windowSeconds: number;
  /** Seconds between two attempts while there is no answer. */
  readonly intervalSeconds: number;
  /** Seconds to wait for an answer; a candidate without one is rolled back. */
  readonly holdSeconds: number;
  /** How many requests the candidate answered within the window, and how many it must have. */
  readonly requests: { readonly query: string; readonly atLeast: number };
  readonly checks: readonly AnalysisCheck[];
}

/** What `gate-evaluator rollout` and `analyze` are told of a model: the file `rollout.yaml`, rendered by `ServedModel`. */
export interface RolloutFile {
  readonly version: typeof ROLLOUT_FILE_VERSION;
  readonly model: string;
  readonly namespace: string;
  readonly engine: RolloutEngine;
  /** Address of the tracking server. */
  readonly registry: string;
  /** Address of Prometheus. */
  readonly prometheus: string;
  readonly steps: readonly RolloutStep[];
  readonly analysis: RolloutAnalysis;
  readonly stable: {
    /** What of the stable object is a roll-out's: artifact and version. */
    readonly manifest: KubernetesManifest;
    readonly workload: RolloutWorkload;
  };
  /** Objects that are there while a version is rolled out; absent where the engine has none of its own. */
  readonly candidate?: {
    readonly manifests: readonly KubernetesManifest[];
    readonly workload: RolloutWorkload;
  };
  readonly routes: readonly RolloutRoute[];
}
