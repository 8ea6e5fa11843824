import { LABELS } from 'cdk8s-mlops/contract';
import { type ApiReply, type ApiRequest, notFound } from '../support/kubernetes-front';

/** An object of any kind, as JSON has it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the fields of every kind, which tests name
export type Live = any;

/** What an address names. */
export interface ObjectAddress {
  readonly group: string;
  readonly namespace: string;
  readonly plural: string;
  readonly name: string;
}

/** The parts of an address of one object; `undefined` for any other one. */
export function parseAddress(path: string): ObjectAddress | undefined {
  const pattern = /^\/(?:api|apis\/([^/]+))\/v\w+\/namespaces\/([^/]+)\/([^/]+)\/([^/?]+)(\?.*)?$/;
  const [, group = '', namespace, plural, name] = pattern.exec(path) ?? [];
  return namespace && plural && name ? { group, namespace, plural, name } : undefined;
}

/** Kinds that the API server for custom resources does not have: what a roll-out needs of them, with generations and versions. */
export class PlainObjects {
  private readonly objects = new Map<string, Live>();
  private versions = 0;

  /** Whether an address is of such a kind. */
  public static serves({ group, plural }: ObjectAddress): boolean {
    return group === '' || group === 'apps' || plural === 'revisions';
  }

  public answer({ method, body }: ApiRequest, address: ObjectAddress): ApiReply {
    const live = this.get(address);
    if (method === 'PATCH') return this.patch(address, live, JSON.parse(body) as Live);
    if (!live) return notFound(address.plural, address.name);
    if (method === 'DELETE') this.objects.delete(keyOf(address));
    return { status: 200, body: live };
  }

  public get(address: ObjectAddress): Live | undefined {
    return this.objects.get(keyOf(address));
  }

  /** Objects of a kind in a namespace, by their names. */
  public names({ namespace, plural }: Pick<ObjectAddress, 'namespace' | 'plural'>): string[] {
    const prefix = `${namespace}/${plural}/`;
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  public remove(address: ObjectAddress): void {
    this.objects.delete(keyOf(address));
  }

  /** Merges fields into an object: its generation changes with its `spec`, its version with anything. */
  public merge(address: ObjectAddress, fields: Live): Live {
    const live = this.get(address);
    const merged = merge(live ?? {}, fields);
    if (live && JSON.stringify(merged) === JSON.stringify(live)) return live;
    const generation = live?.metadata.generation ?? 0;
    const respecified = JSON.stringify(merged.spec) !== JSON.stringify(live?.spec);
    merged.metadata = {
      ...{ ...merged.metadata, name: address.name, namespace: address.namespace },
      ...{ resourceVersion: String(++this.versions), generation: respecified ? generation + 1 : generation },
    };
    this.objects.set(keyOf(address), merged);
    return merged;
  }

  private patch(address: ObjectAddress, live: Live | undefined, { metadata, ...rest }: Live): ApiReply {
    const { resourceVersion, ...others } = metadata;
    if (resourceVersion !== undefined && resourceVersion !== live?.metadata.resourceVersion)
      return { status: 409, body: { kind: 'Status', reason: 'Conflict', message: 'the object has been modified' } };
    return { status: 200, body: this.merge(address, { ...rest, metadata: others }) };
  }
}

/** The version in the labels of a workload's pods. */
export const podVersion = (workload: Live): string | undefined =>
  workload?.spec?.template?.metadata?.labels?.[LABELS.version];

const keyOf = ({ namespace, plural, name }: ObjectAddress): string => `${namespace}/${plural}/${name}`;

function merge(live: Live, fields: Live): Live {
  if (typeof live !== 'object' || typeof fields !== 'object' || Array.isArray(fields) || Array.isArray(live))
    return fields;
  const merged = { ...live };
  for (const [key, value] of Object.entries(fields)) merged[key] = key in live ? merge(live[key], value) : value;
  return merged;
}
