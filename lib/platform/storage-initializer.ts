import { type k8s } from 'cdk8s-plus-29';
import { type Construct } from 'constructs';
import { ClusterStorageContainer } from '../crds/kserve';
import { imageProblem } from '../validation/image';
import { Problems } from '../validation/problems';
import { resourceRequirements } from './container-resources';
import { objectMetadata } from './object-metadata';
import { restrictedContainer } from './pod-security';

/** The image of KServe's storage initializer that is rendered unless another is asked for. */
export const DEFAULT_STORAGE_INITIALIZER_IMAGE = 'docker.io/kserve/storage-initializer:v0.20.0';

/** Options of {@link StorageInitializer.restricted}. */
export interface RestrictedStorageInitializerOptions {
  /**
   * Image of the storage initializer: that of the installed KServe.
   *
   * @default docker.io/kserve/storage-initializer:v0.20.0
   */
  readonly image?: string;
}

/**
 * What is done about KServe's storage initializer, the init container that downloads artifacts. As shipped it has no
 * security context, so a namespace that enforces "restricted" refuses every pod that it is put into.
 *
 * @see https://github.com/kserve/kserve/issues/5373
 */
export class StorageInitializer {
  /**
   * The platform renders KServe's cluster-wide `ClusterStorageContainer/default` with a security context that meets
   * "restricted". It replaces what KServe's chart installed, for all namespaces.
   *
   * @throws ValidationError when the image is not pinned.
   */
  public static restricted(options: RestrictedStorageInitializerOptions = {}): StorageInitializer {
    const { image = DEFAULT_STORAGE_INITIALIZER_IMAGE } = options;
    const problems = new Problems('StorageInitializer.restricted');
    problems.check('image', image, imageProblem(image));
    problems.throwIfAny();
    return new StorageInitializer('restricted', image);
  }

  /** Someone has made it meet "restricted" already; nothing is rendered. */
  public static alreadyRestricted(): StorageInitializer {
    return new StorageInitializer('restricted', undefined);
  }

  /** It is left as it is: the namespace enforces "baseline" and only warns of what "restricted" would refuse. */
  public static asShipped(): StorageInitializer {
    return new StorageInitializer('baseline', undefined);
  }

  private constructor(
    /** The Pod Security profile that the namespace can enforce. */
    public readonly enforceable: 'restricted' | 'baseline',
    /** @internal */
    public readonly _image: string | undefined,
  ) {}
}

// What KServe ships, unchanged.
const SUPPORTED_URI_FORMATS = [
  { prefix: 'gs://' },
  { prefix: 's3://' },
  { prefix: 'hdfs://' },
  { prefix: 'webhdfs://' },
  { regex: 'https://(.+?).blob.core.windows.net/(.+)' },
  { regex: 'https://(.+?).file.core.windows.net/(.+)' },
  { regex: 'https?://(.+)/(.+)' },
];

/** The storage initializer as a container that meets "restricted". @internal */
export function storageInitializerContainer(image: string): k8s.Container {
  return {
    name: 'storage-initializer',
    image,
    securityContext: {
      ...restrictedContainer(false),
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    resources: resourceRequirements({ cpu: '100m', cpuLimit: '1', memory: '100Mi', memoryLimit: '1Gi' }),
  };
}

/** @internal */
export function renderStorageContainer(scope: Construct, image: string): void {
  new ClusterStorageContainer(scope, 'StorageContainer', {
    metadata: objectMetadata({ name: 'default', app: 'storage-initializer' }),
    spec: {
      container: storageInitializerContainer(image),
      supportedUriFormats: SUPPORTED_URI_FORMATS,
      workloadType: 'initContainer',
    },
  });
}
