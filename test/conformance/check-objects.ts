import { loadAll } from 'js-yaml';
import { type SchemaStore } from './schema-store';

/** An object as a manifest holds it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name?: string; readonly generateName?: string; readonly namespace?: string };
}

/** What was found of one object. */
export interface ObjectReport {
  /** For example `Deployment fraud/mlflow`, or that with the place of an embedded manifest. */
  readonly object: string;
  /** The schemas that it was held against. */
  readonly schemas: readonly string[];
  readonly problems: readonly string[];
}

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** Kinds of the API whose names may hold more, such as `system:node`. */
const FREE_NAMES = ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];

export const isManifest = (value: unknown): value is Manifest =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Manifest).apiVersion === 'string' &&
  typeof (value as Manifest).kind === 'string';

/** Holds one object, and every manifest embedded in it, against all schemas that know its kind. */
export function checkObject(object: Manifest, store: SchemaStore, place = ''): ObjectReport[] {
  const { apiVersion, kind, metadata } = object;
  const name = [metadata?.namespace, metadata?.name ?? metadata?.generateName].filter(Boolean).join('/');
  const title = `${kind} ${name}${place}`;
  const validators = store.of(apiVersion, kind);
  const problems = validators.flatMap(({ source, validate }) => validate(object).map((each) => `${source}: ${each}`));
  if (validators.length === 0) problems.push(`no schema knows ${apiVersion} ${kind}`);
  const reports = [
    {
      object: title,
      schemas: validators.map(({ source }) => source),
      problems: [...problems, ...nameProblems(object)],
    },
  ];
  return [...reports, ...embedded(object, store, title)];
}

function nameProblems({ kind, metadata }: Manifest): string[] {
  const name = metadata?.name;
  if (name === undefined) return metadata?.generateName === undefined ? ['metadata has no name'] : [];
  if (FREE_NAMES.includes(kind)) return [];
  return name.length <= 253 && DNS_SUBDOMAIN.test(name) ? [] : [`metadata.name '${name}' is no DNS subdomain`];
}

/** Every manifest and pod patch within an object: as a nested object, or as YAML or JSON in a string. */
function embedded(object: unknown, store: SchemaStore, title: string): ObjectReport[] {
  const reports: ObjectReport[] = [];
  const visit = (value: unknown, path: string, key: string): void => {
    if (typeof value === 'string') reports.push(...inString(value, path, key, store, title));
    if (typeof value !== 'object' || value === null) return;
    // A reference such as `involvedObject` has a kind too, but neither metadata nor spec.
    if (path !== '' && isManifest(value) && ('metadata' in value || 'spec' in value)) {
      reports.push(...checkObject(value, store, ` in ${title}${path}`));
      return;
    }
    for (const [child, entry] of Object.entries(value)) visit(entry, `${path}.${child}`, child);
  };
  visit(object, '', '');
  return reports;
}

function inString(text: string, path: string, key: string, store: SchemaStore, title: string): ObjectReport[] {
  if (key === 'podSpecPatch') return [podSpecPatch(text, path, store, title)];
  if (!/^\s*("?apiVersion"?:|\{\s*"apiVersion")/m.test(text)) return [];
  let documents: unknown[];
  try {
    // A value that Argo fills in as JSON.
    documents = loadAll(text.replaceAll(/\{\{=toJson\([^}]*\)\}\}/g, '"json"'));
  } catch (error) {
    return [{ object: `${title}${path}`, schemas: [], problems: [`is no YAML: ${String(error)}`] }];
  }
  return documents.flatMap((document) =>
    isManifest(document)
      ? checkObject(document, store, ` in ${title}${path}`)
      : embedded(document, store, `${title}${path}`),
  );
}

function podSpecPatch(text: string, path: string, store: SchemaStore, title: string): ObjectReport {
  const validators = store.ofPodSpecPatch();
  let problems: string[];
  try {
    const [patch] = loadAll(text);
    problems = validators.flatMap(({ source, validate }) => validate(patch).map((each) => `${source}: ${each}`));
  } catch (error) {
    problems = [`is no YAML: ${String(error)}`];
  }
  return { object: `${title}${path}`, schemas: validators.map(({ source }) => `${source} PodSpec`), problems };
}
