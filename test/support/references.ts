import { type Rendered } from './synth';

/** What an object may name: the kind, by the key under which it is named. */
const BY_KEY: Readonly<Record<string, string>> = {
  serviceAccountName: 'ServiceAccount',
  claimName: 'PersistentVolumeClaim',
  secretName: 'Secret',
};
const BY_PARENT: Readonly<Record<string, string>> = {
  configMap: 'ConfigMap',
  configMapRef: 'ConfigMap',
  configMapKeyRef: 'ConfigMap',
  secretKeyRef: 'Secret',
  secretRef: 'Secret',
  imagePullSecrets: 'Secret',
  workflowTemplateRef: 'WorkflowTemplate',
  // Of an AlertmanagerConfig.
  apiURL: 'Secret',
  routingKey: 'Secret',
  authPassword: 'Secret',
  urlSecret: 'Secret',
  credentials: 'Secret',
};
/** Objects that every cluster has. */
const GIVEN = ['kube-root-ca.crt'];

/** Names that the objects say of one another and that none of them has, as `Kind namespace/name`, sorted. */
export function danglingReferences(objects: readonly Rendered[]): string[] {
  const known = new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`));
  const dangling = new Set<string>();
  const check = (kind: string, namespace: string, name: string): void => {
    const id = `${kind} ${namespace}/${name}`;
    if (!known.has(id) && !GIVEN.includes(name)) dangling.add(id);
  };
  for (const object of objects) {
    const namespace: string = object.metadata.namespace ?? '';
    if (namespace !== '' && namespace !== 'kube-system') check('Namespace', '', namespace);
    if (object.roleRef) check(object.roleRef.kind, namespace, object.roleRef.name);
    for (const { kind, name, namespace: other } of object.subjects ?? []) check(kind, other ?? namespace, name);
    const visit = (value: Rendered, parent: string): void => {
      if (Array.isArray(value)) return value.forEach((entry) => visit(entry, parent));
      if (typeof value !== 'object' || value === null) return;
      const kind = BY_PARENT[parent];
      if (kind && typeof value.name === 'string') check(kind, namespace, value.name);
      for (const [key, entry] of Object.entries(value)) {
        const named = BY_KEY[key];
        if (named && typeof entry === 'string') check(named, namespace, entry);
        visit(entry, key);
      }
    };
    visit(object, '');
  }
  return [...dangling].sort();
}
