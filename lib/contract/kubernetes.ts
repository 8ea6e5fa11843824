/** Prefix of every label and annotation that belongs to the loop. */
export const DOMAIN = 'cdk8s-mlops.dev';

/** Kubernetes labels. The `app.kubernetes.io` ones are the recommended labels of the Kubernetes documentation. */
export const LABELS = {
  name: 'app.kubernetes.io/name',
  component: 'app.kubernetes.io/component',
  partOf: 'app.kubernetes.io/part-of',
  managedBy: 'app.kubernetes.io/managed-by',
  model: `${DOMAIN}/model`,
  version: `${DOMAIN}/version`,
  role: `${DOMAIN}/role`,
  step: `${DOMAIN}/step`,
} as const;

/** Values of {@link LABELS.component}: what a pod does in the loop; network policies select on it. */
export const COMPONENTS = {
  experimentTracking: 'experiment-tracking',
  metricsPush: 'metrics-push',
  training: 'training',
  serving: 'serving',
  capture: 'capture',
  driftCheck: 'drift-check',
  rollout: 'rollout',
  retrainTrigger: 'retrain-trigger',
  eventBus: 'event-bus',
  gpuDevicePlugin: 'gpu-device-plugin',
} as const;

/** Kubernetes annotations. */
export const ANNOTATIONS = {
  version: `${DOMAIN}/version`,
  role: `${DOMAIN}/role`,
  uri: `${DOMAIN}/uri`,
  reason: `${DOMAIN}/reason`,
  configHash: `${DOMAIN}/config-hash`,
  /** What pods get that call a model's Service while a version is rolled out. */
  callers: `${DOMAIN}/in-cluster-callers`,
  /** What was left out of the manifests for now, and what is to be done to have it. */
  pending: `${DOMAIN}/pending`,
} as const;

/** The field manager under which roll-outs write to the API server. */
export const ROLLOUT_FIELD_MANAGER = 'mlops-rollout';

/** A name that we derive from a model's name, with the limit that its kind puts on the whole. */
export interface DerivedName {
  readonly suffix: string;
  /** Longest allowed name, in characters. */
  readonly limit: number;
  /** The kind (or the use) that sets the limit. */
  readonly kind: string;
}

// A CronJob's and CronWorkflow's name is limited so that the name of a run, `<name>-<unix minutes or time>`, stays a label.
const CRON = { limit: 52, kind: 'CronWorkflow or CronJob' };
const LABEL_VALUE = { limit: 63, kind: 'label value or Service' };

/** Every object name that is derived from a model's name. */
export const DERIVED_NAMES = {
  training: { suffix: '-training', ...CRON },
  trainingAdmit: { suffix: '-training-admit', ...LABEL_VALUE },
  rollout: { suffix: '-rollout', ...CRON },
  rollback: { suffix: '-rollback', ...CRON },
  janitor: { suffix: '-janitor', ...CRON },
  driftCheck: { suffix: '-drift-check', ...CRON },
  performance: { suffix: '-performance', ...CRON },
  loop: { suffix: '-loop', ...LABEL_VALUE },
  gates: { suffix: '-gates', ...LABEL_VALUE },
  schema: { suffix: '-schema', ...LABEL_VALUE },
  capture: { suffix: '-capture', ...LABEL_VALUE },
  serving: { suffix: '-serving', ...LABEL_VALUE },
  candidate: { suffix: '-candidate', ...LABEL_VALUE },
  canary: { suffix: '-canary', ...LABEL_VALUE },
  rolloutStart: { suffix: '-rollout-start', ...LABEL_VALUE },
  retrain: { suffix: '-retrain', ...LABEL_VALUE },
} as const satisfies Record<string, DerivedName>;

/** A key of {@link DERIVED_NAMES}. */
export type DerivedNameKey = keyof typeof DERIVED_NAMES;

/** The object name of `key` for `model`, for example `fraud-detector-training`. */
export function derivedName(model: string, key: DerivedNameKey): string {
  return `${model}${DERIVED_NAMES[key].suffix}`;
}

/** The longest model name for which every derived name keeps its limit. */
export const MODEL_NAME_MAX_LENGTH = Math.min(
  ...Object.values(DERIVED_NAMES).map(({ suffix, limit }) => limit - suffix.length),
);

/** What a model's name must match: it becomes part of DNS labels and of KServe's InferenceService name. */
export const MODEL_NAME_PATTERN = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** Parameters of the training WorkflowTemplate: whoever starts a run sets these and no others. */
export const TRAINING_PARAMETERS = { reason: 'reason' } as const;

/** Parameters of the roll-out WorkflowTemplate; each may be empty. */
export const ROLLOUT_PARAMETERS = { version: 'version', run: 'run', reason: 'reason' } as const;

/** Values of the `reason` parameter that the loop itself sets; people may set any text. */
export const RUN_REASONS = { schedule: 'schedule', manual: 'manual', drift: 'drift', alert: 'alert' } as const;

/** Keys of the ConfigMap `<model>-loop`, read by `gate-evaluator admit`. All values are strings. */
export const LOOP_KEYS = {
  /** `true` stops every new run. Never rendered unless asked for, so that `kubectl patch` may own it. */
  paused: 'paused',
  /** Seconds that must pass between the end of an admitted run and the start of the next. */
  cooldownSeconds: 'cooldownSeconds',
  /** Admitted runs in any 24 hours. */
  maxRunsPerDay: 'maxRunsPerDay',
} as const;
