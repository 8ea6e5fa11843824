import { dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { bytesProblem } from '../validation/quantity';
import { objectStoreUriProblem } from '../validation/uri';

/** How many nodes may mount a volume at a time. */
export enum VolumeAccessMode {
  /** Pods of one node; steps that may run side by side are refused. */
  READ_WRITE_ONCE = 'ReadWriteOnce',
  /** Any number of nodes, where the storage class can. */
  READ_WRITE_MANY = 'ReadWriteMany',
}

/** Options of {@link Workspace.volume}. */
export interface VolumeWorkspaceOptions {
  /** Size of the volume, for example `50Gi`. */
  readonly size: string;

  /**
   * Class of the volume.
   *
   * @default - the cluster's default storage class
   */
  readonly storageClassName?: string;

  /**
   * How many nodes may mount it at a time.
   *
   * @default VolumeAccessMode.READ_WRITE_ONCE
   */
  readonly accessMode?: VolumeAccessMode;
}

/** A claim that lives as long as the run. @internal */
export interface WorkspaceVolume {
  readonly size: string;
  readonly storageClassName?: string;
  readonly accessMode: VolumeAccessMode;
}

/** Where a volume workspace is mounted in every step. */
export const WORKSPACE_MOUNT = '/workspace';

/** How the steps of a run hand data over: each runs in a pod of its own. Immutable data. */
export class Workspace {
  /**
   * A folder in an object store, one sub-folder a run. Steps read and write it themselves, at `$WORKSPACE_URI`.
   *
   * @param uri for example `s3://acme-training/runs`
   * @throws ValidationError when the address is none.
   */
  public static objectStore(uri: string): Workspace {
    const problems = new Problems('Workspace.objectStore');
    problems.check('uri', uri, objectStoreUriProblem(uri));
    problems.throwIfAny();
    return new Workspace(uri, undefined);
  }

  /**
   * A volume that is claimed for the run, mounted at `/workspace` in every step and deleted with the run.
   *
   * @throws ValidationError when the size is none.
   */
  public static volume(options: VolumeWorkspaceOptions): Workspace {
    const problems = new Problems('Workspace.volume');
    problems.check('size', options.size, bytesProblem(options.size));
    if (options.storageClassName !== undefined) {
      problems.check('storageClassName', options.storageClassName, dnsSubdomainProblem(options.storageClassName));
    }
    problems.throwIfAny();
    const { size, storageClassName, accessMode = VolumeAccessMode.READ_WRITE_ONCE } = options;
    return new Workspace(undefined, { size, storageClassName, accessMode });
  }

  private constructor(
    /**
     * Folder in the object store; undefined for a volume.
     *
     * @internal
     */
    public readonly _uri: string | undefined,
    /** @internal */
    public readonly _volume: WorkspaceVolume | undefined,
  ) {}

  /**
   * The run's own part.
   *
   * @param runId how the engine writes the run's name
   * @internal
   */
  public _uriOf(runId: string): string {
    return this._uri === undefined ? `file://${WORKSPACE_MOUNT}` : `${this._uri}/${runId}`;
  }
}
