import { App, TerraformStack, Testing } from 'cdktf';
import { parse } from 'yaml';
import { Addon, ClusterAddons, type ClusterAddonsProps, NodeScaling } from 'cdk8s-mlops/aws';
import { type Rendered } from '../support/synth';

export const CLUSTER = { clusterName: 'fraud-staging', region: 'eu-central-1', accountId: '123456789012' };
export const NODE_ROLE = 'arn:aws:iam::123456789012:role/fraud-staging-karpenter-node';
export const SECRET = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1234';
export const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234';

/** What is rendered for a cluster. */
export interface Addons {
  readonly construct: ClusterAddons;
  /** Releases by name; their values are parsed. */
  readonly releases: Readonly<Record<string, Rendered>>;
  /** Resources by type and logical id. */
  readonly resources: Rendered;
}

export function addons(props: Partial<ClusterAddonsProps> = {}): Addons {
  const stack = new TerraformStack(new App(), 'test');
  const construct = new ClusterAddons(stack, 'addons', { ...CLUSTER, ...props });
  const { resource: resources = {} } = JSON.parse(Testing.synth(stack));
  const releases = Object.values((resources.helm_release ?? {}) as Record<string, Rendered>).map((release) => [
    release.name,
    { ...release, values: release.values === undefined ? {} : parse(release.values[0]) },
  ]);
  return { construct, releases: Object.fromEntries(releases), resources };
}

/** Values of one release. */
export function valuesOf(release: string, props: Partial<ClusterAddonsProps> = {}): Rendered {
  const found = addons(props).releases[release];
  if (found === undefined) throw new Error(`there is no release ${release}`);
  return found.values;
}

/** Everything that can be installed, with each of the two kinds of node scaling. */
export function everything(scaling: 'clusterAutoscaler' | 'karpenter', more: Partial<ClusterAddonsProps> = {}): Addons {
  const nodeScaling =
    scaling === 'karpenter'
      ? NodeScaling.karpenter({ nodeRoleArn: NODE_ROLE, interruptionQueueName: 'fraud-staging-karpenter' })
      : NodeScaling.clusterAutoscaler();
  const others = { keda: Addon.install(), metricsServer: Addon.install(), secretArns: [SECRET], secretKeyArns: [KEY] };
  return addons({ nodeScaling, ...others, ...more });
}

/** Paths of all values, as `helm --set` writes them. */
export function pathsOf(values: Rendered, path = ''): string[] {
  const isMap = typeof values === 'object' && values !== null && !Array.isArray(values);
  if (!isMap || (path !== '' && Object.keys(values).length === 0)) return [path];
  return Object.entries(values).flatMap(([key, value]) => pathsOf(value, path === '' ? key : `${path}.${key}`));
}
