import { ANNOTATIONS } from 'cdk8s-mlops/contract';
import { type Manifest, type ManifestFile } from './manifests';

/** What a directory of manifests amounts to. */
export interface Summary {
  /** Number of objects by kind, for each file. */
  readonly files: readonly { readonly path: string; readonly kinds: ReadonlyMap<string, number> }[];
  /** Container images, each with the objects that run it. */
  readonly images: ReadonlyMap<string, readonly string[]>;
  /** What each service account may do. */
  readonly permissions: ReadonlyMap<string, readonly string[]>;
  /** Secrets that are referred to but not part of the manifests, as `namespace/name (key)`. */
  readonly missingSecrets: readonly string[];
  /** Kinds of custom resources, whose operators must be installed. */
  readonly customKinds: readonly string[];
  /** What was left out for now, and what is to be done to have it. */
  readonly pending: readonly string[];
}

interface Rule {
  readonly resources?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface Binding {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
}

/** The Gateway API has a name like those of Kubernetes, and has to be installed. */
const BUILT_IN_GROUP = /^(v1|(apps|batch|policy|autoscaling)\/v\d+|(?!gateway\.)[a-z.]+\.k8s\.io\/v\d+)$/;

const identity = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata.namespace ? `${metadata.namespace}/` : ''}${metadata.name}`;

/** Calls `visit` for every object within `value`, with its key in the object around it. */
function walk(value: unknown, visit: (object: Readonly<Record<string, unknown>>, key: string) => void, key = ''): void {
  if (Array.isArray(value)) {
    for (const entry of value) walk(entry, visit, key);
  } else if (typeof value === 'object' && value !== null) {
    visit(value as Readonly<Record<string, unknown>>, key);
    for (const [child, entry] of Object.entries(value)) walk(entry, visit, child);
  }
}

function add(map: Map<string, string[]>, key: string, value: string): void {
  const values = map.get(key) ?? [];
  if (!values.includes(value)) map.set(key, [...values, value]);
}

/** Sums up manifests; pure. */
export function summarize(files: readonly ManifestFile[]): Summary {
  const objects = files.flatMap((file) => file.objects);
  return {
    files: files.map(({ path, objects: inFile }) => ({ path, kinds: countKinds(inFile) })),
    images: findImages(objects),
    permissions: findPermissions(objects),
    missingSecrets: findMissingSecrets(objects),
    customKinds: findCustomKinds(objects),
    pending: objects.flatMap(({ metadata }) => metadata.annotations?.[ANNOTATIONS.pending] ?? []),
  };
}

function countKinds(objects: readonly Manifest[]): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const { kind } of objects) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return kinds;
}

function findImages(objects: readonly Manifest[]): Map<string, string[]> {
  const images = new Map<string, string[]>();
  for (const object of objects) {
    walk(object, ({ image, name }) => {
      if (typeof image === 'string' && typeof name === 'string') add(images, image, identity(object));
    });
  }
  return new Map([...images].sort(([a], [b]) => a.localeCompare(b)));
}

function findPermissions(objects: readonly Manifest[]): Map<string, string[]> {
  const roles = new Map(
    objects
      .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole')
      .map((role) => [`${role.kind} ${role.metadata.namespace ?? ''}/${role.metadata.name}`, role['rules'] as Rule[]]),
  );
  const permissions = new Map<string, string[]>();
  for (const binding of objects.filter(({ kind }) => kind.endsWith('RoleBinding'))) {
    const { roleRef, subjects = [] } = binding as unknown as Binding;
    const namespace = roleRef.kind === 'Role' ? (binding.metadata.namespace ?? '') : '';
    const rules = roles.get(`${roleRef.kind} ${namespace}/${roleRef.name}`);
    for (const subject of subjects) {
      const account = `${subject.namespace ?? binding.metadata.namespace ?? ''}/${subject.name}`;
      for (const rule of rules ?? []) add(permissions, account, describeRule(rule));
      if (!rules) add(permissions, account, `${roleRef.kind} ${roleRef.name}, which is not part of the manifests`);
    }
  }
  return permissions;
}

function describeRule({ resources = [], verbs = [], resourceNames }: Rule): string {
  const only = resourceNames ? ` named ${resourceNames.join(', ')}` : '';
  return `${verbs.join(', ')} ${resources.join(', ')}${only}`;
}

/** Under what a Secret is named by `name`: of pods, and of receivers of alerts. */
const SECRET_KEYS = [
  ...['secretKeyRef', 'secretRef', 'imagePullSecrets'],
  ...['apiURL', 'routingKey', 'authPassword', 'urlSecret', 'credentials'],
];

function findMissingSecrets(objects: readonly Manifest[]): string[] {
  const rendered = new Set(objects.filter(({ kind }) => kind === 'Secret').map(({ metadata }) => secretId(metadata)));
  const missing = new Set<string>();
  for (const object of objects) {
    walk(object, (reference, key) => {
      const { name, key: secretKey, secretName } = reference;
      const secret = SECRET_KEYS.includes(key) ? name : secretName;
      if (typeof secret !== 'string') return;
      const id = secretId({ name: secret, namespace: object.metadata.namespace });
      if (!rendered.has(id)) missing.add(typeof secretKey === 'string' ? `${id} (${secretKey})` : id);
    });
  }
  return [...missing].sort();
}

function secretId({ name, namespace }: { readonly name: string; readonly namespace?: string }): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function findCustomKinds(objects: readonly Manifest[]): string[] {
  const custom = objects.filter(({ apiVersion }) => !BUILT_IN_GROUP.test(apiVersion));
  return [...new Set(custom.map(({ apiVersion, kind }) => `${kind} (${apiVersion})`))].sort();
}
