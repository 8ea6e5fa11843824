import { load } from 'js-yaml';
import { type Rendered } from './synth';

/** An address of an object store that a pod names, as whom, and where. */
export interface NamedAddress {
  readonly serviceAccountName: string;
  readonly uri: string;
  /** The object that has the pod. */
  readonly object: string;
}

/** Something that becomes a pod: everything that is rendered of it, and as whom it runs. */
interface Pod {
  readonly serviceAccountName: string;
  readonly rendered: Rendered;
}

const ADDRESS = /\b(?:s3|gs):\/\/[^\s"'`,;\\]+/g;

/**
 * Every address of an object store that a pod of these objects names, in its arguments, environment, annotations and the ConfigMaps that
 * it mounts; also pods of manifests that stand in a ConfigMap until a roll-out writes them.
 */
export function namedAddresses(objects: readonly Rendered[]): NamedAddress[] {
  const configMaps = new Map(
    objects.flatMap(({ kind, metadata, data }) => (kind === 'ConfigMap' ? [[metadata.name, data]] : [])),
  );
  const embedded = [...configMaps.values()].flatMap((data) =>
    Object.values<string>(data).flatMap((text) => manifestsIn(text)),
  );
  const found = new Map<string, NamedAddress>();
  for (const object of [...objects, ...embedded]) {
    for (const { serviceAccountName, rendered } of podsOf(object)) {
      const mounted = configMapsOf(rendered).map((name) => configMaps.get(name));
      for (const [uri] of JSON.stringify([rendered, mounted]).matchAll(ADDRESS)) {
        const named = { serviceAccountName, uri, object: `${object.kind} ${object.metadata.name}` };
        found.set(JSON.stringify(named), named);
      }
    }
  }
  return [...found.values()];
}

/** The pods of an object. */
export function podsOf({ kind, spec }: Rendered): Pod[] {
  const pod = (template: Rendered): Pod[] => [
    { serviceAccountName: template?.spec?.serviceAccountName ?? 'default', rendered: template },
  ];
  switch (kind) {
    case 'Deployment':
    case 'Rollout':
    case 'DaemonSet':
    case 'StatefulSet':
    case 'Job':
      // A Rollout may take its template from a Deployment.
      return spec.template ? pod(spec.template) : [];
    case 'CronJob':
      return pod(spec.jobTemplate.spec.template);
    case 'WorkflowTemplate':
      return workflowPods(spec);
    case 'CronWorkflow':
      return workflowPods(spec.workflowSpec);
    case 'InferenceService':
      return [{ serviceAccountName: spec.predictor.serviceAccountName ?? 'default', rendered: spec.predictor }];
    default:
      return [];
  }
}

function workflowPods(spec: Rendered): Pod[] {
  return (spec.templates ?? []).flatMap((template: Rendered) =>
    template.container || template.resource
      ? [
          {
            serviceAccountName: template.serviceAccountName ?? spec.serviceAccountName ?? 'default',
            rendered: { template, volumes: spec.volumes, arguments: spec.arguments },
          },
        ]
      : [],
  );
}

/** Names of the ConfigMaps that are mounted or read, at any depth. */
function configMapsOf(value: Rendered, parent = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => configMapsOf(entry, parent));
  if (typeof value !== 'object' || value === null) return [];
  const own = ['configMap', 'configMapRef', 'configMapKeyRef'].includes(parent) && value.name ? [value.name] : [];
  return [...own, ...Object.entries(value).flatMap(([key, entry]) => configMapsOf(entry, key))];
}

/** Whole objects within a file, at any depth. */
function manifestsIn(text: string): Rendered[] {
  const visit = (value: Rendered): Rendered[] => {
    if (typeof value !== 'object' || value === null) return [];
    const isManifest = typeof value.kind === 'string' && typeof value.apiVersion === 'string' && value.spec;
    return isManifest ? [value] : Object.values(value).flatMap(visit);
  };
  try {
    return visit(load(text));
  } catch {
    // Not every file is YAML.
    return [];
  }
}
