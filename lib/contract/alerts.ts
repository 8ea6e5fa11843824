/** Labels that every alert of this library carries, by which it is routed, grouped and inhibited. */
export const ALERT_LABELS = {
  /** Says that a rule is of this library: {@link PART_OF}. */
  partOf: 'part_of',
  /** How urgent it is. */
  severity: 'severity',
  /** What it watches: the data, the model, or the service. */
  tier: 'tier',
  /** What it is about, for example `drift`. */
  topic: 'topic',
  model: 'model',
  namespace: 'namespace',
  /** What follows from it by itself: one of {@link ALERT_ACTIONS}. Only alerts that start something carry it. */
  action: 'action',
} as const;

/** Values of the label {@link ALERT_LABELS.action}. */
export const ALERT_ACTIONS = { retrain: 'retrain' } as const;

/** What objects and alerts of this library are part of. */
export const PART_OF = 'cdk8s-mlops';
