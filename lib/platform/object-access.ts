/**
 * What the pods of a service account do with an address of an object store: the object of that name, and everything in the folder
 * of that name. Pure data: the cloud half makes permissions of it.
 */
export interface ObjectAccess {
  /** Namespace of the service account. */
  readonly namespace: string;
  /** Name of the service account. */
  readonly serviceAccountName: string;
  /** For example `s3://acme-models/fraud-detector`. */
  readonly uri: string;
  /** Whether objects are listed and read. */
  readonly reads: boolean;
  /** Whether objects are written, in parts where they are large. */
  readonly writes: boolean;
  /** Whether objects are deleted. */
  readonly deletes: boolean;

  /**
   * Whether tags of objects are read, set and removed: by the tag `lifecycle=archived` artifacts of archived versions expire. It comes with
   * `reads` and `writes`, because such objects are copied onto themselves.
   *
   * @default false
   */
  readonly archives?: boolean;

  /** What it is for, in a few words. */
  readonly purpose: string;
}

/** An access within the namespace of a platform. @internal */
export type NamespaceAccess = Omit<ObjectAccess, 'namespace'>;

/** Something that works with the artifacts of every version of a model, wherever they lie. @internal */
export type ArtifactAccess = Omit<NamespaceAccess, 'uri'>;

const OBJECT_STORES = /^(s3|gs|az|abfs|abfss|hdfs):\/\//;

/** Whether an address is one of an object store; the others (`file:`, `pvc:`, `https:`, `hf:`) need no permission of a cloud. */
export function isObjectStoreUri(uri: string): boolean {
  return OBJECT_STORES.test(uri);
}

/** Whether one address is the other or lies in the folder of that name. */
export function isWithin(uri: string, folder: string): boolean {
  return uri === folder || uri.startsWith(`${folder.replace(/\/+$/, '')}/`);
}

/**
 * What the constructs of a platform declare. Where a model's artifacts lie is said by several of them, in any order, so what works with
 * all of them is only put together when somebody asks.
 *
 * @internal
 */
export class ObjectAccessList {
  private readonly declared: NamespaceAccess[] = [];
  private readonly ofArtifacts: { readonly model: string; readonly access: ArtifactAccess }[] = [];
  private readonly artifacts = new Map<string, Set<string>>();

  constructor(private readonly namespace: string) {}

  /** Declares an access; an address that is in no object store is passed over. */
  public add(access: NamespaceAccess): void {
    if (isObjectStoreUri(access.uri)) this.declared.push({ ...access, uri: withoutGlob(access.uri) });
  }

  /** Declares a folder, or one artifact, in which versions of a model lie. */
  public addArtifacts(model: string, uri: string): void {
    if (!isObjectStoreUri(uri)) return;
    const known = this.artifacts.get(model) ?? new Set();
    this.artifacts.set(model, known.add(uri));
  }

  /** Declares an access to all artifacts of a model. */
  public addForArtifacts(model: string, access: ArtifactAccess): void {
    this.ofArtifacts.push({ model, access });
  }

  /** Everything that was declared, each once, in the order of accounts and addresses. */
  public all(): ObjectAccess[] {
    const expanded = this.ofArtifacts.flatMap(({ model, access }) =>
      this.artifactFolders(model).map((uri) => ({ ...access, uri })),
    );
    const entries = [...this.declared, ...expanded].map(
      ({ serviceAccountName, uri, reads, writes, deletes, archives, purpose }): ObjectAccess => ({
        ...{ namespace: this.namespace, serviceAccountName, uri, reads, writes, deletes },
        ...(archives && { archives }),
        purpose,
      }),
    );
    const unique = new Map(entries.map((entry) => [keyOf(entry), entry]));
    return [...unique.keys()].sort().map((key) => unique.get(key)!);
  }

  /** Without those that lie in another one. */
  private artifactFolders(model: string): string[] {
    const folders = [...(this.artifacts.get(model) ?? [])];
    return folders.filter((uri) => !folders.some((other) => other !== uri && isWithin(uri, other)));
  }
}

/** Of a pattern, the folder under which everything is listed. */
function withoutGlob(uri: string): string {
  const wildcard = uri.search(/[*?[{]/);
  return wildcard < 0 ? uri : uri.slice(0, uri.lastIndexOf('/', wildcard));
}

/** In the order in which a list of them is read. */
function keyOf({ serviceAccountName, uri, purpose, ...what }: ObjectAccess): string {
  return JSON.stringify([serviceAccountName, uri, purpose, what]);
}
