import { type KubernetesManifest, ROLLOUT_PLACEHOLDERS } from 'cdk8s-mlops/contract';

/** A version, and where its artifact lies. */
export interface Release {
  readonly version: string;
  readonly uri: string;
}

type Placeholder = keyof typeof ROLLOUT_PLACEHOLDERS;

/** The manifest of a version. */
export function placed(manifest: KubernetesManifest, release: Release): KubernetesManifest {
  return walk(manifest, undefined, (placeholder) => release[placeholder]) as KubernetesManifest;
}

/** The manifest of what a live object runs now, whatever that is. */
export function asIs(manifest: KubernetesManifest, live: object): KubernetesManifest {
  return walk(manifest, live, (_, value) => value) as KubernetesManifest;
}

/** Whether a live object has the version wherever the manifest has a placeholder; one that has none is of every version. */
export function carries(manifest: KubernetesManifest, live: object, release: Release): boolean {
  let carried = true;
  walk(manifest, live, (placeholder, value) => {
    carried &&= value === release[placeholder];
  });
  return carried;
}

/** The version that a live object says to be of; undefined when it says none. */
export function versionIn(manifest: KubernetesManifest, live: object): string | undefined {
  let found: string | undefined;
  walk(manifest, live, (placeholder, value) => {
    if (placeholder === 'version' && typeof value === 'string') found ??= value;
  });
  return found;
}

type Leaf = (placeholder: Placeholder, live: unknown) => unknown;

/** Replaces every placeholder, with what stands in its place in a live object at hand. */
function walk(node: unknown, live: unknown, leaf: Leaf): unknown {
  if (typeof node === 'string') {
    const placeholder = (Object.keys(ROLLOUT_PLACEHOLDERS) as Placeholder[]).find(
      (each) => ROLLOUT_PLACEHOLDERS[each] === node,
    );
    return placeholder ? leaf(placeholder, live) : node;
  }
  if (Array.isArray(node)) return node.map((item, index) => walk(item, counterpart(item, index, live), leaf));
  if (!isObject(node)) return node;
  const of = isObject(live) ? live : {};
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, walk(value, of[key], leaf)]));
}

/** Items with a name are found by it: the API server merges such lists with those of others. */
function counterpart(item: unknown, index: number, live: unknown): unknown {
  if (!Array.isArray(live)) return undefined;
  const items: unknown[] = live;
  const name = isObject(item) ? item.name : undefined;
  return name === undefined ? items[index] : items.find((each) => isObject(each) && each.name === name);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
