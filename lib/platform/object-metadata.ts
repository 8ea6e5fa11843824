import { type ApiObjectMetadata } from 'cdk8s';
import { LABELS, PART_OF } from '../contract';

/** What names and labels one object. */
export interface ObjectIdentity {
  readonly name: string;
  readonly namespace?: string;
  /** What the object is part of, for example `mlflow`: the value of `app.kubernetes.io/name`. */
  readonly app: string;
  /** What it does in the loop. */
  readonly component?: string;
  /** The model it belongs to. */
  readonly model?: string;
  /** Further labels; where a key is one of ours, ours wins, because selectors rely on it. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The labels by which pods are selected: they never change over the life of a workload. */
export function selectorLabels(app: string, model?: string): Record<string, string> {
  return { [LABELS.name]: app, ...(model === undefined ? {} : { [LABELS.model]: model }) };
}

/**
 * The labels by which a Service selects pods: also what they do, by which policies let others out to them. The policies of
 * Amazon EKS open the address of a Service only where it selects by all labels that the policy names.
 *
 * @see https://github.com/aws/amazon-network-policy-controller-k8s/issues/224
 */
export function serviceSelector(component: string, app: string, model?: string): Record<string, string> {
  return { ...selectorLabels(app, model), [LABELS.component]: component };
}

/** Every label of an object of ours. */
export function objectLabels(identity: Omit<ObjectIdentity, 'name' | 'namespace'>): Record<string, string> {
  return {
    ...identity.labels,
    ...selectorLabels(identity.app, identity.model),
    ...(identity.component === undefined ? {} : { [LABELS.component]: identity.component }),
    [LABELS.partOf]: PART_OF,
    [LABELS.managedBy]: 'cdk8s',
  };
}

/** Metadata of an object of ours. */
export function objectMetadata(identity: ObjectIdentity): ApiObjectMetadata {
  return {
    name: identity.name,
    namespace: identity.namespace,
    labels: objectLabels(identity),
    ...(identity.annotations ? { annotations: { ...identity.annotations } } : {}),
  };
}
