import { Problems } from '../validation/problems';
import { GpuDevicePlugin, type GpuDevicePluginOptions } from './gpu-device-plugin';

/** Which build of an image nodes are started from. */
export interface GpuNodeImageOptions {
  /**
   * Release of the image: of Amazon Linux 2023 `<Kubernetes version>-<date>`, for example `1.36.4-20260923`; of Bottlerocket
   * `<version>-<commit>`, for example `1.63.0-5d9ac849`.
   *
   * The newest one is under `release_version` of the public parameters
   * `/aws/service/eks/optimized-ami/<version>/amazon-linux-2023/x86_64/nvidia/recommended` of AWS Systems Manager, or under
   * `image_version` of `/aws/service/bottlerocket/aws-k8s-<version>-nvidia/x86_64/latest`.
   *
   * @default - the newest one when a node group is made; Karpenter wants one
   */
  readonly release?: string;
}

/**
 * The image of GPU nodes. All have NVIDIA's driver and container toolkit; who brings the device plugin, which tells Kubernetes of the
 * GPUs, depends on the image. Immutable data.
 */
export class GpuNodeImage {
  /**
   * Amazon Linux 2023 with NVIDIA's driver, without a device plugin.
   *
   * @see https://docs.aws.amazon.com/eks/latest/userguide/ml-eks-optimized-ami.html
   * @throws ValidationError when the release is none.
   */
  public static al2023(options: GpuNodeImageOptions = {}): GpuNodeImage {
    const problems = new Problems('GpuNodeImage.al2023');
    const { release } = options;
    if (release !== undefined && !/^1\.\d{1,2}\.\d{1,2}-20\d{6}$/.test(release)) {
      problems.add('release', release, "must be '<Kubernetes version>-<date>', for example '1.36.4-20260923'");
    }
    problems.throwIfAny();
    return new GpuNodeImage('AL2023', false, release);
  }

  /**
   * Bottlerocket with NVIDIA's driver and device plugin: a smaller, read-only system without a shell.
   *
   * @see https://docs.aws.amazon.com/eks/latest/userguide/ml-eks-optimized-ami.html
   * @throws ValidationError when the release is none.
   */
  public static bottlerocket(options: GpuNodeImageOptions = {}): GpuNodeImage {
    const problems = new Problems('GpuNodeImage.bottlerocket');
    const { release } = options;
    if (release !== undefined && !/^\d+\.\d+\.\d+-[0-9a-f]{8}$/.test(release)) {
      problems.add('release', release, "must be '<version>-<commit>', for example '1.63.0-5d9ac849'");
    }
    problems.throwIfAny();
    return new GpuNodeImage('BOTTLEROCKET', true, release);
  }

  private constructor(
    private readonly family: 'AL2023' | 'BOTTLEROCKET',
    /**
     * Whether the image brings NVIDIA's device plugin. Such nodes do not get the label `nvidia.com/gpu.present`, so that the
     * DaemonSet of other nodes' device plugin does not put a second one on them.
     */
    public readonly bringsDevicePlugin: boolean,
    /** Release of the image, if it is pinned. */
    public readonly release: string | undefined,
  ) {}

  /**
   * Who tells Kubernetes of the GPUs of such nodes: what `gpu` of `MlModelPlatform` takes. Where both images are in use, take that of
   * `GpuNodeImage.al2023()`, whose DaemonSet leaves Bottlerocket's nodes alone.
   *
   * @param options of the DaemonSet, where the image does not bring the device plugin
   */
  public devicePlugin(options: GpuDevicePluginOptions = {}): GpuDevicePlugin {
    return this.bringsDevicePlugin ? GpuDevicePlugin.providedByNodes() : GpuDevicePlugin.daemonSet(options);
  }

  /** The type of image as EKS names it. @internal */
  public _amiType(arm: boolean): string {
    return `${this.family}_${arm ? 'ARM' : 'x86'}_64_NVIDIA`;
  }

  /** The pinned image as Karpenter names it. @internal */
  public get _alias(): string | undefined {
    if (this.release === undefined) return undefined;
    const [version, build] = this.release.split('-');
    return this.family === 'AL2023' ? `al2023@v${build}` : `bottlerocket@v${version}`;
  }

  /** Kubernetes' minor version that the release is for, if it says so. @internal */
  public get _kubernetesVersion(): string | undefined {
    return this.family === 'AL2023' ? this.release?.split('.').slice(0, 2).join('.') : undefined;
  }

  /** Size in GiB by device: images and models lie on the last one. @internal */
  public _volumes(sizeGib: number): Readonly<Record<string, number>> {
    return this.family === 'AL2023' ? { '/dev/xvda': sizeGib } : { '/dev/xvda': 4, '/dev/xvdb': sizeGib };
  }
}
